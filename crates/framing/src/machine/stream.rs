//! The common case of events at once: a frame that declares its length, and of which nothing is
//! kept.
//!
//! As in [`gather_head`](Machine::gather_head), what is done to the machine is what [`step`](Machine::step)
//! would do to it.

use super::{Body, Fate, Machine, Progress, Shape, State};
use crate::{Framing, Malformed, Scan};

/// An event, as the bytes of its piece, and what follows them.
pub(crate) enum Piece<'p> {
    /// None: nothing is pending, and more payload is to come.
    Waits,
    Begin {
        head: &'p [u8],
        body: u64,
        offset: u64,
        rest: &'p [u8],
    },
    Chunk {
        payload: &'p [u8],
        rest: &'p [u8],
    },
    End {
        trailer: &'p [u8],
        discarded: u64,
        rest: &'p [u8],
    },
}

impl<F: Framing> Machine<F> {
    /// Payload of the frame that is handed out in pieces, and what follows, where nothing is held
    /// before `pending`. Of a payload that goes on, no bytes where none are pending. None says nothing.
    #[inline]
    pub(crate) fn flow<'p>(&mut self, pending: &'p [u8]) -> Option<[&'p [u8]; 2]> {
        let short_cuts = self.short_cuts();
        let State::Body(Body { head: None, keep, .. }) = &mut self.state else { return None };
        let streams = short_cuts && self.frame.fate == Fate::Stream && self.frame.kept == 0;
        if !streams || *keep == 0 || self.framing.seal(0).len() > 0 {
            return None;
        }
        // To store what is stored already would have the next call wait for it.
        if pending.is_empty() {
            return Some([pending; 2]);
        }
        let most = usize::try_from(*keep).unwrap_or(usize::MAX);
        let (payload, rest) = pending.split_at_checked(most).unwrap_or((pending, &[]));
        let length = payload.len() as u64;
        // No sum is past the frame's length.
        *keep = keep.wrapping_sub(length);
        self.frame.payload = self.frame.payload.wrapping_add(length);
        self.frame.passed = self.frame.passed.wrapping_add(length);
        Some([payload, rest])
    }

    /// The next event, where nothing is held before `pending`. None says nothing:
    /// [`step`](Self::step) decides.
    #[inline]
    pub(crate) fn piece<'p>(&mut self, pending: &'p [u8]) -> Option<Piece<'p>> {
        if !self.short_cuts() || self.seal() > 0 {
            return None;
        }
        match self.state {
            State::Head { seen: 0, .. } => self.piece_of_head(pending),
            State::Body(body) => match self.flow(pending) {
                Some([[], _]) => Some(Piece::Waits),
                Some([payload, rest]) => Some(Piece::Chunk { payload, rest }),
                None => self.piece_of_end(body, pending),
            },
            _ => None,
        }
    }

    #[inline]
    fn piece_of_head<'p>(&mut self, pending: &'p [u8]) -> Option<Piece<'p>> {
        // A frame without a head begins with its first byte.
        if pending.is_empty() || !self.is_fresh() || self.framing.recovery().is_some() {
            return None;
        }
        let scanned = self.framing.scan(pending, 0, false);
        let Some((shape, [head, rest])) = self.begins(&scanned, pending) else {
            self.scanned = Some(scanned);
            return None;
        };
        let Shape { sealed, trailer, .. } = shape;
        let body = sealed as u64;
        self.framing.framed(head);
        let to_come = Body { head: None, keep: body, extra: 0, trailer, more: false, past: false };
        self.state = State::Body(to_come);
        let (passed, declared) = (head.len() as u64, Some(body));
        let fate = Fate::Stream;
        self.frame = Progress { fate, begun: true, passed, declared, ..Progress::default() };
        Some(Piece::Begin { head, body, offset: self.offset, rest })
    }

    /// A frame within the limits, whose head is all there, and what follows that.
    #[inline]
    fn begins<'p>(
        &self,
        scanned: &Result<Scan, Malformed>,
        pending: &'p [u8],
    ) -> Option<(Shape, [&'p [u8]; 2])> {
        let &Ok(Scan::Body { head, body, trailer, more: false }) = scanned else { return None };
        let shape = self.within(head, body, trailer).filter(|shape| shape.bytes() > 0)?;
        let (head, rest) = pending.split_at_checked(head)?;
        Some((shape, [head, rest]))
    }

    fn piece_of_end<'p>(&mut self, body: Body, pending: &'p [u8]) -> Option<Piece<'p>> {
        let Body { head: None, keep: 0, extra: 0, trailer, more: false, past: false } = body else {
            return None;
        };
        if self.frame.fate != Fate::Stream || self.frame.kept > 0 {
            return None;
        }
        let (trailer, rest) = pending.split_at_checked(trailer)?;
        self.framing.trailer(trailer).ok()?;
        let discarded = self.frame.discarded;
        self.next_frame(trailer.len() as u64);
        Some(Piece::End { trailer, discarded, rest })
    }
}
