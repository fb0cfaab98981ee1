//! Frames that begin in one chunk and end in a later one: the decoder's short cut.

use super::{Decoder, Next};
use crate::machine::{Gathered, Layout, Shape, Sought};
use crate::window::front;
use crate::{Frame, Framing, Payload};

/// What is held of a frame, while more of it need only be held.
#[derive(Clone, Copy)]
pub(super) enum Begun {
    /// Nothing, or the machine decides.
    Other,
    /// A part of a head, which need not be scanned again before [`waits`](Decoder::waits) more bytes are
    /// there.
    Head,
    /// A part of a frame, its head among it. Of its payload `waits` bytes are missing. The machine does not
    /// know of it.
    Payload,
    /// A part of a frame whose end is looked for. Of its payload there may be fewer than `waits` more
    /// bytes. The machine knows of it, but perhaps not of all that is held.
    Open,
}

impl<F: Framing> Decoder<F> {
    /// Holds a chunk with which a frame begins.
    // Inlined, it would take the registers of the common case in `next`.
    #[inline(never)]
    pub(super) fn begin(&mut self, shape: Shape, chunk: &[u8]) {
        self.release();
        self.waits = shape.head.saturating_add(shape.sealed);
        (self.begun, self.shape, self.ready) = (Begun::Payload, shape, false);
        self.go_on(chunk);
    }

    /// Holds a chunk that has a part of a head, of at least `total` bytes.
    #[inline(never)]
    pub(super) fn begin_head(&mut self, total: usize, chunk: &[u8]) {
        self.release();
        self.machine.await_head(chunk.len(), total);
        (self.begun, self.waits, self.ready) = (Begun::Head, total, false);
        self.go_on(chunk);
    }

    /// Holds a chunk that has the beginning of a frame whose end is to be looked for.
    #[inline(never)]
    pub(super) fn begin_open(&mut self, head: usize, chunk: &[u8]) {
        self.release();
        self.machine.keep_open(head, chunk.len());
        self.hold(chunk, None);
        self.ready = false;
        self.await_end();
    }

    /// Of a frame whose end is looked for, all that is held is known to the machine.
    fn await_end(&mut self) {
        let room = usize::try_from(self.machine.room()).unwrap_or(usize::MAX);
        (self.begun, self.waits) = (Begun::Open, room.saturating_add(1));
    }

    /// Goes on with a frame whose end is looked for.
    #[inline(never)]
    pub(super) fn look_for_end<'d, 'c: 'd>(
        &'d mut self,
        chunk: &'c [u8],
    ) -> (Next<'d, 'c>, &'c [u8]) {
        if chunk.is_empty() {
            return (Ok(None), chunk);
        }
        match self.machine.look_for_end(chunk) {
            Sought::Payload if chunk.len() < self.waits => {
                self.go_on(chunk);
                return (Ok(None), &[]);
            }
            Sought::End { payload, total } => {
                self.catch_up();
                if let Some(layout) = self.machine.close(chunk, payload, total) {
                    let mut rest = chunk;
                    let frame = self.lend(&layout, &mut rest);
                    return (Ok(Some(frame)), rest);
                }
            }
            Sought::Payload | Sought::Unclear => {}
        }
        self.decide(chunk)
    }

    /// Holds a chunk of fewer bytes than are awaited.
    #[inline]
    pub(super) fn go_on(&mut self, chunk: &[u8]) {
        self.waits = self.waits.wrapping_sub(chunk.len());
        self.hold(chunk, self.rest());
    }

    /// How many bytes are missing of a frame, where that is known here.
    pub(super) fn rest(&self) -> Option<usize> {
        match self.begun {
            Begun::Payload => Some(self.waits.saturating_add(self.shape.trailer)),
            _ => None,
        }
    }

    /// Ends the frame that was begun, where the chunk has the rest of its payload.
    #[inline(never)]
    pub(super) fn end<'d, 'c: 'd>(&'d mut self, chunk: &'c [u8]) -> (Next<'d, 'c>, &'c [u8]) {
        let shape = self.shape;
        let (now, rest) = front(chunk, self.waits);
        let bytes = self.held.bytes();
        let (head, _) = front(bytes, shape.head);
        let ended = rest.split_at_checked(shape.trailer).and_then(|(trailer, rest)| {
            let offset = self.machine.end_part(head, shape, trailer)?;
            Some((trailer, rest, offset))
        });
        let Some((trailer, rest, offset)) = ended else {
            return self.decide(chunk);
        };
        let direct = bytes.len() == shape.head;
        if !direct {
            self.hold(now, Some(0));
        }
        // The machine does not know that there was a frame.
        (self.begun, self.waits) = (Begun::Other, 0);
        (self.lent, self.ready) = (self.held.len(), true);
        let (head, gathered) = front(self.held.bytes(), shape.head);
        let payload = if direct { Payload::Direct(now) } else { Payload::Gathered(gathered) };
        (Ok(Some(Frame { head, payload, trailer, offset, discarded: 0 })), rest)
    }

    /// Tells the machine of what was begun: before all that does not just go on with it.
    pub(super) fn catch_up(&mut self) {
        match self.begun {
            Begun::Payload => self.machine.keep_part(self.held.bytes(), self.shape),
            Begun::Open => {
                let kept = self.machine.kept();
                self.machine.keep_more(self.held.len().saturating_sub(kept));
            }
            Begun::Other | Begun::Head => {}
        }
        (self.begun, self.waits) = (Begun::Other, 0);
    }

    /// Finds out how it goes on with what is held.
    pub(super) fn settle(&mut self) {
        let held = self.held.len();
        (self.begun, self.waits) = (Begun::Other, 0);
        self.ready = held <= self.lent && self.machine.is_idle();
        if self.lent > 0 || held == 0 {
            return;
        }
        if self.machine.is_open() && held == self.machine.kept() {
            self.await_end();
        } else if let Some(lacks) = self.machine.lacks(held).filter(|_| self.machine.is_at_head()) {
            (self.begun, self.waits) = (Begun::Head, lacks);
        }
    }

    /// Tops up a part of a head, if that is what is held, by just what it lacks. `chunk` is moved past that.
    pub(super) fn top_up(&mut self, chunk: &mut &[u8]) -> Gathered {
        while matches!(self.begun, Begun::Head) {
            if self.waits > chunk.len() {
                self.go_on(chunk);
                *chunk = &[];
                return Gathered::Waits(self.waits);
            }
            let before = self.held.len();
            let (now, rest) = front(chunk, self.waits);
            self.hold(now, None);
            match self.machine.gather_head(self.held.bytes()) {
                Gathered::Waits(lacks) => {
                    *chunk = rest;
                    self.waits = lacks;
                }
                Gathered::Unclear => {
                    self.give_back(before);
                    break;
                }
                gathered @ Gathered::Part(_) => {
                    *chunk = rest;
                    return gathered;
                }
            }
        }
        Gathered::Unclear
    }

    /// Only so many bytes were held before.
    fn give_back(&mut self, before: usize) {
        let n = self.held.len().saturating_sub(before);
        self.held.truncate(before);
        self.copied = self.copied.saturating_sub(n as u64);
    }

    /// The chunk has the rest of a frame, whose payload is lent from there if no byte of it is held.
    pub(super) fn lend<'d, 'c: 'd>(
        &'d mut self,
        layout: &Layout,
        chunk: &mut &'c [u8],
    ) -> Frame<'d, 'c> {
        let &Layout { head, payload, trailer, kept, offset, discarded, .. } = layout;
        let direct = kept == head;
        let (now, rest) = front(chunk, head.saturating_add(payload).saturating_sub(kept));
        let (trailer, rest) = front(rest, trailer);
        *chunk = rest;
        if !direct {
            self.hold(now, Some(0));
        }
        self.lent = self.held.len();
        self.settle();
        let (head, gathered) = front(self.held.bytes(), head);
        let payload = if direct { Payload::Direct(now) } else { Payload::Gathered(gathered) };
        Frame { head, payload, trailer, offset, discarded }
    }

    /// Copies bytes to the end of what is held. Of those behind them `expected` more will be, if that is
    /// known.
    #[inline]
    fn hold(&mut self, bytes: &[u8], expected: Option<usize>) {
        self.held.extend(bytes, expected.map(|rest| rest as u64));
        // No count of bytes wraps.
        self.copied = self.copied.wrapping_add(bytes.len() as u64);
    }
}
