//! The push decoder's buffer: what is held from earlier chunks, then the caller's chunk.

use core::ops::Range;

use crate::buffer::Buffer;
use crate::machine::{Gift, Layout};
use crate::stash::Stash;
use crate::{Decoded, Payload};

/// ```text
/// held:  | kept | pending |        chunk: | used | unread |
/// ```
///
/// Where `held` has pending bytes, the machine looks at those, topped up from the chunk by just
/// what it asks for; otherwise it looks into the chunk. Bytes are copied only where a frame's
/// piece straddles the border.
pub(crate) struct Halves<'d, 'c> {
    held: &'d mut Stash,
    chunk: &'c [u8],
    /// How much of the chunk is used.
    at: usize,
    /// How many bytes at the end of `held` came from the end of the used part of the chunk.
    taken: usize,
    copied: u64,
}

/// Something to hand out, and where its pieces lie.
pub(crate) struct Found {
    pub(crate) gift: Gift,
    pub(crate) head: Span,
    pub(crate) payload: Span,
    pub(crate) trailer: Span,
    /// How many bytes at the front of `held` are lent.
    pub(crate) lent: usize,
}

/// A piece in either half.
#[derive(Clone)]
pub(crate) enum Span {
    Held(Range<usize>),
    Chunk(Range<usize>),
}

impl<'d, 'c> Halves<'d, 'c> {
    pub(crate) fn new(held: &'d mut Stash, chunk: &'c [u8]) -> Self {
        Self { held, chunk, at: 0, taken: 0, copied: 0 }
    }

    pub(crate) const fn copied(&self) -> u64 {
        self.copied
    }

    pub(crate) fn unread(&self) -> &'c [u8] {
        self.chunk.get(self.at..).unwrap_or_default()
    }

    /// Moves past what is handed out, and says where it lies.
    pub(crate) fn take(&mut self, gift: Gift) -> Found {
        match gift {
            Gift::Frame(layout) => self.take_frame(gift, layout),
            Gift::Begin { head: n, .. } => {
                let (head, lent) = self.take_pending(n);
                Found { gift, head, payload: Span::NONE, trailer: Span::NONE, lent }
            }
            Gift::Chunk(n) => {
                let (payload, lent) = self.take_pending(n);
                Found { gift, head: Span::NONE, payload, trailer: Span::NONE, lent }
            }
            Gift::End { trailer: n, .. } | Gift::Skipped { trailer: n, .. } => {
                let (trailer, lent) = self.take_pending(n);
                Found { gift, head: Span::NONE, payload: Span::NONE, trailer, lent }
            }
            Gift::Resynced { .. } => {
                Found { gift, head: Span::NONE, payload: Span::NONE, trailer: Span::NONE, lent: 0 }
            }
        }
    }

    /// Pieces are handed out only when nothing is kept.
    fn take_pending(&mut self, n: usize) -> (Span, usize) {
        if self.held.len() > 0 {
            (Span::Held(0..n), n)
        } else {
            let start = self.at;
            self.at = start.saturating_add(n);
            (Span::Chunk(start..self.at), 0)
        }
    }

    fn take_frame(&mut self, gift: Gift, layout: Layout) -> Found {
        let Layout { head, payload, extra, trailer, kept, .. } = layout;
        let end = head.saturating_add(payload);
        if self.held.len() > kept {
            let total = end.saturating_add(extra).saturating_add(trailer);
            self.give_back(self.held.len().saturating_sub(total));
            let trailer = Span::Held(total.saturating_sub(trailer)..total);
            let payload = Span::Held(head..end);
            return Found { gift, head: Span::Held(0..head), payload, trailer, lent: total };
        }
        let start = self.at;
        let (head, payload) = if kept == 0 {
            let payload = Span::Chunk(start.saturating_add(head)..start.saturating_add(end));
            self.at = start.saturating_add(end);
            (Span::Chunk(start..start.saturating_add(head)), payload)
        } else if kept == head {
            self.at = start.saturating_add(payload);
            (Span::Held(0..head), Span::Chunk(start..self.at))
        } else {
            self.keep(kept, end.saturating_sub(kept), Some(0));
            (Span::Held(0..head), Span::Held(head..end))
        };
        // A checksum that is dropped may have been kept with the payload before it.
        let extra = extra.saturating_sub(kept.saturating_sub(end));
        let at = self.at.saturating_add(extra);
        self.at = at.saturating_add(trailer);
        let lent = self.held.len();
        Found { gift, head, payload, trailer: Span::Chunk(at..self.at), lent }
    }

    /// Returns bytes at the end of `held` to the chunk they came from.
    fn give_back(&mut self, n: usize) {
        if n > 0 && n <= self.taken {
            self.held.truncate(self.held.len().saturating_sub(n));
            self.at = self.at.saturating_sub(n);
            self.taken = self.taken.saturating_sub(n);
        }
    }

    /// Copies the next `n` bytes of the chunk to the end of `held`.
    fn hold(&mut self, n: usize, expected: Option<u64>) {
        let bytes = self.unread().get(..n).unwrap_or_default();
        self.held.extend(bytes, expected);
        self.at = self.at.saturating_add(n);
        self.taken = self.taken.saturating_add(n);
        self.copied = self.copied.saturating_add(n as u64);
    }
}

impl Buffer for Halves<'_, '_> {
    fn pending(&mut self, kept: usize) -> &[u8] {
        // Pending bytes that all came from this chunk are better looked at where they came from.
        self.give_back(self.held.len().saturating_sub(kept));
        if self.held.len() > kept {
            self.held.bytes().get(kept..).unwrap_or_default()
        } else {
            self.unread()
        }
    }

    fn keep(&mut self, kept: usize, n: usize, expected: Option<u64>) {
        if self.held.len() <= kept {
            self.hold(n, expected);
        }
    }

    fn drop(&mut self, kept: usize, n: usize) {
        if self.held.len() > kept {
            self.held.remove(kept, n);
            self.taken = self.taken.min(self.held.len().saturating_sub(kept));
        } else {
            self.at = self.at.saturating_add(n);
            self.taken = 0;
        }
    }

    fn forget(&mut self, kept: usize) {
        self.held.remove(0, kept);
        self.taken = self.taken.min(self.held.len());
    }

    fn decode(&mut self, kept: usize, n: usize, decode: impl FnOnce(&mut [u8]) -> Decoded) {
        if self.held.len() <= kept {
            self.hold(n, None);
        }
        let end = kept.saturating_add(n);
        let coded = self.held.bytes_mut().get_mut(kept..end).unwrap_or_default();
        let Decoded { read, plain } = decode(coded);
        self.held.remove(kept.saturating_add(plain.end), read.saturating_sub(plain.end));
        self.held.remove(kept, plain.start);
        // What came behind the decoded bytes is still as it was in the chunk.
        let decoded = kept.saturating_add(plain.len());
        self.taken = self.taken.min(self.held.len().saturating_sub(decoded));
    }

    fn refill(&mut self, kept: usize, n: usize) -> bool {
        let unread = self.unread().len();
        if self.held.len() > kept && n <= unread {
            self.hold(n, None);
            return true;
        }
        self.hold(unread, None);
        false
    }
}

impl Span {
    const NONE: Self = Self::Held(0..0);

    pub(crate) fn payload<'d, 'c>(self, held: &'d Stash, chunk: &'c [u8]) -> Payload<'d, 'c> {
        match self {
            Self::Held(range) => Payload::Gathered(held.bytes().get(range).unwrap_or_default()),
            Self::Chunk(range) => Payload::Direct(chunk.get(range).unwrap_or_default()),
        }
    }
}
