//! The checksum: the last bytes of a payload, which are compared, dropped and not counted.
//!
//! Which bytes are the last is known only at the end. So the digest goes on with each byte once as
//! many as a checksum has follow it, and a streamed frame hands out none before.

use super::{Gift, Machine, Step};
use crate::window::front;
use crate::{DecodeError, DecodeErrorKind, Framing, Seal};

/// How far the checksum of a payload has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest {
    sum: u64,
    /// The last bytes of the payload, which are not a part of the sum (yet).
    last: [u8; Seal::CAPACITY],
    count: usize,
}

/// What becomes of payload bytes of a streamed frame.
pub(super) struct Streamed {
    pub(super) step: Step,
    /// How many of them were dealt with.
    pub(super) used: usize,
}

impl<F: Framing> Machine<F> {
    /// How many bytes of a payload are its checksum.
    #[inline]
    pub(crate) fn seal(&self) -> usize {
        self.framing.seal(0).len()
    }

    /// Whether the last of these bytes are the checksum of those before.
    pub(super) fn is_sealed(&self, bytes: &[u8]) -> bool {
        let (payload, seal) = front(bytes, bytes.len().saturating_sub(self.seal()));
        self.framing.seal(self.framing.digest(0, payload)).bytes() == seal
    }

    /// Payload bytes are kept or handed out.
    pub(super) fn digest(&mut self, piece: &[u8]) {
        let seal = self.seal();
        if seal == 0 {
            return;
        }
        let Digest { mut sum, last, count } = self.frame.digest;
        let surely = count.saturating_add(piece.len()).saturating_sub(seal);
        let (old, waiting) = front(last.get(..count).unwrap_or_default(), surely);
        let (new, waiting_too) = front(piece, surely.saturating_sub(old.len()));
        for part in [old, new] {
            sum = self.framing.digest(sum, part);
        }
        let mut digest = Digest { sum, ..Digest::default() };
        for (to, from) in digest.last.iter_mut().zip(waiting.iter().chain(waiting_too)) {
            *to = *from;
            digest.count = digest.count.saturating_add(1);
        }
        self.frame.digest = digest;
    }

    /// The payload has ended, all of it digested: its last bytes are the checksum of the others.
    pub(super) fn check_seal(&mut self) -> Result<(), DecodeError> {
        let Digest { sum, last, count } = self.frame.digest;
        let expected = self.framing.seal(sum);
        if expected.len() != self.seal() {
            return Err(self.broken("its checksums differ in length"));
        }
        if count == expected.len() && last.get(..count) == Some(expected.bytes()) {
            return Ok(());
        }
        Err(self.fail(DecodeErrorKind::Checksum))
    }

    /// The next `n` pending bytes are payload of a streamed frame: hands out what is surely not the
    /// checksum. What is left of them is to be given here again.
    pub(super) fn stream_payload(&mut self, pending: &[u8], n: usize) -> Streamed {
        let seal = self.seal();
        let kept = self.frame.kept;
        let surely = kept.saturating_add(n).saturating_sub(seal);
        if surely == 0 {
            return Streamed { used: n, step: self.keep(pending, 0, n) };
        }
        if kept > 0 {
            // They lie before the pending ones, perhaps in another place.
            return Streamed { used: 0, step: self.unkeep(surely.min(kept)) };
        }
        self.digest(pending.get(..surely).unwrap_or_default());
        self.frame.payload = self.frame.payload.saturating_add(surely as u64);
        self.frame.pass(surely);
        Streamed { used: surely, step: Step::Give(Gift::Chunk(surely)) }
    }

    /// Keeps the first `n` pending bytes, of which all but the first `lead` are payload.
    pub(super) fn keep(&mut self, pending: &[u8], lead: usize, n: usize) -> Step {
        let payload = pending.get(lead..n).unwrap_or_default();
        self.digest(payload);
        self.frame.payload = self.frame.payload.saturating_add(payload.len() as u64);
        self.frame.kept = self.frame.kept.saturating_add(n);
        self.frame.pass(n);
        Step::Keep(n)
    }

    /// Hands out the first `n` kept bytes.
    pub(super) fn unkeep(&mut self, n: usize) -> Step {
        self.frame.kept = self.frame.kept.saturating_sub(n);
        Step::Give(Gift::Chunk(n))
    }
}
