//! What the binary says on stderr, and a stderr that nobody reads.

use crate::caller::{Caller, PATIENCE, argv_of, dirs};
use crate::daemon::{Daemon, binary};
use crate::guests::Guest;
use crate::processes::wait_until_reaped;
use framing_protocol::client::Event;
use framing_protocol::message::{Command, Digest, Exec, Put, Stdin};
use framing_server::ClientsFile;
use framing_transport::Identity;
use rustix::process::Signal;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const FLAGS: [&str; 3] = ["--listen", "127.0.0.1:0", "--exec-any"];

/// Breaks the protocol, which is worth a line, and waits until it is dropped.
fn violate(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[0xff; 12]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = stream.read_to_end(&mut Vec::new());
    assert!(!end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is not dropped");
}

#[test]
fn a_stderr_that_is_full_stops_nothing() {
    let (reader, mut writer) = io::pipe().unwrap();
    let size = rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    writer.write_all(&vec![b'x'; size]).unwrap();
    let mut command = binary();
    let daemon = Daemon::start_with_stderr(command.args(FLAGS), 1, writer.into());
    // The command has its copy of our end, too.
    drop(command);
    let address = daemon.addresses[0];
    let mut lost = Caller::at(address);
    lost.client().exec(&argv_of(&["sleep", "1000"])).unwrap();
    let (Event::Started { pid, .. }, _) = lost.next() else { panic!() };
    for _ in 0..300 {
        violate(address);
    }
    lost.hang_up();
    wait_until_reaped(pid);
    assert_eq!(Caller::at(address).upper(b"still here").unwrap(), "STILL HERE");

    // Once somebody reads, what waited is told, and how much is missing.
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("xxxx"));
    let told = lines.by_ref().take(1000).any(|line| {
        violate(address);
        line.contains("lines were lost here")
    });
    assert!(told);
    for _ in 0..300 {
        violate(address);
    }
    daemon.signal(Signal::TERM);
    // Nobody reads any more, and it ends all the same.
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn a_client_cannot_fill_the_log_with_signals_that_do_not_exist() {
    let daemon = Daemon::start(binary().args(FLAGS), 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    let id = caller.client().exec(&argv_of(&["sleep", "1000"])).unwrap();
    let (Event::Started { .. }, _) = caller.next() else { panic!() };
    for name in ["NOSUCH", "", "\u{1b}[31m", &"x".repeat(10_000)] {
        caller.client().signal(id, name);
    }
    caller.client().signal(id, "KILL");
    caller.finish(id).unwrap();
    drop(caller);
    daemon.signal(Signal::TERM);
    let (code, said) = daemon.end();
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.contains("exec: signaled KILL, "), "{said}");
}

#[test]
fn every_command_has_its_line() {
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&policy, "[commands.hold]\nargv = [\"sleep\", \"{1}\"]\nargs = ['\\d+']")
        .unwrap();
    let mut command = binary();
    command.args(FLAGS).arg("--exec-policy").arg(policy.path());
    let daemon = Daemon::start(&mut command, 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    let mut exec = argv_of(&["sh", "-c", "cat; echo err >&2; exit 3", "a'b", "", "x\ny"]);
    exec.env.insert("SECRET".to_owned(), "hidden".into());
    exec.stdin = Stdin::Piped;
    let id = caller.client().exec(&exec).unwrap();
    let (Event::Started { .. }, _) = caller.next() else { panic!() };
    caller.client().stdin(id, b"password\n").unwrap();
    caller.client().stdin_end(id);
    caller.finish(id).unwrap();
    caller.argv(&["no-such-program"]).unwrap();
    caller.shell("true").unwrap_err();
    let name = |args: &str| Command::Named { name: "hold".to_owned(), args: vec![args.into()] };
    caller.exec(&Exec::new(name("x"))).unwrap_err();
    let mut exec = Exec::new(name("1000"));
    exec.timeout = Some(Duration::from_millis(100));
    caller.exec(&exec).unwrap();
    drop(caller);
    daemon.signal(Signal::TERM);
    let (code, said) = daemon.end();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 5), "{said}");
    for (line, told) in lines.iter().zip([
        &[
            "exec: exited 3, pid ",
            ", 13 bytes out, 9 in, ",
            " ms: -- sh -c 'cat; echo err >&2; exit 3' 'a'\\''b' '' 'x\\u{a}y'",
        ][..],
        &["exec: not-found, 0 bytes out, 0 in, ", ": -- no-such-program"],
        &["exec: denied (this server does not run shell commands), ", ": --shell true"],
        &["exec: denied (@hold: argument 1 has to match ", ": @hold x"],
        &["exec: timeout, pid ", ", 0 bytes out, ", ": @hold 1000"],
    ]) {
        assert!(line.starts_with("framing-server: 127.0.0.1:"), "{line}");
        assert!(line.contains(": this user (SHA256:"), "{line}");
        assert!(told.iter().all(|told| line.contains(told)), "{line}: {told:?}");
    }
    assert!(!said.contains("hidden") && !said.contains("password"));
}

#[test]
fn what_a_client_may_not_run_has_its_line_too() {
    let daemon = Daemon::start(binary().args(FLAGS).arg("--exec-shell"), 1);
    let guest = Guest::new();
    let list = ClientsFile::within(&dirs()).unwrap();
    let line = format!("{} name=reader roles=echo", guest.pin());
    list.authorize(&line.parse().unwrap()).unwrap();
    let path = dirs().config().unwrap().join("server.pem");
    let pin = Identity::load(&path).unwrap().unwrap().pin();
    let mut caller = guest.call(daemon.addresses[0], pin);
    let (Event::Welcome { .. }, _) = caller.next() else { panic!() };
    caller.argv(&["rm", "-rf", "/"]).unwrap_err();
    caller.shell("id").unwrap_err();
    list.revoke(&guest.pin().to_string()).unwrap();
    drop(caller);
    daemon.signal(Signal::TERM);
    let said = daemon.end().1;
    for told in ["exec:any), 0 bytes", ": -- rm -rf /\n", "exec:shell), 0 bytes", ": --shell id\n"]
    {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(said.contains(&format!(": reader ({}): exec: denied (", guest.pin())), "{said}");
}

#[test]
fn padding_hides_nothing_and_no_word_passes_for_another() {
    let daemon = Daemon::start(binary().args(FLAGS).arg("--exec-shell"), 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    for end in ["one", "two"] {
        caller.shell(&format!("true {}; echo {end}", " ".repeat(2000))).unwrap();
    }
    caller.argv(&["echo", "a\nb"]).unwrap();
    caller.argv(&["echo", "a\\u{a}b"]).unwrap();
    drop(caller);
    daemon.signal(Signal::TERM);
    let said = daemon.end().1;
    let lines: Vec<_> = said.lines().collect();
    let digest = |line: &str| line.rsplit(" bytes with the BLAKE3 ").next().unwrap().to_owned();
    assert!(digest(lines[0]).len() == 65 && digest(lines[0]) != digest(lines[1]), "{said}");
    assert!(
        lines[2].ends_with(r"-- echo 'a\u{a}b'") && lines[3].ends_with(r"-- echo 'a\\u{a}b'"),
        "{said}"
    );
}

#[test]
fn every_file_that_is_put_has_its_line() {
    let root = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["--listen", "127.0.0.1:0", "--writable", "--max-upload", "10", "--root"]);
    let daemon = Daemon::start(command.arg(root.path()), 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    for (name, content) in [("file", &b"content"[..]), ("a\nb", b""), ("large", b"more than ten")] {
        let put = Put::new(name.into());
        let id = caller.client().put(&put).unwrap();
        let (Event::Ready { .. }, _) = caller.next() else { panic!() };
        caller.client().begin(id, 0).unwrap();
        caller.client().data(id, content).unwrap();
        let digest = Digest::Blake3(*blake3::hash(content).as_bytes());
        caller.client().file_end(id, digest).unwrap();
        while !matches!(caller.next().0, Event::Stored { .. } | Event::Error { .. }) {}
    }
    caller.client().put(&Put::new("../up".into())).unwrap();
    let (Event::Error { .. }, _) = caller.next() else { panic!() };
    drop(caller);
    daemon.signal(Signal::TERM);
    let (_, said) = daemon.end();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for (line, told) in lines.iter().zip([
        "): put: stored file, 7 bytes",
        "): put: stored a\\u{a}b, 0 bytes",
        "): put: not stored: large: no more than 10 bytes are taken (too_large)",
        "): put: not stored: ../up: paths are relative to the server's root and stay below it (bad_path)",
    ]) {
        assert!(line.starts_with("framing-server: 127.0.0.1:"), "{line}");
        assert!(line.contains(": this user (SHA256:") && line.ends_with(told), "{line}: {told}");
    }
}
