//! Nothing of a command is left, whatever ends it.

use crate::caller::{Caller, anything, argv_of, options, serves_the_next, shell_of, start};
use crate::daemon::{Daemon, binary, shell};
use crate::processes::{Mark, is_alive, rounds, wait_until, wait_until_reaped};
use framing_protocol::Deadlines;
use framing_protocol::client::Event;
use framing_protocol::message::{Code, Exec, Outcome, Stdin};
use framing_server::{Options, Running, Supervisor};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

/// How long anything may live on.
const SOON: Duration = Duration::from_secs(2);

/// How long a command may take to end once it was asked to.
const GRACE: Duration = Duration::from_millis(300);

fn server() -> Running {
    start(Options { exec: anything(), grace: GRACE, ..options() })
}

/// Starts a tree of processes that want to live, and waits until they do.
fn plant(caller: &mut Caller, mark: &Mark, change: impl FnOnce(&mut Exec)) -> (u64, u32) {
    let mut exec = shell_of(&mark.tree());
    change(&mut exec);
    let (id, pid, _) = caller.begin(&exec);
    assert!(mark.alive().len() >= 6, "{:?}", mark.alive());
    (id, pid)
}

#[test]
fn no_process_outlives_its_client() {
    let server = server();
    for _ in 0..rounds(3, 100) {
        let (mut caller, mark) = (Caller::new(&server), Mark::new());
        plant(&mut caller, &mark, |_| {});
        caller.hang_up();
        mark.assert_gone_within(SOON);
    }
    serves_the_next(&server);
}

#[test]
fn no_process_outlives_a_connection_that_is_reset_or_cut() {
    let server = server();
    for round in 0..rounds(4, 100) {
        let (mut caller, mark) = (Caller::new(&server), Mark::new());
        plant(&mut caller, &mark, |_| {});
        if round % 2 == 0 {
            caller.reset();
            mark.assert_gone_within(SOON);
        } else {
            caller.cut();
            mark.assert_gone_within(SOON);
        }
    }
    serves_the_next(&server);
}

#[test]
fn no_process_outlives_a_server_that_is_killed() {
    for _ in 0..rounds(3, 100) {
        let daemon = Daemon::start(binary().args(["--listen", "127.0.0.1:0", "--exec-shell"]), 1);
        let (mut caller, mark) = (Caller::at(daemon.addresses[0]), Mark::new());
        plant(&mut caller, &mark, |_| {});
        daemon.signal(Signal::KILL);
        mark.assert_gone_within(SOON);
    }
}

#[test]
fn no_process_outlives_its_time() {
    let server = server();
    let mut caller = Caller::new(&server);
    for _ in 0..rounds(3, 100) {
        let mark = Mark::new();
        let time = Duration::from_millis(1500);
        let (id, _) = plant(&mut caller, &mark, |exec| exec.timeout = Some(time));
        let ran = caller.finish(id).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::TimedOut);
        assert!(ran.exit.duration < time + GRACE + SOON, "{:?}", ran.exit.duration);
        // The answer comes when all have gone.
        mark.assert_gone_within(Duration::ZERO);
    }
}

#[test]
fn no_process_outlives_its_command() {
    let server = server();
    let mut caller = Caller::new(&server);
    for _ in 0..rounds(3, 100) {
        let mark = Mark::new();
        let (id, pid) = plant(&mut caller, &mark, |_| {});
        // Not by the group: only the command itself ends, with all the others running.
        kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
        let ran = caller.finish(id).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::Signalled { signal: 9, name: "KILL".to_owned() });
        assert!(!ran.exit.truncated);
        mark.assert_gone_within(Duration::ZERO);
    }
}

#[test]
fn no_process_outlives_its_cancellation() {
    let server = server();
    let mut caller = Caller::new(&server);
    let mark = Mark::new();
    let (id, _) = plant(&mut caller, &mark, |_| {});
    caller.client().cancel(id);
    assert_eq!(caller.finish(id).unwrap_err().code, Code::Cancelled);
    mark.assert_gone_within(Duration::ZERO);
}

/// As when a cable is pulled: nothing says that the client has gone.
#[test]
fn no_process_outlives_the_silence_of_its_client() {
    let long = std::env::var_os("FRAMING_LONG").is_some();
    let usual = Deadlines::default();
    let (ping, patience) = if long { (usual.ping, 20) } else { (Duration::from_millis(300), 2) };
    let deadlines = Deadlines { ping, ..usual };
    let server = start(Options { exec: anything(), deadlines, ..options() });
    let (mut caller, mark) = (Caller::new(&server), Mark::new());
    plant(&mut caller, &mark, |_| {});
    // It neither reads nor answers from now on.
    mark.assert_gone_within(Duration::from_secs(patience));
    drop(caller);
}

#[test]
fn a_server_that_ends_takes_its_commands_with_it() {
    let server = server();
    let (mut caller, mark) = (Caller::new(&server), Mark::new());
    plant(&mut caller, &mark, |_| {});
    server.stop().unwrap();
    mark.assert_gone_within(Duration::ZERO);
}

#[test]
fn two_hundred_commands_at_once_each_get_their_own() {
    let server = server();
    let mut callers: Vec<_> = (0..rounds(40, 200)).map(|_| Caller::new(&server)).collect();
    let ids: Vec<_> = callers
        .iter_mut()
        .enumerate()
        .map(|(n, caller)| {
            let line = format!("cat; echo {n}; echo e{n} >&2; exit {}", n % 100);
            let exec = shell_of(&line);
            let id = caller.client().exec(&exec).unwrap();
            caller.flush();
            id
        })
        .collect();
    for (n, (caller, id)) in callers.iter_mut().zip(ids).enumerate() {
        let ran = caller.finish(id).unwrap();
        let code = i32::try_from(n % 100).unwrap();
        assert_eq!(ran.exit.outcome, Outcome::Exited { code });
        assert_eq!((ran.out, ran.err), (format!("{n}\n").into(), format!("e{n}\n").into()));
    }
}

#[test]
fn a_command_gets_its_three_descriptors_and_no_more() {
    // Not even what the server was started with, and would hand down without knowing it.
    let line = "exec \"$0\" --listen 127.0.0.1:0 --exec-any 3</dev/zero 7</dev/zero";
    let daemon = Daemon::start(&mut shell(line), 1);
    let mut callers: Vec<_> = (0..8).map(|_| Caller::at(daemon.addresses[0])).collect();
    for round in 0..5 {
        let asked: Vec<_> = callers
            .iter_mut()
            .map(|caller| {
                let id = caller.client().exec(&argv_of(&["ls", "/proc/self/fd"])).unwrap();
                caller.flush();
                id
            })
            .collect();
        for (caller, id) in callers.iter_mut().zip(asked) {
            // The fourth is the directory itself.
            assert_eq!(caller.finish(id).unwrap().out, b"0\n1\n2\n3\n", "round {round}");
        }
    }
}

#[test]
fn a_command_has_no_terminal_no_way_to_new_privileges_and_the_usual_files() {
    let daemon = Daemon::start(
        shell("ulimit -Sn 300; exec \"$0\" --listen 127.0.0.1:0 --exec-shell").env("X", "1"),
        1,
    );
    let mut caller = Caller::at(daemon.addresses[0]);
    let line = "grep NoNewPrivs /proc/self/status; ulimit -n; cut -d' ' -f7 /proc/self/stat; \
                (: > /dev/tty) 2>/dev/null || echo none; echo X=$X";
    let ran = caller.shell(line).unwrap();
    let out = String::from_utf8(ran.out).unwrap();
    assert_eq!(
        out.split_whitespace().collect::<Vec<_>>(),
        ["NoNewPrivs:", "1", "300", "0", "none", "X="]
    );
}

/// Whatever stops a machine by TERM to every process must not take the watch from a command that is
/// given time to end.
#[test]
fn a_supervisor_is_deaf_to_all_signals_but_kill() {
    let server = server();
    let mut caller = Caller::new(&server);
    let (id, pid, _) = caller.begin(&shell_of("echo ready; sleep 0.5; exit 4"));
    let supervisor = parent(pid);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        kill_process(supervisor, signal).unwrap();
    }
    assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Exited { code: 4 });
}

#[test]
fn a_supervisor_that_is_killed_costs_its_own_command_only() {
    let server = server();
    let mut caller = Caller::new(&server);
    let (id, pid, _) = caller.begin(&shell_of("echo ready; exec sleep 2"));
    kill_process(parent(pid), Signal::KILL).unwrap();
    let failure = caller.finish(id).unwrap_err();
    assert!(failure.code == Code::Io && failure.message.contains("supervisor"), "{failure}");
    assert_eq!(caller.argv(&["echo", "a"]).unwrap().out, b"a\n");
}

/// Somebody may end the supervisors that wait for a command.
#[test]
fn idle_supervisors_that_are_killed_are_replaced() {
    let daemon = Daemon::start(binary().args(["--listen", "127.0.0.1:0", "--exec-shell"]), 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    for _ in 0..5 {
        let (id, pid, _) = caller.begin(&shell_of("echo ready; sleep 0.1"));
        let busy = parent(pid);
        for idle in siblings(busy).into_iter().filter(|sibling| *sibling != busy) {
            // One that has done its work may be gone by now.
            let _ = kill_process(idle, Signal::KILL);
        }
        assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Exited { code: 0 });
        wait_until_reaped(pid);
    }
}

#[test]
fn without_a_supervisor_nothing_is_run_and_the_advice_is_given() {
    let server = start(Options { exec: anything(), supervisor: None, ..options() });
    let failure = Caller::new(&server).argv(&["true"]).unwrap_err();
    assert_eq!(failure.code, Code::Denied);
    assert!(failure.hint.unwrap().contains("framing_server::supervise_if_asked()"));
    // One that is none does no harm either.
    let supervisor = Some(Supervisor::program("/no/such/program"));
    let server = start(Options { exec: anything(), supervisor, ..options() });
    let mut caller = Caller::new(&server);
    assert_eq!(caller.argv(&["true"]).unwrap_err().code, Code::Busy);
    let supervisor = Some(Supervisor::program("true"));
    let server = start(Options { exec: anything(), supervisor, ..options() });
    let code = Caller::new(&server).argv(&["true"]).unwrap_err().code;
    assert!(matches!(code, Code::Io | Code::Busy), "{code}");
}

#[test]
fn what_is_started_for_nothing_ends_by_itself() {
    let output = binary().arg0("framing-supervisor").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("for framing-server to start"), "{said}");
}

/// Whoever started the server may have had its own ideas of signals.
#[test]
fn a_command_ignores_and_blocks_no_signal() {
    let line = "trap '' USR2 ALRM XFSZ PIPE; exec \"$0\" --listen 127.0.0.1:0 --exec-shell";
    let daemon = Daemon::start(&mut shell(line), 1);
    let ran =
        Caller::at(daemon.addresses[0]).shell("grep -E 'Sig(Blk|Ign)' /proc/self/status").unwrap();
    let out = String::from_utf8(ran.out).unwrap();
    let bits = |name: &str| {
        let field = out.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(field.trim(), 16).unwrap()
    };
    // The two behind the 31 are the C library's own, which every program has like this that it starts.
    assert_eq!((bits("SigBlk:"), bits("SigIgn:") & 0x7fff_ffff), (0, 0), "{out}");
}

/// One that left its own group is found by signals all the same.
#[test]
fn a_command_in_another_group_hears_signals() {
    let server = server();
    let mut caller = Caller::new(&server);
    let program = "import os, signal, sys, time\n\
                   os.setpgid(0, os.getppid())\n\
                   signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n\
                   print('ready', flush=True)\n\
                   time.sleep(60)";
    let (id, _, _) = caller.begin(&argv_of(&["python3", "-c", program]));
    caller.client().signal(id, "TERM");
    assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Exited { code: 7 });
}

#[test]
fn a_command_that_stops_its_supervisor_does_not_outlive_it() {
    let server = server();
    let (mut caller, mark) = (Caller::new(&server), Mark::new());
    let line = format!(
        "read go; kill -STOP $PPID; echo ready; setsid {} & {}",
        mark.sleep(),
        mark.sleep()
    );
    let exec = Exec { stdin: Stdin::Piped, ..shell_of(&line) };
    let id = caller.client().exec(&exec).unwrap();
    // Not before the supervisor has said so.
    let (Event::Started { .. }, _) = caller.next() else { panic!() };
    caller.client().stdin(id, b"go\n").unwrap();
    while !matches!(caller.next(), (Event::Stdout { .. }, _)) {}
    caller.hang_up();
    mark.assert_gone_within(Duration::from_secs(25));
}

#[test]
fn a_command_that_closes_its_output_at_once_is_waited_for() {
    let server = server();
    let ran = Caller::new(&server).shell("exec >&- 2>&-; sleep 0.3; exit 3").unwrap();
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 3 });
    assert!(ran.exit.duration >= Duration::from_millis(300));
}

/// Zombies that a long command's children leave behind come to the supervisor, which reaps them.
#[test]
fn orphans_are_reaped_while_the_command_goes_on() {
    let server = server();
    let mut caller = Caller::new(&server);
    let line = "for i in 1 2 3 4 5 6 7 8; do (sh -c 'exit 0' &); done; echo ready; cat";
    let mut exec = shell_of(line);
    exec.stdin = Stdin::Piped;
    let (id, pid, _) = caller.begin(&exec);
    let supervisor = parent(pid);
    wait_until("only the command is left", || {
        siblings(Pid::from_raw(pid.try_into().unwrap()).unwrap()).len() == 1
    });
    assert!(is_alive(supervisor.as_raw_pid().unsigned_abs()));
    caller.client().stdin_end(id);
    assert_eq!(caller.finish(id).unwrap().exit.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn a_client_that_leaves_before_the_command_has_started_leaves_nothing() {
    let server = server();
    for _ in 0..rounds(20, 1000) {
        let (mut caller, mark) = (Caller::new(&server), Mark::new());
        caller.client().exec(&shell_of(&mark.sleep())).unwrap();
        caller.flush();
        caller.hang_up();
        mark.assert_gone_within(SOON);
    }
    let mut caller = Caller::new(&server);
    caller.client().exec(&argv_of(&["true"])).unwrap();
    let (Event::Started { .. }, _) = caller.next() else { panic!() };
}

/// The process that started this one.
fn parent(pid: u32) -> Pid {
    Pid::from_raw(field(pid, 1)).unwrap()
}

/// All that have the same parent, itself included.
fn siblings(pid: Pid) -> Vec<Pid> {
    let parent = field(pid.as_raw_pid().unsigned_abs(), 1);
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let same = numbers.filter(|pid| field(*pid, 1) == parent);
    same.filter_map(|pid| Pid::from_raw(pid.try_into().ok()?)).collect()
}

/// A field of what the system says of a process, behind its name.
fn field(pid: u32, index: usize) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let field = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(index));
    field.and_then(|field| field.parse().ok()).unwrap_or(0)
}
