//! What comes next: at a frame's start here, later in `body` and `open`.

use super::{Body, Fate, Gift, Machine, Mode, Open, Progress, State, Step};
use crate::{DecodeError, DecodeErrorKind, Framing, Malformed, Oversize, Scan};

pub(super) type Decision = Result<Step, DecodeError>;

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
    pub(super) fn divide(&mut self, length: u64) -> Result<(u64, u64), DecodeError> {
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

    pub(super) fn begin(&mut self, head: usize) -> Step {
        Step::Give(Gift::Begin { head, body: self.frame.declared, offset: self.offset })
    }

    pub(super) fn chunk(&mut self, n: usize, state: State) -> Step {
        self.state = state;
        self.frame.payload = self.frame.payload.saturating_add(n as u64);
        self.frame.pass(n);
        Step::Give(Gift::Chunk(n))
    }

    pub(super) fn discard(&mut self, n: usize, state: State) -> Step {
        self.state = state;
        self.frame.discarded = self.frame.discarded.saturating_add(n as u64);
        self.frame.pass(n);
        Step::Drop(n)
    }

    /// The frame is past the limit and unwanted: what was kept or handed out counts as dropped.
    pub(super) fn begin_skip(&mut self) {
        self.frame.fate = Fate::Skip;
        let payload = core::mem::take(&mut self.frame.payload);
        self.frame.discarded = self.frame.discarded.saturating_add(payload);
    }

    /// The frame ends `rest` bytes after what has passed.
    pub(super) fn next_frame(&mut self, rest: u64) {
        let length = self.frame.passed.saturating_add(rest);
        self.offset = self.offset.saturating_add(length);
        self.frame = Progress::default();
        self.state = State::Head { seen: 0 };
    }

    fn head_too_long(&mut self) -> DecodeError {
        self.fail(DecodeErrorKind::HeadTooLong { limit: self.limits.head })
    }

    pub(super) fn broken(&mut self, how: &'static str) -> DecodeError {
        self.fail(DecodeErrorKind::BrokenFraming(how))
    }

    /// Byte by byte, the limit would have been found before the fault.
    pub(super) fn malformed(&mut self, fault: &Malformed) -> DecodeError {
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
