//! Commands: what they are given and what they print.

use crate::caller::{Caller, anything, argv_of, open_server, options, shell_of, start};
use crate::processes::wait_until;
use framing_protocol::client::Event;
use framing_protocol::message::{Code, Exec, Outcome, Stdin, Text};
use framing_server::{ExecPolicy, Options};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::time::Duration;
use tempfile::tempdir;

#[test]
fn output_error_and_exit_code_stay_apart() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let ran = caller.argv(&["sh", "-c", "echo out; echo err >&2; exit 7"]).unwrap();
    assert_eq!((&ran.out[..], &ran.err[..]), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 7 });
    assert!(!ran.exit.truncated);
    // The connection goes on.
    let ran = caller.shell("printf 'a\\0b'").unwrap();
    assert_eq!(ran.out, b"a\0b");
    assert_eq!(caller.upper(b"and echo").unwrap(), "AND ECHO");
}

#[test]
fn twenty_mebibytes_stream_through_unchanged() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let ran = Caller::new(&server).argv(&["seq", "1", "3000000"]).unwrap();
    let mut expected = Vec::new();
    for n in 1..=3_000_000 {
        writeln!(expected, "{n}").unwrap();
    }
    assert!(expected.len() > 20 << 20);
    assert!(ran.out == expected, "{} bytes", ran.out.len());
    assert_eq!(ran.exit.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn both_outputs_stream_at_once() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let line = "head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait";
    let ran = Caller::new(&server).shell(line).unwrap();
    assert_eq!((ran.out.len(), ran.err.len()), (3_000_000, 3_000_000));
}

#[test]
fn a_slow_reader_pauses_the_command() {
    const SIZE: usize = 100_000_000;
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let id =
        caller.client().exec(&argv_of(&["head", "-c", &SIZE.to_string(), "/dev/zero"])).unwrap();
    let (Event::Started { pid, .. }, _) = caller.next() else { panic!() };
    let written = || {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
        io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse::<usize>().unwrap()
    };
    let mut before = 0;
    wait_until("the command waits", || {
        std::thread::sleep(Duration::from_millis(200));
        before == std::mem::replace(&mut before, written())
    });
    // Sockets and pipes hold some MiB; the server itself may not hold much.
    assert!(before < SIZE / 3, "{before} bytes were taken from the command for nobody");
    assert_eq!(caller.finish(id).unwrap().out.len(), SIZE);
}

#[test]
fn arguments_arrive_verbatim() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let arguments: Vec<Text> = [
        &b""[..],
        b" ",
        b"a b",
        b"-n",
        b"--",
        b"--help",
        b"$HOME",
        b"`id`",
        b"$(id)",
        b"*",
        b"~",
        b"a;b|c&d",
        b"\"",
        b"'",
        b"\\",
        b"line\nline",
        b"\r\t\x1b[31m",
        "東京".as_bytes(),
        b"\xff\xfe",
        b"%s%n",
        b"!!",
    ]
    .into_iter()
    .map(Text::from)
    .collect();
    let script = [Text::from("sh"), "-c".into(), "printf '%s\\0' \"$@\"".into(), "sh".into()];
    let argv: Vec<Text> = script.into_iter().chain(arguments.iter().cloned()).collect();
    let ran = Caller::new(&server).argv(&argv).unwrap();
    let got: Vec<&[u8]> = ran.out.split(|&byte| byte == 0).collect();
    let sent: Vec<&[u8]> = arguments.iter().map(Text::as_bytes).chain([&b""[..]]).collect();
    assert_eq!(got, sent);
}

#[test]
fn what_the_system_cannot_pass_on_is_refused() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let nul = || Text::from(&b"a\0b"[..]);
    let with = |change: &dyn Fn(&mut Exec)| {
        let mut exec = argv_of(&["true"]);
        change(&mut exec);
        exec
    };
    for exec in [
        argv_of::<Text>(&[]),
        argv_of(&[Text::from("echo"), nul()]),
        argv_of(&[nul()]),
        shell_of("echo a\0b"),
        with(&|exec| exec.cwd = Some(nul())),
        with(&|exec| _ = exec.env.insert("A".to_owned(), nul())),
        with(&|exec| _ = exec.env.insert("A=B".to_owned(), "c".into())),
        with(&|exec| _ = exec.env.insert(String::new(), "c".into())),
    ] {
        let failure = caller.exec(&exec).unwrap_err();
        assert_eq!(failure.code, Code::BadRequest, "{exec:?}: {failure}");
    }
    assert_eq!(caller.shell("-x 2>/dev/null").unwrap().exit.outcome, Outcome::Exited { code: 127 });
}

#[test]
fn the_environment_is_clean_and_what_was_asked_for() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let mut exec = argv_of(&["env", "-0"]);
    exec.env.insert("GREETING".to_owned(), Text::from(&b"hello \xff world"[..]));
    let out = caller.exec(&exec).unwrap().out;
    let variables: Vec<&[u8]> =
        out.split(|&byte| byte == 0).filter(|line| !line.is_empty()).collect();
    assert!(variables.contains(&&b"GREETING=hello \xff world"[..]));
    let names: BTreeSet<&[u8]> =
        variables.iter().filter_map(|line| line.split(|&byte| byte == b'=').next()).collect();
    // This test itself runs with a CARGO_MANIFEST_DIR, which must not be there.
    assert_eq!(names, BTreeSet::from([&b"GREETING"[..], b"HOME", b"LANG", b"PATH"]));
    for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "ENV"] {
        let mut exec = argv_of(&["true"]);
        exec.env.insert(name.to_owned(), "x".into());
        let failure = caller.exec(&exec).unwrap_err();
        assert_eq!(failure.code, Code::Denied);
        assert!(failure.message.contains(name), "{failure}");
    }
}

#[test]
fn commands_begin_at_the_root() {
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("below")).unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let here = root.path().canonicalize().unwrap();
    let mut exec = argv_of(&["pwd"]);
    assert_eq!(caller.exec(&exec).unwrap().out, format!("{}\n", here.display()).as_bytes());
    exec.cwd = Some("below".into());
    assert_eq!(caller.exec(&exec).unwrap().out, format!("{}/below\n", here.display()).as_bytes());
    exec.cwd = Some("missing".into());
    assert_eq!(caller.exec(&exec).unwrap_err().code, Code::NotADirectory);

    let rootless = start(Options { exec: anything(), ..options() });
    assert_eq!(Caller::new(&rootless).argv(&["pwd"]).unwrap().out, b"/\n");
}

#[test]
fn without_their_flags_commands_are_denied_and_the_flag_is_named() {
    for (argv, shell) in [(false, false), (true, false), (false, true), (true, true)] {
        let exec = ExecPolicy { any: argv, shell, ..ExecPolicy::default() };
        let server = start(Options { exec, ..options() });
        let mut caller = Caller::new(&server);
        for (exec, allowed, flag) in
            [(argv_of(&["true"]), argv, "--exec-any"), (shell_of("true"), shell, "--exec-shell")]
        {
            match caller.exec(&exec) {
                Ok(ran) => assert!(allowed, "{ran:?}"),
                Err(failure) => {
                    assert!(!allowed && failure.code == Code::Denied, "{failure}");
                    assert!(failure.hint.unwrap().contains(flag));
                }
            }
        }
    }
}

#[test]
fn a_command_leads_its_own_group() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let out = Caller::new(&server).shell("cut -d' ' -f5 /proc/self/stat; echo $$").unwrap().out;
    let lines: Vec<&[u8]> = out.split(|&byte| byte == b'\n').collect();
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn input_flows_on_credit_and_ends() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let input: Vec<u8> =
        (0..3_000_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let mut exec = argv_of(&["cat"]);
    exec.stdin = Stdin::Piped;
    let id = caller.client().exec(&exec).unwrap();
    let (mut sent, mut out, mut ended) = (0, Vec::new(), false);
    loop {
        if sent < input.len() && caller.client().credit(id) > 0 {
            sent += caller.client().stdin(id, &input[sent..]).unwrap();
        } else if sent == input.len() && !ended {
            caller.client().stdin_end(id);
            ended = true;
        }
        match caller.poll() {
            Some((Event::Stdout { .. }, body)) => out.extend(body),
            Some((Event::Exit { exit, .. }, _)) => {
                assert_eq!(exit.outcome, Outcome::Exited { code: 0 });
                break;
            }
            Some((Event::Started { .. } | Event::Window { .. }, _)) => {}
            Some(other) => panic!("{other:?}"),
            None => caller.turn(crate::caller::PATIENCE),
        }
    }
    assert!(out == input, "{} bytes of {}", out.len(), input.len());
}

#[test]
fn a_command_that_wants_no_input_ends_all_the_same() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let mut exec = shell_of("exec <&-; echo closed; read x; exit 4");
    exec.stdin = Stdin::Piped;
    let (id, _, _) = caller.begin(&exec);
    while caller.client().credit(id) > 0 {
        let taken = caller.client().stdin(id, &[0; 4096]);
        if !matches!(taken, Ok(1..)) {
            break;
        }
    }
    assert!(caller.finish(id).is_ok());
    assert_eq!(caller.argv(&["cat"]).unwrap().out, b"");
}
