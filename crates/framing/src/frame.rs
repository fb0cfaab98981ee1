//! What the decoders hand out: [`Frame`]s and [`Event`]s.

use core::ops::Deref;

/// One complete frame, lent until the decoder is used again.
///
/// `'d` is the decoder's buffer, `'c` the caller's chunk.
///
/// ```text
/// wire:   ... | head | payload | trailer | head ...
///             ^ offset
/// ```
///
/// ```
/// use framing::{Decoder, Netstring};
///
/// let mut chunk: &[u8] = b"5:hello,2:yo,";
/// let mut decoder = Decoder::new(Netstring);
/// decoder.next(&mut chunk)?;
/// let frame = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((frame.head(), frame.trailer()), (&b"2:"[..], &b","[..]));
/// assert_eq!(&*frame.payload(), b"yo");
/// assert_eq!((frame.offset(), frame.discarded()), (8, 0));
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Frame<'d, 'c> {
    pub(crate) head: &'d [u8],
    pub(crate) payload: Payload<'d, 'c>,
    pub(crate) trailer: &'d [u8],
    pub(crate) offset: u64,
    pub(crate) discarded: u64,
}

impl<'d, 'c> Frame<'d, 'c> {
    /// The bytes before the payload, as the framing defines them.
    pub const fn head(&self) -> &'d [u8] {
        self.head
    }

    /// The message itself.
    pub const fn payload(&self) -> Payload<'d, 'c> {
        self.payload
    }

    /// The bytes after the payload that belong to the frame: line ending, padding. (The checksum of
    /// [`Checksum`](crate::Checksum) was compared and is not handed out.)
    pub const fn trailer(&self) -> &'d [u8] {
        self.trailer
    }

    /// The offset in the stream of the frame's first byte.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The payload bytes that [`Oversize::Truncate`](crate::Oversize::Truncate) dropped; otherwise
    /// zero.
    pub const fn discarded(&self) -> u64 {
        self.discarded
    }
}

/// Payload bytes, and whether they still lie in the caller's chunk.
///
/// Those that do may be kept after the decoder goes on, for as long as the chunk is there.
///
/// ```
/// use framing::{Decoder, Lines};
///
/// let text: &[u8] = b"one\ntwo\nthr";
/// let mut chunk = text;
/// let mut decoder = Decoder::new(Lines::lf());
/// let mut kept: Vec<&[u8]> = Vec::new();
/// while let Some(line) = decoder.next(&mut chunk)? {
///     kept.extend(line.payload().direct());
/// }
/// assert_eq!(kept, [b"one", b"two"]);
///
/// let mut chunk: &[u8] = b"ee\n";
/// let line = decoder.next(&mut chunk)?.unwrap();
/// assert!(line.payload().direct().is_none(), "it was gathered from two chunks");
/// assert_eq!(line.payload().bytes(), b"three");
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Payload<'d, 'c> {
    /// Lent from the caller's chunk; nothing was copied.
    Direct(&'c [u8]),
    /// Lent from the decoder's own buffer.
    Gathered(&'d [u8]),
}

impl<'d, 'c: 'd> Payload<'d, 'c> {
    /// The bytes, wherever they lie.
    // One arm for both would force the two lifetimes to be the same.
    #[allow(clippy::match_same_arms)]
    pub const fn bytes(&self) -> &'d [u8] {
        match self {
            Self::Direct(bytes) => bytes,
            Self::Gathered(bytes) => bytes,
        }
    }

    /// The bytes with the lifetime of the caller's chunk, where they lie in it.
    pub const fn direct(&self) -> Option<&'c [u8]> {
        match self {
            Self::Direct(bytes) => Some(bytes),
            Self::Gathered(_) => None,
        }
    }
}

impl Deref for Payload<'_, '_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsRef<[u8]> for Payload<'_, '_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// How many more bytes a frame in progress needs, after `Ok(None)`.
///
/// ```
/// use framing::{Decoder, Length, Need};
///
/// let mut decoder = Decoder::new(Length::u16_be());
/// assert!(decoder.next(&mut &b"\0"[..])?.is_none());
/// assert_eq!(decoder.need(), Need { at_least: 1, exact: None }, "the rest of the length");
/// assert!(decoder.next(&mut &b"\x05"[..])?.is_none());
/// assert_eq!(decoder.need(), Need { at_least: 5, exact: Some(5) }, "the body");
///
/// // Just these were read, to where they shall lie: the frame is lent from there.
/// let body = *b"hello";
/// let mut chunk = &body[..];
/// let frame = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!(frame.payload().direct(), Some(&body[..]));
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Fewer bytes cannot complete a frame. Zero after a fatal error.
    pub at_least: usize,
    /// So many bytes, and no others, complete it: known once its lengths are, never for frames that
    /// end at a delimiter, are joined from parts, or have yet to be believed. A reader that reads just these into a buffer of
    /// its own and pushes them gets a direct frame, if only the head was held.
    pub exact: Option<u64>,
}

/// A frame in pieces, for bodies that need not or cannot be held in memory.
///
/// A frame is `Begin`, any number of `Chunk`s (never empty), then `End`; or `Skipped`, which
/// voids the frame begun before it, if one was.
///
/// ```
/// use framing::{Decoder, Event, Netstring};
///
/// let mut decoder = Decoder::new(Netstring);
/// let mut told = Vec::new();
/// for mut chunk in [&b"5:he"[..], b"llo,"] {
///     while let Some(event) = decoder.next_event(&mut chunk)? {
///         told.push(match event {
///             Event::Begin { body, offset, .. } => format!("begin at {offset}: {body:?} bytes"),
///             Event::Chunk(piece) => format!("piece: {}", piece.escape_ascii()),
///             Event::End { trailer, .. } => format!("end: {}", trailer.escape_ascii()),
///             Event::Skipped { offset, .. } => format!("skipped at {offset}"),
///         });
///     }
/// }
/// assert_eq!(told, ["begin at 0: Some(5) bytes", "piece: he", "piece: llo", "end: ,"]);
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Event<'d, 'c> {
    /// A frame begins.
    Begin {
        /// The bytes before the payload.
        head: &'d [u8],
        /// The payload's length, where the head says it; none for frames that end at a delimiter
        /// and for the first of several parts.
        body: Option<u64>,
        /// The offset in the stream of the frame's first byte.
        offset: u64,
    },
    /// The next piece of the payload.
    Chunk(Payload<'d, 'c>),
    /// The frame is complete.
    End {
        /// The bytes after the payload that belong to the frame.
        trailer: &'d [u8],
        /// The payload bytes that [`Oversize::Truncate`](crate::Oversize::Truncate) dropped.
        discarded: u64,
    },
    /// A frame past the limit has ended and was dropped.
    Skipped {
        /// The offset in the stream of the frame's first byte.
        offset: u64,
        /// The payload's length, where the head declared it.
        declared: Option<u64>,
        /// The payload bytes of the frame, those already given as `Chunk`s included.
        discarded: u64,
    },
}
