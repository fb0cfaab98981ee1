//! Framings of shapes that none of the crate's own has, as users may write them.

use framing::{
    BuildError, Checksum, Config, DecodeErrorKind, Enclosure, EncodeError, Encoder, Framing,
    Inline, Limits, Malformed, Resync, Scan, Seal, Trailer,
};

use crate::check::{Item, Mode, check, run, same_under_all_cuts};

fn item(head: &[u8], payload: &[u8], trailer: &[u8], offset: u64) -> Item {
    let [head, payload, trailer] = [head, payload, trailer].map(<[u8]>::to_vec);
    Item::Frame { head, payload, trailer, offset, discarded: 0 }
}

/// A head of three bytes, then a line, in which a digit is malformed.
#[derive(Clone)]
struct Marked;

impl Marked {
    fn line(seen: &[u8], head: usize) -> Result<Scan, Malformed> {
        let end = |byte: &u8| matches!(byte, b'\n' | b'0'..=b'9');
        match seen[head..].iter().position(end).map(|at| at + head) {
            Some(at) if seen[at] == b'\n' => Ok(Scan::Until { payload: head..at, total: at + 1 }),
            Some(at) => Err(Malformed::after(head, at, at, "a digit")),
            None => Ok(Scan::Open { head, safe: seen.len() }),
        }
    }
}

impl Framing for Marked {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        if seen.len() < 3 { Ok(Scan::Need { total: 3 }) } else { Self::line(seen, 3) }
    }

    fn resume(&self, seen: &[u8], _eof: bool) -> Result<Scan, Malformed> {
        Self::line(seen, 0)
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { split: 3, trailer: Trailer::Delimiter(b"\n"), ..Enclosure::default() })
    }
}

#[test]
fn a_head_before_a_payload_whose_end_is_looked_for() {
    let config = Config::new(Marked);
    let error = |kind, offset| Item::Error { kind, offset };
    let frames = [item(b"abc", b"one", b"\n", 0), item(b"123", b"", b"\n", 7)];
    check(&config, b"abcone\n123\n", &frames);
    let truncated = error(DecodeErrorKind::Truncated { received: 4 }, 7);
    check(&config, b"abcone\n123x", &[frames[0].clone(), truncated]);
    check(&config, b"abcx1\n", &[error(DecodeErrorKind::Malformed(""), 4)]);
    check(&config, b"abc1\n", &[error(DecodeErrorKind::Malformed(""), 3)]);
    // It is seen whole whatever its limit, which is told before any fault behind it.
    let config = config.limits(Limits { head: 2, ..Limits::default() });
    for wire in [&b"abc\n"[..], b"abcx\n", b"abc1\n", b"abcx1\n", b"abcx"] {
        check(&config, wire, &[error(DecodeErrorKind::HeadTooLong { limit: 2 }, 0)]);
    }
}

/// A frame is two bytes that are always the same.
#[derive(Clone)]
struct Tick;

impl Framing for Tick {
    fn scan(&self, _seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(Scan::Body { head: 0, body: 0, trailer: 2, more: false })
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        if trailer == b"ok" { Ok(()) } else { Err(Malformed::at(0, "no tick")) }
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Made(Inline::new(b"ok")), ..Enclosure::default() })
    }
}

#[test]
fn a_frame_may_be_nothing_but_its_trailer() {
    let config = Config::new(Tick);
    let frames = [item(b"", b"", b"ok", 0), item(b"", b"", b"ok", 2)];
    check(&config, b"okok", &frames);
    let malformed = Item::Error { kind: DecodeErrorKind::Malformed(""), offset: 2 };
    check(&config, b"oknook", &[frames[0].clone(), malformed]);
}

/// A length, the payload, two exclamation marks where others have a checksum.
#[derive(Clone)]
struct Loud;

impl Framing for Loud {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let Some(&length) = seen.first() else { return Ok(Scan::Need { total: 1 }) };
        Ok(Scan::Body { head: 1, body: length.into(), trailer: 0, more: false })
    }

    fn seal(&self, _sum: u64) -> Seal {
        Seal::new(b"!!")
    }

    fn enclose(&self, _prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        let head = Inline::new(&[u8::try_from(length).unwrap()]);
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

#[test]
fn what_stands_in_the_place_of_a_checksum_may_be_a_constant() {
    let config = Config::new(Loud);
    let mut wire = Vec::new();
    config.encoder().unwrap().append(b"", &[b"hi"], &mut wire).unwrap();
    assert_eq!(wire, b"\x04hi!!");
    check(&config, b"\x04hi!!\x02!!", &[item(b"\x04", b"hi", b"", 0), item(b"\x02", b"", b"", 5)]);
    let error = Item::Error { kind: DecodeErrorKind::Checksum, offset: 0 };
    check(&config, b"\x04hi!?", std::slice::from_ref(&error));
    check(&config, b"\x01!", &[error]);
}

/// It ends at a full stop, and changes payloads into themselves, as the trait does by itself.
#[derive(Clone)]
struct Itself;

impl Framing for Itself {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(match seen.iter().position(|&byte| byte == b'.') {
            Some(end) => Scan::Until { payload: 0..end, total: end + 1 },
            None => Scan::Open { head: 0, safe: seen.len() },
        })
    }

    fn transforms(&self) -> bool {
        true
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Delimiter(b"."), ..Enclosure::default() })
    }
}

#[test]
fn coding_changes_nothing_unless_a_framing_says_how() {
    let config = Config::new(Itself);
    let mut wire = Vec::new();
    config.encoder().unwrap().append(b"", &[b"he", b"", b"llo"], &mut wire).unwrap();
    assert_eq!(wire, b"hello.");
    check(&config, b"hello.yo.", &[item(b"", b"hello", b".", 0), item(b"", b"yo", b".", 6)]);
}

/// It builds nowhere.
#[derive(Clone)]
struct Never;

impl Framing for Never {
    fn scan(&self, _seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(Scan::Body { head: 0, body: 1, trailer: 0, more: false })
    }

    fn check(&self, _limits: &Limits) -> Result<(), BuildError> {
        Err(BuildError::NoPayload)
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn what_goes_around_a_framing_asks_it_whether_it_builds() {
    let sealed = Config::new(Checksum::crc32c_be(Never));
    assert_eq!(sealed.decoder().unwrap_err(), BuildError::NoPayload);
    let found_again = Config::new(Resync::at_magic(b"!", Never, 9).unwrap());
    assert_eq!(found_again.decoder().unwrap_err(), BuildError::NoPayload);
}

/// Eight bytes of padding behind each payload of one byte.
#[derive(Clone)]
struct Padded;

impl Framing for Padded {
    fn scan(&self, _seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(Scan::Body { head: 0, body: 1, trailer: 8, more: false })
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Padding(&[0; 8]), ..Enclosure::default() })
    }
}

#[test]
fn p12_a_trailer_past_its_limit_is_refused_by_both_sides() {
    for (limit, fits) in [(8, true), (7, false)] {
        let config = Config::new(Padded).limits(Limits { trailer: limit, ..Limits::default() });
        let mut out = b"before".to_vec();
        let encoded = config.encoder().unwrap().append(b"", &[b"x"], &mut out);
        same_under_all_cuts(&config, b"x\0\0\0\0\0\0\0\0");
        let decoded = run(&config, &[9], b"x\0\0\0\0\0\0\0\0", Mode::PushFrames);
        if fits {
            assert_eq!((encoded, &out[..]), (Ok(()), &b"beforex\0\0\0\0\0\0\0\0"[..]));
            assert_eq!(decoded, [item(b"", b"x", &[0; 8], 0)]);
        } else {
            let error = EncodeError::TrailerTooLong { length: 8, limit: 7 };
            assert_eq!((encoded, &out[..]), (Err(error), &b"before"[..]));
            let kind = DecodeErrorKind::TrailerTooLong { limit: 7 };
            assert_eq!(decoded, [Item::Error { kind, offset: 0 }]);
        }
    }
    // A delimiter is what it is.
    let limits = Limits { trailer: 0, ..Limits::default() };
    let encoder: Encoder<_> = Config::new(Marked).limits(limits).encoder().unwrap();
    assert_eq!(encoder.append(b"abc", &[b"x"], &mut Vec::new()), Ok(()));
}
