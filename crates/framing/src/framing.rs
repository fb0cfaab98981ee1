//! The one extension point: how a frame is recognised, and how it is written.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{BuildError, Enclosure, EncodeError, Inline, Limits, Malformed, Seal};

#[doc = include_str!("framing.md")]
pub trait Framing {
    /// Says what `seen`, which starts at the first byte of a frame (or of a later part of one),
    /// is the beginning of.
    ///
    /// The answer is prefix-stable: once a prefix gives anything but [`Scan::Need`] or
    /// [`Scan::Open`], every longer `seen` gives the same; a [`Scan::Gap`] may become longer. The
    /// bytes are checked from left to right: a fault is found no matter whether the frame's end is
    /// already there.
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
    /// not look for it again, nor for fill.
    ///
    /// ```
    /// # use framing::{Cobs, Framing, Scan};
    /// assert_eq!(Cobs.scan(&[0, 2, 0x33], 0, false)?, Scan::Gap { total: 1 });
    /// assert_eq!(Cobs.resume(&[0, 2, 0x33], false)?, Scan::Until { payload: 0..0, total: 1 });
    /// # Ok::<(), framing::Malformed>(())
    /// ```
    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        self.scan(seen, 0, eof)
    }

    /// Called once for each frame, never per scan: once its first head is complete and its layout known,
    /// before the frame or an event of it is handed out. For protocols whose next frame depends on
    /// this one's head. `head` is empty for frames that end at a delimiter. Nothing but
    /// [`scan`](Self::scan) may depend on it: a frame's `trailer` and checksum are looked at before or
    /// after, as the cuts have it.
    ///
    /// ```
    /// use framing::{Decoder, Enclosure, EncodeError, Framing, Malformed, Scan};
    ///
    /// /// PostgreSQL: a tag, a length that counts itself; a client's first message has no tag.
    /// #[derive(Default)]
    /// struct Postgres {
    ///     started: bool,
    /// }
    ///
    /// impl Framing for Postgres {
    ///     fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
    ///         let tag = usize::from(self.started);
    ///         let Some(field) = seen.get(tag..).and_then(|rest| rest.first_chunk()) else {
    ///             return Ok(Scan::Need { total: tag + 4 });
    ///         };
    ///         let length = u32::from_be_bytes(*field).checked_sub(4);
    ///         let body = length.ok_or(Malformed::at(tag, "the length does not count itself"))?;
    ///         Ok(Scan::Body { head: tag + 4, body: body.into(), trailer: 0, more: false })
    ///     }
    ///
    ///     fn framed(&mut self, _head: &[u8]) {
    ///         self.started = true;
    ///     }
    ///
    ///     fn reset(&mut self) {
    ///         self.started = false;
    ///     }
    /// #   fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
    /// #       Ok(Enclosure::default())
    /// #   }
    /// }
    ///
    /// let mut decoder = Decoder::new(Postgres::default());
    /// let mut chunk: &[u8] = b"\0\0\0\x08\0\x03\0\0Q\0\0\0\x0dselect 1\0";
    /// assert_eq!(decoder.next(&mut chunk)?.unwrap().head(), b"\0\0\0\x08");
    /// assert_eq!(decoder.next(&mut chunk)?.unwrap().head(), b"Q\0\0\0\x0d");
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    fn framed(&mut self, head: &[u8]) {
        let _ = head;
    }

    /// Looks at the bytes after a payload, once they are complete: of every part, before the frame
    /// is handed out or its end is reported. The fault's offset counts from the trailer's first.
    ///
    /// ```
    /// # use framing::{Framing, Netstring};
    /// assert!(Netstring.trailer(b",").is_ok());
    /// assert!(Netstring.trailer(b";").is_err());
    /// ```
    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        let _ = trailer;
        Ok(())
    }

    /// The decoder was reset: what [`framed`](Self::framed) learnt belongs to another stream.
    fn reset(&mut self) {}

    /// Refuses limits under which no frame at all can be made, and framings that cannot work: they
    /// do not build. Asked by [`Config`](crate::Config) only, not by the `new` of a decoder.
    ///
    /// ```
    /// # use framing::{Envelope, Framing, Limits};
    /// assert!(Envelope.check(&Limits::default()).is_ok());
    /// assert!(Envelope.check(&Limits { head: 11, ..Limits::default() }).is_err());
    /// ```
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
    ///
    /// ```
    /// # use framing::{Framing, Slip};
    /// // An escape at the end of one chunk, its meaning in the next.
    /// let (mut carry, mut one, mut two) = (0, [0x11, 0xDB], [0xDC]);
    /// let decoded = Slip.decode(&mut carry, &mut one)?;
    /// assert_eq!((decoded.read, &one[decoded.plain]), (2, &[0x11][..]));
    /// let decoded = Slip.decode(&mut carry, &mut two)?;
    /// assert_eq!((decoded.read, &two[decoded.plain]), (1, &[0xC0][..]));
    /// # Ok::<(), framing::Malformed>(())
    /// ```
    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        let _ = carry;
        Ok(Decoded { read: coded.len(), plain: 0..coded.len() })
    }

    /// Appends the encoded form of a payload that [`enclose`](Self::enclose) took. Undone by
    /// [`decode`](Self::decode).
    ///
    /// ```
    /// # use framing::{Framing, Slip};
    /// let mut coded = Vec::new();
    /// Slip.encode(&[&[0x11], &[0xC0]], &mut coded);
    /// assert_eq!(coded, [0x11, 0xDB, 0xDC]);
    /// ```
    fn encode(&self, payload: &[&[u8]], out: &mut Vec<u8>) {
        for part in payload {
            out.extend_from_slice(part);
        }
    }

    /// Goes on with a checksum: `sum` is zero at the payload's start, and otherwise what the last
    /// call returned; `piece` is what the payload, as it is handed out, goes on with. A piece of no
    /// bytes changes nothing. A checksum whose state may become zero in mid-payload, and is not zero
    /// at the start, is to be kept in another form, such as its complement.
    ///
    /// ```
    /// # use framing::{Checksum, Framing, Length};
    /// let framing = Checksum::crc32c_be(Length::u8());
    /// let sum = framing.digest(framing.digest(0, b"d"), b"at");
    /// assert_eq!(sum, framing.digest(0, b"dat"));
    /// assert_eq!(framing.seal(sum).bytes(), [0xFD, 0xA7, 0x02, 0xCE]);
    /// ```
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
    ///
    /// ```
    /// # use framing::{Cobs, Framing, Recovery, Resync};
    /// let resync = Resync::at_delimiter(Cobs, 4096)?;
    /// assert_eq!(resync.recovery(), Some(Recovery::AtDelimiter { most: 4096 }));
    /// assert_eq!(Cobs.recovery(), None);
    /// # Ok::<(), framing::BuildError>(())
    /// ```
    #[inline]
    fn recovery(&self) -> Option<Recovery> {
        None
    }

    /// A short cut past [`enclose`](Self::enclose), for framings that put nothing around a payload
    /// but a head which is made from its length, in bytes: that head, where `enclose` without a
    /// prefix would make it and nothing else. None says nothing.
    ///
    /// ```
    /// # use framing::{Framing, Length, Netstring};
    /// assert_eq!(Length::u16_be().plain_head(5).unwrap().bytes(), [0, 5]);
    /// assert!(Length::u16_be().plain_head(70_000).is_none(), "`enclose` says why");
    /// assert!(Netstring.plain_head(5).is_none(), "there is a comma, too");
    /// ```
    #[inline]
    fn plain_head(&self, _length: u64) -> Option<Inline> {
        None
    }

    /// Makes what stands around a payload. `payload` may come in several parts, which follow each
    /// other without a gap; `prefix` is the caller's: head bytes that are not the length.
    ///
    /// It refuses whatever [`scan`](Self::scan) would not give back as it was.
    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError>;
}

/// What [`Framing::scan`] made of the bytes it saw.
///
/// ```text
/// Length::u16_be():  | 00                  Need { total: 2 }
///                    | 00 05 | h e         Body { head: 2, body: 5, trailer: 0, more: false }
/// Chunked:           | 5 CRLF | h e        Body { head: 3, body: 5, trailer: 2, more: true }
/// Lines::crlf():     | h e \r              Open { head: 0, safe: 2 }
///                    | h e | \r \n | y     Until { payload: 0..2, total: 4 }
/// Cobs:              | 00 00 | 02 33       Gap { total: 2 }
/// ```
///
/// ```
/// use framing::{Chunked, Cobs, Framing, Length, Lines, Scan};
///
/// let length = Length::u16_be();
/// assert_eq!(length.scan(b"\0", 0, false)?, Scan::Need { total: 2 });
/// let body = Scan::Body { head: 2, body: 5, trailer: 0, more: false };
/// assert_eq!(length.scan(b"\0\x05he", 0, false)?, body);
/// let part = Scan::Body { head: 3, body: 5, trailer: 2, more: true };
/// assert_eq!(Chunked.scan(b"5\r\nhe", 0, false)?, part);
/// assert_eq!(Lines::crlf().scan(b"he\r", 0, false)?, Scan::Open { head: 0, safe: 2 });
/// let until = Scan::Until { payload: 0..2, total: 4 };
/// assert_eq!(Lines::crlf().scan(b"he\r\ny", 2, false)?, until);
/// assert_eq!(Cobs.scan(&[0, 0, 2, 0x33], 0, false)?, Scan::Gap { total: 2 });
/// // The end of the stream ends a line, where it may.
/// let until = Scan::Until { payload: 0..2, total: 2 };
/// assert_eq!(Lines::lf().scan(b"he", 0, true)?, until);
/// # Ok::<(), framing::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The layout is not known yet: `total` bytes of the frame are needed to go on, more than were
    /// seen. Before they are there, or the stream ends, `scan` is not called again.
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
///
/// ```text
/// Cobs:   03 11 22 02 33           read: 5
///            11 22 00 33           plain: 1..5, a zero in the place of the second code
/// ```
///
/// ```
/// # use framing::{Cobs, Decoded, Framing};
/// let mut coded = [3, 0x11, 0x22, 2, 0x33];
/// let decoded = Cobs.decode(&mut 0, &mut coded)?;
/// assert_eq!(decoded, Decoded { read: 5, plain: 1..5 });
/// assert_eq!(coded[1..5], [0x11, 0x22, 0, 0x33]);
/// # Ok::<(), framing::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes were decoded, from the first.
    pub read: usize,
    /// Where the decoded bytes lie, within those that were read.
    pub plain: Range<usize>,
}

/// How decoding goes on after a frame that breaks a rule; [`Resync`](crate::Resync) shows both.
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
