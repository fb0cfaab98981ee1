//! `exec` at several servers: whose line is whose, who failed, and nobody waits for anybody.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Impostor, World, code, guarded, process, run, text};

/// Two servers, and both in one word.
fn two() -> (World, World, String) {
    let (one, other) = (World::new(), World::new());
    let both = format!("{},{}", one.address(), other.address());
    (one, other, both)
}

/// An address where nobody listens.
fn nobody() -> String {
    World::new().stop().0
}

fn sorted(output: &[u8]) -> Vec<String> {
    let mut lines: Vec<_> = text(output).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn every_line_says_whose_it_is() {
    let (one, other, both) = two();
    let line = "printf 'out\\nlast'; echo err >&2";
    let output = one.client(&["--server", &both, "exec", "--shell", line]).output().unwrap();
    let mut expected = Vec::new();
    for server in [one.address(), other.address()] {
        expected.extend([format!("{server}: last"), format!("{server}: out")]);
    }
    expected.sort();
    assert_eq!(sorted(&output.stdout), expected);
    assert!(output.stdout.ends_with(b"\n"));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("{}: err\n", other.address())), "{said}");
    assert!(said.ends_with("framing-client: exec: 2 servers: 2 ok\n"), "{said}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn who_failed_is_named_with_the_reason_and_stops_nobody() {
    let (one, other, both) = two();
    let gone = nobody();
    std::fs::write(other.there("bad"), "").unwrap();
    let servers = format!("{gone},{both}");
    let line = "if [ -e bad ]; then exit 3; fi; echo fine";
    let output = one.client(&["exec", "--server", &servers, "--shell", line]).output().unwrap();
    assert_eq!(text(&output.stdout), format!("{}: fine\n", one.address()));
    let said = text(&output.stderr);
    for expected in [
        "exec: 3 servers: 1 ok, 1 no connection, 1 exited with 3\n".into(),
        format!("exec: {}: exited with 3\n", other.address()),
        format!("exec: {gone}: cannot connect to {gone}"),
        format!("hint: start a server there: framing-server --listen {gone} --exec-shell"),
    ] {
        assert!(said.contains(&expected), "{expected:?} is missing: {said}");
    }
    assert!(said.lines().all(|line| line.starts_with("framing-client: ")), "{said}");
    // The greatest of 125, 0 and 3.
    assert_eq!(output.status.code(), Some(125));
    let output = one.client(&["exec", "--server", &both, "--shell", line]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn they_run_at_the_same_time_but_no_more_than_asked_for() {
    let (one, _other, both) = two();
    let shared = tempfile::tempdir().unwrap();
    let folder = shared.path().display();
    // Each goes on only when the other has begun.
    let line =
        format!("touch {folder}/$$; while [ $(ls {folder} | wc -l) -lt 2 ]; do sleep 0.02; done");
    let output = one.client(&["--server", &both, "exec", "--shell", &line]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // Each fails if it finds another one.
    let line = format!("mkdir {folder}/lock && sleep 0.2 && rmdir {folder}/lock");
    let args = ["--server", &both, "exec", "--jobs", "1", "--shell", &line];
    let output = one.client(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn servers_come_from_a_file_too() {
    let (one, other, _) = two();
    let file = one.here("servers");
    let list = format!("# ours\n\n{}\n  {} # the other\n{0}\n", one.address(), other.address());
    std::fs::write(&file, list).unwrap();
    let exec = |args: &[&str]| {
        let args = [&["exec", "--servers", "servers"], args].concat();
        // Whoever is named in the environment is not asked.
        one.client(&args).env("FRAMING_SERVER", "127.0.0.1:1").output().unwrap()
    };
    let output = exec(&["echo", "hi"]);
    let mut expected = [one.address(), other.address()].map(|server| format!("{server}: hi"));
    expected.sort();
    assert_eq!(sorted(&output.stdout), expected);
    let said = text(&output.stderr);
    let again = format!("exec: {} is named more than once, and asked once\n", one.address());
    assert!(said.contains(&again) && said.contains("2 servers: 2 ok"), "{said}");
    // One server in a file is still one of a list.
    std::fs::write(&file, one.address()).unwrap();
    let output = exec(&["echo", "hi"]);
    assert_eq!(text(&output.stdout), format!("{}: hi\n", one.address()));
    assert!(text(&output.stderr).contains("exec: 1 server: 1 ok"));
    // Nor blamed for what is in the file.
    let gone = nobody();
    std::fs::write(&file, &gone).unwrap();
    let said = text(&exec(&["true"]).stderr);
    let hint = format!("hint: start a server there: framing-server --listen {gone} --exec-any\n");
    assert!(said.ends_with(&hint), "{said}");
    for (list, expected) in
        [("a:1\nb:1 c:1\n", "line 2: expected HOST:PORT"), ("# nobody\n", "names no server")]
    {
        std::fs::write(&file, list).unwrap();
        let output = exec(&["true"]);
        assert_eq!(output.status.code(), Some(125));
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
    std::fs::remove_file(&file).unwrap();
    let output = exec(&["true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("exec: cannot read servers: "));
}

#[test]
fn programs_get_an_object_for_each() {
    let (one, other, both) = two();
    let gone = nobody();
    let servers = format!("{both},{gone}");
    let args = ["--server", &servers, "exec", "--json", "--status-file", "status", "echo", "hi"];
    let output = one.client(&args).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(125), ""));
    let objects = |lines: &str| -> Vec<Value> {
        let mut objects: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        objects.sort_by_key(|object| object["server"].as_str().map(str::to_owned));
        objects
    };
    let mut expected =
        [(one.address(), "exited"), (other.address(), "exited"), (gone, "transport")];
    expected.sort();
    let status = std::fs::read_to_string(one.here("status")).unwrap();
    for told in [objects(&text(&output.stdout)), objects(&status)] {
        let told: Vec<_> =
            told.iter().map(|object| (&object["server"], &object["outcome"])).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(server, outcome)| (Value::from(server.as_str()), Value::from(*outcome)))
            .collect();
        assert!(
            told.iter().zip(&expected).all(|(told, (server, outcome))| *told == (server, outcome)),
            "{told:?}"
        );
        assert_eq!(told.len(), 3);
    }
    let args = ["--server", &both, "exec", "--json-events", "echo", "hi"];
    let output = one.client(&args).output().unwrap();
    let events = objects(&text(&output.stdout));
    for server in [one.address(), other.address()] {
        let names: Vec<_> = events
            .iter()
            .filter(|event| event["server"] == server.as_str())
            .map(|event| event["event"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["started", "stdout", "exit"]);
    }
}

#[test]
fn lines_of_many_are_never_mixed() {
    let (one, other, both) = two();
    let line = "for i in $(seq 1 2000); do echo \"$i $(printf '%0500d' $i) end\"; done";
    let output = one.client(&["--server", &both, "exec", "--shell", line]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    for server in [one.address(), other.address()] {
        let prefix = format!("{server}: ");
        let said = text(&output.stdout);
        let own: Vec<_> = said.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert_eq!(own.len(), 2000);
        for (at, line) in own.iter().enumerate() {
            assert_eq!(*line, format!("{0} {0:0500} end", at + 1));
        }
    }
}

#[test]
fn signals_are_for_all_of_them() {
    let (one, _other, both) = two();
    let line = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let mut client = one
        .process(&["--server", &both, "exec", "--shell", line])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        assert!(lines.next().unwrap().unwrap().ends_with(": ready"));
    }
    kill_process(Pid::from_child(&client), Signal::TERM).unwrap();
    let mut said = String::new();
    client.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("exec: 2 servers: 2 exited with 5"), "{said}");
    assert_eq!(code(client), Some(5));
}

#[test]
fn a_signal_ends_what_has_not_begun_and_goes_to_what_has() {
    let world = World::new();
    let silent = Impostor::new();
    let servers = format!("{},{}", silent.address(), world.address());
    let line = "trap 'exit 5' INT; echo ready; while :; do sleep 0.05; done";
    let mut client = world
        .process(&["--server", &servers, "exec", "--shell", line])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let _stream = silent.accept();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with(": ready"));
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let mut said = String::new();
    client.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("exec: 2 servers: 1 cancelled, 1 exited with 5"), "{said}");
    assert_eq!(code(client), Some(130));
}

#[test]
fn one_that_says_nothing_holds_up_nobody_but_itself() {
    let world = World::new();
    let silent = Impostor::new();
    let servers = format!("{},{}", silent.address(), world.address());
    let mut client = world
        .process(&["--server", &servers, "exec", "echo", "hi"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), format!("{}: hi", world.address()));
    assert!(client.try_wait().unwrap().is_none());
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn a_reader_that_leaves_ends_all_quietly() {
    let (one, _other, both) = two();
    let mut client: Child = one
        .process(&["--server", &both, "exec", "seq", "1", "100000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    BufReader::new(client.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let mut said = String::new();
    client.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), code(client)), ("", Some(141)));
}

#[test]
fn a_slow_reader_gets_every_line() {
    let (one, other, both) = two();
    let mut client = one
        .process(&["--server", &both, "exec", "seq", "1", "200000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut stdout = client.stdout.take().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    for server in [one.address(), other.address()] {
        let prefix = format!("{server}: ");
        let own = said.lines().filter_map(|line| line.strip_prefix(&prefix));
        assert!(own.eq((1..=200_000).map(|n| n.to_string())), "lines of {server} differ");
    }
    assert_eq!(code(client), Some(0));
}

#[test]
fn what_only_one_server_can_be_asked_is_a_usage_error() {
    let here = tempfile::tempdir().unwrap();
    let output = run("127.0.0.1:1", here.path(), &["--server", "a:1,b:1", "exec", "-i", "ls"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("one server only"), "{}", text(&output.stderr));
    let listed = process("a:1,b:1", here.path(), &["ping"]).output().unwrap();
    assert_eq!(listed.status.code(), Some(2));
    assert!(text(&listed.stderr).contains("only exec asks several"), "{}", text(&listed.stderr));
}
