//! Frames with a length field, in leaps: thousands of such framings are tried.

use std::fmt::Write as _;

use super::census::{Census, log2};
use super::{Reach, Verdict};

/// A length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) width: u8,
    pub(super) order: Order,
    pub(super) offset: u8,
    pub(super) adjust: i64,
    /// Bytes before the payload, if not those up to the field's end.
    pub(super) strip: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Field {
    pub(super) const fn new(width: u8, order: Order, offset: u8, adjust: i64) -> Self {
        Self { width, order, offset, adjust, strip: None }
    }

    pub(super) fn spec(&self) -> String {
        let Self { width, order, offset, adjust, strip } = *self;
        let order = match order {
            _ if width == 1 => "",
            Order::Big => "be",
            Order::Little => "le",
        };
        let mut spec = format!("u{}{order}", 8 * width);
        if offset > 0 {
            let _ = write!(spec, ",offset={offset}");
        }
        if adjust != 0 {
            let _ = write!(spec, ",adjust={adjust}");
        }
        if let Some(strip) = strip {
            let _ = write!(spec, ",strip={strip}");
        }
        spec
    }

    /// Parses at most so many frames as a decoder would.
    pub(super) fn attempt(&self, capture: &[u8], census: &Census, most: u64) -> Verdict {
        let (mut verdict, mut lengths, mut rest) =
            (Verdict::default(), Lengths::default(), capture);
        let mut before: &[u8] = &[];
        while !rest.is_empty() {
            if verdict.frames == most || verdict.bits < HOPELESS {
                return verdict;
            }
            let Some(Leap { field, behind, length, payload }) = self.leap(rest) else {
                let offset = capture.len() - rest.len();
                return Verdict { reach: Reach::Fault(offset as u64), ..verdict };
            };
            rest = &rest[length..];
            verdict.frames += 1;
            verdict.longest = verdict.longest.max(payload);
            let own = behind.saturating_sub(self.adjust.max(0).unsigned_abs());
            let cost = if rest.is_empty() {
                last(verdict.frames)
            } else {
                lengths.cost(own, behind.saturating_add(rest.len() as u64))
            };
            let bits = census.bits(field) - cost;
            // Zeros come in runs, and as padding; a value again and again is that of any table whose
            // rows are as long as that and one of many adjustments make.
            let is_zero = field.iter().all(|&byte| byte == 0);
            let is_same = self.adjust > 0 && field == before;
            verdict.bits += if is_zero || is_same { bits.min(0.0) } else { bits };
            before = field;
        }
        Verdict { reach: Reach::Whole, ..verdict }
    }

    /// The frame that `rest` begins with, if it is all there.
    fn leap<'r>(&self, rest: &'r [u8]) -> Option<Leap<'r>> {
        let offset = usize::from(self.offset);
        let end_of_field = offset + usize::from(self.width);
        let field = rest.get(offset..end_of_field)?;
        let behind = self.value(field).checked_add_signed(self.adjust)?;
        let length = end_of_field.checked_add(usize::try_from(behind).ok()?)?;
        let payload = length.checked_sub(self.strip.unwrap_or(end_of_field))?;
        (length <= rest.len()).then_some(Leap { field, behind, length, payload })
    }

    fn value(&self, field: &[u8]) -> u64 {
        let shift = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self.order {
            Order::Big => field.iter().fold(0, shift),
            Order::Little => field.iter().rev().fold(0, shift),
        }
    }
}

/// A frame and its field.
struct Leap<'r> {
    field: &'r [u8],
    /// Bytes behind the field.
    behind: u64,
    /// Bytes of the frame.
    length: usize,
    payload: usize,
}

/// A code for lengths that learns which magnitudes occur.
pub(super) struct Lengths {
    /// By the number of bits.
    counts: [u32; 65],
    total: u32,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { counts: [0; 65], total: 0 }
    }
}

impl Lengths {
    /// Bits that tell this length, after those before it, where at most `left` bytes are left. Half of
    /// all lengths are as large as others were, half are any that fits.
    pub(super) fn cost(&mut self, length: u64, left: u64) -> f64 {
        let magnitude = length.saturating_add(1).ilog2();
        let count = &mut self.counts[magnitude as usize];
        // Before the first, the magnitude n has a probability of 1/(n + 1)(n + 2).
        let unseen = 1.0 / f64::from((magnitude + 1) * (magnitude + 2));
        let probability = (f64::from(*count) + unseen) / (f64::from(self.total) + 1.0);
        *count = count.saturating_add(1);
        self.total = self.total.saturating_add(1);
        let alike = probability * (-f64::from(magnitude)).exp2();
        let fitting = (-log2(left.saturating_add(1))).exp2();
        1.0 - (alike + fitting).log2()
    }
}

/// Bits that tell that this frame is the last one, whose length is then known.
pub(super) fn last(frames: u64) -> f64 {
    2.0 * log2(frames) + 1.0
}

/// A framing that is so much worse than none will not become better.
pub(super) const HOPELESS: f64 = -64.0;
