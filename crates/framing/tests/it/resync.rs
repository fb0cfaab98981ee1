//! Frames found again on a link that loses, adds and changes bytes.

use framing::{
    BuildError, Checksum, Chunked, Cobs, Config, ContentLength, DecodeErrorKind, Decoder, Encoder,
    Fixed, Framing, Length, LengthBuilder, Limits, Lines, Netstring, Oversize, Reassembler, Resync,
    Slip, Unterminated, Varint,
};
use proptest::prelude::*;

use crate::check::{Item, Mode, check, effort, run, same_under};
use crate::formats::Honest;
use crate::parts::{LAST, Record, fragment};
use crate::sealed::sealed;

const MAGIC: [u8; 2] = [0xA5, 0x5A];

type Link = Resync<Checksum<Length<framing::BigEndian, 1>>>;

fn link(payload: usize, most: u64) -> Config<Link> {
    let limits = Limits { payload, ..Limits::default() };
    let framing = Resync::at_magic(MAGIC, Checksum::crc32c_be(Length::u8()), most).unwrap();
    Config::new(framing).limits(limits)
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let sealed = sealed(payload);
    [&MAGIC[..], &[u8::try_from(sealed.len()).unwrap()], &sealed].concat()
}

/// At each place, is there a whole frame? Otherwise the byte is noise.
fn decode(limit: usize, most: u64, wire: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut at, mut noise) = (0, 0);
    while at <= wire.len() {
        let rest = &wire[at..];
        let found = match rest {
            [0xA5, 0x5A, length, rest @ ..] if usize::from(*length) <= limit + 4 => {
                let body = rest.get(..usize::from(*length));
                body.and_then(|body| body.len().checked_sub(4).map(|end| &body[..end]))
                    .filter(|payload| rest.starts_with(&sealed(payload)))
            }
            _ => None,
        };
        if noise > 0 && (found.is_some() || rest.is_empty()) {
            let offset = at as u64 - noise;
            items.push(Item::Resynced { offset, discarded: std::mem::take(&mut noise) });
        }
        if let Some(payload) = found {
            items.push(Item::Frame {
                head: rest[..3].to_vec(),
                payload: payload.to_vec(),
                trailer: vec![],
                offset: at as u64,
                discarded: 0,
            });
            at += 7 + payload.len();
        } else {
            at += 1;
            noise += u64::from(at <= wire.len());
            if noise > most {
                let kind = DecodeErrorKind::OutOfSync { limit: most };
                items.push(Item::Error { kind, offset: at as u64 - noise });
                return items;
            }
        }
    }
    items
}

#[test]
fn noise_before_between_and_behind_frames_under_every_cut() {
    let (a, b) = (frame(b"a"), frame(b""));
    let broken = [&a[..a.len() - 1], &[0]].concat();
    for wire in [
        vec![],
        a.clone(),
        [&b"n"[..], &b].concat(),
        [&b[..], &[0xA5], &b].concat(),
        [&b[..], &[0xA5, 0x5A], &b].concat(),
        [&b[..], &[0xA5, 0x5A, 0xFF], &b].concat(),
        [&b[..], &[0xA5, 0x5A, 0x08], &b].concat(),
        [&broken[..], &a].concat(),
        [&a[..3], &a].concat(),
        [&a[1..], &b[..4]].concat(),
        vec![0xA5; 13],
    ] {
        for (limit, most) in [(1, 100), (0, 100), (8, 5), (8, 0)] {
            check(&link(limit, most), &wire, &decode(limit, most, &wire));
        }
    }
}

proptest! {
    /// Frames that were sent, with bytes lost, added and changed.
    #[test]
    fn a_lossy_link_against_the_naive_search(
        pieces in prop::collection::vec(prop_oneof![
            4 => prop::collection::vec(prop_oneof![Just(0xA5), Just(0x5A), any::<u8>()], 0..6)
                .prop_map(|payload| frame(&payload)),
            1 => prop::collection::vec(
                prop_oneof![Just(0xA5), Just(0x5A), 0_u8..20, any::<u8>()], 0..5),
        ], 0..8),
        faults in prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 0..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        limit in 0_usize..8,
        most in prop_oneof![0_u64..20, Just(1000)],
    ) {
        let mut wire = pieces.concat();
        for (at, fault, byte) in faults {
            if wire.is_empty() {
                break;
            }
            let at = at.index(wire.len());
            match fault {
                0 => drop(wire.remove(at)),
                1 => wire.insert(at, byte),
                _ => wire[at] = byte,
            }
        }
        let config = link(limit, most);
        let whole = run(&config, &[wire.len()], &wire, Mode::PushFrames);
        prop_assert_eq!(&whole, &decode(limit, most, &wire));
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        ends.sort_unstable();
        same_under(&config, &wire, &ends);
    }
}

/// A framing that searches for the end of its head, and is told what it has searched.
#[test]
fn a_head_that_is_searched_for_its_end_is_found_again_under_every_cut() {
    for lsp in [ContentLength::lsp(), ContentLength::http()] {
        let (start, prefix) =
            if lsp == ContentLength::http() { ("X\r\n", "X\r\n") } else { ("", "") };
        let block = format!("{start}Content-Length: 2\r\n\r\n");
        let frame = [&MAGIC[..], block.as_bytes(), b"hi"].concat();
        let wire = [&frame[..], b"n", &frame].concat();
        let config = Config::new(Resync::at_magic(MAGIC, Honest(lsp), 100).unwrap());
        let mut encoded = Vec::new();
        config.encoder().unwrap().append(prefix.as_bytes(), &[b"hi"], &mut encoded).unwrap();
        assert_eq!(encoded, frame);
        let item = |offset| Item::Frame {
            head: frame[..frame.len() - 2].to_vec(),
            payload: b"hi".to_vec(),
            trailer: vec![],
            offset,
            discarded: 0,
        };
        let second = frame.len() as u64;
        let noise = Item::Resynced { offset: second, discarded: 1 };
        check(&config, &wire, &[item(0), noise, item(second + 1)]);
    }
}

#[test]
fn every_framing_of_known_lengths_is_found_again() {
    again(Checksum::crc32c_be(Varint::canonical()), b"");
    again(Checksum::crc32c_be(Netstring), b"");
    again(Checksum::crc32c_be(LengthBuilder::u16_be().offset(2).build().unwrap()), b"ab");
    again(Netstring, b"");
    again(Fixed::new(2).unwrap(), b"");
}

fn again<F: Framing + Clone>(framing: F, prefix: &[u8]) {
    let config = Config::new(Resync::at_magic(MAGIC, framing, 100).unwrap());
    let mut wire = b"noise".to_vec();
    config.encoder().unwrap().append(prefix, &[b"xy"], &mut wire).unwrap();
    assert_eq!(wire[5..7], MAGIC);
    for mode in [Mode::PushFrames, Mode::OwnedFrames] {
        let items = run(&config, &[7, wire.len()], &wire, mode);
        let [Item::Resynced { offset: 0, discarded: 5 }, Item::Frame { payload, offset: 5, .. }] =
            &items[..]
        else {
            panic!("{items:?}")
        };
        assert_eq!(payload, b"xy");
    }
}

#[test]
fn a_wrong_length_costs_no_more_than_the_limits_and_loses_no_later_frame() {
    let wire = [&[0xA5, 0x5A, 0xFF][..], &frame(b"one"), &frame(b"two")].concat();
    let mut decoder = link(8, 100).decoder().unwrap();
    let mut chunk = &wire[..];
    let error = decoder.next(&mut chunk).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Resynced { discarded: 3 });
    assert_eq!(&*decoder.next(&mut chunk).unwrap().unwrap().payload(), b"one");
    assert_eq!(&*decoder.next(&mut chunk).unwrap().unwrap().payload(), b"two");
    // Within the limits it has to wait, and to look again.
    let mut owned = link(255, 100).reassembler().unwrap();
    owned.space()[..wire.len()].copy_from_slice(&wire);
    owned.filled(wire.len());
    assert!(owned.next().unwrap().is_none());
    assert_eq!(owned.need().at_least, 3 + 255 - wire.len());
    assert!(owned.finish().is_err_and(|error| !error.is_fatal()));
    assert_eq!(&*owned.finish().unwrap().unwrap().payload(), b"one");
    assert_eq!(&*owned.finish().unwrap().unwrap().payload(), b"two");
    assert!(owned.finish().unwrap().is_none());
}

#[test]
fn what_cannot_be_found_again_does_not_build() {
    let undeclared = Resync::at_magic(MAGIC, Lines::lf(), 9);
    assert_eq!(undeclared.unwrap_err(), BuildError::Resync);
    let cobs = Resync::at_magic(MAGIC, Checksum::crc32c_be(Cobs), 9);
    assert_eq!(cobs.unwrap_err(), BuildError::Resync);
    assert_eq!(Resync::at_delimiter(Length::u8(), 9).unwrap_err(), BuildError::Resync);
    let twice = Resync::at_delimiter(Resync::at_delimiter(Cobs, 9).unwrap(), 9);
    assert_eq!(twice.unwrap_err(), BuildError::Resync);
    assert_eq!(Resync::at_magic(b"", Length::u8(), 9).unwrap_err(), BuildError::EmptyMagic);
    for error in [
        Resync::at_magic(MAGIC, Chunked, 9).map(|_| ()),
        Resync::at_magic(MAGIC, Checksum::crc32c_be(Chunked), 9).map(|_| ()),
    ] {
        assert_eq!(error.unwrap_err(), BuildError::Resync, "later parts have no magic number");
    }
    let skips = link(8, 9).oversize(Oversize::Skip);
    assert_eq!(skips.reassembler().unwrap_err(), BuildError::ResyncPolicy);
    let small = Limits { head: 1, ..Limits::default() };
    let error = BuildError::LimitsTooSmall { head: 3, payload: 0 };
    assert_eq!(link(8, 9).limits(small).decoder().unwrap_err(), error);
}

/// The field may stand in the payload; it must be seen whatever the limit of the head.
#[test]
fn a_field_that_is_kept_needs_no_head() {
    let framing = LengthBuilder::u32_be().strip(0).includes_head().build().unwrap();
    let limits = Limits { head: 2, ..Limits::default() };
    let config = Config::new(Resync::at_magic(MAGIC, framing, 100).unwrap()).limits(limits);
    let wire = [&MAGIC[..], &[0, 0, 0, 5, b'x']].concat();
    let (payload, trailer) = (wire[2..].to_vec(), vec![]);
    let head = MAGIC.to_vec();
    check(&config, &wire, &[Item::Frame { head, payload, trailer, offset: 0, discarded: 0 }]);
}

/// Parts have no magic number each: such a frame is passed over, and the next one found.
#[test]
fn parts_are_passed_over() {
    let config = Config::new(Resync::at_magic(MAGIC, Record, 100).unwrap());
    let good = [&MAGIC[..], &fragment(LAST, b"ok")].concat();
    let wire = [&MAGIC[..], &fragment(0, b"no"), &good].concat();
    check(
        &config,
        &wire,
        &[
            Item::Resynced { offset: 0, discarded: 8 },
            Item::Frame {
                head: good[..6].to_vec(),
                payload: b"ok".to_vec(),
                trailer: vec![],
                offset: 8,
                discarded: 0,
            },
        ],
    );
}

/// After a reset the same noise is not found again, and the next frame is.
#[test]
fn out_of_sync_uses_up_what_was_passed_over() {
    let wire = [&[b'n'; 30][..], &frame(b"x")].concat();
    let mut decoder = link(8, 20).decoder().unwrap();
    let mut chunk = &wire[..];
    let error = decoder.next(&mut chunk).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::OutOfSync { limit: 20 });
    decoder.reset();
    assert_eq!(&*decoder.next(&mut chunk).unwrap().unwrap().payload(), b"x");
}

/// On a silent line `finish` hands out what a false length held back, and decoding goes on.
#[test]
fn decoding_goes_on_after_a_silence() {
    let mut decoder = link(255, 1000).decoder().unwrap();
    let wire = [&[0xA5, 0x5A, 0xFF][..], &frame(b"one")].concat();
    assert!(decoder.next(&mut &wire[..]).unwrap().is_none());
    assert!(decoder.finish().is_err_and(|error| !error.is_fatal()));
    assert_eq!(&*decoder.finish().unwrap().unwrap().payload(), b"one");
    assert!(decoder.finish().unwrap().is_none());
    let two = frame(b"two");
    let frame = decoder.next(&mut &two[..]).unwrap().unwrap();
    assert_eq!((frame.offset(), &*frame.payload()), (wire.len() as u64, &b"two"[..]));
}

#[test]
fn noise_that_was_passed_over_is_not_handed_on() {
    let framing = || Resync::at_magic(MAGIC, Length::u8(), 100).unwrap();
    let mut decoder = Decoder::new(framing());
    assert!(decoder.next(&mut &b"noise\xA5"[..]).unwrap().is_none());
    assert!(decoder.take_tail().is_err());
    assert_eq!(decoder.offset(), 0);
    decoder.reset();
    let wire = Encoder::new(framing());
    let mut bytes = Vec::new();
    wire.append(&[], &[b"x"], &mut bytes).unwrap();
    assert_eq!(&*decoder.next(&mut &bytes[..]).unwrap().unwrap().payload(), b"x");
    let owned = Reassembler::new(framing());
    assert!(owned.switch(Lines::lf()).is_ok());
}

/// What is between two delimiters is a frame, or is passed over.
fn pieces(
    right: impl Fn(&[u8]) -> Option<Vec<u8>>,
    delimiter: u8,
    limit: usize,
    most: u64,
    wire: &[u8],
) -> Vec<Item> {
    let mut items = Vec::new();
    let mut offset = 0;
    for piece in wire.split_inclusive(|&byte| byte == delimiter) {
        let bytes = piece.strip_suffix(&[delimiter]);
        let payload = right(bytes.unwrap_or(piece)).filter(|payload| payload.len() <= limit);
        let discarded = piece.len() as u64;
        match (bytes, payload) {
            (Some(b""), _) => {}
            (Some(_), Some(payload)) => {
                let (head, trailer) = (vec![], vec![delimiter]);
                items.push(Item::Frame { head, payload, trailer, offset, discarded: 0 });
            }
            (None, Some(_)) => {
                let kind = DecodeErrorKind::Truncated { received: discarded };
                items.push(Item::Error { kind, offset });
            }
            (_, None) if discarded > most => {
                items
                    .push(Item::Error { kind: DecodeErrorKind::OutOfSync { limit: most }, offset });
                return items;
            }
            (_, None) => items.push(Item::Resynced { offset, discarded }),
        }
        offset += discarded;
    }
    items
}

/// The bytes of a SLIP packet; one that is cut short in an escape may still become right.
fn unescaped(packet: &[u8], ended: bool) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    let mut bytes = packet.iter();
    while let Some(&byte) = bytes.next() {
        payload.push(match (byte, bytes.as_slice().first()) {
            (0xDB, None) if !ended => break,
            (0xDB, Some(0xDC)) => 0xC0,
            (0xDB, Some(0xDD)) => 0xDB,
            (0xDB, _) => return None,
            _ => byte,
        });
        if byte == 0xDB {
            bytes.next();
        }
    }
    Some(payload)
}

#[test]
fn a_packet_that_is_wrong_costs_no_other_one() {
    for (limit, most) in [(100, 100), (1, 100), (100, 3), (2, 2)] {
        let longest = effort(3, 5, if limit == 2 { 7 } else { 5 });
        let config = Config::new(Resync::at_delimiter(Slip, most).unwrap()).max_payload(limit);
        crate::cuts::for_each_string(&[0xC0, 0xDB, 0xDC, 1], longest, |wire| {
            let last = wire.iter().rposition(|&byte| byte == 0xC0).map_or(0, |at| at + 1);
            let right = |piece: &[u8]| {
                let ended =
                    !std::ptr::eq(piece.as_ptr_range().end, wire[last..].as_ptr_range().end);
                unescaped(piece, ended)
            };
            check(&config, wire, &pieces(right, 0xC0, limit, most, wire));
        });
    }
}

#[test]
fn a_line_that_is_wrong_costs_no_other_one() {
    let framing = Resync::at_delimiter(Lines::crlf().unterminated(Unterminated::Refuse), 9);
    let config = Config::new(framing.unwrap());
    let line = |payload: &[u8], offset| Item::Frame {
        head: vec![],
        payload: payload.to_vec(),
        trailer: b"\r\n".to_vec(),
        offset,
        discarded: 0,
    };
    let lost = Item::Resynced { offset: 3, discarded: 7 };
    let wire = b"a\r\nb\nc\rd\r\nok\r\n";
    check(&config, wire, &[line(b"a", 0), lost, line(b"ok", 10)]);
}

#[test]
fn a_checksum_finds_what_stuffing_cannot() {
    let mut wire = Vec::new();
    let config = Config::new(Resync::at_delimiter(Checksum::crc32c_le(Cobs), 50).unwrap());
    for payload in [&b"one"[..], b"two", b"three"] {
        config.encoder().unwrap().append(&[], &[payload], &mut wire).unwrap();
    }
    let second = wire.iter().position(|&byte| byte == 0).unwrap() + 1;
    for at in second..second + 8 {
        for bit in 0..8 {
            let mut wire = wire.clone();
            wire[at] ^= 1 << bit;
            let items = run(&config, &[at, wire.len()], &wire, Mode::OwnedFrames);
            let payload = |item: &Item| match item {
                Item::Frame { payload, .. } => Some(payload.clone()),
                Item::Resynced { .. } => None,
                other => panic!("{other:?}"),
            };
            let frames: Vec<_> = items.iter().filter_map(payload).collect();
            assert_eq!(frames, [&b"one"[..], b"three"], "byte {at} changed to {}", wire[at]);
            assert!((3..=4).contains(&items.len()));
        }
    }
}
