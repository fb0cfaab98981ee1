//! What is found, as what is lent; and the machine, run over the window.

use super::{Current, Reassembler};
use crate::buffer::{Buffer, drive};
use crate::machine::{Gift, Layout, Mode, Shape};
use crate::storage::Storage;
use crate::{DecodeError, Event, Frame, Framing, Payload};

impl<F: Framing, S: Storage> Reassembler<F, S> {
    #[inline]
    pub(crate) fn frame(
        &mut self,
        gift: Option<Gift>,
    ) -> Result<Option<Frame<'_, '_>>, DecodeError> {
        match gift {
            Some(Gift::Frame(layout)) => {
                let taken = self.window.gather(layout);
                Ok(Some(self.lend(layout, taken)))
            }
            Some(Gift::Skipped { trailer, offset, declared, discarded }) => {
                (self.lent, self.ready) = (trailer, false);
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
    pub(super) fn lend(&mut self, layout: Layout, taken: usize) -> Frame<'_, '_> {
        (self.lent, self.ready) = (taken, false);
        self.current = Some(Current::Held(layout));
        self.window.note(layout.total());
        self.window.frame(layout)
    }

    /// Lends a frame and moves past it at once: what is stored here is loaded for the next frame, which
    /// cannot begin before.
    #[inline]
    pub(super) fn pass(&mut self, shape: Shape) -> Frame<'_, '_> {
        self.current = Some(Current::Passed(shape));
        self.window.pass(shape);
        self.passed(shape)
    }

    #[inline]
    pub(super) fn passed(&self, shape: Shape) -> Frame<'_, '_> {
        let [head, sealed, trailer] = self.window.passed(shape);
        let payload = sealed.len().saturating_sub(self.machine.seal());
        let payload = Payload::Gathered(sealed.get(..payload).unwrap_or_default());
        let offset = self.machine.offset().wrapping_sub(shape.bytes() as u64);
        Frame { head, payload, trailer, offset, discarded: 0 }
    }

    pub(crate) fn event(
        &mut self,
        gift: Option<Gift>,
    ) -> Result<Option<Event<'_, '_>>, DecodeError> {
        let Some(gift) = gift else { return Ok(None) };
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
        (self.lent, self.ready) = (lent, false);
        Ok(Some(event))
    }

    /// Runs the machine over what is held. But behind a frame, there is no gap where it stops.
    #[inline]
    pub(crate) fn advance(&mut self, mode: Mode, eof: bool) -> Result<Option<Gift>, DecodeError> {
        self.release();
        self.window.await_total(0);
        let gift = self.run(mode, eof);
        self.ready = self.machine.is_idle();
        gift
    }

    fn run(&mut self, mode: Mode, eof: bool) -> Result<Option<Gift>, DecodeError> {
        loop {
            let gift = drive(&mut self.machine, &mut self.window, mode, eof);
            let kept = self.machine.kept();
            match gift {
                // They were kept before what is kept now.
                Ok(Some(Gift::Chunk(n))) => self.window.close(n.saturating_add(kept)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => self.window.close(kept),
            }
            if let Some(gift) = gift? {
                return Ok(Some(gift));
            }
            if self.has_room() {
                break;
            }
            let pending = self.window.held().saturating_sub(kept);
            if !eof && self.machine.looks_again(pending) {
                continue;
            }
            // What cannot be a frame here may be passed over.
            let drop = self.machine.overflow(self.window.capacity())?;
            self.window.drop(kept, drop);
        }
        self.reserve();
        Ok(None)
    }

    /// Whether what the frame in progress needs next will fit, as far as it is known.
    pub(super) fn has_room(&self) -> bool {
        let (expected, kept) = (self.machine.expected(), self.machine.kept());
        !self.window.is_full() && !self.window.never_holds(expected, kept)
    }

    /// Makes room for what the head of the frame in progress declares, where that is wanted.
    pub(super) fn reserve(&mut self) {
        if self.window.reserves()
            && let Some(expected) = self.machine.expected()
        {
            self.window.expect(expected.saturating_add(self.machine.kept() as u64));
        }
    }

    /// The end is told only once nothing else is left, so that it does not matter to a frame that
    /// does not fit whether `next` was called before.
    pub(crate) fn conclude(&mut self, mode: Mode) -> Result<Option<Gift>, DecodeError> {
        match self.advance(mode, false)? {
            None => self.advance(mode, true),
            gift => Ok(gift),
        }
    }
}

#[cfg(test)]
impl<F: Framing, S: Storage> Reassembler<F, S> {
    pub(crate) fn without_short_cuts(mut self) -> Self {
        (self.machine.slow, self.ready) = (true, false);
        self
    }
}
