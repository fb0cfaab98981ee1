//! A head with two lengths, a header, a body: the framing of this project's own wire protocol.

use byteorder::{BigEndian, ByteOrder};

use super::payload_length;
use crate::{BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan};

/// Two lengths, a header, a body. What the header means is not this crate's affair; the protocol of
/// the crate `framing-protocol`, for which this was made, has JSON there.
///
/// ```text
/// +---------------+-------------+----------------+-------------+
/// | header length | body length |     header     |    body     |
/// |    u32 BE     |   u64 BE    |  opaque bytes  |  raw bytes  |
/// +---------------+-------------+----------------+-------------+
///      4 bytes        8 bytes
///
/// | 00 00 00 02 | 00 00 00 00 00 00 00 04 | { } | b o d y |
///                    head                         payload
/// ```
///
/// A frame's head is the twelve bytes and the header, so [`Limits::head`](crate::Limits::head)
/// bounds both together; its payload is the body. Both lengths are checked as soon as the twelve
/// bytes are there. Encoding takes the header as the prefix.
///
/// ```
/// use framing::{Config, DecodeErrorKind, Decoder, Encoder, Envelope, Limits};
///
/// let mut wire = Vec::new();
/// Encoder::new(Envelope).append(b"{}", &[b"body"], &mut wire)?;
/// assert_eq!(wire, b"\0\0\0\x02\0\0\0\0\0\0\0\x04{}body");
///
/// let mut chunk = &wire[..];
/// let mut decoder = Decoder::new(Envelope);
/// let frame = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((Envelope::header(frame.head()), &*frame.payload()), (&b"{}"[..], &b"body"[..]));
///
/// // Headers of up to 64 bytes, bodies of up to 1 KiB: too long a header is refused at its length.
/// let limits = Limits { head: Envelope::HEAD + 64, payload: 1024, ..Limits::default() };
/// let mut decoder = Config::new(Envelope).limits(limits).decoder()?;
/// let error = decoder.next(&mut &b"\0\0\0\x41\0\0\0\0\0\0\0\0"[..]).unwrap_err();
/// assert_eq!(error.kind(), DecodeErrorKind::HeadTooLong { limit: 76 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope;

impl Envelope {
    /// Bytes before the header.
    pub const HEAD: usize = 12;

    /// The header in a frame's head.
    pub fn header(head: &[u8]) -> &[u8] {
        head.get(Self::HEAD..).unwrap_or_default()
    }
}

impl Framing for Envelope {
    #[inline]
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let Some(fixed) = seen.first_chunk::<{ Self::HEAD }>() else {
            return Ok(Scan::Need { total: Self::HEAD });
        };
        let (header, body) = fixed.split_at(4);
        // What does not fit the address space is past every limit.
        let header = usize::try_from(BigEndian::read_u32(header)).unwrap_or(usize::MAX);
        let head = header.saturating_add(Self::HEAD);
        Ok(Scan::Body { head, body: BigEndian::read_u64(body), trailer: 0, more: false })
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if limits.head < Self::HEAD {
            return Err(BuildError::LimitsTooSmall { head: Self::HEAD, payload: 0 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let header = u32::try_from(prefix.len()).map_err(|_| EncodeError::HeadTooLong {
            length: prefix.len(),
            limit: u32::MAX as usize,
        })?;
        let mut fixed = [0; Self::HEAD];
        let (first, second) = fixed.split_at_mut(4);
        BigEndian::write_u32(first, header);
        BigEndian::write_u64(second, payload_length(payload));
        Ok(Enclosure { head: Inline::new(&fixed), ..Enclosure::default() })
    }
}
