//! The decoder with a buffer of its own: read straight into it, frames are lent from it.

use core::fmt;

use crate::buffer::drive;
use crate::machine::{Gift, Layout, Machine, Mode};
use crate::window::Window;
use crate::{AcceptError, Config, DecodeError, Event, Frame, Framing, Need, Payload};

/// Turns what was read into its buffer into frames.
///
/// This is the mode for sockets and files: bytes are read once to where the frames are lent from,
/// and only the incomplete tail of a read is ever moved.
///
/// ```
/// use std::io::Read;
/// use framing::{Length, Reassembler};
///
/// let mut socket: &[u8] = b"\0\0\0\x05hello\0\0\0\x02yo";
/// let mut reassembler = Reassembler::new(Length::u32_be());
/// let mut messages = Vec::new();
/// loop {
///     while let Some(frame) = reassembler.next()? {
///         messages.push(frame.payload().to_vec());
///     }
///     match socket.read(reassembler.space())? {
///         0 => break,
///         n => reassembler.filled(n),
///     }
/// }
/// // The end may complete frames (an unterminated last line), or show that one is truncated.
/// while let Some(frame) = reassembler.finish()? {
///     messages.push(frame.payload().to_vec());
/// }
/// assert_eq!(messages, [&b"hello"[..], b"yo"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reassembler<F> {
    machine: Machine<F>,
    window: Window,
    /// The frame that the last `next` gave.
    current: Option<Layout>,
    /// Bytes at the front of the window that were lent by the last call.
    lent: usize,
}

impl<F: Framing> Reassembler<F> {
    /// A reassembler with the default [`Limits`](crate::Limits), where a frame past them is an
    /// error. See [`Config::reassembler`] for others.
    pub fn new(framing: F) -> Self {
        Self::build(Config::new(framing))
    }

    pub(crate) fn build(config: Config<F>) -> Self {
        let Config { framing, limits, oversize, capacity } = config;
        let machine = Machine::new(framing, limits, oversize);
        Self { machine, window: Window::new(capacity), current: None, lent: 0 }
    }

    /// Room to read into, never empty. What was lent is given up.
    ///
    /// It is at least half of a buffer that holds nothing. The buffer grows only as bytes arrive,
    /// to at most twice what it holds.
    pub fn space(&mut self) -> &mut [u8] {
        self.release();
        self.window.space()
    }

    /// Says that the first `n` bytes of [`space`](Self::space) were filled. More than there was
    /// room for counts as all of it.
    pub fn filled(&mut self, n: usize) {
        if self.machine.failed().is_none() {
            self.window.filled(n);
        }
    }

    /// The next frame. `Ok(None)`: all that is complete was given, and more is needed.
    ///
    /// After a fatal error every call returns the same error; what arrives then is dropped, what
    /// had arrived stays in [`unread`](Self::unread).
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        self.release();
        match self.machine.whole(self.window.bytes()) {
            Some(layout) => Ok(Some(self.lend(layout))),
            None => self.next_slow(false),
        }
    }

    /// The frame that the last call of [`next`](Self::next) gave, as long as it is lent: until
    /// another method that changes the reassembler is called.
    pub fn current(&self) -> Option<Frame<'_, '_>> {
        self.current.map(|layout| self.window.frame(layout))
    }

    /// The next event of the frame in progress, for bodies that need not be held in memory; see
    /// [`Decoder::next_event`](crate::Decoder::next_event).
    ///
    /// ```
    /// use framing::{Event, Length, Reassembler};
    ///
    /// let mut reassembler = Reassembler::new(Length::u8());
    /// let wire = b"\x02yo\x05hello\x04skip";
    /// reassembler.space()[..wire.len()].copy_from_slice(wire);
    /// reassembler.filled(wire.len());
    ///
    /// // The first is wanted whole, the second piece by piece, the third not at all.
    /// assert!(matches!(reassembler.next_event()?, Some(Event::Begin { body: Some(2), .. })));
    /// reassembler.accept()?;
    /// assert_eq!(&*reassembler.next()?.unwrap().payload(), b"yo");
    /// assert!(matches!(reassembler.next_event()?, Some(Event::Begin { body: Some(5), .. })));
    /// assert!(matches!(reassembler.next_event()?, Some(Event::Chunk(_))));
    /// assert!(matches!(reassembler.next_event()?, Some(Event::End { .. })));
    /// assert!(matches!(reassembler.next_event()?, Some(Event::Begin { body: Some(4), .. })));
    /// reassembler.skip();
    /// assert!(reassembler.next_event()?.is_none());
    /// assert!(reassembler.finish_event()?.is_none());
    ///
    /// reassembler.shrink();
    /// assert_eq!(reassembler.capacity(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event(&mut self) -> Result<Option<Event<'_, '_>>, DecodeError> {
        self.event(false)
    }

    /// The stream has ended. To be called until it gives `Ok(None)`. An end in mid-frame is
    /// [`Truncated`](crate::DecodeErrorKind::Truncated).
    pub fn finish(&mut self) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        self.release();
        self.next_slow(true)
    }

    /// The stream has ended, where events are taken: as [`finish`](Self::finish).
    pub fn finish_event(&mut self) -> Result<Option<Event<'_, '_>>, DecodeError> {
        self.event(true)
    }

    /// Right after [`Event::Begin`]: the frame is wanted whole. [`next`](Self::next) will give it,
    /// with an empty head, since the event gave the head. An error changes nothing.
    pub fn accept(&mut self) -> Result<(), AcceptError> {
        self.machine.accept()
    }

    /// After [`Event::Begin`]: the rest of the frame is dropped as it arrives, without a report
    /// (but where it is past the limit and [`Oversize::Skip`](crate::Oversize::Skip) drops it
    /// already). Between frames it does nothing.
    pub fn skip(&mut self) {
        self.machine.skip();
    }

    /// How many bytes the frame in progress needs, after `Ok(None)`.
    pub fn need(&self) -> Need {
        self.machine.need(self.unread().len().saturating_sub(self.machine.kept()))
    }

    /// Goes on with another framing, with the same limits, from the first byte of the frame in
    /// progress: for protocols that change in mid-stream (STARTTLS, an upgrade). Buffer and offset
    /// stay. In the middle of a frame that is skipped, streamed or joined it is refused, and the
    /// reassembler comes back as it was.
    ///
    /// ```
    /// use framing::{Length, Lines, Need, Reassembler};
    ///
    /// /// What a read from a socket does.
    /// fn read<F: framing::Framing>(into: &mut Reassembler<F>, bytes: &[u8]) {
    ///     into.space()[..bytes.len()].copy_from_slice(bytes);
    ///     into.filled(bytes.len());
    /// }
    ///
    /// let mut lines = Reassembler::new(Lines::crlf());
    /// read(&mut lines, b"START\r\n\0\x05he");
    /// assert_eq!(&*lines.next()?.unwrap().payload(), b"START");
    /// assert_eq!(&*lines.current().unwrap().payload(), b"START", "as long as it is lent");
    ///
    /// // From here on frames have a length: with the same buffer, and the same count of bytes.
    /// assert_eq!(lines.unread(), b"\0\x05he");
    /// let mut frames = lines.switch(Length::u16_be()).map_err(|_| "in mid-frame")?;
    /// assert!(frames.next()?.is_none());
    /// assert_eq!((frames.offset(), frames.need()), (7, Need { at_least: 3, exact: Some(3) }));
    /// read(&mut frames, b"llo");
    /// let frame = frames.next()?.unwrap();
    /// assert_eq!((frame.offset(), &*frame.payload()), (7, &b"hello"[..]));
    ///
    /// assert!(frames.finish()?.is_none(), "the stream ended between two frames");
    /// frames.reset();
    /// assert_eq!(frames.offset(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(clippy::result_large_err, reason = "a refusal gives back what was passed in")]
    pub fn switch<G: Framing>(mut self, framing: G) -> Result<Reassembler<G>, Self> {
        if !self.machine.is_raw() {
            return Err(self);
        }
        self.release();
        let Self { machine, window, .. } = self;
        Ok(Reassembler { machine: machine.switch(framing), window, current: None, lent: 0 })
    }

    /// The bytes that were read and not handed out: of the frame in progress, and behind it.
    pub fn unread(&self) -> &[u8] {
        self.window.bytes().get(self.lent..).unwrap_or_default()
    }

    /// The offset in the stream of the first byte of the frame in progress, or of the next frame.
    pub const fn offset(&self) -> u64 {
        self.machine.offset()
    }

    /// The size of the buffer in bytes.
    pub fn capacity(&self) -> usize {
        self.window.capacity()
    }

    /// Gives back the memory that is not in use.
    pub fn shrink(&mut self) {
        self.release();
        self.window.resize(self.window.held());
    }

    /// Drops what is held and begins anew, with offset zero: for a new stream, or after an error.
    pub fn reset(&mut self) {
        self.machine.reset();
        self.lent = usize::MAX;
        self.shrink();
    }

    fn next_slow(&mut self, eof: bool) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        match drive(&mut self.machine, &mut self.window, Mode::Frames, eof)? {
            Some(Gift::Frame(layout)) => Ok(Some(self.lend(layout))),
            Some(Gift::Skipped { trailer, offset, declared, discarded }) => {
                self.lent = trailer;
                Err(self.machine.skipped(offset, declared, discarded))
            }
            Some(Gift::Resynced { offset, discarded }) => {
                Err(DecodeError::resynced(offset, discarded))
            }
            // The machine gives pieces to callers of `next_event` only.
            Some(Gift::Begin { .. } | Gift::Chunk(_) | Gift::End { .. }) | None => Ok(None),
        }
    }

    #[inline]
    fn lend(&mut self, layout: Layout) -> Frame<'_, '_> {
        self.lent = layout.total();
        self.current = Some(layout);
        self.window.note(self.lent);
        self.window.frame(layout)
    }

    fn event(&mut self, eof: bool) -> Result<Option<Event<'_, '_>>, DecodeError> {
        self.release();
        let Some(gift) = drive(&mut self.machine, &mut self.window, Mode::Events, eof)? else {
            return Ok(None);
        };
        if let Gift::End { trailer, .. } = gift {
            self.window.note(trailer);
        }
        let piece = |n: usize| self.window.bytes().get(..n).unwrap_or_default();
        let (lent, event) = match gift {
            Gift::Begin { head, body, offset } => {
                (head, Event::Begin { head: piece(head), body, offset })
            }
            Gift::Chunk(n) => (n, Event::Chunk(Payload::Gathered(piece(n)))),
            Gift::End { trailer, discarded } => {
                (trailer, Event::End { trailer: piece(trailer), discarded })
            }
            Gift::Skipped { trailer, offset, declared, discarded } => {
                (trailer, Event::Skipped { offset, declared, discarded })
            }
            Gift::Resynced { offset, discarded } => {
                return Err(DecodeError::resynced(offset, discarded));
            }
            // The machine gives whole frames to callers of `next` only.
            Gift::Frame(_) => return Ok(None),
        };
        self.lent = lent;
        Ok(Some(event))
    }

    /// Drops what the last call lent.
    #[inline]
    fn release(&mut self) {
        self.window.consume(self.lent);
        self.lent = 0;
        self.current = None;
    }
}

impl<F> fmt::Debug for Reassembler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembler")
            .field("held", &self.window.bytes().len())
            .finish_non_exhaustive()
    }
}
