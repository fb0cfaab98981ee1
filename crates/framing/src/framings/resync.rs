//! Frames on links that lose bytes.

use alloc::{boxed::Box, vec::Vec};

use memchr::memchr;

use super::malformed_behind;
use crate::{
    BuildError, Decoded, Enclosure, EncodeError, Framing, Limits, Malformed, Recovery, Scan, Seal,
};

/// Finds frames again where bytes were lost, added or changed, as on serial lines.
///
/// What was passed over is reported once, before the next frame, by a
/// [`Resynced`](crate::DecodeErrorKind::Resynced), which is not fatal. More than so many bytes
/// without a frame are a fatal [`OutOfSync`](crate::DecodeErrorKind::OutOfSync).
///
/// # Behind a magic number
///
/// ```text
/// Resync::at_magic([0xA5, 0x5A], Checksum::crc32c_be(Length::u16_be()), 4096):
///
/// | A5 5A | 00 07 | d a t | FD A7 02 CE |  7F 00 A5  | A5 5A | 00 06 | y o | FF 5B 57 DC |
///   magic  length  payload    CRC-32C       no frame
/// ```
///
/// So frames are laid out by UBX (u-blox, "UBX Frame Structure": `B5 62`) and `MAVLink` ("Packet
/// Serialization": `FD`), but for their checksums.
///
/// For frames that declare their lengths. One is handed out only once it is all there and right: it
/// begins with the magic number, its lengths are within the limits, its checksum matches. Otherwise
/// its first byte is passed over, and the next magic number is looked for right behind it, among
/// the bytes that had been taken for the frame: a length that was hit costs no frame but its own. At
/// the end of the stream an incomplete frame is reported as passed over too. On a line that falls
/// silent a false length may hold frames back: [`finish`](crate::Decoder::finish) hands them out,
/// and decoding may go on after it.
///
/// Without a checksum a magic number within a payload may be taken for a frame.
/// [`Oversize`](crate::Oversize) must be `Error`; others do not build. Two promises of the
/// [contract](crate::contract) change, which is why this is for links and not for hostile peers. A
/// wrong length makes the decoder wait for as many bytes, at most what the limits allow: let
/// [`Limits::payload`](crate::Limits::payload) be small. And a byte may be looked at once for each
/// magic number in whose frame it might lie.
///
/// Framings that join parts, such as [`Chunked`](crate::Chunked), are refused if their encoder
/// writes parts; what else a peer sends in parts is passed over.
///
/// ```
/// use framing::{Checksum, Config, DecodeErrorKind, Length, Resync};
///
/// let framing = Resync::at_magic([0xA5, 0x5A], Checksum::crc32c_be(Length::u16_be()), 4096)?;
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
///
/// # At a delimiter
///
/// For frames that end at one. A frame that breaks a rule or a limit, or whose checksum does not
/// match, is passed over to its delimiter, and reported at its first byte; events that had begun it
/// are void. A limit that is too small for what the peer sends so looks like noise. (A delimiter that was hit makes one frame of two: with a checksum both are passed over.)
/// What [`Oversize::Skip`](crate::Oversize) and `Truncate` do with a frame past the limit, they do.
///
/// ```text
/// Resync::at_delimiter(Cobs, 64):
///
/// | 05 64 61 74 00 | 03 6F 6B 00 |
///      no frame          o k
/// ```
///
/// ```
/// use framing::{Cobs, Decoder, DecodeErrorKind, Resync};
///
/// let mut decoder = Decoder::new(Resync::at_delimiter(Cobs, 64)?);
/// // The first code promises four bytes, and one was lost.
/// let mut chunk: &[u8] = b"\x05dat\0\x03ok\0";
/// let error = decoder.next(&mut chunk).unwrap_err();
/// assert_eq!(error.kind(), DecodeErrorKind::Resynced { discarded: 5 });
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"ok");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync<F> {
    /// Empty where frames end at a delimiter.
    magic: Box<[u8]>,
    inner: F,
    /// Bytes that are needed of every frame behind a magic number.
    shortest: usize,
    recovery: Recovery,
}

impl<F: Framing> Resync<F> {
    /// Frames of `inner`, each behind `magic`; at most `most` bytes in a row are passed over.
    ///
    /// The magic number belongs to the frame's head; at least two bytes that seldom occur side by
    /// side are a good one. The encoder writes it. Let `most` be several times the largest frame:
    /// each frame that was hit is passed over as a whole. After an
    /// [`OutOfSync`](crate::DecodeErrorKind::OutOfSync) [`reset`](crate::Decoder::reset) goes on
    /// behind what was passed over.
    ///
    /// ```text
    /// Resync::at_magic([0xA5, 0x5A], Length::u8(), 4):  | A5 5A | 02 | y o |
    ///                                                   | x x x x x |     OutOfSync after 4
    /// ```
    ///
    /// ```
    /// # use framing::{BuildError, Cobs, DecodeErrorKind, Decoder, Encoder, Length, Resync};
    /// let framing = Resync::at_magic([0xA5, 0x5A], Length::u8(), 4)?;
    /// let mut wire = Vec::new();
    /// Encoder::new(framing.clone()).append(&[], &[b"yo"], &mut wire)?;
    /// assert_eq!(wire, b"\xA5\x5A\x02yo");
    ///
    /// let error = Decoder::new(framing).next(&mut &b"xxxxx"[..]).unwrap_err();
    /// assert_eq!(error.kind(), DecodeErrorKind::OutOfSync { limit: 4 });
    /// assert_eq!(Resync::at_magic("magic", Cobs, 4), Err(BuildError::Resync));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at_magic(magic: impl AsRef<[u8]>, inner: F, most: u64) -> Result<Self, BuildError> {
        let first_need = match inner.scan(&[], 0, false) {
            Ok(Scan::Need { total }) => total,
            Ok(Scan::Body { .. }) => 0,
            _ => return Err(BuildError::Resync),
        };
        // Later parts of a frame would have no magic number.
        let joins = super::sample(&inner, &[0]).is_ok_and(|wire| {
            matches!(inner.scan(&wire, 0, true), Ok(Scan::Body { more: true, .. }))
        });
        if joins || inner.transforms() || inner.recovery().is_some() {
            return Err(BuildError::Resync);
        }
        let magic: Box<[u8]> = magic.as_ref().into();
        if magic.is_empty() {
            return Err(BuildError::EmptyMagic);
        }
        let shortest = magic.len().saturating_add(first_need);
        Ok(Self { magic, inner, shortest, recovery: Recovery::ByteByByte { most } })
    }

    /// Frames of `inner`, which end at a delimiter; at most `most` bytes of one are passed over.
    ///
    /// ```
    /// # use framing::{BuildError, Decoder, Length, Lines, Resync};
    /// let mut decoder = Decoder::new(Resync::at_delimiter(Lines::crlf(), 4096)?);
    /// let mut chunk: &[u8] = b"a\nb\r\nc\r\n";
    /// assert!(decoder.next(&mut chunk).is_err_and(|error| !error.is_fatal()), "a bare LF");
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"c");
    /// assert_eq!(Resync::at_delimiter(Length::u8(), 4), Err(BuildError::Resync));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at_delimiter(inner: F, most: u64) -> Result<Self, BuildError> {
        let undeclared = matches!(inner.scan(&[], 0, false), Ok(Scan::Open { .. }));
        if !undeclared || inner.recovery().is_some() {
            return Err(BuildError::Resync);
        }
        let recovery = Recovery::AtDelimiter { most };
        Ok(Self { magic: Box::default(), inner, shortest: 0, recovery })
    }

    /// How many bytes stand before the next place where the magic number may begin.
    fn noise(&self, seen: &[u8]) -> usize {
        let first = self.magic.first().copied().unwrap_or_default();
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
                return Ok(Scan::Need { total: self.shortest });
            }
            return Ok(Scan::Gap { total: self.noise(seen) });
        };
        match self.inner.scan(rest, from.saturating_sub(before), eof) {
            Ok(Scan::Need { total }) => Ok(Scan::Need { total: total.saturating_add(before) }),
            Ok(Scan::Body { head, body, trailer, more }) => {
                Ok(Scan::Body { head: head.saturating_add(before), body, trailer, more })
            }
            Err(fault) => Err(malformed_behind(fault, before)),
            Ok(Scan::Gap { .. }) if before > 0 => {
                Err(Malformed::at(before, "there is fill between a magic number and its frame"))
            }
            undeclared => undeclared,
        }
    }

    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        self.inner.resume(seen, eof)
    }

    fn transforms(&self) -> bool {
        self.inner.transforms()
    }

    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        self.inner.decode(carry, coded)
    }

    fn encode(&self, payload: &[&[u8]], out: &mut Vec<u8>) {
        self.inner.encode(payload, out);
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

    fn recovery(&self) -> Option<Recovery> {
        Some(self.recovery)
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        let magic = self.magic.len();
        let inner = Limits { head: limits.head.saturating_sub(magic), ..*limits };
        self.inner.check(&inner).map_err(|error| match error {
            BuildError::LimitsTooSmall { head, payload } => {
                BuildError::LimitsTooSmall { head: head.saturating_add(magic), payload }
            }
            error => error,
        })?;
        if limits.head < magic {
            return Err(BuildError::LimitsTooSmall { head: magic, payload: 0 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let enclosure = self.inner.enclose(prefix, payload)?;
        Ok(match self.recovery {
            Recovery::ByteByByte { .. } => Enclosure { lead: &self.magic, ..enclosure },
            Recovery::AtDelimiter { .. } => enclosure,
        })
    }
}
