//! `get` of what is missing.

use crate::support::{client, said, tell_client};
use framing_protocol::Closed;
use framing_protocol::client::{Client, Event};
use framing_protocol::message::{Code, Digest, DigestKind, Get, Resume};

/// A client that has `offset` bytes of a file, and waits for the rest with an SHA-256.
fn waiting(offset: u64) -> Client {
    let mut client = client();
    let resume = Resume { offset, etag: None, prefix: Digest::Blake3([1; 32]) };
    let digest = DigestKind::Sha256;
    client.get(&Get { resume: Some(resume), digest, ..Get::new("a".into()) }).unwrap();
    let asked = said(&mut client);
    assert_eq!(asked[0].header["offset"], offset);
    client
}

fn file(total_size: u64, offset: u64) -> String {
    format!(
        r#"{{"type":"file","id":1,"filename":"a","total_size":{total_size},"offset":{offset},"etag":"e"}}"#
    )
}

fn end(kind: &str, digits: usize) -> String {
    format!(r#"{{"type":"file_end","id":1,"digest":"{kind}:{}"}}"#, "0".repeat(digits))
}

fn is_violation(event: Option<&Event>) -> bool {
    matches!(event, Some(Event::Closed { reason: Closed::Violation(failure) }) if failure.code == Code::Protocol)
}

#[test]
fn it_goes_on_where_it_was_asked_to_or_begins_anew() {
    for (offset, missing) in [(5, 3), (0, 8)] {
        let mut client = waiting(5);
        for bytes in [1, 5] {
            let verifying = format!(r#"{{"type":"verifying","id":1,"bytes":{bytes}}}"#);
            let event = tell_client(&mut client, &verifying, b"");
            assert_eq!(event, Some(Event::Verifying { id: 1, bytes }));
        }
        let event = tell_client(&mut client, &file(8, offset), b"");
        let Some(Event::File { file, .. }) = event else { panic!("{event:?}") };
        assert_eq!((file.offset, file.etag.as_deref()), (offset, Some("e")));
        let data = vec![b'x'; missing];
        let event = tell_client(&mut client, r#"{"type":"data","id":1}"#, &data);
        assert_eq!(event, Some(Event::Data { id: 1 }));
        let event = tell_client(&mut client, &end("sha256", 64), b"");
        assert_eq!(event, Some(Event::FileEnd { id: 1, digest: Digest::Sha256([0; 32]) }));
    }
}

#[test]
fn it_begins_nowhere_else_and_is_as_long_as_it_says() {
    for (total_size, offset) in [(8, 4), (8, 6), (4, 5), (0, 1), (5, u64::MAX)] {
        let event = tell_client(&mut waiting(5), &file(total_size, offset), b"");
        assert!(is_violation(event.as_ref()), "{total_size} {offset}: {event:?}");
    }
    // Nothing is missing: the offset is the size.
    let mut client = waiting(5);
    tell_client(&mut client, &file(5, 5), b"").unwrap();
    let event = tell_client(&mut client, r#"{"type":"data","id":1}"#, b"x");
    assert!(is_violation(event.as_ref()), "{event:?}");
    let mut client = waiting(5);
    tell_client(&mut client, &file(5, 5), b"").unwrap();
    let event = tell_client(&mut client, &end("sha256", 64), b"");
    assert!(matches!(event, Some(Event::FileEnd { .. })), "{event:?}");
}

#[test]
fn it_ends_with_the_digest_that_was_asked_for() {
    for (kind, digits) in [("blake3", 64), ("md5", 32)] {
        let mut client = waiting(5);
        tell_client(&mut client, &file(5, 5), b"").unwrap();
        let event = tell_client(&mut client, &end(kind, digits), b"");
        assert!(is_violation(event.as_ref()), "{kind}: {event:?}");
    }
}

#[test]
fn nothing_is_verified_once_the_file_is_there() {
    let mut client = waiting(5);
    tell_client(&mut client, &file(8, 5), b"").unwrap();
    let event = tell_client(&mut client, r#"{"type":"verifying","id":1,"bytes":1}"#, b"");
    assert!(is_violation(event.as_ref()), "{event:?}");
}
