//! The decisions: one function for each state.

use super::{Body, Fate, Gift, Layout, Machine, Mode, Open, Progress, State, Step};
use crate::{DecodeError, DecodeErrorKind, Framing, Malformed, Oversize, Scan};

type Decision = Result<Step, DecodeError>;

impl<F: Framing> Machine<F> {
    pub(super) fn decide(&mut self, pending: &[u8], mode: Mode, eof: bool) -> Decision {
        if let Some(step) = self.change_of_mode(mode) {
            return Ok(step);
        }
        match self.state {
            State::Failed(error) => Err(error),
            State::Head { .. } if pending.is_empty() => Ok(Step::Wait(1)),
            State::Head { seen } => self.head(pending, seen, mode, eof),
            State::Body(body) => Ok(self.body(pending, body)),
            State::Open(open) => self.open(pending, open, eof),
        }
    }

    /// The caller may change between frames and events in mid-frame.
    fn change_of_mode(&mut self, mode: Mode) -> Option<Step> {
        if self.begun() {
            match (mode, self.frame.fate) {
                (Mode::Frames, Fate::Stream) => self.frame.fate = Fate::Drop,
                (Mode::Events, Fate::Whole) => {
                    self.frame.fate = Fate::Stream;
                    let head_is_kept = match self.state {
                        State::Body(Body { head, .. }) | State::Open(Open { head, .. }) => {
                            head.is_none()
                        }
                        _ => true,
                    };
                    if head_is_kept {
                        let head = self.frame.head;
                        self.frame.backlog = self.frame.kept.saturating_sub(head);
                        self.frame.kept = 0;
                        return Some(self.begin(head));
                    }
                }
                _ => {}
            }
        }
        let backlog = core::mem::take(&mut self.frame.backlog);
        match (backlog, self.frame.fate) {
            (0, _) => None,
            (n, Fate::Stream) => Some(Step::Give(Gift::Chunk(n))),
            (n, _) => Some(Step::Drop(n)),
        }
    }

    /// At the start of a frame, or of a later part of one.
    fn head(&mut self, pending: &[u8], seen: usize, mode: Mode, eof: bool) -> Decision {
        if self.frame.parts == 0 {
            self.frame.fate = mode.fate();
        }
        match self.framing.scan(pending, seen, eof) {
            Ok(Scan::Need { total }) => {
                if total > self.limits.head {
                    return Err(self.head_too_long());
                }
                let Some(missing) = total.checked_sub(pending.len()).filter(|&n| n > 0) else {
                    return Err(self.broken("it needs bytes that it has seen"));
                };
                self.state = State::Head { seen: pending.len() };
                Ok(Step::Wait(missing))
            }
            Ok(Scan::Body { head, body, trailer, more }) => {
                let body = self.layout(head, body, trailer, more)?;
                Ok(self.body(pending, body))
            }
            Ok(Scan::Open { head, safe }) => {
                let Some(certain) = safe.checked_sub(head).filter(|_| safe <= pending.len()) else {
                    return Err(self.broken("its payload is not within the bytes seen"));
                };
                self.undeclared(head)?;
                if certain == 0 {
                    self.state = State::Head { seen: safe };
                    return Ok(Step::Wait(1));
                }
                self.open(pending, Open { head: Some(head), certain }, eof)
            }
            Ok(Scan::Until { payload, total }) => {
                let lengths =
                    (payload.end.checked_sub(payload.start), total.checked_sub(payload.end));
                let (Some(length), Some(trailer)) = lengths else {
                    return Err(self.broken("its payload is not within the frame"));
                };
                if total == 0 || total > pending.len() {
                    return Err(self.broken("its frame is empty or not within the bytes seen"));
                }
                let head = payload.start;
                self.undeclared(head)?;
                match self.until(Some(head), length, trailer)? {
                    Some(body) => Ok(self.body(pending, body)),
                    None => self.open(pending, Open { head: Some(head), certain: length }, eof),
                }
            }
            Err(fault) => {
                let certain = fault.safe.saturating_sub(fault.head);
                if certain > 0 && mode == Mode::Events {
                    self.undeclared(fault.head)?;
                    return self.open(pending, Open { head: Some(fault.head), certain }, eof);
                }
                Err(self.malformed(&fault))
            }
        }
    }

    /// The layout of a part is known: checks it against the limits before anything is kept.
    fn layout(
        &mut self,
        head: usize,
        body: u64,
        trailer: usize,
        more: bool,
    ) -> Result<Body, DecodeError> {
        if head > self.limits.head {
            return Err(self.head_too_long());
        }
        if trailer > self.limits.trailer {
            let limit = self.limits.trailer;
            return Err(self.fail(DecodeErrorKind::TrailerTooLong { limit }));
        }
        if head == 0 && body == 0 && trailer == 0 {
            return Err(self.broken("its frame is empty"));
        }
        let first = self.frame.parts == 0;
        if (more || !first) && self.frame.parts >= self.limits.parts {
            let limit = self.limits.parts;
            return Err(self.fail(DecodeErrorKind::TooManyParts { limit }));
        }
        if first {
            self.frame.declared = (!more).then_some(body);
        }
        let (keep, extra) = self.divide(body)?;
        Ok(Body { head: Some(head), keep, extra, trailer, more })
    }

    /// A frame without a declared length begins.
    fn undeclared(&mut self, head: usize) -> Result<(), DecodeError> {
        if head > self.limits.head {
            return Err(self.head_too_long());
        }
        if self.frame.parts > 0 {
            return Err(self.broken("a later part must declare its length"));
        }
        Ok(())
    }

    /// Divides payload bytes that are certain to come into those to keep and those to drop.
    fn divide(&mut self, length: u64) -> Result<(u64, u64), DecodeError> {
        let room = self.room();
        match self.frame.fate {
            Fate::Skip | Fate::Drop => Ok((0, length)),
            Fate::Whole | Fate::Stream if length <= room => Ok((length, 0)),
            Fate::Whole | Fate::Stream => match self.oversize {
                Oversize::Error | Oversize::Stream => Err(self.fail_too_long()),
                Oversize::Truncate => Ok((room, length.saturating_sub(room))),
                Oversize::Skip => {
                    self.begin_skip();
                    Ok((0, length))
                }
            },
        }
    }

    /// What remains of a frame whose end was found after `length` more payload bytes. None where
    /// events must give the bytes up to the limit first.
    fn until(
        &mut self,
        head: Option<usize>,
        length: usize,
        trailer: usize,
    ) -> Result<Option<Body>, DecodeError> {
        let length = length as u64;
        let pieces_first = matches!(self.oversize, Oversize::Error | Oversize::Skip);
        if self.frame.fate == Fate::Stream && length > self.room() && pieces_first {
            return Ok(None);
        }
        let (keep, extra) = self.divide(length)?;
        self.framing.framed(&[]);
        Ok(Some(Body { head, keep, extra, trailer, more: false }))
    }

    /// The layout is known.
    fn body(&mut self, pending: &[u8], mut body: Body) -> Step {
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

    /// The payload's end is not in sight.
    fn open(&mut self, pending: &[u8], mut open: Open, eof: bool) -> Decision {
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
                Ok(Scan::Open { safe, .. }) if safe <= pending.len() => open.certain = safe,
                Ok(Scan::Until { payload, total })
                    if payload.end <= total && total <= pending.len() =>
                {
                    let trailer = total.saturating_sub(payload.end);
                    match self.until(None, payload.end, trailer)? {
                        Some(body) => return Ok(self.body(pending, body)),
                        None => open.certain = payload.end,
                    }
                }
                Ok(_) => return Err(self.broken("it forgot that the payload had begun")),
                Err(fault) if fault.safe > 0 && self.frame.fate == Fate::Stream => {
                    open.certain = fault.safe;
                }
                Err(fault) => return Err(self.malformed(&fault)),
            }
            if open.certain == 0 {
                return Ok(Step::Wait(1));
            }
        }
        self.certain(lead, open)
    }

    /// Deals with payload bytes that lie in `pending`, before whose end no frame ends.
    fn certain(&mut self, lead: usize, mut open: Open) -> Decision {
        let n = open.certain;
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
        open.certain = n.saturating_sub(take);
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
        open.certain = 0;
        Ok(self.discard(n, State::Open(open)))
    }

    fn begin(&mut self, head: usize) -> Step {
        Step::Give(Gift::Begin { head, body: self.frame.declared, offset: self.offset })
    }

    fn chunk(&mut self, n: usize, state: State) -> Step {
        self.state = state;
        self.frame.payload = self.frame.payload.saturating_add(n as u64);
        self.frame.pass(n);
        Step::Give(Gift::Chunk(n))
    }

    fn discard(&mut self, n: usize, state: State) -> Step {
        self.state = state;
        self.frame.discarded = self.frame.discarded.saturating_add(n as u64);
        self.frame.pass(n);
        Step::Drop(n)
    }

    /// The frame is past the limit and unwanted: what was kept or handed out counts as dropped.
    fn begin_skip(&mut self) {
        self.frame.fate = Fate::Skip;
        let payload = core::mem::take(&mut self.frame.payload);
        self.frame.discarded = self.frame.discarded.saturating_add(payload);
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

    /// The frame ends `rest` bytes after what has passed.
    fn next_frame(&mut self, rest: u64) {
        let length = self.frame.passed.saturating_add(rest);
        self.offset = self.offset.saturating_add(length);
        self.frame = Progress::default();
        self.state = State::Head { seen: 0 };
    }

    fn head_too_long(&mut self) -> DecodeError {
        self.fail(DecodeErrorKind::HeadTooLong { limit: self.limits.head })
    }

    fn broken(&mut self, how: &'static str) -> DecodeError {
        self.fail(DecodeErrorKind::BrokenFraming(how))
    }

    /// Byte by byte, the limit would have been found before the fault.
    fn malformed(&mut self, fault: &Malformed) -> DecodeError {
        let certain = fault.safe.saturating_sub(fault.head) as u64;
        let fatal = matches!(self.oversize, Oversize::Error | Oversize::Stream);
        if self.frame.fate == Fate::Whole && fatal && certain > self.room() {
            return self.fail_too_long();
        }
        let offset = self.offset.saturating_add(self.frame.passed).saturating_add(fault.at as u64);
        self.fail_at(DecodeErrorKind::Malformed(fault.reason), offset)
    }
}

impl Mode {
    const fn fate(self) -> Fate {
        match self {
            Self::Frames => Fate::Whole,
            Self::Events => Fate::Stream,
        }
    }
}

/// How many of the `wanted` bytes are there.
fn at_most(pending: &[u8], wanted: u64) -> usize {
    usize::try_from(wanted).map_or(pending.len(), |wanted| wanted.min(pending.len()))
}
