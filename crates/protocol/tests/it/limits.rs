//! Claimed lengths: refused at the head, before anything is held for them.

use framing_protocol::message::{
    Code, Command, Digest, Entry, EntryKind, Exec, Failure, File, Get, MAX_BODY, MAX_HEADER, Text,
};
use framing_protocol::server::Event;
use framing_protocol::{Closed, Machine, client, server};

use crate::support::{T0, client, client_closed, closed, feed, frame, kinds, said, server, tell};

fn head(header: u32, body: u64) -> Vec<u8> {
    [&header.to_be_bytes()[..], &body.to_be_bytes()].concat()
}

#[test]
fn a_claim_over_the_limits_is_fatal_at_the_head() {
    let (header, body) = (u32::try_from(MAX_HEADER).unwrap(), MAX_BODY as u64);
    for (h, b) in [
        (u32::MAX, 0),
        (u32::MAX - 1, 0),
        (1 << 31, 0),
        (header + 1, 0),
        (2, u64::MAX),
        (2, u64::MAX - 16),
        (2, 1 << 63),
        (2, 1 << 32),
        (2, body + 1),
        (u32::MAX, u64::MAX),
    ] {
        let mut server = server();
        feed(&mut server, &head(h, b), T0);
        let Closed::Violation(failure) = closed(&mut server, T0) else { panic!("{h} {b}") };
        assert_eq!(failure.code, Code::TooLarge, "{h} {b}");
        let said = said(&mut server);
        assert_eq!(
            (kinds(&said), said[0].id(), said[0].code()),
            (vec!["error"], None, "too_large")
        );
        assert!(server.is_finished());

        let mut client = client();
        feed(&mut client, &head(h, b), T0);
        assert!(matches!(client_closed(&mut client, T0), Closed::Violation(_)));
    }
}

#[test]
fn a_claim_at_the_limits_is_only_waited_for() {
    let mut server = server();
    feed(&mut server, &head(u32::try_from(MAX_HEADER).unwrap(), MAX_BODY as u64), T0);
    assert_eq!(server.poll_event(T0), None);
    assert!(server.wants_input());
    assert!(server.space().len() < 64 * 1024, "nothing is reserved on a claim");
}

#[test]
fn the_largest_message_is_taken_and_the_largest_answer_given() {
    let mut server = server();
    let mut header = r#"{"type":"upper","id":1,"pad":""#.to_owned();
    header += &"x".repeat(MAX_HEADER - header.len() - 2);
    header += "\"}";
    assert_eq!(header.len(), MAX_HEADER);
    let body = vec![b'a'; MAX_BODY];
    assert_eq!(tell(&mut server, &header, &body), Some(Event::Upper { id: 1 }));
    assert_eq!(server.body(), body);
    server.upper(1, &"A".repeat(MAX_BODY));
    assert_eq!(said(&mut server)[0].body.len(), MAX_BODY);
}

#[test]
fn an_answer_that_outgrows_a_message_fails_its_request_alone() {
    let mut server = server();
    for (id, request) in [
        (1, r#"{"type":"upper","id":1}"#),
        (2, r#"{"type":"get","id":2,"path":"a"}"#),
        (3, r#"{"type":"list","id":3,"path":"a"}"#),
    ] {
        assert!(tell(&mut server, request, b"").is_some());
        let long = Text::from("x".repeat(MAX_BODY + 1));
        match id {
            1 => server.upper(1, &"\u{390}".to_uppercase().repeat(MAX_BODY / 6 + 1)),
            2 => server.file(2, File::new(long, 0)),
            _ => server.entries(3, &[Entry::new(long, EntryKind::File, 0)]),
        }
        let said = said(&mut server);
        assert_eq!(kinds(&said), ["error"]);
        assert_eq!((said[0].id(), said[0].code()), (Some(id), "too_large"));
    }
    assert_eq!(tell(&mut server, r#"{"type":"upper","id":4}"#, b""), Some(Event::Upper { id: 4 }));
}

#[test]
fn an_error_whose_text_outgrows_a_message_is_told_without_it() {
    let mut server = server();
    tell(&mut server, r#"{"type":"upper","id":1}"#, b"");
    let text = "\u{1}".repeat(MAX_HEADER);
    server.fail(1, Failure::new(Code::Io, text.clone()));
    server.goaway(&text);
    assert_eq!(kinds(&said(&mut server)), ["error", "goaway"]);
}

#[test]
fn a_client_refuses_what_would_be_too_large_and_stays_usable() {
    let mut client = client();
    let long = "x".repeat(MAX_HEADER);
    assert_eq!(client.upper(&vec![0; MAX_BODY + 1]), Err(client::Refused::TooLarge));
    assert_eq!(client.get(&Get::new(long.as_str().into())), Err(client::Refused::TooLarge));
    let exec = Exec::new(Command::Argv(vec![long.into()]));
    assert_eq!(client.exec(&exec), Err(client::Refused::TooLarge));
    assert!(client.output().is_empty());
    assert_eq!(client.upper(&vec![0; MAX_BODY]), Ok(1));
    assert_eq!(kinds(&said(&mut client)), ["upper"]);
}

#[test]
fn what_a_peer_wrote_is_quoted_in_short() {
    for header in [
        format!(r#"{{"type":"{}","id":1}}"#, "\\u0001".repeat(8000)),
        format!(r#"{{"type":"exec","id":1,"argv":[],"stdin":"{}"}}"#, "x".repeat(60_000)),
    ] {
        let mut server = server();
        tell(&mut server, &header, b"");
        let said = said(&mut server);
        assert!(matches!(said[0].code(), "unknown" | "protocol"), "{}", said[0].code());
        assert!(said[0].header["message"].as_str().unwrap().chars().count() <= 200);
    }
}

#[test]
fn long_content_is_cut_into_messages_and_entries_only_between_lines() {
    let mut server = server();
    tell(&mut server, r#"{"type":"get","id":1,"path":"a"}"#, b"");
    let content: Vec<u8> = (0..600_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    server.data(1, &content);
    server.data(1, b"");
    let pieces = said(&mut server);
    assert_eq!(
        pieces.iter().map(|s| s.body.len()).collect::<Vec<_>>(),
        [MAX_BODY, MAX_BODY, 75_712]
    );
    assert_eq!(pieces.iter().flat_map(|s| s.body.clone()).collect::<Vec<_>>(), content);

    let digest = Digest::Blake3([0; 32]);
    server.file_end(1, digest);
    tell(&mut server, r#"{"type":"list","id":2,"path":"a"}"#, b"");
    let entries: Vec<_> = (0..10_000)
        .map(|i| Entry {
            modified: Some(0),
            ..Entry::new(format!("file {i}").into(), EntryKind::File, i)
        })
        .collect();
    server.entries(2, &entries);
    let pieces = said(&mut server);
    let mut read = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.kind() == "entries") {
        assert!(piece.body.len() <= MAX_BODY);
        for entry in Entry::lines(&piece.body) {
            read.push(entry.unwrap());
        }
    }
    assert_eq!(read, entries);
}

#[test]
fn entries_fill_their_messages() {
    let entry = |name: usize| Entry::new("x".repeat(name).into(), EntryKind::File, 0);
    let line = |name| serde_json::to_string(&entry(name)).unwrap().len() + 1;
    let around = line(0);
    let mut server = server();
    tell(&mut server, r#"{"type":"list","id":1,"path":"a"}"#, b"");
    // One line as long as a body, then two that are one together, then one byte more.
    server.entries(1, &[entry(MAX_BODY - around)]);
    server.entries(1, &[entry(1000), entry(MAX_BODY - 1000 - 2 * around)]);
    server.entries(1, &[entry(1000), entry(MAX_BODY - 1000 - 2 * around + 1)]);
    let bodies: Vec<usize> = said(&mut server).iter().map(|said| said.body.len()).collect();
    assert_eq!(bodies, [MAX_BODY, MAX_BODY, line(1000), MAX_BODY - line(1000) + 1]);
}

#[test]
fn a_flood_of_empty_frames_ends_at_the_first() {
    let mut server = server();
    feed(&mut server, &frame("", b"").repeat(1000), T0);
    assert!(matches!(closed(&mut server, T0), Closed::Violation(_)));
    assert_eq!(said(&mut server).len(), 1);
}

/// Texts that the application passes in may be of any length.
#[test]
fn what_an_application_says_at_too_great_length_is_told_without_it() {
    let text = "x".repeat(MAX_HEADER);
    let settings = client::Settings { agent: text.clone(), ..Default::default() };
    let mut client = client::Client::new(settings, T0);
    let hello = said(&mut client);
    assert_eq!((kinds(&hello), &hello[0].header["agent"]), (vec!["hello"], &"".into()));

    let mut server = server();
    let denied = Failure::new(Code::Denied, text.clone());
    server.refuse(denied.clone());
    assert_eq!(closed(&mut server, T0), Closed::Refused(denied));
    let error = said(&mut server);
    assert_eq!((kinds(&error), error[0].code()), (vec!["error"], "too_large"));

    // A server that cannot introduce itself ends the connection, and says why.
    let settings = server::Settings { agent: text, ..Default::default() };
    let mut server = server::Server::new(settings, T0);
    feed(&mut server, &frame(r#"{"type":"hello","version":1}"#, b""), T0);
    assert!(matches!(closed(&mut server, T0), Closed::Violation(_)));
    let error = said(&mut server);
    assert_eq!((kinds(&error), error[0].code()), (vec!["error"], "too_large"));
}
