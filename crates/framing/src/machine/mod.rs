//! The state machine behind both decoders. It owns no bytes: it is shown what is pending and says
//! what to do with it.
//!
//! The bytes of the frame in progress lie in a buffer as
//!
//! ```text
//! | kept: head and payload so far | pending: not yet decided |
//! ```
//!
//! [`Machine::step`] sees `pending` and answers with a [`Step`]: keep so many of them, drop so
//! many, hand something out, or wait for more. The buffers differ in where the bytes lie (in the
//! caller's chunk, in a stash, in an owned buffer); the decisions are all made here, once.
//!
//! ```text
//!           scan: Need                resume: Open
//!             +---+                      +---+
//!             v   |   scan: Open         v   |
//!  start --> Head ----------------------> Open
//!             | ^                          |
//!  scan: Body,| | end of the frame,        | resume: Until
//!       Until | | or of one of its parts   v
//!             +-------------------------> Body        any fault: Failed, or Lost up to a delimiter
//! ```

mod body;
mod decide;
mod gather;
mod open;
mod resync;
mod seal;
mod step;
mod stream;
mod whole;

pub(crate) use gather::{Gathered, Sought};
use seal::Digest;
pub(crate) use step::{Gift, Layout, Mode, Step};
pub(crate) use stream::Piece;
pub(crate) use whole::{Seen, Shape};

use crate::config::check;
use crate::{
    AcceptError, DecodeError, DecodeErrorKind, Framing, Limits, Malformed, Need, Oversize,
    Recovery, Scan,
};

pub(crate) struct Machine<F> {
    framing: F,
    limits: Limits,
    oversize: Oversize,
    state: State,
    frame: Progress,
    /// Offset in the stream of the frame's first byte, or of the noise before it.
    offset: u64,
    /// Bytes from there that were passed over in search of a frame, and not reported yet.
    noise: u64,
    /// How many bytes `scan` needs of any frame; zero for a framing without a head.
    first_need: usize,
    /// What `scan` said of the very bytes that will be shown next.
    scanned: Option<Result<Scan, Malformed>>,
    /// Tests compare with what comes where no short cut is taken.
    #[cfg(test)]
    pub(crate) slow: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of a frame or part, of which `seen` bytes were scanned in vain; it has at least
    /// `total`.
    Head { seen: usize, total: usize },
    /// The layout is known.
    Body(Body),
    /// The payload has begun, its end is not in sight.
    Open(Open),
    /// The frame cannot be right, and is passed over up to its delimiter, or `ended` there.
    Lost { ended: bool },
    /// Decoding has ended.
    Failed(DecodeError),
}

impl State {
    const START: Self = Self::Head { seen: 0, total: 0 };
}

/// What is still to come of a part whose layout is known, in this order.
#[derive(Clone, Copy, Debug)]
struct Body {
    /// The head's length, until it has been dealt with.
    head: Option<usize>,
    /// Payload bytes to hand out.
    keep: u64,
    /// Payload bytes to drop.
    extra: u64,
    trailer: usize,
    more: bool,
    /// The payload is past the limit, which is to be said once `keep` is handed out.
    past: bool,
}

/// A payload without a declared length.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The head's length, until it has been dealt with.
    head: Option<usize>,
    /// So many bytes (after the head) are known to be payload and not yet decoded.
    coded: usize,
    /// So many bytes (after the head) are payload, as it is handed out, and not yet dealt with.
    certain: usize,
}

/// What is known of the frame in progress.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    fate: Fate,
    /// Whether the caller was given `Begin`.
    begun: bool,
    /// Bytes of the frame before `pending`.
    passed: u64,
    /// Of these, the bytes that the buffer keeps before `pending`: of a streamed frame those that
    /// may be its checksum.
    kept: usize,
    /// The kept head, in bytes.
    head: usize,
    /// Payload bytes kept or handed out.
    payload: u64,
    /// What a transforming framing carries from one piece of the payload to the next.
    carry: u32,
    /// Whether bytes of the frame were decoded.
    decoded: bool,
    /// Pending bytes that are payload past the limit, and the head before them.
    past: usize,
    /// Whether all of the frame has passed, before its checksum was compared.
    ended: bool,
    /// The checksum of the payload so far.
    digest: Digest,
    declared: Option<u64>,
    discarded: u64,
    /// Complete parts.
    parts: usize,
}

/// What becomes of the frame in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    /// It is gathered and handed out whole.
    #[default]
    Whole,
    /// It is handed out in pieces.
    Stream,
    /// It is dropped and reported: it is past the limit.
    Skip,
    /// It is dropped: the caller does not want the rest.
    Drop,
}

impl<F: Framing> Machine<F> {
    /// A machine for another framing at the same place of the stream; none in the midst of a frame
    /// that is not all there, and for a framing that does not build.
    pub(crate) fn switch<G: Framing>(&self, framing: G) -> Option<Machine<G>> {
        let builds = check(&framing, &self.limits, self.oversize).is_ok();
        (builds && self.is_raw()).then(|| Machine {
            offset: self.offset,
            ..Machine::new(framing, self.limits, self.oversize)
        })
    }

    pub(crate) fn new(framing: F, limits: Limits, oversize: Oversize) -> Self {
        let first_need = match framing.scan(&[], 0, false) {
            Ok(Scan::Need { total }) => total,
            _ => 0,
        };
        Self {
            framing,
            limits,
            oversize,
            state: State::START,
            frame: Progress::default(),
            offset: 0,
            noise: 0,
            first_need,
            scanned: None,
            #[cfg(test)]
            slow: false,
        }
    }

    /// Whether what is simple is done past [`step`](Self::step): [`look`](Self::look),
    /// [`gather_head`](Self::gather_head), [`piece`](Self::piece).
    #[inline]
    #[allow(clippy::unused_self, reason = "it is used by tests")]
    const fn short_cuts(&self) -> bool {
        #[cfg(test)]
        return !self.slow;
        #[cfg(not(test))]
        true
    }

    #[cfg(test)]
    pub(crate) fn describe(&self) -> String {
        let &Self { mut state, mut frame, offset, noise, .. } = self;
        if let State::Head { seen, .. } = &mut state {
            // It is only a hint; and before a frame its fate is not decided.
            *seen = 0;
            frame.fate = if frame.parts == 0 { Fate::Whole } else { frame.fate };
        }
        alloc::format!("{state:?} {frame:?} {offset} {noise}")
    }

    /// Offset in the stream of the first byte of the frame in progress.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes before the pending ones the buffer must keep.
    pub(crate) const fn kept(&self) -> usize {
        self.frame.kept
    }

    /// How many more bytes the buffer will have to hold of the frame in progress, once that is
    /// known: not of what is dropped, and not while another part follows. Within the limits.
    pub(crate) fn expected(&self) -> Option<u64> {
        match self.state {
            State::Body(body) if self.frame.fate == Fate::Whole && !body.more => {
                let head = body.head.unwrap_or(0) as u64;
                let behind = body.keep.saturating_add(body.trailer as u64);
                // The head of a later part is gone before what is behind it is kept.
                let later = self.frame.parts > 0;
                Some(if later { head.max(behind) } else { head.saturating_add(behind) })
            }
            _ => None,
        }
    }

    /// What the frame in progress still needs, of which `pending` bytes are there and not kept.
    pub(crate) fn need(&self, pending: usize) -> Need {
        let rest = |n: u64| n.saturating_sub(pending as u64);
        match self.state {
            State::Head { total, .. } => {
                let total = total.max(self.first_need);
                Need { at_least: total.saturating_sub(pending).max(1), exact: None }
            }
            State::Body(body) => {
                let exact = rest(body.rest());
                let next = if body.more { self.first_need } else { 0 };
                let at_least = usize::try_from(exact).unwrap_or(usize::MAX).saturating_add(next);
                Need { at_least: at_least.max(1), exact: (!body.more).then_some(exact) }
            }
            State::Open(_) | State::Lost { .. } => Need { at_least: 1, exact: None },
            State::Failed(_) => Need { at_least: 0, exact: None },
        }
    }

    /// Whether the buffer holds the frame in progress as it arrived, from its first byte.
    pub(crate) const fn is_raw(&self) -> bool {
        let Progress { fate, begun, parts, discarded, decoded, .. } = self.frame;
        let whole = !begun && parts == 0 && discarded == 0 && !decoded && self.noise == 0;
        whole && matches!(fate, Fate::Whole | Fate::Stream)
    }

    /// Gives up the frame in progress, of which the buffer holds `held` bytes: what follows those is
    /// the start of another.
    pub(crate) fn hand_off(&mut self, held: usize) {
        self.frame = Progress::default();
        self.next_frame(held as u64);
    }

    /// How `next` reports a frame that was dropped.
    pub(crate) const fn skipped(
        &self,
        offset: u64,
        declared: Option<u64>,
        discarded: u64,
    ) -> DecodeError {
        let limit = self.limits.payload;
        DecodeError::new(DecodeErrorKind::Skipped { declared, discarded, limit }, offset)
    }

    /// The frame in progress fills a storage of `storage` bytes, and is not complete. The limit it
    /// is past is what fits of a payload beside the rest of such a frame. Where bytes may be lost,
    /// the answer is how many of the pending ones are passed over.
    pub(crate) fn overflow(&mut self, storage: usize) -> Result<usize, DecodeError> {
        if let Some(Recovery::ByteByByte { most }) = self.framing.recovery()
            && matches!(self.state, State::Head { .. })
        {
            self.pass_over(1, most);
            return Ok(1);
        }
        let Progress { kept, head, declared, .. } = self.frame;
        let limit = match self.state {
            State::Body(body) => {
                let behind = body.trailer.max(usize::from(body.extra > 0 || body.more));
                let beside = head.saturating_add(body.head.unwrap_or(0)).saturating_add(behind);
                storage.saturating_sub(beside.saturating_add(self.seal()))
            }
            // At least one byte is missing.
            _ => kept.saturating_sub(head.saturating_add(self.seal())).saturating_sub(1),
        };
        // A delimiter that does not fit cannot be found.
        let lost = matches!(self.state, State::Lost { .. });
        let error = self.fail(DecodeErrorKind::TooLong { declared, limit });
        if lost || !self.recovers_from(error) {
            return Err(error);
        }
        self.lose();
        Ok(0)
    }

    pub(crate) const fn failed(&self) -> Option<DecodeError> {
        match self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Forgets everything: the next byte is the first of a new stream.
    pub(crate) fn reset(&mut self) {
        self.framing.reset();
        self.scanned = None;
        self.state = State::START;
        self.frame = Progress::default();
        self.offset = 0;
        self.noise = 0;
    }

    /// The rest of the frame that has begun is not wanted.
    pub(crate) fn skip(&mut self) {
        if self.frame.begun && matches!(self.frame.fate, Fate::Whole | Fate::Stream) {
            self.frame.fate = Fate::Drop;
        }
    }

    /// The frame that has begun is wanted whole, without its head, which was handed out.
    pub(crate) fn accept(&mut self) -> Result<(), AcceptError> {
        let given = self.frame.payload > self.frame.kept as u64;
        if !self.frame.begun || given || !matches!(self.frame.fate, Fate::Whole | Fate::Stream) {
            return Err(AcceptError::NotAtBegin);
        }
        // `Oversize::Stream` begins frames that are past the limit of a whole one. Where none is
        // declared, the length is known only under some cuts, and said by `next`.
        let limit = self.limits.payload;
        let most = (limit as u64).saturating_add(self.seal() as u64);
        let kept = self.frame.payload;
        let declared = |body: Body| self.frame.declared.is_some() || body.more;
        let past = |body: Body| declared(body) && body.keep.saturating_add(kept) > most;
        if matches!(self.state, State::Body(body) if past(body)) {
            return Err(AcceptError::TooLong { limit });
        }
        self.frame.fate = Fate::Whole;
        self.frame.head = 0;
        Ok(())
    }

    /// One decision. At the end of the stream (`eof`), `Wait` means that it ended between frames.
    pub(crate) fn step(
        &mut self,
        pending: &[u8],
        mode: Mode,
        eof: bool,
    ) -> Result<Step, DecodeError> {
        let step = match self.decide(pending, mode, eof) {
            Err(error) if self.recovers_from(error) => self.lose(),
            decided => decided?,
        };
        let within = self.frame.begun || self.frame.passed > 0 || !pending.is_empty();
        if eof && matches!(step, Step::Wait(_)) && within {
            let received = self.frame.passed.saturating_add(pending.len() as u64);
            return Err(self.fail(DecodeErrorKind::Truncated { received }));
        }
        Ok(step)
    }

    /// Whether a frame's layout, or the beginning of its payload, is known.
    const fn in_frame(&self) -> bool {
        matches!(self.state, State::Body(_) | State::Open(_)) || self.frame.parts > 0
    }

    /// How many more payload bytes, checksum included, may be kept or handed out.
    pub(crate) fn room(&self) -> u64 {
        if self.frame.fate == Fate::Stream && self.oversize == Oversize::Stream {
            return u64::MAX;
        }
        (self.limits.payload as u64)
            .saturating_add(self.seal() as u64)
            .saturating_sub(self.frame.payload)
    }

    fn fail(&mut self, kind: DecodeErrorKind) -> DecodeError {
        self.fail_at(kind, self.offset)
    }

    fn broken(&mut self, how: &'static str) -> DecodeError {
        self.fail(DecodeErrorKind::BrokenFraming(how))
    }

    fn fail_at(&mut self, kind: DecodeErrorKind, offset: u64) -> DecodeError {
        let error = DecodeError::new(kind, offset);
        self.state = State::Failed(error);
        error
    }

    fn fail_too_long(&mut self) -> DecodeError {
        let declared = self.frame.declared;
        self.fail(DecodeErrorKind::TooLong { declared, limit: self.limits.payload })
    }
}

impl Body {
    /// All bytes that are still to come.
    fn rest(&self) -> u64 {
        (self.head.unwrap_or(0) as u64)
            .saturating_add(self.keep)
            .saturating_add(self.extra)
            .saturating_add(self.trailer as u64)
    }
}

impl Progress {
    /// Notes that the buffer was told to move past `n` pending bytes.
    fn pass(&mut self, n: usize) {
        self.passed = self.passed.saturating_add(n as u64);
    }
}
