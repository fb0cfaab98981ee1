//! How large a frame may be, and what happens to a larger one.

use crate::BuildError;

/// Upper bounds of one frame, in bytes (`parts`: a count).
///
/// There is no way to go without: what a peer claims is checked against these before anything is
/// reserved or read for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The head: everything before the payload that is not handed out as payload, and what must be
    /// seen to tell where it ends. 8 KiB.
    pub head: usize,
    /// The payload as it is handed out: without head and trailer, all parts joined. 8 MiB.
    pub payload: usize,
    /// What follows the payload and belongs to the frame (padding, checksum). A delimiter does not
    /// count: it is the framing's own. 8 KiB.
    pub trailer: usize,
    /// The parts that one frame may be joined from. 1,024.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 8 << 10, payload: 8 << 20, trailer: 8 << 10, parts: 1024 }
    }
}

impl Limits {
    /// Refuses limits whose sum no buffer can hold.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        self.head
            .checked_add(self.payload)
            .and_then(|sum| sum.checked_add(self.trailer))
            .filter(|&sum| isize::try_from(sum).is_ok())
            .map(|_| ())
            .ok_or(BuildError::LimitsOverflow)
    }
}

/// What becomes of a frame whose payload is past [`Limits::payload`].
///
/// It is reported exactly once, at the offset of the frame's start: by a fatal error (`Error`, and
/// `Stream` where frames are wanted whole), or when the frame has ended, with the decoder in step
/// with the stream (`Skip`, `Truncate`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// A fatal [`TooLong`](crate::DecodeErrorKind::TooLong).
    #[default]
    Error,
    /// The frame is dropped as it arrives. When it has ended, `next` returns the non-fatal
    /// [`Skipped`](crate::DecodeErrorKind::Skipped), and `next_event` gives
    /// [`Event::Skipped`](crate::Event::Skipped).
    Skip,
    /// The first `payload` bytes are handed out, the rest is dropped and counted in
    /// [`Frame::discarded`](crate::Frame::discarded).
    Truncate,
    /// `next_event` hands out all of it, piece by piece; for `next` this is `Error`.
    Stream,
}
