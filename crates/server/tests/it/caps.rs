//! What a command may take, and what happens when it wants more.

use crate::caller::{Caller, anything, argv_of, options, shell_of, start};
use crate::processes::{Mark, rounds};
use framing_protocol::message::{Cap, Outcome};
use framing_server::{Caps, ExecPolicy, Options, Running};
use std::time::{Duration, Instant};
use tempfile::tempdir;

fn server(caps: Caps) -> Running {
    let exec = ExecPolicy { caps, ..anything() };
    start(Options { exec, grace: Duration::from_millis(200), ..options() })
}

fn capped(cap: Cap) -> Outcome {
    Outcome::CapExceeded { cap }
}

#[test]
fn output_past_the_cap_ends_a_command_that_prints_for_ever() {
    let server = server(Caps { output: Some(100_000), ..Caps::default() });
    let mut caller = Caller::new(&server);
    for line in ["yes", "yes >&2", "trap '' TERM PIPE; yes & yes >&2 & wait"] {
        let ran = caller.shell(line).unwrap();
        assert_eq!(ran.exit.outcome, capped(Cap::Output), "{line}");
        assert_eq!(ran.out.len() + ran.err.len(), 100_000, "{line}");
    }
    // To the last byte is not past it.
    let ran = caller.shell("yes | head -c 100000").unwrap();
    assert_eq!((ran.exit.outcome, ran.out.len()), (Outcome::Exited { code: 0 }, 100_000));
}

#[test]
fn the_servers_time_and_the_clients_are_told_apart() {
    let server = server(Caps { run_time: Some(Duration::from_millis(400)), ..Caps::default() });
    let mut caller = Caller::new(&server);
    let mut exec = argv_of(&["sleep", "1000"]);
    assert_eq!(caller.exec(&exec).unwrap().exit.outcome, capped(Cap::RunTime));
    exec.timeout = Some(Duration::from_secs(1000));
    assert_eq!(caller.exec(&exec).unwrap().exit.outcome, capped(Cap::RunTime));
    exec.timeout = Some(Duration::from_millis(100));
    assert_eq!(caller.exec(&exec).unwrap().exit.outcome, Outcome::TimedOut);
}

#[test]
fn processor_time_is_counted_over_all_processes_the_dead_included() {
    let server = server(Caps { cpu: Some(Duration::from_millis(400)), ..Caps::default() });
    let mut caller = Caller::new(&server);
    let busy = "while :; do :; done";
    let short = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
    for line in [
        busy.to_owned(),
        format!("trap '' TERM; setsid sh -c '{busy}' & wait"),
        format!("while :; do sh -c '{short}'; done"),
        format!("while :; do (setsid sh -c '{short}' &); sleep 0.02; done"),
    ] {
        let start = Instant::now();
        let ran = caller.shell(&line).unwrap();
        assert_eq!(ran.exit.outcome, capped(Cap::Cpu), "{line}");
        assert!(start.elapsed() > Duration::from_millis(150), "{line}");
    }
    let ran = caller.shell("sleep 0.7; exit 2").unwrap();
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 2 }, "time that passes costs nothing");
}

#[test]
fn processes_are_counted_wherever_they_flee_to() {
    let server = server(Caps { processes: Some(10), ..Caps::default() });
    let mut caller = Caller::new(&server);
    for _ in 0..rounds(2, 20) {
        for line in [
            "for i in $(seq 30); do SLEEP & done; wait",
            "for i in $(seq 30); do (setsid SLEEP &) ; done; SLEEP",
            // It doubles until it is ended; by itself, should that go wrong, at some thousands.
            "bomb() { [ $1 -gt 11 ] || { bomb $(($1 + 1)) | bomb $(($1 + 1)) & }; SLEEP; }; bomb 0",
        ] {
            let mark = Mark::new();
            let ran = caller.shell(&line.replace("SLEEP", &mark.sleep())).unwrap();
            assert_eq!(ran.exit.outcome, capped(Cap::Processes), "{line}");
            mark.assert_gone_within(Duration::ZERO);
        }
    }
    let ran = caller.shell("for i in 1 2 3 4 5 6 7 8; do sleep 0.3 & done; wait").unwrap();
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn memory_past_the_cap_is_not_to_be_had() {
    let server = server(Caps { memory: Some(64 << 20), ..Caps::default() });
    let mut caller = Caller::new(&server);
    let take = |mebibytes: u32| {
        argv_of(&["python3".to_owned(), "-c".to_owned(), format!("bytearray({mebibytes} << 20)")])
    };
    assert_eq!(caller.exec(&take(20)).unwrap().exit.outcome, Outcome::Exited { code: 0 });
    let ran = caller.exec(&take(100)).unwrap();
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 1 });
    assert!(String::from_utf8_lossy(&ran.err).contains("MemoryError"));
    // One after the other has it anew.
    assert_eq!(caller.exec(&take(20)).unwrap().exit.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn a_file_grows_no_further_than_the_cap() {
    let root = tempdir().unwrap();
    let exec =
        ExecPolicy { caps: Caps { file_size: Some(50_000), ..Caps::default() }, ..anything() };
    let server = start(Options { exec, root: Some(root.path().into()), ..options() });
    let mut caller = Caller::new(&server);
    let ran = caller.exec(&shell_of("exec dd if=/dev/zero of=large bs=1000 count=1000")).unwrap();
    assert_eq!(ran.exit.outcome, capped(Cap::FileSize));
    assert_eq!(root.path().join("large").metadata().unwrap().len(), 50_000);
    // What goes through a pipe is no file.
    let ran = caller.shell("head -c 200000 /dev/zero").unwrap();
    assert_eq!((ran.exit.outcome, ran.out.len()), (Outcome::Exited { code: 0 }, 200_000));
}
