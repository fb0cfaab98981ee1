//! What else is passed over on a link that loses bytes: beside `resync`, heads past their limit,
//! fill, long frames that were none, and what does not build.

use framing::{
    BuildError, Checksum, Config, DecodeErrorKind, Decoded, Decoder, Enclosure, EncodeError,
    Envelope, Fixed, Framing, Inline, Length, Limits, Lines, Malformed, Resync, Scan, Trailer,
};

use crate::check::{Item, check};
use crate::sealed::sealed;

const MAGIC: [u8; 2] = [0xA5, 0x5A];

fn item(head: &[u8], payload: &[u8], offset: u64) -> Item {
    let (head, payload) = (head.to_vec(), payload.to_vec());
    Item::Frame { head, payload, trailer: vec![], offset, discarded: 0 }
}

/// A length of one byte, but zero is fill between two frames.
#[derive(Clone, Debug, PartialEq)]
struct Filled;

impl Framing for Filled {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(match seen.first() {
            None => Scan::Need { total: 1 },
            // Were it believed behind a magic number, the next frame would go with it.
            Some(0) => Scan::Gap { total: seen.len() },
            Some(&length) => Scan::Body { head: 1, body: length.into(), trailer: 0, more: false },
        })
    }

    fn enclose(&self, _prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        let head = Inline::new(&[u8::try_from(length).unwrap()]);
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

#[test]
fn fill_behind_a_magic_number_is_no_frame() {
    let config = Config::new(Resync::at_magic(MAGIC, Filled, 100).unwrap());
    let good = [&MAGIC[..], b"\x02hi"].concat();
    let wire = [&MAGIC[..], b"\0", &good].concat();
    let noise = Item::Resynced { offset: 0, discarded: 3 };
    check(&config, &wire, &[noise, item(&good[..3], b"hi", 3)]);
}

#[test]
fn a_head_past_its_limit_is_passed_over() {
    let framing = Resync::at_magic(MAGIC, Envelope, 100).unwrap();
    let config = Config::new(framing).limits(Limits { head: 15, ..Limits::default() });
    let frame = |header: &[u8]| {
        let header_length = u32::try_from(header.len()).unwrap().to_be_bytes();
        [&MAGIC[..], &header_length, &1_u64.to_be_bytes(), header, b"x"].concat()
    };
    let (long, good) = (frame(b"ab"), frame(b"a"));
    let noise = Item::Resynced { offset: 0, discarded: long.len() as u64 };
    let frame = item(&good[..15], b"x", long.len() as u64);
    check(&config, &[&long[..], &good].concat(), &[noise, frame]);
}

/// What was held of it came with the chunk, and is looked at there again.
#[test]
fn a_frame_within_a_long_one_that_was_none_is_lent() {
    let framing = Resync::at_magic(MAGIC, Checksum::crc32c_be(Length::u8()), 100).unwrap();
    let good = [&MAGIC[..], &[6], &sealed(b"hi")].concat();
    let wire = [&MAGIC[..], &[60], &[7; 20], &good, &[7; 31]].concat();
    let mut decoder = Config::new(framing).decoder().unwrap();
    let (mut first, mut second) = wire.split_at(1);
    assert!(decoder.next(&mut first).unwrap().is_none());
    let error = decoder.next(&mut second).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Resynced { discarded: 23 });
    let frame = decoder.next(&mut second).unwrap().unwrap();
    assert_eq!((frame.offset(), frame.payload().direct()), (23, Some(&b"hi"[..])));
    assert_eq!(second, [7; 31]);
}

/// What was held back as half of a delimiter goes with the frame that it belongs to.
#[test]
fn an_end_in_a_line_that_is_wrong() {
    let config = Config::new(Resync::at_delimiter(Lines::crlf(), 9).unwrap());
    for (wire, discarded) in [(&b"a\n"[..], 2), (b"a\nb", 3), (b"a\nb\r", 4), (b"\n\r\r", 3)] {
        check(&config, wire, &[Item::Resynced { offset: 0, discarded }]);
    }
}

/// A payload that is encoded, of which at least two bytes are needed.
#[derive(Clone, Debug, PartialEq)]
struct Encoded;

impl Framing for Encoded {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(if seen.len() < 2 {
            Scan::Need { total: 2 }
        } else {
            Scan::Open { head: 0, safe: seen.len() }
        })
    }

    fn transforms(&self) -> bool {
        true
    }

    fn decode(&self, _carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        Ok(Decoded { read: coded.len(), plain: 0..coded.len() })
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn a_magic_number_stands_once_before_bytes_that_are_not_encoded() {
    assert_eq!(Resync::at_magic(MAGIC, Encoded, 9).unwrap_err(), BuildError::Resync);
    let once = Resync::at_magic(MAGIC, Length::u8(), 9).unwrap();
    assert_eq!(Resync::at_magic(MAGIC, once, 9).unwrap_err(), BuildError::Resync);
}

#[test]
fn the_limit_of_the_head_has_room_for_the_magic_number() {
    let config = Config::new(Resync::at_magic(MAGIC, Fixed::new(1).unwrap(), 9).unwrap());
    let limits = |head| Limits { head, ..Limits::default() };
    let error = BuildError::LimitsTooSmall { head: 2, payload: 0 };
    assert_eq!(config.clone().limits(limits(1)).decoder().unwrap_err(), error);
    let wire = [&MAGIC[..], b"x"].concat();
    check(&config.limits(limits(2)), &wire, &[item(&MAGIC, b"x", 0)]);
}

/// Lines without `!` that may end with CRLF: a CR is held back, also at the end of the stream.
#[derive(Clone)]
struct Hesitant;

impl Framing for Hesitant {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        for (at, byte) in seen.iter().enumerate() {
            match byte {
                b'\n' => return Ok(Scan::Until { payload: 0..at, total: at + 1 }),
                b'!' => return Err(Malformed::after(0, at, at, "it shouts")),
                _ => {}
            }
        }
        let held = usize::from(seen.ends_with(b"\r"));
        Ok(Scan::Open { head: 0, safe: seen.len() - held })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Delimiter(b"\n"), ..Enclosure::default() })
    }
}

#[test]
fn what_a_framing_holds_back_at_the_end_of_the_stream_is_lost_with_its_frame() {
    let mut decoder = Decoder::new(Resync::at_delimiter(Hesitant, 100).unwrap());
    assert!(decoder.next(&mut &b"a!b\r"[..]).unwrap().is_none());
    let error = decoder.finish().unwrap_err();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Resynced { discarded: 4 }, 0));
    assert!(decoder.finish().unwrap().is_none());
}
