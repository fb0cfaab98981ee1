//! The push decoder: chunks that somebody else owns go in, frames lent from them come out.

mod gather;
mod run;

use core::fmt;

use crate::machine::{Gathered, Machine, Mode, Piece, Seen, Shape};
use crate::stash::Stash;
use crate::{AcceptError, Config, DecodeError, Event, Frame, Framing, MidFrame, Need, Payload};
use gather::Begun;

/// Turns chunks of a byte stream into frames, however the stream was cut.
///
/// Push a chunk, take frames until there are none, push the next chunk. A frame that lies whole in
/// a chunk is lent from it. What a chunk leaves incomplete is held until the next one; a head that
/// was split costs only the copy of the head.
///
/// ```
/// use framing::{Decoder, Lines};
///
/// let mut decoder = Decoder::new(Lines::lf());
/// let mut chunk: &[u8] = b"one\ntwo\nthr";
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"one");
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"two");
/// assert!(decoder.next(&mut chunk)?.is_none(), "the chunk is used up");
///
/// let mut chunk: &[u8] = b"ee\n";
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"three");
/// assert!(decoder.finish()?.is_none());
/// # Ok::<(), framing::DecodeError>(())
/// ```
pub struct Decoder<F> {
    machine: Machine<F>,
    held: Stash,
    /// Bytes at the front of `held` that were lent by the last call.
    lent: usize,
    copied: u64,
    /// Whether nothing is held but what is lent, and the machine is idle, as far as it is known: one
    /// test of a byte instead of one for each.
    ready: bool,
    begun: Begun,
    /// Chunks with fewer bytes than this only go on with what was begun.
    waits: usize,
    /// Of the frame that was begun, once its layout is known.
    shape: Shape,
}

/// What a decoder has done and holds.
///
/// ```
/// # use framing::{Decoder, Length};
/// let mut decoder = Decoder::new(Length::u16_be());
/// let mut chunk: &[u8] = b"\0\x05hello\0";
/// decoder.next(&mut chunk)?.expect("a whole frame");
/// assert_eq!(decoder.stats().copied_bytes, 0, "it was lent");
/// assert!(decoder.next(&mut chunk)?.is_none());
/// assert_eq!(decoder.stats().copied_bytes, 1, "the next one's first byte is held");
/// assert_eq!(decoder.stats().capacity, 0, "and needs no heap");
///
/// assert!(decoder.next(&mut &[&[200][..], &[7; 100]].concat()[..])?.is_none());
/// assert!(decoder.next(&mut &[7; 100][..])?.is_some());
/// assert!(decoder.stats().capacity >= 200, "a larger one was gathered");
/// decoder.shrink();
/// assert_eq!(decoder.stats().capacity, 0, "and its memory is given back");
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Bytes copied from chunks into the decoder since it was made.
    pub copied_bytes: u64,
    /// Bytes of heap that the decoder holds.
    pub capacity: usize,
}

type Next<'d, 'c> = Result<Option<Frame<'d, 'c>>, DecodeError>;

type NextEvent<'d, 'c> = Result<Option<Event<'d, 'c>>, DecodeError>;

impl<F: Framing> Decoder<F> {
    /// A decoder with the default [`Limits`](crate::Limits), where a frame past them is an error. See
    /// [`Config::decoder`] for others; it also asks the framing whether it can work with them,
    /// which this does not.
    pub fn new(framing: F) -> Self {
        Self::build(Config::new(framing))
    }

    pub(crate) fn build(config: Config<F>) -> Self {
        let Config { framing, limits, oversize, growth, .. } = config;
        let machine = Machine::new(framing, limits, oversize);
        let ready = machine.is_idle();
        Self {
            machine,
            held: Stash::new(growth),
            lent: 0,
            copied: 0,
            ready,
            begun: Begun::Other,
            waits: 0,
            shape: Shape::NONE,
        }
    }

    /// The next frame. `input` is moved past the bytes used; what follows a frame stays in it.
    ///
    /// Keep `input` in a variable, and call until there is none: `next(&mut &buffer[..n])` in a loop
    /// begins anew with the same bytes each time.
    ///
    /// `Ok(None)`: `input` is used up, and more is needed. An empty `input` is never the end of
    /// the stream; [`finish`](Self::finish) is.
    ///
    /// After a fatal error the unread bytes stay in `input`, and every later call uses up its
    /// input and returns the same error, or `Ok(None)` where there is no input. Where a frame was
    /// begun by events, the rest of it is skipped.
    ///
    /// ```
    /// # use framing::{Decoder, Netstring};
    /// let mut decoder = Decoder::new(Netstring);
    /// let mut chunk: &[u8] = b"2:yo,oops";
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"yo");
    /// assert_eq!(chunk, b"oops", "what follows a frame stays");
    ///
    /// let error = decoder.next(&mut chunk).unwrap_err();
    /// assert!(error.is_fatal());
    /// assert_eq!(chunk, b"oops", "and so do the bytes that were refused");
    /// assert_eq!(decoder.next(&mut &b"2:yo,"[..]).unwrap_err(), error);
    ///
    /// decoder.reset();
    /// assert_eq!(&*decoder.next(&mut &b"2:yo,"[..])?.unwrap().payload(), b"yo");
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    // By its size it would not be inlined, and what it lends would go through memory.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub fn next<'d, 'c: 'd>(
        &'d mut self,
        input: &mut &'c [u8],
    ) -> Result<Option<Frame<'d, 'c>>, DecodeError> {
        if self.ready {
            match self.machine.look(input) {
                Seen::Whole(whole) => {
                    *input = whole.rest;
                    return Ok(Some(whole.frame()));
                }
                Seen::Part(shape) => {
                    self.begin(shape, input);
                    *input = &[];
                    return Ok(None);
                }
                Seen::Head(total) => {
                    if !input.is_empty() {
                        self.begin_head(total, input);
                    }
                    *input = &[];
                    return Ok(None);
                }
                Seen::Open(head) => {
                    self.begin_open(head, input);
                    *input = &[];
                    return Ok(None);
                }
                Seen::Unclear => {}
            }
        } else {
            match self.begun {
                Begun::Head | Begun::Payload if self.waits > input.len() => {
                    self.go_on(input);
                    *input = &[];
                    return Ok(None);
                }
                Begun::Payload => {
                    let (next, rest) = self.end(input);
                    *input = rest;
                    return next;
                }
                Begun::Open => {
                    let (next, rest) = self.look_for_end(input);
                    *input = rest;
                    return next;
                }
                Begun::Head | Begun::Other => {}
            }
        }
        let (next, rest) = self.next_slow(input);
        *input = rest;
        next
    }

    /// Inlined, it would take the registers of the common case; and a caller's `input` whose address
    /// it were given would go through memory for every frame.
    #[inline(never)]
    fn next_slow<'d, 'c: 'd>(&'d mut self, chunk: &'c [u8]) -> (Next<'d, 'c>, &'c [u8]) {
        self.release();
        let mut rest = chunk;
        match self.top_up(&mut rest) {
            Gathered::Waits(_) => (Ok(None), rest),
            Gathered::Unclear => self.decide(rest),
            Gathered::Part(shape) => {
                (self.begun, self.waits, self.shape) = (Begun::Payload, shape.sealed, shape);
                if self.waits > rest.len() {
                    self.go_on(rest);
                    return (Ok(None), &[]);
                }
                self.end(rest)
            }
        }
    }

    fn decide<'d, 'c: 'd>(&'d mut self, chunk: &'c [u8]) -> (Next<'d, 'c>, &'c [u8]) {
        let mut rest = chunk;
        let found = self.advance(&mut rest, Mode::Frames, false);
        (found.and_then(|found| self.frame(found, chunk)), rest)
    }

    /// The next event of the frame in progress, for bodies that need not be held in memory.
    ///
    /// As [`next`](Self::next); nothing is buffered but a split head, a split trailer, a possible
    /// part of a delimiter or of a checksum, what of this chunk has to be decoded, and a frame that
    /// [`Resync`](crate::Resync) has to believe first. After [`Event::Begin`] the caller may go on with events, or
    /// [`accept`](Self::accept) or [`skip`](Self::skip) the frame.
    ///
    /// ```
    /// use framing::{Decoder, Event, LengthBuilder};
    ///
    /// // A byte for the kind, a length, the body: notes are wanted whole, files are streamed.
    /// let framing = LengthBuilder::u16_be().offset(1).build()?;
    /// let mut decoder = Decoder::new(framing);
    /// let (mut notes, mut file) = (Vec::new(), Vec::new());
    /// let mut whole = false;
    /// for mut chunk in [&b"N\0\x05he"[..], b"lloF\0\x04da", b"ta?\0\x02..", b"N\0\x02yo"] {
    ///     loop {
    ///         if whole {
    ///             let Some(note) = decoder.next(&mut chunk)? else { break };
    ///             notes.push(note.payload().to_vec());
    ///             whole = false;
    ///         }
    ///         match decoder.next_event(&mut chunk)? {
    ///             Some(Event::Begin { head: [b'N', ..], body, offset }) => {
    ///                 println!("a note at {offset}, {body:?} bytes");
    ///                 decoder.accept()?;
    ///                 whole = true;
    ///             }
    ///             Some(Event::Begin { head: [b'F', ..], .. }) => {}
    ///             Some(Event::Begin { .. }) => decoder.skip(),
    ///             Some(Event::Chunk(piece)) => file.extend_from_slice(&piece),
    ///             Some(Event::End { .. } | Event::Skipped { .. }) => {}
    ///             None => break,
    ///         }
    ///     }
    /// }
    /// assert!(decoder.finish_event()?.is_none());
    /// assert_eq!((notes, file), (vec![b"hello".to_vec(), b"yo".to_vec()], b"data".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    // As in `next`.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub fn next_event<'d, 'c: 'd>(
        &'d mut self,
        input: &mut &'c [u8],
    ) -> Result<Option<Event<'d, 'c>>, DecodeError> {
        if self.held.len() == 0
            && let Some([payload, rest]) = self.machine.flow(input)
        {
            *input = rest;
            let chunk = Event::Chunk(Payload::Direct(payload));
            return Ok((!payload.is_empty()).then_some(chunk));
        }
        let (event, rest) = self.next_event_slow(input);
        *input = rest;
        event
    }

    #[inline(never)]
    fn next_event_slow<'d, 'c: 'd>(&'d mut self, chunk: &'c [u8]) -> (NextEvent<'d, 'c>, &'c [u8]) {
        self.release();
        self.catch_up();
        if self.held.len() == 0
            && let Some(piece) = self.machine.piece(chunk)
        {
            self.settle();
            let (event, rest) = match piece {
                Piece::Waits => return (Ok(None), chunk),
                Piece::Begin { head, body, offset, rest } => {
                    (Event::Begin { head, body: Some(body), offset }, rest)
                }
                Piece::Chunk { payload, rest } => (Event::Chunk(Payload::Direct(payload)), rest),
                Piece::End { trailer, discarded, rest } => {
                    (Event::End { trailer, discarded }, rest)
                }
            };
            return (Ok(Some(event)), rest);
        }
        let mut rest = chunk;
        let found = self.advance(&mut rest, Mode::Events, false);
        (found.and_then(|found| self.event(found, chunk)), rest)
    }

    /// The stream has ended. To be called until it gives `Ok(None)`: what was held back may hold
    /// frames. An end in mid-frame is
    /// [`Truncated`](crate::DecodeErrorKind::Truncated).
    ///
    /// ```
    /// # use framing::{DecodeErrorKind, Decoder, Length, Lines};
    /// let mut decoder = Decoder::new(Lines::lf());
    /// assert!(decoder.next(&mut &b"last"[..])?.is_none());
    /// assert!(decoder.next(&mut &b""[..])?.is_none(), "an empty chunk is not the end");
    /// assert_eq!(&*decoder.finish()?.unwrap().payload(), b"last");
    /// assert!(decoder.finish()?.is_none());
    ///
    /// let mut decoder = Decoder::new(Length::u16_be());
    /// assert!(decoder.next(&mut &b"\0\x05he"[..])?.is_none());
    /// let error = decoder.finish().unwrap_err();
    /// assert_eq!(error.kind(), DecodeErrorKind::Truncated { received: 4 });
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub fn finish(&mut self) -> Result<Option<Frame<'_, 'static>>, DecodeError> {
        let found = self.advance(&mut &[][..], Mode::Frames, true)?;
        self.frame(found, &[])
    }

    /// The stream has ended, where events are taken: as [`finish`](Self::finish).
    pub fn finish_event(&mut self) -> Result<Option<Event<'_, 'static>>, DecodeError> {
        let found = self.advance(&mut &[][..], Mode::Events, true)?;
        self.event(found, &[])
    }

    /// Right after [`Event::Begin`]: the frame is wanted whole. [`next`](Self::next) will give it,
    /// with an empty head, since the event gave the head; to be called instead of
    /// [`next_event`](Self::next_event), whose example shows it, until it does. An error changes
    /// nothing.
    pub fn accept(&mut self) -> Result<(), AcceptError> {
        self.catch_up();
        self.machine.accept()
    }

    /// After [`Event::Begin`]: the rest of the frame is dropped as it arrives, without a report
    /// (but where it is past the limit and [`Oversize::Skip`](crate::Oversize::Skip) drops it
    /// already). A rule that it breaks is still an error. Between frames it does nothing.
    pub fn skip(&mut self) {
        self.catch_up();
        self.machine.skip();
    }

    /// The offset in the stream of the first byte of the frame in progress, or of the next frame, or
    /// of what was passed over and is not reported yet.
    ///
    /// ```
    /// # use framing::{Decoder, Lines};
    /// let mut decoder = Decoder::new(Lines::lf());
    /// let mut chunk: &[u8] = b"one\ntw";
    /// while decoder.next(&mut chunk)?.is_some() {}
    /// assert_eq!(decoder.offset(), 4, "where `two` begins");
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub const fn offset(&self) -> u64 {
        self.machine.offset()
    }

    /// How many bytes the frame in progress needs, after `Ok(None)`. [`Need`] shows what for.
    pub fn need(&self) -> Need {
        if let Some(rest) = self.rest() {
            return Need { at_least: rest, exact: Some(rest as u64) };
        }
        let held = self.held.len().saturating_sub(self.lent);
        self.machine.need(held.saturating_sub(self.machine.kept()))
    }

    /// Whether the next byte is the first of a frame.
    #[cfg(feature = "futures")]
    pub(crate) fn is_between_frames(&self) -> bool {
        self.machine.is_raw() && self.held.len() == self.lent
    }

    /// Gives up the frame in progress and lends what is held of it: for going on with another
    /// decoder (after STARTTLS, an upgrade, a fatal error), which takes first this and then what is
    /// left in the input. After `next` returned a frame there is nothing: all that follows is in
    /// the input. (Only [`Resync`](crate::Resync) may have found the frame in what it holds of a
    /// false one, and holds what follows too.)
    ///
    /// ```
    /// use framing::{Decoder, Length, Lines};
    ///
    /// // Lines, up to one that says START; then frames with a length.
    /// let mut chunk: &[u8] = b"START\r\n\0\x02yo";
    /// let mut lines = Decoder::new(Lines::crlf());
    /// assert_eq!(&*lines.next(&mut chunk)?.unwrap().payload(), b"START");
    /// assert!(lines.take_tail()?.is_empty());
    /// let mut frames = Decoder::new(Length::u16_be());
    /// assert_eq!(&*frames.next(&mut chunk)?.unwrap().payload(), b"yo");
    ///
    /// // The other protocol began where no line is complete: what is held of it goes first.
    /// let mut lines = Decoder::new(Lines::crlf());
    /// assert!(lines.next(&mut &b"\0\x02y"[..])?.is_none());
    /// let (mut tail, mut rest) = (lines.take_tail()?, &b"o"[..]);
    /// assert!(frames.next(&mut tail)?.is_none());
    /// assert_eq!(&*frames.next(&mut rest)?.unwrap().payload(), b"yo");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_tail(&mut self) -> Result<&[u8], MidFrame> {
        self.release();
        self.catch_up();
        if !self.machine.is_raw() {
            return Err(MidFrame);
        }
        self.lent = self.held.len();
        self.machine.hand_off(self.lent);
        self.settle();
        Ok(self.held.bytes())
    }

    /// What the decoder has copied, and holds.
    pub fn stats(&self) -> Stats {
        Stats { copied_bytes: self.copied, capacity: self.held.capacity() }
    }

    /// Gives back the memory that is not in use.
    pub fn shrink(&mut self) {
        self.release();
        self.held.shrink();
    }

    /// Drops what is held and begins anew, with offset zero: for a new stream, or after an error.
    pub fn reset(&mut self) {
        self.machine.reset();
        self.held.clear();
        self.lent = 0;
        self.settle();
    }
}

impl<F> fmt::Debug for Decoder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
