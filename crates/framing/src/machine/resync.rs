//! Where bytes may be lost: a frame counts only once it is all there and right, and what is none is
//! passed over.
//!
//! Nothing is believed of a head but how long to wait, and that within the limits. So a frame that
//! breaks a rule costs one byte, and the search goes on behind it, within bytes already seen.

use super::decide::Decision;
use super::{Gift, Machine, Mode, State, Step};
use crate::{DecodeErrorKind, Framing, Malformed, Scan};

impl<F: Framing> Machine<F> {
    /// At the start of a frame, or of noise.
    pub(super) fn resync(
        &mut self,
        pending: &[u8],
        scanned: Option<Result<Scan, Malformed>>,
        most: u64,
        mode: Mode,
        eof: bool,
    ) -> Decision {
        let scanned = scanned.unwrap_or_else(|| self.framing.scan(pending, 0, eof));
        let needed = match scanned {
            Ok(Scan::Gap { total }) if (1..=pending.len()).contains(&total) => {
                return self.pass_over(total, most);
            }
            Ok(Scan::Need { total }) if total > pending.len() => {
                Some(total).filter(|&total| total <= self.most_needed())
            }
            Ok(Scan::Body { head, body, trailer, more: false }) => {
                self.bounded(head, body, trailer)
            }
            Err(_) => None,
            Ok(_) => return Err(self.broken("only frames of known lengths can be found again")),
        };
        match needed {
            Some(total) if total > pending.len() && !eof => {
                self.state = State::Head { seen: 0, total };
                Ok(Step::Wait(total.saturating_sub(pending.len())))
            }
            Some(total) if total <= pending.len() && self.is_right(&scanned, pending) => {
                match self.report_noise(true) {
                    Step::Wait(_) => self.head(pending, scanned, mode, eof),
                    report => Ok(report),
                }
            }
            _ => self.pass_over(1, most),
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
    fn is_right(&self, scanned: &Result<Scan, Malformed>, pending: &[u8]) -> bool {
        let &Ok(Scan::Body { head, body, trailer, .. }) = scanned else { return false };
        let behind = usize::try_from(body).ok().and_then(|body| head.checked_add(body));
        let sealed = behind.and_then(|end| pending.get(head..end));
        let trailer = behind.and_then(|end| pending.get(end..)?.get(..trailer));
        sealed.is_some_and(|bytes| self.seal() == 0 || self.is_sealed(bytes))
            && trailer.is_some_and(|bytes| self.framing.trailer(bytes).is_ok())
    }

    fn pass_over(&mut self, n: usize, most: u64) -> Decision {
        self.noise = self.noise.saturating_add(n as u64);
        self.state = State::START;
        if self.noise > most {
            return Err(self.fail(DecodeErrorKind::OutOfSync { limit: most }));
        }
        Ok(Step::Drop(n))
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
}
