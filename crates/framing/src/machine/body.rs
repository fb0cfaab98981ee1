//! The layout is known: payload, then trailer.

use super::decide::Decision;
use super::seal::Streamed;
use super::{Body, Fate, Gift, Layout, Machine, Progress, State, Step};
use crate::{DecodeError, DecodeErrorKind, Framing, Oversize};

impl<F: Framing> Machine<F> {
    /// The layout is known.
    pub(super) fn body(&mut self, pending: &[u8], mut body: Body) -> Decision {
        self.state = State::Body(body);
        let mut head = 0;
        if let Some(length) = body.head {
            let Some(bytes) = pending.get(..length) else {
                return Ok(Step::Wait(length.saturating_sub(pending.len())));
            };
            if self.frame.declared.is_some() || (body.more && self.frame.parts == 0) {
                self.framing.framed(bytes);
            }
            body.head = None;
            self.state = State::Body(body);
            let first = self.frame.parts == 0;
            match self.frame.fate {
                Fate::Whole if first => {
                    self.frame.head = length;
                    head = length;
                }
                Fate::Stream if first => {
                    self.frame.pass(length);
                    return Ok(self.begin(length));
                }
                _ => {
                    self.frame.pass(length);
                    return Ok(Step::Drop(length));
                }
            }
        }
        match self.frame.fate {
            Fate::Whole => self.gather(pending, head, body),
            Fate::Stream => self.stream(pending, body),
            Fate::Skip | Fate::Drop => self.drop_rest(pending, body),
        }
    }

    fn gather(&mut self, pending: &[u8], head: usize, mut body: Body) -> Decision {
        if body.past {
            return self.past_the_limit(pending, body);
        }
        let rest = body.rest().saturating_add(head as u64);
        let total = at_most(pending, rest);
        if !body.more && total as u64 == rest {
            let behind = total.saturating_sub(body.trailer);
            self.check_trailer(pending, behind, body.trailer)?;
            if self.seal() > 0 {
                let end = behind.saturating_sub(at_most(pending, body.extra));
                self.digest(pending.get(head..end).unwrap_or_default());
                self.check_seal()?;
            }
            return Ok(Step::Give(Gift::Frame(self.complete(body, rest))));
        }
        let keep = at_most(pending, body.keep.saturating_add(head as u64));
        if keep > 0 {
            body.keep = body.keep.saturating_sub(keep.saturating_sub(head) as u64);
            self.state = State::Body(body);
            return Ok(self.keep(pending, head, keep));
        }
        let missing = rest.saturating_sub(pending.len() as u64);
        let wait = Step::Wait(usize::try_from(missing).unwrap_or(usize::MAX));
        if body.keep > 0 {
            return Ok(wait);
        }
        Ok(self.after_payload(pending, body)?.unwrap_or(wait))
    }

    fn stream(&mut self, pending: &[u8], mut body: Body) -> Decision {
        let n = at_most(pending, body.keep);
        if n > 0 {
            let Streamed { step, used } = self.stream_payload(pending, n);
            body.keep = body.keep.saturating_sub(used as u64);
            self.state = State::Body(body);
            return Ok(step);
        }
        if body.keep > 0 {
            return Ok(Step::Wait(1));
        }
        if body.past {
            return self.past_the_limit(pending, body);
        }
        if let Some(step) = self.after_payload(pending, body)? {
            return Ok(step);
        }
        let trailer = body.trailer;
        if let Some(step) = self.await_trailer(pending, trailer)? {
            return Ok(step);
        }
        if self.seal() > 0 {
            // A delimiter that is a part of the payload is behind already.
            self.frame.ended = trailer == 0;
            self.check_seal()?;
            if self.frame.kept > 0 {
                return Ok(self.forget());
            }
        }
        let discarded = self.frame.discarded;
        self.next_frame(trailer as u64);
        Ok(Step::Give(Gift::End { trailer, discarded }))
    }

    /// What was found to be past the limit, and could be kept or handed out so far, was.
    fn past_the_limit(&mut self, pending: &[u8], body: Body) -> Decision {
        if self.oversize != Oversize::Skip {
            // A delimiter that is a part of the payload must not be looked for in what is left of it.
            if body.trailer == 0 {
                let rest = body.keep.saturating_add(body.extra);
                self.frame.past = at_most(pending, rest);
                self.frame.ended = self.frame.past as u64 == rest;
            }
            return Err(self.fail_too_long());
        }
        // What is kept of it is forgotten behind the first bytes that are dropped: some are past.
        self.begin_skip();
        self.drop_rest(pending, body)
    }

    fn drop_rest(&mut self, pending: &[u8], mut body: Body) -> Decision {
        body.extra = body.extra.saturating_add(core::mem::take(&mut body.keep));
        if let Some(step) = self.after_payload(pending, body)? {
            return Ok(step);
        }
        let trailer = body.trailer;
        if let Some(step) = self.await_trailer(pending, trailer)? {
            return Ok(step);
        }
        let Progress { fate, declared, discarded, .. } = self.frame;
        let offset = self.offset();
        self.next_frame(trailer as u64);
        if fate == Fate::Drop {
            return Ok(Step::Drop(trailer));
        }
        let discarded = discarded.saturating_sub(self.seal() as u64);
        Ok(Step::Give(Gift::Skipped { trailer, offset, declared, discarded }))
    }

    pub(super) fn forget(&mut self) -> Step {
        Step::Forget(core::mem::take(&mut self.frame.kept))
    }

    /// Drops what is to be dropped behind the payload, and the trailer of a part that is not the
    /// last; None where neither is to be done, or the bytes are not there.
    fn after_payload(
        &mut self,
        pending: &[u8],
        mut body: Body,
    ) -> Result<Option<Step>, DecodeError> {
        if body.extra > 0 {
            let n = at_most(pending, body.extra);
            if n == 0 {
                return Ok(Some(Step::Wait(1)));
            }
            body.extra = body.extra.saturating_sub(n as u64);
            return Ok(Some(self.discard(n, State::Body(body))));
        }
        if !body.more || pending.len() < body.trailer {
            return Ok(None);
        }
        self.check_trailer(pending, 0, body.trailer)?;
        self.frame.parts = self.frame.parts.saturating_add(1);
        self.frame.pass(body.trailer);
        self.state = State::START;
        Ok(Some(Step::Drop(body.trailer)))
    }

    /// The trailer is next: waits until it is complete, and has the framing look at it.
    fn await_trailer(&mut self, pending: &[u8], n: usize) -> Result<Option<Step>, DecodeError> {
        if pending.len() < n {
            return Ok(Some(Step::Wait(n.saturating_sub(pending.len()))));
        }
        self.check_trailer(pending, 0, n)?;
        Ok(None)
    }

    /// The framing's own look at the `n` bytes from `at` on, which are all there.
    fn check_trailer(&mut self, pending: &[u8], at: usize, n: usize) -> Result<(), DecodeError> {
        let trailer = pending.get(at..).and_then(|rest| rest.get(..n)).unwrap_or_default();
        self.framing.trailer(trailer).map_err(|fault| {
            let at = (at as u64).saturating_add(fault.at as u64);
            let offset = self.offset.saturating_add(self.frame.passed).saturating_add(at);
            self.fail_at(DecodeErrorKind::Malformed(fault.reason), offset)
        })
    }

    pub(super) fn complete(&mut self, body: Body, rest: u64) -> Layout {
        let frame = self.frame;
        let seal = self.seal();
        let to_usize = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let layout = Layout {
            head: frame.head,
            payload: to_usize(frame.payload.saturating_add(body.keep)).saturating_sub(seal),
            extra: to_usize(body.extra).saturating_add(seal),
            trailer: body.trailer,
            kept: frame.kept,
            offset: self.offset,
            discarded: frame.discarded.saturating_add(body.extra),
        };
        self.next_frame(rest);
        layout
    }
}

/// How many of the `wanted` bytes are there.
fn at_most(pending: &[u8], wanted: u64) -> usize {
    usize::try_from(wanted).map_or(pending.len(), |wanted| wanted.min(pending.len()))
}
