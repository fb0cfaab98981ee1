//! What machines do to a server: the rows of a fault matrix, by name.

use crate::caller::{Caller, PATIENCE, argv_of, raw};
use crate::daemon::{Daemon, binary};
use crate::processes::assert_rests;
use rustix::process::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FLAGS: [&str; 3] = ["--listen", "127.0.0.1:0", "--exec-any"];

#[test]
fn a_log_on_a_full_disk_stops_nothing() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = binary();
    let daemon = Daemon::start_with_stderr(command.args(FLAGS), 1, full.into());
    for _ in 0..20 {
        let mut stranger = TcpStream::connect(daemon.addresses[0]).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let _ = stranger.read_to_end(&mut Vec::new());
    }
    assert_eq!(Caller::at(daemon.addresses[0]).upper(b"here").unwrap(), "HERE");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

/// Each ends a system call by `EINTR`, wherever that is.
#[test]
fn signals_by_the_thousand_interrupt_nothing() {
    let root = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
    fs::write(root.path().join("file"), &content).unwrap();
    let mut command = binary();
    let daemon = Daemon::start(command.args(FLAGS).arg("--root").arg(root.path()), 1);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            // No longer than a test that fails takes to say so.
            while !over.load(Ordering::Relaxed) && start.elapsed() < 4 * PATIENCE {
                daemon.signal(Signal::HUP);
                std::thread::yield_now();
            }
        });
        for n in 0..20 {
            let mut caller = Caller::at(daemon.addresses[0]);
            assert_eq!(caller.upper(format!("n{n}").as_bytes()).unwrap(), format!("N{n}"));
            assert!(caller.get(&"file".into()).unwrap().1 == content);
            assert_eq!(caller.argv(&["echo", "a"]).unwrap().out, b"a\n");
        }
        over.store(true, Ordering::Relaxed);
    });
    daemon.signal(Signal::TERM);
    let (code, said) = daemon.end();
    let ran = said
        .lines()
        .filter(|line| line.contains("exec: exited 0, pid ") && line.contains(", 2 bytes out"))
        .count();
    assert_eq!((code, ran, said.lines().count()), (Some(0), 20, 20), "{said}");
}

/// The kernel refuses every second thread, by `strace`.
#[test]
fn where_there_is_no_thread_for_a_client_the_next_one_is_served() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: there is no strace");
        return;
    }
    let server = binary();
    let mut command = Command::new("strace");
    // Those that the server needs for itself are among the first.
    let inject = "inject=clone3,clone:error=EAGAIN:when=6+2";
    // As a grandchild (-D), so that the process that is ended with the test is the server.
    command.args([
        "-D",
        "-f",
        "-qq",
        "-e",
        "trace=clone3,clone",
        "-e",
        inject,
        "-o",
        "/dev/null",
        "--",
    ]);
    command.arg(server.get_program()).args(["--listen", "127.0.0.1:0"]);
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let daemon = Daemon::start(&mut command, 1);
    let mut welcomed = 0;
    for _ in 0..10 {
        // One that finds no thread sees a close.
        let stream = framing_transport::connect(&daemon.addresses[0].to_string(), PATIENCE);
        let dirs = crate::caller::dirs();
        let (identity, pin) =
            framing_transport::local_server(&dirs, daemon.addresses[0]).unwrap().unwrap();
        let name = daemon.addresses[0].to_string();
        let secured =
            framing_transport::secure(stream.unwrap(), &name, &identity, Some(pin), PATIENCE);
        welcomed += usize::from(secured.is_ok());
    }
    assert!((1..10).contains(&welcomed), "{welcomed} of 10");
    let said = daemon.said.lock().unwrap().clone();
    assert!(said.contains("dropped, no thread for it"), "{said}");
}

#[test]
fn a_handshake_that_stops_anywhere_costs_no_time() {
    let daemon = Daemon::start(binary().args(FLAGS), 1);
    let mut stopped = Vec::new();
    for length in [0, 1, 4, 5, 6, 40] {
        let mut stream = TcpStream::connect(daemon.addresses[0]).unwrap();
        // A record of a handshake, of which the rest never comes.
        let record = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 64]].concat();
        stream.write_all(&record[..length]).unwrap();
        stopped.push(stream);
    }
    let mut half = raw(daemon.addresses[0]);
    framing_transport::Stream::close_write(&mut half).unwrap();
    assert_rests(daemon.process.id());
}

#[test]
fn a_command_whose_client_is_lost_behind_a_farewell_costs_no_time_while_it_runs() {
    let daemon = Daemon::start(binary().args(FLAGS), 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    caller.begin(&argv_of(&["sh", "-c", "echo; exec sleep 1000"]));
    let _caller = caller.half_close();
    assert_rests(daemon.process.id());
}

#[test]
fn the_keys_are_what_they_were_after_a_kill_at_any_time() {
    let home = tempfile::tempdir().unwrap();
    let mut first = None;
    let mut kills = 0;
    // A slow machine needs longer to get as far as that.
    while kills < 12 || (first.is_none() && kills < 300) {
        let delay = Duration::from_millis(3 * kills);
        kills += 1;
        let mut command = binary();
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, home.path());
        }
        let null = || File::create("/dev/null").unwrap();
        command.args(["--listen", "127.0.0.1:0"]).stdout(null()).stderr(null());
        let mut server = command.spawn().unwrap();
        std::thread::sleep(delay);
        server.kill().unwrap();
        server.wait().unwrap();
        let key = home.path().join("framing/server.pem");
        if !key.exists() {
            continue;
        }
        let pin = framing_transport::Identity::load(&key).unwrap().unwrap().pin();
        assert_eq!(*first.get_or_insert(pin), pin, "killed after {delay:?}");
    }
    assert!(first.is_some(), "it was never let live long enough");
}
