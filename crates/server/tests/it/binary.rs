//! The binary: its flags, its output, its signals.

use crate::caller::{Caller, argv_of, home};
use crate::daemon::{Daemon, binary, shell};
use crate::processes::{assert_rests, wait_until, wait_until_reaped};
use framing_protocol::client::Event;
use framing_protocol::message::{Code, Get};
use rustix::process::Signal;
use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use tempfile::tempdir;

#[test]
fn it_serves_with_and_without_the_word() {
    let root = tempdir().unwrap();
    fs::write(root.path().join("file"), "content").unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--exec-any", "--root"];
    for words in [&[][..], &["serve"]] {
        let daemon = Daemon::start(binary().args(words).args(flags).arg(root.path()), 2);
        for &address in &daemon.addresses {
            let mut caller = Caller::at(address);
            assert_eq!(caller.argv(&["echo", "hi"]).unwrap().out, b"hi\n");
            assert_eq!(caller.get(&"file".into()).unwrap().1, b"content");
            assert_eq!(caller.shell("true").unwrap_err().code, Code::Denied);
        }
    }
    let mut command = binary();
    command.env("FRAMING_LISTEN", "127.0.0.1:0,127.0.0.3:0").env("FRAMING_ROOT", root.path());
    for words in [&[][..], &["serve"]] {
        let daemon = Daemon::start(command.args(words), 2);
        assert_eq!(Caller::at(daemon.addresses[1]).get(&"file".into()).unwrap().1, b"content");
    }
}

#[test]
fn what_cannot_be_used_is_told_and_ends_with_2() {
    let root = tempdir().unwrap();
    fs::write(root.path().join("file"), "x").unwrap();
    let file = root.path().join("file").to_str().unwrap().to_owned();
    for (flags, told) in [
        (&["--listen", "nowhere"][..], "HOST:PORT"),
        (&["--listen", "192.0.2.1:7878"], "cannot listen on 192.0.2.1:7878"),
        (&["--listen", "127.0.0.1:0", "--root", home().to_str().unwrap()], "keys"),
        (&["--listen", "127.0.0.1:0", "--root", "/no/such/directory"], "/no/such/directory"),
        (&["--listen", "127.0.0.1:0", "--root", &file], "cannot serve files below"),
        (&["--frobnicate"], "--frobnicate"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let output = binary().args(flags).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.contains(told) && output.stdout.is_empty(), "{flags:?}: {said}");
    }
    let help = binary().arg("--help").output().unwrap();
    assert!(
        help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--exec-shell")
    );
}

#[test]
fn a_signal_ends_it_cleanly_with_what_it_runs() {
    for signal in [Signal::INT, Signal::TERM] {
        let daemon = Daemon::start(binary().args(["--listen", "127.0.0.1:0", "--exec-any"]), 1);
        let mut caller = Caller::at(daemon.addresses[0]);
        caller.client().exec(&argv_of(&["sleep", "1000"])).unwrap();
        let (Event::Started { pid, .. }, _) = caller.next() else { panic!() };
        daemon.signal(signal);
        let (code, said) = daemon.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains("exec: shutting_down (") && said.ends_with(": -- sleep 1000\n"),
            "{said}"
        );
        wait_until_reaped(pid);
    }
}

#[test]
fn without_descriptors_it_waits_and_goes_on() {
    let mut command = shell("ulimit -n 16; exec \"$0\" --listen 127.0.0.1:0 --exec-any");
    let daemon = Daemon::start(&mut command, 1);
    let address = daemon.addresses[0];
    let crowd: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    let troubled = || daemon.said.lock().unwrap().contains("cannot accept connections for now");
    wait_until("it has no descriptors left", troubled);
    assert_rests(daemon.process.id());
    drop(crowd);
    let mut caller = Caller::at(address);
    assert_eq!(caller.upper(b"back again").unwrap(), "BACK AGAIN");
    drop(caller);
    daemon.signal(Signal::TERM);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0));
    assert!(said.lines().count() < 10, "{said}");
}

#[test]
fn a_client_that_does_not_read_costs_no_time() {
    let root = tempdir().unwrap();
    fs::File::create(root.path().join("endless")).unwrap().set_len(1 << 40).unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--exec-any", "--root"];
    let daemon = Daemon::start(binary().args(flags).arg(root.path()), 1);
    let mut listening = Caller::at(daemon.addresses[0]);
    listening.client().get(&Get::new("endless".into())).unwrap();
    listening.flush();
    let mut running = Caller::at(daemon.addresses[0]);
    running.client().exec(&argv_of(&["yes"])).unwrap();
    let (Event::Started { pid, .. }, _) = running.next() else { panic!() };
    // Once all queues are full nobody has anything to do.
    assert_rests(pid);
    assert_rests(daemon.process.id());
}

#[test]
fn no_descriptor_of_the_server_reaches_a_command() {
    let daemon = Daemon::start(binary().args(["--listen", "127.0.0.1:0", "--exec-any"]), 1);
    // Without what is ours to see: the three streams, and the listed directory itself.
    let beyond = |out: Vec<u8>| -> Vec<String> {
        let listing = String::from_utf8(out).unwrap();
        let links = listing.lines().filter_map(|line| line.split_once(" -> "));
        links
            .map(|(left, target)| (left.rsplit(' ').next().unwrap(), target))
            .filter(|(fd, target)| !["0", "1", "2"].contains(fd) && !target.starts_with("/proc/"))
            .map(|(fd, target)| format!("{fd} {target}"))
            .collect()
    };
    let ran = Caller::at(daemon.addresses[0]).argv(&["ls", "-l", "/proc/self/fd"]).unwrap();
    assert!(String::from_utf8_lossy(&ran.out).contains("1 -> pipe:"), "{ran:?}");
    assert_eq!(beyond(ran.out), [""; 0]);
}

#[test]
fn a_switch_that_is_neither_on_nor_off_starts_nothing() {
    for flag in ["--exec-any=flase", "--exec-shell=maybe", "--no-local-trust=2"] {
        let output = binary().args(["--listen", "127.0.0.1:0", flag]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("expected true or false"));
    }
    let output = binary().env("FRAMING_EXEC_ANY", "flase").arg("--listen=127.0.0.1:0").output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}

#[test]
fn check_config_checks_the_policy_that_flags_and_variables_name() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let good = "detached = 2\n[commands.list]\nargv = [\"ls\", \"{1}\"]\nargs = ['a|b']\n\
                caps = { run_time = \"5s\", output = \"1 MiB\" }";
    fs::write(path("good.toml"), good).unwrap();
    fs::write(path("bad.toml"), "detatched = 2").unwrap();
    fs::write(path("gone.toml"), "[commands.x]\nargv = [\"/no/such\"]").unwrap();
    fs::write(path("nowhere.toml"), "[commands.x]\nargv = [\"ls\"]\ncwd = \"/no/such\"").unwrap();
    // Beside the file that names it, wherever the server is started.
    fs::write(path("server.toml"), "exec_policy = \"good.toml\"").unwrap();
    let check = |set: &dyn Fn(&mut Command)| {
        let mut command = binary();
        command.arg("check-config").current_dir("/");
        set(&mut command);
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = check(&|command| _ = command.arg(path("server.toml")));
    assert_eq!(code, Some(0), "{said}");
    for told in [
        "at most 2 at a time",
        "# @list: [\"ls\", \"{1}\"], {1} is \"a|b\"",
        "run_time 5s",
        "output 1.0 MiB",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    for (policy, told) in [
        ("bad.toml", "unknown field `detatched`"),
        ("gone.toml", "commands.x: argv: there is no program \"/no/such\""),
        ("nowhere.toml", "commands.x: cwd: /no/such is no directory"),
        ("missing.toml", "cannot read"),
    ] {
        let flag = check(&|command| _ = command.arg("--exec-policy").arg(path(policy)));
        let variable = check(&|command| _ = command.env("FRAMING_EXEC_POLICY", path(policy)));
        assert_eq!(flag, variable);
        assert!(flag.0 == Some(2) && flag.1.contains(told), "{flag:?}");
    }
}
