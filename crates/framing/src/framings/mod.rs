//! The framings of this crate; each is one file.

pub(crate) mod any_length;
pub(crate) mod checksum;
pub(crate) mod chunked;
pub(crate) mod cobs;
pub(crate) mod content_length;
pub(crate) mod delimited;
pub(crate) mod envelope;
mod fields;
pub(crate) mod fixed;
pub(crate) mod layout;
pub(crate) mod length;
pub(crate) mod lines;
pub(crate) mod netstring;
pub(crate) mod resync;
pub(crate) mod slip;
pub(crate) mod varint;

use alloc::{vec, vec::Vec};

use memchr::memchr;

use crate::{Enclosure, EncodeError, Framing, Malformed, Scan};

/// Bytes of a payload that comes in parts.
#[inline]
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

/// A frame of `framing` around `payload`, with a prefix of zeros where it needs one.
fn sample<F: Framing>(framing: &F, payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let prefix = match framing.enclose(&[], &[payload]) {
        Err(EncodeError::Prefix { expected, .. }) => vec![0; expected],
        _ => Vec::new(),
    };
    let Enclosure { lead, head, split, trailer } = framing.enclose(&prefix, &[payload])?;
    let (before, after) = prefix.split_at_checked(split).unwrap_or((&prefix, &[]));
    Ok([lead, before, head.bytes(), after, payload, trailer.bytes()].concat())
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

/// Writes over the byte at `at`, which is one of `bytes`.
fn put(bytes: &mut [u8], at: usize, byte: u8) {
    *bytes.get_mut(at).unwrap_or(&mut 0) = byte;
}

/// For framings that end at one byte, and take it for fill where no frame has begun.
fn up_to(delimiter: u8, seen: &[u8], from: usize) -> Scan {
    match seen.iter().take_while(|&&byte| byte == delimiter).count() {
        0 => up_to_next(delimiter, seen, from),
        total => Scan::Gap { total },
    }
}

/// The payload up to the next delimiter.
fn up_to_next(delimiter: u8, seen: &[u8], from: usize) -> Scan {
    let found = seen.get(from..).and_then(|rest| memchr(delimiter, rest));
    match found.map(|at| from.saturating_add(at)) {
        Some(end) => Scan::Until { payload: 0..end, total: end.saturating_add(1) },
        None => Scan::Open { head: 0, safe: seen.len() },
    }
}

/// A fault found behind bytes that the inner framing did not see.
fn malformed_behind(fault: Malformed, before: usize) -> Malformed {
    let Malformed { reason, at, head, safe, needed } = fault;
    let [at, head, safe, needed] =
        [at, head, safe, needed].map(|offset| offset.saturating_add(before));
    Malformed { reason, at, head, safe, needed }
}
