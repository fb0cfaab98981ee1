//! Where a length field stands and what its value means: what the lengths share whose field is
//! known when compiling, and when running.

use super::payload_length;
use crate::{BuildError, Enclosure, EncodeError, Inline, Limits, Malformed, Scan};

/// What a user says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Bytes of the field.
    pub(crate) width: usize,
    pub(crate) offset: usize,
    pub(crate) adjust: i64,
    pub(crate) strip: Option<usize>,
    pub(crate) counts: Counts,
    pub(crate) sign: Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    AfterField,
    WholeFrame,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Unsigned,
    Signed,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    width: usize,
    /// Bytes before the field.
    offset: usize,
    strip: usize,
    /// The smallest value of the field that makes sense.
    least: u64,
    /// The largest value that the field can hold.
    most: u64,
    /// Payload bytes minus the field's value.
    delta: i64,
    /// Whether it is the plain layout, for one test instead of five.
    is_plain: bool,
}

impl Parameters {
    pub(crate) const fn plain(width: usize) -> Self {
        let (counts, sign) = (Counts::AfterField, Sign::Unsigned);
        Self { width, offset: 0, adjust: 0, strip: None, counts, sign }
    }

    /// Checks the parameters against each other.
    pub(crate) fn layout(self) -> Result<Layout, BuildError> {
        let Self { width, offset, adjust, strip, counts, sign } = self;
        let field_end = offset.checked_add(width).ok_or(BuildError::OutOfRange(offset))?;
        let strip = strip.unwrap_or(field_end);
        if strip > offset && strip < field_end {
            return Err(BuildError::StripInsideField { strip, start: offset, end: field_end });
        }
        let adjustment = || BuildError::Adjustment(adjust);
        let out_of_range = |bytes| move |_| BuildError::OutOfRange(bytes);
        let end = i64::try_from(field_end).map_err(out_of_range(offset))?;
        let start = i64::try_from(strip).map_err(out_of_range(strip))?;
        let after_field = match counts {
            Counts::AfterField => adjust,
            Counts::WholeFrame => adjust.checked_sub(end).ok_or_else(adjustment)?,
        };
        // frame = field_end + value + after_field; payload = frame - strip.
        let beyond = end.checked_add(after_field).ok_or_else(adjustment)?;
        let delta = beyond.checked_sub(start).ok_or_else(adjustment)?;
        // The shortest frame holds its field and what is stripped.
        let least = start.max(end).checked_sub(beyond).ok_or_else(adjustment)?;
        let least = u64::try_from(least).unwrap_or(0);
        let most = sign.most(width);
        if least > most {
            return Err(BuildError::NoPayload);
        }
        let layout = Layout { width, offset, strip, least, most, delta, is_plain: false };
        let plain = Layout::plain(width);
        Ok(if (Layout { is_plain: true, ..layout }) == plain { plain } else { layout })
    }
}

impl Sign {
    /// The largest value in so many bytes.
    const fn most(self, width: usize) -> u64 {
        let unused = 8_usize.saturating_sub(width).saturating_mul(8);
        let unused = match self {
            Self::Unsigned => unused,
            Self::Signed => unused.saturating_add(1),
        };
        // At most 57 of 64 bits.
        #[allow(clippy::cast_possible_truncation)]
        u64::MAX.wrapping_shr(unused as u32)
    }
}

impl Layout {
    pub(crate) const fn plain(width: usize) -> Self {
        let most = Sign::Unsigned.most(width);
        Self { width, offset: 0, strip: width, least: 0, most, delta: 0, is_plain: true }
    }

    /// Whether the frame is the field, then so many bytes.
    #[inline]
    pub(crate) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// The largest value that the field can hold.
    #[inline]
    pub(crate) const fn most(&self) -> u64 {
        self.most
    }

    /// The parameters that lead to it, where they can be left out without those.
    pub(crate) fn parameters(&self) -> Parameters {
        let &Self { width, offset, strip, most, delta, .. } = self;
        let field_end = offset.saturating_add(width);
        let signed = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        Parameters {
            offset,
            // payload = value + delta; bytes behind the field = payload + strip - field_end.
            adjust: delta.saturating_add(signed(strip)).saturating_sub(signed(field_end)),
            strip: Some(strip).filter(|&strip| strip != field_end),
            sign: if most == Sign::Signed.most(width) { Sign::Signed } else { Sign::Unsigned },
            ..Parameters::plain(width)
        }
    }

    /// What a frame is whose field, as far as it is there, has this value.
    #[inline]
    pub(crate) fn scan(&self, value: Option<u64>) -> Result<Scan, Malformed> {
        let Some(value) = value else {
            return Ok(Scan::Need { total: self.offset.saturating_add(self.width) });
        };
        if value > self.most {
            return Err(Malformed::at(self.offset, "the length is negative"));
        }
        if value < self.least {
            return Err(Malformed::at(self.offset, "the length is smaller than the frame's head"));
        }
        Ok(Scan::Body { head: self.strip, body: self.payload(value), trailer: 0, more: false })
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        let (head, payload) = (self.strip, self.payload(self.least));
        if head > limits.head || payload > limits.payload as u64 {
            return Err(BuildError::LimitsTooSmall { head, payload });
        }
        Ok(())
    }

    /// What stands around a payload; `field` writes a value as it stands on the wire.
    pub(crate) fn enclose(
        &self,
        prefix: &[u8],
        payload: &[&[u8]],
        field: impl FnOnce(u64) -> Inline,
    ) -> Result<Enclosure<'static>, EncodeError> {
        let own = if self.strips_field() { self.width } else { 0 };
        let expected = self.strip.saturating_sub(own);
        if prefix.len() != expected {
            return Err(EncodeError::Prefix { expected, given: prefix.len() });
        }
        let field = field(self.value(payload_length(payload))?);
        if !self.strips_field() {
            self.check_own_field(payload, field.bytes())?;
            return Ok(Enclosure::default());
        }
        Ok(Enclosure { head: field, split: self.offset, ..Enclosure::default() })
    }

    /// Whether the field is stripped with the head, and not a part of the payload.
    const fn strips_field(&self) -> bool {
        self.strip > self.offset
    }

    /// Payload bytes for a value of the field; what does not fit is past every limit.
    #[inline]
    fn payload(&self, value: u64) -> u64 {
        value.checked_add_signed(self.delta).unwrap_or(u64::MAX)
    }

    /// The value of the field for a payload.
    fn value(&self, length: u64) -> Result<u64, EncodeError> {
        let value = i128::from(length).saturating_sub(self.delta.into());
        u64::try_from(value).ok().filter(|value| (self.least..=self.most).contains(value)).ok_or(
            EncodeError::LengthOverflow {
                length,
                min: self.payload(self.least),
                max: self.payload(self.most),
            },
        )
    }

    /// The payload carries its own field: it must say what its length is.
    fn check_own_field(&self, payload: &[&[u8]], expected: &[u8]) -> Result<(), EncodeError> {
        let field = payload.iter().flat_map(|part| part.iter());
        let field = field.skip(self.offset.saturating_sub(self.strip)).take(self.width);
        if field.eq(expected.iter()) {
            return Ok(());
        }
        Err(EncodeError::LengthMismatch { length: payload_length(payload) })
    }
}
