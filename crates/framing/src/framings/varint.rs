//! A length of variable width, then so many bytes: what protobuf calls delimited.

use super::payload_length;
use crate::{BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan};

/// Frames that begin with their length as an unsigned LEB128 number of up to 64 bits: seven bits in
/// each byte, the least significant first, the top bit set in all bytes but the last.
///
/// ```text
/// payload of 5 bytes:    | 05 | h e l l o |
/// payload of 300 bytes:  | AC 02 | 300 bytes |      0101100 with more to come, then 10
/// ```
///
/// LEB128 is specified in DWARF 5, section 7.6. This is how protobuf streams messages
/// (`writeDelimitedTo`; its encoding guide, "Base 128 Varints"). A number can be written longer than
/// it need be (`AC 82 00`); [`canonical`](Self::canonical) refuses that, since what has two forms
/// can be told apart by one reader and not by another, [`lenient`](Self::lenient) takes it. Both
/// write the shortest form.
///
/// ```
/// use framing::{Decoder, Encoder, Framing, Scan, Varint};
///
/// let mut chunk: &[u8] = b"\x05hello\x02yo";
/// let mut decoder = Decoder::new(Varint::canonical());
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"hello");
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"yo");
///
/// let mut wire = Vec::new();
/// Encoder::new(Varint::canonical()).append(&[], &[&[7; 300]], &mut wire)?;
/// assert_eq!((&wire[..3], wire.len()), (&b"\xAC\x02\x07"[..], 302));
/// let longer = Varint::lenient().scan(b"\xAC\x82\0", 0, false);
/// assert_eq!(longer, Ok(Scan::Body { head: 3, body: 300, trailer: 0, more: false }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varint {
    forms: Forms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forms {
    Shortest,
    Any,
}

impl Varint {
    /// Takes the shortest form only.
    ///
    /// ```text
    /// | 02 | y o |
    /// | 82 00 |            also a 2: refused at its second byte
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, Varint};
    /// let mut decoder = Decoder::new(Varint::canonical());
    /// assert_eq!(&*decoder.next(&mut &b"\x02yo"[..])?.unwrap().payload(), b"yo");
    /// assert_eq!(decoder.next(&mut &b"\x82\0yo"[..]).unwrap_err().offset(), 3 + 1);
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub const fn canonical() -> Self {
        Self { forms: Forms::Shortest }
    }

    /// Takes any form of up to ten bytes, the longest that 64 bits can have.
    ///
    /// ```text
    /// | 02 | y o |
    /// | 82 80 80 00 | y o |
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, Varint};
    /// let mut decoder = Decoder::new(Varint::lenient());
    /// assert_eq!(&*decoder.next(&mut &b"\x02yo"[..])?.unwrap().payload(), b"yo");
    /// assert_eq!(&*decoder.next(&mut &b"\x82\x80\x80\0yo"[..])?.unwrap().payload(), b"yo");
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub const fn lenient() -> Self {
        Self { forms: Forms::Any }
    }
}

impl Framing for Varint {
    #[inline]
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let mut body = 0_u64;
        for (at, &byte) in seen.iter().enumerate().take(LONGEST) {
            // The tenth byte holds the 64th bit and nothing else.
            if at == LONGEST.saturating_sub(1) && byte > 1 {
                return Err(Malformed::at(at, "the length has more than 64 bits"));
            }
            let shift = u32::try_from(at).unwrap_or(u32::MAX).saturating_mul(7);
            body |= u64::from(byte & 0x7F).wrapping_shl(shift);
            if byte < 0x80 {
                if byte == 0 && at > 0 && self.forms == Forms::Shortest {
                    return Err(Malformed::at(at, "the length is not in its shortest form"));
                }
                return Ok(Scan::Body {
                    head: at.saturating_add(1),
                    body,
                    trailer: 0,
                    more: false,
                });
            }
        }
        Ok(Scan::Need { total: seen.len().saturating_add(1) })
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if limits.head == 0 {
            return Err(BuildError::LimitsTooSmall { head: 1, payload: 0 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        let mut rest = payload_length(payload);
        let bits = u64::BITS.saturating_sub(rest.leading_zeros()).max(1);
        let width = usize::try_from(bits.div_ceil(7)).unwrap_or(LONGEST);
        let mut bytes = [0; LONGEST];
        let field = bytes.iter_mut().skip(LONGEST.saturating_sub(width));
        for byte in field {
            let [low, ..] = rest.to_le_bytes();
            rest >>= 7;
            *byte = if rest == 0 { low } else { low | 0x80 };
        }
        let head = Inline::last(&bytes, width);
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

/// 64 bits in groups of seven.
const LONGEST: usize = 10;
