//! What a person is told who has made a usual mistake.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::mpsc::channel;
use std::thread;

use crate::support::{World, check, run, text};

/// The port of a listener that is gone.
fn deserted() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Asks a server that lets `answer` see to each connection.
fn ask(args: &[&str], answer: impl Fn(TcpStream) + Send + 'static) -> (String, Output) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (over, end) = channel::<()>();
    let thread = thread::spawn(move || {
        while end.try_recv().is_err() {
            answer(listener.accept().unwrap().0);
        }
    });
    let here = tempfile::tempdir().unwrap();
    let output = run("", here.path(), &[&["--server", &address.to_string()], args].concat());
    over.send(()).unwrap();
    // One that finds it at rest.
    drop(TcpStream::connect(address));
    thread.join().unwrap();
    (address.to_string(), output)
}

#[test]
fn where_no_server_is_one_is_started_that_does_what_was_asked_for() {
    let (here, server) = (tempfile::tempdir().unwrap(), deserted());
    for (args, code, flags) in [
        (&["ping"][..], 3, ""),
        (&["echo", "a"], 3, ""),
        (&["ls"], 3, " --root DIR"),
        (&["get", "a"], 3, " --root DIR"),
        (&["exec", "--", "ls"], 125, " --exec-any"),
        (&["exec", "--shell", "ls"], 125, " --exec-shell"),
    ] {
        let hint = format!(
            "start a server there (from FRAMING_SERVER): framing-server --listen {server}{flags}\n"
        );
        check(&run(&server, here.path(), args), code, "", &[&hint]);
    }
}

#[test]
fn a_bad_name_of_a_server_is_told_from_an_unknown_one() {
    let here = tempfile::tempdir().unwrap();
    for (server, hint) in [
        ("bad", "hint: name the server (from FRAMING_SERVER) as HOST:PORT"),
        ("127.0.0.1:port", "hint: name the server (from FRAMING_SERVER) as HOST:PORT"),
        ("nohost.invalid:1", "hint: check the host name (from FRAMING_SERVER)\n"),
        ("127.0.0.1:0", "hint: nobody listens on port 0 (from FRAMING_SERVER)"),
    ] {
        check(&run(server, here.path(), &["ping"]), 3, "", &["ping: ", hint]);
        let flag = run("", here.path(), &["--server", server, "ping"]);
        check(&flag, 3, "", &[&hint.replace(" (from FRAMING_SERVER)", "")]);
    }
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let here = tempfile::tempdir().unwrap();
    let output = run("", here.path(), &["ping"]);
    // Whether somebody listens there is not ours to say.
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("127.0.0.1:7878") && !said.contains("FRAMING_SERVER"), "{said}");
}

#[test]
fn hints_ask_the_server_that_was_asked() {
    let world = World::new();
    let address = world.address();
    for (args, code, hint) in [
        (&["get", "missing"][..], 6, "ls"),
        (&["ls", "missing"], 6, "ls"),
        (&["get", ".."], 2, "get PATH -o FILE"),
        (&["exec", "--", "no-such-command"], 127, "exec --shell LINE"),
    ] {
        let hint = format!("framing-client --server {address} {hint}");
        check(&world.client(args).output().unwrap(), code, "", &["hint: ", &hint]);
    }
}

#[test]
fn another_program_behind_the_port_is_recognised() {
    for args in [&["ping"][..], &["get", "a"]] {
        let (address, output) = ask(args, |mut stream| {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").unwrap();
            // The client leaves when it has seen through it.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let said = format!("what answers at {address} is not a framing-server: ");
        check(&output, 3, "", &[&said, "hint: check the port"]);
    }
}

#[test]
fn a_ping_without_an_answer_is_not_to_be_repeated() {
    for command in ["ping", "ls"] {
        let (_, output) = ask(&[command], drop);
        let hint = "hint: is that a framing-server? check the address, or try again later\n";
        check(&output, 3, "", &["no encrypted connection to 127.0.0.1:", hint]);
        assert!(!text(&output.stderr).contains("framing-client --server"));
    }
}

#[test]
fn nothing_is_a_name_that_can_be_seen() {
    let world = World::new();
    fs::write(world.there("a"), "").unwrap();
    for (args, code, said) in [
        (&["get", ""][..], 2, "get: '' names no file"),
        (&["get", "a", "-o", ""], 2, "get: '' names no file"),
        (&["exec", "--", ""], 127, "exec: '': "),
        (&["get", "a", "-o", "new/"], 2, "get: there is no folder new/"),
    ] {
        check(&world.client(args).output().unwrap(), code, "", &[said, "hint: "]);
    }
    assert!(world.files_here().is_empty());
}

#[test]
fn the_folder_is_looked_at_where_no_file_can_be() {
    let world = World::new();
    fs::write(world.there("a"), "").unwrap();
    fs::create_dir(world.here("ro")).unwrap();
    fs::set_permissions(world.here("ro"), Permissions::from_mode(0o500)).unwrap();
    // Whoever may write everywhere does not fail.
    if fs::write(world.here("ro/probe"), "").is_err() {
        let output = world.client(&["get", "a", "-o", "ro/a"]).output().unwrap();
        check(&output, 1, "", &["ro/a.part", "hint: see what is there: ls -ld ro\n"]);
    }
    let output = world.client(&["get", "a", "-o", "no/such/a"]).output().unwrap();
    check(&output, 1, "", &["the folder no/such", "hint: see what is there: ls -ld .\n"]);
}

#[test]
fn help_is_a_command_too() {
    let help = |args: &[&str]| {
        let output = run("", Path::new("."), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        text(&output.stdout)
    };
    assert!(help(&["help"]).contains("Exit codes:"));
    assert!(help(&["help", "echo"]).contains("refused"));
    assert!(help(&["help", "get"]).contains("FILE.part.state beside it"));
}
