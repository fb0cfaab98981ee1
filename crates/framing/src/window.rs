//! The reassembler's buffer.

use alloc::{vec, vec::Vec};

use crate::buffer::Buffer;
use crate::machine::Layout;
use crate::stash::Thrift;
use crate::{Decoded, Frame, Payload};

/// ```text
/// storage: | consumed | kept | pending | space |
///                     ^ start          ^ end
/// ```
pub(crate) struct Window {
    storage: Vec<u8>,
    start: usize,
    end: usize,
    initial: usize,
    thrift: Thrift,
    /// The size that would be enough, once what is held fits.
    enough: Option<usize>,
}

impl Window {
    pub(crate) fn new(capacity: usize) -> Self {
        let initial = capacity.max(1);
        Self {
            storage: Vec::new(),
            start: 0,
            end: 0,
            initial,
            thrift: Thrift::default(),
            enough: None,
        }
    }

    /// The size of the buffer in bytes.
    pub(crate) const fn capacity(&self) -> usize {
        self.storage.len()
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn held(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    #[inline]
    pub(crate) fn frame(&self, layout: Layout) -> Frame<'_, '_> {
        let Layout { head, payload, extra, trailer, offset, discarded, .. } = layout;
        let (head, rest) = front(self.bytes(), head);
        let (payload, rest) = front(rest, payload);
        let (_, rest) = front(rest, extra);
        let (trailer, _) = front(rest, trailer);
        Frame { head, payload: Payload::Gathered(payload), trailer, offset, discarded }
    }

    pub(crate) fn space(&mut self) -> &mut [u8] {
        let held = self.held();
        if let Some(enough) = self.enough.filter(|&enough| held < enough) {
            self.enough = None;
            self.resize(enough);
        } else if self.start > 0 && held <= self.start {
            // Moving costs no more than what was consumed since the last move.
            self.rewind();
        }
        if self.end >= self.storage.len() {
            if self.storage.is_empty() {
                self.resize(self.initial);
            } else if held > self.storage.len() / 2 {
                self.resize(held.saturating_mul(2));
            } else {
                self.rewind();
            }
        }
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    pub(crate) fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.storage.len());
    }

    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Notes the size of a frame, to find out when the buffer has become too large.
    #[inline]
    pub(crate) fn note(&mut self, used: usize) {
        if self.storage.len() > self.initial {
            let enough = self.thrift.after(used, self.storage.len());
            self.enough = enough.map(|bytes| bytes.max(self.initial)).or(self.enough);
        }
    }

    /// Moves what is held to the front.
    fn rewind(&mut self) {
        let held = self.held();
        self.storage.copy_within(self.start..self.end, 0);
        self.start = 0;
        self.end = held;
    }

    /// Changes the size to one that what is held fits in.
    pub(crate) fn resize(&mut self, size: usize) {
        let held = self.held();
        let mut storage = vec![0; size];
        if let Some(front) = storage.get_mut(..held) {
            front.copy_from_slice(self.bytes());
        }
        self.storage = storage;
        self.start = 0;
        self.end = held;
    }
}

impl Buffer for Window {
    fn pending(&mut self, kept: usize) -> &[u8] {
        self.bytes().get(kept..).unwrap_or_default()
    }

    fn keep(&mut self, _kept: usize, _n: usize, _expected: u64) {}

    fn drop(&mut self, kept: usize, n: usize) {
        let at = self.start.saturating_add(kept);
        let behind = at.saturating_add(n).min(self.end);
        if kept <= self.end.saturating_sub(behind) {
            self.storage.copy_within(self.start..at, self.start.saturating_add(n));
            self.start = self.start.saturating_add(n);
        } else {
            self.storage.copy_within(behind..self.end, at);
            self.end = self.end.saturating_sub(n);
        }
    }

    fn forget(&mut self, kept: usize) {
        self.start = self.start.saturating_add(kept);
    }

    fn decode(&mut self, kept: usize, n: usize, decode: impl FnOnce(&mut [u8]) -> Decoded) {
        let at = self.start.saturating_add(kept);
        let behind = at.saturating_add(n).min(self.end);
        let coded = self.storage.get_mut(at..behind).unwrap_or_default();
        let Decoded { read, plain } = decode(coded);
        self.drop(kept.saturating_add(plain.end), read.saturating_sub(plain.end));
        self.drop(kept, plain.start);
    }

    fn refill(&mut self, _kept: usize, _n: usize) -> bool {
        false
    }
}

/// The first `n` bytes, and the rest.
#[inline]
pub(crate) fn front(bytes: &[u8], n: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(n).unwrap_or((bytes, &[]))
}
