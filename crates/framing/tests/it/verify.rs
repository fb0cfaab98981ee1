//! The verifier finds what it is there to find, and passes what is right.

use std::cell::Cell;
use std::rc::Rc;

use framing::verify::{Item, Mode, Stream, Verifier, run};
use framing::{
    Checksum, Chunked, Cobs, Config, ContentLength, DecodeErrorKind, Delimited, Enclosure,
    EncodeError, Envelope, Fixed, Framing, Inline, Length, Lines, Malformed, Netstring, Oversize,
    Scan, Slip, Varint,
};

use crate::check::effort;

/// A byte of length, and then the payload; or one of the ways to get it wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefixed {
    Right,
    /// Takes what is there for all of it.
    TakesWhatIsThere,
    /// Reads a byte that need not be there.
    Panics,
    /// Answers with the end of the stream, but does not wait for it.
    EndsAtEof,
    /// Calls the payload open, and forgets where it began.
    Forgets,
    /// Wants two bytes of a frame that may have one.
    WaitsForMore,
    /// Encodes another length.
    EncodesAnother,
    /// Encodes the length of the first part of a payload.
    EncodesTheFirstPart,
}

impl Framing for Prefixed {
    fn scan(&self, seen: &[u8], _: usize, eof: bool) -> Result<Scan, Malformed> {
        if *self == Self::Panics && !seen.is_empty() {
            std::hint::black_box(seen[1]);
        }
        let Some(&length) = seen.first() else { return Ok(Scan::Need { total: 1 }) };
        if *self == Self::WaitsForMore && seen.len() < 2 {
            return Ok(Scan::Need { total: 2 });
        }
        let whole = Scan::Body { head: 1, body: length.into(), trailer: 0, more: false };
        let missing = usize::from(length) >= seen.len();
        Ok(match self {
            Self::TakesWhatIsThere if missing => {
                Scan::Body { head: 1, body: seen.len() as u64 - 1, trailer: 0, more: false }
            }
            Self::EndsAtEof if missing && eof => {
                Scan::Until { payload: 1..seen.len(), total: seen.len() }
            }
            Self::EndsAtEof if missing => Scan::Open { head: 1, safe: seen.len() },
            Self::Forgets if missing => Scan::Open { head: 1, safe: seen.len() },
            _ => whole,
        })
    }

    fn enclose(&self, _: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let parts = if *self == Self::EncodesTheFirstPart { 1 } else { payload.len() };
        let length = payload.iter().take(parts).map(|part| part.len()).sum::<usize>();
        let length = u8::try_from(length + usize::from(*self == Self::EncodesAnother));
        let head = Inline::new(&[length.expect("these tests encode little")]);
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

fn verified(framing: Prefixed) -> Result<u64, String> {
    let cut_short = DecodeErrorKind::Truncated { received: 3 };
    let streams = [
        Stream::new(b"\x05hello\x00\x02yo").frame(b"hello").frame(b"").frame(b"yo"),
        Stream::new(b"\x01a\x03bc").frame(b"a").error(cut_short, 2),
        Stream::new(b""),
    ];
    let verifier = Verifier::new(&Config::new(framing));
    let tried = verifier.verify(streams).map_err(|failure| failure.to_string())?;
    verifier.round_trips(&[], &[b"", b"a", b"hello"]).map_err(|failure| failure.to_string())?;
    Ok(tried.cuts)
}

#[test]
fn what_is_right_passes_and_what_is_wrong_is_shown_in_its_smallest_case() {
    let cuts = verified(Prefixed::Right).unwrap();
    // Of the first stream alone 2^9, of the second 2^4.
    assert!(cuts > 512 + 16, "{cuts}");
    for (wrong, says) in [
        (Prefixed::TakesWhatIsThere, &["depends on how it is cut", "[b\"\\x05\", b\"h\"]"][..]),
        (
            Prefixed::Panics,
            &[
                "the framing panicked: index out of bounds: the len is 1",
                "run(&config, &[b\"\\x05\"]",
            ],
        ),
        (Prefixed::EndsAtEof, &["the framing broke its contract: its resume forgot"]),
        (
            Prefixed::WaitsForMore,
            &["a complete frame waits for bytes behind it", "complete: frame at 6: b\"\""],
        ),
        (
            Prefixed::EncodesTheFirstPart,
            &["the encoder depends on the parts of a payload\n  b\"a\": "],
        ),
        (Prefixed::Forgets, &["again: framing::verify::run(&config, &[b"]),
        (Prefixed::EncodesAnother, &["the stream ended 1 bytes into a frame"]),
    ] {
        let failure = verified(wrong).expect_err("it is wrong");
        for says in says {
            assert!(failure.contains(says), "{wrong:?}: {failure}");
        }
    }
}

#[test]
fn what_a_stream_should_yield_is_compared_in_all_of_it() {
    let config = Config::new(Length::u8()).max_payload(3).oversize(Oversize::Skip);
    let verifier = Verifier::new(&config);
    let wire = b"\x02hi\x04long\x01";
    let skipped = || Item::Skipped { offset: 3, declared: Some(4), discarded: 4 };
    let truncated = DecodeErrorKind::Truncated { received: 1 };
    let right = Stream::new(wire).frame(b"hi").item(skipped()).error(truncated, 8);
    verifier.verify([right]).unwrap();
    for wrong in [
        Stream::new(wire).frame(b"hi").item(skipped()),
        Stream::new(wire).frame(b"hi").item(skipped()).error(truncated, 7),
        Stream::new(wire).frame(b"hi").error(truncated, 8),
        Stream::new(wire).frame(b"ho").item(skipped()).error(truncated, 8),
        Stream::new(wire).frame(b"hi").item(skipped()).error(DecodeErrorKind::Checksum, 8),
        Stream::new(wire),
    ] {
        let failure = verifier.verify([wrong]).unwrap_err();
        assert!(failure.to_string().contains("does not yield what it should"), "{failure}");
    }
    verifier.verify([Stream::any(wire)]).unwrap();
    // A payload that is only the beginning of one is none.
    let cut_off = Config::new(Length::u8()).max_payload(1).oversize(Oversize::Truncate);
    let failure = Verifier::new(&cut_off).verify([Stream::new(b"\x02hi").frame(b"h")]).unwrap_err();
    assert!(failure.to_string().contains("1 bytes cut off"), "{failure}");
}

/// As [`Prefixed::Right`], but for one of the copies that are made of it, which takes a byte less.
struct Fickle {
    copies: Rc<Cell<u32>>,
    this: u32,
    wrong: u32,
}

impl Clone for Fickle {
    fn clone(&self) -> Self {
        self.copies.set(self.copies.get() + 1);
        Self { copies: Rc::clone(&self.copies), this: self.copies.get(), wrong: self.wrong }
    }
}

impl Framing for Fickle {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        let Some(&length) = seen.first() else { return Ok(Scan::Need { total: 1 }) };
        let body = u64::from(length).saturating_sub(u64::from(self.this == self.wrong));
        Ok(Scan::Body { head: 1, body, trailer: 0, more: false })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn ways_of_reading_are_held_against_each_other() {
    let tried = |wrong| {
        let fickle = Fickle { copies: Rc::default(), this: 0, wrong };
        Verifier::new(&Config::new(fickle)).cuts(b"\x02ab\x02cd")
    };
    let failures: Vec<_> = (1..40).filter_map(|wrong| tried(wrong).err()).collect();
    for mode in [Mode::PushEvents, Mode::OwnedFrames, Mode::OwnedEvents] {
        let of_mode = failures.iter().filter(|failure| failure.mode() == mode);
        let told: Vec<String> = of_mode.map(ToString::to_string).collect();
        assert!(told.iter().any(|text| text.starts_with("two ways of reading")), "{told:?}");
    }
}

#[test]
fn one_way_of_reading_alone() {
    for mode in [
        Mode::PushFrames,
        Mode::PushEvents,
        Mode::OwnedFrames,
        Mode::OwnedEvents,
        Mode::FixedFrames(8),
        Mode::FixedEvents(8),
    ] {
        let verifier = |framing| Verifier::new(&Config::new(framing)).only(mode);
        let tried = verifier(Prefixed::Right).cuts(b"\x02hi\x01x").unwrap();
        assert_eq!((tried.cuts, tried.runs), (16, 16), "{mode:?}");
        let failure = verifier(Prefixed::TakesWhatIsThere).cuts(b"\x02hi").unwrap_err();
        assert_eq!(failure.mode(), mode, "{failure}");
    }
}

#[test]
fn a_failure_can_be_run_again() {
    let config = Config::new(Prefixed::TakesWhatIsThere);
    let failure = Verifier::new(&config).cuts(b"\x03abc\x02de").unwrap_err();
    assert_eq!(failure.chunks().concat().len(), 2, "the shortest that shows it: {failure}");
    let cut = run(&config, &failure.chunks(), failure.mode()).unwrap().items;
    let whole = run(&config, &[&failure.chunks().concat()], failure.mode()).unwrap().items;
    assert_ne!(cut, whole);
}

#[test]
fn a_configuration_that_does_not_build_is_told() {
    let none = Config::new(Fixed::new(4).unwrap()).max_payload(3);
    let failure = Verifier::new(&none).cuts(b"abcd").unwrap_err();
    assert!(failure.to_string().starts_with("the configuration does not build"), "{failure}");
    let failure =
        Verifier::new(&Config::new(Lines::lf())).round_trips(&[], &[b"a\nb"]).unwrap_err();
    assert!(failure.to_string().starts_with("the encoder refuses b\"a\\nb\""), "{failure}");
}

#[test]
fn what_every_framing_encodes_comes_back_under_every_cut() {
    fn comes_back<F: Framing + Clone>(framing: F, prefix: &[u8]) {
        let large = vec![7; effort(20, 300, 300)];
        let payloads = [&b""[..], b"a", b"\0\xC0\xDB", b"0\r\r0", b"5:hello,", &large];
        let verifier = Verifier::new(&Config::new(framing)).pieces(effort(2, 4, 4));
        let tried = verifier.round_trips(prefix, &payloads).unwrap_or_else(|e| panic!("{e}"));
        assert!(tried.runs > 1_000, "{tried}");
    }
    comes_back(Length::u16_be(), b"");
    comes_back(Length::u64_le(), b"");
    comes_back(Varint::canonical(), b"");
    comes_back(Netstring, b"");
    comes_back(Lines::lf(), b"");
    comes_back(Delimited::new(["\n", "\r\n"]).unwrap(), b"");
    comes_back(ContentLength::lsp(), b"");
    comes_back(ContentLength::http(), b"HTTP/1.1 200 OK\r\n");
    comes_back(Chunked, b"");
    comes_back(Cobs, b"");
    comes_back(Envelope, b"header");
    comes_back(Checksum::crc32c_be(Cobs), b"");
    // An empty packet cannot be sent by SLIP.
    Verifier::new(&Config::new(Slip)).round_trips(&[], &[b"a", b"\xC0\xDB", b"\xDC"]).unwrap();
}

#[test]
fn modes_differ_in_what_they_hand_out() {
    let config = Config::new(Length::u8());
    let items = |mode| run(&config, &[b"\x02h", b"i"], mode).unwrap().items.len();
    assert_eq!([items(Mode::PushFrames), items(Mode::FixedEvents(3))], [1, 3]);
    let none = run(&config, &[b"\x02h"], Mode::FixedFrames(0));
    assert!(none.is_err());
}
