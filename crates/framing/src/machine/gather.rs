//! The common cases of a frame that comes in pieces and is wanted whole: its bytes need only be
//! gathered.
//!
//! What is done to the machine is what [`step`](Machine::step) would do to it, so that at any byte
//! it can go on; or, where all of a frame is known, nothing before it is complete or something else is
//! asked ([`keep_part`](Machine::keep_part)). Where there is more to decide, the answer says so, nothing is
//! changed, and it does.

use core::ops::Range;

use super::{Body, Fate, Layout, Machine, Open, Progress, State};
use crate::machine::Shape;
use crate::{Framing, Scan};

/// What the first bytes of a frame, or more of them, make of it.
pub(crate) enum Gathered {
    /// All of them are held, or kept, and more are needed.
    Waits,
    /// Its layout is known, and its payload not all there: only [`keep_part`](Machine::keep_part) tells the
    /// machine.
    Part(Shape),
    /// [`step`](Machine::step) decides.
    Unclear,
}

impl<F: Framing> Machine<F> {
    /// Whether a head, or nothing, is pending of a frame that may be gathered.
    #[inline]
    pub(crate) fn is_at_head(&self) -> bool {
        matches!(self.state, State::Head { .. }) && self.is_fresh() && self.is_gathered()
    }

    /// Whether the bytes of frames need only be gathered.
    #[inline]
    pub(super) fn is_gathered(&self) -> bool {
        self.seal() == 0 && self.framing.recovery().is_none()
    }

    /// How many bytes, at least, are needed beside those of a head that are there. None where not all of
    /// these were scanned.
    pub(crate) fn lacks(&self, there: usize) -> Option<usize> {
        match self.state {
            State::Head { seen, total } if seen == there => {
                Some(total.saturating_sub(there).max(1))
            }
            _ => None,
        }
    }

    /// So many bytes at the start of a frame were scanned in vain, and it has at least `total`.
    pub(crate) fn await_head(&mut self, seen: usize, total: usize) {
        self.frame.fate = Fate::Whole;
        self.state = State::Head { seen, total };
    }

    /// A head of which a part was scanned in vain before, topped up with just what [it
    /// lacked](Self::lacks), where [one is pending](Self::is_at_head).
    #[inline]
    pub(crate) fn gather_head(&mut self, head: &[u8]) -> Gathered {
        let State::Head { seen, .. } = self.state else { return Gathered::Unclear };
        let there = head.len();
        match self.framing.scan(head, seen.min(there), false) {
            Ok(Scan::Need { total }) if total > there && total <= self.most_needed() => {
                self.await_head(there, total);
                Gathered::Waits
            }
            Ok(Scan::Body { head, body, trailer, more: false }) if head == there => {
                match self.within(head, body, trailer).filter(|shape| shape.bytes() > 0) {
                    Some(shape) => {
                        self.state = State::START;
                        Gathered::Part(shape)
                    }
                    None => Gathered::Unclear,
                }
            }
            _ => Gathered::Unclear,
        }
    }

    /// A frame begins of which `kept` bytes are there, with its head, and all of them are fine.
    pub(crate) fn keep_open(&mut self, head: usize, kept: usize) {
        self.state = State::Open(Open { head: None, coded: 0, certain: 0 });
        let (payload, passed) = (kept.saturating_sub(head) as u64, kept as u64);
        self.frame = Progress { passed, kept, head, payload, ..Progress::default() };
    }

    /// A frame begins of which `bytes` are there and kept, with its head and without the end of its
    /// payload.
    pub(crate) fn keep_part(&mut self, bytes: &[u8], shape: Shape) {
        let Shape { head, sealed, trailer } = shape;
        let kept = bytes.len();
        self.framing.framed(bytes.get(..head).unwrap_or_default());
        let payload = kept.saturating_sub(head);
        let keep = sealed.saturating_sub(payload) as u64;
        self.state =
            State::Body(Body { head: None, keep, extra: 0, trailer, more: false, past: false });
        let (payload, passed, declared) = (payload as u64, kept as u64, Some(sealed as u64));
        self.frame = Progress { passed, kept, head, payload, declared, ..Progress::default() };
    }

    /// The frame is all there that [was not kept](Self::keep_part): its offset. None says nothing.
    pub(crate) fn end_part(&mut self, head: &[u8], shape: Shape, trailer: &[u8]) -> Option<u64> {
        self.framing.trailer(trailer).ok()?;
        self.framing.framed(head);
        let offset = self.offset;
        self.offset = offset.wrapping_add(shape.bytes() as u64);
        Some(offset)
    }

    /// Whether a frame is gathered whose end is looked for.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(Open { head: None, coded: 0, certain: 0 }))
            && self.frame.fate == Fate::Whole
            && self.short_cuts()
            && self.seal() == 0
            && !self.framing.transforms()
    }

    /// Keeps more of a frame that [is open](Self::is_open), if all of `pending`, which follows what is
    /// kept, is payload.
    /// Otherwise [`close`](Self::close), to be called next with the same bytes, decides.
    pub(crate) fn more_open(&mut self, pending: &[u8]) -> bool {
        if pending.is_empty() {
            return true;
        }
        match self.framing.resume(pending, false) {
            Ok(Scan::Open { head: 0, safe })
                if safe == pending.len() && safe as u64 <= self.room() =>
            {
                self.frame.payload = self.frame.payload.saturating_add(safe as u64);
                self.frame.kept = self.frame.kept.saturating_add(safe);
                self.frame.pass(safe);
                true
            }
            resumed => {
                self.scanned = Some(resumed);
                false
            }
        }
    }

    /// The frame that [is open](Self::is_open) ends in `pending`, it seems. None says nothing.
    pub(crate) fn close(&mut self, pending: &[u8]) -> Option<Layout> {
        let room = self.room();
        match self.scanned.take()? {
            Ok(Scan::Until { payload: Range { start: 0, end }, total }) if end as u64 <= room => {
                let trailer = pending.get(end..total)?;
                self.framing.trailer(trailer).ok()?;
                self.framing.framed(&[]);
                let (keep, trailer) = (end as u64, trailer.len());
                let body = Body { head: None, keep, extra: 0, trailer, more: false, past: false };
                Some(self.complete(body, total as u64))
            }
            _ => None,
        }
    }
}
