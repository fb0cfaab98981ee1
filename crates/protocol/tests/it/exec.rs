//! The running command: input on credit, and what comes before its turn.

use core::time::Duration;

use framing_protocol::client::{self, Refused};
use framing_protocol::message::{Code, Command, Exec, Exit, Failure, Outcome, Stdin};
use framing_protocol::server::{Event, Server};
use framing_protocol::{Closed, Machine};

use crate::support::{T0, client, kinds, said, server, tell, tell_client};

const WINDOW: usize = 256 * 1024;

fn running(stdin: &str) -> Server {
    let mut server = server();
    let exec = format!(r#"{{"type":"exec","id":1,"argv":["cat"],"stdin":"{stdin}"}}"#);
    assert!(matches!(tell(&mut server, &exec, b""), Some(Event::Exec { id: 1, .. })));
    server.started(1, 7);
    let window = if stdin == "piped" { WINDOW } else { 0 };
    assert_eq!(said(&mut server)[0].header["window"], window);
    server
}

fn stdin(server: &mut Server, bytes: usize) -> Option<Event> {
    tell(server, r#"{"type":"stdin","id":1}"#, &vec![b's'; bytes])
}

fn assert_violated(event: Option<Event>) {
    match event {
        Some(Event::Closed { reason: Closed::Violation(_) }) => {}
        event => panic!("{event:?}"),
    }
}

#[test]
fn input_over_the_credit_is_a_violation() {
    let mut server = running("piped");
    assert_eq!(stdin(&mut server, WINDOW), Some(Event::Stdin { id: 1 }));
    assert_eq!(server.body().len(), WINDOW);
    assert_eq!(stdin(&mut server, 0), None, "nothing costs nothing");
    assert_violated(stdin(&mut server, 1));

    assert_violated(stdin(&mut running("null"), 1)); // there is no credit without a pipe
}

#[test]
fn credit_comes_back_as_the_command_takes_and_never_more() {
    let mut server = running("piped");
    stdin(&mut server, WINDOW);
    server.stdin_taken(1, 1000);
    assert!(server.output().is_empty(), "too little for a message");
    server.stdin_taken(1, WINDOW as u64 / 4);
    let granted = said(&mut server);
    assert_eq!(granted[0].header["bytes"], WINDOW / 4 + 1000);
    assert_eq!(stdin(&mut server, WINDOW / 4 + 1000), Some(Event::Stdin { id: 1 }));
    assert_violated(stdin(&mut server, 1));

    let mut server = running("piped");
    stdin(&mut server, 100_000);
    server.stdin_taken(1, u64::MAX);
    server.stdin_taken(1, u64::MAX);
    assert_eq!(said(&mut server)[0].header["bytes"], 100_000, "no more than was given");
}

#[test]
fn ten_windows_flow_without_a_stall() {
    let mut server = running("piped");
    let (mut credit, mut sent) = (WINDOW, 0);
    while sent < 10 * WINDOW {
        let n = credit.min(50_000);
        assert!(n > 0, "stalled after {sent} bytes");
        assert_eq!(stdin(&mut server, n), Some(Event::Stdin { id: 1 }));
        server.stdin_taken(1, n as u64);
        (credit, sent) = (credit - n, sent + n);
        for window in said(&mut server) {
            credit += usize::try_from(window.header["bytes"].as_u64().unwrap()).unwrap();
        }
        assert!(credit <= WINDOW);
    }
}

#[test]
fn input_ends_once() {
    let mut server = running("piped");
    stdin(&mut server, WINDOW);
    let end = r#"{"type":"stdin_end","id":1}"#;
    assert_eq!(tell(&mut server, end, b""), Some(Event::StdinEnd { id: 1 }));
    assert_eq!(tell(&mut server, end, b""), None);
    server.stdin_taken(1, WINDOW as u64);
    assert!(server.output().is_empty(), "no credit for input that cannot come");
    assert_violated(stdin(&mut server, 1));
}

#[test]
fn what_is_behind_the_end_of_input_is_a_violation_whatever_the_credit() {
    let mut server = running("piped");
    let end = r#"{"type":"stdin_end","id":1}"#;
    assert_eq!(tell(&mut server, end, b""), Some(Event::StdinEnd { id: 1 }));
    assert_eq!(stdin(&mut server, 0), None, "no bytes do no harm");
    let Some(Event::Closed { reason: Closed::Violation(failure) }) = stdin(&mut server, 1) else {
        panic!("it was taken");
    };
    assert_eq!(failure.message, "stdin for 1 after its stdin_end");
}

#[test]
fn credit_is_granted_anew_by_the_quarter() {
    let mut server = running("piped");
    stdin(&mut server, WINDOW);
    server.stdin_taken(1, (WINDOW / 4 - 1) as u64);
    assert!(server.output().is_empty());
    server.stdin_taken(1, 1);
    assert_eq!(said(&mut server)[0].header["bytes"], WINDOW / 4);
}

#[test]
fn what_follows_the_exit_is_dropped() {
    let mut server = running("piped");
    let exit = Exit {
        outcome: Outcome::Exited { code: 0 },
        truncated: false,
        duration: Duration::from_millis(3),
    };
    server.exit(1, exit.clone());
    server.exit(1, exit);
    server.stdout(1, b"void");
    assert_eq!(kinds(&said(&mut server)), ["exit"]);
    assert_eq!(stdin(&mut server, 10), None);
    assert_eq!(tell(&mut server, r#"{"type":"signal","id":1,"name":"INT"}"#, b""), None);
    assert_eq!(tell(&mut server, r#"{"type":"stdin_end","id":1}"#, b""), None);
    assert_eq!(tell(&mut server, r#"{"type":"upper","id":2}"#, b""), Some(Event::Upper { id: 2 }));
}

#[test]
fn what_came_before_the_turn_of_an_exec_comes_behind_it() {
    let waited = || {
        let mut server = server();
        tell(&mut server, r#"{"type":"upper","id":1}"#, b"");
        for header in [
            r#"{"type":"exec","id":2,"argv":["cat"],"stdin":"piped"}"#,
            r#"{"type":"signal","id":2,"name":"HUP"}"#,
            r#"{"type":"signal","id":2,"name":"INT"}"#,
            r#"{"type":"stdin_end","id":2}"#,
        ] {
            assert_eq!(tell(&mut server, header, b""), None, "{header}");
        }
        server.upper(1, "");
        assert!(matches!(server.poll_event(T0), Some(Event::Exec { id: 2, .. })));
        server
    };
    let mut refused = waited();
    refused.fail(2, Failure::new(Code::Denied, "no exec here"));
    assert_eq!(refused.poll_event(T0), None, "it ended before they came");

    let mut server = waited();
    assert_eq!(server.poll_event(T0), Some(Event::Signal { id: 2, name: "INT".to_owned() }));
    assert_eq!(server.poll_event(T0), Some(Event::StdinEnd { id: 2 }));
    assert_eq!(server.poll_event(T0), None);

    let before_its_turn = || {
        let mut server = crate::support::server();
        tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
        tell(&mut server, r#"{"type":"exec","id":2,"argv":["cat"],"stdin":"piped"}"#, b"");
        server
    };
    let mut server = before_its_turn();
    server.fail(1, Failure::new(Code::Io, ""));
    assert!(matches!(server.poll_event(T0), Some(Event::Exec { id: 2, .. })));
    let end = tell(&mut server, r#"{"type":"stdin_end","id":2}"#, b"");
    assert_eq!(end, Some(Event::StdinEnd { id: 2 }), "its input had not ended before");
    let mut server = before_its_turn();
    assert_violated(tell(&mut server, r#"{"type":"stdin","id":2}"#, b"x")); // no credit yet
}

#[test]
fn the_client_spends_no_more_than_its_credit() {
    let mut client = client();
    let exec = Exec { stdin: Stdin::Piped, ..Exec::new(Command::Shell("cat".into())) };
    let id = client.exec(&exec).unwrap();
    assert_eq!(client.stdin(id, b"early"), Ok(0));
    tell_client(&mut client, r#"{"type":"started","id":1,"pid":1,"window":300000}"#, b"");
    said(&mut client);
    assert_eq!(client.credit(id), 300_000);
    assert_eq!(client.stdin(id, &vec![1; 400_000]), Ok(300_000));
    assert_eq!(client.stdin(id, b"more"), Ok(0));
    assert_eq!(said(&mut client).iter().map(|said| said.body.len()).sum::<usize>(), 300_000);
    let event = tell_client(&mut client, r#"{"type":"window","id":1,"bytes":2}"#, b"");
    assert_eq!(event, Some(client::Event::Window { id }));
    assert_eq!(client.stdin(id, b"more"), Ok(2));
    client.stdin_end(id);
    client.stdin_end(id);
    assert_eq!(client.stdin(id, b"re"), Err(Refused::NoInput));
    assert_eq!(client.credit(id), 0);
    assert_eq!(kinds(&said(&mut client)), ["stdin", "stdin_end"]);

    let exit = r#"{"type":"exit","id":1,"outcome":"exited","code":0,"duration_ms":1}"#;
    assert!(matches!(tell_client(&mut client, exit, b""), Some(client::Event::Exit { .. })));
    assert_eq!(client.stdin(id, b"x"), Err(Refused::NoInput));
    client.signal(id, "INT");
    client.cancel(id);
    assert!(client.output().is_empty(), "nothing is sent for what has ended");
    let id = client.exec(&Exec::new(Command::Shell("true".into()))).unwrap();
    assert_eq!(client.stdin(id, b"x"), Err(Refused::NoInput), "its input is null");
}

#[test]
fn a_boundless_credit_does_not_make_the_queue_boundless() {
    let mut client = client();
    let exec = Exec { stdin: Stdin::Piped, ..Exec::new(Command::Shell("cat".into())) };
    let id = client.exec(&exec).unwrap();
    let started = r#"{"type":"started","id":1,"pid":1,"window":18446744073709551615}"#;
    tell_client(&mut client, started, b"");
    let room = client.room();
    assert_eq!(client.stdin(id, &vec![0; 4 << 20]), Ok(room));
    assert_eq!(client.stdin(id, b"more"), Ok(0));
    said(&mut client);
    assert_eq!(client.stdin(id, b"more"), Ok(4));
}

#[test]
fn an_empty_piece_of_input_is_nothing_even_behind_the_end() {
    let mut server = running("piped");
    assert_eq!(stdin(&mut server, 0), None);
    assert!(tell(&mut server, r#"{"type":"stdin_end","id":1}"#, b"").is_some());
    assert_eq!(stdin(&mut server, 0), None);
    assert!(server.output().is_empty() && server.wants_input());
}
