//! Length fields: `wire-codec`, `asynchronous-codec`.

use byteorder::ByteOrder;
use bytes::{Bytes, BytesMut};
use framing::{BigEndian, Checksum, Config, Length, LengthBuilder, LittleEndian};
use proptest::prelude::*;
use wire_codec::WriteBuf;
use wire_codec::checksum::Crc32c;
use wire_codec::framing::{
    ChecksumScope, Checksummed, Endian, Framer, LengthPrefixed, LengthWidth,
};

use super::deviation::Deviation;
use super::theirs::{self, AfterFault};
use super::{
    Damage, End, Item, Then, chunks, compare, cuts, damage, frame, nothing, ours, property, shown,
};

#[test]
fn wire_codec_lengths() {
    let widths = prop::sample::select(vec![1_usize, 2, 3, 4, 8]);
    let order = prop::sample::select(vec![Endian::Big, Endian::Little]);
    let strategy = (
        (
            widths,
            order,
            prop_oneof![Just(0_i64), -12_i64..30],
            prop_oneof![0_u64..300, 256_u64..320],
        ),
        prop::collection::vec(prop_oneof![4 => 0_usize..40, 1 => 240_usize..290], 0..8),
        damage(),
        [cuts(), cuts()],
    );
    property("wire-codec LengthPrefixed", 2_000, strategy, |(shape, payloads, damage, cuts)| {
        let (width, endian, adjustment, max) = shape;
        macro_rules! of_width {
            ($($bytes:literal $width:ident)*) => {
                match (endian, width) {
                    $(
                        (Endian::Big, $bytes) => wire_codec::<BigEndian, $bytes>(
                            LengthPrefixed::new(LengthWidth::$width, endian), adjustment, max,
                            &payloads, &damage, &cuts,
                        ),
                        (Endian::Little, $bytes) => wire_codec::<LittleEndian, $bytes>(
                            LengthPrefixed::new(LengthWidth::$width, endian), adjustment, max,
                            &payloads, &damage, &cuts,
                        ),
                    )*
                    _ => unreachable!(),
                }
            };
        }
        of_width!(1 U8 2 U16 3 U24 4 U32 8 U64)
    });
}

fn wire_codec<E: ByteOrder + Clone, const W: usize>(
    plain: LengthPrefixed,
    adjustment: i64,
    max: u64,
    payloads: &[usize],
    damage: &Damage,
    cuts: &[Vec<f64>; 2],
) -> Result<Vec<Deviation>, TestCaseError> {
    let framer = plain.with_length_adjustment(adjustment).with_max_payload(max);
    let framing = LengthBuilder::<E, W>::new().adjust(adjustment).build().unwrap();
    let config = Config::new(framing).max_payload(usize::try_from(max).unwrap());
    // A length of nothing stands for as many bytes as the adjustment adds.
    let Ok(encoder) = config.encoder() else {
        prop_assert!(adjustment > max as i64);
        return Ok(vec![Deviation::NoFrameWithinTheLimit]);
    };
    let most = i128::from(plain.width().max_payload());
    let mut wire = Vec::new();
    let mut met = Vec::new();
    for &payload in payloads {
        let payload = vec![0x5A; payload];
        let mut storage = [0; 320];
        let mut theirs = WriteBuf::new(&mut storage);
        let before = wire.len();
        let mine = encoder.append(&[], &[&payload], &mut wire);
        let others = framer.write_frame(&payload, &mut theirs);
        if mine.is_ok() && others.is_err() && payload.len() as i128 > most {
            met.push(Deviation::LimitCappedByTheField);
            continue;
        }
        prop_assert_eq!(mine.is_ok(), others.is_ok(), "{} bytes", payload.len());
        prop_assert_eq!(&wire[before..], theirs.written());
    }
    let wire = damage.apply(wire);
    let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
    let others = theirs::wire(framer, &chunks(&wire, &cuts[1]));
    met.extend(compare(&mine, &others, |difference| {
        let field = wire.get(difference.at..difference.at + W)?;
        let payload = i128::from(E::read_uint(field, W)) + i128::from(adjustment);
        let capped = payload > most && payload <= i128::from(max);
        (capped && difference.theirs == Some(&Item::Fault))
            .then_some((Deviation::LimitCappedByTheField, Then::Stop))
    })?);
    Ok(met)
}

/// Our length counts the checksum, theirs does not: so theirs is adjusted by its four bytes.
#[test]
fn wire_codec_checksums() {
    let strategy =
        (prop::collection::vec(0_usize..40, 0..8), damage(), [cuts(), cuts()], any::<bool>());
    property("wire-codec Checksummed", 1_000, strategy, |(payloads, damage, cuts, little)| {
        let endian = if little { Endian::Little } else { Endian::Big };
        let inner = LengthPrefixed::new(LengthWidth::U16, Endian::Big).with_length_adjustment(-4);
        let framer = Checksummed::new(inner, Crc32c, endian).with_scope(ChecksumScope::Payload);
        let plain = Length::u16_be();
        let framing = if little { Checksum::crc32c_le(plain) } else { Checksum::crc32c_be(plain) };
        let config = Config::new(framing).max_payload(65_535);
        let mut wire = Vec::new();
        for payload in payloads {
            let payload: Vec<u8> = (0..payload).map(|n| u8::try_from(n).unwrap()).collect();
            let mut storage = [0; 64];
            let mut theirs = WriteBuf::new(&mut storage);
            let before = wire.len();
            config.encoder().unwrap().append(&[], &[&payload], &mut wire).unwrap();
            framer.write_frame(&payload, &mut theirs).unwrap();
            prop_assert_eq!(&wire[before..], theirs.written());
        }
        let wire = damage.apply(wire);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        compare(&mine, &theirs::wire(framer, &chunks(&wire, &cuts[1])), nothing)
    });
}

#[test]
fn asynchronous_codec_lengths() {
    use asynchronous_codec::{Encoder as _, LengthCodec};

    let strategy = (prop::collection::vec(0_usize..60, 0..8), damage(), [cuts(), cuts()]);
    property("asynchronous-codec LengthCodec", 1_000, strategy, |(payloads, damage, cuts)| {
        let config = Config::new(Length::u64_be()).max_payload(50);
        let (mut wire, mut met) = (BytesMut::new(), Vec::new());
        for payload in payloads {
            let payload = Bytes::from(vec![0x5A; payload]);
            let before = wire.len();
            LengthCodec.encode(payload.clone(), &mut wire).unwrap();
            let mut mine = Vec::new();
            match config.encoder().unwrap().append(&[], &[&payload], &mut mine) {
                Ok(()) => prop_assert_eq!(&mine, &wire[before..]),
                Err(_) if payload.len() > 50 => met.push(Deviation::NoLimit),
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
        let wire = damage.apply(wire.to_vec());
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::futures(LengthCodec, &chunks(&wire, &cuts[1]), AfterFault::Ends);
        met.extend(compare(&mine, &others, |difference| {
            let declared = BigEndian::read_u64(wire.get(difference.at..difference.at + 8)?);
            let theirs = matches!(difference.theirs, Some(Item::Frame(_)));
            (theirs && declared > 50).then_some((Deviation::NoLimit, Then::Stop))
        })?);
        Ok(met)
    });
}

#[test]
fn the_limit_is_what_it_was_set_to() {
    let config = Config::new(LengthBuilder::u8().adjust(10).build().unwrap()).max_payload(300);
    let framer = LengthPrefixed::new(LengthWidth::U8, Endian::Big);
    let framer = framer.with_length_adjustment(10).with_max_payload(300);
    let wire = [&[250][..], &[7; 260]].concat();
    let theirs = theirs::wire(framer, &[&wire]);
    let mine = ours(&config, &[&wire], End::Told);
    let deviation = Deviation::LimitCappedByTheField;
    shown(deviation, &mine, &[frame([7; 260])], &theirs, &[Item::Fault]);
}

#[test]
fn we_never_go_without_a_limit() {
    use asynchronous_codec::LengthCodec;

    let wire = b"\0\0\0\0\0\0\0\x04abcd";
    let mine = ours(&Config::new(Length::u64_be()).max_payload(3), &[wire], End::Told);
    let theirs = theirs::futures(LengthCodec, &[wire], AfterFault::Ends);
    shown(Deviation::NoLimit, &mine, &[Item::Fault], &theirs, &[frame("abcd")]);
}
