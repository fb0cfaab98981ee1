//! Errors that are our own: what cannot be encoded, accepted, handed over or built.

use thiserror::Error;

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
    #[error("a payload of {length} bytes cannot be expressed: only {min} to {max} bytes can")]
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
    #[error("no payload can be expressed: the smallest frame is longer than the largest length")]
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
    #[error("Resync::at_magic needs Oversize::Error: a length past the limit may be a wrong one")]
    ResyncPolicy,
    /// Frames of this kind cannot be found again in this way.
    #[error(
        "Resync::at_magic is for frames that declare their lengths, Resync::at_delimiter for frames that end at a delimiter, and neither for frames in parts or another Resync"
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
