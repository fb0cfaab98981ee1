//! `echo`, with texts and with piped lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use framing_transport::{Stream, TlsStream};

use crate::lies::{message, read_header};
use crate::support::{Impostor, World, check, process, text};

#[test]
fn every_text_is_a_message_and_every_answer_a_line() {
    let world = World::new();
    let output = world.client(&["echo", "hello", "", "grüße 你好", "a\tb"]).output().unwrap();
    check(&output, 0, "HELLO\n\nGRÜSSE 你好\nA\tB\n", &[]);
}

#[test]
fn every_line_is_a_message_the_empty_one_too() {
    let world = World::new();
    let echo = |input: &[u8]| world.client(&["echo"]).write_stdin(input).output().unwrap();
    check(&echo(b"a\n\nb\n"), 0, "A\n\nB\n", &[]);
    check(&echo(b"a\nno newline at the end"), 0, "A\nNO NEWLINE AT THE END\n", &[]);
    check(&echo(b"\n"), 0, "\n", &[]);
    check(&echo(b"crlf\r\n"), 0, "CRLF\r\n", &[]);
    check(&echo(b""), 0, "", &[]);
}

#[test]
fn many_lines_are_answered_in_order() {
    let world = World::new();
    let lines = (0..20_000).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
    let output = world.client(&["echo"]).write_stdin(lines.clone()).output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout) == lines.to_uppercase(), "answers differ");
}

#[test]
fn an_answer_comes_before_the_input_ends() {
    let world = World::new();
    let mut echo =
        world.process(&["echo"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = echo.stdin.take().unwrap();
    let mut answers = BufReader::new(echo.stdout.take().unwrap());
    for (line, expected) in [("one\n", "ONE\n"), ("\n", "\n"), ("two\n", "TWO\n")] {
        input.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, expected);
    }
    drop(input);
    assert!(echo.wait().unwrap().success());
}

#[test]
fn lines_up_to_the_largest_message_pass_and_longer_ones_are_told() {
    let world = World::new();
    let (longest, too_long) = ("x".repeat(256 << 10), "y".repeat((256 << 10) + 1));
    let input = format!("a\n{too_long}\n{longest}\n{too_long}");
    let output = world.client(&["echo"]).write_stdin(input).output().unwrap();
    let answers = format!("A\n{}\n", longest.to_uppercase());
    let told =
        ["line 2: too long: 262145 bytes", "line 4: too long: 262145 bytes", "2 of the messages"];
    check(&output, 1, &answers, &told);
}

#[test]
fn sixteen_of_the_largest_messages_at_a_time_pass() {
    let world = World::new();
    let input = format!("{}\n", "z".repeat(256 << 10)).repeat(40);
    let output = world.client(&["echo"]).write_stdin(input.clone()).output().unwrap();
    assert!(text(&output.stdout) == input.to_uppercase(), "{}", text(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn a_line_that_is_no_text_is_told_and_the_rest_goes_on() {
    let world = World::new();
    let output = world.client(&["echo"]).write_stdin(&b"a\n\xff\xfe\nb\n"[..]).output().unwrap();
    check(&output, 1, "A\nB\n", &["echo: line 2: ", "not_utf8", "1 of the messages"]);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let world = World::new();
    let mut echo = world
        .process(&["echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(echo.stdout.take());
    let mut input = echo.stdin.take().unwrap();
    // Until it has ended there is somebody to write to.
    while input.write_all(b"again and again\n").is_ok() {}
    let mut complaint = String::new();
    echo.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((complaint.as_str(), echo.wait().unwrap().code()), ("", Some(0)));
}

#[test]
fn a_server_that_died_is_told_at_the_next_line() {
    let world = World::new();
    let mut echo = world
        .process(&["echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = echo.stdin.take().unwrap();
    input.write_all(b"one\n").unwrap();
    let mut answers = BufReader::new(echo.stdout.take().unwrap());
    answers.read_line(&mut String::new()).unwrap();
    let _here = world.stop();
    // The input stays open: nothing but the server's end makes it end.
    input.write_all(b"two\n").unwrap();
    let mut complaint = String::new();
    echo.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert!(complaint.starts_with("framing-client: echo: "), "{complaint}");
    assert_eq!(echo.wait().unwrap().code(), Some(3));
    drop(input);
}

#[test]
fn an_input_that_cannot_be_read_is_told() {
    let world = World::new();
    let folder = std::fs::File::open(world.here("")).unwrap();
    let output = world.process(&["echo"]).stdin(folder).output().unwrap();
    check(&output, 1, "", &["echo: cannot read standard input: Is a directory"]);
}

/// Lets a client in, and gives the id of the first message that it sends.
fn welcome(impostor: &Impostor) -> (TlsStream, u64) {
    let mut stream = impostor.accept();
    read_header(&mut stream).unwrap();
    stream.write_all(&message(r#"{"type":"welcome","version":1,"agent":"t"}"#, b"")).unwrap();
    let asked = read_header(&mut stream).unwrap();
    let id = asked.split_once(r#""id":"#).unwrap().1;
    let end = id.find(|c: char| !c.is_ascii_digit()).unwrap();
    (stream, id[..end].parse().unwrap())
}

#[test]
fn an_idle_connection_that_the_server_ends_is_replaced_at_the_next_line() {
    let impostor = Impostor::new();
    let here = tempfile::tempdir().unwrap();
    let mut echo = process(&impostor.address(), here.path(), &["echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = echo.stdin.take().unwrap();
    for answer in ["first", "second", "third"] {
        input.write_all(b"line\n").unwrap();
        let (mut stream, id) = welcome(&impostor);
        let header = format!(r#"{{"type":"upper","id":{id}}}"#);
        stream.write_all(&message(&header, answer.as_bytes())).unwrap();
        let goaway = format!(r#"{{"type":"goaway","reason":"idle","last_id":{id}}}"#);
        stream.write_all(&message(&goaway, b"")).unwrap();
        stream.close_write().unwrap();
        // Until the client has seen it.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    drop(input);
    let output = echo.wait_with_output().unwrap();
    check(&output, 0, "first\nsecond\nthird\n", &["connecting again"]);
}

#[test]
fn a_connection_that_ends_with_a_line_unanswered_is_not_replaced() {
    let impostor = Impostor::new();
    let here = tempfile::tempdir().unwrap();
    let mut echo = process(&impostor.address(), here.path(), &["echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = echo.stdin.take().unwrap();
    input.write_all(b"line\n").unwrap();
    drop(welcome(&impostor));
    check(&echo.wait_with_output().unwrap(), 3, "", &["echo: ", "the connection was lost"]);
    assert!(!impostor.is_called());
}
