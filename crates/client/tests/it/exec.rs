//! `exec`: streams, exit codes, and who is to blame.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use framing_server::ExecPolicy;

use crate::support::{World, check, run, text};

#[test]
fn streams_stay_apart_and_the_exit_code_is_the_commands_own() {
    let world = World::new();
    let script = "echo out; echo remote: err >&2; exit 7";
    let output = world.client(&["exec", "--", "sh", "-c", script]).output().unwrap();
    check(&output, 7, "out\n", &["remote: err\n"]);
    assert_eq!(output.stderr, b"remote: err\n");
    let output = world.client(&["exec", "--shell", script]).output().unwrap();
    check(&output, 7, "out\n", &["remote: err\n"]);
}

#[test]
fn arguments_arrive_verbatim() {
    let world = World::new();
    let strange = ["a b", "", "$HOME", "*", "'\"\\", "-n", "--", "你好", "new\nline"];
    let mut args = vec!["exec", "--", "printf", "<%s>"];
    args.extend(strange);
    let expected = strange.iter().map(|arg| format!("<{arg}>")).collect::<Vec<_>>().concat();
    check(&world.client(&args).output().unwrap(), 0, &expected, &[]);
}

#[test]
fn bytes_pass_as_they_are() {
    let world = World::new();
    let output = world.client(&["exec", "--", "printf", r"\377\000\033[2J"]).output().unwrap();
    assert_eq!(output.stdout, b"\xff\0\x1b[2J");
}

#[test]
fn standard_input_is_empty() {
    let world = World::new();
    let output = world.client(&["exec", "--", "cat"]).write_stdin("not for cat").output().unwrap();
    check(&output, 0, "", &[]);
}

#[test]
fn the_reserved_exit_codes() {
    let world = World::new();
    let exec = |args: &[&str]| world.client(&[&["exec"], args].concat()).output().unwrap();
    check(&exec(&["--", "no-such-command"]), 127, "", &["no-such-command", "no such command"]);
    check(&exec(&["--", "/etc/passwd"]), 126, "", &["will not run it", "hint: "]);
    check(&exec(&["--", "sh", "-c", "kill -9 $$"]), 137, "", &["killed by signal 9 (KILL)"]);
    check(&exec(&["--timeout", "100ms", "--", "sleep", "60"]), 124, "", &["its time was up"]);
    for code in ["0", "1", "2", "124", "125", "255"] {
        let output = exec(&["--", "sh", "-c", &format!("exit {code}")]);
        check(&output, code.parse().unwrap(), "", &[]);
    }
}

#[test]
fn a_server_that_runs_nothing_says_how_it_would() {
    let world = World::with(ExecPolicy::default());
    let output = world.client(&["exec", "--", "true"]).output().unwrap();
    check(&output, 126, "", &["exec: ", "denied", "hint: ", "--exec-any"]);
    let output = world.client(&["exec", "--shell", "true"]).output().unwrap();
    check(&output, 126, "", &["denied", "--exec-shell"]);
}

#[test]
fn no_server_is_our_own_failure() {
    let (address, here) = World::new().stop();
    let output = run(&address, here.path(), &["exec", "--", "true"]);
    check(&output, 125, "", &["cannot connect", &format!("framing-server --listen {address}")]);
}

#[test]
fn output_streams_as_it_comes() {
    let world = World::new();
    // It waits for a file that is made only after its first line has been seen here.
    let script = "echo first; until [ -e go ]; do sleep 0.05; done; echo second";
    let mut exec =
        world.process(&["exec", "--shell", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(exec.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    std::fs::write(world.there("go"), "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "second");
    assert!(exec.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let world = World::new();
    let mut exec = world
        .process(&["exec", "--", "seq", "1", "100000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(exec.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "1\n");
    let mut complaint = String::new();
    exec.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    // As if the pipe had been the command's own.
    assert_eq!((complaint.as_str(), exec.wait().unwrap().code()), ("", Some(141)));
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let world = World::new();
    let mut exec = world
        .process(&["exec", "--", "seq", "1", "1000000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = exec.stdout.take().unwrap();
    let mut first = [0; 2];
    output.read_exact(&mut first).unwrap();
    // Everything between the command and here fills up, and nothing is lost by it.
    std::thread::sleep(Duration::from_millis(300));
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    let expected = (1..=1_000_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    assert!([&first[..], &rest].concat() == expected.as_bytes(), "output differs");
    assert!(exec.wait().unwrap().success());
}

#[test]
fn both_streams_full_at_once_do_not_lock_up() {
    let world = World::new();
    let script = "seq 1 100000; seq 1 100000 >&2; seq 1 100000; seq 1 100000 >&2";
    let output = world.client(&["exec", "--shell", script]).output().unwrap();
    let once = (1..=100_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    assert!(
        output.stdout == once.repeat(2).as_bytes() && output.stderr == once.repeat(2).as_bytes()
    );
}

#[test]
fn a_server_that_dies_is_our_own_failure() {
    let world = World::new();
    let mut exec = world
        .process(&["exec", "--shell", "echo started; sleep 1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(exec.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let _here = world.stop();
    let mut complaint = Vec::new();
    exec.stderr.take().unwrap().read_to_end(&mut complaint).unwrap();
    assert_eq!(exec.wait().unwrap().code(), Some(125), "{}", text(&complaint));
    assert!(text(&complaint).starts_with("framing-client: exec: "), "{}", text(&complaint));
}
