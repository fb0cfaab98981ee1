//! The bytes of a fuzzer, taken as choices from the front. Where there are none left every choice is
//! the first.

pub(crate) struct Input<'d> {
    bytes: &'d [u8],
}

impl<'d> Input<'d> {
    pub(crate) fn new(bytes: &'d [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// One of `n`, which is not 0 nor above 256.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Mostly small, for that is cheap; at times up to 300,000.
    pub(crate) fn size(&mut self) -> usize {
        match usize::from(self.byte()) {
            0xFF => self.word() * 5,
            0xFE => self.word(),
            small => small,
        }
    }

    /// Up to 65,535.
    pub(crate) fn word(&mut self) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()]))
    }

    pub(crate) fn take(&mut self, n: usize) -> &'d [u8] {
        let (taken, rest) = self.bytes.split_at(n.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    pub(crate) fn rest(&mut self) -> &'d [u8] {
        std::mem::take(&mut self.bytes)
    }
}

/// Those of `all` that one execution tries. Fuzzing tries one, which the input chooses: many executions
/// find more than thorough ones. The replay tries all of them.
pub(crate) fn tried<T, const N: usize>(all: [T; N], chosen: u8) -> impl Iterator<Item = T> {
    let chosen = usize::from(chosen) % N;
    let one = all.into_iter().enumerate().filter(move |&(at, _)| !cfg!(fuzzing) || at == chosen);
    one.map(|(_, one)| one)
}

/// Chunks of 1 to 9 bytes, from a small generator: where they end.
pub(crate) fn ends(length: usize, seed: u8) -> Vec<usize> {
    let mut sizes = Sizes::new(seed);
    let mut ends = Vec::new();
    let mut end = 0;
    while end < length {
        end = length.min(end + sizes.next());
        ends.push(end);
    }
    ends
}

/// The sizes of such chunks, without end.
pub(crate) struct Sizes {
    state: u32,
    largest: usize,
}

impl Sizes {
    pub(crate) fn new(seed: u8) -> Self {
        Self { state: u32::from(seed) * 2 + 1, largest: 9 }
    }

    /// With chunks of up to so many bytes.
    pub(crate) fn up_to(seed: u8, largest: usize) -> Self {
        Self { largest, ..Self::new(seed) }
    }

    pub(crate) fn next(&mut self) -> usize {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (self.state >> 16) as usize % self.largest
    }
}
