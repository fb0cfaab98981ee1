//! The decoder with a buffer of its own: read straight into it, frames are lent from it.

mod gather;
mod run;

use alloc::vec::Vec;
use core::fmt;

use crate::machine::{Gift, Layout, Machine, Mode, Piece, Seen, Shape};
use crate::storage::Storage;
use crate::window::Window;
use crate::{AcceptError, BuildError, Config, DecodeError, Event, Frame, Framing, Need};
use gather::Known;

/// Turns what was read into its buffer into frames.
///
/// This is the mode for sockets and files: bytes are read once to where the frames are lent from,
/// and only the incomplete tail of a read is ever moved, and the parts of a frame that are joined.
///
/// The buffer is a `Vec` that grows with what arrives, or a [`Storage`] of fixed size: for that see
/// [`with_storage`](Self::with_storage).
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
pub struct Reassembler<F, S = Vec<u8>> {
    machine: Machine<F>,
    window: Window<S>,
    /// The frame that the last `next` gave.
    current: Option<Current>,
    /// Bytes at the front of the window that go with what the last call lent.
    lent: usize,
    /// Whether no byte of the window is lent, and the machine is idle, as far as it is known.
    ready: bool,
}

/// Where the frame lies that was lent last.
#[derive(Clone, Copy)]
enum Current {
    /// Before the front of the window.
    Passed(Shape),
    /// At its front.
    Held(Layout),
}

impl<F: Framing> Reassembler<F> {
    /// A reassembler with the default [`Limits`](crate::Limits), where a frame past them is an
    /// error. See [`Config::reassembler`] for others.
    pub fn new(framing: F) -> Self {
        Self::build(Config::new(framing), Vec::new())
    }
}

impl<F: Framing, S: Storage> Reassembler<F, S> {
    /// A reassembler that reads into `storage`, with the default [`Limits`](crate::Limits), where a
    /// frame past them is an error. See [`Config::reassembler_in`] for others.
    ///
    /// ```
    /// use framing::{Length, Reassembler};
    ///
    /// // Nothing is allocated, and no frame of more than 256 bytes is taken.
    /// let mut reassembler = Reassembler::with_storage(Length::u16_be(), [0; 256])?;
    /// reassembler.space()[..4].copy_from_slice(b"\0\x02hi");
    /// reassembler.filled(4);
    /// assert_eq!(&*reassembler.next()?.unwrap().payload(), b"hi");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_storage(framing: F, storage: S) -> Result<Self, BuildError> {
        let config = Config::new(framing);
        config.check()?;
        Self::build_in(config, storage)
    }

    pub(crate) fn build_in(config: Config<F>, storage: S) -> Result<Self, BuildError> {
        let built = Self::build(config, storage);
        let needed = built.machine.need(0).at_least;
        if built.window.never_holds(Some(needed as u64), 0) {
            return Err(BuildError::StorageTooSmall { needed });
        }
        Ok(built)
    }

    pub(crate) fn build(config: Config<F>, storage: S) -> Self {
        let Config { framing, limits, oversize, capacity, growth } = config;
        let machine = Machine::new(framing, limits, oversize);
        let window = Window::new(storage, capacity, growth);
        Self { ready: machine.is_idle(), machine, window, current: None, lent: 0 }
    }

    /// Room to read into. What was lent is given up.
    ///
    /// It is never empty where the buffer grows, which it does only as bytes arrive, to at most
    /// twice what it holds, or as [`Config::reserve_declared`] says. It is empty where a storage
    /// that does not grow is full: of frames that were not taken, or of one that does not fit, which
    /// is the error that `next` gives. So after `Ok(None)` it is never empty.
    ///
    /// Take all frames before reading on: to make room among frames that were not taken, they are
    /// moved.
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
    // What it lends goes to the caller in registers only if it is inlined, which by size it is not.
    #[allow(clippy::should_implement_trait, clippy::inline_always)]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        if self.window.lacks() {
            return Ok(None);
        }
        if self.ready
            && let Some(bytes) = self.window.some_bytes()
        {
            match self.machine.look(bytes) {
                Seen::Whole(whole) => {
                    let shape = whole.shape();
                    return Ok(Some(self.pass(shape)));
                }
                Seen::Part(shape) => {
                    if self.await_all(shape) {
                        return Ok(None);
                    }
                }
                Seen::Head(total) => {
                    if self.await_head(total) {
                        return Ok(None);
                    }
                }
                Seen::Open(head) => {
                    if self.begin_open(head) {
                        return Ok(None);
                    }
                }
                Seen::Unclear => {}
            }
        }
        self.next_slow()
    }

    /// The frame that the last call of [`next`](Self::next) or [`finish`](Self::finish) gave, as long
    /// as it is lent: until another method that changes the reassembler is called. For returning it
    /// from a loop that reads, which the borrow by `next` does not allow.
    pub fn current(&self) -> Option<Frame<'_, '_>> {
        Some(match self.current? {
            Current::Passed(shape) => self.passed(shape),
            Current::Held(layout) => self.window.frame(layout),
        })
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
        self.release();
        self.window.await_total(0);
        let gift = match self.machine.piece(self.window.bytes()) {
            Some(Piece::Waits) => return Ok(None),
            Some(Piece::Begin { head, body, offset, .. }) => {
                Gift::Begin { head: head.len(), body: Some(body), offset }
            }
            Some(Piece::Chunk { payload, .. }) => Gift::Chunk(payload.len()),
            Some(Piece::End { trailer, discarded, .. }) => {
                Gift::End { trailer: trailer.len(), discarded }
            }
            None => {
                let gift = self.advance(Mode::Events, false)?;
                return self.event(gift);
            }
        };
        self.ready = self.machine.is_idle();
        self.event(Some(gift))
    }

    /// The stream has ended. To be called until it gives `Ok(None)`. An end in mid-frame is
    /// [`Truncated`](crate::DecodeErrorKind::Truncated).
    pub fn finish(&mut self) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        let gift = self.conclude(Mode::Frames)?;
        self.frame(gift)
    }

    /// The stream has ended, where events are taken: as [`finish`](Self::finish).
    pub fn finish_event(&mut self) -> Result<Option<Event<'_, '_>>, DecodeError> {
        let gift = self.conclude(Mode::Events)?;
        self.event(gift)
    }

    /// Right after [`Event::Begin`]: the frame is wanted whole. [`next`](Self::next) will give it,
    /// with an empty head, since the event gave the head. An error changes nothing.
    pub fn accept(&mut self) -> Result<(), AcceptError> {
        self.machine.accept()
    }

    /// After [`Event::Begin`]: the rest of the frame is dropped as it arrives, without a report
    /// (but where it is past the limit and [`Oversize::Skip`](crate::Oversize::Skip) drops it
    /// already). A rule that it breaks is still an error. Between frames it does nothing.
    pub fn skip(&mut self) {
        self.machine.skip();
    }

    /// How many bytes the frame in progress needs, after `Ok(None)`.
    pub fn need(&self) -> Need {
        if let Some(missing) = self.window.missing().filter(|_| !self.machine.awaits_head()) {
            return Need { at_least: missing.max(1), exact: Some(missing as u64) };
        }
        self.machine.need(self.unread().len().saturating_sub(self.machine.kept()))
    }

    /// Goes on with another framing, with the same limits, from the first byte of the frame in
    /// progress: for protocols that change in mid-stream (STARTTLS, an upgrade). Storage, bytes and
    /// offset stay. In the middle of a frame that is skipped, streamed, joined or decoded it is
    /// refused, and the reassembler comes back as it was; so also where the framing does not
    /// [build](Config::reassembler_in) with these limits in this storage. For other limits begin
    /// another reassembler with what is [unread](Self::unread).
    ///
    /// Where the change makes a connection secure, bytes that are unread already came before it and
    /// may be anybody's: check that there are none.
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
    pub fn switch<G: Framing>(mut self, framing: G) -> Result<Reassembler<G, S>, Self> {
        self.release();
        let builds = |machine: &Machine<G>| {
            !self.window.never_holds(Some(machine.need(0).at_least as u64), 0)
        };
        let Some(machine) = self.machine.switch(framing).filter(builds) else {
            return Err(self);
        };
        self.window.await_total(0);
        let ready = machine.is_idle();
        Ok(Reassembler { machine, window: self.window, current: None, lent: 0, ready })
    }

    /// The bytes that were read and not handed out: of the frame in progress, and behind it. Of a
    /// frame that is joined, or past the limit, what was dropped already is not among them; of one
    /// whose payload is stuffed, what was decoded already stands decoded.
    pub fn unread(&self) -> &[u8] {
        self.window.bytes().get(self.lent..).unwrap_or_default()
    }

    /// The offset in the stream of the first byte of the frame in progress, or of the next frame, or
    /// of what was passed over and is not reported yet.
    pub const fn offset(&self) -> u64 {
        self.machine.offset()
    }

    /// The size of the buffer in bytes.
    pub fn capacity(&self) -> usize {
        self.window.capacity()
    }

    /// Gives back the memory that is not in use, where the storage can change its size.
    pub fn shrink(&mut self) {
        self.release();
        if self.window.reserves() {
            // Room that was made for the frame in progress is to be made again.
            self.window.await_total(0);
        }
        self.window.shrink();
    }

    /// Drops what is held and begins anew, with offset zero: for a new stream, or after an error.
    pub fn reset(&mut self) {
        self.machine.reset();
        self.lent = usize::MAX;
        self.window.await_total(0);
        self.shrink();
        self.ready = self.machine.is_idle();
    }

    // Inlined, it would take the registers of the common case in `next`.
    #[inline(never)]
    fn next_slow(&mut self) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        self.release();
        let known = self.gather();
        self.ready = self.machine.is_idle();
        match known {
            Some(Known::Waits) => Ok(None),
            Some(Known::Whole(shape)) => Ok(Some(self.pass(shape))),
            Some(Known::Ends(layout)) => Ok(Some(self.end(layout))),
            None => {
                let gift = self.advance(Mode::Frames, false)?;
                self.frame(gift)
            }
        }
    }

    /// Drops what the last call lent.
    #[inline]
    fn release(&mut self) {
        self.window.consume(self.lent);
        self.lent = 0;
        self.current = None;
    }
}

impl<F, S: Storage> fmt::Debug for Reassembler<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembler").field("held", &self.window.held()).finish_non_exhaustive()
    }
}
