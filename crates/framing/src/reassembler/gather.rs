//! The reassembler's short cut for frames that are not all there yet.

use super::Reassembler;
use crate::machine::{Layout, Seen, Shape, Sought};
use crate::storage::Storage;
use crate::window::front;
use crate::{Frame, Framing};

/// What is known of a frame that is wanted whole.
pub(super) enum Known {
    /// That more bytes are needed.
    Waits,
    /// That it is all there, as it arrived.
    Whole(Shape),
    /// That the rest of it has come.
    Ends(Layout),
}

impl<F: Framing, S: Storage> Reassembler<F, S> {
    /// A part of a frame lies at the front of the window: waits until it is all there, without the
    /// machine. The answer is no where there is no room for it, which the machine is to say.
    // Inlined, it would take the registers of the common case in `next`.
    #[inline(never)]
    pub(super) fn await_all(&mut self, shape: Shape) -> bool {
        let total = shape.bytes();
        if self.window.is_full() || self.window.never_holds(Some(total as u64), 0) {
            return false;
        }
        if self.window.reserves() {
            self.window.expect(total as u64);
        }
        self.current = None;
        self.window.await_total(total);
        true
    }

    /// A part of a head of at least `total` bytes lies at the front of the window. The answer is no where
    /// there is no room for more.
    #[inline(never)]
    pub(super) fn await_head(&mut self, total: usize) -> bool {
        if !self.has_room() {
            return false;
        }
        self.current = None;
        if self.window.held() > 0 {
            self.machine.await_head(self.window.held(), total);
            self.ready = false;
            self.await_more(total);
        }
        true
    }

    /// A head is begun, and nothing is to be decided before `total` bytes are there, if they ever can be.
    fn await_more(&mut self, total: usize) {
        if self.window.held() > 0 && !self.window.never_holds(Some(total as u64), 0) {
            self.window.await_total(total);
        }
    }

    /// The beginning of a frame whose end is to be looked for lies at the front of the window. The answer
    /// is no where there is no room for more.
    #[inline(never)]
    pub(super) fn begin_open(&mut self, head: usize) -> bool {
        self.current = None;
        self.machine.keep_open(head, self.window.held());
        self.ready = false;
        self.has_room()
    }

    /// Goes on with the frame in progress, or begins one. Where the answer is None, the machine
    /// decides.
    pub(super) fn gather(&mut self) -> Option<Known> {
        self.window.await_total(0);
        let bytes = self.window.bytes();
        if self.machine.is_open() {
            let (_, pending) = front(bytes, self.machine.kept());
            let more = pending.len();
            let sought =
                if more > 0 { self.machine.look_for_end(pending) } else { Sought::Payload };
            return match sought {
                Sought::Payload if more as u64 <= self.machine.room() => {
                    self.machine.keep_more(more);
                    self.has_room().then_some(Known::Waits)
                }
                Sought::End { payload, total } => {
                    self.machine.close(pending, payload, total).map(Known::Ends)
                }
                Sought::Payload | Sought::Unclear => None,
            };
        }
        match self.machine.look_again(bytes) {
            Seen::Whole(whole) => Some(Known::Whole(whole.shape())),
            Seen::Part(shape) => self.await_all(shape).then_some(Known::Waits),
            Seen::Head(total) => {
                self.await_more(total);
                self.has_room().then_some(Known::Waits)
            }
            Seen::Open(_) => self.has_room().then_some(Known::Waits),
            Seen::Unclear => None,
        }
    }

    /// The frame in progress, now that it is all there.
    pub(super) fn end(&mut self, layout: Layout) -> Frame<'_, '_> {
        let Layout { head, payload, extra, trailer, offset, discarded, .. } = layout;
        let total = layout.total();
        // Its head may have been given to the caller before.
        if discarded > 0 || offset.wrapping_add(total as u64) != self.machine.offset() {
            return self.lend(layout, total);
        }
        self.pass(Shape { head, sealed: payload.saturating_add(extra), trailer })
    }
}
