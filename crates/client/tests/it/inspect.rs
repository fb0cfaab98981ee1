//! `inspect`: what is printed of captures that parse, of those that do not, and of guesses.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::support::{check, code, process, run, terminal, text};

const NOBODY: &str = "127.0.0.1:1";

/// The output of `inspect` on a capture in a file.
fn inspect(args: &[&str], capture: &[u8]) -> std::process::Output {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("capture"), capture).unwrap();
    run(NOBODY, here.path(), &[&["inspect"], args, &["capture"]].concat())
}

/// The bytes of a field of all JSON lines, put together with its neighbours in the order in which
/// they stand in the capture.
fn put_together(json: &str) -> Vec<u8> {
    json.lines()
        .flat_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            ["head", "payload", "trailer"]
                .map(|field| unhex(line[field].as_str().unwrap()))
                .concat()
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    assert_eq!(text, text.to_lowercase());
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

#[test]
fn frames_are_listed_a_line_each() {
    let output = inspect(&["--framing", "u16be"], b"\0\x05hello\0\0\0\x02\xFF\x01");
    let expected = "         0  0005          \"hello\"\n         7  0000          \"\"\n         \
                    9  0002          ff01\n";
    check(&output, 0, expected, &[]);
    let json = inspect(&["--framing", "u16be", "--json"], b"\0\x02hi");
    let line = "{\"offset\":0,\"head\":\"0002\",\"payload\":\"6869\",\"trailer\":\"\"}\n";
    check(&json, 0, line, &[]);
    check(&inspect(&["--framing", "lines"], b""), 0, "", &[]);
}

#[test]
fn the_objects_put_together_are_the_capture() {
    for (spec, capture) in [
        ("u16be", &b"\0\x05hello\0\0"[..]),
        ("u8,offset=2,strip=0", b"ab\x02hicd\0"),
        ("u16be,offset=1,adjust=-3", b"x\0\x05hiy\0\x03"),
        ("lines,max=3,oversize=truncate", b"longer\nok\nlast"),
        ("u8,max=2,oversize=truncate", b"\x05hello\x01x"),
        ("crlf", b"a\r\nb\n\r\n"),
        ("delimiter=0x0d0a", b"*1\r\n$4\r\nPING\r\n"),
        ("delimiter=0x3b,keep", b"a;b;"),
        ("netstring", b"5:hello,0:,"),
        ("varint", b"\x05hello\0"),
        ("fixed=2", b"abcd"),
        ("content-length", b"Content-Length: 2\r\n\r\nhi"),
        ("envelope", b"\0\0\0\x02\0\0\0\0\0\0\0\x01hdb"),
        ("crlf,max=2,oversize=truncate", b"longer\r\nok\r\nlast"),
    ] {
        let output = inspect(&["--framing", spec, "--json"], capture);
        assert_eq!(output.status.code(), Some(0), "{spec}: {}", text(&output.stderr));
        assert_eq!(put_together(&text(&output.stdout)), capture, "{spec}");
    }
    for (spec, capture, payload) in [
        ("cobs", &b"\x03hi\0"[..], "6869"),
        ("slip", b"\xC0\xDB\xDC\xC0", "c0"),
        ("chunked", b"2\r\nhi\r\n0\r\n\r\n", "6869"),
        ("chunked,max=1,oversize=truncate", b"2\r\nhi\r\n0\r\n\r\n", "68"),
        ("cobs,max=1,oversize=truncate", b"\x03hi\0", "68"),
    ] {
        let output = inspect(&["--framing", spec, "--json"], capture);
        assert!(text(&output.stdout).contains(&format!("\"payload\":\"{payload}\"")), "{spec}");
    }
}

#[test]
fn the_place_and_the_reason_of_a_fault_are_told() {
    let output = inspect(&["--framing", "netstring"], b"2:hi,02:yo,");
    let place = [
        "(at byte 6 of the stream)",
        "5  30 32 3a 79 6f 2c                                02:yo,\n",
        "                ^^ byte 6, in the frame at byte 5\n",
    ];
    check(&output, 7, "         0  \"2:\"          \"hi\"\n", &place);
    for (spec, capture, kind, offset) in [
        ("u16be", &b"\0\x02hi\0\x09yo"[..], "truncated", 4),
        ("u16be,max=4", b"\0\x02hi\0\x09yo", "too_long", 4),
        ("i8", b"\x01x\xFFyo", "malformed", 2),
        ("crlf,strict", b"a\r\nb\nc", "malformed", 4),
        ("chunked", b"0x2\r\n", "malformed", 1),
    ] {
        let output = inspect(&["--framing", spec, "--json"], capture);
        assert_eq!(output.status.code(), Some(7), "{spec}");
        let stdout = text(&output.stdout);
        let last: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
        assert_eq!((last["error"].as_str(), last["offset"].as_u64()), (Some(kind), Some(offset)));
        assert!(last["message"].as_str().unwrap().contains("byte"), "{spec}: {last}");
    }
    let output = inspect(&["--framing", "u32be"], b"HTTP/1.1 400 Bad Request\r\n");
    check(&output, 7, "", &["is the peer speaking HTTP?"]);
}

#[test]
fn what_was_skipped_is_told_and_no_fault() {
    let output = inspect(&["--framing", "lines,max=3,oversize=skip"], b"longer\nok\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("         0  a frame was skipped"));
    let output = inspect(&["--framing", "lines,max=3,oversize=skip", "--json"], b"longer\nok\n");
    assert!(text(&output.stdout).starts_with("{\"error\":\"skipped\",\"offset\":0,"));
}

#[test]
fn a_wrong_spec_is_marked_where_it_is_wrong() {
    for (args, expected) in [
        (&["--framing", "u16be,ofset=2"][..], "\n  u16be,ofset=2\n        ^^^^^^^\n"),
        (&["--framing", "fixed=9MiB"], "\n  fixed=9MiB\n        ^^^^\n"),
        (&["--framing", "ünsigned"], "\n  ünsigned\n  ^^^^^^^^\n"),
        (&["--framing", "u8,日本"], "\n  u8,日本\n     ^^^^\n"),
        (&["--framing", "日本,x"], "\n  日本,x\n  ^^^^\n"),
        (&[], "--framing <SPEC>|--guess"),
        (&["--guess", "--framing", "u8"], "cannot be used with"),
    ] {
        let output = inspect(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
    let unusable = inspect(&["--framing", "fixed=99999999"], b"");
    check(&unusable, 2, "", &["no frame fits the limits"]);
}

#[test]
fn standard_input_is_a_capture_too() {
    let here = tempfile::tempdir().unwrap();
    for file in [&[][..], &["-"]] {
        let args = [&["inspect", "--framing", "u8"], file].concat();
        let mut client = assert_cmd::Command::from(process(NOBODY, here.path(), &args));
        let output = client.write_stdin(&b"\x02hi"[..]).output().unwrap();
        check(&output, 0, "         0  02            \"hi\"\n", &[]);
    }
    let output = run(NOBODY, here.path(), &["inspect", "--framing", "u8", "none"]);
    check(&output, 1, "", &["cannot read none", "hint: see what is there: ls -l\n"]);
    let output = run(NOBODY, here.path(), &["inspect", "--framing", "u8", "."]);
    check(&output, 1, "", &["cannot read .: "]);
}

#[test]
fn what_was_cut_off_is_told() {
    for (spec, capture, expected) in [
        ("lines,max=3,oversize=truncate", &b"longer\n"[..], "\"lon\" + 3 bytes past the limit"),
        ("u8,max=1,oversize=truncate", b"\x02\xFFx", "ff + 1 bytes past the limit"),
        ("lines,max=2,oversize=truncate", b"ok\n", "\"ok\""),
    ] {
        let output = inspect(&["--framing", spec], capture);
        check(&output, 0, &text(&output.stdout), &[]);
        let stdout = text(&output.stdout);
        assert!(stdout.ends_with(&format!("  {expected}\n")), "{spec}: {stdout}");
    }
    let long = [&b"\xC3\xBC".repeat(100)[..], b"\n"].concat();
    let output = inspect(&["--framing", "lines,max=180,oversize=truncate"], &long);
    let shown = format!("\"{}\"... (180 bytes) + 20 bytes past the limit\n", "ü".repeat(32));
    assert!(text(&output.stdout).ends_with(&shown), "{}", text(&output.stdout));
}

#[test]
fn the_row_before_the_fault_is_shown_however_long_the_frame() {
    let capture = [&vec![b'a'; 200_000][..], b"\nb\r\n"].concat();
    let output = inspect(&["--framing", "crlf,strict"], &capture);
    let expected = [
        "199984  61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61  aaaaaaaaaaaaaaaa\n",
        "200000  0a 62 0d 0a",
        "^^ byte 200000, in the frame at byte 0\n",
    ];
    check(&output, 7, "", &expected);
    // The first bytes of a frame are shown even when they are long gone.
    let output = inspect(&["--framing", "lines,max=150000"], &vec![b'z'; 200_000]);
    check(
        &output,
        7,
        "",
        &["0  7a 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a  zzzz", "^^ byte 0\n"],
    );
}

#[test]
fn a_frame_past_the_limit_comes_with_the_next_step() {
    for (spec, capture, hint) in [
        ("u16be,max=4", &b"\0\x09yo"[..], "--framing u16be,max=9\n"),
        ("u32be,max=4,oversize=error", b"\0\x01\0\0", "--framing u32be,oversize=error,max=64KiB\n"),
        ("lines,max=4", b"longer\n", "--framing lines,max=SIZE\n"),
        ("u32be", b"\xFF\xFF\xFF\xFF", "framing-client inspect --guess\n"),
    ] {
        let output = inspect(&["--framing", spec], capture);
        check(&output, 7, "", &["framing-client: hint: ", hint]);
    }
    // It is plain what this is, and that no limit helps.
    let output = inspect(&["--framing", "u32be"], b"HTTP/1.1 400 Bad Request\r\n");
    assert!(!text(&output.stderr).contains("hint:"), "{}", text(&output.stderr));
}

#[test]
fn frames_are_shown_while_the_capture_is_still_being_made() {
    let here = tempfile::tempdir().unwrap();
    for (args, line) in [
        (&["inspect", "--framing", "u8"][..], "         0  02            \"hi\"\n"),
        (
            &["inspect", "--framing", "u8", "--json"],
            "{\"offset\":0,\"head\":\"02\",\"payload\":\"6869\",\"trailer\":\"\"}\n",
        ),
    ] {
        let mut client = process(NOBODY, here.path(), args);
        let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"\x02hi\x05hel").unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let stdout = BufReader::new(client.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            stdout.lines().try_for_each(|line| sender.send(line.unwrap())).unwrap();
        });
        let first = lines.recv_timeout(crate::support::PATIENCE);
        drop(stdin);
        assert_eq!(code(client), Some(7));
        reader.join().unwrap();
        assert_eq!(first.as_deref(), Ok(line.trim_end()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_frame_that_is_dropped_is_not_held() {
    let here = tempfile::tempdir().unwrap();
    for args in [
        &["--framing", "lines,max=10,oversize=skip"][..],
        &["--framing", "lines,max=10,oversize=skip", "--json"],
        &["--framing", "lines,max=10,oversize=truncate"],
    ] {
        let mut client = process(NOBODY, here.path(), &[&["inspect"], args].concat());
        let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = client.stdin.take().unwrap();
        for _ in 0..64 {
            stdin.write_all(&vec![b'a'; 1 << 20]).unwrap();
        }
        let status = fs::read_to_string(format!("/proc/{}/status", client.id())).unwrap();
        drop(stdin);
        let mut stdout = String::new();
        client.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(code(client), Some(0), "{args:?}");
        assert!(stdout.contains("6710885") || stdout.contains("67108864"), "{args:?}: {stdout}");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u32 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 32 << 10, "{args:?}: {peak} KiB");
    }
}

#[test]
fn lines_fit_the_terminal() {
    let here = tempfile::tempdir().unwrap();
    let wide = "日本".repeat(100);
    let capture = format!("{}\n{wide}\nshort\n{}\n", "a".repeat(300), "\u{1}".repeat(300));
    fs::write(here.path().join("capture"), capture).unwrap();
    for columns in [52, 80, 121] {
        let (mut master, slave) = terminal();
        let size =
            rustix::termios::Winsize { ws_row: 25, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).unwrap();
        let mut client =
            process(NOBODY, here.path(), &["inspect", "--framing", "lines", "capture"]);
        client.env("NO_COLOR", "1").stdout(Stdio::from(slave));
        let child = client.spawn().unwrap();
        // Ours would keep the terminal open.
        drop(client);
        let mut screen = Vec::new();
        // A terminal whose other end is gone says so by an error.
        let _ = master.read_to_end(&mut screen);
        assert_eq!(code(child), Some(0));
        let screen = text(&screen);
        let widths: Vec<usize> = screen
            .lines()
            .map(|line| line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum())
            .collect();
        assert_eq!(widths.len(), 4, "{screen}");
        assert!(widths.iter().all(|&width| width <= columns.into()), "{columns}: {screen}");
        assert!(widths[1] + 2 > columns.into(), "{columns}: {screen}");
        assert!(screen.contains("... (300 bytes)") && screen.contains("\"short\""), "{screen}");
    }
}

#[test]
fn who_inspects_is_not_asked_for_a_server() {
    let here = tempfile::tempdir().unwrap();
    let help = |command| text(&run(NOBODY, here.path(), &[command, "--help"]).stdout);
    assert!(help("ping").contains("--server"));
    assert!(!help("inspect").contains("--server"), "{}", help("inspect"));
    assert!(help("inspect").contains("oversize=skip"));
    // It does no harm, though.
    fs::write(here.path().join("capture"), "").unwrap();
    for line in [
        &["inspect", "--server", "a:1", "--framing", "u8", "capture"][..],
        &["--server", "a:1", "inspect", "--framing", "u8", "capture"],
    ] {
        check(&run(NOBODY, here.path(), line), 0, "", &[]);
    }
}
