//! Rule 7: what the end of the input means.

use framing_protocol::client::{self, Client};
use framing_protocol::message::{Code, Failure};
use framing_protocol::server::{Event, Server, Settings};
use framing_protocol::{Closed, End, Machine};

use crate::support::{
    T0, client, client_closed, closed, feed, frame, kinds, said, server, tell, tell_client,
};

const EXEC: &str = r#"{"type":"exec","id":2,"argv":["a"]}"#;

#[test]
fn half_close_finishes_the_replies_that_are_due() {
    for end in [End::Fin, End::Authenticated] {
        let mut server = server();
        tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
        feed(&mut server, &frame(r#"{"type":"upper","id":2}"#, b"late"), T0);
        server.input_ended(end, T0);
        assert!(!server.wants_input());
        assert_eq!(server.poll_event(T0), None);
        server.data(1, b"still wanted");
        server.fail(1, Failure::new(Code::Io, ""));
        assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 2 }));
        assert_eq!(server.body(), b"late");
        server.upper(2, "LATE");
        assert_eq!(closed(&mut server, T0), Closed::Clean);
        assert!(!server.is_finished());
        assert_eq!(kinds(&said(&mut server)), ["data", "error", "upper"]);
        assert!(server.is_finished());
    }
}

#[test]
fn a_bare_fin_while_an_exec_runs_or_waits_is_loss() {
    let ahead = r#"{"type":"upper","id":1}"#;
    let scenes: [fn(&mut Server); 3] = [
        |server| {
            // running
            tell(server, EXEC, b"");
            server.started(2, 1);
        },
        |server| {
            // waiting
            tell(server, r#"{"type":"upper","id":1}"#, b"");
            tell(server, EXEC, b"");
        },
        |server| {
            // received and not looked at yet
            feed(server, &frame(EXEC, b""), T0);
        },
    ];
    for scene in scenes {
        let mut lost = server();
        scene(&mut lost);
        lost.input_ended(End::Fin, T0);
        assert_eq!(lost.poll_event(T0), Some(Event::Closed { reason: Closed::Lost }));
        assert!(lost.output().is_empty() && lost.is_finished());

        let mut vouched = server();
        scene(&mut vouched);
        vouched.input_ended(End::Authenticated, T0);
        assert!(!matches!(vouched.poll_event(T0), Some(Event::Closed { .. })));
        assert!(!vouched.is_finished());
    }
    let mut server = server();
    tell(&mut server, ahead, b"");
    server.input_ended(End::Fin, T0);
    assert_eq!(server.poll_event(T0), None, "no exec, no loss");
}

#[test]
fn loss_ends_everything_at_once() {
    let mut server = server();
    tell(&mut server, EXEC, b"");
    server.started(2, 1);
    server.stdout(2, b"unwritten");
    feed(&mut server, &frame(r#"{"type":"stdin_end","id":2}"#, b""), T0);
    server.input_ended(End::Loss, T0);
    assert_eq!(server.poll_event(T0), Some(Event::Closed { reason: Closed::Lost }));
    server.stdout(2, b"void");
    server.goaway("void");
    assert!(server.output().is_empty() && server.is_finished());
    assert_eq!(server.deadline(), None);
}

#[test]
fn an_end_in_mid_message_is_told_from_a_clean_one_at_every_byte() {
    let message = frame(r#"{"type":"upper","id":1}"#, b"body");
    for n in 0..=message.len() {
        for end in [End::Fin, End::Authenticated] {
            let mut server = server();
            let begun = frame(r#"{"type":"hello","version":1,"agent":"test"}"#, b"").len() as u64;
            feed(&mut server, &message[..n], T0);
            server.input_ended(end, T0);
            match server.poll_event(T0) {
                Some(Event::Closed { reason: Closed::Clean }) => assert_eq!(n, 0),
                Some(Event::Upper { id: 1 }) => assert_eq!(n, message.len()),
                Some(Event::Closed { reason: Closed::Truncated { offset } }) => {
                    assert!(n > 0 && n < message.len());
                    assert_eq!(offset, begun);
                    assert!(server.is_finished());
                }
                event => panic!("{n}: {event:?}"),
            }
        }
    }
}

#[test]
fn a_truncated_end_kills_what_runs() {
    let mut server = server();
    tell(&mut server, EXEC, b"");
    feed(&mut server, &frame(r#"{"type":"stdin_end","id":2}"#, b"")[..20], T0);
    server.input_ended(End::Authenticated, T0);
    let event = server.poll_event(T0);
    assert!(matches!(event, Some(Event::Closed { reason: Closed::Truncated { .. } })), "{event:?}");
    assert!(server.is_finished());
}

#[test]
fn a_connection_without_a_word_is_a_clean_end() {
    let mut server = Server::new(Settings::default(), T0);
    server.input_ended(End::Fin, T0);
    assert_eq!(closed(&mut server, T0), Closed::Clean);
    assert!(server.is_finished());
}

#[test]
fn only_the_first_end_counts_unless_the_connection_breaks_and_later_bytes_are_dropped() {
    for (first, then, reason) in [
        (End::Fin, End::Authenticated, Closed::Clean),
        (End::Authenticated, End::Fin, Closed::Clean),
        (End::Authenticated, End::Loss, Closed::Lost),
        (End::Loss, End::Authenticated, Closed::Lost),
    ] {
        let mut server = server();
        server.input_ended(first, T0);
        server.input_ended(then, T0);
        feed(&mut server, &frame(r#"{"type":"upper","id":1}"#, b""), T0);
        assert_eq!(closed(&mut server, T0), reason, "{first:?}, {then:?}");
    }
    // What runs behind a farewell ends with the connection.
    let mut server = server();
    tell(&mut server, r#"{"type":"exec","id":1,"argv":["a"]}"#, b"");
    server.started(1, 1);
    server.input_ended(End::Authenticated, T0);
    assert_eq!(server.poll_event(T0), None);
    server.input_ended(End::Loss, T0);
    assert_eq!(closed(&mut server, T0), Closed::Lost);
}

#[test]
fn a_server_that_ends_with_a_request_open_is_lost() {
    for end in [End::Fin, End::Authenticated, End::Loss] {
        let mut asked = client();
        asked.upper(b"a").unwrap();
        asked.input_ended(end, T0);
        assert_eq!(client_closed(&mut asked, T0), Closed::Lost);
        assert!(asked.is_finished());

        let mut fresh = Client::new(client::Settings::default(), T0);
        fresh.input_ended(end, T0);
        assert_eq!(client_closed(&mut fresh, T0), Closed::Lost, "no welcome has come");

        let mut idle = client();
        idle.input_ended(end, T0);
        let reason = if end == End::Loss { Closed::Lost } else { Closed::Clean };
        assert_eq!(client_closed(&mut idle, T0), reason);
    }
}

#[test]
fn a_client_still_gets_what_came_before_the_loss() {
    let mut client = client();
    client.upper(b"a").unwrap();
    client.upper(b"b").unwrap();
    feed(&mut client, &frame(r#"{"type":"upper","id":1}"#, b"A"), T0);
    feed(&mut client, &frame(r#"{"type":"error","code":"busy","message":"full"}"#, b""), T0);
    client.input_ended(End::Loss, T0);
    client.cancel(2);
    assert!(!client.is_finished() && client.output().is_empty());
    assert_eq!(client.poll_event(T0), Some(client::Event::Upper { id: 1 }));
    assert_eq!(client.body(), b"A");
    let Closed::Refused(failure) = client_closed(&mut client, T0) else { panic!() };
    assert_eq!(failure.message, "full");
}

#[test]
fn a_truncated_answer_is_told_as_such() {
    let mut client = client();
    client.upper(b"a").unwrap();
    let answer = frame(r#"{"type":"upper","id":1}"#, b"A");
    feed(&mut client, &answer[..answer.len() - 1], T0);
    client.input_ended(End::Fin, T0);
    assert!(matches!(client_closed(&mut client, T0), Closed::Truncated { .. }));
}

#[test]
fn after_a_violation_input_is_read_and_dropped_until_the_error_is_written() {
    let mut server = server();
    assert!(matches!(tell(&mut server, "[]", b""), Some(Event::Closed { .. })));
    assert!(server.wants_input() && !server.is_finished());
    let space = server.space().len();
    feed(&mut server, &vec![0xff; 1_000_000], T0);
    assert_eq!(server.space().len(), space, "nothing of it is kept");
    assert_eq!(server.poll_event(T0), None);
    assert_eq!(kinds(&said(&mut server)), ["error"]);
    assert!(server.is_finished());
    assert_eq!(server.deadline(), None);
}

#[test]
fn a_closed_client_refuses_every_verb() {
    let mut client = client();
    tell_client(&mut client, r#"{"type":"error","code":"busy"}"#, b"");
    assert_eq!(client.upper(b""), Err(client::Refused::Closed));
    assert_eq!(client.ping(), Err(client::Refused::Closed));
    assert_eq!(client.stdin(1, b""), Err(client::Refused::Closed));
    client.close();
    client.cancel(1);
    assert!(client.output().is_empty() && client.is_finished());
}

#[test]
fn a_client_is_turned_away_in_any_state() {
    let failure = || Failure::new(Code::Busy, "all places are taken");
    let mut fresh = Server::new(Settings::default(), T0);
    let mut running = server();
    tell(&mut running, EXEC, b"");
    for server in [&mut fresh, &mut running] {
        server.refuse(failure());
        server.refuse(failure());
        assert_eq!(closed(server, T0), Closed::Refused(failure()));
        let said = said(server);
        assert_eq!((kinds(&said), said[0].id(), said[0].code()), (vec!["error"], None, "busy"));
        assert!(server.is_finished());
    }
}
