//! The one extension point: how a frame is recognised, and how it is written.

use core::ops::Range;

use crate::{BuildError, EncodeError, Limits, Malformed};

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
    /// The answer is prefix-stable: once a prefix gives anything but [`Scan::Need`] or
    /// [`Scan::Open`], every longer `seen` gives the same. The bytes are checked from left to
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

/// What stands around a payload on the wire: `prefix[..split]`, `head`, `prefix[split..]`, then
/// the payload, then `trailer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Enclosure<'f> {
    /// The bytes that the framing makes, usually the length.
    pub head: Inline,
    /// How many of the caller's prefix bytes stand before `head`.
    pub split: usize,
    /// What follows the payload.
    pub trailer: Trailer<'f>,
}

/// Bytes after a payload.
#[derive(Clone, Copy, Debug)]
pub enum Trailer<'f> {
    /// Made for this payload, such as a checksum.
    Made(Inline),
    /// Bytes that mean nothing.
    Padding(&'f [u8]),
    /// What ends the payload; no limit applies to it.
    Delimiter(&'f [u8]),
}

impl Trailer<'_> {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Made(inline) => inline.bytes(),
            Self::Padding(bytes) | Self::Delimiter(bytes) => bytes,
        }
    }
}

impl Default for Trailer<'_> {
    fn default() -> Self {
        Self::Padding(&[])
    }
}

/// Up to [`Inline::CAPACITY`] bytes, held in place.
#[derive(Clone, Copy, Debug)]
pub struct Inline {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Inline {
    /// The most that fits: enough for the longest head of any framing here, a `Content-Length`
    /// block with a number of 20 digits.
    pub const CAPACITY: usize = 40;

    /// Holds a copy of `bytes`; more than the capacity does not compile.
    pub fn new<const N: usize>(bytes: &[u8; N]) -> Self {
        Self::first(bytes, N)
    }

    /// Holds a copy of the first `length` bytes of `bytes`. An array of more than the capacity does
    /// not compile.
    pub fn first<const N: usize>(bytes: &[u8; N], length: usize) -> Self {
        const { assert!(N <= Self::CAPACITY) };
        let mut inline = Self::default();
        for (to, from) in inline.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        inline.length = length.min(N);
        inline
    }

    /// Holds a copy of the last `length` bytes of `bytes`: for numbers, which are written from the
    /// back.
    pub fn last<const N: usize>(bytes: &[u8; N], length: usize) -> Self {
        let mut front = [0; N];
        let from = bytes.iter().skip(N.saturating_sub(length));
        front.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Self::first(&front, length)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Default for Inline {
    fn default() -> Self {
        Self { bytes: [0; Self::CAPACITY], length: 0 }
    }
}
