//! The framings of this crate; each is one file.

pub(crate) mod chunked;
pub(crate) mod content_length;
pub(crate) mod delimited;
pub(crate) mod envelope;
mod fields;
pub(crate) mod fixed;
pub(crate) mod length;
pub(crate) mod lines;
pub(crate) mod netstring;
pub(crate) mod varint;

use crate::EncodeError;

/// Bytes of a payload that comes in parts.
pub(crate) fn payload_length(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len() as u64))
}

/// For framings whose head is the length and nothing else.
fn no_prefix(prefix: &[u8]) -> Result<(), EncodeError> {
    if prefix.is_empty() {
        return Ok(());
    }
    Err(EncodeError::Prefix { expected: 0, given: prefix.len() })
}

/// A number and what follows it, at the end of an array, and the length of both.
fn number<const N: usize>(mut number: u64, radix: u64, suffix: &[u8]) -> ([u8; N], usize) {
    let mut bytes = [0; N];
    let mut width = 0_usize;
    let mut places = bytes.iter_mut().rev();
    for (from, place) in suffix.iter().rev().zip(places.by_ref()) {
        *place = *from;
        width = width.saturating_add(1);
    }
    for place in places {
        let [digit, ..] = number.checked_rem(radix).unwrap_or(0).to_le_bytes();
        *place = if digit < 10 { b'0' } else { b'a'.wrapping_sub(10) }.wrapping_add(digit);
        width = width.saturating_add(1);
        number = number.checked_div(radix).unwrap_or(0);
        if number == 0 {
            break;
        }
    }
    (bytes, width)
}
