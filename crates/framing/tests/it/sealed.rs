//! Payloads with a checksum behind them, around every framing.

use framing::{
    AcceptError, BuildError, Checksum, Chunked, Cobs, Config, ContentLength, DecodeErrorKind,
    Decoder, Delimited, Enclosure, EncodeError, Encoder, Envelope, Event, Fixed, Framing, Inline,
    Length, LengthBuilder, Limits, Lines, Malformed, Netstring, Oversize, Resync, Scan, Seal, Slip,
    Varint,
};

use crate::check::{Item, Mode, check, effort, run, same_under, same_under_all_cuts};
use crate::parts::{LAST, Record, fragment};

/// A bit at a time, as the polynomial is defined.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 > 0 { 0x82F6_3B78 } else { 0 }
        })
    })
}

pub(crate) fn sealed(payload: &[u8]) -> Vec<u8> {
    [payload, &crc32c(payload).to_be_bytes()].concat()
}

#[test]
fn the_vectors_of_rfc_3720() {
    // Appendix B.4: the checksums there are written as they stand on the wire, lowest byte first.
    let vectors: [(Vec<u8>, [u8; 4]); 4] = [
        (vec![0; 32], [0xAA, 0x36, 0x91, 0x8A]),
        (vec![0xFF; 32], [0x43, 0xAB, 0xA8, 0x62]),
        ((0..32).collect(), [0x4E, 0x79, 0xDD, 0x46]),
        ((0..32).rev().collect(), [0x5C, 0xDB, 0x3F, 0x11]),
    ];
    for (payload, expected) in vectors {
        let mut wire = Vec::new();
        let encoder = Encoder::new(Checksum::crc32c_le(Length::u8()));
        encoder.append(&[], &[&payload], &mut wire).unwrap();
        assert_eq!(wire, [&[36], &payload[..], &expected].concat());
        assert_eq!(crc32c(&payload).to_le_bytes(), expected);
    }
}

/// One frame of every kind, then a second: as they are, with any one byte changed, and cut short at
/// any place. No change is taken for a frame that was sent, no two cuts disagree, and the encoder's
/// wire comes back.
fn every_way<F: Framing + Clone>(framing: F, prefix: &[u8], payloads: [&[u8]; 2]) {
    let config = Config::new(Checksum::crc32c_be(framing.clone()));
    let encoder = config.encoder().unwrap();
    let mut wire = Vec::new();
    for payload in payloads {
        encoder.append(prefix, &[payload], &mut wire).unwrap();
        let (first, second) = payload.split_at(payload.len() / 2);
        let parts = [first, b"", second];
        let frame = encoder.encode(prefix, &parts).unwrap();
        assert!(wire.ends_with(&frame.slices().collect::<Vec<_>>().concat()));
    }
    // On the wire it is the inner framing's frame around payload and checksum.
    let inner: Vec<Vec<u8>> = frames(&Config::new(framing), &wire);
    assert_eq!(inner, payloads.map(sealed));
    assert_eq!(frames(&config, &wire), payloads);
    for limit in [0, 1, payloads[0].len().saturating_sub(1), payloads[0].len()] {
        for oversize in [Oversize::Error, Oversize::Skip, Oversize::Stream] {
            let config = config.clone().max_payload(limit).oversize(oversize);
            if config.decoder().is_ok() {
                same_under_all_cuts(&config, &wire);
            }
        }
    }
    let step = if cfg!(miri) { 9 } else { 1 };
    for at in (0..wire.len()).step_by(step) {
        let mut wire = wire.clone();
        wire[at] ^= 1 << (at % 8);
        cuts_of_a_few(&config, &wire);
        let run = run(&config, &[wire.len()], &wire, Mode::PushFrames);
        for (item, sent) in run.iter().zip(payloads) {
            if let Item::Frame { payload, .. } = item {
                assert!(payloads.contains(&&payload[..]), "{payload:?} for {sent:?}: {wire:?}");
            }
        }
    }
    for end in (0..wire.len()).step_by(step) {
        cuts_of_a_few(&config, &wire[..end]);
    }
}

/// Whole, byte by byte, and all 1-cuts, under every policy that there is.
fn cuts_of_a_few<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) {
    for (oversize, limit) in
        [(Oversize::Error, 100), (Oversize::Error, 2), (Oversize::Skip, 2), (Oversize::Stream, 2)]
    {
        let config = config.clone().oversize(oversize).max_payload(limit);
        if config.decoder().is_err() {
            continue;
        }
        for cut in (1..=wire.len()).step_by(effort(4, 1, 1)) {
            same_under(&config, wire, &[cut]);
        }
    }
}

fn frames<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> Vec<Vec<u8>> {
    let run = run(config, &[wire.len()], wire, Mode::OwnedFrames);
    let payload = |item| match item {
        Item::Frame { payload, .. } => payload,
        other => panic!("{other:?} in {wire:?}"),
    };
    run.into_iter().map(payload).collect()
}

#[test]
fn a_checksum_around_every_framing() {
    every_way(Length::u16_be(), b"", [b"dat", b""]);
    every_way(LengthBuilder::u8().offset(1).build().unwrap(), b"x", [b"", b"data"]);
    every_way(LengthBuilder::u8().includes_head().build().unwrap(), b"", [b"d", b"at"]);
    every_way(Varint::canonical(), b"", [b"dat", b""]);
    every_way(Netstring, b"", [b"dat", b"x"]);
    every_way(Envelope, b"hd", [b"d", b""]);
    every_way(ContentLength::lsp(), b"", [b"d", b""]);
    every_way(Chunked, b"", [b"dat", b""]);
    every_way(Record, b"", [b"dat", b""]);
    every_way(Cobs, b"", [b"d\0t", b""]);
    every_way(Slip, b"", [b"d\xC0\xDB", b""]);
    every_way(Fixed::new(7).unwrap(), b"", [b"dat", b"tad"]);
    every_way(Lines::lf(), b"", [b"dat", b""]);
    every_way(Delimited::new([";;"]).unwrap(), b"", [b"dat", b";"]);
}

/// The checksum of joined parts stands at the end of the last one, or runs over from the one before.
#[test]
fn the_checksum_of_joined_parts_may_lie_in_several() {
    let payload = sealed(b"hello");
    let config = Config::new(Checksum::crc32c_be(Record));
    for first in 0..=payload.len() {
        for second in first..=payload.len() {
            let wire = [
                fragment(0, &payload[..first]),
                fragment(0, &payload[first..second]),
                fragment(LAST, &payload[second..]),
            ]
            .concat();
            let head = wire[..4].to_vec();
            let frame = Item::Frame {
                head,
                payload: b"hello".to_vec(),
                trailer: vec![],
                offset: 0,
                discarded: 0,
            };
            check(&config, &wire, &[frame]);
            for oversize in [Oversize::Error, Oversize::Skip, Oversize::Stream] {
                let config = config.clone().max_payload(3).oversize(oversize);
                same_under_all_cuts(&config, &wire);
            }
        }
    }
}

#[test]
fn what_has_no_checksum_or_a_wrong_one_is_refused() {
    let config = Config::new(Checksum::crc32c_be(Length::u8()));
    let error = |kind, offset| Item::Error { kind, offset };
    for short in [&b"\x00"[..], b"\x03abc"] {
        check(&config, short, &[error(DecodeErrorKind::Checksum, 0)]);
    }
    let good = [&[5][..], &sealed(b"a")].concat();
    let bad = [&good[..], &[5], &sealed(b"a")[..4], &[0]].concat();
    let frame = |offset| Item::Frame {
        head: vec![5],
        payload: b"a".to_vec(),
        trailer: vec![],
        offset,
        discarded: 0,
    };
    check(&config, &bad, &[frame(0), error(DecodeErrorKind::Checksum, 6)]);
    // What the limit says is what is handed out.
    let one = config.clone().max_payload(1);
    check(&one, &good, &[frame(0)]);
    let too_long = DecodeErrorKind::TooLong { declared: Some(1), limit: 0 };
    check(&config.clone().max_payload(0), &good, &[error(too_long, 0)]);
    let skipped = Item::Skipped { offset: 0, declared: Some(1), discarded: 1 };
    check(&config.clone().max_payload(0).oversize(Oversize::Skip), &good, &[skipped]);
    let truncated = config.oversize(Oversize::Truncate).decoder().unwrap_err();
    assert_eq!(truncated, BuildError::TruncatedChecksum);
}

#[test]
fn a_checksum_that_no_payload_can_have_does_not_build() {
    let too_short = Checksum::crc32c_be(Fixed::new(3).unwrap());
    assert_eq!(Config::new(too_short).encoder().unwrap_err(), BuildError::NoPayload);
    let twice = Checksum::crc32c_be(Checksum::crc32c_be(Length::u8()));
    assert_eq!(Config::new(twice).decoder().unwrap_err(), BuildError::TwoChecksums);
    let huge = Limits { payload: usize::MAX / 4, ..Limits::default() };
    assert!(Config::new(Checksum::crc32c_be(Length::u8())).limits(huge).decoder().is_ok());
    let encoder = Encoder::new(Checksum::crc32c_be(Length::u8()));
    assert!(encoder.encode(&[], &[&[0; 251]]).is_ok());
    let error = encoder.encode(&[], &[&[0; 252]]).unwrap_err();
    let range = EncodeError::LengthOverflow { length: 252, min: 0, max: 251 };
    assert_eq!(error, range, "without the checksum");
    let prefixed = LengthBuilder::u8().offset(2).adjust(-253).build().unwrap();
    assert_eq!(
        Config::new(Checksum::crc32c_be(prefixed)).decoder().unwrap_err(),
        BuildError::NoPayload
    );
}

/// Bytes that may be the checksum were kept, and count.
#[test]
fn a_frame_past_the_limit_cannot_be_accepted_because_some_of_it_is_kept() {
    let config = Config::new(Checksum::crc32c_be(Length::u8())).oversize(Oversize::Stream);
    let wire = [&[10][..], &sealed(b"abcdef")].concat();
    for first in 1..=5 {
        let mut decoder = config.clone().max_payload(2).decoder().unwrap();
        let mut chunk = &wire[..first];
        assert!(matches!(decoder.next_event(&mut chunk).unwrap(), Some(Event::Begin { .. })));
        assert!(decoder.next_event(&mut chunk).unwrap().is_none());
        assert!(matches!(decoder.accept(), Err(AcceptError::TooLong { limit: 2 })), "{first}");
    }
}

/// Checksums of other lengths than it said.
#[derive(Clone)]
struct Moody;

impl Framing for Moody {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        Length::u8().scan(seen, from, eof)
    }

    fn digest(&self, sum: u64, piece: &[u8]) -> u64 {
        sum + piece.len() as u64
    }

    fn seal(&self, sum: u64) -> Seal {
        if sum.is_multiple_of(2) { Seal::new(&[1]) } else { Seal::new(&[1, 2]) }
    }

    fn enclose(&self, _prefix: &[u8], parts: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let head = Inline::new(&[u8::try_from(length).unwrap()]);
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

#[test]
fn a_checksum_that_changes_its_length_is_not_the_peers_fault() {
    let encoder = Encoder::new(Moody);
    assert!(encoder.encode(&[], &[b"ab"]).is_ok());
    assert!(matches!(encoder.encode(&[], &[b"a"]), Err(EncodeError::BrokenFraming(_))));
    let error = Decoder::new(Moody).next(&mut &b"\x02a\x01"[..]).unwrap_err();
    assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{error}");
}

/// Promise 2 with a checksum: the payload is still lent from the chunk, in frames and in events.
#[test]
fn payloads_with_a_checksum_are_lent() {
    let config = Config::new(Checksum::crc32c_be(Length::u16_be()));
    let mut wire = Vec::new();
    let payload = vec![7; 1000];
    config.encoder().unwrap().append(&[], &[&payload], &mut wire).unwrap();
    let mut decoder = config.decoder().unwrap();
    let frame = decoder.next(&mut &wire[..]).unwrap().unwrap();
    assert_eq!(frame.payload().direct(), Some(&payload[..]));
    assert_eq!(decoder.stats().copied_bytes, 0);
    let (front, mut back) = wire.split_at(1);
    assert!(decoder.next(&mut &front[..]).unwrap().is_none());
    assert!(decoder.next(&mut back).unwrap().unwrap().payload().direct().is_some());
    assert_eq!(decoder.stats().copied_bytes, 2, "the head alone");
    decoder.reset();
    for mut chunk in wire.chunks(100) {
        while let Some(event) = decoder.next_event(&mut chunk).unwrap() {
            assert!(!matches!(event, Event::Skipped { .. }));
        }
    }
    assert!(decoder.stats().copied_bytes < 150, "a checksum's worth for each chunk at most");
}

#[test]
fn whole_frames_after_events_and_events_after_whole_frames() {
    let mut decoder = Decoder::new(Checksum::crc32c_be(Length::u8()));
    let wire = [&[12][..], &sealed(b"abcdefgh")].concat();
    for cut in 1..wire.len() {
        decoder.reset();
        let (front, mut back) = wire.split_at(cut);
        assert!(decoder.next(&mut &front[..]).unwrap().is_none());
        let mut got = Vec::new();
        while let Some(event) = decoder.next_event(&mut back).unwrap() {
            match event {
                Event::Begin { body, .. } => assert_eq!(body, Some(8)),
                Event::Chunk(bytes) => got.extend_from_slice(&bytes),
                Event::End { .. } => break,
                Event::Skipped { .. } => panic!(),
            }
        }
        assert_eq!(got, b"abcdefgh", "cut at {cut}");

        decoder.reset();
        let (mut front, mut back) = wire.split_at(cut);
        assert!(matches!(decoder.next_event(&mut front).unwrap(), Some(Event::Begin { .. })));
        decoder.accept().unwrap();
        assert!(decoder.next(&mut front).unwrap().is_none());
        assert_eq!(&*decoder.next(&mut back).unwrap().unwrap().payload(), b"abcdefgh");
    }
}

/// Streamed, the delimiter has passed before the checksum is found wrong.
#[test]
fn a_delimiter_that_is_kept_ends_a_frame_that_is_lost() {
    let sealed = Checksum::crc32c_be(Delimited::new(["\0"]).unwrap().keep());
    let config = Config::new(Resync::at_delimiter(sealed, 40).unwrap());
    let mut wire = b"lost\0".to_vec();
    // The last byte of the frame is its checksum's last, and has to be the delimiter.
    let fits =
        |n: &u32| config.encoder().unwrap().append(&[], &[&n.to_be_bytes()], &mut wire).is_ok();
    let payload = (0x0101_0101..=u32::MAX).find(fits).unwrap().to_be_bytes();
    let frame = |mode| run(&config, &[wire.len()], &wire, mode);
    let lost = Item::Resynced { offset: 0, discarded: 5 };
    assert_eq!(frame(Mode::PushFrames)[0], lost);
    assert!(matches!(&frame(Mode::PushFrames)[1], Item::Frame { payload: p, .. } if *p == payload));
    assert!(frame(Mode::PushEvents).contains(&Item::Data(payload.to_vec())));
    same_under_all_cuts(&config, &wire);
}

/// Streamed up to the limit, some of the delimiter has passed before the frame is found too long.
#[test]
fn a_delimiter_that_is_kept_ends_a_frame_past_the_limit_that_is_lost() {
    let sealed = Checksum::crc32c_be(Delimited::new(["\0\0\0\0"]).unwrap().keep());
    let config = Config::new(Resync::at_delimiter(sealed, 40).unwrap()).max_payload(1);
    // The checksum of no bytes is the delimiter.
    let wire = b"xyz\0\0\0\0\0\0\0\0";
    for mode in [Mode::PushFrames, Mode::PushEvents] {
        let items = run(&config, &[wire.len()], wire, mode);
        assert!(items.contains(&Item::Resynced { offset: 0, discarded: 7 }), "{items:?}");
    }
    same_under_all_cuts(&config, wire);
}

/// Accepted, it turns out to be too long with all of it still there.
#[test]
fn a_delimiter_that_is_kept_ends_a_frame_that_was_accepted_and_is_lost() {
    let sealed = Checksum::crc32c_be(Delimited::new(["\0"]).unwrap().keep());
    let config = Config::new(Resync::at_delimiter(sealed, 40).unwrap()).max_payload(0);
    let mut decoder = config.decoder().unwrap();
    let mut chunk: &[u8] = b"abcdefg\0";
    let begun = decoder.next_event(&mut chunk).unwrap();
    assert!(matches!(begun, Some(Event::Begin { offset: 0, .. })), "{begun:?}");
    decoder.accept().unwrap();
    let lost = decoder.next(&mut chunk).unwrap_err();
    assert_eq!((lost.kind(), lost.offset()), (DecodeErrorKind::Resynced { discarded: 8 }, 0));
    assert!(decoder.next(&mut chunk).unwrap().is_none());
    assert!(decoder.finish().unwrap().is_none());
}
