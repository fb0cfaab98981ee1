//! Netstrings: a decimal length, a colon, the bytes, a comma.

use super::{number, payload_length};
use crate::{
    BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan, Trailer,
};

/// Netstrings, as D. J. Bernstein specified them (<https://cr.yp.to/proto/netstrings.txt>, 1997).
///
/// ```text
/// | 5 : | h e l l o | , |
///  head    payload   trailer
/// ```
///
/// The length is decimal without leading zeros; the comma must be there. The empty one is `0:,`.
///
/// ```
/// use framing::{Decoder, Encoder, Netstring};
///
/// let mut chunk: &[u8] = b"5:hello,3:a,b,";
/// let mut decoder = Decoder::new(Netstring);
/// let hello = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((hello.head(), hello.trailer()), (&b"5:"[..], &b","[..]));
/// assert_eq!(&*hello.payload(), b"hello");
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"a,b");
/// assert!(decoder.next(&mut &b"05:hello,"[..]).is_err(), "a leading zero");
///
/// let mut wire = Vec::new();
/// Encoder::new(Netstring).append(&[], &[b"hello"], &mut wire)?;
/// Encoder::new(Netstring).append(&[], &[], &mut wire)?;
/// assert_eq!(wire, b"5:hello,0:,");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Netstring;

impl Framing for Netstring {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let mut body = 0_u64;
        for (at, &byte) in seen.iter().enumerate() {
            match byte {
                b'0'..=b'9' if at == 1 && seen.first() == Some(&b'0') => {
                    return Err(Malformed::at(at, "the length of a netstring has a leading zero"));
                }
                b'0'..=b'9' if at >= DIGITS => {
                    return Err(Malformed::at(at, "the length of a netstring has over 20 digits"));
                }
                b'0'..=b'9' => {
                    // What does not fit is past every limit.
                    let digit = u64::from(byte.wrapping_sub(b'0'));
                    body = body.saturating_mul(10).saturating_add(digit);
                }
                b':' if at > 0 => {
                    let head = at.saturating_add(1);
                    return Ok(Scan::Body { head, body, trailer: 1, more: false });
                }
                _ => {
                    return Err(Malformed::at(at, "the length of a netstring is not decimal"));
                }
            }
        }
        Ok(Scan::Need { total: seen.len().saturating_add(if seen.is_empty() { 2 } else { 1 }) })
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        if trailer == b"," {
            return Ok(());
        }
        Err(Malformed::at(0, "a netstring does not end with a comma"))
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if limits.head < 2 || limits.trailer == 0 {
            return Err(BuildError::LimitsTooSmall { head: 2, payload: 0 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        let (digits, width) = number::<21>(payload_length(payload), 10, b":");
        let trailer = Trailer::Made(Inline::new(b","));
        Ok(Enclosure { head: Inline::last(&digits, width), trailer, ..Enclosure::default() })
    }
}

/// The digits of the greatest number of 64 bits.
const DIGITS: usize = 20;
