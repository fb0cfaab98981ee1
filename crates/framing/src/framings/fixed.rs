//! Frames that all have the same size.

use super::payload_length;
use crate::{BuildError, Enclosure, EncodeError, Framing, Limits, Malformed, Scan};

/// Frames of one size, without head or trailer: records, samples, the packets of an MPEG transport
/// stream (ITU-T H.222.0, section 2.4.3: 188 bytes).
///
/// ```text
/// Fixed::new(4):  | a b c d | e f g h |
/// ```
///
/// ```
/// use framing::{Decoder, EncodeError, Encoder, Fixed};
///
/// let mut decoder = Decoder::new(Fixed::new(4)?);
/// let mut chunk: &[u8] = b"abcdefgh";
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"abcd");
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"efgh");
///
/// let mut wire = Vec::new();
/// let refused = Encoder::new(Fixed::new(4)?).append(&[], &[b"abc"], &mut wire);
/// assert_eq!(refused, Err(EncodeError::LengthOverflow { length: 3, min: 4, max: 4 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    size: usize,
}

impl Fixed {
    /// Frames of `size` bytes; a frame of no bytes is none.
    ///
    /// ```
    /// # use framing::{BuildError, Fixed};
    /// assert!(Fixed::new(188).is_ok());
    /// assert_eq!(Fixed::new(0), Err(BuildError::EmptyFrame));
    /// ```
    pub const fn new(size: usize) -> Result<Self, BuildError> {
        if size == 0 { Err(BuildError::EmptyFrame) } else { Ok(Self { size }) }
    }

    pub(crate) const fn size(self) -> usize {
        self.size
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
