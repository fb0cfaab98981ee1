//! Clients that break the rules: each is told or dropped, and the next one is served.

use crate::caller::{Caller, PATIENCE, open_server, options, serves_the_next, start};
use framing_protocol::Deadlines;
use framing_protocol::message::{ClientMessage, Hello, VERSION};
use framing_server::{Options, Running};
use framing_transport::{Stream, TlsStream};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;
use tempfile::tempdir;

fn raw(server: &Running) -> TlsStream {
    crate::caller::raw(server.addresses()[0])
}

fn frame(header: &[u8], body: &[u8]) -> Vec<u8> {
    [&head(header.len().try_into().unwrap(), body.len() as u64)[..], header, body].concat()
}

fn head(header: u32, body: u64) -> Vec<u8> {
    [&header.to_be_bytes()[..], &body.to_be_bytes()].concat()
}

fn hello() -> Vec<u8> {
    let hello =
        ClientMessage::Hello(Hello { version: VERSION, agent: "raw".to_owned(), pairing: false });
    frame(&serde_json::to_vec(&hello).unwrap(), b"")
}

/// All that the server says until it closes; a reset is an end like any other here.
fn all_of(mut stream: impl Read) -> String {
    let mut said = Vec::new();
    let mut space = vec![0; 65536];
    loop {
        match stream.read(&mut space) {
            Ok(0) => break,
            Ok(n) => said.extend_from_slice(&space[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the server neither answers nor closes: {error}"),
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn impatient() -> Options {
    let short = Duration::from_millis(300);
    let deadlines = Deadlines {
        hello: short,
        header: short,
        message: short,
        slow_reader: short,
        idle: 3 * short,
        ping: Duration::from_millis(100),
        pings: 3,
        close: short,
    };
    Options { deadlines, ..options() }
}

#[test]
fn bytes_that_are_no_message_are_answered_with_an_error() {
    let server = start(options());
    let cases: [(&str, Vec<u8>); 11] = [
        ("a header of 2^32 - 1 bytes", head(u32::MAX, 0)),
        ("a body of 2^64 - 1 bytes", head(2, u64::MAX)),
        ("both", head(u32::MAX, u64::MAX)),
        ("a body over the limit", [head(2, 256 * 1024 + 1), b"{}".to_vec()].concat()),
        ("no header at all", head(0, 0)),
        ("a header that is not JSON", frame(b"not json", b"")),
        ("a header that is no object", frame(b"[1,2]", b"")),
        ("a header that is not UTF-8", frame(b"{\"type\":\"hello\xff\"}", b"")),
        ("a key twice", frame(br#"{"type":"upper","id":1,"id":2}"#, b"")),
        (
            "deep nesting",
            frame(
                format!("{{\"type\":\"upper\",\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000))
                    .as_bytes(),
                b"",
            ),
        ),
        (
            "a type of no message before hello",
            frame(br#"{"type":"exec","id":1,"argv":["true"]}"#, b""),
        ),
    ];
    for greeting in [Vec::new(), hello()] {
        for (what, bytes) in &cases {
            if *what == "a type of no message before hello" && !greeting.is_empty() {
                continue;
            }
            let mut stream = raw(&server);
            stream.write_all(&greeting).unwrap();
            stream.write_all(bytes).unwrap();
            let said = all_of(stream);
            assert!(said.contains(r#""type":"error""#), "{what}: {said}");
            serves_the_next(&server);
        }
    }
}

#[test]
fn garbage_is_answered_and_dropped() {
    let server = start(options());
    let (zeros, ones) = ([0; 4096], [0xff; 4096]);
    for bytes in [HTTP, SSH, TLS, &zeros, &ones] {
        let mut stream = raw(&server);
        stream.write_all(bytes).unwrap();
        let (said, sent) = (all_of(stream), bytes.escape_ascii().to_string());
        assert!(said.contains(r#""type":"error""#), "{sent}: {said}");
        serves_the_next(&server);
    }
}

#[test]
fn what_is_not_encrypted_is_told_nothing_but_that() {
    let server = start(options());
    let (zeros, ones) = ([0; 4096], [0xff; 4096]);
    for bytes in [HTTP, SSH, TLS, &hello(), &zeros, &ones] {
        let mut stream = TcpStream::connect(server.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let (said, sent) = (all_of(stream), bytes.escape_ascii().to_string());
        // An alert of TLS (RFC 8446, section 6), or a close.
        assert!(said.is_empty() || said.starts_with('\u{15}'), "{sent}: {said}");
        assert!(said.len() <= 7, "{sent}: {said}");
        serves_the_next(&server);
    }
}

#[test]
fn an_end_in_the_middle_of_a_message_ends_it_everywhere() {
    let server = start(options());
    let whole = [hello(), frame(br#"{"type":"upper","id":1}"#, b"body")].concat();
    for cut in 0..whole.len() {
        let mut stream = raw(&server);
        stream.write_all(&whole[..cut]).unwrap();
        if cut % 2 == 0 {
            stream.close_write().unwrap();
        } else {
            stream.tcp().shutdown(Shutdown::Write).unwrap();
        }
        let said = all_of(stream);
        assert!(!said.contains("BODY"), "cut at {cut}: {said}");
    }
    serves_the_next(&server);
}

#[test]
fn silence_and_drips_run_into_deadlines() {
    let server = start(impatient());
    // Nothing at all, part of a head, a greeting and nothing more.
    for bytes in [Vec::new(), vec![0, 0], hello(), [hello(), vec![0, 0, 0, 9]].concat()] {
        let mut stream = raw(&server);
        stream.write_all(&bytes).unwrap();
        all_of(stream);
    }
    // One byte at a time: of the greeting, of a header, of a body.
    let request = frame(br#"{"type":"upper","id":1}"#, &[b'x'; 4096]);
    for (begin, drips) in [
        (Vec::new(), hello()),
        (hello(), request.clone()),
        ([hello(), request[..40].to_vec()].concat(), request[40..].to_vec()),
    ] {
        let mut stream = raw(&server);
        stream.write_all(&begin).unwrap();
        stream.tcp().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (mut told, mut space, mut ended) = (Vec::new(), [0; 4096], false);
        for drip in drips {
            // It may be closed by now.
            let _ = stream.write_all(&[drip]);
            match Read::read(&mut stream, &mut space) {
                Ok(n @ 1..) => told.extend_from_slice(&space[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => {
                    ended = true;
                    break;
                }
            }
        }
        assert!(ended, "a client that drips is served for ever");
        assert!(String::from_utf8_lossy(&told).contains(r#""code":"timeout""#));
    }
    serves_the_next(&server);
}

#[test]
fn a_client_that_never_reads_is_dropped() {
    let root = tempdir().unwrap();
    std::fs::File::create(root.path().join("endless")).unwrap().set_len(1 << 40).unwrap();
    let server = start(Options { root: Some(root.path().to_owned()), ..impatient() });
    let mut stream = raw(&server);
    stream.write_all(&hello()).unwrap();
    stream.write_all(&frame(br#"{"type":"get","id":1,"path":"endless"}"#, b"")).unwrap();
    // Reads nothing, until it is reset.
    crate::processes::wait_until("the server drops it", || {
        stream.tcp().take_error().unwrap().is_some()
    });
    serves_the_next(&server);
}

#[test]
fn unknown_messages_are_answered_and_skipped() {
    let server = start(options());
    let mut stream = raw(&server);
    let wire = [
        hello(),
        frame(br#"{"type":"frobnicate","id":1}"#, b"some body"),
        frame(br#"{"type":"upper","id":2}"#, b"after"),
    ];
    stream.write_all(&wire.concat()).unwrap();
    stream.close_write().unwrap();
    let said = all_of(stream);
    assert!(said.contains(r#""code":"unknown""#) && said.ends_with("AFTER"), "{said}");
}

#[test]
fn a_thousand_connections_come_and_go() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    for n in 0..1000 {
        let mut stream = raw(&server);
        if n % 3 > 0 {
            stream.write_all(&hello()).unwrap();
        }
        if n % 3 > 1 {
            stream
                .write_all(&frame(br#"{"type":"exec","id":1,"argv":["sleep","100"]}"#, b""))
                .unwrap();
        }
    }
    // Other tests of this process open some too: many hundreds would be left by a leak.
    crate::processes::wait_until("their descriptors are given back", || {
        descriptors() < before + 200
    });
    let mut caller = Caller::new(&server);
    assert_eq!(caller.upper(b"ok").unwrap(), "OK");
}

const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.9\r\n";
/// The beginning of a `ClientHello`, and then nonsense.
const TLS: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
