//! `exec --json`, `--json-events` and `--status-file`: one shape, whatever happens.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Output, Stdio};
use std::thread;

use framing_server::ExecPolicy;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use serde_json::{Value, json};

use crate::lies::{message, read_header};
use crate::support::{Impostor, World, check, code, guarded, run, said, text};

/// The one line that was printed. Nothing else may have been said.
#[track_caller]
fn object(output: &Output) -> Value {
    let said = text(&output.stdout);
    assert_eq!(text(&output.stderr), "", "{said}");
    assert!(said.ends_with('\n') && said.lines().count() == 1, "{said}");
    let object: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(object["exit_code"], output.status.code().unwrap(), "{object}");
    object
}

#[track_caller]
fn events(output: &[u8]) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap();
    text(output).lines().map(line).collect()
}

/// How it ended, without what differs from run to run.
fn outcome(mut object: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    for field in ["server", "duration_ms", "stdout", "stderr", "truncated", "exit_code", "event"] {
        fields.remove(field);
    }
    object
}

#[test]
fn one_object_has_everything() {
    let world = World::new();
    let line = "echo out; printf 'a\\377' >&2; exit 7";
    let told = object(&world.client(&["exec", "--json", "--shell", line]).output().unwrap());
    assert!(told["duration_ms"].is_u64(), "{told}");
    let mut rest = told;
    rest.as_object_mut().unwrap().remove("duration_ms");
    let expected = json!({
        "server": world.address(),
        "outcome": "exited",
        "code": 7,
        "exit_code": 7,
        "truncated": false,
        "stdout": {"bytes": 4, "text": "out\n"},
        "stderr": {"bytes": 2, "base64": "Yf8="},
    });
    assert_eq!(rest, expected);
}

#[test]
fn every_end_has_its_word() {
    let world = World::new();
    for (args, code, expected) in [
        (&["true"][..], 0, json!({"outcome": "exited", "code": 0})),
        (
            &["--shell", "kill -9 $$"],
            137,
            json!({"outcome": "signaled", "signal": 9, "name": "KILL"}),
        ),
        (&["--timeout", "100ms", "sleep", "60"], 124, json!({"outcome": "timeout"})),
        (&["no-such-command"], 127, json!({"outcome": "not-found"})),
        (&["/etc/passwd"], 126, json!({"outcome": "not-executable"})),
    ] {
        let args = [&["exec", "--json"], args].concat();
        let told = object(&world.client(&args).output().unwrap());
        assert_eq!(told["exit_code"], code, "{told}");
        assert_eq!(outcome(told), expected);
    }
}

#[test]
fn a_command_that_was_not_run_has_an_error() {
    let world = World::with(ExecPolicy::default());
    let told = object(&world.client(&["exec", "--json", "true"]).output().unwrap());
    assert_eq!((&told["outcome"], &told["exit_code"]), (&"denied".into(), &126.into()));
    assert_eq!(told["error"]["code"], "denied");
    assert!(told["error"]["message"].is_string());
    assert!(told["error"]["hint"].as_str().unwrap().contains("--exec-any"), "{told}");
    assert_eq!(told["stdout"], json!({"bytes": 0, "text": ""}));
    let (address, here) = world.stop();
    let told = object(&run(&address, here.path(), &["exec", "--json", "true"]));
    assert_eq!((&told["outcome"], &told["exit_code"]), (&"transport".into(), &125.into()));
    assert_eq!(told["error"]["code"], "unreachable");
    assert!(told["error"]["hint"].as_str().unwrap().contains("framing-server --listen"), "{told}");
    assert_eq!((&told["server"], &told["truncated"]), (&address.into(), &false.into()));
    let told = object(&run("no address", here.path(), &["exec", "--json", "true"]));
    assert_eq!(told["error"]["code"], "unresolved");
}

#[test]
fn a_long_output_is_counted_and_its_beginning_kept() {
    let world = World::new();
    let line = "head -c 3000000 /dev/zero | tr '\\0' x; printf '\\377' >&2; seq 1 400000 >&2";
    let told = object(&world.client(&["exec", "--json", "--shell", line]).output().unwrap());
    assert_eq!(told["stdout"]["bytes"], 3_000_000);
    assert_eq!(told["stdout"]["cut"], true);
    assert_eq!(told["stdout"]["text"], "x".repeat(1 << 20));
    assert_eq!(told["stderr"]["cut"], true);
    assert!(told["stderr"]["base64"].as_str().unwrap().len() > 1 << 20);
    // Three bytes each, and the limit is no multiple of that.
    let line = "yes 粘 | tr -d '\\n' | head -c 1500000";
    let told = object(&world.client(&["exec", "--json", "--shell", line]).output().unwrap());
    assert_eq!(told["stdout"]["text"], "粘".repeat((1 << 20) / 3));
}

#[test]
fn events_come_as_things_happen() {
    let world = World::new();
    let script = "echo first; until [ -e go ]; do sleep 0.05; done; echo second >&2; exit 3";
    let mut exec = world
        .process(&["exec", "--json-events", "--shell", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let lines = BufReader::new(exec.stdout.take().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let started = events.next().unwrap();
    assert_eq!((&started["event"], started["pid"].is_u64()), (&"started".into(), true));
    let server = world.address();
    let first = json!({"server": server, "event": "stdout", "text": "first\n"});
    assert_eq!(events.next().unwrap(), first);
    std::fs::write(world.there("go"), "").unwrap();
    let second = json!({"server": server, "event": "stderr", "text": "second\n"});
    assert_eq!(events.next().unwrap(), second);
    let exit = events.next().unwrap();
    assert_eq!((&exit["event"], &exit["exit_code"]), (&"exit".into(), &3.into()));
    assert_eq!(outcome(exit), json!({"outcome": "exited", "code": 3}));
    assert!(events.next().is_none());
    assert_eq!(code(exec), Some(3));
}

#[test]
fn a_character_in_pieces_is_still_text() {
    let world = World::new();
    let script = r"printf 'a\344'; sleep 0.1; printf '\270'; sleep 0.1; printf '\255b'";
    let exec = |script: &str| {
        let args = ["exec", "--json-events", "--shell", script];
        events(&world.client(&args).output().unwrap().stdout)
    };
    let told = exec(script);
    assert!(told.iter().all(|event| event.get("base64").is_none()), "{told:?}");
    let said: String = told.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(said, "a中b");
    // What is not finished at the end was no text, and comes all the same.
    let told = exec(r"printf 'a\344'");
    let pieces: Vec<_> = told.iter().filter(|event| event["event"] == "stdout").collect();
    assert_eq!((&pieces[0]["text"], &pieces[1]["base64"]), (&"a".into(), &"5A==".into()));
}

/// What a client with these arguments (`ADDRESS` is the server's) prints if the server answers its request like
/// this, and ends the connection; and what it asked for.
fn lie(args: &[&str], answers: &[Vec<u8>]) -> (Output, String) {
    let impostor = Impostor::new();
    let address = impostor.address();
    let answer = answers.concat();
    let server = thread::spawn(move || {
        let mut stream = impostor.accept();
        read_header(&mut stream).unwrap();
        stream.write_all(&message(r#"{"type":"welcome","version":1,"agent":"t"}"#, b"")).unwrap();
        let asked = read_header(&mut stream).unwrap();
        stream.write_all(&answer).unwrap();
        stream.tcp().shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        asked
    });
    let here = tempfile::tempdir().unwrap();
    let args: Vec<_> = args.iter().map(|arg| arg.replace("ADDRESS", &address)).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let output = run(&address, here.path(), &args);
    (output, server.join().unwrap())
}

fn started() -> Vec<u8> {
    message(r#"{"type":"started","id":1,"pid":4321,"window":0}"#, b"")
}

fn exit(fields: &str) -> Vec<u8> {
    message(&format!(r#"{{"type":"exit","id":1,"duration_ms":1500,{fields}}}"#), b"")
}

#[test]
fn a_server_that_vanishes_leaves_what_came() {
    let half = message(r#"{"type":"stdout","id":1}"#, b"half of it");
    let (output, _) = lie(&["exec", "--json", "true"], &[started(), half.clone()]);
    let told = object(&output);
    assert_eq!((&told["outcome"], &told["exit_code"]), (&"transport".into(), &125.into()));
    assert_eq!((&told["error"]["code"], &told["truncated"]), (&"lost".into(), &true.into()));
    assert_eq!(told["stdout"], json!({"bytes": 10, "text": "half of it"}));
    let (output, _) = lie(&["exec", "--json-events", "true"], &[started(), half]);
    let told = events(&output.stdout);
    let names: Vec<_> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["started", "stdout", "exit"]);
    assert_eq!(told[2]["outcome"], "transport");
}

#[test]
fn an_error_of_the_server_is_told_as_it_is() {
    let error =
        r#"{"type":"error","id":1,"code":"shut_eye","message":"a\u001b[2J","hint":"sleep"}"#;
    let (output, _) = lie(&["exec", "--json", "true"], &[message(error, b"")]);
    let told = object(&output);
    let expected = json!({"code": "shut-eye", "message": "a\u{1b}[2J", "hint": "sleep"});
    assert_eq!((&told["outcome"], &told["error"]), (&"transport".into(), &expected));
    let error = r#"{"type":"error","id":1,"code":"cancelled","message":"cancelled"}"#;
    let (output, _) = lie(&["exec", "--json", "true"], &[started(), message(error, b"")]);
    assert_eq!(object(&output)["outcome"], "cancelled");
}

#[test]
fn caps_have_their_names() {
    for (cap, word, code) in
        [("run_time", "run-time", 124), ("file_size", "file-size", 137), ("output", "output", 137)]
    {
        let fields = format!(r#""outcome":"cap_exceeded","cap":"{cap}""#);
        let (output, _) = lie(&["exec", "--json", "true"], &[started(), exit(&fields)]);
        let told = object(&output);
        assert_eq!((&told["exit_code"], &told["duration_ms"]), (&code.into(), &1500.into()));
        assert_eq!(outcome(told), json!({"outcome": "cap-exceeded", "cap": word}));
    }
}

#[test]
fn a_detached_command_is_known_by_its_process_id() {
    let answers = [started(), exit(r#""outcome":"detached""#)];
    let (output, asked) = lie(&["exec", "--detach", "job", "-x"], &answers);
    check(&output, 0, "4321\n", &[]);
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!((&asked["argv"], &asked["detach"]), (&json!(["job", "-x"]), &true.into()));
    let (output, _) = lie(&["exec", "--detach", "--json", "job"], &answers);
    assert_eq!(outcome(object(&output)), json!({"outcome": "detached", "pid": 4321}));
    // Of several servers each says whose it is.
    let (output, _) = lie(&["exec", "--server", "ADDRESS,ADDRESS", "--detach", "job"], &answers);
    let said = text(&output.stdout);
    assert!(said.starts_with("127.0.0.1:") && said.ends_with(": 4321\n"), "{said}");
}

#[test]
fn a_command_of_the_servers_is_asked_for_by_name() {
    let answers = [started(), exit(r#""outcome":"exited","code":0"#)];
    let (output, asked) = lie(&["exec", "--env", "A=b", "@deploy", "v1", "--now"], &answers);
    check(&output, 0, "", &[]);
    let mut asked: Value = serde_json::from_str(&asked).unwrap();
    for field in ["type", "id"] {
        asked.as_object_mut().unwrap().remove(field);
    }
    let expected =
        json!({"named": "deploy", "args": ["v1", "--now"], "env": {"A": "b"}, "stdin": "null"});
    assert_eq!(asked, expected);
    let answers = [message(r#"{"type":"error","id":1,"code":"denied","message":"no"}"#, b"")];
    let (output, _) = lie(&["exec", "@deploy"], &answers);
    check(&output, 126, "", &["exec: no (denied)"]);
}

#[test]
fn a_status_file_is_told_beside_the_output() {
    let world = World::new();
    let exec = |args: &[&str]| world.client(&[&["exec", "--status-file"], args].concat()).output();
    std::fs::write(world.here("status"), "old and long ".repeat(100)).unwrap();
    check(&exec(&["status", "--shell", "echo out; exit 3"]).unwrap(), 3, "out\n", &[]);
    let told = std::fs::read_to_string(world.here("status")).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["exit_code"], told.get("stdout")), (&3.into(), None));
    assert_eq!(outcome(told), json!({"outcome": "exited", "code": 3}));

    let output = said(&mut world.shell("$0 exec --status-file /dev/fd/3 echo out 3>third"));
    check(&output, 0, "out\n", &[]);
    let third = std::fs::read_to_string(world.here("third")).unwrap();
    assert!(third.contains(r#""outcome":"exited","code":0"#) && third.ends_with("}\n"), "{third}");
    // A descriptor may lead to a file in which there is something already.
    let line = "echo before; $0 exec --status-file /dev/fd/3 echo out 3>&1; echo after";
    let output = world.shell(line).stdout(File::create(world.here("all")).unwrap()).output();
    assert_eq!(output.unwrap().status.code(), Some(0));
    let all = std::fs::read_to_string(world.here("all")).unwrap();
    assert!(all.starts_with("before\nout\n{"), "{all}");
    // Some systems do not let a process have a copy of a descriptor by its number.
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty());
    if ourselves.and_then(|pid| pidfd_getfd(pid, 1, PidfdGetfdFlags::empty())).is_ok() {
        assert!(all.ends_with("}\nafter\n"), "{all}");
    }
    let line =
        "mkfifo fifo; cat fifo & $0 exec --status-file fifo no-such-command 2>/dev/null; wait";
    let output = said(&mut world.shell(line));
    assert!(text(&output.stdout).contains(r#""outcome":"not-found""#), "{output:?}");
}

#[test]
fn a_status_file_that_cannot_be_written_is_told_before_anything_runs() {
    let world = World::new();
    // Nothing is open under the last number, and nothing can be written to standard input.
    for path in ["missing/status", ".", "/dev/fd/99", "/dev/fd/0"] {
        let output = world
            .client(&["exec", "--status-file", path, "--shell", "touch it-ran"])
            .output()
            .unwrap();
        check(&output, 125, "", &["exec: cannot write ", "hint: "]);
    }
    assert!(!world.there("it-ran").exists());
    // One that breaks later does not end the command.
    let output = world
        .client(&["exec", "--status-file", "/dev/full", "--shell", "echo out; touch it-ran"])
        .output()
        .unwrap();
    check(&output, 125, "out\n", &["exec: cannot write /dev/full"]);
    assert!(world.there("it-ran").exists());
}

#[test]
fn nobody_who_listens_is_a_broken_pipe() {
    let world = World::new();
    for options in [&["--json"][..], &["--json-events"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let args = [&["exec"], options, &["echo", "a"]].concat();
        let output = world
            .process(&args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .map(guarded)
            .unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(141), ""));
    }
}

#[test]
fn a_full_disk_is_our_own_failure() {
    let world = World::new();
    for options in [&[][..], &["--json"], &["--json-events"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let args = [&["exec"], options, &["echo", "a"]].concat();
        let child =
            world.process(&args).stdout(full).stderr(Stdio::piped()).spawn().map(guarded).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(125), "{options:?}");
    }
}

#[test]
fn an_object_waits_for_a_slow_reader() {
    let world = World::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let args = ["exec", "--json", "--shell", "head -c 900000 /dev/zero | tr '\\0' x"];
    let exec = world.process(&args).stdout(writer).spawn().map(guarded).unwrap();
    thread::sleep(std::time::Duration::from_millis(300));
    let told: Value = serde_json::from_reader(BufReader::new(reader)).unwrap();
    assert_eq!(told["stdout"]["bytes"], 900_000);
    assert_eq!(code(exec), Some(0));
}

#[test]
fn output_that_is_one_file_with_the_status_stays_in_order() {
    let world = World::new();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let args = ["exec", "--status-file", "/dev/stdout", "echo", "out"];
    let exec = world.process(&args).stdout(writer).spawn().map(guarded).unwrap();
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("out\n{\"server\":"), "{said}");
    assert_eq!(code(exec), Some(0));
}
