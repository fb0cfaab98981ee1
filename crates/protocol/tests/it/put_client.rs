//! A file that we bring, at the client: which verb is taken when, credit and room, and what ends it.

use framing_protocol::client::{Client, Event, Refused};
use framing_protocol::message::{
    Code, Command, Digest, DigestKind, Exec, Held, MAX_BODY, MAX_HEADER, Put,
};
use framing_protocol::{Closed, End, Machine};

use crate::support::{T0, client, client_closed, kinds, said, tell_client};

const BLAKE3: Digest = Digest::Blake3([7; 32]);

/// A client that has asked to bring a file.
fn asked(put: &Put) -> Client {
    let mut client = client();
    assert_eq!(client.put(put), Ok(1));
    assert_eq!(kinds(&said(&mut client)), ["put"]);
    client
}

/// The same, with the server ready.
fn offered(put: &Put, held: Option<Held>, window: u64) -> Client {
    let mut client = asked(put);
    let held_too = held.map_or(String::new(), |Held { offset, prefix }| {
        format!(r#","offset":{offset},"prefix":"{prefix}""#)
    });
    let ready = format!(r#"{{"type":"ready","id":1,"window":{window}{held_too}}}"#);
    assert_eq!(tell_client(&mut client, &ready, b""), Some(Event::Ready { id: 1, held }));
    client
}

/// The same, with the content begun.
fn sending(size: Option<u64>, window: u64) -> Client {
    let mut client = offered(&Put { size, ..put() }, None, window);
    client.begin(1, 0).unwrap();
    said(&mut client);
    client
}

fn put() -> Put {
    Put::new("a".into())
}

fn resumed() -> Put {
    Put { size: Some(8), resume: true, ..put() }
}

fn held(offset: u64) -> Held {
    Held { offset, prefix: Digest::Blake3([1; 32]) }
}

fn stored(digest: Digest) -> String {
    format!(r#"{{"type":"stored","id":1,"digest":"{digest}"}}"#)
}

/// None of the verbs of a `put` is taken, and nothing is said.
fn assert_refused(client: &mut Client, refused: Refused) {
    assert_eq!(client.begin(1, 0), Err(refused));
    assert_eq!(client.data(1, b"d"), Err(refused));
    assert_eq!(client.data(1, b""), Err(refused));
    assert_eq!(client.file_end(1, BLAKE3), Err(refused));
    assert!(client.output().is_empty());
}

#[test]
fn content_is_cut_to_the_credit() {
    let mut client = sending(None, 300_000);
    assert_eq!(client.credit(1), 300_000);
    assert_eq!(client.data(1, b""), Ok(0));
    assert!(client.output().is_empty(), "nothing is no message");
    assert_eq!(client.data(1, &vec![1; 400_000]), Ok(300_000));
    assert_eq!((client.data(1, b"more"), client.credit(1)), (Ok(0), 0));
    let pieces: Vec<_> = said(&mut client).iter().map(|said| said.body.len()).collect();
    assert_eq!(pieces, [MAX_BODY, 300_000 - MAX_BODY]);
    let event = tell_client(&mut client, r#"{"type":"window","id":1,"bytes":2}"#, b"");
    assert_eq!(event, Some(Event::Window { id: 1 }));
    assert_eq!((client.data(1, b"more"), client.data(1, b"re")), (Ok(2), Ok(0)));
}

#[test]
fn content_is_cut_to_the_room() {
    let mut client = sending(None, u64::MAX);
    let room = client.room();
    assert_eq!(client.data(1, &vec![0; 4 << 20]), Ok(room));
    assert_eq!(client.data(1, b"more"), Ok(0));
    said(&mut client);
    assert_eq!(client.data(1, b"more"), Ok(4));
}

#[test]
fn content_is_cut_to_the_size_that_was_announced() {
    let mut client = sending(Some(5), 300_000);
    assert_eq!(client.credit(1), 5);
    assert_eq!((client.data(1, b"123"), client.credit(1)), (Ok(3), 2));
    assert_eq!(client.file_end(1, BLAKE3), Err(Refused::Incomplete));
    assert_eq!((client.data(1, b"4567"), client.data(1, b"67")), (Ok(2), Ok(0)));
    client.file_end(1, BLAKE3).unwrap();
    assert_eq!(kinds(&said(&mut client)), ["data", "data", "file_end"]);
}

#[test]
fn a_window_without_end_is_a_violation() {
    for (window, more) in [(1, u64::MAX), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
        let mut client = sending(None, window);
        let window = format!(r#"{{"type":"window","id":1,"bytes":{more}}}"#);
        let event = tell_client(&mut client, &window, b"");
        let Some(Event::Closed { reason: Closed::Violation(failure) }) = event else {
            panic!("{event:?}")
        };
        assert_eq!(failure.message, "a window for 1 without end");
    }
    let mut client = sending(None, 0);
    for more in [0, u64::MAX - 1, 1] {
        let window = format!(r#"{{"type":"window","id":1,"bytes":{more}}}"#);
        assert_eq!(tell_client(&mut client, &window, b""), Some(Event::Window { id: 1 }));
    }
}

#[test]
fn a_verb_has_its_time() {
    assert_refused(&mut client(), Refused::NoInput);
    let mut other = client();
    other.upper(b"a").unwrap();
    said(&mut other);
    assert_refused(&mut other, Refused::NoInput);
    assert_refused(&mut asked(&put()), Refused::NoInput);
    assert_eq!(asked(&put()).credit(1), 0);

    let mut client = offered(&put(), None, 9);
    assert_eq!((client.data(1, b"d"), client.credit(1)), (Err(Refused::NoInput), 0));
    assert_eq!(client.file_end(1, BLAKE3), Err(Refused::NoInput));
    assert_eq!(
        (client.stdin(1, b"s"), client.begin(2, 0)),
        (Err(Refused::NoInput), Err(Refused::NoInput))
    );
    client.stdin_end(1);
    client.signal(1, "INT");
    assert!(client.output().is_empty(), "it is no command");
    client.begin(1, 0).unwrap();
    assert_eq!(client.begin(1, 0), Err(Refused::NoInput));
    for wrong in [Digest::Sha256([7; 32]), Digest::Md5([7; 16])] {
        assert_eq!(client.file_end(1, wrong), Err(Refused::Incomplete));
    }
    client.file_end(1, BLAKE3).unwrap();
    assert_eq!(kinds(&said(&mut client)), ["begin", "file_end"]);
    assert_refused(&mut client, Refused::NoInput);
    assert_eq!(client.credit(1), 0);
    assert_eq!(tell_client(&mut client, &stored(BLAKE3), b""), Some(Event::Stored { id: 1 }));
    assert_refused(&mut client, Refused::NoInput);
    client.cancel(1);
    assert!(client.output().is_empty(), "it has ended");
}

#[test]
fn it_begins_where_the_server_goes_on_or_at_the_beginning_and_nowhere_else() {
    for (offset, missing) in [(5, 3), (0, 8)] {
        let mut client = offered(&resumed(), Some(held(5)), 1000);
        for nowhere in [1, 4, 6, 8, u64::MAX] {
            assert_eq!(client.begin(1, nowhere), Err(Refused::Senseless));
        }
        client.begin(1, offset).unwrap();
        assert_eq!(client.credit(1), missing);
        assert_eq!(client.data(1, b"0123456789"), Ok(missing));
        client.file_end(1, BLAKE3).unwrap();
        let said = said(&mut client);
        assert_eq!(kinds(&said), ["begin", "data", "file_end"]);
        assert_eq!(said[0].header["offset"].as_u64().unwrap_or(0), offset);
        assert_eq!(tell_client(&mut client, &stored(BLAKE3), b""), Some(Event::Stored { id: 1 }));
    }
    // Nothing is missing.
    let mut client = offered(&resumed(), Some(held(8)), 1000);
    client.begin(1, 8).unwrap();
    assert_eq!(client.data(1, b"9"), Ok(0));
    client.file_end(1, BLAKE3).unwrap();
}

#[test]
fn what_makes_no_sense_or_has_no_place_is_not_asked() {
    let md5 = Put { digest: DigestKind::Md5, ..resumed() };
    let mut client = client();
    for senseless in [Put { size: None, ..resumed() }, md5] {
        assert_eq!(client.put(&senseless), Err(Refused::Senseless));
    }
    let long = Put::new("a".repeat(MAX_HEADER).as_str().into());
    assert_eq!(client.put(&long), Err(Refused::TooLarge));
    assert!(!Refused::Senseless.is_temporary() && !Refused::Incomplete.is_temporary());
    client.exec(&Exec::new(Command::Shell("true".into()))).unwrap();
    assert_eq!(client.put(&put()), Err(Refused::ExecRunning));
    said(&mut client);

    let mut client = crate::support::client();
    for id in 1..=16 {
        assert_eq!(client.put(&put()), Ok(id));
    }
    assert_eq!(client.put(&put()), Err(Refused::PipelineFull));
    let mut client = crate::support::client();
    while client.upper(&vec![b'u'; MAX_BODY]).is_ok() {}
    assert_eq!(client.put(&put()), Err(Refused::QueueFull));
}

#[test]
fn an_error_ends_it_in_mid_upload_and_the_next_request_works() {
    let mut client = sending(None, 1000);
    client.data(1, b"on its way").unwrap();
    said(&mut client);
    let event = tell_client(&mut client, r#"{"type":"error","id":1,"code":"no_space"}"#, b"");
    assert!(matches!(event, Some(Event::Error { id: 1, .. })), "{event:?}");
    assert_refused(&mut client, Refused::NoInput);
    let late = tell_client(&mut client, r#"{"type":"window","id":1,"bytes":5}"#, b"");
    assert_eq!((late, client.credit(1)), (None, 0));
    assert_eq!(client.put(&put()), Ok(2));
}

#[test]
fn a_cancelled_one_goes_on_until_it_has_ended() {
    let mut client = sending(None, 1000);
    client.cancel(1);
    assert_eq!(client.data(1, b"d"), Ok(1));
    client.file_end(1, BLAKE3).unwrap();
    assert_eq!(kinds(&said(&mut client)), ["cancel", "data", "file_end"]);
    assert_eq!(tell_client(&mut client, &stored(BLAKE3), b""), Some(Event::Stored { id: 1 }));
}

#[test]
fn what_was_not_accepted_before_a_goaway_takes_no_content() {
    for (last, kept) in [(1, true), (0, false)] {
        let mut client = sending(None, 1000);
        let goaway = format!(r#"{{"type":"goaway","reason":"drain","last_id":{last}}}"#);
        assert!(tell_client(&mut client, &goaway, b"").is_some());
        assert_eq!(client.put(&put()), Err(Refused::GoingAway));
        if kept {
            assert_eq!(client.data(1, b"rest"), Ok(4));
            assert!(client.file_end(1, BLAKE3).is_ok());
        } else {
            assert_refused(&mut client, Refused::NoInput);
            let event = client.poll_event(T0);
            let Some(Event::Error { id: 1, failure }) = event else { panic!("{event:?}") };
            assert_eq!(failure.code, Code::ShuttingDown);
        }
    }
}

#[test]
fn to_close_cancels_what_can_no_longer_be_sent() {
    let whole = || {
        let mut client = sending(None, 1000);
        client.file_end(1, BLAKE3).unwrap();
        said(&mut client);
        client
    };
    let scenes: [(&dyn Fn() -> Client, bool); 4] = [
        (&|| asked(&put()), true),
        (&|| offered(&put(), None, 9), true),
        (&|| sending(None, 9), true),
        (&whole, false),
    ];
    for (scene, cancels) in scenes {
        let mut client = scene();
        client.close();
        client.close();
        let said = said(&mut client);
        assert_eq!(kinds(&said), if cancels { &["cancel"][..] } else { &[] });
        assert_refused(&mut client, Refused::Closed);
        assert!(!client.is_finished(), "its answer is due");
        let answer = if cancels {
            r#"{"type":"error","id":1,"code":"cancelled"}"#.to_owned()
        } else {
            stored(BLAKE3)
        };
        assert!(tell_client(&mut client, &answer, b"").is_some());
        assert_eq!(client_closed(&mut client, T0), Closed::Clean);
    }
    let mut client = client();
    client.upper(b"a").unwrap();
    said(&mut client);
    client.close();
    assert!(client.output().is_empty(), "its answer comes by itself");
}

#[test]
fn a_server_that_ends_before_it_is_stored_is_lost() {
    for end in [End::Fin, End::Authenticated, End::Loss] {
        let mut client = sending(None, 1000);
        client.file_end(1, BLAKE3).unwrap();
        client.input_ended(end, T0);
        assert_eq!(client_closed(&mut client, T0), Closed::Lost);
        assert_refused(&mut client, Refused::Closed);
    }
}
