//! Frames on links that lose bytes.

use alloc::boxed::Box;

use memchr::memchr;

use super::malformed_behind;
use crate::{BuildError, Enclosure, EncodeError, Framing, Limits, Malformed, Scan, Seal};

/// Finds frames again where bytes were lost, added or changed: each begins with a magic number, as
/// on serial lines those of UBX (u-blox, "UBX Frame Structure": `B5 62`) and `MAVLink` ("Packet
/// Serialization": `FD`).
///
/// ```text
/// Resync::new([0xA5, 0x5A], Checksum::crc32c_be(Length::u16_be()), 4096):
///
/// | A5 5A | 00 07 | d a t | FD A7 02 CE |  7F 00 A5 |  A5 5A | 00 06 | y o | FF 5B 57 DC |
///   magic  length  payload    CRC-32C      no frame
/// ```
///
/// A frame is handed out only once it is all there and right: it begins with the magic number, its
/// lengths are within the limits, its checksum matches. Otherwise its first byte is passed over, and
/// the next magic number is looked for right behind it, among the bytes that had been taken for the
/// frame: a length that was hit costs the frames up to the next magic number and no more. What was
/// passed over is reported once, before the next frame, by a
/// [`Resynced`](crate::DecodeErrorKind::Resynced), which is not fatal; at the end of the stream an
/// incomplete frame is reported so too. More than so many bytes in a row without a frame are a
/// fatal [`OutOfSync`](crate::DecodeErrorKind::OutOfSync).
///
/// Without a checksum a magic number within a payload may be taken for a frame. Frames must declare
/// their lengths, and [`Oversize`](crate::Oversize) must be `Error`; others do not build by
/// [`Config`](crate::Config). [`Decoder::new`](crate::Decoder::new) does not check it.
///
/// Two promises of the [contract](crate::contract) change, which is why this is for links, not for
/// hostile peers. A wrong length makes the decoder wait for as many bytes, at most what the limits
/// allow: let [`Limits::payload`](crate::Limits::payload) be small. And a byte may be looked at once
/// for each magic number in whose frame it might lie.
///
/// ```
/// use framing::{Checksum, Config, DecodeErrorKind, Length, Resync};
///
/// let framing = Resync::new([0xA5, 0x5A], Checksum::crc32c_be(Length::u16_be()), 4096);
/// let mut decoder = Config::new(framing).max_payload(256).decoder()?;
/// let mut chunk: &[u8] =
///     b"\xA5\x5A\0\x07dat\xFD\xA7\x02\xCE\x7F\0\xA5\xA5\x5A\0\x06yo\xFF\x5B\x57\xDC";
/// let frame = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((frame.head(), &*frame.payload()), (&b"\xA5\x5A\0\x07"[..], &b"dat"[..]));
/// let error = decoder.next(&mut chunk).unwrap_err();
/// assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Resynced { discarded: 3 }, 11));
/// assert!(!error.is_fatal());
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"yo");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync<F> {
    magic: Box<[u8]>,
    inner: F,
    most: u64,
}

impl<F: Framing> Resync<F> {
    /// Frames of `inner`, each behind `magic`; at most `most` bytes in a row are passed over.
    ///
    /// The magic number belongs to the frame's head; at least two bytes that seldom occur side by
    /// side are a good one. The encoder writes it.
    ///
    /// ```text
    /// Resync::new([0xA5, 0x5A], Length::u8(), 4):  | A5 5A | 02 | y o |
    ///                                              | x x x x x |          five bytes: out of sync
    /// ```
    ///
    /// ```
    /// # use framing::{DecodeErrorKind, Decoder, Encoder, Length, Resync};
    /// let framing = Resync::new([0xA5, 0x5A], Length::u8(), 4);
    /// let mut wire = Vec::new();
    /// Encoder::new(framing.clone()).append(&[], &[b"yo"], &mut wire)?;
    /// assert_eq!(wire, b"\xA5\x5A\x02yo");
    ///
    /// let error = Decoder::new(framing).next(&mut &b"xxxxx"[..]).unwrap_err();
    /// assert_eq!(error.kind(), DecodeErrorKind::OutOfSync { limit: 4 });
    /// # Ok::<(), framing::EncodeError>(())
    /// ```
    pub fn new(magic: impl AsRef<[u8]>, inner: F, most: u64) -> Self {
        Self { magic: magic.as_ref().into(), inner, most }
    }

    /// How many bytes stand before the next place where the magic number may begin.
    fn noise(&self, seen: &[u8]) -> usize {
        let Some(&first) = self.magic.first() else { return seen.len() };
        let mut from = 1_usize;
        loop {
            let rest = seen.get(from..).unwrap_or_default();
            let Some(at) = memchr(first, rest) else { return seen.len() };
            from = from.saturating_add(at);
            let rest = seen.get(from..).unwrap_or_default();
            if rest.starts_with(&self.magic) || self.magic.starts_with(rest) {
                return from;
            }
            from = from.saturating_add(1);
        }
    }
}

impl<F: Framing> Framing for Resync<F> {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        let before = self.magic.len();
        let Some(rest) = seen.strip_prefix(&*self.magic) else {
            if self.magic.starts_with(seen) {
                return Ok(Scan::Need { total: before });
            }
            return Ok(Scan::Gap { total: self.noise(seen) });
        };
        match self.inner.scan(rest, from.saturating_sub(before), eof) {
            Ok(Scan::Need { total }) => Ok(Scan::Need { total: total.saturating_add(before) }),
            Ok(Scan::Body { head, body, trailer, more }) => {
                Ok(Scan::Body { head: head.saturating_add(before), body, trailer, more })
            }
            Err(fault) => Err(malformed_behind(fault, before)),
            undeclared => undeclared,
        }
    }

    fn framed(&mut self, head: &[u8]) {
        self.inner.framed(head.get(self.magic.len()..).unwrap_or_default());
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        self.inner.trailer(trailer)
    }

    fn reset(&mut self) {
        self.inner.reset();
    }

    #[inline]
    fn digest(&self, sum: u64, piece: &[u8]) -> u64 {
        self.inner.digest(sum, piece)
    }

    #[inline]
    fn seal(&self, sum: u64) -> Seal {
        self.inner.seal(sum)
    }

    fn resync(&self) -> Option<u64> {
        Some(self.most)
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if self.magic.is_empty() {
            return Err(BuildError::EmptyMagic);
        }
        let declares = matches!(
            self.inner.scan(&[], 0, false),
            Ok(Scan::Need { .. } | Scan::Body { more: false, .. })
        );
        if !declares || self.inner.resync().is_some() {
            return Err(BuildError::ResyncUndeclared);
        }
        let head = limits.head.checked_sub(self.magic.len());
        let too_small = BuildError::LimitsTooSmall { head: self.magic.len(), payload: 0 };
        self.inner.check(&Limits { head: head.ok_or(too_small)?, ..*limits })
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let enclosure = self.inner.enclose(prefix, payload)?;
        Ok(Enclosure { lead: &self.magic, ..enclosure })
    }
}
