//! Commands: every way they end.

use crate::caller::{Caller, anything, argv_of, open_server, options, shell_of, start};
use crate::processes::{is_alive, wait_until_dead, wait_until_reaped};
use framing_protocol::client::Event;
use framing_protocol::message::{Code, Outcome};
use framing_server::{Options, Running};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::tempdir;

fn impatient_server() -> Running {
    start(Options { exec: anything(), grace: Duration::from_millis(200), ..options() })
}

#[test]
fn not_found_not_executable_and_killed_are_told_apart() {
    let root = tempdir().unwrap();
    let plain = root.path().join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for (argv, outcome) in [
        (&["no-such-program-here"][..], Outcome::NotFound),
        (&["./missing"], Outcome::NotFound),
        (&[""], Outcome::NotFound),
        (&["./plain"], Outcome::NotExecutable),
        (&["/"], Outcome::NotExecutable),
        (&["false"], Outcome::Exited { code: 1 }),
        (&["sh", "-c", "kill -KILL $$"], Outcome::Signalled { signal: 9, name: "KILL".to_owned() }),
        (
            &["sh", "-c", "kill -TERM $$"],
            Outcome::Signalled { signal: 15, name: "TERM".to_owned() },
        ),
        (&["sh", "-c", "no-such-program-here 2>/dev/null"], Outcome::Exited { code: 127 }),
    ] {
        assert_eq!(caller.argv(argv).unwrap().exit.outcome, outcome, "{argv:?}");
    }
}

#[test]
fn a_command_whose_time_is_up_is_ended_and_reaped() {
    let server = impatient_server();
    let mut caller = Caller::new(&server);
    for line in [
        "echo $$; exec sleep 1000",
        "trap '' TERM; echo $$; while :; do sleep 1; done",
        "echo $$; kill -STOP $$",
    ] {
        let mut exec = shell_of(line);
        exec.timeout = Some(Duration::from_millis(300));
        let (id, pid, _) = caller.begin(&exec);
        let ran = caller.finish(id).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::TimedOut, "{line}");
        assert!(ran.exit.duration >= Duration::from_millis(300), "{line}");
        wait_until_reaped(pid);
    }
    // One that makes it in time is not.
    let mut exec = argv_of(&["true"]);
    exec.timeout = Some(Duration::from_secs(1000));
    assert_eq!(caller.exec(&exec).unwrap().exit.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn a_stopped_command_ends_without_being_killed() {
    let grace = Duration::from_secs(1000);
    let server = start(Options { exec: anything(), grace, ..options() });
    let mut caller = Caller::new(&server);
    let mut exec = shell_of("trap 'echo bye; exit' TERM; echo $$; kill -STOP $$");
    exec.timeout = Some(Duration::from_millis(300));
    let (id, _, _) = caller.begin(&exec);
    let ran = caller.finish(id).unwrap();
    assert_eq!((ran.exit.outcome, &ran.out[..]), (Outcome::TimedOut, &b"bye\n"[..]));
}

#[test]
fn a_cancelled_command_is_ended() {
    let server = impatient_server();
    let mut caller = Caller::new(&server);
    for line in ["echo $$; exec sleep 1000", "trap '' TERM; echo $$; while :; do sleep 1; done"] {
        let (id, pid, _) = caller.begin(&shell_of(line));
        caller.client().cancel(id);
        assert_eq!(caller.finish(id).unwrap_err().code, Code::Cancelled);
        wait_until_reaped(pid);
    }
    assert_eq!(caller.upper(b"and on").unwrap(), "AND ON");
}

#[test]
fn signals_are_passed_on_to_the_group() {
    let server = impatient_server();
    let mut caller = Caller::new(&server);
    for name in ["INT", "TERM", "HUP", "USR1", "QUIT"] {
        let line =
            format!("trap 'echo got; exit 3' {name}; echo ready; while :; do sleep 0.05; done");
        let (id, _, _) = caller.begin(&shell_of(&line));
        caller.client().signal(id, name);
        let ran = caller.finish(id).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::Exited { code: 3 }, "{name}: {ran:?}");
        assert!(ran.out.ends_with(b"got\n"));
    }
    // A name that is none changes nothing.
    let (id, _, _) = caller.begin(&shell_of("echo ready; sleep 0.1; exit 5"));
    caller.client().signal(id, "NOSUCH\u{1b}[2J");
    assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Exited { code: 5 });
}

#[test]
fn a_child_left_behind_neither_hangs_the_answer_nor_lives_on() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let ran = Caller::new(&server).shell("sleep 1000 & echo $!; exit 6").unwrap();
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 6 });
    assert!(!ran.exit.truncated);
    wait_until_dead(String::from_utf8(ran.out).unwrap().trim().parse().unwrap());
}

#[test]
fn one_that_left_the_session_neither_hangs_the_answer_nor_lives_on() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    // One that holds the pipe in silence, and one that never stops writing to it.
    for escapee in ["sleep 1000", "yes"] {
        let line = format!("setsid sh -c 'echo $$ >&2; exec {escapee}' & sleep 0.3; echo out");
        let ran = caller.shell(&line).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::Exited { code: 0 });
        assert!(!ran.exit.truncated, "{escapee}");
        assert!(ran.out.windows(4).any(|window| window == b"out\n"), "{escapee}");
        let pid = String::from_utf8(ran.err).unwrap().trim().parse().unwrap();
        assert!(!is_alive(pid), "{escapee}");
    }
}

#[test]
fn with_the_client_the_whole_tree_is_lost() {
    let server = impatient_server();
    for ending in ["hang up", "cut", "hang up unread"] {
        let mut caller = Caller::new(&server);
        let line =
            "trap '' TERM INT HUP; sleep 1000 & x=$!; sh -c 'sleep 1000 & echo '$x' $! $$; wait'";
        let (_, leader, pids) = caller.begin(&shell_of(line));
        let children: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(children.len(), 3);
        match ending {
            "cut" => caller.cut(),
            "hang up" => caller.hang_up(),
            _ => {
                caller.client().ping().unwrap();
                caller.flush();
                caller.hang_up();
            }
        }
        wait_until_reaped(leader);
        children.into_iter().for_each(wait_until_dead);
    }
}

#[test]
fn a_client_that_leaves_in_mid_output_leaves_nothing_behind() {
    let server = impatient_server();
    for _ in 0..10 {
        let mut caller = Caller::new(&server);
        caller.client().exec(&argv_of(&["yes"])).unwrap();
        let (Event::Started { pid, .. }, _) = caller.next() else { panic!() };
        let (Event::Stdout { .. }, _) = caller.next() else { panic!() };
        assert!(is_alive(pid));
        caller.hang_up();
        wait_until_reaped(pid);
    }
}
