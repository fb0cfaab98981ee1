//! The reassembler's buffer.

use crate::buffer::Buffer;
use crate::machine::Layout;
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
        Self { storage, start: 0, end: 0, gap: 0, initial, growth, thrift, enough: None }
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
        self.start = 0;
        self.end = held;
    }

    /// Changes the size to one that what is held fits in.
    fn resize(&mut self, size: usize) {
        let held = self.held();
        self.storage.resize(self.start..self.end, size);
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
mod tests {
    use alloc::{format, rc::Rc, vec, vec::Vec};
    use core::cell::Cell;
    use core::ops::Range;

    use super::Window;
    use crate::stash::Growth;
    use crate::storage::{Memory, Storage};
    use crate::{Chunked, Config, Framing, Limits, Netstring, Oversize, Reassembler};

    /// Counts the bytes that are moved in it.
    struct Counted<S> {
        inner: S,
        moved: Rc<Cell<usize>>,
    }

    impl<S: Storage> Storage for Counted<S> {}

    impl<S: Storage> Memory for Counted<S> {
        const GROWS: bool = S::GROWS;

        fn bytes(&self) -> &[u8] {
            self.inner.bytes()
        }

        fn bytes_mut(&mut self) -> &mut [u8] {
            self.inner.bytes_mut()
        }

        fn shift(&mut self, from: Range<usize>, to: usize) {
            self.moved.set(self.moved.get() + from.len());
            self.inner.shift(from, to);
        }

        fn resize(&mut self, held: Range<usize>, size: usize) {
            self.moved.set(self.moved.get() + held.len());
            self.inner.resize(held, size);
        }
    }

    /// How many bytes are moved when `wire` is read in chunks. Every frame has `payload`.
    fn moved<F: Framing + Clone>(
        config: &Config<F>,
        storage: impl Storage,
        wire: &[u8],
        chunk: usize,
        payload: &[u8],
    ) -> usize {
        let moved = Rc::new(Cell::new(0));
        let storage = Counted { inner: storage, moved: Rc::clone(&moved) };
        let mut owned = config.reassembler_in(storage).unwrap();
        let (mut rest, mut frames) = (wire, 0);
        while !rest.is_empty() {
            let space = owned.space();
            let n = space.len().min(rest.len()).min(chunk);
            space[..n].copy_from_slice(&rest[..n]);
            owned.filled(n);
            rest = &rest[n..];
            while let Some(frame) = owned.next().unwrap() {
                assert!(&*frame.payload() == payload, "frame {frames} in chunks of {chunk}");
                frames += 1;
            }
        }
        assert_eq!(frames, 3);
        moved.get()
    }

    /// A large part, then many small ones, then a large one; and all of it behind them again.
    fn parts(size: usize) -> (Vec<u8>, Vec<u8>) {
        let (large, small) = (vec![b'x'; size], vec![b'y'; size]);
        let mut wire = format!("{size:x}\r\n").into_bytes();
        wire.extend([&large[..], b"\r\n"].concat());
        wire.extend(b"1\r\ny\r\n".repeat(size));
        wire.extend(format!("{size:x}\r\n").bytes());
        wire.extend([&large[..], b"\r\n0\r\n\r\n"].concat());
        (wire.repeat(3), [&large[..], &small, &large].concat())
    }

    #[test]
    fn to_join_parts_takes_linear_time() {
        let limits = Limits { parts: usize::MAX, ..Limits::default() };
        let config = Config::new(Chunked).limits(limits);
        // Miri would take minutes for the long ones.
        let sizes: &[usize] = if cfg!(miri) { &[20] } else { &[1_000, 2_000, 4_000, 40_000] };
        for &size in sizes {
            let (wire, payload) = parts(size);
            for chunk in [1, 7, 1_000, wire.len()] {
                // Each byte once to join, once or twice to grow, once to the front.
                let n = moved(&config, Vec::new(), &wire, chunk, &payload);
                assert!(n <= 2 * wire.len(), "{n} of {} in chunks of {chunk}", wire.len());
                // All is there at once, in front of much that is not looked at yet.
                let n = moved(&config, vec![0; wire.len()], &wire, chunk, &payload);
                assert!(n <= 3 * payload.len(), "{n} of {} in chunks of {chunk}", payload.len());
                for room in [16, payload.len()] {
                    let storage = &mut vec![0; payload.len() + room][..];
                    let n = moved(&config, storage, &wire, chunk, &payload);
                    assert!(n <= wire.len(), "{n} of {} in chunks of {chunk}", wire.len());
                }
            }
        }
    }

    #[test]
    fn what_a_truncated_frame_drops_moves_nothing_but_its_end() {
        let config = Config::new(Netstring).max_payload(1_000).oversize(Oversize::Truncate);
        let payload = vec![b'x'; 1_000];
        let size = if cfg!(miri) { 1_500 } else { 100_000 };
        let wire = format!("{size}:{},", "x".repeat(size)).repeat(3).into_bytes();
        for chunk in [1, 7, 100, size] {
            let n = moved(&config, &mut [0; 1_200][..], &wire, chunk, &payload);
            assert!(n <= 3 * 1_200, "{n} in chunks of {chunk}");
        }
    }

    #[test]
    fn nothing_is_moved_where_it_need_not_be() {
        let moved = Rc::new(Cell::new(0));
        let storage = Counted { inner: vec![0; 100], moved: Rc::clone(&moved) };
        let mut window = Window::new(storage, 1, Growth::Declared);
        window.filled(30);
        window.consume(10);
        window.enough = Some(20);
        assert_eq!(window.space().len(), 70, "what is held would fill the smaller buffer");
        window.enough = None;
        window.expect(90);
        assert_eq!(moved.get(), 0, "it fits behind what was consumed");
        window.expect(91);
        assert_eq!((moved.get(), window.space().len()), (20, 80));

        window.initial = window.capacity();
        for _ in 0..100 {
            window.note(20);
        }
        assert_eq!(window.enough, None, "it never becomes smaller than at the beginning");
    }

    #[test]
    fn unread_is_contiguous_in_the_midst_of_joining() {
        let wire = b"2\r\nab\r\n3;long=extension\r\ncde\r\n0\r\n\r\n";
        // What is left of each beginning of the wire: the heads of later parts go when complete.
        let left: &[(usize, &[u8])] = &[
            (6, b"2\r\nab\r"),
            (7, b"2\r\nab"),
            (8, b"2\r\nab3"),
            (22, b"2\r\nab3;long=extensio"),
            (26, b"2\r\nabc"),
            (30, b"2\r\nabcde"),
        ];
        for &(end, unread) in left {
            for chunk in 1..end {
                let mut owned = Reassembler::new(Chunked);
                for piece in wire[..end].chunks(chunk) {
                    owned.space()[..piece.len()].copy_from_slice(piece);
                    owned.filled(piece.len());
                    assert!(owned.next().unwrap().is_none());
                }
                assert_eq!(owned.unread(), unread, "{end} in chunks of {chunk}");
            }
        }
        let mut failed = Reassembler::new(Chunked);
        let bad = b"2\r\nab\r\n3\r\ncde\r\nxyz\n";
        failed.space()[..bad.len()].copy_from_slice(bad);
        failed.filled(bad.len());
        assert!(failed.next().is_err());
        assert_eq!(failed.unread(), b"2\r\nabcdexyz\n");
    }
}
