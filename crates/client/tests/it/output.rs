//! An output that nobody reads: the connection lives, the memory does not grow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::process::{Child, Stdio};
use std::time::Duration;

use framing_transport::TlsStream;

use crate::support::{Impostor, World, code, guarded, process, terminal};

#[test]
fn a_client_whose_reader_pauses_pings_on() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (exec, stream) = pinging(writer.into(), &[]);
    drop(stream);
    reader.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(code(exec), Some(125));
}

#[test]
fn a_client_whose_events_are_not_read_pings_on() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (exec, stream) = pinging(writer.into(), &["--json-events"]);
    drop(stream);
    reader.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(code(exec), Some(125));
}

#[test]
fn a_client_whose_reader_pauses_pings_all_servers() {
    // The other server's lines fill the output as well.
    let world = World::new();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&list, format!("{}\n", world.address())).unwrap();
    let path = list.path().to_str().unwrap();
    let (exec, stream) = pinging(writer.into(), &["--servers", path]);
    drop((stream, world));
    reader.read_to_end(&mut Vec::new()).unwrap();
    assert!(matches!(code(exec), Some(125..)));
}

#[test]
fn a_client_whose_terminal_is_not_read_pings_on() {
    let (_screen, slave) = terminal();
    let (mut exec, _stream) = pinging(slave.into(), &[]);
    exec.kill().unwrap();
    exec.wait().unwrap();
}

/// Sends the client, which writes to `stdout`, more than that takes, and gives both the client and its
/// connection back after a sign of life.
fn pinging(stdout: Stdio, options: &[&str]) -> (Child, TlsStream) {
    let impostor = Impostor::new();
    let address = impostor.address();
    if let ["--servers", list] = options {
        let mut list = std::fs::File::options().append(true).open(list).unwrap();
        writeln!(list, "{address}").unwrap();
    }
    let here = tempfile::tempdir().unwrap();
    let exec = process(&address, here.path(), &[&["exec"], options, &["yes"]].concat())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut stream = impostor.accept();
    stream.write_all(&message(r#"{"type":"welcome","version":1,"agent":"t"}"#, 0)).unwrap();
    stream.write_all(&message(r#"{"type":"started","id":1,"pid":1,"window":0}"#, 0)).unwrap();
    stream.tcp().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let piece = message(r#"{"type":"stdout","id":1}"#, 65_536);
    let mut sent = 0;
    while let Ok(n) = stream.write(&piece[sent % piece.len()..]) {
        sent += n;
        assert!(sent < 64 << 20, "the client swallows everything");
    }
    let mut heard = String::new();
    let mut reader = BufReader::new(&mut stream);
    while !heard.contains(r#"{"type":"ping""#) {
        // Headers end in a brace, and lengths are no text: good enough to find one.
        let mut bytes = Vec::new();
        assert!(reader.read_until(b'}', &mut bytes).unwrap() > 0, "the client gave up: {heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes));
    }
    (exec, stream)
}

#[test]
fn what_came_before_the_connection_broke_is_handed_on() {
    let impostor = Impostor::new();
    let address = impostor.address();
    let here = tempfile::tempdir().unwrap();
    let mut exec = process(&address, here.path(), &["exec", "--", "brief"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut stream = impostor.accept();
    for (header, body) in [
        (r#"{"type":"welcome","version":1,"agent":"t"}"#, 0),
        (r#"{"type":"started","id":1,"pid":1,"window":0}"#, 0),
        (r#"{"type":"stdout","id":1}"#, 100_000),
    ] {
        stream.write_all(&message(header, body)).unwrap();
    }
    stream.tcp().shutdown(Shutdown::Write).unwrap();
    // The pipe holds less than that, and is not read until the client knows of the end.
    std::thread::sleep(Duration::from_millis(300));
    let mut received = Vec::new();
    exec.stdout.take().unwrap().read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), 100_000);
    assert_eq!(exec.wait().unwrap().code(), Some(125));
}

fn message(header: &str, body: usize) -> Vec<u8> {
    // A terminal makes two of each newline, so that its buffer does not fill up evenly.
    let text = b"some text\n".repeat(body / 10 + 1);
    let header_length = u32::try_from(header.len()).unwrap().to_be_bytes();
    let body_length = u64::try_from(body).unwrap().to_be_bytes();
    [&header_length[..], &body_length, header.as_bytes(), &text[..body]].concat()
}
