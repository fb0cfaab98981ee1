//! Signals: for the command, once it runs; for us, before and after.

use std::io::{BufRead, BufReader, Lines, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{Impostor, PATIENCE, World, code, guarded, process, shell_code, text};

fn send(client: &Child, signal: Signal) {
    kill_process(Pid::from_child(client), signal).unwrap();
}

/// A client whose command runs a shell line, which has said its first word.
fn start(world: &World, options: &[&str], line: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let args = [&["exec"], options, &["--shell", line]].concat();
    let mut client = world
        .process(&args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some(), "the command did not start");
    (client, lines)
}

/// The exit code, and what was said on standard error.
fn end(mut client: Child) -> (Option<i32>, String) {
    let mut said = Vec::new();
    client.stderr.take().unwrap().read_to_end(&mut said).unwrap();
    (code(client), text(&said))
}

fn wait_for_the_end_of(pid: &str) {
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while test_kill_process(pid).is_ok() {
        assert!(Instant::now() < deadline, "{pid:?} lives on");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn each_is_the_commands_to_handle() {
    let world = World::new();
    for (signal, name) in [(Signal::INT, "INT"), (Signal::TERM, "TERM"), (Signal::HUP, "HUP")] {
        let line = format!(
            "trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
        );
        let (client, mut lines) = start(&world, &[], &line);
        send(&client, signal);
        assert_eq!(lines.next().unwrap().unwrap(), format!("got {name}"));
        // Shells have a word for what a signal did to their children.
        assert_eq!(end(client).0, Some(7), "{name}");
    }
}

#[test]
fn one_that_kills_the_command_is_its_exit_code() {
    let world = World::new();
    for (signal, number, name) in
        [(Signal::INT, 2, "INT"), (Signal::TERM, 15, "TERM"), (Signal::HUP, 1, "HUP")]
    {
        let (client, _lines) = start(&world, &[], "echo ready; exec sleep 1000");
        send(&client, signal);
        let (code, said) = end(client);
        assert_eq!(code, Some(128 + number), "{said}");
        assert!(said.contains(&format!("killed by signal {number} ({name})")), "{said}");
    }
}

#[test]
fn the_third_interrupt_ends_us_and_what_runs_there() {
    let world = World::new();
    let line = "trap 'echo got' INT; echo ready; echo $$; while :; do sleep 0.05; done";
    let (mut client, mut lines) = start(&world, &[], line);
    let pid = lines.next().unwrap().unwrap();
    send(&client, Signal::INT);
    assert_eq!(lines.next().unwrap().unwrap(), "got");
    send(&client, Signal::INT);
    let mut stderr = BufReader::new(client.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("once more ends it at once"), "{said}");
    assert_eq!(lines.next().unwrap().unwrap(), "got");
    send(&client, Signal::INT);
    assert_eq!(code(client), Some(130));
    wait_for_the_end_of(&pid);
    said.clear();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn the_third_interrupt_is_told_to_programs_too() {
    let world = World::new();
    let line = "trap 'echo got' INT; echo ready; while :; do sleep 0.05; done";
    let (client, mut lines) = start(&world, &["--json-events"], line);
    // The first one was only that it has started.
    while !lines.next().unwrap().unwrap().contains("ready") {}
    for _ in 0..2 {
        send(&client, Signal::INT);
        while !lines.next().unwrap().unwrap().contains("got") {}
    }
    send(&client, Signal::INT);
    let last = lines.map(Result::unwrap).last().unwrap();
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&"exit".into(), &"cancelled".into()));
    assert_eq!((&last["exit_code"], &last["truncated"]), (&130.into(), &true.into()));
    assert_eq!(end(client).0, Some(130));
}

#[test]
fn before_the_command_runs_they_end_us_at_once() {
    let here = tempfile::tempdir().unwrap();
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
        for options in [&[][..], &["--json"], &["--json-events"]] {
            let impostor = Impostor::new();
            let args = [&["exec"], options, &["true"]].concat();
            let client = process(&impostor.address(), here.path(), &args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .map(guarded)
                .unwrap();
            // It is connected, and gets no welcome.
            let _stream = impostor.accept();
            send(&client, signal);
            let output = client.wait_with_output().unwrap();
            let code = 128 + number;
            assert_eq!(shell_code(output.status), Some(code));
            assert_eq!(text(&output.stderr), "");
            if options.is_empty() {
                assert_eq!(output.stdout, b"");
            } else {
                let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                assert_eq!(told["outcome"], "cancelled");
                assert_eq!(told["exit_code"], code);
            }
        }
    }
}

#[test]
fn what_was_ignored_stays_ignored() {
    let world = World::new();
    let line = "trap 'echo got' HUP; echo ready; while :; do sleep 0.05; done";
    let shell = format!("trap '' HUP; exec $0 exec --shell \"{line}\"");
    let mut client = world
        .shell(&shell)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    send(&client, Signal::HUP);
    send(&client, Signal::TERM);
    assert!(lines.next().is_none(), "it was sent on");
    assert_eq!(end(client).0, Some(143));
}

#[test]
fn a_command_that_is_over_is_no_reason_to_stay() {
    let world = World::new();
    // More than a pipe takes, and less than is queued for it.
    let client = world
        .process(&["exec", "--shell", "head -c 90000 /dev/zero; touch over"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !world.there("over").exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // It may not have heard of the end yet; then the next one finds it.
    while test_kill_process(Pid::from_child(&client)).is_ok() {
        assert!(Instant::now() < deadline, "it waits for a reader");
        send(&client, Signal::TERM);
        std::thread::sleep(std::time::Duration::from_millis(50));
        if std::fs::read_to_string(format!("/proc/{}/stat", client.id()))
            .is_ok_and(|stat| stat.contains(") Z "))
        {
            break;
        }
    }
    assert_eq!(client.wait_with_output().unwrap().status.code(), Some(143));
}

#[test]
fn interrupts_end_us_also_if_nobody_reads() {
    let world = World::new();
    for options in [&[][..], &["--json-events"]] {
        let (mut client, _unread) = start(&world, options, "trap '' INT; exec yes");
        let mut stderr = client.stderr.take().unwrap();
        let deadline = Instant::now() + PATIENCE;
        // However many of them fall together, three get through.
        let status = loop {
            if let Some(status) = client.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it waits for a reader");
            send(&client, Signal::INT);
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        // Of the signal, or a shell would go on with its loop.
        assert_eq!(status.signal(), Some(2), "{options:?}");
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        if options.is_empty() {
            assert!(said.contains("once more ends it at once"), "{said}");
        }
    }
}
