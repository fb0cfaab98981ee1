//! The reassembler's buffer.

use crate::buffer::Buffer;
use crate::machine::{Layout, Shape};
use crate::stash::{Growth, Thrift};
use crate::storage::Storage;
use crate::{Decoded, Frame, Payload};

/// ```text
/// storage: | consumed | kept | gap | pending | space |
///                     ^ start                ^ end
/// ```
///
/// The gap is what was dropped behind kept bytes, such as the head of a later part. To widen it
/// moves nothing, and what is kept next moves over it: joining moves each byte once, however many
/// parts there are. It is there only while the machine runs.
pub(crate) struct Window<S> {
    storage: S,
    start: usize,
    end: usize,
    gap: usize,
    /// The size to begin with, and to come back to.
    initial: usize,
    growth: Growth,
    thrift: Thrift,
    /// The size that would be enough, once what is held fits.
    enough: Option<usize>,
    /// Where the end is to be before anything is to be decided: an index, so that it is right for
    /// all that comes before it.
    awaited: usize,
}

impl<S: Storage> Window<S> {
    /// `capacity` is the size to begin with where the storage has none of its own.
    pub(crate) fn new(mut storage: S, capacity: usize, growth: Growth) -> Self {
        storage.open();
        let initial = match storage.bytes().len() {
            0 => capacity.max(1),
            size => size,
        };
        let thrift = Thrift::default();
        Self {
            storage,
            start: 0,
            end: 0,
            gap: 0,
            initial,
            growth,
            thrift,
            enough: None,
            awaited: 0,
        }
    }

    /// The size of the buffer in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.storage.bytes().len()
    }

    /// All that is held.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.bytes().get(self.start..self.end).unwrap_or_default()
    }

    /// As [`bytes`](Self::bytes), which are always there: to be used where a branch that is never
    /// taken is faster than a choice between two slices.
    #[inline]
    pub(crate) fn some_bytes(&self) -> Option<&[u8]> {
        self.storage.bytes().get(self.start..self.end)
    }

    pub(crate) fn held(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there will never be room for another byte behind those that are held.
    pub(crate) fn is_full(&self) -> bool {
        !S::GROWS && self.held() >= self.capacity()
    }

    /// Whether so many bytes behind the kept ones will never fit.
    pub(crate) fn never_holds(&self, expected: Option<u64>, kept: usize) -> bool {
        let total = expected.map_or(0, |more| more.saturating_add(kept as u64));
        !S::GROWS && total > self.capacity() as u64
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

    /// Nothing is to be decided before so many bytes are held.
    pub(crate) fn await_total(&mut self, total: usize) {
        self.awaited = self.start.saturating_add(total);
    }

    /// Whether less is held than what is awaited.
    #[inline]
    pub(crate) const fn lacks(&self) -> bool {
        self.end < self.awaited
    }

    /// How many bytes are not there of those that were awaited and are not consumed yet, if any.
    pub(crate) fn missing(&self) -> Option<usize> {
        (self.awaited > self.start).then(|| self.awaited.saturating_sub(self.end))
    }

    /// Moves past a frame at the front, of which nothing was dropped.
    #[inline]
    pub(crate) fn pass(&mut self, shape: Shape) {
        let size = shape.bytes();
        // All of it is there.
        self.start = self.start.wrapping_add(size);
        self.note(size);
    }

    /// Head, payload with checksum, and trailer of the frame before the front.
    #[inline]
    pub(crate) fn passed(&self, shape: Shape) -> [&[u8]; 3] {
        let start = self.start.wrapping_sub(shape.bytes());
        let bytes = self.storage.bytes().get(start..);
        match bytes.and_then(|bytes| shape.split(bytes)) {
            Some([head, sealed, trailer, _]) => [head, sealed, trailer],
            None => [&[]; 3],
        }
    }

    pub(crate) fn space(&mut self) -> &mut [u8] {
        let held = self.held();
        if let Some(enough) = self.enough.filter(|&enough| held < enough) {
            self.enough = None;
            self.resize(enough);
        } else if held <= self.start {
            // Moving costs no more than what was consumed since the last move.
            self.rewind();
        }
        if self.end >= self.capacity() {
            if S::GROWS {
                // More than half of it is held, or there is none.
                self.resize(held.saturating_mul(2).max(self.initial));
            } else {
                // Of a fixed storage this moves an incomplete frame, and each only once: it then
                // lies at the front until it is complete.
                self.rewind();
            }
        }
        self.storage.bytes_mut().get_mut(self.end..).unwrap_or_default()
    }

    pub(crate) fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.capacity());
    }

    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Notes the size of a frame, to find out when the buffer has become too large.
    #[inline]
    pub(crate) fn note(&mut self, used: usize) {
        if self.capacity() > self.initial {
            let enough = self.thrift.after(used, self.capacity());
            self.enough = enough.map(|bytes| bytes.max(self.initial)).or(self.enough);
        }
    }

    /// Makes a complete frame contiguous. The answer is how many bytes go with it: the gap too,
    /// which is then behind it.
    pub(crate) fn gather(&mut self, layout: Layout) -> usize {
        let total = layout.total();
        self.join(layout.kept, total.saturating_sub(layout.kept));
        total.saturating_add(core::mem::take(&mut self.gap))
    }

    /// Closes the gap behind the kept bytes.
    #[inline]
    pub(crate) fn close(&mut self, kept: usize) {
        if self.gap > 0 {
            self.join(kept, usize::MAX);
            self.end = self.end.saturating_sub(core::mem::take(&mut self.gap));
        }
    }

    /// Moves the first `n` pending bytes over the gap, to the kept ones.
    fn join(&mut self, kept: usize, n: usize) {
        let to = self.start.saturating_add(kept);
        let from = to.saturating_add(self.gap);
        let end = from.saturating_add(n).min(self.end);
        if self.gap > 0 && from < end {
            self.storage.shift(from..end, to);
        }
    }

    /// Whether room is made for what a head declares.
    pub(crate) fn reserves(&self) -> bool {
        S::GROWS && self.growth == Growth::Declared
    }

    /// Makes room at once for a frame of `size` bytes, the one at the front.
    pub(crate) fn expect(&mut self, size: u64) {
        // Within the limits, which fit the address space.
        let size = usize::try_from(size).unwrap_or(0);
        self.enough = self.enough.filter(|&enough| enough >= size);
        if size > self.capacity() {
            self.resize(size);
        } else if self.start.saturating_add(size) > self.capacity() {
            self.rewind();
        }
    }

    /// Gives back the memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        if S::GROWS {
            self.resize(self.held());
        }
    }

    /// Moves what is held to the front.
    fn rewind(&mut self) {
        let held = self.held();
        if self.start > 0 && held > 0 {
            self.storage.shift(self.start..self.end, 0);
        }
        self.moved(held);
    }

    /// Changes the size to one that what is held fits in.
    fn resize(&mut self, size: usize) {
        let held = self.held();
        self.storage.resize(self.start..self.end, size);
        self.moved(held);
    }

    /// What is held, so many bytes, was moved to the front.
    fn moved(&mut self, held: usize) {
        self.awaited = self.awaited.saturating_sub(self.start);
        self.start = 0;
        self.end = held;
    }
}

impl<S: Storage> Buffer for Window<S> {
    fn pending(&mut self, kept: usize) -> &[u8] {
        self.bytes().get(kept.saturating_add(self.gap)..).unwrap_or_default()
    }

    fn keep(&mut self, kept: usize, n: usize, _expected: Option<u64>) {
        self.join(kept, n);
    }

    fn drop(&mut self, kept: usize, n: usize) {
        if kept > 0 {
            let most = self.held().saturating_sub(kept);
            self.gap = self.gap.saturating_add(n).min(most);
        } else {
            self.consume(n);
        }
    }

    fn forget(&mut self, kept: usize) {
        let gap = core::mem::take(&mut self.gap);
        self.consume(kept.saturating_add(gap));
    }

    fn decode(&mut self, kept: usize, n: usize, decode: impl FnOnce(&mut [u8]) -> Decoded) {
        let at = self.start.saturating_add(kept).saturating_add(self.gap);
        let end = at.saturating_add(n).min(self.end);
        let coded = self.storage.bytes_mut().get_mut(at..end).unwrap_or_default();
        let Decoded { read, plain } = decode(coded);
        let behind = read.saturating_sub(plain.end);
        if behind > 0 {
            let from = at.saturating_add(plain.start)..at.saturating_add(plain.end);
            self.storage.shift(from, at.saturating_add(plain.start).saturating_add(behind));
        }
        self.drop(kept, plain.start.saturating_add(behind));
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

#[cfg(test)]
mod tests;
