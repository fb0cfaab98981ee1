//! Generated configurations, payloads and cuts.

use byteorder::ByteOrder;
use framing::{
    BigEndian, Config, Encoder, Envelope, Framing, Length, LengthBuilder, Limits, Lines,
    LittleEndian, NativeEndian, Oversize,
};
use proptest::prelude::*;

use crate::check::{Item, Mode, run, same_under};

/// Payloads that hold what framings are made of.
fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![Just(b'\r'), Just(b'\n'), Just(0_u8), Just(0xFF), any::<u8>()];
    prop::collection::vec(prop::collection::vec(byte, 0..60), 0..12)
}

/// Ends of chunks, as fractions of the stream.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0, 0..40)
}

pub(crate) fn ends(cuts: &[f64], length: usize) -> Vec<usize> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let mut ends: Vec<usize> = cuts.iter().map(|cut| (cut * length as f64) as usize).collect();
    ends.push(length);
    ends.retain(|&end| end > 0);
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// What the encoder accepts, the decoder gives back, whatever the cuts; what it refuses leaves the
/// stream as it was.
fn round_trip<F: Framing + Clone>(
    config: &Config<F>,
    prefix: &[u8],
    payloads: &[Vec<u8>],
    cuts: &[f64],
) -> Result<usize, TestCaseError> {
    let encoder = config.encoder().unwrap();
    let mut wire = Vec::new();
    let mut sent = Vec::new();
    for payload in payloads {
        let before = wire.len();
        let (front, back) = payload.split_at(payload.len() / 2);
        match encoder.append(prefix, &[front, back], &mut wire) {
            Ok(()) => sent.push(payload.clone()),
            Err(_) => prop_assert_eq!(wire.len(), before),
        }
    }
    let ends = ends(cuts, wire.len());
    let frames = run(config, &ends, &wire, Mode::PushFrames);
    let got: Vec<Vec<u8>> = frames
        .iter()
        .map(|item| match item {
            Item::Frame { payload, discarded: 0, .. } => payload.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    prop_assert_eq!(&got, &sent);
    let mut in_pieces = Vec::new();
    for item in run(config, &ends, &wire, Mode::OwnedEvents) {
        match item {
            Item::Begin { .. } => in_pieces.push(Vec::new()),
            Item::Data(data) => in_pieces.last_mut().unwrap().extend(data),
            Item::End { discarded: 0, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    prop_assert_eq!(&in_pieces, &sent);
    Ok(sent.len())
}

#[derive(Debug, Clone)]
struct Parameters {
    offset: usize,
    adjust: i64,
    strip: Option<usize>,
    whole: bool,
    signed: bool,
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let strip = prop_oneof![Just(None), (0_usize..16).prop_map(Some)];
    (0_usize..5, -20_i64..20, strip, any::<bool>(), any::<bool>()).prop_map(
        |(offset, adjust, strip, whole, signed)| Parameters {
            offset,
            adjust,
            strip,
            whole,
            signed,
        },
    )
}

impl Parameters {
    fn build<E: ByteOrder, const W: usize>(&self) -> Option<Length<E, W>> {
        let mut builder = LengthBuilder::new().offset(self.offset).adjust(self.adjust);
        if let Some(strip) = self.strip {
            builder = builder.strip(strip);
        }
        if self.whole {
            builder = builder.includes_head();
        }
        if self.signed {
            builder = builder.signed();
        }
        builder.build().ok()
    }

    fn check<E: ByteOrder + Clone, const W: usize>(
        &self,
        payloads: &[Vec<u8>],
        cuts: &[f64],
    ) -> Result<(), TestCaseError> {
        let Some(framing) = self.build::<E, W>() else { return Ok(()) };
        let config = Config::new(framing);
        let strip = self.strip.unwrap_or(self.offset + W);
        if strip > self.offset {
            let prefix: Vec<u8> = (0..strip - W).map(|n| u8::try_from(n).unwrap()).collect();
            round_trip(&config, &prefix, payloads, cuts)?;
        } else {
            // Such payloads hold the field: most are refused, so one is made that is not.
            let mut own = payloads.concat();
            let field = self.offset - strip;
            let after = own.len().saturating_sub(field + W) as i64 - self.adjust;
            let value = after + if self.whole { (self.offset + W) as i64 } else { 0 };
            if own.len() >= field + W
                && let Ok(value) = u64::try_from(value)
                && (W == 8 || value >> (8 * W) == 0)
                && !(self.signed && value >> (8 * W - 1) != 0)
            {
                E::write_uint(&mut own[field..field + W], value, W);
                let sent = round_trip(&config, &vec![7; strip], &[own], cuts)?;
                prop_assert_eq!(sent, 1);
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn length_frames_come_back(p in parameters(), payloads in payloads(), cuts in cuts()) {
        p.check::<BigEndian, 1>(&payloads, &cuts)?;
        p.check::<LittleEndian, 2>(&payloads, &cuts)?;
        p.check::<BigEndian, 3>(&payloads, &cuts)?;
        p.check::<NativeEndian, 4>(&payloads, &cuts)?;
        p.check::<BigEndian, 5>(&payloads, &cuts)?;
        p.check::<LittleEndian, 7>(&payloads, &cuts)?;
        p.check::<BigEndian, 8>(&payloads, &cuts)?;
    }

    #[test]
    fn lines_and_envelopes_come_back(payloads in payloads(), cuts in cuts()) {
        for lines in [Lines::lf(), Lines::lenient(), Lines::crlf()] {
            round_trip(&Config::new(lines), &[], &payloads, &cuts)?;
        }
        let header = payloads.first().cloned().unwrap_or_default();
        let sent = round_trip(&Config::new(Envelope), &header, &payloads, &cuts)?;
        prop_assert_eq!(sent, payloads.len());
    }

    /// Any bytes, any cuts, any policy: all modes agree with byte by byte.
    #[test]
    fn any_stream_is_the_same_under_any_cut(
        wire in prop::collection::vec(prop_oneof![3 => 0_u8..6, 1 => any::<u8>(),
                                                  1 => Just(b'\r'), 1 => Just(b'\n')], 0..300),
        cuts in cuts(),
        payload in 0_usize..12,
        policy in prop::sample::select(vec![
            Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream]),
    ) {
        fn same<F: Framing + Clone>(config: &Config<F>, wire: &[u8], cuts: &[f64]) {
            same_under(config, wire, &ends(cuts, wire.len()));
        }
        let limits = Limits { payload, head: 40, ..Limits::default() };
        let config = |framing| Config::new(framing).limits(limits).oversize(policy);
        for lines in [Lines::lf(), Lines::lenient(), Lines::crlf()] {
            same(&config(lines), &wire, &cuts);
        }
        same(&Config::new(Length::u8()).limits(limits).oversize(policy), &wire, &cuts);
        same(&Config::new(Length::u16_le()).limits(limits).oversize(policy), &wire, &cuts);
        same(&Config::new(Envelope).limits(limits).oversize(policy), &wire, &cuts);
    }
}

#[test]
fn every_width_is_exact_at_its_largest_value_and_one_past_it() {
    fn check<E: ByteOrder, const W: usize>() {
        let most = if W == 8 { u64::MAX } else { (1 << (8 * W)) - 1 };
        let mut wire = vec![0xFF; W];
        E::write_uint(&mut wire, most, W);
        let limits = Limits { payload: usize::MAX / 4, ..Limits::default() };
        let framing = LengthBuilder::<E, W>::new().build().unwrap();
        let scan = framing.scan(&wire, 0, false).unwrap();
        assert!(matches!(scan, framing::Scan::Body { body, .. } if body == most));
        if W <= 2 {
            let encoder = Config::new(framing).limits(limits).encoder().unwrap();
            let payload = vec![1; usize::try_from(most).unwrap() + 1];
            assert!(encoder.encode(&[], &[&payload[1..]]).is_ok());
            assert!(encoder.encode(&[], &[&payload]).is_err(), "no truncated length, width {W}");
        }
    }
    check::<BigEndian, 1>();
    check::<BigEndian, 2>();
    check::<LittleEndian, 3>();
    check::<BigEndian, 4>();
    check::<LittleEndian, 5>();
    check::<BigEndian, 6>();
    check::<LittleEndian, 7>();
    check::<BigEndian, 8>();
    let _ = Encoder::new(Length::u8());
}
