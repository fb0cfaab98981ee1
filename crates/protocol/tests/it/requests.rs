//! The order of requests: ids, the pipeline, cancellation, going away.

use core::time::Duration;

use framing_protocol::client::{self, Refused};
use framing_protocol::message::{
    Code, Command, Entry, EntryKind, Exec, Exit, Failure, Get, Outcome, PIPELINE,
};
use framing_protocol::server::{Event, Server, Settings};
use framing_protocol::{Closed, Machine};

use crate::support::{
    Said, T0, client, closed, feed, frame, kinds, said, server, tell, tell_client,
};

fn upper(id: u64) -> String {
    format!(r#"{{"type":"upper","id":{id}}}"#)
}

#[test]
fn ids_rise_strictly_over_all_kinds_of_requests() {
    for (first, second, rises) in [(1, 2, true), (7, 1000, true), (7, 7, false), (7, 6, false)] {
        let mut server = server();
        assert!(tell(&mut server, &upper(first), b"").is_some());
        server.upper(first, "");
        let event =
            tell(&mut server, &format!(r#"{{"type":"get","id":{second},"path":"a"}}"#), b"");
        assert_eq!(matches!(event, Some(Event::Get { .. })), rises, "{first} {second}");
    }
    let mut server = server();
    assert!(tell(&mut server, &upper(u64::MAX), b"").is_some());
    server.upper(u64::MAX, "");
    assert!(matches!(tell(&mut server, &upper(1), b""), Some(Event::Closed { .. })));
}

#[test]
fn sixteen_unanswered_requests_are_served_in_order() {
    let mut server = server();
    for id in 1..=PIPELINE as u64 {
        feed(&mut server, &frame(&upper(id), format!("text {id}").as_bytes()), T0);
    }
    for id in 1..=PIPELINE as u64 {
        assert_eq!(server.poll_event(T0), Some(Event::Upper { id }));
        assert_eq!(server.body(), format!("text {id}").as_bytes());
        assert_eq!(server.poll_event(T0), None, "one at a time");
        assert_eq!(server.body(), b"", "the body is lent until the next poll");
        server.upper(id, "x");
    }
    let ids: Vec<_> = said(&mut server).iter().map(|said| said.id().unwrap()).collect();
    assert!(ids.into_iter().eq(1..=PIPELINE as u64));
}

#[test]
fn the_seventeenth_is_a_violation_and_an_answer_makes_place() {
    for answered in [false, true] {
        let mut server = server();
        for id in 1..=PIPELINE as u64 {
            feed(&mut server, &frame(&upper(id), b""), T0);
        }
        assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 1 }));
        assert_eq!(server.poll_event(T0), None);
        if answered {
            server.upper(1, "");
            assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 2 }));
        }
        feed(&mut server, &frame(&upper(17), b""), T0);
        let violated = matches!(server.poll_event(T0), Some(Event::Closed { .. }));
        assert_eq!(violated, !answered);
    }
}

#[test]
fn the_client_refuses_the_seventeenth_before_and_after_welcome() {
    let fresh = client::Client::new(client::Settings::default(), T0);
    for mut client in [fresh, client()] {
        for id in 1..=PIPELINE as u64 {
            assert_eq!(client.upper(b"a"), Ok(id));
        }
        assert_eq!(client.upper(b"a"), Err(Refused::PipelineFull));
        assert_eq!(client.get(&Get::new("a".into())), Err(Refused::PipelineFull));
    }
    let temporary = [Refused::PipelineFull, Refused::QueueFull, Refused::ExecRunning];
    let lasting = [Refused::TooLarge, Refused::NoInput, Refused::GoingAway, Refused::Closed];
    assert!(temporary.into_iter().all(Refused::is_temporary));
    assert!(!lasting.into_iter().any(Refused::is_temporary));
    let mut client = client();
    for _ in 0..PIPELINE {
        client.upper(b"a").unwrap();
    }
    tell_client(&mut client, r#"{"type":"upper","id":1}"#, b"A");
    assert_eq!(client.upper(b"a"), Ok(17));
}

#[test]
fn a_waiting_request_is_cancelled_unseen() {
    let mut server = server();
    assert_eq!(tell(&mut server, &upper(1), b""), Some(Event::Upper { id: 1 }));
    assert_eq!(tell(&mut server, &upper(2), b"two"), None);
    assert_eq!(tell(&mut server, &upper(3), b"three"), None);
    for _ in 0..2 {
        assert_eq!(tell(&mut server, r#"{"type":"cancel","id":2}"#, b""), None);
    }
    let answers = said(&mut server);
    assert_eq!(kinds(&answers), ["error"], "out of turn, and once");
    assert_eq!((answers[0].id(), answers[0].code()), (Some(2), "cancelled"));
    server.upper(1, "");
    assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 3 }));
    assert_eq!(server.body(), b"three");
}

#[test]
fn the_active_request_is_cancelled_by_its_application() {
    let mut server = server();
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    let cancel = r#"{"type":"cancel","id":1}"#;
    assert_eq!(tell(&mut server, cancel, b""), Some(Event::Cancel { id: 1 }));
    assert_eq!(tell(&mut server, cancel, b""), None, "it is told once");
    server.data(1, b"still on its way");
    server.fail(1, Failure::new(Code::Cancelled, "as you wish"));
    server.data(1, b"void");
    server.fail(1, Failure::new(Code::Io, "void"));
    assert_eq!(kinds(&said(&mut server)), ["data", "error"]);
    assert_eq!(tell(&mut server, cancel, b""), None, "an ended id is dropped");
    assert_eq!(tell(&mut server, &upper(2), b""), Some(Event::Upper { id: 2 }));
}

#[test]
fn verbs_that_do_not_fit_the_active_request_are_void() {
    let mut server = server();
    tell(&mut server, r#"{"type":"exec","id":3,"argv":["a"]}"#, b"");
    server.upper(3, "x");
    server.data(3, b"x");
    server.entries_end(3);
    server.stdout(3, b"before started");
    server.stdout(2, b"x");
    server.fail(2, Failure::new(Code::Io, ""));
    server.stdin_taken(3, u64::MAX);
    assert!(server.output().is_empty());
    server.started(3, 9);
    server.started(3, 9);
    server.stdout(3, b"out");
    assert_eq!(kinds(&said(&mut server)), ["started", "stdout"]);

    let mut server = crate::support::server();
    tell(&mut server, r#"{"type":"get","id":3,"path":"a"}"#, b"");
    server.started(3, 9);
    let (outcome, duration) = (Outcome::Exited { code: 0 }, Duration::ZERO);
    server.exit(3, Exit { outcome, truncated: false, duration });
    assert!(server.output().is_empty());
}

#[test]
fn an_unknown_type_ends_what_it_names_and_nothing_else() {
    let mut server = server();
    let unknown = |id| format!(r#"{{"type":"teleport","id":{id}}}"#);
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    tell(&mut server, &upper(2), b"");
    assert_eq!(tell(&mut server, &unknown(2), b"body to skip"), None);
    assert_eq!(tell(&mut server, &unknown(3), b""), None);
    assert_eq!(tell(&mut server, &unknown(1), b""), Some(Event::Cancel { id: 1 }));
    let answers = said(&mut server);
    assert_eq!(answers.iter().map(Said::id).collect::<Vec<_>>(), [Some(2), Some(3), Some(1)]);
    assert!(answers.iter().all(|said| said.code() == "unknown"));
    server.data(1, b"nobody waits for it");
    server.fail(1, Failure::new(Code::Cancelled, ""));
    assert!(server.output().is_empty(), "the end of 1 was told");
    assert_eq!(tell(&mut server, &upper(4), b""), Some(Event::Upper { id: 4 }));
    server.upper(4, "");
    tell(&mut server, &unknown(7), b"");
    let event = tell(&mut server, &upper(6), b"");
    assert!(matches!(event, Some(Event::Closed { .. })), "7 may have been a request: {event:?}");
}

#[test]
fn goaway_finishes_what_was_accepted_and_nothing_more() {
    let mut server = server();
    tell(&mut server, &upper(1), b"");
    tell(&mut server, &upper(2), b"");
    server.goaway("maintenance");
    server.goaway("again");
    assert_eq!(tell(&mut server, &upper(3), b""), None);
    assert!(!server.is_finished());
    server.upper(1, "A");
    assert_eq!(server.poll_event(T0), Some(Event::Upper { id: 2 }));
    server.upper(2, "B");
    assert_eq!(closed(&mut server, T0), Closed::GoneAway);
    let said = said(&mut server);
    assert_eq!(kinds(&said), ["goaway", "upper", "upper"]);
    assert_eq!(said[0].header["last_id"], 2);
    assert!(server.is_finished());
}

#[test]
fn goaway_before_hello_is_a_clear_error() {
    let mut server = Server::new(Settings::default(), T0);
    server.goaway("maintenance");
    assert_eq!(closed(&mut server, T0), Closed::GoneAway);
    assert_eq!(said(&mut server)[0].code(), "shutting_down");
    assert!(server.is_finished());
}

#[test]
fn a_client_told_to_go_away_keeps_what_was_accepted() {
    let mut client = client();
    for _ in 0..3 {
        client.upper(b"a").unwrap();
    }
    let goaway = r#"{"type":"goaway","reason":"r","last_id":1}"#;
    let event = tell_client(&mut client, goaway, b"");
    assert_eq!(event, Some(client::Event::Goaway { reason: "r".to_owned(), last_id: 1 }));
    for id in [2, 3] {
        let Some(client::Event::Error { id: failed, failure }) = client.poll_event(T0) else {
            panic!()
        };
        assert_eq!((failed, failure.code), (id, Code::ShuttingDown));
    }
    assert_eq!(client.upper(b""), Err(Refused::GoingAway));
    let event = tell_client(&mut client, r#"{"type":"upper","id":1}"#, b"A");
    assert_eq!(event, Some(client::Event::Upper { id: 1 }));
}

#[test]
fn an_exec_is_exclusive_on_both_sides() {
    let mut client = client();
    assert_eq!(client.upper(b"first"), Ok(1));
    assert_eq!(client.exec(&Exec::new(Command::Shell("true".into()))), Ok(2));
    assert_eq!(client.upper(b""), Err(Refused::ExecRunning));
    assert_eq!(client.list(&"".into()), Err(Refused::ExecRunning));
    assert!(client.ping().is_ok());

    let mut server = server();
    tell(&mut server, &upper(1), b"");
    assert_eq!(tell(&mut server, r#"{"type":"exec","id":2,"argv":["a"]}"#, b""), None);
    let event = tell(&mut server, &upper(3), b"");
    assert!(matches!(event, Some(Event::Closed { reason: Closed::Violation(_) })), "{event:?}");
}

#[test]
fn a_version_that_is_not_spoken_is_named() {
    for version in [0, 2, u32::MAX] {
        let mut server = Server::new(Settings::default(), T0);
        let hello = format!(r#"{{"type":"hello","version":{version},"new":[1]}}"#);
        feed(&mut server, &frame(&hello, b""), T0);
        let Closed::Violation(failure) = closed(&mut server, T0) else { panic!() };
        assert_eq!(failure.code, Code::Version);
        assert!(failure.message.contains(&version.to_string()), "{failure}");
        assert_eq!(said(&mut server)[0].code(), "version");
    }
}

#[test]
fn verbs_before_welcome_go_out_behind_the_hello() {
    let mut client = client::Client::new(client::Settings::default(), T0);
    client.upper(b"a").unwrap();
    client.ping().unwrap();
    client.get(&Get::new("f".into())).unwrap();
    assert_eq!(kinds(&said(&mut client)), ["hello", "upper", "ping", "get"]);
}

#[test]
fn close_waits_for_the_answers_that_are_due() {
    let mut client = client();
    client.upper(b"a").unwrap();
    client.close();
    assert_eq!(client.upper(b"b"), Err(Refused::Closed));
    assert_eq!(client.poll_event(T0), None);
    let event = tell_client(&mut client, r#"{"type":"upper","id":1}"#, b"A");
    assert_eq!(event, Some(client::Event::Upper { id: 1 }));
    assert_eq!(client.body(), b"A");
    assert_eq!(client.poll_event(T0), Some(client::Event::Closed { reason: Closed::Clean }));
    assert_eq!(client.body(), b"");
    assert!(!client.is_finished(), "the request was not written");
    said(&mut client);
    assert!(client.is_finished());
}

#[test]
fn what_an_unknown_type_has_ended_stands_in_nobodys_way() {
    let mut server = server();
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    let cancel = r#"{"type":"cancel","id":1}"#;
    let unknown = r#"{"type":"teleport","id":1}"#;
    assert_eq!(tell(&mut server, cancel, b""), Some(Event::Cancel { id: 1 }));
    assert_eq!(tell(&mut server, unknown, b""), None, "it is told once");
    assert_eq!(tell(&mut server, unknown, b""), None, "it is told once");
    assert_eq!(tell(&mut server, cancel, b""), None, "it has ended");
    assert_eq!(tell(&mut server, &upper(2), b""), Some(Event::Upper { id: 2 }));
    for id in 3..=17 {
        assert_eq!(tell(&mut server, &upper(id), b""), None, "no place is taken");
    }
    server.data(1, b"void");
    server.fail(1, Failure::new(Code::Cancelled, ""));
    assert_eq!(kinds(&said(&mut server)), ["error", "error"]);
}

#[test]
fn an_unknown_type_behind_an_exec_ends_the_connection_and_with_it_the_command() {
    let exec = r#"{"type":"exec","id":1,"argv":["a"]}"#;
    for unknown in [1, 2, 9].map(|id| format!(r#"{{"type":"teleport","id":{id}}}"#)) {
        let mut server = server();
        tell(&mut server, exec, b"");
        server.started(1, 9);
        said(&mut server);
        let event = tell(&mut server, &unknown, b"some body");
        let Some(Event::Closed { reason: Closed::Violation(failure) }) = event else {
            panic!("{event:?}")
        };
        assert_eq!(failure.code, Code::Unknown);
        let said = said(&mut server);
        assert_eq!((kinds(&said), said[0].id()), (vec!["error"], None));
        assert!(server.is_finished());
    }
}

#[test]
fn a_client_cancels_what_is_open_and_nothing_else() {
    let mut client = client();
    client.upper(b"a").unwrap();
    said(&mut client);
    client.cancel(2);
    assert!(client.output().is_empty(), "there is no second request");
    client.cancel(1);
    let cancel = said(&mut client);
    assert_eq!((kinds(&cancel), cancel[0].id()), (vec!["cancel"], Some(1)));
}

#[test]
fn the_client_refuses_the_seventeenth_ping_until_one_is_answered() {
    let mut client = client();
    let ids: Vec<_> = (0..PIPELINE).map(|_| client.ping().unwrap()).collect();
    assert_eq!(client.ping(), Err(Refused::PipelineFull));
    assert_eq!(client.upper(b"a"), Ok(1), "requests are counted apart");
    let pong = format!(r#"{{"type":"pong","id":{}}}"#, ids[0]);
    let event = tell_client(&mut client, &pong, b"");
    assert_eq!(event, Some(client::Event::Pong { id: ids[0] }));
    assert!(client.ping().is_ok());
}

#[test]
fn a_path_itself_is_told_in_one_answer() {
    let mut server = server();
    let asked = tell(&mut server, r#"{"type":"stat","id":1,"path":"a"}"#, b"");
    assert_eq!(asked, Some(Event::Stat { id: 1, path: "a".into() }));
    server.entries_end(1);
    assert!(said(&mut server).is_empty(), "that is no answer to it");
    server.entry(1, Entry { mode: Some(0o644), ..Entry::new("a".into(), EntryKind::File, 3) });
    server.entry(1, Entry::new("again".into(), EntryKind::File, 3));
    let [answer] = &said(&mut server)[..] else { panic!() };
    let told = serde_json::json!({
        "type": "entry", "id": 1, "name": "a", "kind": "file", "size": 3, "mode": 420
    });
    assert_eq!(answer.header, told);
    let mut client = client();
    let id = client.stat(&"a".into()).unwrap();
    let answered = tell_client(&mut client, &told.to_string(), b"");
    let Some(client::Event::Entry { id: of, entry }) = answered else { panic!("{answered:?}") };
    assert_eq!((of, entry.mode, entry.modified), (id, Some(0o644), None));
}
