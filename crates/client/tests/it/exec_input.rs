//! `exec -i`: standard input of every kind, and what is left of it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

use framing_client::{Attached, Attendant, Order, Session};
use framing_protocol::message::{Command, Exec, Outcome, Stdin};
use rustix::fs::OFlags;

use crate::support::{World, check, code, guarded, said, target, terminal, text};

/// A file with so many bytes, none of which is like those beside it.
fn file(length: usize) -> (File, Vec<u8>) {
    let content: Vec<u8> = (0..=250).cycle().take(length).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    file.rewind().unwrap();
    (file, content)
}

#[test]
fn ten_mebibytes_come_back_as_they_went() {
    let world = World::new();
    let (file, content) = file(10 << 20);
    let output = said(world.process(&["exec", "-i", "cat"]).stdin(file));
    assert!(output.stdout == content, "{} bytes", output.stdout.len());
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let mut client = world.client(&["exec", "--stdin", "--", "cat"]);
    let output = client.write_stdin(content.clone()).output().unwrap();
    assert!(output.stdout == content, "{} bytes", output.stdout.len());
}

#[test]
fn a_command_that_wants_little_leaves_the_rest() {
    let world = World::new();
    let (mut file, content) = file(10 << 20);
    let stdin = file.try_clone().unwrap();
    let output = said(world.process(&["exec", "-i", "head", "-c", "5"]).stdin(stdin));
    assert_eq!(output.stdout, &content[..5]);
    // What was on its way is gone, and no more than that.
    let read = file.stream_position().unwrap();
    assert!((5..2 << 20).contains(&read), "{read} bytes were read");
    let output = said(&mut world.shell("yes | $0 exec -i head -c 5"));
    check(&output, 0, "y\ny\ny", &[]);
}

#[test]
fn without_the_flag_not_a_byte_is_read() {
    let world = World::new();
    let (mut file, _) = file(1000);
    let stdin = file.try_clone().unwrap();
    let output = said(world.process(&["exec", "cat"]).stdin(stdin));
    check(&output, 0, "", &[]);
    assert_eq!(file.stream_position().unwrap(), 0);
    let line = "printf 'a\nb\nc\n' | while read line; do $0 exec echo \"<$line>\"; done";
    check(&said(&mut world.shell(line)), 0, "<a>\n<b>\n<c>\n", &[]);
    // With it the first one takes the others' lines.
    let line = "printf 'a\nb\nc\n' | while read line; do $0 exec -i cat; done";
    check(&said(&mut world.shell(line)), 0, "b\nc\n", &[]);
}

#[test]
fn no_input_at_all_is_the_end_at_once() {
    let world = World::new();
    for line in ["$0 exec -i cat </dev/null", "$0 exec -i cat <&-", ": | $0 exec -i wc -c"] {
        let output = said(&mut world.shell(line));
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        assert!(matches!(text(&output.stdout).trim(), "" | "0"), "{line}");
    }
}

#[test]
fn input_that_cannot_be_read_is_told_and_the_command_goes_on() {
    let world = World::new();
    let output = world.shell("$0 exec -i -- sh -c 'cat; echo end' < .").output().unwrap();
    check(&output, 125, "end\n", &["exec: cannot read standard input: ", "the end of its input"]);
    let output = world.shell("$0 exec -i --json -- sh -c 'cat; echo end' < .").output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(125), ""));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["outcome"], &told["stdout"]["text"]), (&"exited".into(), &"end\n".into()));
    assert!(told["input_error"].as_str().unwrap().contains("directory"), "{told}");
}

#[test]
fn input_goes_as_it_comes_and_descriptors_stay_as_they_are() {
    let world = World::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let kept = reader.try_clone().unwrap();
    let mut cat = world
        .process(&["exec", "-i", "cat"])
        .stdin(reader)
        .stdout(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut lines = BufReader::new(cat.stdout.take().unwrap()).lines();
    for line in ["one", "two"] {
        writeln!(writer, "{line}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), line);
    }
    let flags = rustix::fs::fcntl_getfl(&kept).unwrap();
    assert!(!flags.contains(OFlags::NONBLOCK), "{flags:?}");
    drop((writer, kept));
    assert!(lines.next().is_none());
    assert_eq!(code(cat), Some(0));
}

#[test]
fn a_terminal_is_read_to_its_end() {
    let world = World::new();
    let (mut keyboard, slave) = terminal();
    let mut cat = world
        .process(&["exec", "-i", "cat"])
        .stdin(slave)
        .stdout(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut lines = BufReader::new(cat.stdout.take().unwrap()).lines();
    keyboard.write_all(b"typed\r").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "typed");
    // Ctrl-D
    keyboard.write_all(b"\x04").unwrap();
    assert!(lines.next().is_none());
    assert_eq!(code(cat), Some(0));
}

#[test]
fn a_command_that_ends_does_not_wait_for_input() {
    let world = World::new();
    let (reader, _writer) = std::io::pipe().unwrap();
    let exec = world
        .process(&["exec", "-i", "sh", "-c", "exit 3"])
        .stdin(reader)
        .spawn()
        .map(guarded)
        .unwrap();
    assert_eq!(code(exec), Some(3));
}

#[test]
fn input_and_output_of_which_neither_waits_for_the_other() {
    let world = World::new();
    // More goes in than fits anywhere before anything comes out, and the other way round.
    let script = "seq 1 200000; cat; seq 1 200000";
    let (file, content) = file(3 << 20);
    let output = said(world.process(&["exec", "-i", "--shell", script]).stdin(file));
    let numbers = (1..=200_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    let expected = [numbers.as_bytes(), &content, numbers.as_bytes()].concat();
    assert!(output.stdout == expected, "{} bytes", output.stdout.len());
}

#[test]
fn variables_and_the_folder_are_as_asked_for() {
    let world = World::new();
    std::fs::create_dir(world.there("sub")).unwrap();
    let line = "printf '%s|%s|%s\\n' \"$A\" \"$EMPTY\" \"${PWD##*/}\"";
    let output = world
        .client(&["exec", "--env", "A=b c=d", "--env", "EMPTY=", "--cwd", "sub", "--shell", line])
        .output()
        .unwrap();
    check(&output, 0, "b c=d||sub\n", &[]);
}

/// Sends a signal as soon as the command runs, and keeps what it hears.
#[derive(Default)]
struct Impatient {
    pid: Option<u32>,
    orders: Vec<Order>,
    ended: u32,
}

impl Attendant for Impatient {
    fn started(&mut self, pid: u32) -> std::io::Result<()> {
        self.pid = Some(pid);
        self.orders.push(Order::Signal("KILL"));
        Ok(())
    }

    fn ended(&mut self) {
        self.ended += 1;
    }

    fn order(&mut self) -> Option<Order> {
        self.orders.pop()
    }
}

#[test]
fn the_library_has_input_and_signals_too() {
    let world = World::new();
    let mut session = Session::connect(&target(&world.address())).unwrap();
    let argv = |argv: &[&str]| Command::Argv(argv.iter().map(|arg| (*arg).into()).collect());
    let cat = Exec { stdin: Stdin::Piped, ..Exec::new(argv(&["cat"])) };
    let (file, content) = file(100_000);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let attached = Attached {
        stdout: &mut out,
        stderr: &mut err,
        stdin: Some(file.as_fd()),
        attendant: &mut (),
    };
    let exit = session.run(&cat, attached).unwrap();
    assert_eq!((exit.outcome, out == content), (Outcome::Exited { code: 0 }, true));
    // Asked to have input and given none, it has an empty one.
    let exit = session.exec(&cat, &mut std::io::sink(), &mut std::io::sink()).unwrap();
    assert_eq!(exit.outcome, Outcome::Exited { code: 0 });

    let mut impatient = Impatient::default();
    let attached =
        Attached { stdout: &mut out, stderr: &mut err, stdin: None, attendant: &mut impatient };
    let exit = session.run(&Exec::new(argv(&["sleep", "1000"])), attached).unwrap();
    assert_eq!(exit.outcome, Outcome::Signalled { signal: 9, name: "KILL".into() });
    assert!(impatient.pid.is_some() && impatient.ended == 1);

    let mut impatient = Impatient { orders: vec![Order::Leave], ..Impatient::default() };
    let attached =
        Attached { stdout: &mut out, stderr: &mut err, stdin: None, attendant: &mut impatient };
    let error = session.run(&Exec::new(argv(&["sleep", "1000"])), attached).unwrap_err();
    assert!(matches!(error, framing_client::Error::Interrupted), "{error}");
    // The connection is as good as before, once the server has ended what was left.
    assert_eq!(session.upper(b"a").unwrap(), b"A");
}

#[test]
fn input_is_not_read_before_the_command_takes_it() {
    let world = World::new();
    let (mut file, _) = file(10 << 20);
    let stdin = file.try_clone().unwrap();
    let mut exec = world
        .process(&["exec", "-i", "--shell", "echo ready; until [ -e go ]; do sleep 0.05; done"])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut stdout = BufReader::new(exec.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let read = file.stream_position().unwrap();
    assert!(read < 2 << 20, "{read} bytes were read");
    std::fs::write(world.there("go"), "").unwrap();
    stdout.read_to_string(&mut String::new()).unwrap();
    assert_eq!(code(exec), Some(0));
}
