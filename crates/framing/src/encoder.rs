//! The encoder: payloads in, the pieces of a frame out, the payload still borrowed.

use alloc::vec::Vec;

use crate::encoded::{Around, Body};
use crate::framings::payload_length;
use crate::{Config, EncodeError, Encoded, Framing, Inline, Limits, Seal, Trailer};

/// Makes frames that the decoder of the same configuration gives back as they were.
///
/// Whatever that decoder would refuse, split or change is an [`EncodeError`], and nothing is
/// written. All of a payload is needed at once, in as many slices as it lies in: what is larger is
/// sent as several frames.
///
/// ```
/// use framing::{EncodeError, Encoder, Length, LengthBuilder};
///
/// let encoder = Encoder::new(Length::u32_be());
/// let mut wire = Vec::new();
/// encoder.append(&[], &[b"hello"], &mut wire)?;
/// assert_eq!(wire, b"\0\0\0\x05hello");
///
/// // Head bytes that are not the length are the prefix; a payload may come in parts.
/// let encoder = Encoder::new(LengthBuilder::u16_be().offset(1).build()?);
/// let mut wire = Vec::new();
/// encoder.append(b"Q", &[b"select ", b"1"], &mut wire)?;
/// assert_eq!(wire, b"Q\0\x08select 1");
/// let refused = encoder.append(b"", &[b"select 1"], &mut wire);
/// assert_eq!(refused, Err(EncodeError::Prefix { expected: 1, given: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder<F> {
    framing: F,
    limits: Limits,
}

impl<F: Framing> Encoder<F> {
    /// An encoder with the default [`Limits`]. See [`Config::encoder`] for others.
    pub fn new(framing: F) -> Self {
        Self { framing, limits: Limits::default() }
    }

    pub(crate) fn build(config: Config<F>) -> Self {
        Self { framing: config.framing, limits: config.limits }
    }

    /// A frame around the payload `parts`, which follow each other without a gap. `prefix` are the
    /// head bytes that are not the length, for framings that have such. Nothing is copied, but by a
    /// framing that [transforms](Framing::transforms).
    #[inline]
    pub fn encode<'a>(
        &'a self,
        prefix: &'a [u8],
        parts: &'a [&'a [u8]],
    ) -> Result<Encoded<'a>, EncodeError> {
        if let Some((head, total)) = self.plain_head(prefix, parts) {
            return Ok(Encoded::plain(head, parts, total));
        }
        self.sealed(parts, |all, seal| {
            let around = self.around(prefix, all)?;
            let payload = if self.framing.transforms() {
                let mut coded = Vec::new();
                self.framing.encode(all, &mut coded);
                Body::Coded(coded)
            } else {
                Body::Plain { parts, seal }
            };
            Ok(Encoded::new(around, payload))
        })
    }

    /// Appends a whole frame to `out`: head and payload in one piece, which below some 16 KiB is
    /// cheaper to send than several. On an error `out` is unchanged.
    // Inlined, a head that is made from the length alone is written from registers.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub fn append(
        &self,
        prefix: &[u8],
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if let Some((head, total)) = self.plain_head(prefix, parts) {
            out.reserve(usize::try_from(total).unwrap_or(0));
            out.extend_from_slice(head.bytes());
            for part in parts {
                out.extend_from_slice(part);
            }
            return Ok(());
        }
        self.append_any(prefix, parts, out)
    }

    #[inline(never)]
    fn append_any(
        &self,
        prefix: &[u8],
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.sealed(parts, |all, _| {
            let around = self.around(prefix, all)?;
            let total = around.length().saturating_add(payload_length(all));
            out.reserve(usize::try_from(total).unwrap_or(0));
            for slice in around.head() {
                append(slice, out);
            }
            // Where payloads are not transformed, this appends them as they are.
            self.framing.encode(all, out);
            append(around.trailer(), out);
            Ok(())
        })
    }

    /// The head, where there is nothing else around the payload, and how long the frame is.
    #[inline]
    fn plain_head(&self, prefix: &[u8], payload: &[&[u8]]) -> Option<(Inline, u64)> {
        let sealed = self.framing.seal(0).len() > 0;
        if !prefix.is_empty() || sealed || self.framing.transforms() {
            return None;
        }
        let length = payload_length(payload);
        let head = self.framing.plain_head(length)?;
        let total = length.saturating_add(head.bytes().len() as u64);
        let fits = length <= self.limits.payload as u64 && head.bytes().len() <= self.limits.head;
        fits.then_some((head, total))
    }

    /// Calls `f` with the payload as the framing takes it: with its checksum, if it has one.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    fn sealed<R>(
        &self,
        parts: &[&[u8]],
        f: impl FnOnce(&[&[u8]], Seal) -> Result<R, EncodeError>,
    ) -> Result<R, EncodeError> {
        let length = payload_length(parts);
        if length > self.limits.payload as u64 {
            return Err(EncodeError::TooLong { length, limit: self.limits.payload });
        }
        let width = self.framing.seal(0).len();
        if width == 0 {
            return f(parts, Seal::default());
        }
        self.with_seal(parts, width, f)
    }

    #[inline(never)]
    fn with_seal<R>(
        &self,
        parts: &[&[u8]],
        width: usize,
        f: impl FnOnce(&[&[u8]], Seal) -> Result<R, EncodeError>,
    ) -> Result<R, EncodeError> {
        let sum = parts.iter().fold(0, |sum, part| self.framing.digest(sum, part));
        let seal = self.framing.seal(sum);
        if seal.len() != width {
            return Err(EncodeError::BrokenFraming("its checksums differ in length"));
        }
        let all: Vec<&[u8]> = parts.iter().copied().chain([seal.bytes()]).collect();
        // The framing counts the checksum, the caller does not.
        f(&all, seal).map_err(|error| match error {
            EncodeError::LengthOverflow { length, min, max } => {
                let [length, min, max] =
                    [length, min, max].map(|bytes| bytes.saturating_sub(width as u64));
                EncodeError::LengthOverflow { length, min, max }
            }
            error => error,
        })
    }

    // What stands around a payload is some 200 bytes, which go through memory where they are passed on.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    fn around<'a>(
        &'a self,
        prefix: &'a [u8],
        payload: &[&[u8]],
    ) -> Result<Around<'a>, EncodeError> {
        let enclosure = self.framing.enclose(prefix, payload)?;
        let made = enclosure.lead.len().saturating_add(enclosure.head.bytes().len());
        let head = prefix.len().saturating_add(made);
        if head > self.limits.head {
            return Err(EncodeError::HeadTooLong { length: head, limit: self.limits.head });
        }
        let trailer = enclosure.trailer.bytes().len();
        let delimiter = matches!(enclosure.trailer, Trailer::Delimiter(_));
        if trailer > self.limits.trailer && !delimiter {
            let limit = self.limits.trailer;
            return Err(EncodeError::TrailerTooLong { length: trailer, limit });
        }
        let (before, after) = prefix
            .split_at_checked(enclosure.split)
            .ok_or(EncodeError::BrokenFraming("it splits the prefix behind its end"))?;
        Ok(Around { before, after, enclosure })
    }
}

/// Of the slices around a payload most are empty: a test costs less than to copy nothing.
#[inline]
fn append(slice: &[u8], out: &mut Vec<u8>) {
    if !slice.is_empty() {
        out.extend_from_slice(slice);
    }
}
