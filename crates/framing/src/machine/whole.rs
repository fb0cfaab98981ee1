//! The common case at once: a frame that lies whole in what is pending.

use super::{Layout, Machine, State};
use crate::{Framing, Malformed, Recovery, Scan};

impl<F: Framing> Machine<F> {
    /// A frame that lies whole in `pending`, with nothing kept before it.
    /// None says nothing: [`step`](Self::step), to be called next with the same bytes, decides.
    #[inline]
    pub(crate) fn whole(&mut self, pending: &[u8]) -> Option<Layout> {
        let idle = matches!(self.state, State::Head { seen: 0, .. }) && self.frame.parts == 0;
        if !idle || self.framing.transforms() || self.noise > 0 {
            return None;
        }
        let scanned = self.framing.scan(pending, 0, false);
        let layout = self.fits(&scanned, pending);
        if layout.is_none() {
            self.scanned = Some(scanned);
        }
        layout
    }

    #[inline]
    fn fits(&mut self, scanned: &Result<Scan, Malformed>, pending: &[u8]) -> Option<Layout> {
        let (head, payload, trailer, named) = match scanned {
            &Ok(Scan::Body { head, body, trailer, more: false }) => {
                if trailer > self.limits.trailer {
                    return None;
                }
                (head, usize::try_from(body).ok()?, trailer, head)
            }
            // Only what declares its lengths can be found again: the slow path says so.
            Ok(Scan::Until { payload, total })
                if !matches!(self.framing.recovery(), Some(Recovery::ByteByByte { .. })) =>
            {
                let length = payload.end.checked_sub(payload.start)?;
                (payload.start, length, total.checked_sub(payload.end)?, 0)
            }
            _ => return None,
        };
        let extra = self.seal();
        let sealed = payload;
        let payload = payload.checked_sub(extra)?;
        if payload > self.limits.payload || head > self.limits.head {
            return None;
        }
        // The limits' sum fits, but a delimiter is not bounded by them.
        let total = head.checked_add(sealed)?.checked_add(trailer)?;
        if total > pending.len() || total == 0 {
            return None;
        }
        let at = total.checked_sub(trailer)?;
        if extra > 0 && !self.is_sealed(pending.get(head..at)?) {
            return None;
        }
        self.framing.trailer(pending.get(at..total)?).ok()?;
        self.framing.framed(pending.get(..named)?);
        let offset = self.offset;
        self.offset = offset.wrapping_add(total as u64);
        Some(Layout { head, payload, extra, trailer, kept: 0, offset, discarded: 0 })
    }
}
