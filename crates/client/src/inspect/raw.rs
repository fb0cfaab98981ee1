//! What has to be shown once more of bytes that the decoder has taken already.

use framing::Frame;

/// The last bytes that were read, or all of the frame in progress.
pub(super) struct Raw {
    extent: Extent,
    bytes: Vec<u8>,
    /// Offset in the capture of the first of them.
    offset: u64,
    /// Offset of the frame in progress.
    frame: u64,
    /// Its first bytes, where they are no longer among `bytes`.
    opening: Vec<u8>,
}

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// What a fault may lie in.
    Faults,
    /// All of a frame: what was cut off it can be told only once its end is known.
    Frames,
}

/// Some bytes and where they begin in the capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    pub(super) offset: u64,
    pub(super) bytes: &'r [u8],
}

impl Raw {
    /// Enough to show any fault.
    pub(super) fn of_faults() -> Self {
        Self::new(Extent::Faults)
    }

    /// Enough to show what was cut off a frame, too.
    pub(super) fn of_frames() -> Self {
        Self::new(Extent::Frames)
    }

    fn new(extent: Extent) -> Self {
        Self { extent, bytes: Vec::new(), offset: 0, frame: 0, opening: Vec::new() }
    }

    /// More was read.
    pub(super) fn add(&mut self, chunk: &[u8]) {
        let needed = match self.extent {
            Extent::Frames => self.frame,
            Extent::Faults => self.frame.max(self.end().saturating_sub(JUDGED_LATE)),
        };
        if needed > self.frame && self.opening.is_empty() {
            let opening = self.from(self.frame);
            self.opening = opening[..opening.len().min(ROW)].to_vec();
        }
        let unneeded = self.bytes.len() - self.from(needed).len();
        self.bytes.drain(..unneeded);
        self.offset = self.offset.saturating_add(unneeded as u64);
        self.bytes.extend_from_slice(chunk);
    }

    /// The frame in progress has ended, with `left` bytes behind it.
    pub(super) fn frame_ends(&mut self, left: usize) {
        self.frame = self.end().saturating_sub(left as u64);
        self.opening.clear();
    }

    /// What was cut off the frame in progress, which has ended with `left` bytes behind it; nothing if
    /// its payload stands in the capture in another form, or in parts.
    pub(super) fn cut_off(&self, frame: &Frame<'_, '_>, left: usize) -> &[u8] {
        if self.extent == Extent::Faults || frame.discarded() == 0 {
            return &[];
        }
        let raw = self.from(frame.offset());
        let raw = &raw[..raw.len().saturating_sub(left)];
        let cut = raw.strip_prefix(frame.head());
        let cut = cut.and_then(|raw| raw.strip_prefix(frame.payload().bytes()));
        let cut = cut.and_then(|raw| raw.strip_suffix(frame.trailer()));
        cut.filter(|cut| cut.len() as u64 == frame.discarded()).unwrap_or_default()
    }

    /// The row of the frame in progress in which the byte at `offset` stands; no bytes if that was not
    /// read.
    pub(super) fn row(&self, offset: u64) -> Row<'_> {
        let into = offset.saturating_sub(self.frame);
        let start = offset - into % ROW as u64;
        let bytes = match &self.opening[..] {
            opening if start == self.frame && !opening.is_empty() => opening,
            _ => self.from(start),
        };
        let most = if offset < self.end() { ROW } else { 0 };
        Row { offset: start, bytes: &bytes[..bytes.len().min(most)] }
    }

    /// Offset of the frame in progress.
    pub(super) fn frame(&self) -> u64 {
        self.frame
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    /// What is held from `offset` on.
    fn from(&self, offset: u64) -> &[u8] {
        let at = usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        &self.bytes[at.min(self.bytes.len())..]
    }
}

/// Bytes of a row of the dump.
pub(super) const ROW: usize = 16;

/// How far back a fault may lie: a head is judged once it is complete, and no longer than the default
/// limit, which no spec changes. Its row begins before it, and the one before that is shown too.
const JUDGED_LATE: u64 = (8 << 10) + 2 * ROW as u64;
