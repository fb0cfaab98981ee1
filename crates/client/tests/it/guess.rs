//! `inspect --guess`: which framings are likely, and what is said where none is.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::support::{check, run, text};

const NOBODY: &str = "127.0.0.1:1";

fn guess(capture: &[u8]) -> Output {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("capture"), capture).unwrap();
    run(NOBODY, here.path(), &["inspect", "--guess", "capture"])
}

/// The specs that are listed, the likeliest first.
fn specs(output: &Output) -> Vec<String> {
    let specs = text(&output.stdout);
    specs.lines().map(|line| line.split_whitespace().nth(4).unwrap().into()).collect()
}

/// The same bytes each time, that mean nothing.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[2]
    };
    (0..length).map(|_| next()).collect()
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
        let output = guess(capture);
        let stdout = text(&output.stdout);
        let first = stdout.lines().next().unwrap_or_default();
        assert!(first.ends_with(&format!("  {spec}")), "{spec}:\n{stdout}");
    }
    check(&guess(b"\xFFno"), 7, "", &["no framing is likely"]);
}

#[test]
fn the_framings_of_known_protocols_are_found() {
    let frame = |head: &[u8], length: usize| [head, &noise(7, length)].concat();
    let mysql = [
        frame(&[54, 0, 0, 0], 54),
        frame(&[84, 0, 0, 1], 84),
        frame(&[7, 0, 0, 2], 7),
        frame(&[33, 0, 0, 0], 33),
    ];
    let http2 = [
        frame(&[0, 0, 18, 4, 0, 0, 0, 0, 0], 18),
        frame(&[0, 0, 0, 4, 1, 0, 0, 0, 0], 0),
        frame(&[0, 0, 41, 1, 4, 0, 0, 0, 1], 41),
        frame(&[0, 0, 5, 0, 1, 0, 0, 0, 1], 5),
    ];
    let bgp =
        |length: u8| frame(&[&[0xFF; 16][..], &[0, length]].concat(), usize::from(length) - 18);
    let protobuf: Vec<_> = (0..24_u16)
        .map(|n| {
            let length = 12 + n * 12;
            let [low, high] = [length & 0x7F, length >> 7].map(|part| u8::try_from(part).unwrap());
            let head = if high == 0 { vec![low] } else { vec![low | 0x80, high] };
            [head, noise(n.into(), length.into())].concat()
        })
        .collect();
    let short: Vec<_> = (30..90).map(|n| [&[n][..], &noise(n.into(), n.into())].concat()).collect();
    for (capture, spec) in [
        (mysql.concat(), "u24le,adjust=1"),
        (http2.concat(), "u24be,adjust=6"),
        ([bgp(29), bgp(19), bgp(41)].concat(), "u16be,offset=16,adjust=-18"),
        (bgp(19), "u16be,offset=16,adjust=-18"),
        (frame(&[0x16, 3, 1, 1, 0xFB], 507), "u16be,offset=3"),
        (protobuf.concat(), "varint"),
        (short.concat(), "u8"),
        (b"one\ntwo\nthree\n".to_vec(), "lines"),
        (b"{\"a\":1}\n{\"b\":2}\n".to_vec(), "lines"),
        (b"{\"a\":1}\n{\"b\":2}".to_vec(), "lines"),
        (b"HELO a\r\nQUIT\r\n".to_vec(), "crlf,strict"),
        (b"5\r\nhello\r\n0\r\n\r\n".to_vec(), "chunked"),
        (
            b"78\r\n"
                .iter()
                .chain(&b"a line\r\n".repeat(15))
                .chain(b"\r\n0\r\n\r\n")
                .copied()
                .collect(),
            "chunked",
        ),
        (b"3:one,3:two,".to_vec(), "netstring"),
        (b"\x03hi\0\x06hello\0\x02x\0".to_vec(), "cobs"),
    ] {
        let output = guess(&capture);
        let specs = specs(&output);
        assert_eq!(specs.first().map(String::as_str), Some(spec), "{}", text(&output.stdout));
        let mut once = specs.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), specs.len(), "{specs:?}");
    }
    let specs = specs(&guess(&mysql.concat()));
    assert!(specs.contains(&"u24le,adjust=1,strip=4".into()), "{specs:?}");
}

#[test]
fn every_guess_can_be_inspected() {
    let here = tempfile::tempdir().unwrap();
    let large = [&10_000_000_u32.to_be_bytes()[..], &vec![b'a'; 10_000_000]].concat();
    let many: Vec<_> = (20..400_u16)
        .map(|n| [&n.to_be_bytes()[..], &noise(n.into(), n.into())].concat())
        .collect();
    for (capture, spec) in [(large, "u32be,max=10MiB"), (many.concat().repeat(20), "u16be")] {
        fs::write(here.path().join("capture"), &capture).unwrap();
        let listed = specs(&run(NOBODY, here.path(), &["inspect", "--guess", "capture"]));
        assert_eq!(listed.first().map(String::as_str), Some(spec));
        for spec in listed {
            let output = run(NOBODY, here.path(), &["inspect", "--framing", &spec, "capture"]);
            assert_eq!(output.status.code(), Some(0), "{spec}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn chance_is_no_evidence() {
    let likely = (0..200).filter(|&seed| {
        let capture = noise(seed, 5 + 7 * usize::try_from(seed).unwrap());
        guess(&capture).status.success()
    });
    // Some 1 in 256, at most.
    assert!(likely.count() < 5);
    let started = Instant::now();
    for same in [b"\0", b"\x01", b"\n"] {
        check(&guess(&same.repeat(16 << 20)), 7, "", &["no framing is likely"]);
    }
    // It would take minutes if thousands of candidates took frame by frame.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn why_nothing_is_likely_is_told() {
    check(&guess(b""), 7, "", &["the capture is empty"]);
    let frames: Vec<_> =
        (1..40).map(|n: u8| [&[0, 0, 0, n][..], &noise(n.into(), n.into())].concat()).collect();
    let mut cut = frames.concat();
    cut.pop();
    let expected = [
        "no framing is likely for all of the capture; u32be is for the first 38 frames, up to byte 893\n",
        "hint: see what is wrong there: framing-client inspect --framing u32be capture\n",
    ];
    check(&guess(&cut), 7, "", &expected);
    let weak = guess(b"\x05hello");
    assert!(text(&weak.stdout).contains(" u8  (weak)\n"), "{}", text(&weak.stdout));
    check(&weak, 7, &text(&weak.stdout), &["the capture tells too little"]);
}
