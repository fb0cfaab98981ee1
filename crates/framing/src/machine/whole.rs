//! The common case at once: a frame that lies whole in what is pending.
//!
//! This is the hot loop of every decoder, inlined into the caller's: what keeps it tight is that
//! nothing of it goes through memory but the offset, that a framing's `scan` never becomes a [`Scan`]
//! (its cases are known where it is inlined), and that each slice is bounded by the one that is cut
//! off, not by a sum. Where it is not so simple, the answer is None, and the slow path decides.

use super::{Machine, State};
use crate::{Frame, Framing, Malformed, Payload, Recovery, Scan};

/// A frame that lies whole in what is pending.
pub(crate) struct Whole<'p> {
    head: &'p [u8],
    payload: &'p [u8],
    /// The checksum, between payload and trailer.
    extra: usize,
    trailer: &'p [u8],
    offset: u64,
    /// What follows the frame.
    pub(crate) rest: &'p [u8],
}

/// What is at the front of the pending bytes, as far as it can be said at once.
pub(crate) enum Seen<'p> {
    Whole(Whole<'p>),
    /// A frame that is fine so far: its bytes need only be gathered. Its head is all there, its payload
    /// is not.
    Part(Shape),
    /// A head that is fine so far, and has at least so many bytes; none of them may be there.
    Head(usize),
    /// A head of so many bytes and a payload whose end is not in sight, all of it fine so far.
    Open(usize),
    /// [`step`](Machine::step), to be called next with the same bytes, decides.
    Unclear,
}

/// The lengths of a frame's parts, in bytes; their sum is one of those.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) head: usize,
    /// The payload and its checksum.
    pub(crate) sealed: usize,
    pub(crate) trailer: usize,
}

impl Shape {
    pub(crate) const NONE: Self = Self { head: 0, sealed: 0, trailer: 0 };

    /// Head, payload with checksum, trailer, and what follows the frame; if it is all there.
    #[inline]
    pub(crate) fn split(self, bytes: &[u8]) -> Option<[&[u8]; 4]> {
        let (head, behind) = bytes.split_at_checked(self.head)?;
        let (sealed, behind) = behind.split_at_checked(self.sealed)?;
        let (trailer, rest) = behind.split_at_checked(self.trailer)?;
        Some([head, sealed, trailer, rest])
    }

    #[inline]
    pub(crate) const fn bytes(self) -> usize {
        self.head.wrapping_add(self.sealed).wrapping_add(self.trailer)
    }
}

impl<'p> Whole<'p> {
    #[inline]
    pub(crate) const fn shape(&self) -> Shape {
        let &Self { head, payload, extra, trailer, .. } = self;
        let sealed = payload.len().wrapping_add(extra);
        Shape { head: head.len(), sealed, trailer: trailer.len() }
    }

    #[inline]
    pub(crate) const fn frame<'d>(&self) -> Frame<'d, 'p>
    where
        'p: 'd,
    {
        let &Self { head, payload, trailer, offset, .. } = self;
        Frame { head, payload: Payload::Direct(payload), trailer, offset, discarded: 0 }
    }
}

impl<F: Framing> Machine<F> {
    /// Whether the next byte is the first of a frame that may be handed out as it is.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Head { seen: 0, total: 0 }) && self.is_fresh()
    }

    /// Whether the frame in progress, if its layout is not known, may be handed out as it is.
    pub(super) fn is_fresh(&self) -> bool {
        self.short_cuts() && self.frame.parts == 0 && self.noise == 0 && !self.framing.transforms()
    }

    /// What `pending` begins with, where the machine [is idle](Self::is_idle) and nothing is kept.
    #[inline]
    pub(crate) fn look<'p>(&mut self, pending: &'p [u8]) -> Seen<'p> {
        let scanned = self.framing.scan(pending, 0, false);
        let seen = self.fits(&scanned, pending);
        if matches!(seen, Seen::Unclear) {
            self.remember(scanned);
        }
        seen
    }

    /// As [`look`](Self::look), where a head may have been scanned in vain before.
    pub(crate) fn look_again<'p>(&mut self, pending: &'p [u8]) -> Seen<'p> {
        let State::Head { seen: from, total } = self.state else { return Seen::Unclear };
        if !self.is_fresh() {
            return Seen::Unclear;
        }
        if pending.len() < total && self.is_gathered() {
            return Seen::Head(total);
        }
        let scanned = self.scanned.take();
        let scanned =
            scanned.unwrap_or_else(|| self.framing.scan(pending, from.min(pending.len()), false));
        let seen = self.fits(&scanned, pending);
        match seen {
            Seen::Unclear => self.remember(scanned),
            // Before its first byte there is no frame.
            Seen::Head(_) if pending.is_empty() => {}
            Seen::Head(total) => self.await_head(pending.len(), total),
            Seen::Open(head) => self.keep_open(head, pending.len()),
            Seen::Whole(_) | Seen::Part(_) => self.next_frame(0),
        }
        seen
    }

    /// That this is rare is what orders the code of the common case without a jump.
    #[cold]
    pub(super) fn remember(&mut self, scanned: Result<Scan, Malformed>) {
        self.scanned = Some(scanned);
    }

    #[inline]
    fn fits<'p>(&mut self, scanned: &Result<Scan, Malformed>, pending: &'p [u8]) -> Seen<'p> {
        let (shape, declares) = match scanned {
            &Ok(Scan::Body { head, body, trailer, more: false }) => {
                let Ok(sealed) = usize::try_from(body) else { return Seen::Unclear };
                if trailer > self.limits.trailer {
                    return Seen::Unclear;
                }
                (Shape { head, sealed, trailer }, true)
            }
            // Only what declares its lengths can be found again: the slow path says so.
            Ok(Scan::Until { payload, total })
                if !matches!(self.framing.recovery(), Some(Recovery::ByteByByte { .. })) =>
            {
                let sealed = payload.end.checked_sub(payload.start);
                let (Some(sealed), Some(trailer)) = (sealed, total.checked_sub(payload.end)) else {
                    return Seen::Unclear;
                };
                (Shape { head: payload.start, sealed, trailer }, false)
            }
            &Ok(Scan::Need { total }) => return self.part_of_head(total, pending.len()),
            &Ok(Scan::Open { head, safe }) if safe == pending.len() => {
                return self.open_part(head, safe);
            }
            _ => return Seen::Unclear,
        };
        let extra = self.seal();
        let Some(payload) = shape.sealed.checked_sub(extra) else { return Seen::Unclear };
        if payload > self.limits.payload || shape.head > self.limits.head {
            return Seen::Unclear;
        }
        let Some([head, sealed, trailer, rest]) = shape.split(pending) else {
            return if declares { self.part(shape, pending.len()) } else { Seen::Unclear };
        };
        if head.is_empty() && sealed.is_empty() && trailer.is_empty() {
            return Seen::Unclear;
        }
        if extra > 0 && !self.is_sealed(sealed) {
            return Seen::Unclear;
        }
        if self.framing.trailer(trailer).is_err() {
            return Seen::Unclear;
        }
        self.framing.framed(if declares { head } else { &[] });
        let offset = self.offset;
        self.offset = offset.wrapping_add(shape.bytes() as u64);
        let payload = sealed.get(..payload).unwrap_or_default();
        Seen::Whole(Whole { head, payload, extra, trailer, offset, rest })
    }

    /// A frame within the limits, of which `there` bytes are there and not all.
    fn part<'p>(&self, shape: Shape, there: usize) -> Seen<'p> {
        let Shape { head, sealed, .. } = shape;
        // What lacks only a part of its trailer is not gathered so.
        let lacks = there.checked_sub(head).is_some_and(|payload| payload < sealed);
        if there > 0 && lacks && self.is_gathered() { Seen::Part(shape) } else { Seen::Unclear }
    }

    /// A head of `total` bytes or more, of which `there` are there.
    fn part_of_head<'p>(&self, total: usize, there: usize) -> Seen<'p> {
        let fine = total > there && total <= self.most_needed();
        if fine && self.is_gathered() { Seen::Head(total) } else { Seen::Unclear }
    }

    /// A payload without an end behind a head, of all bytes that are there.
    fn open_part<'p>(&self, head: usize, there: usize) -> Seen<'p> {
        let payload = there.saturating_sub(head);
        let fits = payload <= self.limits.payload && head <= self.limits.head;
        if payload > 0 && fits && self.is_gathered() { Seen::Open(head) } else { Seen::Unclear }
    }

    /// The shape of a frame whose lengths are declared, if it is within the limits.
    #[inline]
    pub(super) fn within(&self, head: usize, body: u64, trailer: usize) -> Option<Shape> {
        let sealed = usize::try_from(body).ok()?;
        let limits = &self.limits;
        let fits = head <= limits.head && sealed <= limits.payload && trailer <= limits.trailer;
        fits.then_some(Shape { head, sealed, trailer })
    }
}
