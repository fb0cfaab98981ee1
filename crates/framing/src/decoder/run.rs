//! The machine, run over what is held and a chunk; and what it found, as what is handed out.

use super::Decoder;
use crate::buffer::drive;
use crate::halves::{Found, Halves};
use crate::machine::{Gift, Layout, Mode};
use crate::{DecodeError, Event, Frame, Framing};

impl<F: Framing> Decoder<F> {
    /// Runs the machine over what is held and `input`.
    pub(super) fn advance(
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
        self.catch_up();
        let chunk = *input;
        let mut halves = Halves::new(&mut self.held, chunk);
        let gift = drive(&mut self.machine, &mut halves, mode, eof);
        let found = gift.map(|gift| gift.map(|gift| halves.take(gift)));
        self.copied = self.copied.saturating_add(halves.copied());
        *input = halves.unread();
        if let Ok(Some(found)) = &found {
            self.lent = found.lent;
        }
        self.settle();
        found
    }

    /// Drops what the last call lent.
    #[inline]
    pub(super) fn release(&mut self) {
        if self.lent == 0 {
            return;
        }
        if self.lent >= self.held.len() {
            self.held.clear();
        } else {
            self.held.remove(0, self.lent);
        }
        self.lent = 0;
    }

    pub(super) fn frame<'d, 'c: 'd>(
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
            Gift::Resynced { offset, discarded } => Err(DecodeError::resynced(offset, discarded)),
            // The machine gives pieces to callers of `next_event` only.
            Gift::Begin { .. } | Gift::Chunk(_) | Gift::End { .. } => Ok(None),
        }
    }

    pub(super) fn event<'d, 'c: 'd>(
        &'d mut self,
        found: Option<Found>,
        chunk: &'c [u8],
    ) -> Result<Option<Event<'d, 'c>>, DecodeError> {
        let Some(found) = found else { return Ok(None) };
        let held = &self.held;
        Ok(Some(match found.gift {
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
            Gift::Resynced { offset, discarded } => {
                return Err(DecodeError::resynced(offset, discarded));
            }
            // The machine gives whole frames to callers of `next` only.
            Gift::Frame(_) => return Ok(None),
        }))
    }
}

#[cfg(test)]
impl<F: Framing> Decoder<F> {
    pub(crate) fn without_short_cuts(mut self) -> Self {
        (self.machine.slow, self.ready) = (true, false);
        self
    }

    pub(crate) fn state(&mut self) -> String {
        self.release();
        self.catch_up();
        alloc::format!("{} {:?}", self.machine.describe(), self.held.bytes())
    }
}
