//! The one extension point: how a frame is recognised, and how it is written.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{BuildError, Enclosure, EncodeError, Limits, Malformed, Seal};

/// A framing: a value that knows where frames begin and end.
///
/// It is pure: it holds no bytes and no progress. The decoders run it, over any cut of the
/// stream; see [`Decoder`](crate::Decoder).
///
/// ```
/// use framing::{Decoder, Enclosure, EncodeError, Framing, Inline, Malformed, Scan};
///
/// /// gRPC: a flag byte, a length of four bytes (big-endian), the message.
/// struct Grpc;
///
/// impl Framing for Grpc {
///     fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
///         let Some(&[flag, a, b, c, d]) = seen.first_chunk() else {
///             return Ok(Scan::Need { total: 5 });
///         };
///         if flag > 1 {
///             return Err(Malformed::at(0, "the flag byte is neither 0 nor 1"));
///         }
///         let body = u32::from_be_bytes([a, b, c, d]).into();
///         Ok(Scan::Body { head: 5, body, trailer: 0, more: false })
///     }
///
///     fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
///         let [_flag] = prefix else {
///             return Err(EncodeError::Prefix { expected: 1, given: prefix.len() });
///         };
///         let length: u64 = payload.iter().map(|part| part.len() as u64).sum();
///         let field = u32::try_from(length).map_err(|_| EncodeError::LengthOverflow {
///             length,
///             min: 0,
///             max: u32::MAX.into(),
///         })?;
///         Ok(Enclosure { head: Inline::new(&field.to_be_bytes()), split: 1, ..Enclosure::default() })
///     }
/// }
///
/// let mut decoder = Decoder::new(Grpc);
/// let mut chunk: &[u8] = b"\0\0\0\0\x02hi";
/// let frame = decoder.next(&mut chunk)?.expect("the frame is complete");
/// assert_eq!((frame.head()[0], &*frame.payload()), (0, &b"hi"[..]));
/// # Ok::<(), framing::DecodeError>(())
/// ```
pub trait Framing {
    /// Says what `seen`, which starts at the first byte of a frame (or of a later part of one),
    /// is the beginning of.
    ///
    /// The answer is prefix-stable: once a prefix gives anything but [`Scan::Need`], [`Scan::Open`]
    /// or [`Scan::Gap`], every longer `seen` gives the same. The bytes are checked from left to
    /// right: a fault is found no matter whether the frame's end is already there.
    ///
    /// `from` is only a hint: `seen[..from]` was shown before and gave `Need` or `Open`. `eof`
    /// says that nothing will follow; a framing that lets the end of the stream end a frame then
    /// answers [`Scan::Until`], all others ignore it.
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed>;

    /// Goes on in the payload of a frame of which [`Scan::Open`] was said: `seen` starts at or
    /// after the `safe` of then, and the bytes before are gone. Offsets count from `seen`, so that
    /// heads are zero; anything else is an error.
    ///
    /// As it stands it is right for framings without a head, such as lines. Those with a head must
    /// not look for it again.
    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        self.scan(seen, 0, eof)
    }

    /// Called once for each frame, when its first head is complete and its layout known, never per
    /// scan: for protocols whose next frame depends on this one's head. `head` is empty for frames
    /// that end at a delimiter.
    fn framed(&mut self, head: &[u8]) {
        let _ = head;
    }

    /// Looks at the bytes after a payload, once they are complete: of every part, before the frame
    /// is handed out or its end is reported. The fault's offset counts from the trailer's first.
    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        let _ = trailer;
        Ok(())
    }

    /// The decoder was reset: what [`framed`](Self::framed) learnt belongs to another stream.
    fn reset(&mut self) {}

    /// Refuses limits under which no frame at all can be made; they do not build.
    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        let _ = limits;
        Ok(())
    }

    /// Whether payloads stand on the wire in another form than they are handed out: escaped or
    /// stuffed, so that the delimiter cannot occur in them. Such a framing recognises frames by
    /// [`Scan::Open`] and [`Scan::Until`], with a `head` of zero, on the wire's bytes (and fill by
    /// [`Scan::Gap`]), and
    /// [`decode`](Self::decode) and [`encode`](Self::encode) do the rest. Limits, chunks and frames
    /// count the bytes that are handed out.
    fn transforms(&self) -> bool {
        false
    }

    /// Decodes, in place and from left to right, the next bytes of a payload. `carry` is zero at
    /// the payload's start, and otherwise what the last call left.
    ///
    /// It stops before a byte that breaks a rule; where that is the first one, it is an error (at
    /// offset zero). No bytes at all say that the payload has ended: an error where it cannot end
    /// so.
    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        let _ = carry;
        Ok(Decoded { read: coded.len(), plain: 0..coded.len() })
    }

    /// Appends the encoded form of a payload that [`enclose`](Self::enclose) took. Undone by
    /// [`decode`](Self::decode).
    fn encode(&self, payload: &[&[u8]], out: &mut Vec<u8>) {
        for part in payload {
            out.extend_from_slice(part);
        }
    }

    /// Goes on with a checksum: `sum` is zero at the payload's start, and otherwise what the last
    /// call returned; `piece` is what the payload, as it is handed out, goes on with. A piece of no
    /// bytes changes nothing. A checksum whose state may become zero in mid-payload, and is not zero
    /// at the start, is to be kept in another form, such as its complement.
    fn digest(&self, sum: u64, piece: &[u8]) -> u64 {
        let _ = piece;
        sum
    }

    /// The checksum of a payload, as the last bytes of what [`enclose`](Self::enclose) and
    /// [`scan`](Self::scan) take for the payload. They are compared, dropped and not counted. Of
    /// the same length for every `sum`, and none where a framing has no checksum.
    #[inline]
    fn seal(&self, sum: u64) -> Seal {
        let _ = sum;
        Seal::default()
    }

    /// For links that lose bytes: what becomes of a frame that breaks a rule. Without it, that is a
    /// fatal error. See [`Resync`](crate::Resync).
    #[inline]
    fn recovery(&self) -> Option<Recovery> {
        None
    }

    /// Makes what stands around a payload. `payload` may come in several parts, which follow each
    /// other without a gap; `prefix` is the caller's: head bytes that are not the length.
    ///
    /// It refuses whatever [`scan`](Self::scan) would not give back as it was.
    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError>;
}

/// What [`Framing::scan`] made of the bytes it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The layout is not known yet: `total` bytes of the frame are needed to go on, more than were
    /// seen.
    Need {
        /// Bytes from the frame's first, bounded by [`Limits::head`](crate::Limits::head), or by
        /// what the framing needs of any frame if that is more. A framing that searches for the
        /// end of its head counts what it searched into `Body::head`.
        total: usize,
    },
    /// `seen[..total]` belong to no frame: fill between two of them. They are dropped; a longer
    /// `seen` may find more of them.
    Gap {
        /// How many bytes, at least one.
        total: usize,
    },
    /// The lengths are known. They are checked against the limits before anything else arrives.
    Body {
        /// Bytes before the payload; may reach beyond what was seen.
        head: usize,
        /// Bytes of payload.
        body: u64,
        /// Bytes after the payload.
        trailer: usize,
        /// Whether another part follows that belongs to the same frame: it is scanned like a
        /// frame, its payload is joined to this one; its head, and the trailers of all parts but
        /// the last, are dropped.
        more: bool,
    },
    /// The frame's end is not in sight.
    Open {
        /// Bytes before the payload.
        head: usize,
        /// `seen[head..safe]` is surely payload. What follows it may be part of a delimiter, and
        /// is held back; no more than the limits together and 4 KiB can be.
        safe: usize,
    },
    /// The frame's end was found.
    Until {
        /// The payload within `seen`.
        payload: Range<usize>,
        /// Bytes of the whole frame.
        total: usize,
    },
}

/// What [`Framing::decode`] made of the bytes it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes were decoded, from the first.
    pub read: usize,
    /// Where the decoded bytes lie, within those that were read.
    pub plain: Range<usize>,
}

/// How decoding goes on after a frame that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Frames declare their lengths, and are handed out only once they are all there and right. One
    /// that breaks a rule or a limit is passed over from its first byte.
    ByteByByte {
        /// How many bytes in a row may be passed over.
        most: u64,
    },
    /// Frames end at a delimiter. One that breaks a rule or a limit is passed over to its end.
    AtDelimiter {
        /// How many bytes such a frame may have.
        most: u64,
    },
}
