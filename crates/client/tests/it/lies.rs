//! Servers that lie, break off, or talk nonsense: the client is never fooled, and never hangs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread::{self, JoinHandle};

use framing_transport::TlsStream;

use crate::support::{Impostor, check, names, run, text};

/// A message, put together by hand.
pub(crate) fn message(header: &str, body: &[u8]) -> Vec<u8> {
    let header_length = u32::try_from(header.len()).unwrap().to_be_bytes();
    let body_length = u64::try_from(body.len()).unwrap().to_be_bytes();
    [&header_length[..], &body_length, header.as_bytes(), body].concat()
}

/// The header of the next message that the client sends; none at the end.
pub(crate) fn read_header(stream: &mut TlsStream) -> Option<String> {
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    let header = u32::from_be_bytes(head[..4].try_into().unwrap());
    let body = u64::from_be_bytes(head[4..].try_into().unwrap());
    let mut bytes = vec![0; header as usize + usize::try_from(body).unwrap()];
    stream.read_exact(&mut bytes).ok()?;
    bytes.truncate(header as usize);
    String::from_utf8(bytes).ok()
}

#[derive(Clone, Copy)]
enum Then {
    /// Ends the connection.
    Close,
    /// Says nothing more, and waits for the client to leave.
    Wait,
}

/// Welcomes one client, answers its first request with `answer`, and gives what it asked for.
fn liar(answer: Vec<u8>, then: Then) -> (String, JoinHandle<Option<String>>) {
    let impostor = Impostor::new();
    let address = impostor.address();
    let thread = thread::spawn(move || {
        let mut stream = impostor.accept();
        read_header(&mut stream)?;
        stream.write_all(&message(r#"{"type":"welcome","version":1,"agent":"liar"}"#, b"")).ok()?;
        let asked = read_header(&mut stream)?;
        // The client may leave as soon as it has seen through it.
        let _ = stream.write_all(&answer);
        if let Then::Wait = then {
            let _ = stream.read_to_end(&mut Vec::new());
        }
        Some(asked)
    });
    (address, thread)
}

/// Has the client ask a liar, and checks that the client's folder stays as it was.
fn ask(args: &[&str], answer: Vec<u8>, then: Then) -> Output {
    let here = tempfile::tempdir().unwrap();
    let (address, thread) = liar(answer, then);
    let output = run(&address, here.path(), args);
    assert_eq!(names(here.path()), [""; 0], "something was left behind");
    thread.join().unwrap();
    output
}

fn file(size: u64) -> Vec<u8> {
    let header = format!(r#"{{"type":"file","id":1,"filename":"../evil","total_size":{size}}}"#);
    message(&header, b"")
}

fn data(bytes: &[u8]) -> Vec<u8> {
    message(r#"{"type":"data","id":1}"#, bytes)
}

fn file_end(content: &[u8]) -> Vec<u8> {
    let digest = blake3::hash(content);
    message(&format!(r#"{{"type":"file_end","id":1,"digest":"blake3:{digest}"}}"#), b"")
}

fn get(answer: &[Vec<u8>], then: Then) -> Output {
    // The liar is not there a second time.
    ask(&["get", "file", "--retries", "0"], answer.concat(), then)
}

#[test]
fn the_liar_is_believed_when_it_tells_the_truth() {
    let here = tempfile::tempdir().unwrap();
    let answer = [file(6), data(b"abc"), data(b"def"), file_end(b"abcdef")].concat();
    let (address, thread) = liar(answer, Then::Wait);
    check(&run(&address, here.path(), &["get", "folder/file"]), 0, "", &[]);
    // Under the name that was asked for, not the one that the server would like.
    assert_eq!(names(here.path()), ["file"]);
    assert_eq!(std::fs::read(here.path().join("file")).unwrap(), b"abcdef");
    assert_eq!(thread.join().unwrap().unwrap(), r#"{"type":"get","id":1,"path":"folder/file"}"#);
}

#[test]
fn a_wrong_digest_is_found() {
    let output = get(&[file(3), data(b"abc"), file_end(b"abd")], Then::Wait);
    check(&output, 7, "", &["get: ", "BLAKE3", "hint: nothing was kept"]);
}

#[test]
fn what_has_been_written_already_is_not_said_to_be_gone() {
    let answer = [file(3), data(b"abc"), file_end(b"abd")].concat();
    let output = ask(&["get", "file", "-o", "-"], answer, Then::Wait);
    check(&output, 7, "abc", &["get: ", "BLAKE3", "hint: what was written is not to be trusted"]);
}

/// Has the client run a command that ends as `exit` says.
fn exec(exit: &str) -> Output {
    let started = message(r#"{"type":"started","id":1,"pid":1,"window":0}"#, b"");
    let exit = message(&format!(r#"{{"type":"exit","id":1,"duration_ms":1,{exit}}}"#), b"");
    ask(&["exec", "--", "command"], [started, exit].concat(), Then::Wait)
}

#[test]
fn an_exit_code_that_is_none_is_no_success() {
    for code in [256, -1, 1 << 20] {
        let output = exec(&format!(r#""outcome":"exited","code":{code}"#));
        check(&output, 125, "", &[&format!("exec: command: the server tells of exit code {code}")]);
    }
    check(&exec(r#""outcome":"exited","code":255"#), 255, "", &[]);
}

#[test]
fn output_that_was_cut_off_is_told_with_the_reason() {
    let output = exec(r#""outcome":"exited","code":0,"truncated":true"#);
    let told = "exec: command: somebody to whom it gave its output still held it; what came later is missing";
    check(&output, 0, "", &[told]);
}

#[test]
fn what_the_peer_says_is_told_in_one_line_that_ends() {
    let long = "x".repeat(10_000);
    let answer = message(
        &format!(r#"{{"type":"error","id":1,"code":"io","message":"{long}","hint":"{long}"}}"#),
        b"",
    );
    let output = ask(&["get", "file"], answer, Then::Wait);
    let cut = format!("{}...\n", "x".repeat(100));
    check(&output, 1, "", &["framing-client: get: xxx", "framing-client: hint: xxx", &cut]);
    assert!(output.stderr.len() < 3 * 1024, "{} bytes", output.stderr.len());
}

#[test]
fn more_than_promised_is_refused() {
    let output = get(&[file(3), data(b"abcd"), file_end(b"abcd")], Then::Wait);
    check(&output, 7, "", &["get: "]);
    let output = get(&[file(0), data(b"x"), file_end(b"x")], Then::Wait);
    check(&output, 7, "", &["get: "]);
}

#[test]
fn less_than_promised_is_refused() {
    let output = get(&[file(4), data(b"abc"), file_end(b"abc")], Then::Wait);
    check(&output, 7, "", &["get: "]);
}

#[test]
fn a_connection_that_ends_in_mid_transfer_is_no_file() {
    for answer in [vec![file(4), data(b"abc")], vec![file(3), data(b"abc")], vec![file(0)], vec![]]
    {
        check(&get(&answer, Then::Close), 3, "", &["get: ", "127.0.0.1:"]);
    }
    let mut cut = data(b"abcdef");
    cut.pop();
    let answer = [file(6), cut].concat();
    let told = "the server went away; nothing was saved: the connection ended in the middle";
    let output = get(std::slice::from_ref(&answer), Then::Close);
    check(&output, 3, "", &["get: ", told, "hint: "]);
    // What has gone to standard output is not said to be nowhere.
    let output = ask(&["get", "file", "-o", "-", "--retries", "0"], answer, Then::Close);
    assert_eq!(output.status.code(), Some(3));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("nothing was saved"));
}

#[test]
fn a_promise_of_everything_costs_nothing() {
    let here = tempfile::tempdir().unwrap();
    let (address, _) = liar([file(u64::MAX), data(b"abc")].concat(), Then::Close);
    let output = run(&address, here.path(), &["get", "file", "--retries", "0"]);
    check(&output, 3, "", &["get: file.part keeps 3 bytes of it: the same command goes on there"]);
    assert_eq!(std::fs::read(here.path().join("file.part")).unwrap(), b"abc");
    assert_eq!(names(here.path()), ["file.part", "file.part.state"]);
}

#[test]
fn a_size_that_is_no_size_is_refused() {
    let header = r#"{"type":"file","id":1,"filename":"f","total_size":-1}"#;
    let output = get(&[message(header, b"")], Then::Wait);
    check(&output, 1, "", &["get: "]);
}

#[test]
fn garbage_is_refused() {
    for garbage in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0xff; 64],
        message("not json", b""),
        message(r#"{"type":"data","id":1}"#, b"before the file"),
        [&[0, 0, 0, 2][..], &[0xff; 8], b"{}"].concat(),
    ] {
        for command in [&["get", "file"][..], &["ping"], &["echo", "a"], &["ls"]] {
            let output = ask(command, garbage.clone(), Then::Wait);
            check(&output, 1, "", &["framing-client: "]);
        }
        let output = ask(&["exec", "--", "true"], garbage, Then::Wait);
        check(&output, 125, "", &["framing-client: exec: "]);
    }
}

#[test]
fn a_list_that_cannot_be_read_is_told() {
    let list = message(r#"{"type":"entries","id":1}"#, b"no json\n");
    check(&ask(&["ls"], list, Then::Wait), 1, "", &["ls: ", "list"]);
}

#[test]
fn what_the_peer_says_cannot_drive_the_terminal() {
    let answer = message(
        r#"{"type":"error","id":1,"code":"io","message":"a\u001b[2J\nframing-client: b","hint":"\u001b]0;c\u0007"}"#,
        b"",
    );
    let output = ask(&["get", "file"], answer, Then::Wait);
    check(&output, 1, "", &[r"a\u{1b}[2J\u{a}framing-client: b", r"hint: \u{1b}]0;c\u{7}"]);
}

#[test]
fn an_unknown_code_is_told_as_it_is() {
    let answer = message(r#"{"type":"error","id":1,"code":"tired","message":"later"}"#, b"");
    check(&ask(&["get", "file"], answer, Then::Wait), 1, "", &["later (tired)"]);
}

#[test]
fn a_server_that_goes_away_is_no_connection() {
    let answer = message(r#"{"type":"goaway","reason":"maintenance","last_id":0}"#, b"");
    check(&ask(&["echo", "a"], answer, Then::Close), 3, "", &["echo: "]);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    // Connections wait in the backlog, where nobody ever takes them out.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let here = tempfile::tempdir().unwrap();
    let output = run(&address, here.path(), &["ping"]);
    check(&output, 3, "", &["ping: ", "did not finish the handshake in time", "hint: "]);
}

/// Who hands names on to `xargs -0` must not be led elsewhere.
#[test]
fn a_list_shows_no_names_that_are_none() {
    let lines = ["../evil", "/etc/passwd", "", "..", "nul\\u0000", "good\\u001b[2J"]
        .map(|name| format!("{{\"name\":\"{name}\",\"kind\":\"file\",\"size\":1}}\n"));
    let list = [
        message(r#"{"type":"entries","id":1}"#, lines.concat().as_bytes()),
        message(r#"{"type":"entries_end","id":1}"#, b""),
    ];
    for form in ["-0", "-l", "--json"] {
        let output = ask(&["ls", form], list.concat(), Then::Wait);
        let shown = text(&output.stdout);
        assert!(output.status.success() && shown.contains("good"), "{shown}");
        assert!(!shown.contains("evil") && !shown.contains("passwd"), "{form}: {shown}");
        assert_eq!(text(&output.stderr).matches("left out, for it is no name").count(), 5);
    }
}

/// A file that is put is not stored before it was sent, and nothing is sent that was not asked for.
#[test]
fn a_liar_stores_nothing() {
    let digest = format!("blake3:{}", "0".repeat(64));
    let ready =
        |rest: &str| message(&format!(r#"{{"type":"ready","id":1,"window":9{rest}}}"#), b"");
    let stored = message(&format!(r#"{{"type":"stored","id":1,"digest":"{digest}"}}"#), b"");
    for lie in [
        stored.clone(),
        [ready(""), stored].concat(),
        ready(&format!(r#","offset":9999999,"prefix":"{digest}""#)),
        ready(r#","offset":1"#),
        message(r#"{"type":"window","id":1,"bytes":18446744073709551615}"#, b""),
        [ready(""), ready("")].concat(),
        message(r#"{"type":"data","id":1}"#, b"x"),
    ] {
        let output = ask(&["put", "/etc/hostname", "--retries", "0"], lie, Then::Wait);
        check(&output, 1, "", &["put: "]);
    }
    // It lets nothing be sent, and says that it is there.
    let silent = message(r#"{"type":"ready","id":1,"window":0}"#, b"");
    let args = ["put", "/etc/hostname", "--retries", "0", "--stall-timeout", "300ms"];
    check(&ask(&args, silent, Then::Wait), 8, "", &["nothing of it has come for 0.3 s"]);
}
