//! The framings of this crate; each is one file.

pub(crate) mod envelope;
pub(crate) mod length;
pub(crate) mod lines;

/// Bytes of a payload that comes in parts.
pub(crate) fn payload_length(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len() as u64))
}
