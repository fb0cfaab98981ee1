//! How large a frame may be, and what happens to a larger one.

use crate::BuildError;

/// Upper bounds of one frame, in bytes (`parts`: a count).
///
/// There is no way to go without: what a peer claims is checked against these before anything is
/// reserved or read for it.
///
/// ```text
/// | head | payload of part 1 | head 2 | payload of part 2 | trailer |
/// ```
///
/// ```
/// use framing::{Config, DecodeErrorKind, Length, Limits, Lines};
///
/// let limits = Limits { payload: 1 << 20, ..Limits::default() };
/// let mut decoder = Config::new(Length::u32_be()).limits(limits).decoder()?;
/// let error = decoder.next(&mut &b"\xFF\xFF\xFF\xFF"[..]).unwrap_err();
/// let kind = DecodeErrorKind::TooLong { declared: Some(0xFFFF_FFFF), limit: 1 << 20 };
/// assert_eq!(error.kind(), kind);
/// assert_eq!(decoder.stats().capacity, 0, "nothing was reserved");
///
/// // Where no length is declared, the limit is found when it is passed.
/// let mut lines = Config::new(Lines::lf()).max_payload(3).decoder()?;
/// assert!(lines.next(&mut &b"fou"[..])?.is_none());
/// let kind = DecodeErrorKind::TooLong { declared: None, limit: 3 };
/// assert_eq!(lines.next(&mut &b"r"[..]).unwrap_err().kind(), kind);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// Frames of 2, 5 and 1 bytes, where the limit is 3:
///
/// ```text
/// wire:      | 02 | y o | 05 | h e l l o | 01 | a |
/// Error:          | y o | TooLong at 3
/// Skip:           | y o | Skipped at 3        | a |
/// Truncate:       | y o |    | h e l |        | a |     discarded() is 2
/// Stream:         | y o |    | h e l l o |    | a |     by next_event; by next: as Error
/// ```
///
/// ```
/// use framing::{Config, Event, Length, Oversize};
///
/// let wire = b"\x02yo\x05hello\x01a";
/// let by_next = |oversize| {
///     let mut decoder = Config::new(Length::u8()).max_payload(3).oversize(oversize).decoder()?;
///     let (mut chunk, mut told) = (&wire[..], Vec::new());
///     loop {
///         told.push(match decoder.next(&mut chunk) {
///             Ok(Some(frame)) => {
///                 format!("{}+{}", frame.payload().escape_ascii(), frame.discarded())
///             }
///             Ok(None) => break,
///             Err(error) if error.is_fatal() => {
///                 told.push(format!("{error}"));
///                 break;
///             }
///             Err(error) => format!("{error}"),
///         });
///     }
///     Ok::<_, framing::BuildError>(told)
/// };
/// let too_long = "the frame's payload of 5 bytes is longer than the limit of 3 bytes \
///                 (at byte 3 of the stream)";
/// let skipped = "a frame was skipped: its payload of 5 bytes is longer than the limit of 3 bytes \
///                (at byte 3 of the stream)";
/// assert_eq!(by_next(Oversize::Error)?, ["yo+0", too_long]);
/// assert_eq!(by_next(Oversize::Skip)?, ["yo+0", skipped, "a+0"]);
/// assert_eq!(by_next(Oversize::Truncate)?, ["yo+0", "hel+2", "a+0"]);
/// assert_eq!(by_next(Oversize::Stream)?, ["yo+0", too_long]);
///
/// let config = Config::new(Length::u8()).max_payload(3).oversize(Oversize::Stream);
/// let (mut decoder, mut chunk, mut body) = (config.decoder()?, &wire[..], Vec::new());
/// while let Some(event) = decoder.next_event(&mut chunk)? {
///     if let Event::Chunk(piece) = event {
///         body.push(piece.to_vec());
///     }
/// }
/// assert_eq!(body, [&b"yo"[..], b"hello", b"a"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
