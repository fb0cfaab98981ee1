//! What is done with what a contender gives.

/// Takes frames, whole or in pieces.
pub(crate) trait Visitor {
    fn piece(&mut self, bytes: &[u8]);

    fn end(&mut self);

    #[inline]
    fn frame(&mut self, bytes: &[u8]) {
        self.piece(bytes);
        self.end();
    }
}

/// While the clock runs: the length, the first and the last byte, so that nothing is left out.
#[derive(Default)]
pub(crate) struct Touch {
    sum: u64,
}

impl Touch {
    pub(crate) const fn sum(&self) -> u64 {
        self.sum
    }
}

impl Visitor for Touch {
    #[inline]
    fn piece(&mut self, bytes: &[u8]) {
        self.sum = self.sum.wrapping_add(bytes.len() as u64);
        if let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) {
            self.sum = self.sum.wrapping_add(u64::from(first) + u64::from(last));
        }
    }

    #[inline]
    fn end(&mut self) {}
}

/// Before that: every byte.
pub(crate) struct Compare<'e> {
    expected: &'e [&'e [u8]],
    frame: Vec<u8>,
    frames: usize,
}

impl<'e> Compare<'e> {
    pub(crate) const fn new(expected: &'e [&'e [u8]]) -> Self {
        Self { expected, frame: Vec::new(), frames: 0 }
    }

    /// Whether all that was expected came.
    pub(crate) const fn is_complete(&self) -> bool {
        self.frames == self.expected.len() && self.frame.is_empty()
    }
}

impl Visitor for Compare<'_> {
    fn piece(&mut self, bytes: &[u8]) {
        self.frame.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        let expected = self.expected.get(self.frames).expect("a frame too many");
        assert!(self.frame == *expected, "frame {} differs", self.frames);
        self.frame.clear();
        self.frames += 1;
    }
}
