//! What the machine is asked for, and what it answers.

/// How the caller wants frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Frames,
    Events,
}

/// What the buffer is to do with the pending bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Nothing: at least so many more are needed.
    Wait(usize),
    /// Keep so many as part of the frame.
    Keep(usize),
    /// Remove so many.
    Drop(usize),
    /// Remove the kept bytes.
    Forget(usize),
    /// Replace so many by their decoded form: see [`Machine::decode`](super::Machine::decode).
    Decode(usize),
    /// Hand something out.
    Give(Gift),
}

/// What is handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gift {
    Frame(Layout),
    /// The first `head` pending bytes are the head.
    Begin {
        head: usize,
        body: Option<u64>,
        offset: u64,
    },
    /// The first so many bytes, kept ones if there are any, are payload.
    Chunk(usize),
    /// The first `trailer` pending bytes end the frame.
    End {
        trailer: usize,
        discarded: u64,
    },
    /// The first `trailer` pending bytes end a frame that was dropped.
    Skipped {
        trailer: usize,
        offset: u64,
        declared: Option<u64>,
        discarded: u64,
    },
    /// Bytes that were no frame were passed over.
    Resynced {
        offset: u64,
        discarded: u64,
    },
}

/// Where the pieces of a complete frame lie; all lengths in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) head: usize,
    pub(crate) payload: usize,
    /// Between payload and trailer: dropped. What is past the limit, or the checksum.
    pub(crate) extra: usize,
    pub(crate) trailer: usize,
    /// How much of head and payload the buffer has kept; the rest is pending.
    pub(crate) kept: usize,
    pub(crate) offset: u64,
    pub(crate) discarded: u64,
}

impl Layout {
    /// All bytes of the frame that are left in the buffer.
    pub(crate) const fn total(&self) -> usize {
        self.head
            .saturating_add(self.payload)
            .saturating_add(self.extra)
            .saturating_add(self.trailer)
    }
}
