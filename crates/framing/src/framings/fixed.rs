//! Frames that all have the same size.

use super::payload_length;
use crate::{BuildError, Enclosure, EncodeError, Framing, Limits, Malformed, Scan};

/// Frames of `N` bytes each, without head or trailer.
///
/// ```text
/// Fixed::new(4):  | a b c d | e f g h |
/// ```
///
/// ```
/// use framing::{Decoder, Fixed};
///
/// let mut decoder = Decoder::new(Fixed::new(4)?);
/// let mut chunk: &[u8] = b"abcdefgh";
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"abcd");
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"efgh");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    size: usize,
}

impl Fixed {
    /// Frames of `size` bytes; a frame of no bytes is none.
    pub const fn new(size: usize) -> Result<Self, BuildError> {
        if size == 0 { Err(BuildError::EmptyFrame) } else { Ok(Self { size }) }
    }
}

impl Framing for Fixed {
    #[inline]
    fn scan(&self, _seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(Scan::Body { head: 0, body: self.size as u64, trailer: 0, more: false })
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if self.size > limits.payload {
            return Err(BuildError::LimitsTooSmall { head: 0, payload: self.size as u64 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        let (length, size) = (payload_length(payload), self.size as u64);
        if length != size {
            return Err(EncodeError::LengthOverflow { length, min: size, max: size });
        }
        Ok(Enclosure::default())
    }
}
