//! Errors by blame: [`DecodeError`] is the peer's fault, [`EncodeError`] and [`BuildError`] are ours.

use thiserror::Error;

use crate::Hint;

/// What the peer did wrong, and where in the stream.
///
/// Fatal errors are sticky: the decoder returns the same error for every later chunk until it is
/// reset. The errors that are not fatal are [`Skipped`](DecodeErrorKind::Skipped) and
/// [`Resynced`](DecodeErrorKind::Resynced).
///
/// ```text
/// Netstring:  | 2 : y o , | 0 5 : h e l l o ,
///               0           5 6                 the byte at 6 is wrong, in the frame at 5
/// ```
///
/// ```
/// use framing::{DecodeErrorKind, Decoder, Hint, Length, Netstring};
///
/// let mut decoder = Decoder::new(Netstring);
/// let mut chunk: &[u8] = b"2:yo,05:hello,";
/// decoder.next(&mut chunk)?.expect("a frame");
/// let error = decoder.next(&mut chunk).unwrap_err();
/// let reason = "the length of a netstring has a leading zero";
/// assert_eq!(error.kind(), DecodeErrorKind::Malformed(reason));
/// assert_eq!((error.offset(), error.is_fatal(), error.hint()), (6, true, None));
/// assert_eq!(error.to_string(), format!("{reason} (at byte 6 of the stream)"));
///
/// let error = Decoder::new(Length::u32_be()).next(&mut &b"GET /"[..]).unwrap_err();
/// assert_eq!(error.hint(), Some(Hint::Http(*b"GET ")));
/// assert!(error.to_string().ends_with("is the peer speaking HTTP?"));
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} (at byte {offset} of the stream){}", Hinted(*hint))]
pub struct DecodeError {
    kind: DecodeErrorKind,
    offset: u64,
    hint: Option<Hint>,
}

impl DecodeError {
    pub(crate) const fn new(kind: DecodeErrorKind, offset: u64) -> Self {
        Self { kind, offset, hint: None }
    }

    pub(crate) const fn resynced(offset: u64, discarded: u64) -> Self {
        Self::new(DecodeErrorKind::Resynced { discarded }, offset)
    }

    pub(crate) const fn with_hint(mut self, hint: Option<Hint>) -> Self {
        self.hint = hint;
        self
    }

    /// What the frame's first bytes look like, if it was refused for its length and they speak for
    /// themselves.
    pub const fn hint(&self) -> Option<Hint> {
        self.hint
    }

    /// What is wrong.
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The offset in the stream, counted since the decoder was made or reset: of the offending byte
    /// for [`Malformed`](DecodeErrorKind::Malformed), otherwise of the first byte of the frame.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether decoding has ended. After an error that is not fatal the decoder is in step with
    /// the stream and goes on with the next frame.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self.kind, DecodeErrorKind::Skipped { .. } | DecodeErrorKind::Resynced { .. })
    }
}

/// The ways in which a stream can be wrong. `Malformed` and `BrokenFraming` tell a person the rule
/// that was broken; their texts may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The head is, or says that it will be, longer than [`Limits::head`](crate::Limits::head).
    #[error("the frame's head is longer than the limit of {limit} bytes")]
    HeadTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The payload is, or says that it will be, longer than
    /// [`Limits::payload`](crate::Limits::payload).
    ///
    /// Or the frame does not fit the storage of a [`Reassembler`](crate::Reassembler) that cannot
    /// grow, which is fatal under every policy: `limit` is then what would have fitted of its
    /// payload beside head and trailer, or delimiter, and 0 where those alone do not fit.
    #[error("the frame's payload{} is longer than the limit of {limit} bytes", Declared(*declared))]
    TooLong {
        /// The payload's length as the head declares it; none where only a delimiter ends it.
        declared: Option<u64>,
        /// The limit in bytes.
        limit: usize,
    },
    /// The frame's trailer is longer than [`Limits::trailer`](crate::Limits::trailer).
    #[error("the frame's trailer is longer than the limit of {limit} bytes")]
    TrailerTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The frame has more parts than [`Limits::parts`](crate::Limits::parts).
    #[error("the frame has more than {limit} parts")]
    TooManyParts {
        /// The limit.
        limit: usize,
    },
    /// A frame past the limit was dropped, as [`Oversize::Skip`](crate::Oversize::Skip) asks for.
    /// Not fatal.
    #[error(
        "a frame was skipped: its payload of {discarded} bytes is longer than the limit of {limit} bytes"
    )]
    Skipped {
        /// The payload's length as the head declared it; none where only a delimiter ended it.
        declared: Option<u64>,
        /// The payload bytes that were dropped.
        discarded: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes that were no frame were passed over; the offset is that of the first of them. Not
    /// fatal. Only where [`Resync`](crate::Resync) asks for it.
    #[error("{discarded} bytes that are no frame were passed over")]
    Resynced {
        /// How many they were.
        discarded: u64,
    },
    /// No frame was found within as many bytes as [`Resync`](crate::Resync) passes over.
    #[error("no frame was found within {limit} bytes")]
    OutOfSync {
        /// The limit in bytes.
        limit: u64,
    },
    /// The payload is not what its checksum was made from.
    #[error("the frame's checksum does not match its payload")]
    Checksum,
    /// The stream ended in mid-frame.
    #[error("the stream ended {received} bytes into a frame")]
    Truncated {
        /// The bytes of the frame that had arrived.
        received: u64,
    },
    /// The bytes break the rules of the framing.
    #[error("{0}")]
    Malformed(&'static str),
    /// Not the peer's fault: the [`Framing`](crate::Framing) implementation broke its contract.
    #[error("the framing broke its contract: {0}")]
    BrokenFraming(&'static str),
}

/// `" of N bytes"` where a length was declared.
struct Declared(Option<u64>);

impl core::fmt::Display for Declared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |length| write!(f, " of {length} bytes"))
    }
}

/// `"; HINT"` where there is one.
struct Hinted(Option<Hint>);

impl core::fmt::Display for Hinted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// What a [`Framing`](crate::Framing) says of bytes that no frame of its kind can hold.
///
/// ```text
/// Netstring:           | 0 5          at = 1, nothing was certain
/// Lines::crlf():       | G E T \n     at = 3, safe = 3: GET was certain to be payload
/// ContentLength::lsp() | A : CRLF CRLF
///                                     at = 2, needed = 6: the block is judged when it has ended
/// ```
///
/// ```
/// use framing::{ContentLength, Framing, Lines, Malformed, Netstring};
///
/// let zero = Malformed::at(1, "the length of a netstring has a leading zero");
/// assert_eq!(Netstring.scan(b"05", 0, false), Err(zero));
/// let bare = Malformed::after(0, 3, 3, "an LF without CR in a line");
/// assert_eq!(Lines::crlf().scan(b"GET\n", 0, false), Err(bare));
/// let missing = Malformed::at(2, "the Content-Length is missing").needing(6);
/// assert_eq!(ContentLength::lsp().scan(b"A:\r\n\r\n", 0, false), Err(missing));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The rule that is broken, as the beginning of a sentence.
    pub reason: &'static str,
    /// The offset of the offending byte in `seen`.
    pub at: usize,
    /// Where the payload begins in `seen`, for a framing that had said
    /// [`Open`](crate::Scan::Open) of fewer bytes; otherwise equal to `safe`.
    pub head: usize,
    /// `seen[head..safe]` was surely payload: what [`Open`](crate::Scan::Open) said, or would have
    /// said, of the bytes before the offending one. Events and limits depend on it.
    pub safe: usize,
    /// How many bytes had to be seen to find it: more than up to `at` where a head is judged only
    /// once it is complete. The limit of the head depends on it.
    pub needed: usize,
}

impl Malformed {
    /// The byte at `at` breaks a rule before any payload was certain.
    pub const fn at(at: usize, reason: &'static str) -> Self {
        Self { reason, at, head: 0, safe: 0, needed: at.saturating_add(1) }
    }

    /// The byte at `at` breaks a rule after `seen[head..safe]` was certain to be payload.
    pub const fn after(head: usize, safe: usize, at: usize, reason: &'static str) -> Self {
        Self { reason, at, head, safe, needed: at.saturating_add(1) }
    }

    /// It was found only once `bytes` were seen.
    #[must_use]
    pub const fn needing(mut self, bytes: usize) -> Self {
        self.needed = bytes;
        self
    }
}

/// Why a payload cannot be sent as a frame. Nothing was written.
///
/// ```
/// use framing::{EncodeError, Encoder, Length, Lines};
///
/// let mut wire = Vec::new();
/// let error = Encoder::new(Lines::lf()).append(&[], &[b"on\ne"], &mut wire).unwrap_err();
/// assert_eq!(error, EncodeError::Delimiter { at: 2 });
/// let error = Encoder::new(Length::u8()).append(&[], &[&[0; 256]], &mut wire).unwrap_err();
/// assert_eq!(error, EncodeError::LengthOverflow { length: 256, min: 0, max: 255 });
/// assert!(wire.is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload is longer than [`Limits::payload`](crate::Limits::payload): our own decoder
    /// would refuse it.
    #[error("the payload of {length} bytes is longer than the limit of {limit} bytes")]
    TooLong {
        /// Bytes of payload.
        length: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The head is longer than [`Limits::head`](crate::Limits::head).
    #[error("the head of {length} bytes is longer than the limit of {limit} bytes")]
    HeadTooLong {
        /// Bytes of the head, the caller's prefix included.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The trailer is longer than [`Limits::trailer`](crate::Limits::trailer).
    #[error("the trailer of {length} bytes is longer than the limit of {limit} bytes")]
    TrailerTooLong {
        /// Bytes of the trailer.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The length field cannot hold the length.
    #[error(
        "a payload of {length} bytes does not fit the length field, whose range is {min} to {max}"
    )]
    LengthOverflow {
        /// Bytes of payload.
        length: u64,
        /// The smallest payload, in bytes, that the field can express.
        min: u64,
        /// The largest payload, in bytes, that the field can express.
        max: u64,
    },
    /// The payload, which carries its own head, states another length than it has.
    #[error("the payload's own length field does not match its length of {length} bytes")]
    LengthMismatch {
        /// Bytes of payload.
        length: u64,
    },
    /// The payload holds bytes that end a frame, or that the decoder refuses or strips.
    #[error("the payload holds a line ending or delimiter at byte {at}")]
    Delimiter {
        /// Offset in the payload, all parts counted.
        at: u64,
    },
    /// The prefix is not a block of lines as the framing writes them, or holds a line that the
    /// framing writes itself.
    #[error("the prefix is no block of header lines without a length (at byte {at})")]
    Field {
        /// Offset in the prefix.
        at: usize,
    },
    /// The framing drops frames without a payload.
    #[error("the payload is empty, and the framing takes an empty frame for none")]
    Empty,
    /// The framing keeps delimiters, and the payload ends without one.
    #[error("the payload does not end with a delimiter, which would be a part of it")]
    NoDelimiter,
    /// Not the caller's fault: the [`Framing`](crate::Framing) implementation broke its contract.
    #[error("the framing broke its contract: {0}")]
    BrokenFraming(&'static str),
    /// The framing takes another number of prefix bytes (head bytes that are not the length).
    #[error("the framing takes {expected} prefix bytes, {given} were given")]
    Prefix {
        /// Bytes that the framing takes.
        expected: usize,
        /// Bytes that were given.
        given: usize,
    },
}

/// Why a frame that has begun cannot be had whole.
///
/// ```
/// use framing::{AcceptError, Config, Length, Oversize};
///
/// let config = Config::new(Length::u8()).max_payload(3).oversize(Oversize::Stream);
/// let mut decoder = config.decoder()?;
/// assert_eq!(decoder.accept(), Err(AcceptError::NotAtBegin));
/// decoder.next_event(&mut &b"\x05hello"[..])?.expect("the frame's beginning");
/// assert_eq!(decoder.accept(), Err(AcceptError::TooLong { limit: 3 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The last event was not `Begin`: no frame has begun, or a part of it was handed out.
    #[error("a frame can be accepted only right after its beginning")]
    NotAtBegin,
    /// It is past [`Limits::payload`](crate::Limits::payload), and can only be streamed.
    #[error(
        "the frame's payload is longer than the limit of {limit} bytes: it can only be streamed"
    )]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Why what a decoder holds cannot be handed to another one: a part of the frame in progress was
/// dropped, handed out or joined already. Finish the frame first.
///
/// ```
/// use framing::{Decoder, Length, MidFrame};
///
/// let mut decoder = Decoder::new(Length::u8());
/// decoder.next_event(&mut &b"\x05he"[..])?.expect("the frame's beginning");
/// assert_eq!(decoder.take_tail(), Err(MidFrame));
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the frame in progress is skipped, streamed or joined: its bytes are not all there")]
pub struct MidFrame;

/// Why a configuration does not build.
///
/// ```
/// use framing::{BuildError, Checksum, Config, Delimited, Length, Oversize};
///
/// assert_eq!(Delimited::new([""]), Err(BuildError::EmptyDelimiter));
/// let truncated = Config::new(Checksum::crc32c_be(Length::u8())).oversize(Oversize::Truncate);
/// assert_eq!(truncated.decoder().unwrap_err(), BuildError::TruncatedChecksum);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The limits' sum is more than a buffer can hold.
    #[error("the limits add up to more than the address space holds")]
    LimitsOverflow,
    /// The bytes to strip end inside the length field.
    #[error("{strip} bytes to strip end inside the length field (bytes {start} to {end})")]
    StripInsideField {
        /// Bytes to strip.
        strip: usize,
        /// First byte of the field.
        start: usize,
        /// First byte after the field.
        end: usize,
    },
    /// No payload at all can be expressed with these parameters: the smallest frame is longer than
    /// the largest length.
    #[error("no payload can be expressed with this adjustment")]
    NoPayload,
    /// Frames of no bytes: endlessly many would be in any stream.
    #[error("a frame of no bytes cannot be told from the next one")]
    EmptyFrame,
    /// No delimiter, or an empty one.
    #[error("at least one delimiter is needed, and none may be empty")]
    EmptyDelimiter,
    /// One delimiter holds another that ends two or more bytes before its end.
    #[error(
        "one delimiter holds another, and more than one byte would have to be read ahead to tell them apart"
    )]
    LookAhead,
    /// The bytes before the field, or to strip, are more than can be counted.
    #[error("the offset or strip of {0} bytes is out of range")]
    OutOfRange(usize),
    /// The adjustment cannot be added to the offset.
    #[error("the adjustment of {0} bytes is out of range")]
    Adjustment(i64),
    /// The smallest frame has a head or a payload that is past the limits.
    #[error(
        "no frame fits the limits: the smallest has a head of {head} and a payload of {payload} bytes"
    )]
    LimitsTooSmall {
        /// Bytes of head.
        head: usize,
        /// Bytes of payload.
        payload: u64,
    },
    /// A truncated frame has lost its checksum.
    #[error("frames with a checksum cannot be truncated")]
    TruncatedChecksum,
    /// Where lengths may be wrong, one that is past the limit cannot be trusted for what to skip.
    #[error("frames past the limit can only be an error where a length may be wrong")]
    ResyncPolicy,
    /// Frames of this kind cannot be found again in this way.
    #[error(
        "a magic number is for frames that declare their lengths, a delimiter for those that end at one"
    )]
    Resync,
    /// A framing with a checksum was given another one.
    #[error("a framing has one checksum")]
    TwoChecksums,
    /// The magic number has no bytes.
    #[error("a magic number of no bytes cannot be found")]
    EmptyMagic,
    /// The storage that was given cannot grow, and is smaller than what must be seen of any frame.
    #[error("no frame fits the storage: at least {needed} bytes of any must be seen")]
    StorageTooSmall {
        /// The least bytes of storage with which a frame may fit.
        needed: usize,
    },
}
