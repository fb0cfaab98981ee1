//! Varints: `wire-codec`, `unsigned-varint`, `prost`.

use bytes::{Bytes, BytesMut};
use framing::{Config, Framing, Scan, Varint};
use proptest::prelude::*;
use prost::Message;
use tokio_util::codec::Encoder;
use unsigned_varint::codec::UviBytes;
use wire_codec::WriteBuf;
use wire_codec::framing::{Framer, VarintPrefixed};

use super::deviation::Deviation;
use super::theirs::{self, AfterFault};
use super::{
    Damage, Difference, End, Item, Then, chunks, compare, cuts, damage, frame, nothing, ours,
    property, shown,
};

/// Bytes of which some are numbers, some too long, some not in their shortest form.
fn numbers() -> impl Strategy<Value = Vec<u8>> {
    let more = prop_oneof![Just(0x80_u8), Just(0xFF_u8), 0x80_u8..];
    let last = prop_oneof![Just(0_u8), Just(1_u8), Just(2_u8), 0_u8..0x80];
    let length = prop_oneof![0_usize..3, 7_usize..12, Just(9_usize)];
    let long = length.prop_flat_map(move |length| prop::collection::vec(more.clone(), length));
    (long, prop::option::weighted(0.9, last)).prop_map(|(mut bytes, last)| {
        bytes.extend(last);
        bytes
    })
}

/// Frames, each with so many bytes more than its length has to have, and then a number of any kind.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let padding = prop_oneof![4 => Just(0_usize), 1 => 1_usize..9];
    let payload = prop_oneof![0_usize..40, 120_usize..140];
    let frames = prop::collection::vec((payload, padding), 0..6);
    let cut = b"\x83\x80\x80\x80\x80\x80\x80\x80\x80\x02abc".to_vec();
    let tail = prop_oneof![12 => Just(Vec::new()), 6 => numbers(), 1 => Just(cut)];
    (frames, tail, damage()).prop_map(|(frames, tail, damage): (Vec<_>, Vec<u8>, Damage)| {
        let mut wire = Vec::new();
        for (payload, padding) in frames {
            prost::encode_length_delimiter(payload, &mut wire).unwrap();
            if padding > 0 {
                *wire.last_mut().unwrap() |= 0x80;
                wire.extend(vec![0x80; padding - 1]);
                wire.push(0);
            }
            wire.extend(vec![0x5A; payload]);
        }
        let mut wire = damage.apply(wire);
        wire.extend(tail);
        wire
    })
}

#[test]
fn wire_codec_varints() {
    let strategy = (streams(), 0_usize..150, 0_usize..200, any::<bool>(), [cuts(), cuts()]);
    property("wire-codec VarintPrefixed", 2_000, strategy, |(wire, max, size, canonical, cuts)| {
        let framing = if canonical { Varint::canonical() } else { Varint::lenient() };
        let config = Config::new(framing).max_payload(max);
        let framer = VarintPrefixed::new().with_canonical(canonical).with_max_payload(max);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::wire(framer, &chunks(&wire, &cuts[1]));
        let met = compare(&mine, &others, nothing)?;

        let (mut mine, payload, mut storage) = (Vec::new(), vec![7; size], [0; 220]);
        let mut others = WriteBuf::new(&mut storage);
        let refused = config.encoder().unwrap().append(&[], &[&payload], &mut mine).is_err();
        prop_assert_eq!(refused, framer.write_frame(&payload, &mut others).is_err());
        prop_assert_eq!(mine, others.written());
        Ok(met)
    });
}

fn uvi(max: usize) -> UviBytes {
    let mut codec = UviBytes::default();
    codec.set_max_len(max);
    codec
}

fn excuse_uvi(wire: &[u8], max: usize, met: &Difference<'_>) -> Option<(Deviation, Then)> {
    let rest = &wire[met.at..];
    if met.ours != Some(&Item::Fault) {
        return None;
    }
    if has_cut_bits(rest) {
        return Some((Deviation::BitsCut, Then::Stop));
    }
    let (declared, behind) = unsigned_varint::decode::usize(rest).ok()?;
    let cut_short = met.theirs.is_none() && behind.is_empty() && (1..=max).contains(&declared);
    cut_short.then_some((Deviation::EndAfterTheHead, Then::Stop))
}

/// A number that ends with its tenth byte, of which only one bit has a place.
fn has_cut_bits(bytes: &[u8]) -> bool {
    let more = bytes.iter().take_while(|&&byte| byte >= 0x80).count();
    more == 9 && bytes.get(9).is_some_and(|&last| last > 1)
}

#[test]
fn unsigned_varint_frames() {
    let strategy = (streams(), 0_usize..150, 0_usize..200, [cuts(), cuts()]);
    property("unsigned-varint UviBytes", 2_000, strategy, |(wire, max, size, cuts)| {
        let config = Config::new(Varint::canonical()).max_payload(max);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::tokio(uvi(max), &chunks(&wire, &cuts[1]), AfterFault::Ends);
        let met = compare(&mine, &others, |difference| excuse_uvi(&wire, max, difference))?;

        let (mut mine, mut others, payload) = (Vec::new(), BytesMut::new(), vec![7; size]);
        let refused = config.encoder().unwrap().append(&[], &[&payload], &mut mine).is_err();
        prop_assert_eq!(refused, uvi(max).encode(Bytes::from(payload), &mut others).is_err());
        prop_assert_eq!(mine, others);
        Ok(met)
    });
}

/// The number at the front, and how long it is.
fn plain(framing: Varint, bytes: &[u8]) -> Result<Option<(u64, usize)>, ()> {
    match framing.scan(bytes, 0, false) {
        Ok(Scan::Body { head, body, .. }) => Ok(Some((body, head))),
        Ok(Scan::Need { .. }) => Ok(None),
        other => other.map(|scan| panic!("{scan:?}")).map_err(|_| ()),
    }
}

#[test]
fn unsigned_varint_numbers() {
    use unsigned_varint::decode::{self, Error};

    property("unsigned-varint decode", 3_000, numbers(), |bytes| {
        let theirs = match decode::u64(&bytes) {
            Ok((number, rest)) => Ok(Some((number, bytes.len() - rest.len()))),
            Err(Error::Insufficient) => Ok(None),
            Err(_) => Err(()),
        };
        let mine = plain(Varint::canonical(), &bytes);
        if mine == theirs {
            return Ok(Vec::new());
        }
        prop_assert!(mine.is_err() && has_cut_bits(&bytes), "{mine:?} {theirs:?}");
        Ok(vec![Deviation::BitsCut])
    });
}

#[test]
fn prost_numbers() {
    property("prost decode_length_delimiter", 3_000, numbers(), |bytes| {
        let mut rest = &bytes[..];
        let theirs = match prost::decode_length_delimiter(&mut rest) {
            Ok(number) => Ok(Some((number as u64, bytes.len() - rest.len()))),
            Err(_) => Err(()),
        };
        let mine = plain(Varint::lenient(), &bytes);
        if mine == theirs {
            return Ok(Vec::new());
        }
        prop_assert!(mine == Ok(None) && theirs.is_err(), "{mine:?} {theirs:?}");
        Ok(vec![Deviation::IncompleteIsAnError])
    });
}

/// Messages one behind the other, as protobuf streams them. To `prost` a `Vec<u8>` is the message
/// `google.protobuf.BytesValue`.
#[test]
fn prost_messages() {
    let payload = prop_oneof![0_usize..40, 120_usize..140, 16_370_usize..16_390];
    let strategy = (prop::collection::vec(payload, 0..8), [cuts(), cuts()]);
    property("prost encode_length_delimited", 300, strategy, |(sizes, cuts)| {
        let messages: Vec<Vec<u8>> = sizes.into_iter().map(|size| vec![0x5A; size]).collect();
        let config = Config::new(Varint::canonical());
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for message in &messages {
            message.encode_length_delimited(&mut theirs).unwrap();
            let encoded = message.encode_to_vec();
            config.encoder().unwrap().append(&[], &[&encoded], &mut mine).unwrap();
        }
        prop_assert_eq!(&mine, &theirs);
        let back = ours(&config, &chunks(&theirs, &cuts[0]), End::Told).items;
        prop_assert_eq!(back.len(), messages.len());
        let mut rest = &mine[..];
        for (item, message) in back.iter().zip(&messages) {
            let Item::Frame(encoded) = item else { panic!("{item:?}") };
            prop_assert_eq!(&Vec::<u8>::decode(&encoded[..]).unwrap(), message);
            prop_assert_eq!(&Vec::<u8>::decode_length_delimited(&mut rest).unwrap(), message);
        }
        Ok(Vec::new())
    });
}

#[test]
fn no_bits_are_cut() {
    let wire = b"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x02hello";
    let mine = ours(&Config::new(Varint::canonical()), &[wire], End::Told);
    let theirs = theirs::tokio(uvi(9), &[wire], AfterFault::Ends);
    shown(Deviation::BitsCut, &mine, &[Item::Fault], &theirs, &[frame("hello")]);
    let mine = ours(&Config::new(Varint::lenient()), &[wire], End::Told);
    assert_eq!(mine.items, [Item::Fault], "so it is where other forms are taken");
}

#[test]
fn an_end_after_the_length_is_told() {
    let mine = ours(&Config::new(Varint::canonical()), &[b"\x05"], End::Told);
    let theirs = theirs::tokio(uvi(9), &[b"\x05"], AfterFault::Ends);
    shown(Deviation::EndAfterTheHead, &mine, &[Item::Fault], &theirs, &[]);
}

#[test]
fn an_incomplete_number_is_no_error() {
    assert_eq!(plain(Varint::lenient(), b"\x80"), Ok(None));
    let theirs = prost::decode_length_delimiter(&b"\x80"[..]);
    assert!(theirs.is_err(), "{:?}", Deviation::IncompleteIsAnError);
}
