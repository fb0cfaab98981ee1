//! What a decoder handed out, in a form that can be compared and shown.

use alloc::vec::Vec;
use core::fmt;

use crate::{DecodeError, DecodeErrorKind, Event, Frame};

/// Something that a decoder handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole frame.
    Frame {
        /// As [`Frame::head`].
        head: Vec<u8>,
        /// As [`Frame::payload`].
        payload: Vec<u8>,
        /// As [`Frame::trailer`].
        trailer: Vec<u8>,
        /// As [`Frame::offset`].
        offset: u64,
        /// As [`Frame::discarded`].
        discarded: u64,
    },
    /// As [`Event::Begin`].
    Begin {
        /// The head.
        head: Vec<u8>,
        /// The payload's length, if the head declares it.
        body: Option<u64>,
        /// Where the frame begins in the stream.
        offset: u64,
    },
    /// Chunks of a payload that follow each other, joined.
    Data(Vec<u8>),
    /// As [`Event::End`].
    End {
        /// The trailer.
        trailer: Vec<u8>,
        /// Payload bytes that were dropped.
        discarded: u64,
    },
    /// A frame that was dropped: the event, or the error that is not fatal.
    Skipped {
        /// Where the frame begins in the stream.
        offset: u64,
        /// The payload's length, if the head declared it.
        declared: Option<u64>,
        /// Payload bytes that were dropped.
        discarded: u64,
    },
    /// Bytes that were no frame: [`DecodeErrorKind::Resynced`].
    Resynced {
        /// Where they begin in the stream.
        offset: u64,
        /// How many they were.
        discarded: u64,
    },
    /// A fatal error, the last item of all.
    Error {
        /// What is wrong.
        kind: DecodeErrorKind,
        /// Where in the stream.
        offset: u64,
    },
}

impl Item {
    pub(super) fn of_frame(frame: &Frame<'_, '_>) -> Self {
        Self::Frame {
            head: frame.head().to_vec(),
            payload: frame.payload().to_vec(),
            trailer: frame.trailer().to_vec(),
            offset: frame.offset(),
            discarded: frame.discarded(),
        }
    }

    pub(super) fn of_event(event: Event<'_, '_>) -> Self {
        match event {
            Event::Begin { head, body, offset } => {
                Self::Begin { head: head.to_vec(), body, offset }
            }
            Event::Chunk(bytes) => Self::Data(bytes.to_vec()),
            Event::End { trailer, discarded } => Self::End { trailer: trailer.to_vec(), discarded },
            Event::Skipped { offset, declared, discarded } => {
                Self::Skipped { offset, declared, discarded }
            }
        }
    }

    pub(super) fn of_error(error: DecodeError) -> Self {
        Self::error(error.kind(), error.offset())
    }

    pub(super) fn error(kind: DecodeErrorKind, offset: u64) -> Self {
        match kind {
            DecodeErrorKind::Skipped { declared, discarded, .. } => {
                Self::Skipped { offset, declared, discarded }
            }
            DecodeErrorKind::Resynced { discarded } => Self::Resynced { offset, discarded },
            kind => Self::Error { kind, offset },
        }
    }

    /// Whether it comes of a stream that lost its place.
    pub(super) fn is_of_resync(&self) -> bool {
        matches!(
            self,
            Self::Resynced { .. } | Self::Error { kind: DecodeErrorKind::OutOfSync { .. }, .. }
        )
    }
}

/// A line for a person.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = |f: &mut fmt::Formatter<'_>, parts: &[(&str, &[u8])]| {
            let mut there = parts.iter().filter(|(_, bytes)| !bytes.is_empty());
            there.try_for_each(|(name, bytes)| write!(f, ", {name} {}", Bytes(bytes)))
        };
        let cut_off = |f: &mut fmt::Formatter<'_>, discarded: u64| match discarded {
            0 => Ok(()),
            n => write!(f, ", {n} bytes cut off"),
        };
        match self {
            Self::Frame { head, payload, trailer, offset, discarded } => {
                write!(f, "frame at {offset}: {}", Bytes(payload))?;
                parts(f, &[("head", head), ("trailer", trailer)])?;
                cut_off(f, *discarded)
            }
            Self::Begin { head, body, offset } => {
                write!(f, "begin at {offset}")?;
                parts(f, &[("head", head)])?;
                body.map_or(Ok(()), |body| write!(f, ", {body} bytes"))
            }
            Self::Data(data) => write!(f, "data {}", Bytes(data)),
            Self::End { trailer, discarded } => {
                f.write_str("end")?;
                parts(f, &[("trailer", trailer)])?;
                cut_off(f, *discarded)
            }
            Self::Skipped { offset, declared, discarded } => {
                write!(f, "skipped at {offset}: {discarded} bytes")?;
                declared.map_or(Ok(()), |declared| write!(f, ", {declared} declared"))
            }
            Self::Resynced { offset, discarded } => {
                write!(f, "passed over at {offset}: {discarded} bytes")
            }
            Self::Error { kind, offset } => write!(f, "error at {offset}: {kind}"),
        }
    }
}

/// Bytes as a string of Rust, the middle of long ones left out.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        if bytes.len() <= SHOWN {
            return write!(f, "b\"{}\"", bytes.escape_ascii());
        }
        let (front, back) = (&bytes[..SHOWN / 2], &bytes[bytes.len() - SHOWN / 4..]);
        let count = bytes.len();
        write!(f, "b\"{}\"..b\"{}\" ({count} bytes)", front.escape_ascii(), back.escape_ascii())
    }
}

const SHOWN: usize = 64;
