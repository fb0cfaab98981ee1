//! A few that want everything, from addresses of this machine that are not exempt; and where all that is set.

use crate::caller::{Caller, PATIENCE, options, start};
use crate::daemon::{Daemon, binary};
use crate::processes::wait_until;
use framing_server::{Limits, Options, Running};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::Signal;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection from one of the many addresses of this machine.
fn from(source: [u8; 4], server: &Running) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::new(Ipv4Addr::from(source).into(), 0)).unwrap();
    connect(&socket, &server.addresses()[0]).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether the server ends it before it says anything.
fn is_turned_away(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    match stream.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn strict(mut limits: Limits) -> Running {
    limits.exempt.clear();
    start(Options { limits, ..options() })
}

#[test]
fn a_source_has_no_more_than_its_share() {
    let server = strict(Limits { per_source: 3, ..Limits::default() });
    let mut crowd: Vec<TcpStream> = (0..3).map(|_| from([127, 0, 0, 2], &server)).collect();
    wait_until("the fourth is one too many", || is_turned_away(from([127, 0, 0, 2], &server)));
    assert!(!is_turned_away(from([127, 0, 0, 3], &server)), "others are not");
    assert_eq!(Caller::new(&server).upper(b"nor we").unwrap(), "NOR WE");
    crowd.pop();
    wait_until("its place is free", || !is_turned_away(from([127, 0, 0, 2], &server)));
    // This machine and proxies are exempt unless that is turned off.
    let server =
        start(Options { limits: Limits { per_source: 3, ..Limits::default() }, ..options() });
    let _crowd: Vec<TcpStream> = (0..30).map(|_| from([127, 0, 0, 2], &server)).collect();
    assert!(!is_turned_away(from([127, 0, 0, 2], &server)));
}

#[test]
fn who_comes_for_nothing_again_and_again_is_barred_for_a_while() {
    let penalty = Duration::from_millis(1500);
    let server = strict(Limits { failures: 5, penalty, ..Limits::default() });
    for _ in 0..5 {
        let mut stream = from([127, 0, 0, 2], &server);
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        // An alert, and the end.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let start = Instant::now();
    wait_until("it is barred", || is_turned_away(from([127, 0, 0, 2], &server)));
    assert!(!is_turned_away(from([127, 0, 0, 3], &server)), "others are not");
    assert_eq!(Caller::new(&server).upper(b"nor we").unwrap(), "NOR WE");
    wait_until("it may come again", || !is_turned_away(from([127, 0, 0, 2], &server)));
    assert!(start.elapsed() >= penalty / 2, "{:?}", start.elapsed());
}

#[test]
fn a_file_a_variable_and_a_flag_each_go_before_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server.toml");
    fs::write(&path, "listen = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\nexec_any = true\n").unwrap();
    let config = path.to_str().unwrap();

    let daemon = Daemon::start(binary().args(["--config", config]), 2);
    let ran = Caller::at(daemon.addresses[1]).argv(&["echo", "a"]).unwrap();
    assert_eq!(ran.out, b"a\n");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));

    let mut command = binary();
    command.env("FRAMING_CONFIG", config).env("FRAMING_LISTEN", "127.0.0.2:0");
    let daemon = Daemon::start(&mut command, 1);
    assert_eq!(daemon.addresses[0].ip(), Ipv4Addr::new(127, 0, 0, 2));
    drop(daemon);
    let daemon = Daemon::start(command.args(["--listen", "127.0.0.3:0"]), 1);
    assert_eq!(daemon.addresses[0].ip(), Ipv4Addr::new(127, 0, 0, 3));
    drop(daemon);
    let mut command = binary();
    command.args(["--listen", "127.0.0.1:0"]).env("FRAMING_EXEC_SHELL", "1");
    let daemon = Daemon::start(&mut command, 1);
    assert_eq!(Caller::at(daemon.addresses[0]).shell("echo b").unwrap().out, b"b\n");
}

#[test]
fn a_file_is_checked_and_explained_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server.toml");
    let run = |text: &str, args: &[&str]| {
        fs::write(&path, text).unwrap();
        let output = binary().args(args).arg(&path).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, shown, _) = run("[limits]\nper_source = 7\n", &["check-config"]);
    assert_eq!(code, Some(0));
    assert!(shown.contains("per_source = 7 ") && shown.contains("idle = \"5m\" "), "{shown}");
    assert!(shown.contains("# most connections of one address"), "{shown}");
    for args in [&["check-config"][..], &["--config"]] {
        let (code, shown, said) = run("[limits]\nper_sauce = 7\n", args);
        assert!(code == Some(2) && shown.is_empty(), "{said}");
        assert!(said.contains("unknown field `per_sauce`") && said.contains("line 2"), "{said}");
    }
    for (text, told) in [
        ("root = \"/no/such/directory\"\n", "is no directory"),
        ("listen = [\"127.0.0.1\"]\n", "is no HOST:PORT"),
    ] {
        let (code, _, said) = run(text, &["check-config"]);
        assert!(code == Some(2) && said.contains(told), "{said}");
    }
    let missing = binary().args(["--config", "/no/such/file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

/// 10,000 in the long run. Those that are evicted are closed here, too, once there are many.
#[test]
fn slow_connections_by_the_thousand_keep_no_good_client_out() {
    let all = if std::env::var_os("FRAMING_LONG").is_some() { 10_000 } else { 1_000 };
    let server = start(options());
    let mut crowd = std::collections::VecDeque::new();
    let mut slowest = Duration::ZERO;
    for n in 0..all {
        let mut stream = TcpStream::connect(server.addresses()[0]).unwrap();
        // The beginning of a handshake, which never goes on. It may be evicted already.
        let _ = stream.write_all(&[0x16, 3, 1, 2, 0][..n % 6 % 5]);
        crowd.push_back(stream);
        if crowd.len() > 500 {
            crowd.pop_front();
        }
        if n % (all / 20) == 0 {
            let start = Instant::now();
            assert_eq!(Caller::new(&server).upper(b"in").unwrap(), "IN");
            slowest = slowest.max(start.elapsed());
        }
    }
    println!("the slowest of 20 good clients among {all} slow ones: {slowest:?}");
    assert!(slowest < PATIENCE);
}

#[test]
fn a_client_that_does_not_trust_the_server_has_done_nothing() {
    let server = strict(Limits { failures: 3, ..Limits::default() });
    let address = server.addresses()[0].to_string();
    let (identity, _) =
        framing_transport::local_server(&crate::caller::dirs(), server.addresses()[0])
            .unwrap()
            .unwrap();
    for _ in 0..10 {
        let stream = framing_transport::connect(&address, PATIENCE).unwrap();
        let other = framing_transport::Pin::of_key(b"another");
        assert!(
            framing_transport::secure(stream, &address, &identity, Some(other), PATIENCE).is_err()
        );
    }
    assert_eq!(Caller::new(&server).upper(b"in").unwrap(), "IN");
}

#[test]
fn a_variable_can_take_back_what_the_file_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server.toml");
    fs::write(&path, "exec_any = true\nlocal_trust = false\nlisten = [\"127.0.0.1:0\"]\n").unwrap();
    let mut command = binary();
    command.arg("--config").arg(&path);
    command.env("FRAMING_EXEC_ANY", "false").env("FRAMING_NO_LOCAL_TRUST", "0");
    let daemon = Daemon::start(&mut command, 1);
    let refused = Caller::at(daemon.addresses[0]).argv(&["true"]).unwrap_err();
    assert_eq!(refused.hint.unwrap(), "start it with: framing-server --exec-any");
    drop(daemon);
    let daemon = Daemon::start(command.arg("--exec-any"), 1);
    assert!(Caller::at(daemon.addresses[0]).argv(&["true"]).is_ok());
}
