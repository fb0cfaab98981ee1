//! A length field whose width and byte order are known only when the program runs.

use core::fmt;

use super::layout::{Layout, Parameters, Sign};
use crate::{BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnyLength {
    layout: Layout,
    order: Order,
    /// Bits of eight bytes that are not the field's.
    unused: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Big,
    Little,
}

impl AnyLength {
    /// A field of one to eight bytes.
    pub(crate) fn new(parameters: Parameters, order: Order) -> Result<Self, BuildError> {
        let bits = u32::try_from(parameters.width.saturating_mul(8)).unwrap_or(u64::BITS);
        let unused = u64::BITS.saturating_sub(bits);
        Ok(Self { layout: parameters.layout()?, order, unused })
    }

    #[inline]
    fn read(&self, seen: &[u8]) -> Option<u64> {
        let rest = seen.get(self.layout.offset()..)?;
        // One load where there are eight bytes, whatever the width.
        let Some(eight) = rest.first_chunk::<8>() else { return self.read_at_the_end(rest) };
        Some(self.value(*eight))
    }

    /// The field at the front of eight bytes.
    #[inline]
    fn value(&self, eight: [u8; 8]) -> u64 {
        match self.order {
            Order::Big => u64::from_be_bytes(eight).wrapping_shr(self.unused),
            Order::Little => u64::from_le_bytes(eight) & u64::MAX.wrapping_shr(self.unused),
        }
    }

    #[inline]
    fn write(&self, value: u64) -> Inline {
        let width = self.layout.width();
        match self.order {
            Order::Big => Inline::last(&value.to_be_bytes(), width),
            Order::Little => Inline::first(&value.to_le_bytes(), width),
        }
    }

    fn read_at_the_end(&self, rest: &[u8]) -> Option<u64> {
        let field = rest.get(..self.layout.width())?;
        let join = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        Some(match self.order {
            Order::Big => field.iter().fold(0, join),
            Order::Little => field.iter().rev().fold(0, join),
        })
    }
}

impl Framing for AnyLength {
    #[inline]
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        if self.layout.is_plain()
            && let Some(eight) = seen.first_chunk::<8>()
        {
            let (head, body) = (self.layout.width(), self.value(*eight));
            return Ok(Scan::Body { head, body, trailer: 0, more: false });
        }
        self.layout.scan(self.read(seen))
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        self.layout.check(limits)
    }

    #[inline]
    fn plain_head(&self, length: u64) -> Option<Inline> {
        let fits = self.layout.is_plain() && length <= self.layout.most();
        fits.then(|| self.write(length))
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        self.layout.enclose(prefix, payload, |value| self.write(value))
    }
}

/// As a spec: what is not the plain layout.
impl fmt::Display for AnyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parameters { width, offset, adjust, strip, sign, counts: _ } = self.layout.parameters();
        let sign = if sign == Sign::Signed { 'i' } else { 'u' };
        write!(f, "{sign}{}", width.saturating_mul(8))?;
        match self.order {
            _ if width == 1 => {}
            Order::Big => f.write_str("be")?,
            Order::Little => f.write_str("le")?,
        }
        if offset > 0 {
            write!(f, ",offset={offset}")?;
        }
        if adjust != 0 {
            write!(f, ",adjust={adjust}")?;
        }
        if let Some(strip) = strip {
            write!(f, ",strip={strip}")?;
        }
        Ok(())
    }
}
