//! Frames that begin in one chunk and end in a later one: the decoder's short cut.

use super::{Decoder, Next};
use crate::machine::{Gathered, Layout, Shape};
use crate::window::front;
use crate::{Frame, Framing, Payload};

/// A frame whose layout is known, of which a part is held that has its head and not all of its payload.
/// The machine does not know of it.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    pub(super) shape: Shape,
    /// How many bytes of its payload are missing; zero where there is no such frame.
    pub(super) missing: usize,
}

impl Begun {
    pub(super) const NONE: Self =
        Self { shape: Shape { head: 0, sealed: 0, trailer: 0 }, missing: 0 };

    /// All bytes that are missing.
    pub(super) const fn rest(self) -> usize {
        self.missing.saturating_add(self.shape.trailer)
    }
}

impl<F: Framing> Decoder<F> {
    /// Holds a chunk with which a frame begins.
    // Inlined, it would take the registers of the common case in `next`.
    #[inline(never)]
    pub(super) fn begin(&mut self, shape: Shape, chunk: &[u8]) {
        self.release();
        let missing = shape.head.saturating_add(shape.sealed).saturating_sub(chunk.len());
        self.begun = Begun { shape, missing };
        self.ready = false;
        self.hold(chunk, Some(self.begun.rest() as u64));
    }

    /// Holds a chunk that has a part of a head, of at least `total` bytes.
    #[inline(never)]
    pub(super) fn begin_head(&mut self, total: usize, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        self.release();
        self.machine.await_head(chunk.len(), total);
        self.ready = false;
        self.hold(chunk, None);
    }

    /// Holds a chunk that has the beginning of a frame whose end is to be looked for.
    #[inline(never)]
    pub(super) fn begin_open(&mut self, head: usize, chunk: &[u8]) {
        self.release();
        self.machine.keep_open(head, chunk.len());
        self.ready = false;
        self.hold(chunk, None);
    }

    /// Holds a chunk that has less than what is missing of the payload.
    #[inline]
    pub(super) fn go_on(&mut self, chunk: &[u8]) {
        self.begun.missing = self.begun.missing.wrapping_sub(chunk.len());
        self.hold(chunk, Some(self.begun.rest() as u64));
    }

    /// Ends the frame that was begun, where the chunk has the rest of its payload.
    #[inline(never)]
    pub(super) fn end<'d, 'c: 'd>(&'d mut self, chunk: &'c [u8]) -> (Next<'d, 'c>, &'c [u8]) {
        let Begun { shape, missing } = self.begun;
        let (now, rest) = front(chunk, missing);
        let bytes = self.held.bytes();
        let (head, _) = front(bytes, shape.head);
        let ended = rest.split_at_checked(shape.trailer).and_then(|(trailer, rest)| {
            let offset = self.machine.end_part(head, shape, trailer)?;
            Some((trailer, rest, offset))
        });
        let Some((trailer, rest, offset)) = ended else {
            self.machine.keep_part(bytes, shape);
            self.begun = Begun::NONE;
            return self.decide(chunk);
        };
        let direct = bytes.len() == shape.head;
        if !direct {
            self.hold(now, Some(0));
        }
        // The machine does not know that there was a frame.
        (self.begun.missing, self.lent, self.ready) = (0, self.held.len(), true);
        let (head, gathered) = front(self.held.bytes(), shape.head);
        let payload = if direct { Payload::Direct(now) } else { Payload::Gathered(gathered) };
        (Ok(Some(Frame { head, payload, trailer, offset, discarded: 0 })), rest)
    }

    /// Tells the machine of the frame that was begun: before all that does not just go on with it.
    pub(super) fn catch_up(&mut self) {
        if self.begun.missing > 0 {
            self.machine.keep_part(self.held.bytes(), self.begun.shape);
            self.begun = Begun::NONE;
        }
    }

    /// Holds a chunk with which the frame in progress does not end, where that is all there is to do. If
    /// the answer is no, nothing is done.
    #[inline(never)]
    pub(super) fn more(&mut self, chunk: &[u8]) -> bool {
        let before = self.held.len();
        if self.lent > 0 {
            return false;
        }
        if self.machine.is_open() && before == self.machine.kept() {
            let waits = self.machine.more_open(chunk);
            if waits {
                self.hold(chunk, None);
            }
            return waits;
        }
        let begun = before > 0 && self.machine.is_at_head();
        let lacks = self.machine.lacks(before).filter(|_| begun);
        if lacks.is_none_or(|lacks| lacks <= chunk.len()) {
            return false;
        }
        self.hold(chunk, None);
        let waits = matches!(self.machine.gather_head(self.held.bytes()), Gathered::Waits);
        if !waits {
            self.give_back(before);
        }
        waits
    }

    /// Tops up a part of a head, if that is what is held, by just what it lacks. `chunk` is moved past that.
    pub(super) fn top_up(&mut self, chunk: &mut &[u8]) -> Gathered {
        loop {
            let before = self.held.len();
            let begun = before > 0 && self.machine.is_at_head();
            let Some(lacks) = self.machine.lacks(before).filter(|_| begun) else {
                return Gathered::Unclear;
            };
            if chunk.is_empty() {
                return Gathered::Waits;
            }
            let (now, rest) = front(chunk, lacks);
            self.hold(now, None);
            match self.machine.gather_head(self.held.bytes()) {
                Gathered::Waits => *chunk = rest,
                Gathered::Unclear => {
                    self.give_back(before);
                    return Gathered::Unclear;
                }
                gathered @ Gathered::Part(_) => {
                    *chunk = rest;
                    return gathered;
                }
            }
        }
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
    fn hold(&mut self, bytes: &[u8], expected: Option<u64>) {
        self.held.extend(bytes, expected);
        // No count of bytes wraps.
        self.copied = self.copied.wrapping_add(bytes.len() as u64);
    }
}
