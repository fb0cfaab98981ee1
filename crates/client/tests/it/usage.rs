//! The command line itself.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use crate::support::{PATIENCE, World, process, run, text};

#[test]
fn usage_errors_are_2_and_for_exec_125() {
    let here = tempfile::tempdir().unwrap();
    let code = |args: &[&str]| run("127.0.0.1:1", here.path(), args).status.code().unwrap();
    for usage in [
        &[][..],
        &["dance"],
        &["get"],
        &["put"],
        &["stat"],
        &["ls", "--sort", "colour"],
        &["--dance", "ping"],
    ] {
        assert_eq!(code(usage), 2, "{usage:?}");
    }
    for usage in [
        &["exec"][..],
        &["exec", "-l"],
        &["exec", "--timeout", "soon", "--", "ls"],
        &["exec", "--shell", "ls", "more"],
        &["exec", "--env", "no-value", "ls"],
        &["exec", "--json", "--json-events", "ls"],
        &["exec", "-i", "--detach", "ls"],
        &["exec", "@"],
        &["--server", "a:1,b:1", "exec", "-i", "ls"],
    ] {
        let output = run("127.0.0.1:1", here.path(), usage);
        assert_eq!(output.status.code(), Some(125), "{usage:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: ") && said.contains("--help"), "{usage:?}: {said}");
    }
    assert_eq!(code(&["--server", "a:1,b:1", "ping"]), 2);
}

#[test]
fn help_tells_the_exit_codes() {
    let here = tempfile::tempdir().unwrap();
    for help in [&["--help"][..], &["exec", "--help"], &["--version"]] {
        let output = run("127.0.0.1:1", here.path(), help);
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(0), ""),
            "{help:?}"
        );
    }
    let help = run("127.0.0.1:1", here.path(), &["--help"]);
    assert!(text(&help.stdout).contains("128+N killed by signal N"));
}

#[test]
fn the_flag_wins_over_the_environment() {
    let world = World::new();
    let address = world.address();
    let mut client = world.client(&["--server", &address, "ping"]);
    assert!(client.env("FRAMING_SERVER", "127.0.0.1:1").output().unwrap().status.success());
}

#[test]
fn a_server_that_is_no_address_is_told() {
    let here = tempfile::tempdir().unwrap();
    let output = run("not an address", here.path(), &["ping"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("HOST:PORT"), "{}", text(&output.stderr));
}

#[test]
fn a_line_of_complaint_is_written_at_once() {
    // Every write is a datagram of its own.
    let (reader, writer) = UnixDatagram::pair().unwrap();
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    let here = tempfile::tempdir().unwrap();
    let mut get = process("127.0.0.1:1", here.path(), &["get", ".."]);
    let status = get.stderr(OwnedFd::from(writer)).status().unwrap();
    assert_eq!(status.code(), Some(2));
    let lines = [(); 2].map(|()| {
        let mut line = [0; 2048];
        let length = reader.recv(&mut line).unwrap();
        text(&line[..length])
    });
    assert!(lines[0].starts_with("framing-client: get: ") && lines[0].ends_with('\n'), "{lines:?}");
    assert!(
        lines[1].starts_with("framing-client: hint: ") && lines[1].ends_with('\n'),
        "{lines:?}"
    );
}
