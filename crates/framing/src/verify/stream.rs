//! A stream to try, and what it should yield.

use alloc::vec::Vec;

use super::Item;
use crate::DecodeErrorKind;

/// A stream, and what it should yield.
///
/// ```
/// use framing::verify::{Stream, Verifier};
/// use framing::{Config, DecodeErrorKind, Netstring};
///
/// let cut_short = DecodeErrorKind::Truncated { received: 4 };
/// let streams = [
///     Stream::new(b"5:hello,0:,").frame(b"hello").frame(b""),
///     Stream::new(b"2:yo,2:hi").frame(b"yo").error(cut_short, 5),
///     // The words of a `Malformed` are not compared when none are given.
///     Stream::new(b"05:hello,").error(DecodeErrorKind::Malformed(""), 1),
///     Stream::any(b"9:whatever"),
/// ];
/// Verifier::new(&Config::new(Netstring)).verify(streams)?;
/// # Ok::<(), framing::verify::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Option<Vec<Expected>>,
}

#[derive(Clone, Debug)]
pub(super) enum Expected {
    Payload(Vec<u8>),
    Item(Item),
}

impl Stream {
    /// A stream that yields what is said next, and nothing else.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), expected: Some(Vec::new()) }
    }

    /// A stream that may yield anything, if only it is always the same.
    pub fn any(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), expected: None }
    }

    /// Then a frame with this payload.
    #[must_use]
    pub fn frame(self, payload: impl AsRef<[u8]>) -> Self {
        self.then(Expected::Payload(payload.as_ref().to_vec()))
    }

    /// Then this error, which may be one that is not fatal, at this offset of the stream.
    #[must_use]
    pub fn error(self, kind: DecodeErrorKind, offset: u64) -> Self {
        self.item(Item::error(kind, offset))
    }

    /// Then exactly this item.
    #[must_use]
    pub fn item(self, item: Item) -> Self {
        self.then(Expected::Item(item))
    }

    fn then(mut self, expected: Expected) -> Self {
        self.expected.get_or_insert_default().push(expected);
        self
    }
}

impl Expected {
    pub(super) fn is(&self, got: &Item) -> bool {
        let malformed = |kind: &_| matches!(kind, DecodeErrorKind::Malformed(_));
        match (self, got) {
            (Self::Payload(expected), Item::Frame { payload, discarded: 0, .. }) => {
                expected == payload
            }
            (
                Self::Item(Item::Error { kind: DecodeErrorKind::Malformed(""), offset: at }),
                Item::Error { kind, offset },
            ) if malformed(kind) => at == offset,
            (Self::Item(expected), got) => expected == got,
            (Self::Payload(_), _) => false,
        }
    }
}
