//! The bytes that a push decoder holds between two chunks.

use alloc::vec::Vec;

/// A byte buffer that needs no allocation for what a split head leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Stash {
    inline: [u8; INLINE],
    inline_len: usize,
    /// Where the bytes are once they are too many; then it is not empty.
    heap: Vec<u8>,
    /// How many bytes at its front were removed. To move the rest for each of many small frames
    /// would take quadratic time.
    start: usize,
    growth: Growth,
    thrift: Thrift,
}

/// How a buffer makes room for a frame whose length is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Growth {
    /// As bytes are received: to no more than twice what is held.
    #[default]
    Received,
    /// At once for all that the head declares, within the limits.
    Declared,
}

impl Stash {
    pub(crate) fn new(growth: Growth) -> Self {
        Self { growth, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.heap.is_empty() {
            self.inline.get(..self.inline_len).unwrap_or_default()
        } else {
            self.heap.get(self.start..).unwrap_or_default()
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.heap.is_empty() {
            self.inline.get_mut(..self.inline_len).unwrap_or_default()
        } else {
            self.heap.get_mut(self.start..).unwrap_or_default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        if self.heap.is_empty() {
            self.inline_len
        } else {
            self.heap.len().saturating_sub(self.start)
        }
    }

    /// Bytes of heap in use or in reserve.
    pub(crate) fn capacity(&self) -> usize {
        self.heap.capacity()
    }

    /// Appends `bytes` where there is room for them. What was needed once is used again.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> bool {
        let room = self.heap.capacity().wrapping_sub(self.heap.len());
        let fits = self.inline_len == 0 && bytes.len() <= room;
        if fits {
            match bytes {
                // Where streams come byte by byte, to call for the copy would take most of the time.
                &[byte] => self.heap.push(byte),
                _ => self.heap.extend_from_slice(bytes),
            }
        }
        fits
    }

    /// Appends `bytes`, after which `expected` more come, if that is known. What is reserved is
    /// bounded by twice the bytes held, whatever is expected, but with [`Growth::Declared`].
    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8], expected: Option<u64>) {
        if self.append(bytes) {
            return;
        }
        match bytes {
            &[byte] => self.push(byte, expected),
            _ => self.extend_slow(bytes, expected),
        }
    }

    /// For heads that come byte by byte.
    #[inline(never)]
    fn push(&mut self, byte: u8, expected: Option<u64>) {
        match self.inline.get_mut(self.inline_len) {
            Some(place) if self.heap.is_empty() => {
                *place = byte;
                self.inline_len = self.inline_len.wrapping_add(1);
            }
            _ => self.extend_slow(&[byte], expected),
        }
    }

    #[inline(never)]
    fn extend_slow(&mut self, bytes: &[u8], expected: Option<u64>) {
        let needed = self.len().saturating_add(bytes.len());
        if self.heap.is_empty()
            && let Some(room) = self.inline.get_mut(self.inline_len..needed)
        {
            room.copy_from_slice(bytes);
            self.inline_len = needed;
            return;
        }
        if self.start.saturating_add(needed) > self.heap.capacity() {
            self.compact();
        }
        if needed > self.heap.capacity() {
            let whole = expected
                .map(|more| usize::try_from(more).unwrap_or(usize::MAX).saturating_add(needed));
            let double = needed.saturating_mul(2);
            let target = match (self.growth, whole) {
                (Growth::Declared, Some(whole)) => whole,
                (Growth::Received, Some(whole)) => whole.min(double),
                (_, None) => double,
            };
            self.heap.reserve_exact(target.saturating_sub(self.heap.len()));
        }
        if self.heap.is_empty() {
            self.heap.extend_from_slice(self.inline.get(..self.inline_len).unwrap_or_default());
            self.inline_len = 0;
        }
        self.heap.extend_from_slice(bytes);
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        if self.heap.is_empty() {
            self.inline_len = self.inline_len.min(len);
        } else if len == 0 {
            self.empty();
        } else {
            self.heap.truncate(self.start.saturating_add(len));
        }
    }

    /// Removes `n` bytes from `at` on.
    pub(crate) fn remove(&mut self, at: usize, n: usize) {
        let end = at.saturating_add(n).min(self.len());
        let at = at.min(end);
        if self.heap.is_empty() {
            self.inline.copy_within(end.min(INLINE)..self.inline_len.min(INLINE), at);
            self.inline_len = self.inline_len.saturating_sub(end.saturating_sub(at));
        } else if at == 0 {
            self.start = self.start.saturating_add(end);
            if self.start >= self.heap.len() {
                self.empty();
            } else if self.start > self.heap.len() / 2 {
                // Moves fewer bytes than were removed since the last time.
                self.compact();
            }
        } else {
            let [at, end] = [at, end].map(|offset| offset.saturating_add(self.start));
            self.heap.drain(at..end);
        }
    }

    /// Moves the bytes in the heap to its front.
    fn compact(&mut self) {
        self.heap.drain(..self.start);
        self.start = 0;
    }

    fn empty(&mut self) {
        self.heap.clear();
        self.start = 0;
        self.inline_len = 0;
    }

    /// Removes all bytes, and gives capacity back that has long not been needed.
    pub(crate) fn clear(&mut self) {
        let (used, capacity) = (self.len(), self.heap.capacity());
        self.empty();
        if used > 0
            && let Some(enough) = self.thrift.after(used, capacity)
        {
            self.heap.shrink_to(enough);
        }
    }

    /// Gives back all capacity that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.compact();
        if !self.heap.is_empty()
            && let Some(room) = self.inline.get_mut(..self.heap.len())
        {
            room.copy_from_slice(&self.heap);
            self.inline_len = self.heap.len();
            self.heap.clear();
        }
        self.heap.shrink_to_fit();
    }
}

/// Decides when a buffer is too large: once 64 frames in a row needed less than half of it.
/// Giving back after every frame would allocate for each large one.
#[derive(Debug, Default)]
pub(crate) struct Thrift {
    small: u32,
    largest: usize,
}

impl Thrift {
    /// Notes that a frame needed `used` bytes of `capacity`. The answer is the capacity to shrink
    /// to.
    #[inline]
    pub(crate) fn after(&mut self, used: usize, capacity: usize) -> Option<usize> {
        // Without a branch: sizes of frames cannot be foreseen.
        let small = used < capacity / 2;
        self.small = if small { self.small.saturating_add(1) } else { 0 };
        self.largest = if small { self.largest.max(used) } else { 0 };
        if self.small < PATIENCE {
            return None;
        }
        let enough = self.largest;
        *self = Self::default();
        Some(enough)
    }
}

/// Room for the heads of every framing with fixed fields.
const INLINE: usize = 32;

/// Frames in a row that must have needed less than half.
const PATIENCE: u32 = 64;

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::{INLINE, Stash};

    #[test]
    fn small_content_stays_off_the_heap() {
        let mut stash = Stash::default();
        stash.extend(&[7; INLINE], Some(1 << 40));
        assert_eq!((stash.len(), stash.capacity()), (INLINE, 0));
        stash.extend(&[8], Some(1 << 40));
        assert_eq!(stash.len(), INLINE + 1);
        assert!(stash.capacity() <= 2 * (INLINE + 1));
    }

    #[test]
    fn remove_takes_from_the_middle_on_both_sides_of_the_inline_border() {
        // Miri would take minutes for all.
        let lengths: &[u8] = if cfg!(miri) { &[4, 33] } else { &[10, 32, 33, 100] };
        for &length in lengths {
            for at in (0..length).step_by(if cfg!(miri) { 11 } else { 1 }) {
                for n in 0..=length - at {
                    let mut model: Vec<u8> = (0..length).collect();
                    let mut stash = Stash::default();
                    stash.extend(&model, None);
                    model.drain(usize::from(at)..usize::from(at + n));
                    stash.remove(at.into(), n.into());
                    assert_eq!(stash.bytes(), model);
                    stash.extend(&[1, 2, 3], None);
                    model.extend([1, 2, 3]);
                    assert_eq!(stash.bytes(), model);
                }
            }
        }
    }

    /// Many small frames in what is held: their bytes leave without the rest being moved for each.
    #[test]
    fn removing_from_the_front_moves_the_rest_a_few_times_only() {
        let mut stash = Stash::default();
        // Miri would take minutes for more.
        let doublings = if cfg!(miri) { 8 } else { 16 };
        stash.extend(&vec![7; 1 << doublings], None);
        let mut moves = 0;
        while stash.len() > 1 {
            let next = stash.bytes()[1..].as_ptr().addr();
            stash.remove(0, 1);
            moves += usize::from(stash.bytes().as_ptr().addr() != next);
        }
        assert!(moves <= doublings + 1, "{moves}: at most each time that half was removed");
    }

    #[test]
    fn what_was_removed_makes_room_before_it_grows() {
        let mut stash = Stash::default();
        stash.extend(&[7; 1000], Some(1000));
        stash.extend(&[8; 1000], None);
        assert_eq!((stash.len(), stash.capacity()), (2000, 2000));
        stash.remove(0, 900);
        stash.truncate(1000);
        let front = stash.bytes().as_ptr();
        stash.extend(&[9; 100], None);
        assert_eq!(stash.bytes().as_ptr(), front, "it fits behind what was removed");
        stash.extend(&[9; 1], None);
        assert_ne!(stash.bytes().as_ptr(), front);
        assert_eq!((stash.len(), stash.capacity()), (1101, 2000));
        stash.extend(&[9; 899], None);
        assert_eq!((stash.len(), stash.capacity()), (2000, 2000), "it is just large enough");
    }

    #[test]
    fn what_just_fits_once_it_is_moved_makes_nothing_grow() {
        let mut stash = Stash::default();
        stash.extend(&[7; 1000], None);
        stash.extend(&[8; 1000], None);
        stash.remove(0, 900);
        stash.extend(&[9; 900], None);
        assert_eq!((stash.len(), stash.capacity()), (2000, 2000));
    }

    #[test]
    fn what_was_removed_is_reused_once_it_is_more_than_half() {
        let mut stash = Stash::default();
        stash.extend(&[7; 1000], Some(0));
        let front = stash.bytes().as_ptr();
        stash.remove(0, 500);
        assert_ne!(stash.bytes().as_ptr(), front);
        stash.remove(0, 100);
        assert_eq!((stash.bytes().as_ptr(), stash.len()), (front, 400));
    }

    #[test]
    fn an_empty_buffer_is_no_small_frame() {
        let mut stash = Stash::default();
        stash.extend(&[0; 1000], None);
        for _ in 0..100 {
            stash.clear();
        }
        assert!(stash.capacity() >= 1000);
    }

    #[test]
    fn capacity_comes_back_after_64_small_frames() {
        for small in [10, 1000] {
            let mut stash = Stash::default();
            stash.extend(&vec![0; 100_000], None);
            stash.clear();
            for _ in 0..63 {
                stash.extend(&vec![0; small], None);
                stash.clear();
            }
            assert!(stash.capacity() >= 100_000);
            stash.extend(&vec![0; small], None);
            stash.clear();
            assert!(stash.capacity() < 2_000, "{}", stash.capacity());
        }
    }
}
