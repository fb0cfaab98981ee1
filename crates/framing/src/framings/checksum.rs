//! A checksum behind the payload, around any framing.

use alloc::vec::Vec;

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::{
    BuildError, Decoded, Enclosure, EncodeError, Framing, Limits, Malformed, Recovery, Scan, Seal,
};

/// A CRC-32C (G. Castagnoli and others, IEEE Transactions on Communications 41, 1993) behind the
/// payload, as iSCSI (RFC 3720, section 12.1, with vectors in B.4) and SCTP (RFC 9260, appendix A)
/// have it.
///
/// ```text
/// Checksum::crc32c_be(Length::u16_be()):  | 00 07 | d a t | FD A7 02 CE |
///                                          length  payload   CRC-32C
/// ```
///
/// The framing within takes payload and checksum for its payload: a length counts both, a
/// transforming framing encodes both. What is handed out is the payload alone, and limits count it
/// alone. Where the checksum does not match, or a frame is too short to have one, the error is
/// [`Checksum`](crate::DecodeErrorKind::Checksum). Whole frames are handed out only after it was
/// compared; of events only [`End`](crate::Event::End) says that it did match.
///
/// It finds accidents, not forgeries. A delimiter may occur in a checksum: around [`Lines`](crate::Lines)
/// or [`Delimited`](crate::Delimited) the encoder refuses such payloads; [`Cobs`](crate::Cobs) and
/// [`Slip`](crate::Slip) take all. Frames with a checksum cannot be
/// [truncated](crate::Oversize::Truncate).
///
/// ```
/// use framing::{Checksum, Decoder, Length};
///
/// let mut decoder = Decoder::new(Checksum::crc32c_be(Length::u16_be()));
/// let mut chunk: &[u8] = b"\0\x07dat\xFD\xA7\x02\xCE";
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"dat");
///
/// let mut chunk: &[u8] = b"\0\x07bat\xFD\xA7\x02\xCE";
/// assert!(decoder.next(&mut chunk).is_err());
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum<F> {
    inner: F,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl<F: Framing> Checksum<F> {
    /// The checksum's most significant byte comes first, as in Kafka's record batches.
    ///
    /// ```text
    /// Checksum::crc32c_be(Cobs), payload 64 61 74:  | 08 | 64 61 74 FD A7 02 CE | 00 |
    /// ```
    ///
    /// ```
    /// # use framing::{Checksum, Cobs, Encoder};
    /// let mut wire = Vec::new();
    /// Encoder::new(Checksum::crc32c_be(Cobs)).append(&[], &[b"dat"], &mut wire)?;
    /// assert_eq!(wire, b"\x08dat\xFD\xA7\x02\xCE\0");
    /// # Ok::<(), framing::EncodeError>(())
    /// ```
    pub const fn crc32c_be(inner: F) -> Self {
        Self { inner, order: Order::Big }
    }

    /// The checksum's least significant byte comes first, as iSCSI and SCTP write it.
    ///
    /// ```text
    /// Checksum::crc32c_le(Length::u16_be()):  | 00 07 | d a t | CE 02 A7 FD |
    /// ```
    ///
    /// ```
    /// # use framing::{Checksum, DecodeErrorKind, Decoder, Length};
    /// let mut decoder = Decoder::new(Checksum::crc32c_le(Length::u16_be()));
    /// let mut chunk: &[u8] = b"\0\x07dat\xCE\x02\xA7\xFD";
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"dat");
    ///
    /// let too_short = decoder.next(&mut &b"\0\x03dat"[..]).unwrap_err();
    /// assert_eq!(too_short.kind(), DecodeErrorKind::Checksum);
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub const fn crc32c_le(inner: F) -> Self {
        Self { inner, order: Order::Little }
    }

    /// The longest payload, checksum included, that the inner framing can express, where it has
    /// such a limit.
    fn most(&self) -> Option<u64> {
        match super::sample(&self.inner, &[0; WIDTH]) {
            Err(EncodeError::LengthOverflow { max, .. }) => Some(max),
            _ => None,
        }
    }
}

impl<F: Framing> Framing for Checksum<F> {
    #[inline]
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        self.inner.scan(seen, from, eof)
    }

    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        self.inner.resume(seen, eof)
    }

    fn framed(&mut self, head: &[u8]) {
        self.inner.framed(head);
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        self.inner.trailer(trailer)
    }

    fn reset(&mut self) {
        self.inner.reset();
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

    #[inline]
    fn digest(&self, sum: u64, piece: &[u8]) -> u64 {
        // The sum is the checksum so far; turned back into the state that it was made from.
        let sum = u32::try_from(sum).unwrap_or(0);
        let mut digest = CRC32C.digest_with_initial((!sum).reverse_bits());
        digest.update(piece);
        digest.finalize().into()
    }

    #[inline]
    fn seal(&self, sum: u64) -> Seal {
        let sum = u32::try_from(sum).unwrap_or(0);
        Seal::new(&match self.order {
            Order::Big => sum.to_be_bytes(),
            Order::Little => sum.to_le_bytes(),
        })
    }

    fn recovery(&self) -> Option<Recovery> {
        self.inner.recovery()
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if self.inner.seal(0).len() > 0 {
            return Err(BuildError::TwoChecksums);
        }
        if self.most().is_some_and(|most| most < WIDTH as u64) {
            return Err(BuildError::NoPayload);
        }
        let payload = limits.payload.checked_add(WIDTH).ok_or(BuildError::LimitsOverflow)?;
        self.inner.check(&Limits { payload, ..*limits }).map_err(|error| match error {
            BuildError::LimitsTooSmall { head, payload } => {
                let payload = payload.saturating_sub(WIDTH as u64);
                BuildError::LimitsTooSmall { head, payload }
            }
            error => error,
        })
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        self.inner.enclose(prefix, payload)
    }
}

/// Bytes of a CRC-32C.
const WIDTH: usize = 4;

/// With `std` the table is 16 KiB and six times as fast; without, where memory may be dear, 1 KiB.
#[cfg(feature = "std")]
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
#[cfg(not(feature = "std"))]
static CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
