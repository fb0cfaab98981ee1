//! Every message in every state, on both sides: what is an event, what an answer, what is dropped,
//! and what ends the connection (CVE-2025-32433: commands were taken before authentication;
//! RUSTSEC-2023-0063: an unknown type was a panic).
//!
//! `V` an event, `A` an answer, `!` an `error` with the id, `B` such an error and an event, `.`
//! nothing, `X` the end of the connection.

use framing_protocol::client::{self, Client};
use framing_protocol::message::{Command, Digest, Exec, Get, Held, Put, Stdin};
use framing_protocol::server::{self, Server};
use framing_protocol::{Closed, Machine};

use crate::support::{T0, client, feed, frame, said, server, tell, tell_client};

const PUT_5: &str = r#"{"type":"put","id":5,"path":"a","size":8,"resume":true}"#;
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const EXEC_5: &str = r#"{"type":"exec","id":5,"argv":["cat"],"stdin":"piped"}"#;

#[test]
fn every_message_in_every_state_of_the_server() {
    let states: [fn() -> Server; 16] = [
        || Server::new(server::Settings::default(), T0), // greeting
        server,                                          // idle
        || {
            // done: 5 was answered
            let mut server = upper_active();
            server.upper(5, "");
            server
        },
        upper_active,
        exec_active,
        || {
            // running
            let mut server = exec_active();
            server.started(5, 1);
            server
        },
        || {
            // an exec waits behind a get
            let mut server = server();
            tell(&mut server, r#"{"type":"get","id":4,"path":"a"}"#, b"");
            assert_eq!(tell(&mut server, EXEC_5, b""), None);
            server
        },
        || {
            // a list waits behind a get
            let mut server = server();
            tell(&mut server, r#"{"type":"get","id":4,"path":"a"}"#, b"");
            assert_eq!(tell(&mut server, r#"{"type":"list","id":5,"path":"a"}"#, b""), None);
            server
        },
        || {
            // leaving
            let mut server = upper_active();
            server.goaway("drain");
            server
        },
        || {
            // over
            let mut server = server();
            tell(&mut server, "no JSON", b"");
            server
        },
        || put_active(0), // asked
        || put_active(1), // offered
        || put_active(2), // sending, three bytes to come
        || put_active(3), // none to come
        || put_active(4), // whole
        || {
            // a put waits behind a get
            let mut server = server();
            tell(&mut server, r#"{"type":"get","id":4,"path":"a"}"#, b"");
            assert_eq!(tell(&mut server, PUT_5, b""), None);
            server
        },
    ];
    let end = |id| format!(r#"{{"type":"file_end","id":{id},"digest":"blake3:{ZEROS}"}}"#);
    let (end, ended) = (end(5), end(9));
    let stored = format!(r#"{{"type":"stored","id":5,"digest":"blake3:{ZEROS}"}}"#);
    let table: [(&str, &[u8], &str); 37] = [
        (r#"{"type":"hello","version":1}"#, b"", "AXXXXXXXX.XXXXXX"),
        (r#"{"type":"hello","version":1}"#, b"body", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"upper","id":6}"#, b"u", "XVV.XXX........."),
        (r#"{"type":"exec","id":6,"argv":["a"]}"#, b"", "XVV.XXX........."),
        (r#"{"type":"get","id":6,"path":"a"}"#, b"", "XVV.XXX........."),
        (r#"{"type":"list","id":6,"path":"a"}"#, b"", "XVV.XXX........."),
        (r#"{"type":"stat","id":6,"path":"a"}"#, b"", "XVV.XXX........."),
        (r#"{"type":"stat","id":6,"path":"a"}"#, b"body", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"put","id":6,"path":"a"}"#, b"", "XVV.XXX........."),
        (r#"{"type":"put","id":6,"path":"a"}"#, b"body", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"put","id":6,"path":"a","resume":true}"#, b"", "XXXXXXXXX.XXXXXX"),
        (PUT_5, b"", "XVXXXXXXX.XXXXXX"),
        (r#"{"type":"begin","id":5}"#, b"", "XX.XXXXXX.XVXXXX"),
        (r#"{"type":"begin","id":5,"offset":5}"#, b"", "XX.XXXXXX.XVXXXX"),
        (r#"{"type":"begin","id":5,"offset":4}"#, b"", "XX.XXXXXX.XXXXXX"),
        (r#"{"type":"data","id":5}"#, b"", "XX.XXXXXX.XX..XX"),
        (r#"{"type":"data","id":5}"#, b"123", "XX.XXXXXX.XXVXXX"),
        (r#"{"type":"data","id":5}"#, b"1234", "XX.XXXXXX.XXXXXX"),
        (&end, b"", "XX.XXXXXX.XXXVXX"),
        (&ended, b"", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"ready","id":5,"window":9}"#, b"", "X!!BXXX!!.BBBBB!"),
        (&stored, b"", "X!!BXXX!!.BBBBB!"),
        (r#"{"type":"pair","id":6,"token":"t","name":"n"}"#, b"", "XVV.XXX........."),
        (r#"{"type":"get","id":6,"path":"a"}"#, b"body", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"upper","id":5}"#, b"u", "XVXXXXXXX.XXXXXX"),
        (r#"{"type":"upper","id":0}"#, b"u", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"stdin","id":5}"#, b"", "XX.X...XX.XXXXXX"),
        (r#"{"type":"stdin","id":5}"#, b"s", "XX.XXVXXX.XXXXXX"),
        (r#"{"type":"stdin_end","id":5}"#, b"", "XX.XVV.XX.XXXXXX"),
        (r#"{"type":"signal","id":5,"name":"INT"}"#, b"", "XX.XVV.XX.XXXXXX"),
        (r#"{"type":"cancel","id":5}"#, b"", "XX.VVV!!V.VVVVV!"),
        (r#"{"type":"ping","id":3}"#, b"", "XAAAAAAAA.AAAAAA"),
        (r#"{"type":"pong","id":0}"#, b"", "X..............."),
        (r#"{"type":"pong","id":9}"#, b"", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"teleport","id":5}"#, b"skipped", "X!!BXXX!!.BBBBB!"),
        (r#"{"type":"teleport"}"#, b"skipped", "XXXXXXXXX.XXXXXX"),
        (r#"{"type":"welcome","version":1}"#, b"", "XXXXXXXXX.XXXXXX"),
    ];
    for (header, body, expected) in table {
        let row: String =
            states.iter().map(|state| server_outcome(state(), header, body)).collect();
        assert_eq!(row, expected, "{header}");
    }
}

fn upper_active() -> Server {
    let mut server = server();
    assert!(tell(&mut server, r#"{"type":"upper","id":5}"#, b"").is_some());
    server
}

fn exec_active() -> Server {
    let mut server = server();
    assert!(tell(&mut server, EXEC_5, b"").is_some());
    server
}

/// With a `put` of eight bytes, of which five are there, after so many steps.
fn put_active(steps: usize) -> Server {
    let mut server = server();
    assert!(matches!(tell(&mut server, PUT_5, b""), Some(server::Event::Put { id: 5, .. })));
    let end = format!(r#"{{"type":"file_end","id":5,"digest":"blake3:{ZEROS}"}}"#);
    let steps_of_all: [&dyn Fn(&mut Server); 4] = [
        &|server| server.ready(5, Some(Held { offset: 5, prefix: Digest::Blake3([1; 32]) })),
        &|server| drop(tell(server, r#"{"type":"begin","id":5,"offset":5}"#, b"")),
        &|server| drop(tell(server, r#"{"type":"data","id":5}"#, b"678")),
        &|server| assert!(tell(server, &end, b"").is_some()),
    ];
    steps_of_all[..steps].iter().for_each(|step| step(&mut server));
    server
}

fn server_outcome(mut server: Server, header: &str, body: &[u8]) -> char {
    said(&mut server);
    while server.poll_event(T0).is_some() {}
    feed(&mut server, &frame(header, body), T0);
    let mut events: Vec<_> = core::iter::from_fn(|| server.poll_event(T0)).collect();
    let ended = |event: &mut server::Event| match event {
        // To have done all that was accepted is no reproach.
        server::Event::Closed { reason } => *reason != Closed::GoneAway,
        _ => false,
    };
    let closed = events.pop_if(ended);
    events.pop_if(|event| matches!(event, server::Event::Closed { .. }));
    let answers = said(&mut server);
    if let Some(server::Event::Closed { reason }) = closed {
        assert!(events.is_empty(), "{header}: {events:?}");
        let Closed::Violation(failure) = reason else { panic!("{header}: {reason}") };
        let [answer] = &answers[..] else { panic!("{header}: {answers:?}") };
        assert_eq!((answer.kind(), answer.id()), ("error", None), "{header}");
        assert_eq!(answer.code(), failure.code.as_str());
        assert!(server.is_finished(), "the error was written");
        return 'X';
    }
    let failed = answers.iter().any(|answer| answer.kind() == "error" && answer.id().is_some());
    match (events.is_empty(), answers.is_empty()) {
        (true, true) => '.',
        (true, false) if failed => '!',
        (true, false) => 'A',
        (false, true) => 'V',
        (false, false) => 'B',
    }
}

#[test]
fn every_message_in_every_state_of_the_client() {
    let ready = |rest: &str| format!(r#"{{"type":"ready","id":1,"window":9{rest}}}"#);
    let held = ready(&format!(r#","offset":5,"prefix":"blake3:{ZEROS}""#));
    let over = ready(&format!(r#","offset":9,"prefix":"blake3:{ZEROS}""#));
    let other = ready(&format!(r#","offset":5,"prefix":"sha256:{ZEROS}""#));
    let stored = |kind, digits| format!(r#"{{"type":"stored","id":1,"digest":"{kind}:{digits}"}}"#);
    let (stored, forged) = (stored("blake3", ZEROS), stored("sha256", ZEROS));
    let digest = format!(r#"{{"type":"file_end","id":1,"digest":"blake3:{}"}}"#, "0".repeat(64));
    let exit = r#"{"type":"exit","id":1,"outcome":"exited","code":0,"duration_ms":1}"#;
    let absent = r#"{"type":"exit","id":1,"outcome":"not_found","duration_ms":1}"#;
    let detached = r#"{"type":"exit","id":1,"outcome":"detached","duration_ms":1}"#;
    let table: [(&str, &[u8], &str); 41] = [
        (crate::support::WELCOME, b"", "VXXXXXXXX.XXXXX"),
        (r#"{"type":"welcome","version":2}"#, b"", "XXXXXXXXX.XXXXX"),
        (r#"{"type":"upper","id":1}"#, b"A", "XXVXXXXX..XXXXX"),
        (r#"{"type":"started","id":1,"pid":1,"window":9}"#, b"", "XXXVXXXX..XXXXX"),
        (r#"{"type":"stdout","id":1}"#, b"o", "XXXXVXXX..XXXXX"),
        (r#"{"type":"stderr","id":1}"#, b"e", "XXXXVXXX..XXXXX"),
        (r#"{"type":"window","id":1,"bytes":5}"#, b"", "XXXXVXXX..XVVVX"),
        (r#"{"type":"window","id":1,"bytes":18446744073709551615}"#, b"", "XXXXXXXX..XXXXX"),
        (exit, b"", "XXXXVXXX..XXXXX"),
        (absent, b"", "XXXVXXXX..XXXXX"),
        (detached, b"", "XXXXXXXX..XXXXX"),
        (r#"{"type":"file","id":1,"filename":"a","total_size":3}"#, b"", "XXXXXVXX..XXXXX"),
        (
            r#"{"type":"file","id":1,"filename":"a","total_size":3,"offset":1}"#,
            b"",
            "XXXXXXXX..XXXXX",
        ),
        (r#"{"type":"verifying","id":1,"bytes":9}"#, b"", "XXXXXVXX..VXXXX"),
        (r#"{"type":"data","id":1}"#, b"123", "XXXXXXVX..XXXXX"),
        (r#"{"type":"data","id":1}"#, b"1234", "XXXXXXXX..XXXXX"),
        (&digest, b"", "XXXXXXXX..XXXXX"),
        (r#"{"type":"entries","id":1}"#, b"", "XXXXXXXV..XXXXX"),
        (r#"{"type":"entries_end","id":1}"#, b"", "XXXXXXXV..XXXXX"),
        (r#"{"type":"entries_end","id":1}"#, b"body", "XXXXXXXXX.XXXXX"),
        (r#"{"type":"entry","id":1,"name":"a","kind":"file","size":3}"#, b"", "XXXXXXXX..XXXXV"),
        (r#"{"type":"entry","id":1,"name":"a","kind":"file","size":3}"#, b"b", "XXXXXXXXX.XXXXX"),
        (&ready(""), b"", "XXXXXXXX..VXXXX"),
        (&held, b"", "XXXXXXXX..VXXXX"),
        (&held, b"body", "XXXXXXXXX.XXXXX"),
        (&over, b"", "XXXXXXXX..XXXXX"),
        (&other, b"", "XXXXXXXX..XXXXX"),
        (&stored, b"", "XXXXXXXX..XXXVX"),
        (&stored, b"body", "XXXXXXXXX.XXXXX"),
        (&forged, b"", "XXXXXXXX..XXXXX"),
        (r#"{"type":"begin","id":1}"#, b"", "X.............."),
        (r#"{"type":"put","id":1,"path":"a"}"#, b"", "X.............."),
        (r#"{"type":"error","id":1,"code":"io"}"#, b"", "XXVVVVVV..VVVVV"),
        (r#"{"type":"error","id":2,"code":"io"}"#, b"", "XXXXXXXXX.XXXXX"),
        (r#"{"type":"error","code":"io","message":"m"}"#, b"", "XXXXXXXXX.XXXXX"),
        (r#"{"type":"goaway","reason":"r","last_id":9}"#, b"", "XVVVVVVVV.VVVVV"),
        (r#"{"type":"ping","id":3}"#, b"", "XAAAAAAAA.AAAAA"),
        (r#"{"type":"pong","id":0}"#, b"", "X.............."),
        (r#"{"type":"pong","id":9}"#, b"", "XXXXXXXXX.XXXXX"),
        (r#"{"type":"teleport","id":1}"#, b"skipped", "X.............."),
        (r#"{"type":"hello","version":1}"#, b"", "X.............."),
    ];
    for (header, body, expected) in table {
        let row: String =
            client_states().iter().map(|state| client_outcome(state(), header, body)).collect();
        assert_eq!(row, expected, "{header}");
    }
}

fn client_states() -> [fn() -> Client; 15] {
    [
        || {
            // greeting, with a request behind the hello
            let mut client = Client::new(client::Settings::default(), T0);
            client.upper(b"").unwrap();
            client
        },
        client, // idle
        || {
            // upper asked
            let mut client = client();
            client.upper(b"a").unwrap();
            client
        },
        || {
            // exec asked
            let mut client = client();
            client.exec(&piped()).unwrap();
            client
        },
        || {
            // running
            let mut client = client();
            client.exec(&piped()).unwrap();
            tell_client(&mut client, r#"{"type":"started","id":1,"pid":1,"window":9}"#, b"");
            client
        },
        || {
            // get asked
            let mut client = client();
            client.get(&Get::new("a".into())).unwrap();
            client
        },
        || {
            // download, three bytes to come
            let mut client = client();
            client.get(&Get::new("a".into())).unwrap();
            tell_client(
                &mut client,
                r#"{"type":"file","id":1,"filename":"a","total_size":3}"#,
                b"",
            );
            client
        },
        || {
            // list asked
            let mut client = client();
            client.list(&"".into()).unwrap();
            client
        },
        || {
            // done: 1 was answered
            let mut client = client();
            client.upper(b"a").unwrap();
            tell_client(&mut client, r#"{"type":"upper","id":1}"#, b"A");
            client
        },
        || {
            // over
            let mut client = client();
            tell_client(&mut client, "no JSON", b"");
            client
        },
        || put_asked(0), // asked
        || put_asked(1), // offered
        || put_asked(2), // sending, three bytes missing
        || put_asked(4), // whole
        || {
            // stat asked
            let mut client = client();
            client.stat(&"a".into()).unwrap();
            client
        },
    ]
}

fn piped() -> Exec {
    Exec { stdin: Stdin::Piped, ..Exec::new(Command::Shell("cat".into())) }
}

/// With a `put` of eight bytes, of which the server has five, after so many steps.
fn put_asked(steps: usize) -> Client {
    let mut client = client();
    client.put(&Put { size: Some(8), resume: true, ..Put::new("a".into()) }).unwrap();
    let ready =
        format!(r#"{{"type":"ready","id":1,"offset":5,"prefix":"blake3:{ZEROS}","window":9}}"#);
    let steps_of_all: [&dyn Fn(&mut Client); 4] = [
        &|client| assert!(tell_client(client, &ready, b"").is_some()),
        &|client| client.begin(1, 5).unwrap(),
        &|client| assert_eq!(client.data(1, b"678"), Ok(3)),
        &|client| client.file_end(1, Digest::Blake3([0; 32])).unwrap(),
    ];
    steps_of_all[..steps].iter().for_each(|step| step(&mut client));
    client
}

fn client_outcome(mut client: Client, header: &str, body: &[u8]) -> char {
    said(&mut client);
    while client.poll_event(T0).is_some() {}
    feed(&mut client, &frame(header, body), T0);
    let mut events: Vec<_> = core::iter::from_fn(|| client.poll_event(T0)).collect();
    let answers = said(&mut client);
    if let Some(client::Event::Closed { reason }) =
        events.pop_if(|event| matches!(event, client::Event::Closed { .. }))
    {
        assert!(matches!(reason, Closed::Violation(_) | Closed::Refused(_)), "{header}: {reason}");
        assert!(events.is_empty() && answers.is_empty() && client.is_finished(), "{header}");
        return 'X';
    }
    match (events.len(), answers.len()) {
        (0, 0) => '.',
        (0, 1) => 'A',
        (1, 0) => 'V',
        other => panic!("{header}: {other:?}"),
    }
}

#[test]
fn an_answer_before_its_turn_is_a_violation() {
    let mut client = client();
    client.upper(b"a").unwrap();
    client.upper(b"b").unwrap();
    let event = tell_client(&mut client, r#"{"type":"upper","id":2}"#, b"B");
    assert!(
        matches!(event, Some(client::Event::Closed { reason: Closed::Violation(_) })),
        "{event:?}"
    );
}

#[test]
fn a_download_ends_only_when_all_that_was_promised_has_come() {
    let digest = format!(r#"{{"type":"file_end","id":1,"digest":"blake3:{}"}}"#, "0".repeat(64));
    for (pieces, missing) in [(&[2, 1][..], 0), (&[3, 0], 0), (&[2], 1), (&[], 3)] {
        let mut client = client();
        client.get(&Get::new("a".into())).unwrap();
        tell_client(&mut client, r#"{"type":"file","id":1,"filename":"a","total_size":3}"#, b"");
        for piece in pieces {
            let event = tell_client(&mut client, r#"{"type":"data","id":1}"#, &b"abc"[..*piece]);
            assert_eq!(event, Some(client::Event::Data { id: 1 }));
        }
        match tell_client(&mut client, &digest, b"") {
            Some(client::Event::FileEnd { .. }) => assert_eq!(missing, 0),
            Some(client::Event::Closed { reason: Closed::Violation(failure) }) => {
                let message = format!("{missing} bytes of 1 were promised and not sent");
                assert_eq!(failure.message, message);
            }
            event => panic!("{event:?}"),
        }
    }
}
