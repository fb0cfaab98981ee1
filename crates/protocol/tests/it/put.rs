//! A file that a client brings, at the server: what is offered, credit, and what ends it.

use framing_protocol::message::{Code, Digest, DigestKind, Failure, Held, MAX_BODY};
use framing_protocol::server::{Event, Server};
use framing_protocol::{Closed, End, Machine};

use crate::support::{T0, closed, feed, frame, kinds, said, server, tell};

const WINDOW: usize = 4 * 1024 * 1024;

const BEGIN: &str = r#"{"type":"begin","id":1}"#;
const DATA: &str = r#"{"type":"data","id":1}"#;
const CANCEL: &str = r#"{"type":"cancel","id":1}"#;
const PUT: &str = r#"{"type":"put","id":1,"path":"a"}"#;
const PUT_8: &str = r#"{"type":"put","id":1,"path":"a","size":8,"resume":true}"#;

fn end(kind: &str) -> String {
    let digits = "0".repeat(if kind == "md5" { 32 } else { 64 });
    format!(r#"{{"type":"file_end","id":1,"digest":"{kind}:{digits}"}}"#)
}

fn held(offset: u64) -> Held {
    Held { offset, prefix: Digest::Blake3([1; 32]) }
}

/// A server with an active `put` of this header.
fn asked(put: &str) -> Server {
    let mut server = server();
    assert!(matches!(tell(&mut server, put, b""), Some(Event::Put { id: 1, .. })));
    server
}

/// The same, ready for the content, of which it may hold something.
fn offered(put: &str, held: Option<Held>) -> Server {
    let mut server = asked(put);
    server.ready(1, held);
    let ready = said(&mut server);
    assert_eq!((kinds(&ready), &ready[0].header["window"]), (vec!["ready"], &WINDOW.into()));
    server
}

/// The same, with the content begun.
fn sending(put: &str) -> Server {
    let mut server = offered(put, None);
    assert_eq!(tell(&mut server, BEGIN, b""), Some(Event::Begin { id: 1, offset: 0 }));
    server
}

fn data(server: &mut Server, bytes: usize) -> Option<Event> {
    tell(server, DATA, &vec![b'd'; bytes])
}

fn is_violation(event: Option<&Event>) -> bool {
    matches!(event, Some(Event::Closed { reason: Closed::Violation(failure) }) if failure.code == Code::Protocol)
}

#[test]
fn content_over_the_credit_is_a_violation() {
    let mut server = sending(PUT);
    for _ in 0..WINDOW / MAX_BODY {
        assert_eq!(data(&mut server, MAX_BODY), Some(Event::Data { id: 1 }));
        assert_eq!(server.body().len(), MAX_BODY);
    }
    assert_eq!(data(&mut server, 0), None, "nothing costs nothing");
    let Some(Event::Closed { reason: Closed::Violation(failure) }) = data(&mut server, 1) else {
        panic!("it was taken");
    };
    assert_eq!(failure.message, "data for 1: 1 bytes on a credit of 0");
}

#[test]
fn credit_comes_back_by_the_quarter_and_never_more_than_was_taken() {
    let mut server = sending(PUT);
    server.data_taken(1, u64::MAX);
    assert!(server.output().is_empty(), "nothing has come");
    for _ in 0..WINDOW / MAX_BODY {
        data(&mut server, MAX_BODY);
    }
    server.data_taken(1, WINDOW as u64 / 4 - 1);
    server.data_taken(2, WINDOW as u64 / 4);
    assert!(server.output().is_empty(), "too little for a message");
    server.data_taken(1, 1);
    assert_eq!(said(&mut server)[0].header["bytes"], WINDOW / 4);
    server.data_taken(1, u64::MAX);
    server.data_taken(1, u64::MAX);
    let windows = said(&mut server);
    assert_eq!((windows.len(), &windows[0].header["bytes"]), (1, &(WINDOW / 4 * 3).into()));
}

#[test]
fn ten_windows_flow_without_a_stall() {
    let mut server = sending(PUT);
    let (mut credit, mut sent) = (WINDOW, 0);
    while sent < 10 * WINDOW {
        let n = credit.min(MAX_BODY - 1);
        assert!(n > 0, "stalled after {sent} bytes");
        assert_eq!(data(&mut server, n), Some(Event::Data { id: 1 }));
        server.data_taken(1, n as u64);
        (credit, sent) = (credit - n, sent + n);
        for window in said(&mut server) {
            credit += usize::try_from(window.header["bytes"].as_u64().unwrap()).unwrap();
        }
        assert!(credit <= WINDOW);
    }
    for _ in 0..credit / MAX_BODY {
        data(&mut server, MAX_BODY);
    }
    assert!(matches!(tell(&mut server, &end("blake3"), b""), Some(Event::FileEnd { .. })));
    server.data_taken(1, WINDOW as u64);
    assert!(server.output().is_empty(), "no credit for content that cannot come");
}

#[test]
fn a_file_of_unknown_size_ends_where_the_client_says() {
    for pieces in [&[][..], &[0], &[7, 0, 9]] {
        let mut server = sending(PUT);
        for bytes in pieces {
            assert_eq!(data(&mut server, *bytes).is_some(), *bytes > 0);
        }
        let digest = Digest::Blake3([0; 32]);
        assert_eq!(tell(&mut server, &end("blake3"), b""), Some(Event::FileEnd { id: 1, digest }));
        server.stored(1);
        let stored = said(&mut server);
        assert_eq!((kinds(&stored), stored[0].id()), (vec!["stored"], Some(1)));
        assert_eq!(stored[0].header["digest"], digest.to_string());
    }
}

#[test]
fn what_is_held_is_offered_only_where_the_client_can_use_it() {
    let put = |rest: &str| format!(r#"{{"type":"put","id":1,"path":"a"{rest}}}"#);
    let sha256 = Held { offset: 5, prefix: Digest::Sha256([1; 32]) };
    let md5 = Held { offset: 5, prefix: Digest::Md5([1; 16]) };
    for (rest, held, offered) in [
        (r#","size":8,"resume":true"#, held(5), true),
        (r#","size":8,"resume":true"#, held(8), true),
        (r#","size":8,"resume":true"#, held(0), false),
        (r#","size":8,"resume":true"#, held(9), false),
        (r#","size":0,"resume":true"#, held(1), false),
        (r#","size":8,"resume":true"#, held(u64::MAX), false),
        (r#","size":8,"resume":true"#, sha256, false),
        (r#","size":8,"resume":true"#, md5, false),
        (r#","size":8,"resume":true,"digest":"sha256""#, sha256, true),
        (r#","size":8"#, held(5), false),
        (r#","size":8,"digest":"md5""#, md5, false),
        ("", held(5), false),
    ] {
        let mut server = asked(&put(rest));
        server.ready(1, Some(held));
        let ready = said(&mut server);
        let offset = ready[0].header["offset"].as_u64();
        assert_eq!(offset, offered.then_some(held.offset), "{rest} {held:?}");
        assert_eq!(ready[0].header.get("prefix").is_some(), offered);
        let begin = format!(r#"{{"type":"begin","id":1,"offset":{}}}"#, held.offset);
        let event = tell(&mut server, &begin, b"");
        let taken = event == Some(Event::Begin { id: 1, offset: held.offset });
        assert_eq!(taken, offered || held.offset == 0, "{rest} {held:?}: {event:?}");
    }
}

#[test]
fn what_is_offered_is_taken_or_the_whole_is_sent() {
    for (offset, missing) in [(5, 3), (0, 8)] {
        for (bytes, ends) in [(missing, true), (missing - 1, false)] {
            let mut server = offered(PUT_8, Some(held(5)));
            let begin = format!(r#"{{"type":"begin","id":1,"offset":{offset}}}"#);
            assert_eq!(tell(&mut server, &begin, b""), Some(Event::Begin { id: 1, offset }));
            assert_eq!(data(&mut server, bytes), Some(Event::Data { id: 1 }));
            let event = tell(&mut server, &end("blake3"), b"");
            assert_eq!(matches!(event, Some(Event::FileEnd { .. })), ends, "{event:?}");
            assert_eq!(is_violation(event.as_ref()), !ends);
        }
    }
    // All of it is there already.
    let mut server = offered(PUT_8, Some(held(8)));
    tell(&mut server, r#"{"type":"begin","id":1,"offset":8}"#, b"").unwrap();
    assert!(matches!(tell(&mut server, &end("blake3"), b""), Some(Event::FileEnd { .. })));
}

#[test]
fn it_ends_with_the_digest_that_was_announced() {
    for announced in
        [DigestKind::Blake3, DigestKind::Sha256, DigestKind::Md5].map(DigestKind::as_str)
    {
        for told in ["blake3", "sha256", "md5"] {
            let put = format!(r#"{{"type":"put","id":1,"path":"a","digest":"{announced}"}}"#);
            let event = tell(&mut sending(&put), &end(told), b"");
            assert_eq!(matches!(event, Some(Event::FileEnd { .. })), announced == told);
            assert_eq!(is_violation(event.as_ref()), announced != told);
        }
    }
}

#[test]
fn verbs_out_of_their_time_are_void() {
    let void = |server: &mut Server| {
        server.stored(1);
        server.file_end(1, Digest::Blake3([0; 32]));
        server.data(1, b"no get");
        server.started(1, 1);
        server.stdin_taken(1, 1);
        server.upper(1, "");
        server.fail(2, Failure::new(Code::Io, ""));
        server.ready(2, None);
        assert!(server.output().is_empty());
    };
    let mut server = asked(PUT);
    void(&mut server);
    server.data_taken(1, 1);
    server.verifying(1, 1);
    assert!(server.output().is_empty(), "who did not ask to go on expects nothing of the kind");
    let mut server = asked(PUT_8);
    server.verifying(1, 5);
    assert_eq!(kinds(&said(&mut server)), ["verifying"]);
    server.ready(1, Some(held(5)));
    assert_eq!(kinds(&said(&mut server)), ["ready"]);
    server.ready(1, None);
    server.verifying(1, 5);
    void(&mut server);
    let begin = r#"{"type":"begin","id":1,"offset":5}"#;
    assert!(tell(&mut server, begin, b"").is_some(), "the first word stands");
    server.ready(1, None);
    void(&mut server);
    data(&mut server, 3);
    void(&mut server);
    assert!(tell(&mut server, &end("blake3"), b"").is_some());
    server.ready(1, None);
    server.stored(2);
    assert!(server.output().is_empty());
    server.stored(1);
    server.stored(1);
    server.fail(1, Failure::new(Code::Io, ""));
    assert_eq!(kinds(&said(&mut server)), ["stored"]);
}

#[test]
fn what_follows_an_error_is_dropped_and_the_next_request_works() {
    type Ending = fn(&mut Server);
    let failed: Ending = |server| server.fail(1, Failure::new(Code::Io, "the disk is full"));
    let cancelled: Ending = |server| {
        assert_eq!(tell(server, CANCEL, b""), Some(Event::Cancel { id: 1 }));
        assert_eq!(tell(server, CANCEL, b""), None, "it is told once");
        // What was on its way is still its own until it has ended.
        assert_eq!(data(server, 1), Some(Event::Data { id: 1 }));
        server.fail(1, Failure::new(Code::Cancelled, ""));
    };
    let unknown: Ending = |server| {
        let event = tell(server, r#"{"type":"teleport","id":1}"#, b"");
        assert_eq!(event, Some(Event::Cancel { id: 1 }));
        server.fail(1, Failure::new(Code::Cancelled, "void"));
    };
    for ending in [failed, cancelled, unknown] {
        let mut server = sending(PUT);
        assert_eq!(data(&mut server, 10), Some(Event::Data { id: 1 }));
        ending(&mut server);
        let error = said(&mut server);
        assert_eq!((kinds(&error), error[0].id()), (vec!["error"], Some(1)));
        // More than there was credit for, and what makes no sense.
        for _ in 0..=WINDOW / MAX_BODY {
            assert_eq!(data(&mut server, MAX_BODY), None);
            assert_eq!(server.body(), b"");
        }
        for late in [BEGIN, CANCEL, &end("md5"), &end("blake3")] {
            assert_eq!(tell(&mut server, late, b""), None, "{late}");
        }
        server.data_taken(1, 10);
        server.stored(1);
        assert!(server.output().is_empty());
        let next = PUT.replace(":1,", ":2,");
        assert!(matches!(tell(&mut server, &next, b""), Some(Event::Put { id: 2, .. })));
        server.ready(2, None);
        assert_eq!(said(&mut server)[0].header["window"], WINDOW, "its credit is its own");
        assert_eq!(data(&mut server, 1), None, "what is late does not become the next one's");
    }
}

#[test]
fn an_error_may_come_at_any_time() {
    let scenes: [fn() -> Server; 4] = [
        || asked(PUT),
        || offered(PUT, None),
        || sending(PUT),
        || {
            let mut server = sending(PUT);
            tell(&mut server, &end("blake3"), b"");
            server
        },
    ];
    for scene in scenes {
        let mut server = scene();
        server.fail(1, Failure::new(Code::Io, ""));
        assert_eq!(kinds(&said(&mut server)), ["error"]);
        assert_eq!(tell(&mut server, DATA, b"late"), None);
        let upper = r#"{"type":"upper","id":2}"#;
        assert_eq!(tell(&mut server, upper, b""), Some(Event::Upper { id: 2 }));
    }
}

/// Everything that can be in progress when the client says that it has no more to say, and whether that is loss.
fn ends() -> Vec<(fn() -> Server, bool)> {
    vec![
        (|| asked(PUT), true),
        (|| offered(PUT_8, Some(held(5))), true),
        (|| sending(PUT), true),
        (
            || {
                // All was sent, but this was not said.
                let mut server = sending(PUT_8);
                data(&mut server, 8);
                server
            },
            true,
        ),
        (|| behind(r#"{"type":"get","id":1,"path":"a"}"#), true),
        (
            || {
                // Behind a file that has come.
                let mut server = sending(PUT);
                tell(&mut server, &end("blake3"), b"");
                tell(&mut server, &PUT.replace(":1,", ":2,"), b"");
                server
            },
            true,
        ),
        (
            || {
                // Received and not looked at yet.
                let mut server = server();
                feed(&mut server, &frame(PUT, b""), T0);
                server
            },
            true,
        ),
        (
            || {
                // All has come, and a part of it was not looked at yet.
                let mut server = sending(PUT_8);
                feed(&mut server, &frame(DATA, b"12345678"), T0);
                feed(&mut server, &frame(&end("blake3"), b""), T0);
                server
            },
            false,
        ),
        (
            || {
                let mut server = sending(PUT);
                tell(&mut server, CANCEL, b"");
                server
            },
            false,
        ),
        (
            || {
                let mut server = behind(r#"{"type":"get","id":1,"path":"a"}"#);
                tell(&mut server, r#"{"type":"cancel","id":2}"#, b"");
                server
            },
            false,
        ),
    ]
}

/// With a `put` that waits behind another request.
fn behind(first: &str) -> Server {
    let mut server = server();
    assert!(tell(&mut server, first, b"").is_some());
    assert_eq!(tell(&mut server, &PUT.replace(":1,", ":2,"), b""), None);
    server
}

#[test]
fn a_half_close_before_all_has_come_is_loss() {
    for (index, (scene, lost)) in ends().into_iter().enumerate() {
        for end in [End::Fin, End::Authenticated] {
            let mut server = scene();
            server.input_ended(end, T0);
            if lost {
                assert_eq!(closed(&mut server, T0), Closed::Lost, "{index}");
                assert!(server.is_finished() && server.output().is_empty());
                continue;
            }
            while let Some(event) = server.poll_event(T0) {
                assert!(!matches!(event, Event::Closed { .. }), "{index}: {event:?}");
            }
            server.stored(1);
            server.fail(1, Failure::new(Code::Cancelled, ""));
            assert_eq!(closed(&mut server, T0), Closed::Clean, "{index}");
            assert!(!said(&mut server).is_empty() && server.is_finished());
        }
    }
}

#[test]
fn an_end_in_the_middle_of_a_piece_is_told_as_such() {
    let mut server = sending(PUT);
    feed(&mut server, &frame(DATA, b"half of it")[..40], T0);
    server.input_ended(End::Authenticated, T0);
    assert!(matches!(closed(&mut server, T0), Closed::Truncated { .. }));
    assert!(server.is_finished());
}
