//! COBS and SLIP: against decoders that go byte by byte, at every cut, under every policy; and the
//! vectors of their papers.

use framing::{
    BuildError, Checksum, Cobs, Config, DecodeErrorKind, Decoded, Decoder, Enclosure, EncodeError,
    Encoder, Event, Framing, Limits, Malformed, Oversize, Scan, Slip, Trailer,
};

use crate::check::{Item, Mode, check, effort, is_sampled, run, same_under_all_cuts};
use crate::cuts::{POLICIES, for_each_string};

/// What one more byte of a frame means.
enum Meaning {
    /// So many payload bytes: none or one.
    Payload(Option<u8>),
    End,
    Malformed,
}

/// A decoder that knows one byte at a time.
trait Naive: Default {
    const DELIMITER: u8;
    fn byte(&mut self, byte: u8) -> Meaning;
}

#[derive(Default)]
struct NaiveCobs {
    block: u8,
    zero: bool,
}

impl Naive for NaiveCobs {
    const DELIMITER: u8 = 0;

    fn byte(&mut self, byte: u8) -> Meaning {
        match (byte, self.block) {
            (0, 0) => Meaning::End,
            (0, _) => Meaning::Malformed,
            (code, 0) => {
                let zero = self.zero.then_some(0);
                (self.block, self.zero) = (code - 1, code != 255);
                Meaning::Payload(zero)
            }
            (byte, _) => {
                self.block -= 1;
                Meaning::Payload(Some(byte))
            }
        }
    }
}

#[derive(Default)]
struct NaiveSlip {
    escaped: bool,
}

impl Naive for NaiveSlip {
    const DELIMITER: u8 = 0xC0;

    fn byte(&mut self, byte: u8) -> Meaning {
        match (std::mem::take(&mut self.escaped), byte) {
            (true, 0xDC) => Meaning::Payload(Some(0xC0)),
            (true, 0xDD) => Meaning::Payload(Some(0xDB)),
            (true, _) => Meaning::Malformed,
            (false, 0xC0) => Meaning::End,
            (false, 0xDB) => {
                self.escaped = true;
                Meaning::Payload(None)
            }
            (false, byte) => Meaning::Payload(Some(byte)),
        }
    }
}

fn decode<N: Naive>(limit: usize, oversize: Oversize, wire: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut frame: Option<(N, u64, Vec<u8>)> = None;
    for (at, &byte) in wire.iter().enumerate() {
        if frame.is_none() && byte == N::DELIMITER {
            continue;
        }
        let (decoder, offset, payload) =
            frame.get_or_insert_with(|| (N::default(), at as u64, Vec::new()));
        let offset = *offset;
        match decoder.byte(byte) {
            Meaning::Payload(byte) => payload.extend(byte),
            Meaning::Malformed => {
                let kind = DecodeErrorKind::Malformed("");
                items.push(Item::Error { kind, offset: at as u64 });
                return items;
            }
            Meaning::End => {
                let discarded = payload.len().saturating_sub(limit) as u64;
                if oversize == Oversize::Skip && discarded > 0 {
                    let discarded = payload.len() as u64;
                    items.push(Item::Skipped { offset, declared: None, discarded });
                } else {
                    payload.truncate(limit);
                    let (head, payload) = (vec![], std::mem::take(payload));
                    let trailer = vec![N::DELIMITER];
                    items.push(Item::Frame { head, payload, trailer, offset, discarded });
                }
                frame = None;
                continue;
            }
        }
        if payload.len() > limit && matches!(oversize, Oversize::Error | Oversize::Stream) {
            let kind = DecodeErrorKind::TooLong { declared: None, limit };
            items.push(Item::Error { kind, offset });
            return items;
        }
    }
    if let Some((_, offset, _)) = frame {
        let kind = DecodeErrorKind::Truncated { received: wire.len() as u64 - offset };
        items.push(Item::Error { kind, offset });
    }
    items
}

fn against<N: Naive, F: Framing + Clone>(framing: &F, limit: usize, wire: &[u8]) {
    for oversize in POLICIES {
        let limits = Limits { payload: limit, ..Limits::default() };
        let config = Config::new(framing.clone()).limits(limits).oversize(oversize).capacity(4);
        check(&config, wire, &decode::<N>(limit, oversize, wire));
    }
}

#[test]
fn every_short_string_against_the_naive_decoders() {
    for limit in [0, 1, 2, 8] {
        // All of seven symbols under every limit would take hours.
        let longest = effort(3, 5, if limit == 2 { 7 } else { 5 });
        for_each_string(&[0, 1, 2, 3, 0xFF], longest, |wire| {
            against::<NaiveCobs, _>(&Cobs, limit, wire);
        });
        // A SLIP packet has at least one byte.
        for_each_string(&[0xC0, 0xDB, 0xDC, 0xDD, 1], longest, |wire| {
            against::<NaiveSlip, _>(&Slip, limit.max(1), wire);
        });
    }
}

#[test]
fn long_blocks_against_the_naive_decoder() {
    let run = |code: u8| [&[code][..], &vec![7; usize::from(code) - 1]].concat();
    for frame in [
        [run(0xFF), vec![0]].concat(),
        [run(0xFF), vec![1, 0]].concat(),
        [run(0xFF), vec![2, 9, 1, 0]].concat(),
        [run(0xFE), vec![2, 9, 0]].concat(),
        [vec![1], run(0xFF), vec![1, 1, 0]].concat(),
        [run(0xFF)[..200].to_vec(), vec![0]].concat(),
    ] {
        let wire = [&frame[..], &[3, 1, 2, 0]].concat();
        for limit in [200, 253, 254, 255, 1000].into_iter().filter(|_| is_sampled()) {
            for oversize in POLICIES {
                let config = Config::new(Cobs).max_payload(limit).oversize(oversize).capacity(16);
                let expected = decode::<NaiveCobs>(limit, oversize, &wire);
                for mode in [Mode::PushFrames, Mode::OwnedFrames] {
                    for cut in (1..=wire.len()).filter(|_| is_sampled()) {
                        let ends = [cut, wire.len()];
                        assert_eq!(crate::check::run(&config, &ends, &wire, mode), expected);
                    }
                }
            }
        }
        let config = Config::new(Cobs).capacity(16);
        same_under_all_cuts(&config, &[&frame[240.min(frame.len() - 1)..], &[2, 5, 0]].concat());
    }
}

#[test]
fn the_vectors_of_the_papers() {
    let cobs = |payload: &[u8]| encoded(Cobs, payload);
    assert_eq!(cobs(&[]), [1, 0]);
    assert_eq!(cobs(&[0]), [1, 1, 0]);
    assert_eq!(cobs(&[0, 0]), [1, 1, 1, 0]);
    assert_eq!(cobs(&[0, 0x11, 0]), [1, 2, 0x11, 1, 0]);
    assert_eq!(cobs(&[0x11, 0x22, 0, 0x33]), [3, 0x11, 0x22, 2, 0x33, 0]);
    assert_eq!(cobs(&[0x11, 0, 0, 0]), [2, 0x11, 1, 1, 1, 0]);
    let ascending: Vec<u8> = (1..=255).collect();
    let (most, last) = ascending.split_at(254);
    let full = [&[0xFF], most].concat();
    assert_eq!(cobs(most), [&full[..], &[0]].concat());
    assert_eq!(cobs(&[&[0], most].concat()), [&[1], &full[..], &[0]].concat());
    assert_eq!(cobs(&ascending), [&full[..], &[2], last, &[0]].concat());
    assert_eq!(cobs(&[most, &[0]].concat()), [&full[..], &[1, 1, 0]].concat());
    assert_eq!(cobs(&[&most[1..], &[0]].concat()), [&[0xFE], &most[1..], &[1, 0]].concat());

    let slip = |payload: &[u8]| encoded(Slip, payload);
    assert_eq!(slip(&[1]), [0xC0, 1, 0xC0]);
    assert_eq!(slip(&[0xC0, 0xDB]), [0xC0, 0xDB, 0xDC, 0xDB, 0xDD, 0xC0]);
    assert_eq!(slip(&[0xDC, 0xDD]), [0xC0, 0xDC, 0xDD, 0xC0]);
    assert_eq!(Encoder::new(Slip).encode(&[], &[b""]).unwrap_err(), EncodeError::Empty);
}

fn encoded<F: Framing + Clone>(framing: F, payload: &[u8]) -> Vec<u8> {
    let encoder = Encoder::new(framing);
    let mut wire = Vec::new();
    encoder.append(&[], &[payload], &mut wire).unwrap();
    for cut in (0..=payload.len()).filter(|_| is_sampled()) {
        let (first, second) = payload.split_at(cut);
        let parts = [first, b"", second];
        let mut frame = encoder.encode(&[], &parts).unwrap();
        assert_eq!(frame.remaining(), wire.len() as u64);
        let sent = frame.slices().flatten().copied().take(2).collect::<Vec<_>>();
        frame.advance(2);
        assert_eq!([sent, frame.slices().collect::<Vec<_>>().concat()].concat(), wire);
    }
    wire
}

#[test]
fn every_short_payload_comes_back() {
    for_each_string(&[0, 1, 0xC0, 0xDB, 0xDC, 0xDD, 0xFF], 5, |payload| {
        comes_back::<NaiveCobs, _>(&Cobs, payload);
        if !payload.is_empty() {
            comes_back::<NaiveSlip, _>(&Slip, payload);
        }
    });
    for length in (250..260).chain(505..512).filter(|_| is_sampled()) {
        for zero in [0, 1, 253, 254, 255, length - 1] {
            let mut payload = vec![3; length];
            payload[zero.min(length - 1)] = 0;
            comes_back::<NaiveCobs, _>(&Cobs, &payload);
        }
        comes_back::<NaiveCobs, _>(&Cobs, &vec![1; length]);
        comes_back::<NaiveSlip, _>(&Slip, &vec![0xDB; length]);
    }
}

fn comes_back<N: Naive, F: Framing + Clone>(framing: &F, payload: &[u8]) {
    let mut wire = Vec::new();
    Encoder::new(framing.clone()).append(&[], &[payload], &mut wire).unwrap();
    let end = wire.len() - 1;
    assert!(wire[1..end].iter().all(|&byte| byte != N::DELIMITER), "{wire:?}");
    let expected = decode::<N>(usize::MAX, Oversize::Error, &wire);
    assert!(matches!(&expected[..], [Item::Frame { payload: got, .. }] if got == payload));
    let half = wire.len() / 2;
    for mode in [Mode::PushFrames, Mode::OwnedFrames] {
        assert_eq!(run(&Config::new(framing.clone()), &[half, wire.len()], &wire, mode), expected);
    }
}

/// Promise 11 for encoded payloads: what is handed out is decoded, and nothing is gathered.
#[test]
fn encoded_bodies_stream_without_being_gathered() {
    let payload: Vec<u8> =
        (0..effort(3_000, 100_000, 100_000_u32)).map(|i| i.to_le_bytes()[0]).collect();
    let wire = encoded(Cobs, &payload[..1000]).len();
    assert!(wire < 1010, "at most one byte in 254 is added");
    let mut wire = Vec::new();
    Encoder::new(Cobs).append(&[], &[&payload], &mut wire).unwrap();
    let config = Config::new(Cobs).max_payload(10).oversize(Oversize::Stream);
    let mut decoder = config.decoder().unwrap();
    let mut got = Vec::new();
    for mut chunk in wire.chunks(500) {
        while let Some(event) = decoder.next_event(&mut chunk).unwrap() {
            if let Event::Chunk(bytes) = event {
                got.extend_from_slice(&bytes);
            }
        }
        assert!(decoder.stats().capacity <= 1000);
    }
    assert_eq!(got, payload);
}

/// Letters up to a full stop, written with their case changed; digits are malformed.
#[derive(Clone)]
struct Swapped;

impl Framing for Swapped {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        match seen.iter().position(|byte| !byte.is_ascii_alphabetic()) {
            Some(end) if seen[end] == b'.' => Ok(Scan::Until { payload: 0..end, total: end + 1 }),
            Some(at) => Err(Malformed::after(0, at, at, "no letter")),
            None => Ok(Scan::Open { head: 0, safe: seen.len() }),
        }
    }

    fn transforms(&self) -> bool {
        true
    }

    fn decode(&self, _carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        for byte in coded.iter_mut() {
            *byte ^= 0x20;
        }
        Ok(Decoded { read: coded.len(), plain: 0..coded.len() })
    }

    fn enclose(&self, _prefix: &[u8], _parts: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Delimiter(b"."), ..Enclosure::default() })
    }
}

/// What stands before a byte that the scan refuses is decoded before it is handed out or counted.
#[test]
fn a_fault_that_the_scan_finds_comes_after_what_was_right() {
    for_each_string(b"aB.1", 6, |wire| {
        for limit in [0, 1, 9] {
            for oversize in POLICIES {
                let config = Config::new(Swapped).max_payload(limit).oversize(oversize);
                same_under_all_cuts(&config, wire);
            }
        }
    });
    let items = run(&Config::new(Swapped), &[4], b"abC1", Mode::PushEvents);
    assert_eq!(items[1], Item::Data(b"ABc".to_vec()));
}

#[test]
fn slip_limits_under_which_no_packet_can_be_made_do_not_build() {
    for limits in
        [Limits { payload: 0, ..Limits::default() }, Limits { head: 0, ..Limits::default() }]
    {
        let error = Config::new(Slip).limits(limits).encoder().unwrap_err();
        assert_eq!(error, BuildError::LimitsTooSmall { head: 1, payload: 1 });
    }
    let sealed = Config::new(Checksum::crc32c_be(Slip)).max_payload(0).encoder().unwrap();
    assert!(sealed.encode(&[], &[]).is_ok(), "a checksum is not nothing");
}

/// An end in a frame of which nothing but the beginning was taken is no clean end.
#[test]
fn an_end_right_after_the_beginning_is_no_clean_end() {
    let mut decoder = Decoder::new(Cobs);
    assert!(matches!(decoder.next_event(&mut &[3][..]).unwrap(), Some(Event::Begin { .. })));
    let error = decoder.finish_event().unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Truncated { received: 0 });
}

#[test]
fn what_was_decoded_cannot_be_handed_over_raw() {
    let mut decoder = Decoder::new(Slip);
    assert!(decoder.next(&mut &b"\xC0ab"[..]).unwrap().is_none());
    assert!(decoder.take_tail().is_err());
    assert_eq!(&*decoder.next(&mut &b"\xC0"[..]).unwrap().unwrap().payload(), b"ab");
    assert!(decoder.take_tail().unwrap().is_empty());
}

/// Every byte of a payload stands twice on the wire, a dot ends it, a digit is refused by the scan.
#[derive(Clone)]
struct Doubled;

impl Framing for Doubled {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        match seen.iter().position(|byte| matches!(byte, b'.' | b'0'..=b'9')) {
            Some(at) if seen[at] == b'.' => Ok(Scan::Until { payload: 0..at, total: at + 1 }),
            Some(at) => Err(Malformed::after(0, at, at, "a digit")),
            None => Ok(Scan::Open { head: 0, safe: seen.len() }),
        }
    }

    fn transforms(&self) -> bool {
        true
    }

    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        let mut plain = 0;
        for at in 0..coded.len() {
            if *carry == 0 {
                coded[plain] = coded[at];
                plain += 1;
            }
            *carry ^= 1;
        }
        Ok(Decoded { read: coded.len(), plain: 0..plain })
    }

    fn enclose(&self, _prefix: &[u8], _parts: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { trailer: Trailer::Delimiter(b"."), ..Enclosure::default() })
    }
}

/// The limit counts what is handed out, also of the bytes before a fault.
#[test]
fn what_stands_before_a_fault_is_counted_as_it_is_decoded() {
    let config = Config::new(Doubled).max_payload(2);
    for (wire, kind, offset) in [
        (&b"aabb1"[..], DecodeErrorKind::Malformed(""), 4),
        (b"aabbcc1", DecodeErrorKind::TooLong { declared: None, limit: 2 }, 0),
    ] {
        same_under_all_cuts(&config, wire);
        for cut in 1..=wire.len() {
            let items = run(&config, &[cut, wire.len()], wire, Mode::PushFrames);
            assert_eq!(items, [Item::Error { kind, offset }], "cut at {cut}");
        }
    }
}
