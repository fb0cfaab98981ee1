//! The framings that have no model in `reference.rs`: what they take, what they refuse, and the
//! same under every cut.

use framing::{
    BuildError, Chunked, Config, ContentLength, DecodeErrorKind, Decoder, Delimited, Enclosure,
    EncodeError, Encoder, Fixed, Framing, Limits, Lines, Malformed, Netstring, Oversize, Scan,
    Varint,
};

use crate::check::{Item, Mode, effort, run, same_under_all_cuts};

/// The payloads of a stream that is right, after trying every cut of it.
fn payloads<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> Vec<Vec<u8>> {
    same_under_all_cuts(config, wire);
    run(config, &[wire.len()], wire, Mode::PushFrames)
        .into_iter()
        .map(|item| match item {
            Item::Frame { payload, .. } => payload,
            other => panic!("{other:?} in {wire:?}"),
        })
        .collect()
}

/// The error of a stream that is wrong, after trying every cut of it.
fn error<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> (DecodeErrorKind, u64) {
    same_under_all_cuts(config, wire);
    match run(config, &[wire.len()], wire, Mode::PushFrames).pop() {
        Some(Item::Error { kind, offset }) => (kind, offset),
        other => panic!("{other:?} in {wire:?}"),
    }
}

/// A framing that holds the decoder to what it says of `from`: those bytes were scanned in vain.
#[derive(Clone)]
pub(crate) struct Honest<F>(pub(crate) F);

impl<F: Framing> Framing for Honest<F> {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        let in_vain = |scan| matches!(scan, Ok(Scan::Need { .. } | Scan::Open { .. }));
        assert!(from == 0 || in_vain(self.0.scan(&seen[..from], 0, false)), "{from} of {seen:?}");
        self.0.scan(seen, from, eof)
    }

    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        self.0.resume(seen, eof)
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        self.0.trailer(trailer)
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        self.0.enclose(prefix, payload)
    }
}

#[test]
fn no_byte_is_called_scanned_that_was_not_scanned_in_vain() {
    every_string(&Honest(ContentLength::lsp()), b"\r\n:", 5, 30);
    every_string(&Honest(Chunked), b"01\r\n", 5, 6);
    every_string(&Honest(Netstring), b"01:,", 5, 3);
    every_string(&Honest(Delimited::new(["ab", "b"]).unwrap()), b"ab", 5, 8);
    let wire = b"Content-Length: 2\r\n\r\nhi";
    assert_eq!(payloads(&Config::new(Honest(ContentLength::lsp())), wire), [b"hi"]);
    let wire = b"1\r\na\r\n0\r\nA: b\r\n\r\n";
    assert_eq!(payloads(&Config::new(Honest(Chunked)), wire), [b"a"]);
}

const MALFORMED: DecodeErrorKind = DecodeErrorKind::Malformed("");

fn truncated(received: u64) -> DecodeErrorKind {
    DecodeErrorKind::Truncated { received }
}

/// Streams of few symbols, longest `length`, under every policy and small limits: every cut agrees.
fn every_string<F: Framing + Clone>(framing: &F, alphabet: &[u8], length: u32, head: usize) {
    for payload in [0, 1, 3] {
        for oversize in [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream] {
            let limits = Limits { payload, head, trailer: 2, parts: 3 };
            let config = Config::new(framing.clone()).limits(limits).oversize(oversize);
            if config.decoder().is_ok() {
                crate::cuts::for_each_string(alphabet, length, |wire| {
                    same_under_all_cuts(&config, wire);
                });
            }
        }
    }
}

fn round_trips<F: Framing + Clone>(framing: &F, prefix: &[u8], sent: &[&[u8]]) {
    let config = Config::new(framing.clone());
    let encoder = config.encoder().unwrap();
    let mut wire = Vec::new();
    for payload in sent {
        encoder.append(prefix, &[payload], &mut wire).unwrap();
    }
    assert_eq!(payloads(&config, &wire), sent);
}

#[test]
fn fixed() {
    let framing = Fixed::new(3).unwrap();
    assert_eq!(payloads(&Config::new(framing), b"abcdef"), [b"abc", b"def"]);
    assert_eq!(error(&Config::new(framing), b"abcd"), (truncated(1), 3));
    assert_eq!(Fixed::new(0).unwrap_err(), BuildError::EmptyFrame);
    assert!(Encoder::new(framing).encode(b"", &[b"ab"]).is_err());
    round_trips(&framing, b"", &[b"abc", b"def"]);
    let too_small = Config::new(framing).max_payload(2).decoder().unwrap_err();
    assert_eq!(too_small, BuildError::LimitsTooSmall { head: 0, payload: 3 });
    every_string(&framing, b"ab", 7, 8);
}

#[test]
fn varint() {
    let [canonical, lenient] = [Varint::canonical(), Varint::lenient()];
    let sizes = [0_usize, 1, 127, 128, 300, 16_383, 16_384];
    let bodies: Vec<Vec<u8>> = sizes.iter().map(|&size| vec![b'x'; size]).collect();
    let encoder = Encoder::new(canonical);
    for (body, head) in bodies.iter().zip([1, 1, 1, 2, 2, 2, 3]) {
        let mut wire = Vec::new();
        encoder.append(b"", &[body], &mut wire).unwrap();
        assert_eq!(wire.len() - body.len(), head);
        let config = Config::new(canonical);
        for cut in 0..=wire.len().min(8) {
            let run = run(&config, &[cut.max(1), wire.len()], &wire, Mode::PushFrames);
            assert!(matches!(&run[..], [Item::Frame { payload, .. }] if payload == body));
        }
    }
    assert_eq!(payloads(&Config::new(lenient), b"\x82\x00ab\x80\x80\x00"), [&b"ab"[..], b""]);
    assert_eq!(error(&Config::new(canonical), b"\x82\x00ab"), (MALFORMED, 1));
    let ten = [&[0xFF; 9][..], b"\x01"].concat();
    let too_long = DecodeErrorKind::TooLong { declared: Some(u64::MAX), limit: 8 << 20 };
    assert_eq!(error(&Config::new(canonical), &ten), (too_long, 0));
    assert_eq!(
        error(&Config::new(lenient), &[[0xFF; 9].as_slice(), b"\x02"].concat()).0,
        MALFORMED
    );
    assert_eq!(error(&Config::new(lenient), &[0x80; 11]).0, MALFORMED);
    every_string(&canonical, b"\x00\x01\x80\x81", 5, 2);
    every_string(&lenient, b"\x00\x01\x80\x81", 5, 2);
}

#[test]
fn netstring() {
    let config = Config::new(Netstring);
    assert_eq!(payloads(&config, b"5:hello,0:,3:a,b,"), [&b"hello"[..], b"", b"a,b"]);
    assert_eq!(error(&config, b"05:hello,"), (MALFORMED, 1));
    assert_eq!(error(&config, b"00:,"), (MALFORMED, 1));
    assert_eq!(error(&config, b":,"), (MALFORMED, 0));
    assert_eq!(error(&config, b"1:ab"), (MALFORMED, 3));
    assert_eq!(error(&config, b"+1:a,"), (MALFORMED, 0));
    assert_eq!(error(&config, b"12345678901234567890123"), (MALFORMED, 20));
    let too_long = DecodeErrorKind::TooLong { declared: Some(u64::MAX), limit: 8 << 20 };
    assert_eq!(error(&config, b"99999999999999999999:"), (too_long, 0));
    round_trips(&Netstring, b"", &[b"", b",", b"3:abc,", &[b'x'; 1000]]);
    every_string(&Netstring, b"01:,x", 5, 3);
}

#[test]
fn delimited_by_one_or_several() {
    let delimited = |delimiters: &[&str]| Delimited::new(delimiters);
    let config = |delimiters: &[&str]| Config::new(delimited(delimiters).unwrap());
    assert_eq!(payloads(&config(&["\0"]), b"a\0\0bc\0"), [&b"a"[..], b"", b"bc"]);
    // netty#13088: CR, LF and CRLF, the CRLF split.
    let three = config(&["\r", "\n", "\r\n"]);
    assert_eq!(payloads(&three, b"a\r\nb\rc\n\n\r"), [&b"a"[..], b"b", b"c", b"", b""]);
    assert_eq!(payloads(&config(&["aab"]), b"xaaabaab"), [&b"xa"[..], b""]);
    // The earliest start wins, although the other is complete first.
    assert_eq!(payloads(&config(&["abc", "b"]), b"xabcyabzb"), [&b"x"[..], b"ya", b"z"]);
    assert_eq!(error(&config(&["\r\n"]), b"ab\r"), (truncated(3), 0));
    let kept = Config::new(delimited(&[";", "\n"]).unwrap().keep());
    assert_eq!(payloads(&kept, b"a;b\n"), [b"a;", b"b\n"]);
    assert_eq!(delimited(&[]).unwrap_err(), BuildError::EmptyDelimiter);
    assert_eq!(delimited(&["a", ""]).unwrap_err(), BuildError::EmptyDelimiter);
    assert_eq!(delimited(&["a", "abc"]).unwrap_err(), BuildError::LookAhead);
    assert_eq!(delimited(&["b", "abcd"]).unwrap_err(), BuildError::LookAhead);
    assert!(delimited(&["a", "ab"]).is_ok() && delimited(&["c", "abcd"]).is_ok());
    let sets: [&[&str]; 7] =
        [&["a"], &["ab"], &["aab"], &["a", "ab"], &["aba"], &["a", "b", "ab"], &["abc", "b", "cc"]];
    for set in sets {
        every_string(&delimited(set).unwrap(), b"abcx", 5, 8);
        every_string(&delimited(set).unwrap().keep(), b"abcx", 4, 8);
    }
}

/// Promise 12 for delimiters: whatever the encoder accepts, alone and in front of others, in one
/// part or in two, is what the decoder gives.
#[test]
fn what_delimited_encodes_comes_back() {
    let sets: [&[&str]; 6] =
        [&["a"], &["aab"], &["a", "ab"], &["aba", "bb"], &["abca", "c"], &["ab", "ba"]];
    for keep in [false, true] {
        for set in sets {
            let mut framing = Delimited::new(set).unwrap();
            if keep {
                framing = framing.keep();
            }
            let config = Config::new(framing);
            let encoder = config.encoder().unwrap();
            let mut accepted = Vec::new();
            crate::cuts::for_each_string(b"abcx", 4, |payload| {
                let mut wire = Vec::new();
                let taken = encoder.append(b"", &[payload], &mut wire).is_ok();
                for cut in 0..=payload.len() {
                    let parts = [&payload[..cut], b"", &payload[cut..]];
                    assert_eq!(encoder.encode(b"", &parts).is_ok(), taken, "{set:?} {payload:?}");
                }
                if taken {
                    accepted.push((payload.to_vec(), wire));
                }
            });
            let few = !cfg!(miri) && accepted.len() <= effort(0, 3, 3);
            assert!(!few, "{set:?} takes hardly anything");
            for (first, first_wire) in &accepted {
                for (second, second_wire) in accepted.iter().step_by(7) {
                    let wire = [&first_wire[..], second_wire].concat();
                    let run = run(&config, &[wire.len()], &wire, Mode::PushFrames);
                    let got: Vec<_> = run
                        .iter()
                        .map(|item| match item {
                            Item::Frame { payload, .. } => payload,
                            other => panic!("{other:?}"),
                        })
                        .collect();
                    assert_eq!(got, [first, second], "{set:?}, keep: {keep}");
                }
            }
        }
    }
}

#[test]
fn content_length() {
    let lsp = Config::new(ContentLength::lsp());
    let wire = b"Content-Length: 5\r\n\r\nhellocontent-length:0\r\nX: y\r\n\r\n";
    assert_eq!(payloads(&lsp, wire), [&b"hello"[..], b""]);
    let http = Config::new(ContentLength::http());
    let wire = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \t2 \r\n\r\nok";
    assert_eq!(payloads(&http, wire), [b"ok"]);
    for (head, offset) in [
        ("Content-Length: 12junk", 0),
        ("Content-Length: -1", 0),
        ("Content-Length: +1", 0),
        ("Content-Length: 0x1", 0),
        ("Content-Length:", 0),
        ("Content-Length: 1, 1", 0),
        ("Content-Length: 1\r\nContent-Length: 1", 19),
        ("Content-Length: 1\r\nContent-Length: 2", 19),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked", 19),
        ("Content-Length : 1", 14),
        (" Content-Length: 1", 0),
        ("X: y\r\n Content-Length: 1", 6),
        ("X: y\nContent-Length: 1", 4),
        ("X: y\rContent-Length: 1", 4),
        ("X: a\0b\r\nContent-Length: 1", 4),
        ("no colon at all here", 2),
        ("X: nothing about the length", 27),
    ] {
        let wire = format!("{head}\r\n\r\na");
        assert_eq!(error(&lsp, wire.as_bytes()), (MALFORMED, offset), "{head:?}");
    }
    let huge = format!("Content-Length: {}0\r\n\r\n", u64::MAX);
    let too_long = DecodeErrorKind::TooLong { declared: Some(u64::MAX), limit: 8 << 20 };
    assert_eq!(error(&lsp, huge.as_bytes()), (too_long, 0));
    let small = Limits { head: 30, ..Limits::default() };
    let head_too_long = DecodeErrorKind::HeadTooLong { limit: 30 };
    for head in [
        "X: yyyyyyyyyyyyyyyy\r\nContent-Length: 1\r\n\r\n",
        "bad\r\nContent-Length: 1234567890\r\n\r\n",
    ] {
        let config = Config::new(ContentLength::lsp()).limits(small);
        assert_eq!(error(&config, head.as_bytes()), (head_too_long, 0), "{head:?}");
    }
    round_trips(&ContentLength::lsp(), b"", &[b"", b"{}", b"Content-Length: 1\r\n\r\n"]);
    round_trips(&ContentLength::http(), b"HTTP/1.1 200 OK\r\nX: y\r\n", &[b"", b"body"]);
    for bad in ["X: y", "Content-Length: 1\r\n", "\r\n", "X\r\n", "X: y\r\n\r\n"] {
        let encoder = Encoder::new(ContentLength::lsp());
        assert!(encoder.encode(bad.as_bytes(), &[b""]).is_err(), "{bad:?}");
    }
    assert!(Encoder::new(ContentLength::http()).encode(b"", &[b""]).is_err());
}

#[test]
fn chunked() {
    let config = Config::new(Chunked);
    let wire = b"5\r\nhello\r\n3;x=\"y\"\r\nyou\r\n00\r\nA: b\r\n\r\n0\r\n\r\n";
    assert_eq!(payloads(&config, wire), [&b"helloyou"[..], b""]);
    assert_eq!(payloads(&config, b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n")[0].len(), 20);
    for (wire, offset) in [
        (&b"0x5\r\n"[..], 1),
        (b"+5\r\n", 0),
        (b" 5\r\n", 0),
        (b"5 \r\n", 1),
        (b"5\n", 1),
        (b"\r\n", 0),
        (b";x\r\n", 0),
        (b"5;a\rb\r\n", 3),
        (b"5;a\x01b\r\n", 3),
        (b"11111111111111111\r\n", 16),
        (b"1\r\nab\n", 4),
        (b"1\r\na\rb", 5),
        (b"0\r\nbad\r\n\r\n", 6),
        (b"0\r\nA: b\nC: d\r\n\r\n", 7),
    ] {
        let text = String::from_utf8_lossy(wire);
        assert_eq!(error(&config, wire), (MALFORMED, offset), "{text:?}");
    }
    assert_eq!(error(&config, b"1\r\na\r\n"), (truncated(6), 0));
    let too_long = DecodeErrorKind::TooLong { declared: None, limit: 8 << 20 };
    assert_eq!(error(&config, b"ffffffffffffffff\r\n"), (too_long, 0));
    let few = Limits { parts: 2, ..Limits::default() };
    let config = Config::new(Chunked).limits(few);
    let wire = b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    assert_eq!(error(&config, wire), (DecodeErrorKind::TooManyParts { limit: 2 }, 0));
    round_trips(&Chunked, b"", &[b"", b"x", b"\r\n0\r\n\r\n", &[b'x'; 300]]);
    every_string(&Chunked, b"01\r\n;", 5, 6);
}

#[test]
fn a_fault_in_a_line_is_told_in_the_right_words() {
    fn told<F: Framing + Clone>(framing: F, wire: &[u8]) -> String {
        let error = Decoder::new(framing).next(&mut &*wire).map(drop).unwrap_err();
        error.to_string()
    }
    let lines = |wire| told(Lines::crlf(), wire);
    assert!(lines(b"a\rb").contains("a CR without LF in a line"), "{}", lines(b"a\rb"));
    assert!(lines(b"a\nb").contains("an LF without CR in a line"), "{}", lines(b"a\nb"));
    // The name ends where the line does, so that both are at fault at one place.
    let field = told(ContentLength::lsp(), b"Name\rx\r\n\r\n");
    assert!(field.contains("a CR or LF that is not a part of CRLF"), "{field}");
}
