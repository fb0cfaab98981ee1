//! The payload has begun, and only its end will tell its length.

use super::decide::Decision;
use super::{Body, Fate, Machine, Open, State, Step};
use crate::{DecodeError, Framing, Oversize, Scan};

impl<F: Framing> Machine<F> {
    /// What remains of a frame whose end was found after `length` more payload bytes. Where events
    /// go past the limit, they give the bytes up to it first.
    pub(super) fn until(
        &mut self,
        head: Option<usize>,
        length: usize,
        trailer: usize,
    ) -> Result<Body, DecodeError> {
        let (length, room) = (length as u64, self.room());
        let past = self.frame.fate == Fate::Stream
            && length > room
            && matches!(self.oversize, Oversize::Error | Oversize::Skip);
        let (keep, extra) =
            if past { (room, length.saturating_sub(room)) } else { self.divide(length)? };
        self.framing.framed(&[]);
        Ok(Body { head, keep, extra, trailer, more: false, past })
    }

    /// The payload's end is not in sight.
    pub(super) fn open(&mut self, pending: &[u8], mut open: Open, eof: bool) -> Decision {
        self.state = State::Open(open);
        let lead = match open.head.take() {
            Some(head) if self.frame.fate == Fate::Stream => {
                self.state = State::Open(open);
                self.frame.pass(head);
                return Ok(self.begin(head));
            }
            Some(head) => {
                self.frame.head = head;
                head
            }
            None => 0,
        };
        if open.certain == 0 {
            if pending.is_empty() && !eof {
                return Ok(Step::Wait(1));
            }
            match self.framing.resume(pending, eof) {
                Ok(Scan::Open { head: 0, safe }) if safe <= pending.len() => open.certain = safe,
                Ok(Scan::Until { payload, total })
                    if payload.start == 0 && payload.end <= total && total <= pending.len() =>
                {
                    let trailer = total.saturating_sub(payload.end);
                    let body = self.until(None, payload.end, trailer)?;
                    return self.body(pending, body);
                }
                Ok(_) => return Err(self.broken("its resume forgot that the payload had begun")),
                Err(fault) => {
                    let certain = self.certain_before(&fault, pending)?;
                    if certain == 0 || self.frame.fate != Fate::Stream {
                        return Err(self.malformed(&fault));
                    }
                    open.certain = certain;
                }
            }
            if open.certain == 0 {
                return self.hold_back(pending);
            }
        }
        self.certain(pending, lead, open)
    }

    /// Deals with payload bytes before whose end no frame ends. A caller may show fewer of them
    /// than were scanned.
    fn certain(&mut self, pending: &[u8], lead: usize, mut open: Open) -> Decision {
        let n = open.certain.min(pending.len().saturating_sub(lead));
        if n == 0 {
            self.state = State::Open(open);
            return Ok(Step::Wait(1));
        }
        let room = usize::try_from(self.room()).unwrap_or(usize::MAX);
        let take = match self.frame.fate {
            Fate::Skip | Fate::Drop => 0,
            Fate::Whole | Fate::Stream if n <= room => n,
            Fate::Whole | Fate::Stream => match self.oversize {
                Oversize::Truncate => room,
                _ if self.frame.fate == Fate::Stream && room > 0 => room,
                Oversize::Error | Oversize::Stream => return Err(self.fail_too_long()),
                Oversize::Skip => {
                    self.begin_skip();
                    self.frame.pass(lead);
                    self.state = State::Open(open);
                    // Kept bytes stand before the head's place: a frame that keeps has no lead.
                    let kept = core::mem::take(&mut self.frame.kept);
                    return Ok(if kept > 0 { Step::Forget(kept) } else { Step::Drop(lead) });
                }
            },
        };
        open.certain = open.certain.saturating_sub(take);
        if self.frame.fate == Fate::Stream && take > 0 {
            return Ok(self.chunk(take, State::Open(open)));
        }
        let keep = lead.saturating_add(take);
        if self.frame.fate == Fate::Whole && keep > 0 {
            self.frame.payload = self.frame.payload.saturating_add(take as u64);
            self.frame.kept = self.frame.kept.saturating_add(keep);
            self.frame.pass(keep);
            self.state = State::Open(open);
            return Ok(Step::Keep(keep));
        }
        open.certain = open.certain.saturating_sub(n);
        Ok(self.discard(n, State::Open(open)))
    }
}
