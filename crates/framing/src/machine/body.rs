//! The layout is known: payload, then trailer.

use super::{Body, Fate, Gift, Layout, Machine, Progress, State, Step};
use crate::Framing;

impl<F: Framing> Machine<F> {
    /// The layout is known.
    pub(super) fn body(&mut self, pending: &[u8], mut body: Body) -> Step {
        self.state = State::Body(body);
        let mut head = 0;
        if let Some(length) = body.head {
            let Some(bytes) = pending.get(..length) else {
                return Step::Wait(length.saturating_sub(pending.len()));
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
                    return self.begin(length);
                }
                _ if length > 0 => {
                    self.frame.pass(length);
                    return Step::Drop(length);
                }
                _ => {}
            }
        }
        match self.frame.fate {
            Fate::Whole => self.gather(pending, head, body),
            Fate::Stream => self.stream(pending, body),
            Fate::Skip | Fate::Drop => self.drop_rest(pending, body),
        }
    }

    fn gather(&mut self, pending: &[u8], head: usize, mut body: Body) -> Step {
        let rest = body.rest().saturating_add(head as u64);
        if !body.more && pending.len() as u64 >= rest {
            return Step::Give(Gift::Frame(self.complete(body, rest)));
        }
        let lead = head as u64;
        let keep = at_most(pending, lead.saturating_add(body.keep));
        if keep > 0 {
            let payload = (keep as u64).saturating_sub(lead);
            body.keep = body.keep.saturating_sub(payload);
            self.frame.payload = self.frame.payload.saturating_add(payload);
            self.frame.kept = self.frame.kept.saturating_add(keep);
            self.frame.pass(keep);
            self.state = State::Body(body);
            return Step::Keep(keep);
        }
        let missing = rest.saturating_sub(pending.len() as u64);
        let wait = Step::Wait(usize::try_from(missing).unwrap_or(usize::MAX));
        if body.keep > 0 { wait } else { self.after_payload(pending, body).unwrap_or(wait) }
    }

    fn stream(&mut self, pending: &[u8], mut body: Body) -> Step {
        let n = at_most(pending, body.keep);
        if n > 0 {
            body.keep = body.keep.saturating_sub(n as u64);
            return self.chunk(n, State::Body(body));
        }
        if body.keep > 0 {
            return Step::Wait(1);
        }
        if let Some(step) = self.after_payload(pending, body) {
            return step;
        }
        let trailer = body.trailer;
        if pending.len() < trailer {
            return Step::Wait(trailer.saturating_sub(pending.len()));
        }
        let discarded = self.frame.discarded;
        self.next_frame(trailer as u64);
        Step::Give(Gift::End { trailer, discarded })
    }

    fn drop_rest(&mut self, pending: &[u8], mut body: Body) -> Step {
        if self.frame.kept > 0 {
            return Step::Forget(core::mem::take(&mut self.frame.kept));
        }
        body.extra = body.extra.saturating_add(core::mem::take(&mut body.keep));
        if let Some(step) = self.after_payload(pending, body) {
            return step;
        }
        let trailer = body.trailer;
        if pending.len() < trailer {
            return Step::Wait(trailer.saturating_sub(pending.len()));
        }
        let Progress { fate, declared, discarded, .. } = self.frame;
        let offset = self.offset();
        self.next_frame(trailer as u64);
        if fate == Fate::Drop {
            return Step::Drop(trailer);
        }
        Step::Give(Gift::Skipped { trailer, offset, declared, discarded })
    }

    /// Drops what is to be dropped behind the payload, and the trailer of a part that is not the
    /// last; None where neither is to be done, or the bytes are not there.
    fn after_payload(&mut self, pending: &[u8], mut body: Body) -> Option<Step> {
        if body.extra > 0 {
            let n = at_most(pending, body.extra);
            if n == 0 {
                return Some(Step::Wait(1));
            }
            body.extra = body.extra.saturating_sub(n as u64);
            return Some(self.discard(n, State::Body(body)));
        }
        if !body.more || pending.len() < body.trailer {
            return None;
        }
        self.frame.parts = self.frame.parts.saturating_add(1);
        self.frame.pass(body.trailer);
        self.state = State::Head { seen: 0 };
        Some(Step::Drop(body.trailer))
    }

    fn complete(&mut self, body: Body, rest: u64) -> Layout {
        let frame = self.frame;
        let to_usize = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let layout = Layout {
            head: frame.head,
            payload: to_usize(frame.payload.saturating_add(body.keep)),
            extra: to_usize(body.extra),
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
