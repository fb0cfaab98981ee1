//! `inspect`: what is printed of captures that parse, of those that do not, and of guesses.

use std::fs;

use crate::support::{check, run, text};

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
    ] {
        let output = inspect(&["--framing", spec, "--json"], capture);
        assert_eq!(output.status.code(), Some(0), "{spec}: {}", text(&output.stderr));
        assert_eq!(put_together(&text(&output.stdout)), capture, "{spec}");
    }
    for (spec, capture, payload) in [
        ("cobs", &b"\x03hi\0"[..], "6869"),
        ("slip", b"\xC0\xDB\xDC\xC0", "c0"),
        ("chunked", b"2\r\nhi\r\n0\r\n\r\n", "6869"),
    ] {
        let output = inspect(&["--framing", spec, "--json"], capture);
        assert!(text(&output.stdout).contains(&format!("\"payload\":\"{payload}\"")), "{spec}");
    }
}

#[test]
fn the_place_and_the_reason_of_a_fault_are_told() {
    let output = inspect(&["--framing", "netstring"], b"2:hi,02:yo,");
    let place = ["(at byte 6 of the stream)", "5  30 32 3a 79 6f 2c", "^^ byte 6"];
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
        (&[], "--framing"),
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
        let mut client =
            assert_cmd::Command::from(crate::support::process(NOBODY, here.path(), &args));
        let output = client.write_stdin(&b"\x02hi"[..]).output().unwrap();
        check(&output, 0, "         0  02            \"hi\"\n", &[]);
    }
    let output = run(NOBODY, here.path(), &["inspect", "--framing", "u8", "none"]);
    check(&output, 1, "", &["cannot read none"]);
}

#[test]
fn the_likeliest_framing_comes_first() {
    let lsp = b"Content-Length: 5\r\n\r\nhelloContent-Length: 2\r\n\r\n{}";
    let resp = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
    let tls = b"\x16\x03\x01\0\x05abcde\x17\x03\x03\0\x08abcdefgh\x17\x03\x03\0\x03xyz";
    let dns = [b"\0\x1D", &[7; 29][..], b"\0\x2D", &[9; 45]].concat();
    let postgres = b"Q\0\0\0\x0Dselect 1\0Z\0\0\0\x05IC\0\0\0\x0DSELECT 1\0";
    let longer: Vec<u8> =
        (1..60).flat_map(|n: u8| [&[0, 0, 0, n][..], &vec![n; n.into()]].concat()).collect();
    for (capture, spec) in [
        (&lsp[..], "content-length"),
        (resp, "crlf,strict"),
        (tls, "u16be,offset=3"),
        (&dns, "u16be"),
        (postgres, "u32be,offset=1,adjust=-4"),
        (&longer, "u32be"),
    ] {
        let output = inspect(&["--guess"], capture);
        let stdout = text(&output.stdout);
        let first = stdout.lines().next().unwrap_or_default();
        assert!(first.ends_with(&format!("  {spec}")), "{spec}:\n{stdout}");
    }
    check(&inspect(&["--guess"], b"\xFFno"), 7, "", &["no framing is likely"]);
}
