//! Commands that are awkward: what they are called, what they print, what they do not read.

use crate::caller::{Caller, anything, argv_of, open_server, options, shell_of, start};
use crate::processes::rounds;
use framing_protocol::client::Event;
use framing_protocol::message::{Outcome, Stdin, Text};
use framing_server::Options;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Every byte that an argument can have, alone, first, last and in the middle; and what shells, options and
/// formats are made of.
fn hostile_arguments() -> Vec<Text> {
    let bytes = (1..=255u8).flat_map(|byte| {
        [vec![byte], vec![byte, b'a'], vec![b'a', byte], vec![b'a', byte, byte, b'a']]
    });
    let words = [
        "",
        " ",
        "  a  ",
        "-",
        "--",
        "-n",
        "--help",
        "-rf /",
        "$HOME",
        "${IFS}",
        "`id`",
        "$(id)",
        "*",
        "~",
        "~root",
        "a;b|c&d",
        "a\nb",
        "\r\n",
        "\\",
        "\\\\",
        "\"",
        "''",
        "'\\''",
        "%s%n",
        "!!",
        "#",
        "東京",
        "\u{202e}abc",
        "\u{1b}]0;title\u{7}",
        "@name",
        "=",
        "A=B",
        "&&",
        "||",
        ">file",
        "<file",
        "2>&1",
        "{a,b}",
        "[a-z]",
        "?",
    ];
    bytes.chain(words.map(|word| word.as_bytes().to_vec())).map(Text::from).collect()
}

#[test]
fn a_thousand_hostile_arguments_come_back_as_they_went() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let arguments = hostile_arguments();
    assert!(arguments.len() > 1000);
    for arguments in arguments.chunks(200) {
        let printf = [Text::from("printf"), "%s\\0".into()];
        let argv: Vec<Text> = printf.into_iter().chain(arguments.iter().cloned()).collect();
        let ran = caller.argv(&argv).unwrap();
        let sent: Vec<u8> =
            arguments.iter().flat_map(|text| [text.as_bytes(), &[0]].concat()).collect();
        assert!(ran.out == sent && ran.err.is_empty());
    }
}

#[test]
fn the_result_of_each_program_that_is_none() {
    let root = tempdir().unwrap();
    let script = |name: &str, content: &str, mode: u32| {
        let path = root.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    script("with a space", "#!/bin/sh\necho ran \"$1\"\n", 0o755);
    script("-dash", "#!/bin/sh\necho dash\n", 0o755);
    script("not for us", "#!/bin/sh\n", 0o644);
    script("no interpreter", "#!/no/such/interpreter\n", 0o755);
    script("no format", "\u{7f}ELF or what", 0o755);
    fs::create_dir(root.path().join("folder")).unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for (program, outcome) in [
        ("./with a space", Outcome::Exited { code: 0 }),
        ("./-dash", Outcome::Exited { code: 0 }),
        ("./not for us", Outcome::NotExecutable),
        ("./folder", Outcome::NotExecutable),
        ("./no format", Outcome::NotExecutable),
        // As the system tells it.
        ("./no interpreter", Outcome::NotFound),
        ("./missing", Outcome::NotFound),
        ("./with a space/more", Outcome::NotFound),
        ("missing", Outcome::NotFound),
    ] {
        let ran = caller.argv(&[program, "a b"]).unwrap();
        assert_eq!(ran.exit.outcome, outcome, "{program}");
        assert!(ran.out == b"ran a b\n" || ran.out == b"dash\n" || ran.out.is_empty());
    }
    // Elsewhere, with a space in its path.
    let mut exec = argv_of(&["pwd"]);
    exec.cwd = Some(root.path().join("folder").to_str().unwrap().into());
    assert!(caller.exec(&exec).unwrap().out.ends_with(b"/folder\n"));
}

#[test]
fn binary_output_has_the_digest_of_what_was_printed() {
    let root = tempdir().unwrap();
    let size = rounds(48, 1024);
    write_noise(&root.path().join("noise"), size);
    let expected = {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(root.path().join("noise")).unwrap()).unwrap();
        hasher.finalize()
    };
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let asked = caller.client().exec(&argv_of(&["cat", "noise"])).unwrap();
    let (mut hasher, mut length) = (blake3::Hasher::new(), 0);
    loop {
        match caller.next() {
            (Event::Started { .. }, _) => {}
            (Event::Stdout { .. }, body) => {
                length += body.len();
                hasher.update(&body);
            }
            (Event::Exit { id, exit }, _) if id == asked => {
                assert_eq!(exit.outcome, Outcome::Exited { code: 0 });
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((length, hasher.finalize()), (size << 20, expected));
}

/// So many MiB of bytes that do not repeat.
fn write_noise(path: &Path, mebibytes: usize) {
    let mut file = File::create(path).unwrap();
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut block = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        noise.fill(&mut block);
        std::io::Write::write_all(&mut file, &block).unwrap();
    }
}

#[test]
fn a_command_that_prints_for_ever_and_one_that_reads_for_ever_end_in_time() {
    let server = start(Options { exec: anything(), ..options() });
    let mut caller = Caller::new(&server);
    for line in ["yes", "yes >&2", "cat >/dev/null", "cat"] {
        let mut exec = shell_of(line);
        exec.stdin = Stdin::Piped;
        exec.timeout = Some(Duration::from_millis(500));
        let start = Instant::now();
        let asked = caller.client().exec(&exec).unwrap();
        let outcome = loop {
            if caller.client().credit(asked) > 0 {
                let _ = caller.client().stdin(asked, &[b'x'; 4096]);
            }
            match caller.poll() {
                Some((Event::Exit { exit, .. }, _)) => break exit.outcome,
                Some((Event::Error { failure, .. }, _)) => panic!("{failure}"),
                Some(_) => {}
                None => caller.turn(Duration::from_millis(10)),
            }
            assert!(start.elapsed() < crate::caller::PATIENCE);
        };
        assert_eq!(outcome, Outcome::TimedOut, "{line}");
    }
}

/// The classic deadlock: both sides write, and nobody reads.
#[test]
fn a_full_stderr_with_an_input_that_is_not_read_ends_all_the_same() {
    let server = start(Options { exec: anything(), ..options() });
    let mut caller = Caller::new(&server);
    let mut exec = shell_of("head -c 3000000 /dev/zero >&2; exit 9");
    exec.stdin = Stdin::Piped;
    let asked = caller.client().exec(&exec).unwrap();
    let mut errors = 0;
    let outcome = loop {
        // As much as it may send, and never the end.
        if caller.client().credit(asked) > 0 {
            let _ = caller.client().stdin(asked, &[b'x'; 16384]);
        }
        match caller.poll() {
            Some((Event::Exit { exit, .. }, _)) => break exit.outcome,
            Some((Event::Stderr { .. }, body)) => errors += body.len(),
            Some((Event::Started { .. } | Event::Window { .. }, _)) => {}
            Some(other) => panic!("{other:?}"),
            None => caller.turn(crate::caller::PATIENCE),
        }
    };
    assert_eq!((outcome, errors), (Outcome::Exited { code: 9 }, 3_000_000));
}
