//! Errors that are the peer's fault; our own are in `refusal.rs`.

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
    /// for [`Malformed`](DecodeErrorKind::Malformed), of the first byte passed over for
    /// [`Resynced`](DecodeErrorKind::Resynced) and [`OutOfSync`](DecodeErrorKind::OutOfSync),
    /// otherwise of the first byte of the frame.
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
    /// grow, which is fatal under every policy (but [`Resync`](crate::Resync) passes it over): `limit` is then what would have fitted of its
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

impl DecodeErrorKind {
    /// The kind's name in snake case, for logs and counters. Names do not change.
    ///
    /// ```
    /// # use framing::DecodeErrorKind;
    /// assert_eq!(DecodeErrorKind::Truncated { received: 3 }.name(), "truncated");
    /// ```
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HeadTooLong { .. } => "head_too_long",
            Self::TooLong { .. } => "too_long",
            Self::TrailerTooLong { .. } => "trailer_too_long",
            Self::TooManyParts { .. } => "too_many_parts",
            Self::Skipped { .. } => "skipped",
            Self::Resynced { .. } => "resynced",
            Self::OutOfSync { .. } => "out_of_sync",
            Self::Checksum => "checksum",
            Self::Truncated { .. } => "truncated",
            Self::Malformed(_) => "malformed",
            Self::BrokenFraming(_) => "broken_framing",
        }
    }
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
