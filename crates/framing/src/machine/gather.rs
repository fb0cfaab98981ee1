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
use crate::{Framing, Recovery, Scan};

/// What the first bytes of a frame, or more of them, make of it.
pub(crate) enum Gathered {
    /// All of them are held, or kept, and so many more are needed to go on.
    Waits(usize),
    /// Its layout is known, and its payload not all there: only [`keep_part`](Machine::keep_part) tells the
    /// machine.
    Part(Shape),
    /// [`step`](Machine::step) decides.
    Unclear,
}

/// What the bytes are that follow those of a frame whose end is looked for.
pub(crate) enum Sought {
    /// All of them are payload.
    Payload,
    /// The frame ends after so many bytes of payload, and `total` bytes.
    End { payload: usize, total: usize },
    /// [`step`](Machine::step), to be called next with the same bytes, decides.
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

    /// How many bytes are needed beside those of a head that are there, before it is to be scanned
    /// again. None where not all of these were scanned, and it is to be scanned now.
    pub(crate) fn lacks(&self, there: usize) -> Option<usize> {
        match self.state {
            State::Head { total, .. } if total > there => Some(total.saturating_sub(there)),
            State::Head { seen, .. } if seen == there => Some(1),
            _ => None,
        }
    }

    /// Whether a part of a head is there, as far as the machine knows.
    pub(crate) const fn awaits_head(&self) -> bool {
        matches!(self.state, State::Head { total: 1.., .. })
    }

    /// There will be no more than `there` bytes of a head that has more: those that were not scanned are
    /// to be, for they may break a rule. The answer is no where all were.
    pub(crate) fn looks_again(&mut self, there: usize) -> bool {
        let waits = !matches!(self.framing.recovery(), Some(Recovery::ByteByByte { .. }));
        match &mut self.state {
            State::Head { seen, total } if waits && *seen < there && *total > there => {
                *total = 0;
                true
            }
            _ => false,
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
                Gathered::Waits(total.saturating_sub(there))
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

    /// Looks for the end of a frame that [is open](Self::is_open) in `pending`, which follows what is there
    /// of it.
    #[inline]
    pub(crate) fn look_for_end(&mut self, pending: &[u8]) -> Sought {
        match self.framing.resume(pending, false) {
            Ok(Scan::Open { head: 0, safe }) if safe == pending.len() => Sought::Payload,
            Ok(Scan::Until { payload: Range { start: 0, end }, total }) => {
                Sought::End { payload: end, total }
            }
            resumed => {
                self.remember(resumed);
                Sought::Unclear
            }
        }
    }

    /// Keeps `n` more bytes of payload of a frame that [is open](Self::is_open).
    pub(crate) fn keep_more(&mut self, n: usize) {
        self.frame.payload = self.frame.payload.saturating_add(n as u64);
        self.frame.kept = self.frame.kept.saturating_add(n);
        self.frame.pass(n);
    }

    /// The frame that [is open](Self::is_open) ends after `payload` bytes of `pending` and a trailer, of
    /// `total` bytes together. None says nothing.
    #[inline]
    pub(crate) fn close(&mut self, pending: &[u8], payload: usize, total: usize) -> Option<Layout> {
        let trailer = pending.get(payload..total)?;
        if payload as u64 > self.room() || self.framing.trailer(trailer).is_err() {
            return None;
        }
        self.framing.framed(&[]);
        let (keep, trailer) = (payload as u64, trailer.len());
        let body = Body { head: None, keep, extra: 0, trailer, more: false, past: false };
        Some(self.complete(body, total as u64))
    }
}
