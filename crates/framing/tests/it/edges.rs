//! Edges that a change could move without any other test seeing it.

use std::cell::Cell;

use framing::{
    Config, ContentLength, DecodeErrorKind, Decoder, Delimited, Enclosure, EncodeError, Event,
    Framing, Inline, Limits, Lines, Malformed, Reassembler, Scan, Seal, Trailer,
};

use crate::check::{Mode, run};

/// A length in the last of three bytes, and a checksum of a byte where it is `sealed`.
#[derive(Clone)]
struct Plain {
    sealed: bool,
}

impl Framing for Plain {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        let &[_, _, length, ..] = seen else { return Ok(Scan::Need { total: 3 }) };
        Ok(Scan::Body { head: 3, body: length.into(), trailer: 0, more: false })
    }

    fn seal(&self, _: u64) -> Seal {
        if self.sealed { Seal::new(b"!") } else { Seal::default() }
    }

    fn plain_head(&self, length: u64) -> Option<Inline> {
        Some(Inline::new(&[0, 0, u8::try_from(length).ok()?]))
    }

    fn enclose(&self, _: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length = payload.iter().map(|part| part.len()).sum::<usize>();
        let head = self.plain_head(length as u64).unwrap();
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

#[test]
fn p12_the_short_cut_of_a_plain_head_passes_neither_a_limit_nor_the_checksum() {
    for (sealed, limit, expected) in [
        (false, 3, Ok(&b"\0\0\x02hi"[..])),
        (true, 3, Ok(&b"\0\0\x03hi!"[..])),
        (false, 2, Err(EncodeError::HeadTooLong { length: 3, limit: 2 })),
    ] {
        let limits = Limits { head: limit, ..Limits::default() };
        let encoder = Config::new(Plain { sealed }).limits(limits).encoder().unwrap();
        let mut wire = Vec::new();
        let appended = encoder.append(&[], &[b"hi"], &mut wire).map(|()| &wire[..]);
        assert_eq!(appended, expected, "{sealed} {limit}");
        let encoded =
            encoder.encode(&[], &[b"hi"]).map(|frame| frame.slices().collect::<Vec<_>>().concat());
        assert_eq!(encoded.as_deref(), expected.as_ref().copied(), "{sealed} {limit}");
    }
}

#[test]
fn p4_what_has_no_head_needs_no_room_for_one() {
    let config = Config::new(Lines::lf()).limits(Limits { head: 0, ..Limits::default() });
    let events = run(&config, &[1, 6], b"ab\ncd\n", Mode::PushEvents);
    assert_eq!(events, run(&Config::new(Lines::lf()), &[1, 6], b"ab\ncd\n", Mode::PushEvents));
}

#[test]
fn p4_a_head_that_comes_byte_by_byte_is_held_up_to_its_limit_only() {
    let limits = Limits { head: 30, ..Limits::default() };
    let mut decoder = Config::new(ContentLength::lsp()).limits(limits).decoder().unwrap();
    for n in 1..30 {
        assert!(decoder.next(&mut &b"x"[..]).unwrap().is_none(), "{n}");
    }
    let error = decoder.next(&mut &b"x"[..]).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::HeadTooLong { limit: 30 });
}

/// Of three bytes it says that it needs as many as it says.
struct Stuck {
    says: usize,
    scans: Cell<usize>,
}

impl Framing for Stuck {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        assert!(self.scans.replace(self.scans.get() + 1) < 100, "an endless loop");
        let total = if seen.len() < 3 { seen.len() + 1 } else { self.says };
        Ok(Scan::Need { total })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn a_head_that_needs_what_is_there_is_found_out_byte_by_byte() {
    for says in 0..4 {
        let mut decoder = Decoder::new(Stuck { says, scans: Cell::new(0) });
        assert!(decoder.next(&mut &b"a"[..]).unwrap().is_none());
        assert!(decoder.next(&mut &b"b"[..]).unwrap().is_none());
        let error = decoder.next(&mut &b"c"[..]).unwrap_err();
        assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{says}");

        let mut decoder = Decoder::new(Stuck { says, scans: Cell::new(0) });
        let error = decoder.next(&mut &b"abc"[..]).map(drop).unwrap_err();
        assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{says}, at once");

        let mut owned = Reassembler::new(Stuck { says, scans: Cell::new(0) });
        owned.space()[..3].copy_from_slice(b"abc");
        owned.filled(3);
        let error = owned.next().map(drop).unwrap_err();
        assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{says}, owned");
    }
}

/// Frames of nothing, without end.
struct Nothing;

impl Framing for Nothing {
    fn scan(&self, _: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        Ok(Scan::Body { head: 0, body: 0, trailer: 0, more: false })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn a_frame_of_nothing_is_found_out_where_events_are_taken() {
    let error = Decoder::new(Nothing).next_event(&mut &b"ab"[..]).map(drop).unwrap_err();
    assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{error}");
}

/// A byte that is the length, and padding behind the payload, which may be anything.
struct Behind;

impl Framing for Behind {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        let Some(&length) = seen.first() else { return Ok(Scan::Need { total: 1 }) };
        Ok(Scan::Body { head: 1, body: length.into(), trailer: 3, more: false })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Padding(b"..."), ..Enclosure::default() })
    }
}

#[test]
fn a_payload_that_was_kept_comes_before_its_end_where_events_are_taken_then() {
    let mut owned = Reassembler::new(Behind);
    owned.space()[..4].copy_from_slice(b"\x03dat");
    owned.filled(4);
    assert!(owned.next().unwrap().is_none(), "all but the trailer");
    assert!(matches!(owned.next_event().unwrap(), Some(Event::Begin { body: Some(3), .. })));
    owned.space()[..3].copy_from_slice(b"...");
    owned.filled(3);
    let event = owned.next_event().unwrap();
    assert!(matches!(&event, Some(Event::Chunk(piece)) if **piece == *b"dat"), "{event:?}");
    let event = owned.next_event().unwrap();
    assert!(matches!(event, Some(Event::End { trailer: b"...", .. })), "{event:?}");
}

#[test]
fn the_last_byte_of_a_line_that_the_stream_ends_is_its_end() {
    let open = Scan::Open { head: 0, safe: 1 };
    assert_eq!(Lines::lf().resume(b"a", false), Ok(open.clone()));
    assert_eq!(Lines::lf().resume(b"a", true), Ok(Scan::Until { payload: 0..1, total: 1 }));
    assert_eq!(Lines::crlf().resume(b"a", true), Ok(open));
}

#[test]
fn delimiters_print_how_they_are_searched_for() {
    let printed = |delimiters: &[&str]| format!("{:?}", Delimited::new(delimiters).unwrap());
    assert!(printed(&["a", "b", "c"]).contains("searched for at once"));
    assert!(printed(&["a", "b", "c", "d"]).contains("looked up"));
}

/// A byte that says how long the head is, and nothing behind it.
struct Far;

impl Framing for Far {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        let total = seen.first().map_or(1, |&length| length.into());
        if seen.len() < total {
            return Ok(Scan::Need { total });
        }
        Ok(Scan::Body { head: total, body: 0, trailer: 0, more: false })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn p4_a_head_that_never_fits_a_storage_is_not_waited_for_without_end() {
    let mut owned = Reassembler::with_storage(Far, [0; 8]).unwrap();
    for n in 1..8 {
        owned.space()[0] = 20;
        owned.filled(1);
        assert!(owned.next().unwrap().is_none(), "{n}");
        assert!(!owned.space().is_empty(), "{n}");
    }
    owned.space()[0] = 20;
    owned.filled(1);
    let error = owned.next().map(drop).unwrap_err();
    assert!(matches!(error.kind(), DecodeErrorKind::TooLong { .. }), "{error}");
}

/// A byte, and a payload that ends at `>`.
struct Tagged;

impl Framing for Tagged {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        if seen.is_empty() {
            return Ok(Scan::Need { total: 1 });
        }
        Ok(match seen.iter().position(|&byte| byte == b'>') {
            Some(at) => Scan::Until { payload: 1..at, total: at + 1 },
            None => Scan::Open { head: 1, safe: seen.len() },
        })
    }

    fn resume(&self, seen: &[u8], _: bool) -> Result<Scan, Malformed> {
        Ok(match seen.iter().position(|&byte| byte == b'>') {
            Some(at) => Scan::Until { payload: 0..at, total: at + 1 },
            None => Scan::Open { head: 0, safe: seen.len() },
        })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn an_accepted_frame_begins_with_the_head_that_was_given_before() {
    let mut owned = Reassembler::new(Tagged);
    owned.space()[..3].copy_from_slice(b"<ab");
    owned.filled(3);
    assert!(matches!(
        owned.next_event().unwrap(),
        Some(Event::Begin { head: b"<", offset: 0, .. })
    ));
    owned.accept().unwrap();
    assert!(owned.next().unwrap().is_none());
    owned.space()[..2].copy_from_slice(b"c>");
    owned.filled(2);
    let frame = owned.next().unwrap().unwrap();
    assert_eq!((frame.head(), &*frame.payload(), frame.offset()), (&b""[..], &b"abc"[..], 0));
}
