//! The push decoder: chunks that somebody else owns go in, frames lent from them come out.

use core::fmt;

use crate::buffer::drive;
use crate::halves::{Found, Halves};
use crate::machine::{Gift, Layout, Machine, Mode};
use crate::stash::Stash;
use crate::{AcceptError, Config, DecodeError, Event, Frame, Framing, MidFrame, Need, Payload};

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
}

/// What a decoder has done and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Bytes copied from chunks into the decoder since it was made.
    pub copied_bytes: u64,
    /// Bytes of heap that the decoder holds.
    pub capacity: usize,
}

impl<F: Framing> Decoder<F> {
    /// A decoder with the default [`Limits`](crate::Limits), where a frame past them is an error. See
    /// [`Config::decoder`] for others.
    pub fn new(framing: F) -> Self {
        Self::build(Config::new(framing))
    }

    pub(crate) fn build(config: Config<F>) -> Self {
        let Config { framing, limits, oversize, growth, .. } = config;
        let machine = Machine::new(framing, limits, oversize);
        Self { machine, held: Stash::new(growth), lent: 0, copied: 0 }
    }

    /// The next frame. `input` is moved past the bytes used; what follows a frame stays in it.
    ///
    /// `Ok(None)`: `input` is used up, and more is needed. An empty `input` is never the end of
    /// the stream; [`finish`](Self::finish) is.
    ///
    /// After a fatal error the unread bytes stay in `input`, and every later call uses up its
    /// input and returns the same error, or `Ok(None)` where there is no input. Where a frame was
    /// begun by events, the rest of it is skipped.
    #[inline]
    pub fn next<'d, 'c: 'd>(
        &'d mut self,
        input: &mut &'c [u8],
    ) -> Result<Option<Frame<'d, 'c>>, DecodeError> {
        if self.held.len() == 0 {
            let chunk = *input;
            if let Some(Layout { head, payload, trailer, offset, .. }) = self.machine.whole(chunk) {
                let (head, rest) = chunk.split_at(head);
                let (payload, rest) = rest.split_at(payload);
                let (trailer, rest) = rest.split_at(trailer);
                *input = rest;
                let payload = Payload::Direct(payload);
                return Ok(Some(Frame { head, payload, trailer, offset, discarded: 0 }));
            }
        }
        self.next_slow(input)
    }

    fn next_slow<'d, 'c: 'd>(
        &'d mut self,
        input: &mut &'c [u8],
    ) -> Result<Option<Frame<'d, 'c>>, DecodeError> {
        let chunk = *input;
        let found = self.advance(input, Mode::Frames, false)?;
        self.frame(found, chunk)
    }

    /// The next event of the frame in progress, for bodies that need not be held in memory.
    ///
    /// As [`next`](Self::next); nothing is buffered but a split head, a split trailer and a
    /// possible part of a delimiter. After [`Event::Begin`] the caller may go on with events, or
    /// [`accept`](Self::accept) or [`skip`](Self::skip) the frame.
    pub fn next_event<'d, 'c: 'd>(
        &'d mut self,
        input: &mut &'c [u8],
    ) -> Result<Option<Event<'d, 'c>>, DecodeError> {
        let chunk = *input;
        let found = self.advance(input, Mode::Events, false)?;
        Ok(self.event(found, chunk))
    }

    /// The stream has ended. To be called until it gives `Ok(None)`: what was held back may hold
    /// frames. An end in mid-frame is
    /// [`Truncated`](crate::DecodeErrorKind::Truncated).
    pub fn finish(&mut self) -> Result<Option<Frame<'_, 'static>>, DecodeError> {
        let found = self.advance(&mut &[][..], Mode::Frames, true)?;
        self.frame(found, &[])
    }

    /// The stream has ended, where events are taken: as [`finish`](Self::finish).
    pub fn finish_event(&mut self) -> Result<Option<Event<'_, 'static>>, DecodeError> {
        let found = self.advance(&mut &[][..], Mode::Events, true)?;
        Ok(self.event(found, &[]))
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

    /// The offset in the stream of the first byte of the frame in progress, or of the next frame.
    pub const fn offset(&self) -> u64 {
        self.machine.offset()
    }

    /// How many bytes the frame in progress needs, after `Ok(None)`.
    pub fn need(&self) -> Need {
        let held = self.held.len().saturating_sub(self.lent);
        self.machine.need(held.saturating_sub(self.machine.kept()))
    }

    /// Gives up the frame in progress and lends what is held of it: for going on with another
    /// decoder (after STARTTLS, an upgrade, a fatal error), which takes first this and then what is
    /// left in the input. After `next` returned a frame there is nothing: all that follows is in
    /// the input.
    pub fn take_tail(&mut self) -> Result<&[u8], MidFrame> {
        self.release();
        if !self.machine.is_raw() {
            return Err(MidFrame);
        }
        self.lent = self.held.len();
        self.machine.hand_off(self.lent);
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
    }

    /// Runs the machine over what is held and `input`.
    fn advance(
        &mut self,
        input: &mut &[u8],
        mode: Mode,
        eof: bool,
    ) -> Result<Option<Found>, DecodeError> {
        if let Some(error) = self.machine.failed() {
            if input.is_empty() && !eof {
                return Ok(None);
            }
            *input = &[];
            return Err(error);
        }
        self.release();
        let chunk = *input;
        let mut halves = Halves::new(&mut self.held, chunk);
        let gift = drive(&mut self.machine, &mut halves, mode, eof);
        let found = gift.map(|gift| gift.map(|gift| halves.take(gift)));
        self.copied = self.copied.saturating_add(halves.copied());
        *input = halves.unread();
        if let Ok(Some(found)) = &found {
            self.lent = found.lent;
        }
        found
    }

    /// Drops what the last call lent.
    fn release(&mut self) {
        if self.lent >= self.held.len() {
            self.held.clear();
        } else {
            self.held.remove(0, self.lent);
        }
        self.lent = 0;
    }

    fn frame<'d, 'c: 'd>(
        &'d mut self,
        found: Option<Found>,
        chunk: &'c [u8],
    ) -> Result<Option<Frame<'d, 'c>>, DecodeError> {
        let Some(found) = found else { return Ok(None) };
        match found.gift {
            Gift::Frame(Layout { offset, discarded, .. }) => Ok(Some(Frame {
                head: found.head.payload(&self.held, chunk).bytes(),
                payload: found.payload.payload(&self.held, chunk),
                trailer: found.trailer.payload(&self.held, chunk).bytes(),
                offset,
                discarded,
            })),
            Gift::Skipped { offset, declared, discarded, .. } => {
                Err(self.machine.skipped(offset, declared, discarded))
            }
            // The machine gives pieces to callers of `next_event` only.
            Gift::Begin { .. } | Gift::Chunk(_) | Gift::End { .. } => Ok(None),
        }
    }

    fn event<'d, 'c: 'd>(
        &'d mut self,
        found: Option<Found>,
        chunk: &'c [u8],
    ) -> Option<Event<'d, 'c>> {
        let found = found?;
        let held = &self.held;
        Some(match found.gift {
            Gift::Begin { body, offset, .. } => {
                Event::Begin { head: found.head.payload(held, chunk).bytes(), body, offset }
            }
            Gift::Chunk(_) => Event::Chunk(found.payload.payload(held, chunk)),
            Gift::End { discarded, .. } => {
                Event::End { trailer: found.trailer.payload(held, chunk).bytes(), discarded }
            }
            Gift::Skipped { offset, declared, discarded, .. } => {
                Event::Skipped { offset, declared, discarded }
            }
            // The machine gives whole frames to callers of `next` only.
            Gift::Frame(_) => return None,
        })
    }
}

impl<F> fmt::Debug for Decoder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
