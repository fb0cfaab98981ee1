//! What comes next: at a frame's start here, later in `body` and `open`.

use super::{Body, Fate, Gift, Machine, Mode, Open, Progress, State, Step};
use crate::{
    DecodeError, DecodeErrorKind, Framing, Hint, Limits, Malformed, Oversize, Recovery, Scan,
};

pub(super) type Decision = Result<Step, DecodeError>;

impl<F: Framing> Machine<F> {
    pub(super) fn decide(&mut self, pending: &[u8], mode: Mode, eof: bool) -> Decision {
        let scanned = self.scanned.take();
        if self.failed().is_none()
            && let Some(step) = self.kept_in_vain(mode)?
        {
            return Ok(step);
        }
        match self.state {
            State::Failed(error) => Err(error),
            State::Head { .. } if pending.is_empty() => Ok(self.report_noise(eof)),
            State::Head { seen, total } => {
                if self.frame.parts == 0 {
                    self.frame.fate = mode.fate();
                }
                if let Some(Recovery::ByteByByte { most }) = self.framing.recovery() {
                    let seen = seen.min(pending.len());
                    let scanned = scanned.unwrap_or_else(|| self.framing.scan(pending, seen, eof));
                    return self.resync(pending, scanned, seen, most, mode, eof);
                }
                if pending.len() < total && scanned.is_none() && !eof {
                    return Ok(Step::Wait(total.saturating_sub(pending.len())));
                }
                let scanned = scanned
                    .unwrap_or_else(|| self.framing.scan(pending, seen.min(pending.len()), eof));
                self.head(pending, scanned, mode, eof)
            }
            State::Body(body) => self.body(pending, body),
            State::Open(open) => self.open(pending, open, eof),
            State::Lost { ended } => self.lost(pending, ended, eof),
        }
    }

    /// What is to become of kept bytes that do not stay, as the caller or the limits have changed
    /// what becomes of the frame.
    fn kept_in_vain(&mut self, mode: Mode) -> Result<Option<Step>, DecodeError> {
        if let Some(step) = self.change_of_mode(mode)? {
            return Ok(Some(step));
        }
        Ok(match self.frame.fate {
            // What the checksum cannot be part of: kept before the caller changed to events.
            Fate::Stream if self.frame.kept > self.seal() => {
                Some(self.unkeep(self.frame.kept.saturating_sub(self.seal())))
            }
            Fate::Skip | Fate::Drop if self.frame.kept > 0 => Some(self.forget()),
            _ => None,
        })
    }

    /// The caller may change between frames and events in mid-frame.
    fn change_of_mode(&mut self, mode: Mode) -> Result<Option<Step>, DecodeError> {
        if self.in_frame() {
            match (mode, self.frame.fate) {
                (Mode::Frames, Fate::Stream) if self.frame.begun => self.frame.fate = Fate::Drop,
                (Mode::Frames, Fate::Stream | Fate::Whole) => {
                    self.frame.fate = Fate::Whole;
                    if matches!(self.state, State::Body(body) if body.keep > self.room()) {
                        return Err(self.fail_too_long());
                    }
                }
                (Mode::Events, Fate::Whole) => {
                    self.frame.fate = Fate::Stream;
                    let head = core::mem::take(&mut self.frame.head);
                    let ahead = matches!(self.state, State::Body(Body { head: Some(_), .. }));
                    if !self.frame.begun && (self.frame.parts > 0 || !ahead) {
                        self.frame.kept = self.frame.kept.saturating_sub(head);
                        return Ok(Some(self.begin(head)));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// At the start of a frame, or of a later part of one.
    pub(super) fn head(
        &mut self,
        pending: &[u8],
        scanned: Result<Scan, Malformed>,
        mode: Mode,
        eof: bool,
    ) -> Decision {
        match scanned {
            Ok(Scan::Need { total }) => {
                if total > self.most_needed() {
                    return Err(self.head_too_long());
                }
                let Some(missing) = total.checked_sub(pending.len()).filter(|&n| n > 0) else {
                    return Err(self.broken("it needs bytes that it has seen"));
                };
                self.state = State::Head { seen: pending.len(), total };
                Ok(Step::Wait(missing))
            }
            Ok(Scan::Gap { total }) => {
                if total == 0 || total > pending.len() || self.frame.parts > 0 {
                    return Err(self.broken("its gap is not between two frames"));
                }
                self.offset = self.offset.saturating_add(total as u64);
                self.state = State::START;
                Ok(Step::Drop(total))
            }
            Ok(Scan::Body { head, body, trailer, more }) => {
                if self.framing.transforms() {
                    return Err(self.broken("an encoded payload declares its length"));
                }
                let declared = (!more && self.frame.parts == 0).then_some(body);
                let body = self
                    .layout(head, body, trailer, more)
                    .map_err(|error| self.hinted(error, pending, declared))?;
                self.body(pending, body)
            }
            Ok(Scan::Open { head, safe }) => {
                let Some(certain) = safe.checked_sub(head).filter(|_| safe <= pending.len()) else {
                    return Err(self.broken("its payload is not within the bytes seen"));
                };
                self.undeclared(head)?;
                if certain == 0 {
                    self.state = State::Head { seen: safe, total: 0 };
                    return self.hold_back(pending);
                }
                self.open(pending, Open::new(head, certain, self.framing.transforms()), eof)
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
                if self.framing.transforms() {
                    return self.open(pending, Open::new(head, length, true), eof);
                }
                let body = self.until(Some(head), length, trailer)?;
                self.body(pending, body)
            }
            Err(fault) => {
                let certain = self.certain_before(&fault, pending)?;
                let transforms = self.framing.transforms();
                if certain > 0 && (transforms || mode == Mode::Events) {
                    self.undeclared(fault.head)?;
                    return self.open(pending, Open::new(fault.head, certain, transforms), eof);
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
            let payload = body.saturating_sub(self.seal() as u64);
            self.frame.declared = (!more).then_some(payload);
        }
        let (keep, extra) = self.divide(body)?;
        Ok(Body { head: Some(head), keep, extra, trailer, more, past: false })
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
        self.frame.begun = true;
        Step::Give(Gift::Begin { head, body: self.frame.declared, offset: self.offset })
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
        self.state = State::START;
    }

    /// Adds to a refusal what the head, as far as every frame has one, looks like.
    fn hinted(&mut self, error: DecodeError, pending: &[u8], declared: Option<u64>) -> DecodeError {
        let head = pending.get(..self.first_need).unwrap_or_default();
        let too_long = matches!(
            error.kind(),
            DecodeErrorKind::TooLong { .. } | DecodeErrorKind::HeadTooLong { .. }
        );
        // A head that has to be searched for its end is text, and looks like text.
        let fixed = || matches!(self.framing.scan(head, 0, false), Ok(Scan::Body { .. }));
        if !too_long || self.frame.parts > 0 || !fixed() {
            return error;
        }
        let error = error.with_hint(Hint::of(head, declared, self.limits.payload));
        self.state = State::Failed(error);
        error
    }

    fn head_too_long(&mut self) -> DecodeError {
        self.fail(DecodeErrorKind::HeadTooLong { limit: self.limits.head })
    }

    /// How many bytes `scan` may ask for: the limit of the head, but a framing whose payload keeps
    /// its head must see its fixed fields whatever that is.
    pub(super) fn most_needed(&self) -> usize {
        self.limits.head.max(self.first_need)
    }

    /// Waits for the byte that decides about those behind the last certain one. A delimiter that
    /// would not fit a frame is none.
    pub(super) fn hold_back(&mut self, pending: &[u8]) -> Decision {
        let Limits { head, payload, trailer, .. } = self.limits;
        let most = head.saturating_add(payload).saturating_add(trailer).saturating_add(HELD_BACK);
        if pending.len() > most {
            return Err(self.broken("it holds back more than a frame may have"));
        }
        Ok(Step::Wait(1))
    }

    /// How many payload bytes a fault leaves certain.
    pub(super) fn certain_before(
        &mut self,
        fault: &Malformed,
        pending: &[u8],
    ) -> Result<usize, DecodeError> {
        let within = fault.safe.max(fault.at) <= pending.len();
        match fault.safe.checked_sub(fault.head) {
            Some(certain) if within => Ok(certain),
            _ => Err(self.broken("its fault is not within the bytes seen")),
        }
    }

    /// Byte by byte, the limit would have been found before the fault.
    pub(super) fn malformed(&mut self, fault: &Malformed) -> DecodeError {
        let certain = fault.safe.saturating_sub(fault.head) as u64;
        if matches!(self.state, State::Head { .. }) {
            let needed =
                self.first_need > 0 && fault.safe == 0 && fault.needed > self.most_needed();
            if needed || fault.head > self.limits.head {
                return self.head_too_long();
            }
        }
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

/// What may be held back beside what the limits allow for: the longest delimiter.
const HELD_BACK: usize = 4 << 10;
