//! Framings that break their contract get a fatal error: no panic, no endless loop, no memory.

use std::cell::Cell;
use std::ops::Range;

use framing::{
    Checksum, Config, DecodeErrorKind, Decoded, Decoder, Enclosure, EncodeError, Encoder, Framing,
    Length, Limits, Malformed, Oversize, Reassembler, Recovery, Resync, Scan,
};
use proptest::prelude::*;

/// Says what it was told to say, whatever it sees.
#[derive(Clone)]
struct Liar {
    lies: Vec<Result<Scan, Malformed>>,
    told: Cell<usize>,
    split: usize,
    decoded: Option<Decoded>,
    recovery: Option<Recovery>,
}

impl Liar {
    fn of(lies: Vec<Result<Scan, Malformed>>) -> Self {
        Self { lies, told: Cell::new(0), split: 0, decoded: None, recovery: None }
    }

    /// Lies of encoded payloads, and of what it decoded.
    fn coded(lies: Vec<Result<Scan, Malformed>>, read: usize, plain: Range<usize>) -> Self {
        Self { decoded: Some(Decoded { read, plain }), ..Self::of(lies) }
    }
}

impl Framing for Liar {
    fn scan(&self, seen: &[u8], from: usize, _eof: bool) -> Result<Scan, Malformed> {
        assert!(from <= seen.len());
        let told = self.told.replace(self.told.get() + 1);
        self.lies[told % self.lies.len()].clone()
    }

    fn transforms(&self) -> bool {
        self.decoded.is_some()
    }

    fn decode(&self, _carry: &mut u32, _coded: &mut [u8]) -> Result<Decoded, Malformed> {
        Ok(self.decoded.clone().unwrap())
    }

    fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure { split: self.split, ..Enclosure::default() })
    }
}

fn lies() -> impl Strategy<Value = Result<Scan, Malformed>> {
    let n = || prop_oneof![4 => 0_usize..6, 1 => Just(100), 1 => Just(usize::MAX)];
    prop_oneof![
        n().prop_map(|total| Ok(Scan::Need { total })),
        n().prop_map(|total| Ok(Scan::Gap { total })),
        (n(), n(), n(), any::<bool>()).prop_map(|(head, body, trailer, more)| {
            Ok(Scan::Body { head, body: body as u64, trailer, more })
        }),
        (n(), n()).prop_map(|(head, safe)| Ok(Scan::Open { head, safe })),
        (n(), n(), n())
            .prop_map(|(start, end, total)| { Ok(Scan::Until { payload: start..end, total }) }),
        (n(), n(), n()).prop_map(|(head, safe, at)| Err(Malformed::after(head, safe, at, "lie"))),
    ]
}

proptest! {
    #[test]
    fn no_lie_makes_a_decoder_panic_or_loop(
        lies in prop::collection::vec(lies(), 1..6),
        verbs in prop::collection::vec((0_u8..6, 0_usize..9), 1..60),
        policy in prop::sample::select(vec![
            Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream]),
        payload in prop::sample::select(vec![0, 3, usize::MAX / 4]),
        decoded in prop::option::weighted(0.2, (0_usize..4, 0_usize..4, 0_usize..4)),
        recovery in prop::option::weighted(0.2, any::<bool>()),
    ) {
        let limits = Limits { payload, head: 50, trailer: 50, parts: 3 };
        let decoded = decoded.map(|(read, from, to)| Decoded { read, plain: from..to });
        let recovery = recovery.map(|at_delimiter| if at_delimiter {
            Recovery::AtDelimiter { most: 20 }
        } else {
            Recovery::ByteByByte { most: 20 }
        });
        let policy = if recovery.is_some() { Oversize::Error } else { policy };
        let liar = Liar { decoded, recovery, ..Liar::of(lies) };
        let config = Config::new(liar).limits(limits).oversize(policy).capacity(4);
        let mut push = config.decoder().unwrap();
        let mut owned = config.reassembler().unwrap();
        let (mut received, mut chunk) = (0, &[][..]);
        for (verb, n) in verbs {
            match verb {
                0 | 1 => {
                    chunk = &b"12345678"[..n];
                    let space = owned.space();
                    let n = n.min(space.len());
                    space[..n].fill(b'x');
                    owned.filled(n);
                    received += chunk.len();
                }
                2 => drop((push.next(&mut chunk).map(drop), owned.next().map(drop))),
                3 => drop((push.next_event(&mut chunk).map(drop), owned.next_event().map(drop))),
                4 => drop((push.finish_event().map(drop), owned.finish().map(drop))),
                _ => drop((push.accept(), owned.accept())),
            }
            prop_assert!(push.stats().capacity <= 2 * received + 64);
            prop_assert!(owned.capacity() <= 2 * received + 64);
        }
    }
}

fn broken(lies: Vec<Result<Scan, Malformed>>, wire: &[u8]) {
    found_out(Liar::of(lies), wire);
}

fn found_out(liar: Liar, wire: &[u8]) {
    let mut decoder = Decoder::new(liar);
    let mut chunks = [wire, wire].into_iter();
    let error = chunks.find_map(|mut chunk| decoder.next(&mut chunk).err());
    let error = error.expect("a framing that lies is found out");
    assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{error}");
    assert!(error.is_fatal());
}

#[test]
fn each_lie_is_named() {
    let need = || Ok(Scan::Need { total: 3 });
    broken(vec![need()], b"abcd");
    broken(vec![Ok(Scan::Body { head: 0, body: 0, trailer: 0, more: false })], b"abcd");
    broken(vec![Ok(Scan::Open { head: 3, safe: 2 })], b"abcd");
    broken(vec![Ok(Scan::Open { head: 0, safe: 5 })], b"abcd");
    broken(vec![Ok(Scan::Until { payload: 0..0, total: 0 })], b"abcd");
    #[expect(clippy::reversed_empty_ranges, reason = "it is the lie")]
    broken(vec![Ok(Scan::Until { payload: 3..2, total: 4 })], b"abcd");
    broken(vec![Ok(Scan::Until { payload: 0..3, total: 5 })], b"abcd");
    broken(vec![Err(Malformed::after(0, 5, 0, "lie"))], b"abcd");
    broken(vec![Err(Malformed::at(5, "lie"))], b"abcd");
    broken(vec![Ok(Scan::Need { total: 4 })], b"abcd");
    let open = Ok(Scan::Open { head: 0, safe: 4 });
    broken(vec![need(), open.clone(), Ok(Scan::Open { head: 1, safe: 1 })], b"abcd");
    broken(vec![need(), open.clone(), need()], b"abcd");
    broken(vec![need(), open.clone(), Ok(Scan::Open { head: 0, safe: 9 })], b"abcd");
    broken(vec![need(), open.clone(), Ok(Scan::Until { payload: 1..3, total: 4 })], b"abcd");
    broken(vec![need(), open.clone(), Ok(Scan::Until { payload: 0..3, total: 2 })], b"abcd");
    broken(vec![need(), open, Ok(Scan::Until { payload: 0..3, total: 9 })], b"abcd");
}

#[test]
fn each_lie_about_fill_and_parts_is_named() {
    let part = || Ok(Scan::Body { head: 1, body: 1, trailer: 0, more: true });
    let need = || Ok(Scan::Need { total: 3 });
    broken(vec![Ok(Scan::Gap { total: 0 })], b"abcd");
    broken(vec![Ok(Scan::Gap { total: 5 })], b"abcd");
    broken(vec![need(), part(), Ok(Scan::Gap { total: 1 })], b"abcd");
    broken(vec![need(), part(), Ok(Scan::Open { head: 0, safe: 1 })], b"abcd");
    broken(vec![need(), part(), Ok(Scan::Until { payload: 0..1, total: 1 })], b"abcd");
}

#[test]
fn each_lie_about_encoded_payloads_is_named() {
    let need = || Ok(Scan::Need { total: 3 });
    let lies = vec![need(), Ok(Scan::Body { head: 1, body: 1, trailer: 0, more: false })];
    found_out(Liar::coded(lies, 1, 0..1), b"abcd");
    let lies = vec![need(), Ok(Scan::Open { head: 1, safe: 2 })];
    found_out(Liar::coded(lies, 1, 0..1), b"abcd");
    let open = || vec![need(), Ok(Scan::Open { head: 0, safe: 4 })];
    found_out(Liar::coded(open(), 0, 0..0), b"abcd");
    found_out(Liar::coded(open(), 5, 0..4), b"abcd");
    found_out(Liar::coded(open(), 2, 0..3), b"abcd");
    #[expect(clippy::reversed_empty_ranges, reason = "it is the lie")]
    found_out(Liar::coded(open(), 4, 3..2), b"abcd");
}

#[test]
fn each_lie_on_a_link_that_loses_bytes_is_named() {
    let need = || Ok(Scan::Need { total: 3 });
    let byte_by_byte = |lie| Liar {
        recovery: Some(Recovery::ByteByByte { most: 9 }),
        ..Liar::of(vec![need(), lie])
    };
    found_out(byte_by_byte(Ok(Scan::Gap { total: 0 })), b"abcd");
    found_out(byte_by_byte(Ok(Scan::Gap { total: 5 })), b"abcd");
    found_out(byte_by_byte(Ok(Scan::Need { total: 4 })), b"abcd");
    found_out(byte_by_byte(Ok(Scan::Open { head: 0, safe: 4 })), b"abcd");
    found_out(byte_by_byte(Ok(Scan::Until { payload: 0..3, total: 4 })), b"abcd");
    let fault = Err(Malformed::at(0, "fault"));
    let recovery = Some(Recovery::AtDelimiter { most: 9 });
    found_out(Liar { recovery, ..Liar::of(vec![need(), fault, need()]) }, b"abcd");
}

#[test]
fn a_lie_is_named_at_once_and_for_what_it_is() {
    let need = || Ok(Scan::Need { total: 3 });
    let part = || Ok(Scan::Body { head: 1, body: 1, trailer: 0, more: true });
    let open = |head| Ok(Scan::Open { head, safe: 4 });
    let byte_by_byte = |lie| Liar {
        recovery: Some(Recovery::ByteByByte { most: 9 }),
        ..Liar::of(vec![need(), lie])
    };
    let decoded = "what it decoded is not within the bytes it was given";
    let lost = "only frames of known lengths can be found again";
    #[expect(clippy::reversed_empty_ranges, reason = "it is the lie")]
    for (liar, words) in [
        (
            Liar::of(vec![need(), part(), Ok(Scan::Open { head: 0, safe: 1 })]),
            "a later part must declare its length",
        ),
        (Liar::coded(vec![need(), open(1)], 1, 0..1), "an encoded payload has a head"),
        (Liar::coded(vec![need(), open(0)], 4, 3..2), decoded),
        (Liar::coded(vec![need(), open(0)], 2, 0..3), decoded),
        (Liar::coded(vec![need(), open(0)], 0, 0..0), decoded),
        (Liar::coded(vec![need(), open(0)], 5, 0..4), decoded),
        (byte_by_byte(Ok(Scan::Gap { total: 5 })), lost),
        (byte_by_byte(Ok(Scan::Need { total: 4 })), lost),
        (byte_by_byte(Ok(Scan::Until { payload: 0..3, total: 4 })), lost),
    ] {
        let error = Decoder::new(liar).next(&mut &b"abcd"[..]).map(drop).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::BrokenFraming(words));
    }
    let empty = Liar::of(vec![Ok(Scan::Body { head: 0, body: 0, trailer: 0, more: false })]);
    let empty = Liar { recovery: Some(Recovery::ByteByByte { most: 9 }), ..empty };
    let passed_over = Decoder::new(empty).next(&mut &b"abcd"[..]).map(drop);
    assert_eq!(passed_over, Ok(()), "there is no such frame to be found");
}

/// Where no byte is there, none is at fault: it must not be looked for again and again.
#[test]
fn a_lie_about_no_bytes_while_a_frame_is_lost_is_no_endless_loop() {
    let fault = || Err(Malformed::at(0, "fault"));
    for lie in
        [fault(), Ok(Scan::Open { head: 0, safe: 9 }), Ok(Scan::Until { payload: 0..0, total: 0 })]
    {
        let recovery = Some(Recovery::AtDelimiter { most: 99 });
        let liar = Liar { recovery, ..Liar::of(vec![fault(), fault(), lie]) };
        let (mut decoder, mut owned) = (Decoder::new(liar.clone()), Reassembler::new(liar));
        for _ in 0..9 {
            assert!(!matches!(decoder.next(&mut &b"ab"[..]), Ok(Some(_))), "no frame is right");
            let space = owned.space();
            space[..2].copy_from_slice(b"ab");
            owned.filled(2);
            assert!(!matches!(owned.next(), Ok(Some(_))));
        }
    }
}

/// Recovers a few times, then no more.
struct Fickle(Cell<u32>);

impl Framing for Fickle {
    fn scan(&self, _seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Err(Malformed::at(0, "fault"))
    }

    fn recovery(&self) -> Option<Recovery> {
        let left = self.0.replace(self.0.get().saturating_sub(1));
        (left > 0).then_some(Recovery::AtDelimiter { most: 9 })
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn a_recovery_that_is_no_more_while_a_frame_is_lost_is_named() {
    let ends: Vec<_> = (0..9)
        .map(|left| Decoder::new(Fickle(Cell::new(left))).next(&mut &b"ab"[..]).map(drop))
        .map(|end| end.err().map(|error| error.kind()))
        .collect();
    let changed = DecodeErrorKind::BrokenFraming("its recovery changes in mid-frame");
    assert!(ends.contains(&Some(changed)), "{ends:?}");
    assert_eq!(ends[0], Some(DecodeErrorKind::Malformed("fault")));
    assert_eq!(ends[8], None, "both bytes were passed over");
}

#[test]
fn what_is_held_back_is_bounded() {
    let limits = Limits { head: 10, payload: 10, trailer: 10, parts: 1 };
    let hold = Liar::of(vec![Ok(Scan::Open { head: 0, safe: 0 })]);
    let mut decoder = Config::new(hold).limits(limits).decoder().unwrap();
    let chunk = [7; 100];
    let failed = (0..1000).find_map(|_| decoder.next(&mut &chunk[..]).err());
    let kind = failed.expect("it ends").kind();
    assert!(matches!(kind, DecodeErrorKind::BrokenFraming(_)));
    assert!(decoder.stats().capacity < 20_000);
}

#[test]
fn a_head_past_the_limit_is_an_error_whatever_follows_it() {
    for scan in [
        Scan::Body { head: 3, body: 1, trailer: 0, more: false },
        Scan::Open { head: 3, safe: 4 },
        Scan::Until { payload: 3..4, total: 4 },
    ] {
        for (limit, refused) in [(3, false), (2, true)] {
            let limits = Limits { head: limit, ..Limits::default() };
            let config = Config::new(Liar::of(vec![Ok(scan.clone())])).limits(limits);
            let given = config.decoder().unwrap().next(&mut &b"abcd"[..]).map(drop);
            let kind = given.err().map(|error| error.kind());
            assert_eq!(kind, refused.then_some(DecodeErrorKind::HeadTooLong { limit }), "{scan:?}");
        }
    }
}

#[test]
fn a_fault_that_takes_too_many_bytes_to_find_is_a_long_head_only_before_any_payload() {
    let limits = Limits { head: 10, ..Limits::default() };
    let error = |lies: Vec<Result<Scan, Malformed>>| {
        let mut decoder = Config::new(Liar::of(lies)).limits(limits).decoder().unwrap();
        decoder.next(&mut &b"abcdefghijkl"[..]).map(drop).unwrap_err().kind()
    };
    let need = || Ok(Scan::Need { total: 1 });
    let too_long = DecodeErrorKind::HeadTooLong { limit: 10 };
    let malformed = DecodeErrorKind::Malformed("it");
    let at_once = || Malformed::at(0, "it");
    assert_eq!(error(vec![need(), Err(at_once().needing(11))]), too_long);
    assert_eq!(error(vec![need(), Err(at_once().needing(10))]), malformed);
    assert_eq!(error(vec![need(), Err(Malformed::after(0, 4, 4, "it").needing(11))]), malformed);
    assert_eq!(error(vec![Err(at_once().needing(11))]), malformed, "it has no head");
    let behind = |head| error(vec![Err(Malformed::after(head, head, head, "it"))]);
    assert_eq!((behind(10), behind(11)), (malformed, too_long));
}

#[test]
fn the_bound_of_what_is_held_back_is_what_a_frame_may_have() {
    let limits = Limits { head: 1, payload: 1, trailer: 1, parts: 1 };
    let config = Config::new(Liar::of(vec![Ok(Scan::Open { head: 0, safe: 0 })])).limits(limits);
    let most = 3 + (4 << 10);
    let given = |length| config.decoder().unwrap().next(&mut &vec![0; length][..]).map(drop);
    assert_eq!(given(most), Ok(()));
    let error = given(most + 1).unwrap_err();
    assert!(matches!(error.kind(), DecodeErrorKind::BrokenFraming(_)), "{error}");
}

#[test]
fn an_enclosure_that_splits_behind_the_prefix_is_an_error() {
    let encoder = Encoder::new(Liar { split: 2, ..Liar::of(vec![]) });
    let error = encoder.append(b"p", &[b"x"], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, EncodeError::BrokenFraming(_)));
}

/// The first frame has a head of one byte, all later ones of two; frames are counted.
#[derive(Clone, Default)]
struct FirstDiffers {
    heads: Vec<Vec<u8>>,
}

impl Framing for FirstDiffers {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let head = if self.heads.is_empty() { 1 } else { 2 };
        let Some(length) = seen.get(head - 1) else { return Ok(Scan::Need { total: head }) };
        Ok(Scan::Body { head, body: u64::from(*length), trailer: 0, more: false })
    }

    fn framed(&mut self, head: &[u8]) {
        self.heads.push(head.to_vec());
    }

    fn reset(&mut self) {
        self.heads.clear();
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn a_framing_learns_from_each_head_once_and_forgets_at_reset() {
    let wire = b"\x01aT\x02bcT\0T\x01d";
    crate::check::same_under_all_cuts(&Config::new(FirstDiffers::default()), wire);
    let mut decoder = Decoder::new(FirstDiffers::default());
    let mut owned = Reassembler::new(FirstDiffers::default());
    for _ in 0..2 {
        let mut input = &wire[..];
        let mut payloads = Vec::new();
        while let Some(frame) = decoder.next(&mut input).unwrap() {
            payloads.push(frame.payload().to_vec());
        }
        assert_eq!(payloads, [&b"a"[..], b"bc", b"", b"d"]);
        decoder.reset();
        owned.space()[..wire.len()].copy_from_slice(wire);
        owned.filled(wire.len());
        assert_eq!(std::iter::from_fn(|| owned.next().unwrap().map(drop)).count(), 4);
        owned.reset();
    }
}

#[test]
fn what_goes_around_a_framing_lets_it_learn_and_forget() {
    fn twice<F: Framing>(mut decoder: Decoder<F>, wire: &[u8]) {
        for _ in 0..2 {
            let (mut input, mut payloads) = (wire, Vec::new());
            while let Some(frame) = decoder.next(&mut input).unwrap() {
                payloads.push(frame.payload().to_vec());
            }
            assert_eq!(payloads, [b"a", b"b"]);
            decoder.reset();
        }
    }
    let searched = Resync::at_magic("#!", FirstDiffers::default(), 100).unwrap();
    twice(Decoder::new(searched), b"#!\x01a#!T\x01b");
    // CRC-32C of `a` and of `b`.
    let sealed = Checksum::crc32c_be(FirstDiffers::default());
    twice(Decoder::new(sealed), b"\x05a\xC1\xD0\x43\x30T\x05b\xD2\x80\xB0\xC4");
}

#[test]
fn the_fixed_fields_of_a_framing_are_seen_whatever_the_limit_of_the_head() {
    let framing = framing::LengthBuilder::u32_be().strip(0).build().unwrap();
    let config = Config::new(framing).limits(Limits { head: 3, ..Limits::default() });
    crate::check::same_under_all_cuts(&config, b"\0\0\0\x01a\0\0\0\0");
    let signed = framing::LengthBuilder::u32_be().strip(0).signed().build().unwrap();
    let config = Config::new(signed).limits(Limits { head: 3, ..Limits::default() });
    crate::check::same_under_all_cuts(&config, b"\xFF\xFF\xFF\xFF");
    let limits = Limits { head: 3, ..Limits::default() };
    assert!(Config::new(Length::u32_be()).limits(limits).decoder().is_err(), "no frame fits");
}
