//! What is wrong with a spec, and where.

use core::ops::Range;

use thiserror::Error;

use crate::BuildError;

/// Which part of a spec is wrong, and why.
///
/// ```
/// use framing::{Spec, SpecErrorKind};
///
/// let spec = "u16be,ofset=2";
/// let error = spec.parse::<Spec>().unwrap_err();
/// assert_eq!(error.kind(), SpecErrorKind::UnknownOption);
/// assert_eq!(&spec[error.at()], "ofset=2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} (bytes {} to {} of the spec)", at.start, at.end)]
pub struct SpecError {
    kind: SpecErrorKind,
    at: Range<usize>,
}

impl SpecError {
    pub(super) const fn new(kind: SpecErrorKind, at: Range<usize>) -> Self {
        Self { kind, at }
    }

    /// What is wrong.
    pub const fn kind(&self) -> SpecErrorKind {
        self.kind
    }

    /// The part of the spec that is wrong, in bytes.
    pub fn at(&self) -> Range<usize> {
        self.at.clone()
    }
}

/// The ways in which a spec can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecErrorKind {
    /// Nothing stands where a framing or an option should.
    #[error("a framing or an option is missing")]
    Missing,
    /// No framing has this name.
    #[error(
        "no framing has this name: there are u16be and its like, lines, crlf, delimiter, varint, fixed, netstring, content-length, chunked, cobs, slip and envelope"
    )]
    UnknownFraming,
    /// A field has 8, 16, 24, 32, 40, 48, 56 or 64 bits.
    #[error("a length field has 8, 16, 24, 32, 40, 48, 56 or 64 bits")]
    Width,
    /// A field of several bytes has an order.
    #[error("a length field of several bytes has be, le or ne behind its bits, for its byte order")]
    ByteOrder,
    /// A field of one byte has no order.
    #[error("a length field of one byte has no byte order: it is u8 or i8")]
    OneByte,
    /// Blanks do not belong into a spec.
    #[error("a spec has no blanks")]
    Blank,
    /// No framing has this option.
    #[error(
        "no framing has this option: there are offset, adjust, strip, strict, lenient, http, keep, max and oversize"
    )]
    UnknownOption,
    /// This framing does not have this option.
    #[error(
        "this framing does not have this option: the lengths have offset, adjust and strip, crlf has strict, varint has lenient, content-length has http, delimiter has keep"
    )]
    WrongOption,
    /// The option was given before.
    #[error("this option is given twice")]
    Twice,
    /// There is no value where one is needed.
    #[error("a value is missing: {0}")]
    NoValue(&'static str),
    /// There is a value where none is possible.
    #[error("this takes no value")]
    Value,
    /// A number of bytes is needed.
    #[error("a number of bytes is needed, such as 4")]
    Number,
    /// A number of bytes with a sign is needed.
    #[error("a number of bytes is needed, such as 4 or -4")]
    SignedNumber,
    /// A size is needed.
    #[error("a size is needed, such as 512, 64KiB or 1MiB")]
    Size,
    /// Bytes are needed, in hexadecimal.
    #[error(
        "bytes are needed in hexadecimal, behind 0x, such as 0x0d0a; several are separated by |"
    )]
    Hexadecimal,
    /// There is no such policy.
    #[error("the policy is error, skip, truncate or stream")]
    Policy,
    /// No framing can be made of these parameters.
    #[error("{0}")]
    Build(BuildError),
}
