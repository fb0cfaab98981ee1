//! Where bytes may be lost: what is no frame is passed over, and reported once.
//!
//! Byte by byte, a frame counts only once it is all there and right. Nothing is believed of a head
//! but how long to wait, and that within the limits: a frame that breaks a rule costs one byte, and
//! the search goes on behind it, within bytes already seen. At a delimiter, what follows it is
//! believed to be a frame again.

use super::decide::Decision;
use super::{Fate, Gift, Machine, Mode, State, Step};
use crate::window::front;
use crate::{DecodeError, DecodeErrorKind, Framing, Malformed, Recovery, Scan};

impl<F: Framing> Machine<F> {
    /// At the start of a frame, or of noise.
    pub(super) fn resync(
        &mut self,
        pending: &[u8],
        scanned: Result<Scan, Malformed>,
        seen: usize,
        most: u64,
        mode: Mode,
        eof: bool,
    ) -> Decision {
        let needed = match scanned {
            Ok(Scan::Gap { total }) if (1..=pending.len()).contains(&total) => {
                return Ok(self.pass_over(total, most));
            }
            Ok(Scan::Need { total }) if total > pending.len() => {
                Some(total).filter(|&total| total <= self.most_needed())
            }
            Ok(Scan::Body { head, body, trailer, more: false }) => {
                let total = self.bounded(head, body, trailer);
                let frame = total.and_then(|total| pending.get(..total));
                if frame.is_some_and(|frame| self.is_right(frame, head, trailer)) {
                    return match self.report_noise(true) {
                        Step::Wait(_) => self.head(pending, scanned, mode, eof),
                        report => Ok(report),
                    };
                }
                total
            }
            // Parts of one frame have no magic number each.
            Ok(Scan::Body { .. }) | Err(_) => None,
            Ok(_) => return Err(self.broken("only frames of known lengths can be found again")),
        };
        match needed {
            Some(total) if total > pending.len() && !eof => {
                // What answered `Body` was not scanned in vain.
                let needs = matches!(scanned, Ok(Scan::Need { .. }));
                let seen = if needs { pending.len() } else { seen };
                self.state = State::Head { seen, total };
                Ok(Step::Wait(total.saturating_sub(pending.len())))
            }
            _ => Ok(self.pass_over(1, most)),
        }
    }

    /// The bytes of a frame that is within the limits.
    fn bounded(&self, head: usize, body: u64, trailer: usize) -> Option<usize> {
        let body = usize::try_from(body).ok()?;
        let within = head <= self.limits.head
            && body.checked_sub(self.seal())? <= self.limits.payload
            && trailer <= self.limits.trailer;
        head.checked_add(body)?.checked_add(trailer).filter(|&total| within && total > 0)
    }

    /// Whether a frame that is all there keeps the rules that only its end can show.
    fn is_right(&self, frame: &[u8], head: usize, trailer: usize) -> bool {
        let (rest, trailer) = front(frame, frame.len().saturating_sub(trailer));
        let (_, sealed) = front(rest, head);
        (self.seal() == 0 || self.is_sealed(sealed)) && self.framing.trailer(trailer).is_ok()
    }

    /// Passes over `n` bytes. They are used up even where they are too many, so that a decoder that
    /// is reset does not find them again.
    pub(super) fn pass_over(&mut self, n: usize, most: u64) -> Step {
        self.noise = self.noise.saturating_add(n as u64);
        self.state = State::START;
        if self.noise > most {
            self.fail(DecodeErrorKind::OutOfSync { limit: most });
        }
        Step::Drop(n)
    }

    /// Says how much was passed over, if anything was and it has ended; otherwise waits.
    pub(super) fn report_noise(&mut self, ended: bool) -> Step {
        if self.noise == 0 || !ended {
            return Step::Wait(1);
        }
        let (offset, discarded) = (self.offset, core::mem::take(&mut self.noise));
        self.offset = offset.saturating_add(discarded);
        self.state = State::START;
        Step::Give(Gift::Resynced { offset, discarded })
    }

    /// Whether the frame at fault is passed over, up to its delimiter.
    pub(super) fn recovers_from(&self, error: DecodeError) -> bool {
        use DecodeErrorKind::{Checksum, Malformed, TooLong};
        matches!(error.kind(), Malformed(_) | Checksum | TooLong { .. })
            && matches!(self.framing.recovery(), Some(Recovery::AtDelimiter { .. }))
    }

    pub(super) fn lose(&mut self) -> Step {
        self.state = State::Lost { ended: self.frame.ended };
        // So that what is kept of it will be forgotten.
        self.frame.fate = Fate::Drop;
        // These may be decoded, and look like a delimiter.
        let past = core::mem::take(&mut self.frame.past);
        self.frame.pass(past);
        Step::Drop(past)
    }

    /// In a frame that cannot be right, or at its end.
    pub(super) fn lost(&mut self, pending: &[u8], ended: bool, eof: bool) -> Decision {
        let Some(Recovery::AtDelimiter { most }) = self.framing.recovery() else {
            return Err(self.broken("its recovery changes in mid-frame"));
        };
        if self.frame.passed > most {
            return Err(self.fail(DecodeErrorKind::OutOfSync { limit: most }));
        }
        if ended || (eof && pending.is_empty()) {
            let (offset, discarded) = (self.offset, self.frame.passed);
            self.next_frame(0);
            return Ok(Step::Give(Gift::Resynced { offset, discarded }));
        }
        let (n, ended) = match self.framing.resume(pending, eof) {
            Ok(Scan::Until { total, .. }) => (total, true),
            Ok(Scan::Open { safe: 0, .. }) if eof => (pending.len(), false),
            Ok(Scan::Open { safe, .. }) => (safe, false),
            Ok(_) => return Err(self.broken("its resume forgot that the payload had begun")),
            Err(fault) => (fault.at.saturating_add(1), false),
        };
        let n = n.min(pending.len());
        if n == 0 {
            return self.hold_back(pending);
        }
        self.state = State::Lost { ended };
        self.frame.pass(n);
        Ok(Step::Drop(n))
    }
}
