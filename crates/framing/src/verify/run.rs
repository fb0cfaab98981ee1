//! Feeds a stream to a decoder, and writes down what comes out.

use alloc::vec::Vec;

use super::Item;
use crate::{BuildError, Config, DecodeError, DecodeErrorKind, Decoder, Event, Frame, Framing};
use crate::{Reassembler, Storage};

/// A decoder, and how its results are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// [`Decoder::next`].
    PushFrames,
    /// [`Decoder::next_event`].
    PushEvents,
    /// [`Reassembler::next`].
    OwnedFrames,
    /// [`Reassembler::next_event`].
    OwnedEvents,
    /// [`Reassembler::next`], with a storage of so many bytes that does not grow.
    FixedFrames(usize),
    /// [`Reassembler::next_event`], with such a storage.
    FixedEvents(usize),
}

/// All that one run shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// What was handed out.
    pub items: Vec<Item>,
    /// `offset()` after each chunk, behind the length of the stream up to there.
    pub offsets: Vec<(usize, u64)>,
    /// A promise of the decoder that was not kept.
    pub(super) broken: Option<&'static str>,
}

/// Feeds these chunks to a new decoder, then the end of the stream.
///
/// ```
/// use framing::verify::{Item, Mode, run};
/// use framing::{Config, Length};
///
/// let run = run(&Config::new(Length::u8()), &[b"\x02h", b"i"], Mode::PushEvents)?;
/// let head = b"\x02".to_vec();
/// let begin = Item::Begin { head, body: Some(2), offset: 0 };
/// let end = Item::End { trailer: vec![], discarded: 0 };
/// assert_eq!(run.items, [begin, Item::Data(b"hi".to_vec()), end]);
/// assert_eq!(run.offsets, [(2, 0), (3, 3)]);
/// # Ok::<(), framing::BuildError>(())
/// ```
pub fn run<F: Framing + Clone>(
    config: &Config<F>,
    chunks: &[&[u8]],
    mode: Mode,
) -> Result<Run, BuildError> {
    let mut end = 0;
    let ends: Vec<usize> = chunks
        .iter()
        .map(|chunk| {
            end += chunk.len();
            end
        })
        .collect();
    fed(config, &chunks.concat(), &ends, mode)
}

/// Feeds the stream in chunks that end at `ends`.
pub(super) fn fed<F: Framing + Clone>(
    config: &Config<F>,
    stream: &[u8],
    ends: &[usize],
    mode: Mode,
) -> Result<Run, BuildError> {
    Ok(match mode {
        Mode::PushFrames | Mode::PushEvents => feed(config.decoder()?, stream, ends, mode),
        Mode::OwnedFrames | Mode::OwnedEvents => feed(config.reassembler()?, stream, ends, mode),
        Mode::FixedFrames(size) | Mode::FixedEvents(size) => {
            let mut storage = alloc::vec![0; size];
            feed(config.reassembler_in(&mut storage[..])?, stream, ends, mode)
        }
    })
}

fn feed(mut subject: impl Subject, stream: &[u8], ends: &[usize], mode: Mode) -> Run {
    let mut run = Run::default();
    let mut start = 0;
    for &end in ends {
        subject.chunk(&stream[start..end], mode, &mut run);
        start = end;
        run.offsets.push((end, subject.position()));
        if run.is_over() {
            return run;
        }
    }
    while subject.end(mode, &mut run) && !run.is_over() {}
    run
}

/// What is fed. The answer of `end` is whether there was anything.
trait Subject {
    fn chunk(&mut self, chunk: &[u8], mode: Mode, run: &mut Run);
    fn end(&mut self, mode: Mode, run: &mut Run) -> bool;
    fn position(&self) -> u64;
}

impl<F: Framing> Subject for Decoder<F> {
    fn chunk(&mut self, chunk: &[u8], mode: Mode, run: &mut Run) {
        let mut input = chunk;
        loop {
            let found = if mode.takes_frames() {
                run.frame(self.next(&mut input))
            } else {
                run.event(self.next_event(&mut input))
            };
            if run.is_over() {
                return self.sticks(input, run);
            }
            if !found {
                if !input.is_empty() {
                    run.broken = Some("Ok(None) means that the input is used up");
                }
                return;
            }
        }
    }

    fn end(&mut self, mode: Mode, run: &mut Run) -> bool {
        if mode.takes_frames() { run.frame(self.finish()) } else { run.event(self.finish_event()) }
    }

    fn position(&self) -> u64 {
        self.offset()
    }
}

impl<F: Framing> Decoder<F> {
    /// After a fatal error, every later call uses up its input and repeats the error.
    fn sticks(&mut self, unread: &[u8], run: &mut Run) {
        let Some(Item::Error { kind, offset }) = run.items.last() else { return };
        let same = |error: DecodeError| error.kind() == *kind && error.offset() == *offset;
        let mut more = unread;
        let repeated = unread.is_empty() || self.next(&mut more).err().is_some_and(same);
        let used_up = more.is_empty() && matches!(self.next(&mut more), Ok(None));
        let finished = self.finish().err().is_some_and(same);
        if !(repeated && used_up && finished) {
            run.broken = Some("a fatal error uses up the input and is repeated");
        }
    }
}

impl<F: Framing, S: Storage> Subject for Reassembler<F, S> {
    fn chunk(&mut self, chunk: &[u8], mode: Mode, run: &mut Run) {
        let mut rest = chunk;
        while !rest.is_empty() && !run.is_over() {
            let space = self.space();
            let n = space.len().min(rest.len());
            if n == 0 {
                run.broken = Some("after Ok(None) there is always space");
                return;
            }
            space[..n].copy_from_slice(&rest[..n]);
            self.filled(n);
            rest = &rest[n..];
            loop {
                let found = if mode.takes_frames() {
                    run.frame(self.next())
                } else {
                    run.event(self.next_event())
                };
                if !found || run.is_over() {
                    break;
                }
            }
        }
    }

    fn end(&mut self, mode: Mode, run: &mut Run) -> bool {
        if mode.takes_frames() { run.frame(self.finish()) } else { run.event(self.finish_event()) }
    }

    fn position(&self) -> u64 {
        self.offset()
    }
}

impl Mode {
    /// The way of reading that says what this one must give; none for the first of all.
    pub(super) fn held_against(self) -> Option<Self> {
        match self {
            Self::PushFrames => None,
            Self::PushEvents | Self::OwnedFrames => Some(Self::PushFrames),
            Self::OwnedEvents => Some(Self::PushEvents),
            Self::FixedFrames(_) => Some(Self::OwnedFrames),
            Self::FixedEvents(_) => Some(Self::OwnedEvents),
        }
    }

    fn takes_frames(self) -> bool {
        matches!(self, Self::PushFrames | Self::OwnedFrames | Self::FixedFrames(_))
    }
}

impl Run {
    /// Nothing comes after a fatal error, nor is anything asked for after a broken promise.
    fn is_over(&self) -> bool {
        self.broken.is_some() || matches!(self.items.last(), Some(Item::Error { .. }))
    }

    fn frame(&mut self, result: Result<Option<Frame<'_, '_>>, DecodeError>) -> bool {
        match result {
            Ok(None) => return false,
            Ok(Some(frame)) => self.items.push(Item::of_frame(&frame)),
            Err(error) => self.error(error),
        }
        true
    }

    fn event(&mut self, result: Result<Option<Event<'_, '_>>, DecodeError>) -> bool {
        match result {
            Ok(None) => return false,
            Ok(Some(event)) => {
                let item = Item::of_event(event);
                if matches!(&item, Item::Data(bytes) if bytes.is_empty()) {
                    self.broken = Some("an empty chunk is never given");
                }
                match (self.items.last_mut(), item) {
                    (Some(Item::Data(data)), Item::Data(more)) => data.extend(more),
                    (_, item) => self.items.push(item),
                }
            }
            Err(error) => self.error(error),
        }
        true
    }

    fn error(&mut self, error: DecodeError) {
        let item = Item::of_error(error);
        if error.is_fatal() != matches!(item, Item::Error { .. }) {
            self.broken = Some("errors are fatal, but of frames that were skipped or passed over");
        }
        self.items.push(item);
    }

    /// Whether a run under some cut shows what one byte by byte shows.
    pub(super) fn is_like(&self, bytewise: &Self) -> bool {
        self.items == bytewise.items
            && self.offsets.iter().all(|&(end, offset)| {
                // A run ends at its fatal error, after which the offset stays where it is.
                let at = bytewise.offsets.get(end.saturating_sub(1));
                at.or(bytewise.offsets.last()).is_none_or(|&(_, expected)| expected == offset)
            })
    }

    /// Whether this, read in this mode, is what the one [held against](Mode::held_against) allows.
    pub(super) fn agrees_with(&self, reference: &Self, mode: Mode) -> bool {
        match mode {
            Mode::PushFrames => true,
            Mode::PushEvents => reference.says_what(self),
            Mode::OwnedFrames | Mode::OwnedEvents => self.is_like(reference),
            Mode::FixedFrames(_) | Mode::FixedEvents(_) => {
                self == reference || self.ends_early_of(reference)
            }
        }
    }

    /// Whether these events are what these frames are. Where [`Oversize::Stream`](crate::Oversize::Stream)
    /// streams what is too long as a whole, there are more of them: after the error, or, where bytes may
    /// be lost, in the place of what was passed over.
    fn says_what(&self, events: &Self) -> bool {
        let (frames, pieces) = (whole_frames(&self.items), whole_frames(&events.items));
        if is_too_long(&self.items) && !is_too_long(&events.items) {
            return pieces.starts_with(&frames);
        }
        if self.items.iter().any(Item::is_of_resync) {
            let mut pieces = pieces.iter();
            return frames.iter().all(|frame| pieces.any(|piece| piece == frame));
        }
        frames == pieces
    }

    /// Whether it is the beginning of `other`, then what is too long for it. Where bytes may be lost,
    /// what does not fit is passed over instead.
    fn ends_early_of(&self, other: &Self) -> bool {
        if self.items.iter().any(Item::is_of_resync) {
            return true;
        }
        let Some((_, items)) = self.items.split_last().filter(|_| is_too_long(&self.items)) else {
            return false;
        };
        match (items.split_last(), other.items.get(items.len().saturating_sub(1))) {
            (Some((Item::Data(data), items)), Some(Item::Data(more))) => {
                other.items.starts_with(items) && more.starts_with(data)
            }
            _ => other.items.starts_with(items),
        }
    }
}

fn is_too_long(items: &[Item]) -> bool {
    matches!(items.last(), Some(Item::Error { kind: DecodeErrorKind::TooLong { .. }, .. }))
}

/// A frame, however it was handed out.
#[derive(PartialEq, Eq)]
enum Whole {
    Frame { payload: Vec<u8>, trailer: Vec<u8>, discarded: u64 },
    Skipped { offset: u64, discarded: u64 },
}

/// The frames that were handed out to their ends, and those that were skipped.
fn whole_frames(items: &[Item]) -> Vec<Whole> {
    let mut frames = Vec::new();
    let mut begun = Vec::new();
    for item in items {
        match item {
            Item::Frame { payload, trailer, discarded, .. } => frames.push(Whole::Frame {
                payload: payload.clone(),
                trailer: trailer.clone(),
                discarded: *discarded,
            }),
            Item::Begin { .. } => begun.clear(),
            Item::Data(data) => begun.extend_from_slice(data),
            Item::End { trailer, discarded } => frames.push(Whole::Frame {
                payload: core::mem::take(&mut begun),
                trailer: trailer.clone(),
                discarded: *discarded,
            }),
            &Item::Skipped { offset, discarded, .. } => {
                frames.push(Whole::Skipped { offset, discarded });
            }
            Item::Resynced { .. } | Item::Error { .. } => {}
        }
    }
    frames
}
