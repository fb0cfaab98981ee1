//! Memory: a peer that asks and never reads gains nothing, and nothing is lost by it either.

use framing_protocol::Machine;
use framing_protocol::client::Refused;
use framing_protocol::message::{Code, Failure, Get, MAX_BODY};
use framing_protocol::server::{Event, Server};

use crate::support::{Said, T0, client, feed, frame, kinds, said, server, tell, unframe};

/// The most that may wait in a server, and in its input buffer.
const QUEUED: usize = 2 * 1024 * 1024;

/// Feeds only while the machine wants it. Gives what was not wanted.
fn offer<'b>(
    server: &mut Server,
    mut bytes: &'b [u8],
    mut app: impl FnMut(&mut Server),
) -> &'b [u8] {
    while !bytes.is_empty() && server.wants_input() {
        let space = server.space();
        let n = space.len().min(bytes.len()).min(10_000);
        space[..n].copy_from_slice(&bytes[..n]);
        server.received(n, T0);
        bytes = &bytes[n..];
        app(server);
    }
    bytes
}

#[test]
fn a_ping_flood_is_answered_by_two_pongs() {
    let mut server = server();
    for id in 0..100_000 {
        feed(&mut server, &frame(&format!(r#"{{"type":"ping","id":{id}}}"#), b""), T0);
        assert_eq!(server.poll_event(T0), None);
        assert!(server.output().len() < 100);
    }
    assert!(server.wants_input(), "a peer that only pings may go on");
    let pongs = said(&mut server);
    assert_eq!(pongs.iter().map(Said::id).collect::<Vec<_>>(), [Some(0), Some(99_999)]);

    let mut client = client();
    for id in 0..1000 {
        feed(&mut client, &frame(&format!(r#"{{"type":"ping","id":{id}}}"#), b""), T0);
        assert_eq!(client.poll_event(T0), None);
    }
    assert_eq!(said(&mut client).last().unwrap().id(), Some(999));
}

#[test]
fn a_client_that_asks_and_never_reads_is_stopped_and_then_served_in_full() {
    let requests = 3000_u64;
    let body = vec![b'a'; 10_000];
    let wire: Vec<u8> = (1..=requests)
        .flat_map(|id| frame(&format!(r#"{{"type":"upper","id":{id}}}"#), &body))
        .collect();
    let mut server = server();
    let answer = |server: &mut Server| {
        while let Some(event) = server.poll_event(T0) {
            let Event::Upper { id } = event else { panic!("{event:?}") };
            let upper = String::from_utf8(server.body().to_ascii_uppercase()).unwrap();
            server.upper(id, &upper);
            assert!(server.output().len() < QUEUED);
        }
    };
    let mut rest = offer(&mut server, &wire, answer);
    assert!(rest.len() > wire.len() / 2, "it was stopped");
    let mut answers = Vec::new();
    loop {
        let n = server.output().len().min(100_000);
        answers.extend_from_slice(&server.output()[..n]);
        server.sent(n, T0);
        answer(&mut server);
        rest = offer(&mut server, rest, answer);
        if rest.is_empty() && server.output().is_empty() {
            break;
        }
    }
    let answers = unframe(&answers);
    assert_eq!(answers.len() as u64, requests);
    assert!(answers.iter().zip(1..).all(|(said, id)| said.id() == Some(id)));
}

#[test]
fn a_flood_of_messages_that_are_answered_by_errors_is_stopped() {
    let mut server = server();
    let wire: Vec<u8> =
        (1..200_000).flat_map(|id| frame(&format!(r#"{{"type":"x","id":{id}}}"#), b"")).collect();
    let rest = offer(&mut server, &wire, |server| {
        assert_eq!(server.poll_event(T0), None);
        assert!(server.output().len() < QUEUED);
    });
    assert!(!rest.is_empty() && !server.wants_input());
}

#[test]
fn bodies_that_wait_are_bounded_and_none_is_lost() {
    let mut server = server();
    let mut wire = frame(r#"{"type":"get","id":1,"path":"a"}"#, b"");
    for id in 2..=16_u8 {
        let header = format!(r#"{{"type":"upper","id":{id}}}"#);
        wire.extend(frame(&header, &vec![id; MAX_BODY]));
    }
    let mut events = Vec::new();
    let mut rest = offer(&mut server, &wire, |server| events.extend(server.poll_event(T0)));
    assert_eq!(events, [Event::Get { id: 1, get: Get::new("a".into()) }]);
    let held = wire.len() - rest.len();
    assert!(held < 6 * MAX_BODY && !server.wants_input(), "{held} bytes are held");

    server.fail(1, Failure::new(Code::Io, ""));
    let mut next = 2;
    while next <= 16 {
        rest = offer(&mut server, rest, |_| {});
        while let Some(event) = server.poll_event(T0) {
            assert_eq!(event, Event::Upper { id: next });
            assert!(server.body().iter().all(|byte| u64::from(*byte) == next));
            assert_eq!(server.body().len(), MAX_BODY);
            server.upper(next, "");
            next += 1;
        }
    }
}

#[test]
fn content_stops_at_the_mark_and_control_messages_do_not() {
    let mut server = server();
    tell(&mut server, r#"{"type":"exec","id":1,"argv":["yes"],"stdin":"piped"}"#, b"");
    server.started(1, 1);
    let mut produced = 0;
    while server.room() > 0 {
        server.stdout(1, &vec![b'y'; MAX_BODY]);
        produced += MAX_BODY;
        assert!(server.output().len() < QUEUED);
    }
    assert!(produced >= 1024 * 1024);
    assert!(server.wants_input(), "a cancel must get through");
    assert_eq!(
        tell(&mut server, r#"{"type":"stdin","id":1}"#, b"in"),
        Some(Event::Stdin { id: 1 })
    );
    assert_eq!(tell(&mut server, r#"{"type":"ping","id":1}"#, b""), None);
    let signal = r#"{"type":"signal","id":1,"name":"INT"}"#;
    assert!(matches!(tell(&mut server, signal, b""), Some(Event::Signal { .. })));
    assert_eq!(
        tell(&mut server, r#"{"type":"cancel","id":1}"#, b""),
        Some(Event::Cancel { id: 1 })
    );
    server.fail(1, Failure::new(Code::Cancelled, ""));
    let said = said(&mut server);
    assert_eq!(said.last().unwrap().kind(), "error");
    assert!(kinds(&said).contains(&"pong"));
    assert!(server.room() > 0);
}

#[test]
fn a_client_that_does_not_fetch_its_events_is_not_read_for() {
    let mut client = client();
    client.get(&Get::new("a".into())).unwrap();
    let mut wire = frame(r#"{"type":"file","id":1,"filename":"a","total_size":100000000}"#, b"");
    wire.extend(frame(r#"{"type":"data","id":1}"#, &vec![0; MAX_BODY]).repeat(20));
    let mut fed = 0;
    while client.wants_input() {
        let space = client.space();
        let n = space.len().min(wire.len() - fed);
        space[..n].copy_from_slice(&wire[fed..fed + n]);
        client.received(n, T0);
        fed += n;
    }
    assert!(fed < 4 * MAX_BODY, "{fed} bytes were read");
    while client.poll_event(T0).is_some() {}
    assert!(client.wants_input());
}

#[test]
fn a_client_queue_has_a_bound() {
    let mut client = client();
    let body = vec![0; MAX_BODY];
    let taken = (0..16).take_while(|_| client.upper(&body).is_ok()).count();
    assert!((4..=5).contains(&taken), "{taken}");
    assert_eq!(client.upper(&body), Err(Refused::QueueFull));
    assert_eq!(client.ping(), Err(Refused::QueueFull));
    assert_eq!(client.room(), 0);
    said(&mut client);
    assert!(client.upper(&body).is_ok());
}

#[test]
fn nothing_is_read_while_the_bodies_that_wait_fill_their_share() {
    let mut server = server();
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    for id in 2..=5 {
        assert!(server.wants_input());
        tell(&mut server, &format!(r#"{{"type":"upper","id":{id}}}"#), &vec![0; MAX_BODY]);
    }
    assert!(!server.wants_input());
    server.fail(1, Failure::new(Code::Io, ""));
    assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 2 }));
    assert!(server.wants_input(), "the first of them makes place");
}

#[test]
fn a_large_message_leaves_no_large_buffer_to_an_idle_connection() {
    let mut server = server();
    let upper = |id| format!(r#"{{"type":"upper","id":{id}}}"#);
    for id in 1..=3 {
        let body = vec![b'a'; MAX_BODY];
        assert_eq!(tell(&mut server, &upper(id), &body), Some(Event::Upper { id }));
        assert_eq!(server.body(), body, "it is lent until it is answered");
        server.upper(id, "");
        assert_eq!(server.poll_event(T0), None);
        assert!(server.space().len() < 64 * 1024, "{} bytes", server.space().len());
    }
    // What has come of the next message is kept.
    let first = frame(&upper(4), &vec![b'a'; MAX_BODY]);
    let second = frame(&upper(5), b"next");
    feed(&mut server, &[&first[..], &second[..10]].concat(), T0);
    assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 4 }));
    server.upper(4, "");
    assert_eq!(server.poll_event(T0), None);
    feed(&mut server, &second[10..], T0);
    assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 5 }));
    assert_eq!(server.body(), b"next");
}

#[test]
fn reading_stops_where_too_much_waits_to_be_written_and_not_before() {
    let mut server = server();
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    let (mark, message) = (1024 * 1024, 256 * 1024);
    server.data(1, &vec![0; mark + 2 * message - 1000]);
    assert!(server.wants_input(), "a cancel must get through");
    server.data(1, &[0; 1000]);
    assert!(!server.wants_input());
}

#[test]
fn behind_a_whole_message_no_more_than_64_kib_are_read_ahead() {
    let mut client = client();
    client.get(&Get::new("a".into())).unwrap();
    let file = frame(r#"{"type":"file","id":1,"filename":"a","total_size":100000000}"#, b"");
    feed(&mut client, &file, T0);
    feed(&mut client, &vec![0; 64 * 1024 - file.len() - 1], T0);
    assert!(client.wants_input());
    feed(&mut client, &[0], T0);
    assert!(!client.wants_input());
}

#[test]
fn a_large_message_in_progress_keeps_its_buffer() {
    let mut server = server();
    let message = frame(r#"{"type":"upper","id":1}"#, &vec![b'a'; MAX_BODY]);
    feed(&mut server, &message[..MAX_BODY / 2], T0);
    let space = server.space().len();
    assert_eq!(server.poll_event(T0), None);
    assert_eq!(server.space().len(), space, "what came is not moved to a smaller one");
}

#[test]
fn a_driver_that_reads_on_regardless_breaks_no_bound() {
    let mut flooded = server();
    let wire: Vec<u8> =
        (1..50_000).flat_map(|id| frame(&format!(r#"{{"type":"x","id":{id}}}"#), b"")).collect();
    feed(&mut flooded, &wire, T0);
    assert_eq!(flooded.poll_event(T0), None);
    assert!(flooded.output().len() < QUEUED);

    let mut server = server();
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    for id in 2..=9 {
        let upper = format!(r#"{{"type":"upper","id":{id}}}"#);
        feed(&mut server, &frame(&upper, &vec![0; MAX_BODY]), T0);
    }
    assert_eq!(tell(&mut server, r#"{"type":"cancel","id":9}"#, b""), None);
    assert!(server.output().is_empty(), "what is behind the bodies was not looked at yet");
    server.fail(1, Failure::new(Code::Io, ""));
    for id in 2..=8 {
        assert_eq!(server.poll_event(T0), Some(Event::Upper { id }));
        server.upper(id, "");
    }
    assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 9 }));
    assert_eq!(server.poll_event(T0), Some(Event::Cancel { id: 9 }));
}
