//! The bytes that wait to be written.

/// A byte queue with a contiguous front.
///
/// ```text
/// bytes: | written | waiting | blank | spare |
///                  ^ start   ^ end
/// ```
///
/// Written bytes are dropped when the queue is empty, or when an append needs room and moving what
/// waits costs no more than what was written since the last move: every byte is moved at most once
/// on average.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    start: usize,
    /// The bytes behind what waits that mean nothing: to be written over by whom they are lent to, without being
    /// made zeros before.
    blank: usize,
    /// All that was ever written.
    written: u64,
}

impl Queue {
    /// What waits, from its first byte.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..self.end_of_waiting()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.end_of_waiting().saturating_sub(self.start)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much was written since the beginning.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// How much will have been written when the queue is empty.
    pub(crate) fn end(&self) -> u64 {
        self.written.saturating_add(self.len() as u64)
    }

    /// The end of the queue, to append about `more` bytes to and nothing else.
    pub(crate) fn tail(&mut self, more: usize) -> &mut Vec<u8> {
        self.make_room(more);
        self.bytes.truncate(self.end_of_waiting());
        self.blank = 0;
        &mut self.bytes
    }

    /// Lends `size` bytes at the end of the queue, whatever is in them. They belong to it once they are
    /// [filled](Self::filled).
    pub(crate) fn lend(&mut self, size: usize) -> &mut [u8] {
        self.make_room(size);
        let end = self.end_of_waiting();
        if self.blank < size {
            self.bytes.resize(end.saturating_add(size), 0);
            self.blank = size;
        }
        self.bytes.get_mut(end..end.saturating_add(size)).unwrap_or_default()
    }

    /// The first `n` bytes that were lent wait from now on.
    pub(crate) fn filled(&mut self, n: usize) {
        self.blank = self.blank.saturating_sub(n);
    }

    /// The first `n` bytes that waited were written.
    pub(crate) fn sent(&mut self, n: usize) {
        let n = n.min(self.len());
        self.start = self.start.saturating_add(n);
        self.written = self.written.saturating_add(n as u64);
        if self.is_empty() {
            self.start = 0;
            self.blank = self.bytes.len();
        }
    }

    /// Drops what waits.
    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
        (self.start, self.blank) = (0, 0);
    }

    /// Gives back the memory of a burst, if nothing waits.
    pub(crate) fn release(&mut self) {
        if self.is_empty() && self.bytes.capacity() > KEPT {
            self.clear();
        }
    }

    fn end_of_waiting(&self) -> usize {
        self.bytes.len().saturating_sub(self.blank)
    }

    fn make_room(&mut self, more: usize) {
        let end = self.end_of_waiting();
        let spare = self.bytes.capacity().saturating_sub(end);
        if more > spare && self.start >= self.len() {
            self.bytes.copy_within(self.start..end, 0);
            self.blank = self.blank.saturating_add(self.start);
            self.start = 0;
        }
    }
}

/// The capacity that an empty queue may keep, in bytes.
const KEPT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_are_moved_once_on_average() {
        let mut queue = Queue::default();
        let (mut next_in, mut next_out, mut moved) = (0_u8, 0_u8, 0_usize);
        for step in 1..20_000_usize {
            let before = queue.waiting().as_ptr();
            let tail = queue.tail(1000);
            for _ in 0..1000 {
                tail.push(next_in);
                next_in = next_in.wrapping_add(1);
            }
            if queue.waiting().as_ptr() != before {
                moved += queue.len();
            }
            // Always a little less than went in, until the queue is emptied.
            let n = if step % 500 == 0 { queue.len() } else { 990 };
            for byte in &queue.waiting()[..n] {
                assert_eq!(*byte, next_out);
                next_out = next_out.wrapping_add(1);
            }
            queue.sent(n);
        }
        assert!(moved < 2 * 20_000 * 1000, "moved {moved} bytes");
        assert_eq!(queue.written() + queue.len() as u64, queue.end());
    }

    #[test]
    fn a_long_queue_is_not_moved_for_every_small_append_and_does_not_grow() {
        let mut queue = Queue::default();
        queue.tail(100_000).resize(100_000, 0);
        let mut moved = 0;
        for _ in 0..100_000 {
            queue.sent(10);
            let before = queue.waiting().as_ptr();
            queue.tail(10).extend_from_slice(&[0; 10]);
            if queue.waiting().as_ptr() != before {
                moved += queue.len();
            }
        }
        assert!(moved < 2 * 1_000_000, "moved {moved} bytes");
        assert!(queue.bytes.capacity() < 500_000, "{}", queue.bytes.capacity());
    }

    #[test]
    fn what_waits_is_moved_only_where_there_is_no_room_behind_it() {
        let mut queue = Queue::default();
        queue.tail(100).resize(100, 0);
        let capacity = queue.bytes.capacity();
        queue.tail(capacity).resize(capacity, 0);
        queue.sent(capacity - 10);
        let front = queue.waiting().as_ptr();
        // Written bytes are many, but there is just enough room.
        queue.bytes.truncate(capacity - 5);
        queue.tail(5).extend_from_slice(&[0; 5]);
        assert_eq!(queue.waiting().as_ptr(), front);
        queue.tail(capacity / 2).extend_from_slice(&vec![0; capacity / 2]);
        assert_eq!(queue.bytes.capacity(), capacity, "it moves before it grows");
    }

    #[test]
    fn what_is_lent_belongs_to_the_queue_once_it_is_filled() {
        let mut queue = Queue::default();
        for (size, filled) in [(5, 3), (2, 2), (9, 0), (9, 9)] {
            let before = queue.waiting().to_vec();
            let lent = queue.lend(size);
            assert_eq!(lent.len(), size);
            lent.fill(7);
            queue.filled(filled);
            assert_eq!(queue.waiting(), [before, vec![7; filled]].concat());
        }
        queue.tail(1).push(8);
        assert_eq!(queue.waiting(), [[7; 14].as_slice(), &[8]].concat());
        queue.sent(14);
        let front = queue.waiting().as_ptr();
        queue.lend(queue.bytes.capacity() - 14).fill(9);
        assert_eq!(queue.waiting(), [8], "what waits was moved, and only that");
        assert_ne!(queue.waiting().as_ptr(), front);
        queue.sent(1);
        assert!(queue.is_empty() && queue.waiting().is_empty());
    }

    #[test]
    fn a_burst_gives_its_memory_back() {
        let mut queue = Queue::default();
        queue.tail(1 << 20).resize(1 << 20, 0);
        queue.release();
        assert_eq!(queue.len(), 1 << 20, "what waits is kept");
        queue.sent(usize::MAX);
        queue.release();
        assert!(queue.is_empty());
        assert!(queue.bytes.capacity() <= KEPT);

        for (capacity, kept) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
            queue.bytes = Vec::with_capacity(capacity);
            queue.release();
            assert_eq!(queue.bytes.capacity() == capacity, kept, "{capacity}");
        }
    }
}
