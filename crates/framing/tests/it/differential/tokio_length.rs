//! Length fields: `tokio-util`, with all parameters of its builder.

use byteorder::ByteOrder;
use bytes::{Bytes, BytesMut};
use framing::{
    BigEndian, BuildError, Config, Encoder, Framing, Length, LengthBuilder, LittleEndian,
    NativeEndian,
};
use proptest::prelude::*;
use tokio_util::codec::{Encoder as _, LengthDelimitedCodec};

use super::deviation::Deviation;
use super::theirs::{self, AfterFault};
use super::{
    Damage, Difference, End, Item, Then, chunks, compare, cuts, damage, frame, ours, property,
    shown,
};

/// The parameters of `tokio-util`'s builder.
#[derive(Clone, Debug)]
struct Parameters {
    order: Order,
    width: usize,
    offset: usize,
    adjustment: isize,
    skip: Option<usize>,
    max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
    Native,
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let order = prop::sample::select(vec![Order::Big, Order::Little, Order::Native]);
    let skip = prop_oneof![Just(None), (0_usize..14).prop_map(Some)];
    let max = prop_oneof![0_usize..24, 24_usize..300];
    (order, 1_usize..9, 0_usize..5, -12_isize..12, skip, max).prop_map(
        |(order, width, offset, adjustment, skip, max)| Parameters {
            order,
            width,
            offset,
            adjustment,
            skip,
            max,
        },
    )
}

impl Parameters {
    fn field_end(&self) -> usize {
        self.offset + self.width
    }

    fn skipped(&self) -> usize {
        self.skip.unwrap_or(self.field_end())
    }

    fn theirs(&self) -> LengthDelimitedCodec {
        let mut builder = LengthDelimitedCodec::builder();
        match self.order {
            Order::Big => builder.big_endian(),
            Order::Little => builder.little_endian(),
            Order::Native => builder.native_endian(),
        };
        builder.length_field_length(self.width).length_field_offset(self.offset);
        builder.length_adjustment(self.adjustment).max_frame_length(self.max);
        if let Some(skip) = self.skip {
            builder.num_skip(skip);
        }
        builder.new_codec()
    }

    /// Their frame ends `value + adjustment` bytes behind what is skipped, ours behind the field.
    fn ours<E: ByteOrder, const W: usize>(&self) -> Result<Length<E, W>, BuildError> {
        let shift = self.skipped() as i64 - self.field_end() as i64;
        let builder = LengthBuilder::<E, W>::new().offset(self.offset);
        builder.adjust(self.adjustment as i64 + shift).strip(self.skipped()).build()
    }

    /// The greatest value that they take.
    fn greatest(&self) -> i128 {
        let most = (1_i128 << (8 * self.width)) - 1;
        (most + self.adjustment as i128).clamp(0, u64::MAX.into()).min(self.max as i128)
    }

    fn write(&self, value: u64, field: &mut [u8]) {
        match self.order {
            Order::Big => BigEndian::write_uint(field, value, self.width),
            Order::Little => LittleEndian::write_uint(field, value, self.width),
            Order::Native => NativeEndian::write_uint(field, value, self.width),
        }
    }

    fn read(&self, head: &[u8]) -> Option<i128> {
        let field = head.get(self.offset..self.field_end())?;
        let value = match self.order {
            Order::Big => BigEndian::read_uint(field, self.width),
            Order::Little => LittleEndian::read_uint(field, self.width),
            Order::Native => NativeEndian::read_uint(field, self.width),
        };
        Some(value.into())
    }

    /// A frame of so many bytes behind the skipped ones; made by neither side.
    fn frame(&self, payload: usize) -> Vec<u8> {
        let length = (self.skipped() + payload).max(self.field_end());
        let mut frame: Vec<u8> = (0..length).map(|n| u8::try_from(n % 256).unwrap()).collect();
        let value = u64::try_from(payload as i64 - self.adjustment as i64).unwrap_or(0);
        self.write(
            value & (u64::MAX >> (64 - 8 * self.width)),
            &mut frame[self.offset..][..self.width],
        );
        frame
    }

    fn excuse(&self, wire: &[u8], difference: &Difference<'_>) -> Option<(Deviation, Then)> {
        let rest = &wire[difference.at..];
        let value = self.read(rest)?;
        let payload = value + self.adjustment as i128;
        let total = self.skipped() as i128 + payload;
        let fault = Some(&Item::Fault);
        let deviation = match (difference.ours, difference.theirs) {
            (ours, Some(Item::Frame(part)))
                if ours == fault && total < self.field_end() as i128 =>
            {
                if payload != part.len() as i128 {
                    return None;
                }
                if total == 0 {
                    Deviation::NothingConsumed
                } else {
                    Deviation::FrameShorterThanItsHead
                }
            }
            (ours, _)
                if ours == fault && payload > self.max as i128 && value <= self.greatest() =>
            {
                Deviation::LimitOfTheValue
            }
            (_, theirs)
                if theirs == fault && payload <= self.max as i128 && value > self.greatest() =>
            {
                Deviation::LimitOfTheValue
            }
            (ours, None) if ours == fault && rest.len() == self.skipped() && payload > 0 => {
                Deviation::EndAfterTheHead
            }
            _ => return None,
        };
        Some((deviation, Then::Stop))
    }

    /// What differs about the configuration itself.
    fn refused(&self, error: BuildError) -> Result<Deviation, TestCaseError> {
        let skipped = self.skipped();
        match error {
            BuildError::StripInsideField { .. }
                if skipped > self.offset && skipped < self.field_end() =>
            {
                Ok(Deviation::StripInsideTheField)
            }
            // The shortest frame that is right has its field.
            BuildError::LimitsTooSmall { payload, .. }
                if payload > self.max as u64
                    && i128::from(payload)
                        == (self.adjustment as i128)
                            .max(self.field_end() as i128 - skipped as i128)
                            .max(0) =>
            {
                Ok(Deviation::NoFrameWithinTheLimit)
            }
            error => Err(TestCaseError::fail(format!("does not build: {error}"))),
        }
    }

    fn check<E: ByteOrder + Clone, const W: usize>(
        &self,
        payloads: &[usize],
        damage: &Damage,
        cuts: &[Vec<f64>; 2],
    ) -> Result<Vec<Deviation>, TestCaseError> {
        let framing = match self.ours::<E, W>() {
            Ok(framing) => framing,
            Err(error) => return Ok(vec![self.refused(error)?]),
        };
        let config = Config::new(framing).max_payload(self.max);
        let encoder = match config.encoder() {
            Ok(encoder) => encoder,
            Err(error) => return Ok(vec![self.refused(error)?]),
        };
        let wire: Vec<u8> = payloads.iter().flat_map(|&payload| self.frame(payload)).collect();
        let wire = damage.apply(wire);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::tokio(self.theirs(), &chunks(&wire, &cuts[1]), AfterFault::Ends);
        let mut met = compare(&mine, &others, |difference| self.excuse(&wire, difference))?;
        if self.skipped() >= self.field_end() {
            for &payload in payloads {
                met.extend(self.encode(&config, &encoder, &vec![7; payload])?);
            }
        }
        Ok(met)
    }

    /// Theirs is ours without the prefix; where there is none, it is the same.
    fn encode<F: Framing + Clone>(
        &self,
        config: &Config<F>,
        encoder: &Encoder<F>,
        payload: &[u8],
    ) -> Result<Vec<Deviation>, TestCaseError> {
        let prefix = vec![1; self.skipped() - self.width];
        let (mut mine, mut others) = (Vec::new(), BytesMut::new());
        let refused = encoder.append(&prefix, &[payload], &mut mine).is_err();
        let theirs = self.theirs().encode(Bytes::copy_from_slice(payload), &mut others);
        prop_assert_eq!(refused, theirs.is_err(), "{} bytes", payload.len());
        if refused {
            return Ok(Vec::new());
        }
        let field = &mine[self.offset..self.field_end()];
        prop_assert_eq!(&[field, &mine[self.skipped()..]].concat(), &others);
        let back = ours(config, &[&mine], End::Told);
        prop_assert_eq!(&back.items, &[frame(payload)]);
        let theirs = theirs::tokio(self.theirs(), &[&mine], AfterFault::Ends);
        compare(&back, &theirs, |difference| self.excuse(&mine, difference))
    }
}

#[test]
fn tokio_length_delimited() {
    let strategy =
        (parameters(), prop::collection::vec(0_usize..40, 0..8), damage(), [cuts(), cuts()]);
    property("tokio-util LengthDelimitedCodec", 3_000, strategy, |(p, payloads, damage, cuts)| {
        macro_rules! of_width {
            ($($width:literal)*) => {
                match (p.order, p.width) {
                    $(
                        (Order::Big, $width) => p.check::<BigEndian, $width>(&payloads, &damage, &cuts),
                        (Order::Little, $width) => p.check::<LittleEndian, $width>(&payloads, &damage, &cuts),
                        (Order::Native, $width) => p.check::<NativeEndian, $width>(&payloads, &damage, &cuts),
                    )*
                    _ => unreachable!(),
                }
            };
        }
        of_width!(1 2 3 4 5 6 7 8)
    });
}

#[test]
fn the_limit_is_of_the_payload_and_not_of_the_value() {
    let mut p =
        Parameters { order: Order::Big, width: 1, offset: 0, adjustment: -2, skip: None, max: 3 };
    both(&p, b"\x05abc", Deviation::LimitOfTheValue, &[frame("abc")], &[Item::Fault]);
    p.adjustment = 2;
    both(&p, b"\x02abcd", Deviation::LimitOfTheValue, &[Item::Fault], &[frame("abcd")]);
}

#[test]
fn a_frame_is_not_shorter_than_its_head() {
    let mut p = plain();
    p.skip = Some(0);
    let theirs = [frame("\0"), Item::Fault];
    p.adjustment = -1;
    both(&p, b"\0\x02\x01", Deviation::FrameShorterThanItsHead, &[Item::Fault], &theirs);
    p.adjustment = 0;
    let theirs = [(); 4].map(|()| frame(""));
    both(&p, b"\0\0", Deviation::NothingConsumed, &[Item::Fault], &theirs);
}

#[test]
fn what_does_not_build_here() {
    let mut p = plain();
    p.skip = Some(1);
    let error = p.ours::<BigEndian, 2>().map(|_| ()).unwrap_err();
    assert_eq!(p.refused(error).ok(), Some(Deviation::StripInsideTheField));
    let theirs = theirs::tokio(p.theirs(), &[b"\0\x03abc"], AfterFault::Ends);
    assert_eq!(theirs, [frame("\x03ab"), Item::Fault]);

    let (skip, max) = (Some(0), 1);
    let p = Parameters { skip, max, ..plain() };
    let error =
        Config::new(p.ours::<BigEndian, 2>().unwrap()).max_payload(1).decoder().unwrap_err();
    assert_eq!(p.refused(error).ok(), Some(Deviation::NoFrameWithinTheLimit));
    let theirs = theirs::tokio(p.theirs(), &[b"\0\x01abc"], AfterFault::Ends);
    assert_eq!(theirs, [frame("\0"), Item::Fault]);
}

#[test]
fn an_end_after_the_head_is_told() {
    both(&plain(), b"\0\x03", Deviation::EndAfterTheHead, &[Item::Fault], &[]);
}

#[test]
fn the_bytes_before_the_field_are_written() {
    let p = Parameters { offset: 1, ..plain() };
    let mut theirs = BytesMut::new();
    p.theirs().encode(Bytes::from_static(b"abc"), &mut theirs).unwrap();
    let mut mine = Vec::new();
    let encoder = Encoder::new(p.ours::<BigEndian, 2>().unwrap());
    encoder.append(b"\x07", &[b"abc"], &mut mine).unwrap();
    assert_eq!((&mine[..], &theirs[..]), (&b"\x07\0\x03abc"[..], &b"\0\x03abc"[..]));
    // They cannot read what they wrote, and what we wrote they can.
    let back = |wire: &[u8]| theirs::tokio(p.theirs(), &[wire], AfterFault::Ends);
    let read = (back(&theirs), back(&mine));
    let expected = (vec![Item::Fault], vec![frame("abc")]);
    assert_eq!(read, expected, "{:?}", Deviation::HeadNotWritten);
}

fn plain() -> Parameters {
    Parameters { order: Order::Big, width: 2, offset: 0, adjustment: 0, skip: None, max: 100 }
}

/// Shows a deviation from `tokio-util`, and that the property excuses it by this name.
#[track_caller]
fn both(p: &Parameters, wire: &[u8], deviation: Deviation, mine: &[Item], others: &[Item]) {
    let config = match p.width {
        1 => ours(
            &Config::new(p.ours::<BigEndian, 1>().unwrap()).max_payload(p.max),
            &[wire],
            End::Told,
        ),
        _ => ours(
            &Config::new(p.ours::<BigEndian, 2>().unwrap()).max_payload(p.max),
            &[wire],
            End::Told,
        ),
    };
    let theirs = theirs::tokio(p.theirs(), &[wire], AfterFault::Ends);
    shown(deviation, &config, mine, &theirs, others);
    let met = compare(&config, &theirs, |difference| p.excuse(wire, difference)).unwrap();
    assert_eq!(met, [deviation]);
}
