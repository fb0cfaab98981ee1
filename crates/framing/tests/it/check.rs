//! Runs one stream through every decoder, every mode and many cuts, and compares all of it.

use framing::{
    BuildError, Config, DecodeError, DecodeErrorKind, Decoder, Event, Frame, Framing, Reassembler,
    Storage,
};

/// What a decoder handed out, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Frame {
        head: Vec<u8>,
        payload: Vec<u8>,
        trailer: Vec<u8>,
        offset: u64,
        discarded: u64,
    },
    Begin {
        head: Vec<u8>,
        body: Option<u64>,
        offset: u64,
    },
    /// Adjacent chunks are joined.
    Data(Vec<u8>),
    End {
        trailer: Vec<u8>,
        discarded: u64,
    },
    Skipped {
        offset: u64,
        declared: Option<u64>,
        discarded: u64,
    },
    Resynced {
        offset: u64,
        discarded: u64,
    },
    Error {
        kind: DecodeErrorKind,
        offset: u64,
    },
}

impl Item {
    fn is_of_resync(&self) -> bool {
        let out_of_sync = |kind: &_| matches!(kind, DecodeErrorKind::OutOfSync { .. });
        matches!(self, Self::Error { kind, .. } if out_of_sync(kind))
            || matches!(self, Self::Resynced { .. })
    }
}

/// All that one run shows: what was handed out, and `offset()` after each length of the stream at
/// which a chunk ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) items: Vec<Item>,
    pub(crate) offsets: Vec<(usize, u64)>,
}

/// A decoder, and how its results are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    PushFrames,
    PushEvents,
    OwnedFrames,
    OwnedEvents,
    /// A reassembler with a storage of so many bytes.
    FixedFrames(usize),
    FixedEvents(usize),
}

/// Every chunking of a stream of up to 14 bytes; of a longer one every 1-cut and 2-cut, and byte by
/// byte. All give what `expected` says, in frames; events give the same among each other, and the
/// same frames when put together.
pub(crate) fn check<F: Framing + Clone>(config: &Config<F>, wire: &[u8], expected: &[Item]) {
    let whole = run(config, &[wire.len()], wire, Mode::PushFrames);
    assert_eq!(whole.items, expected, "frames of {wire:?} against the reference");
    same_under_all_cuts(config, wire);
}

pub(crate) fn same_under_all_cuts<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) {
    let expected = bytewise(config, wire);
    let [(_, frames), (_, events), ..] = &expected[..] else { unreachable!() };
    let (in_pieces, whole) = (complete_frames(&events.items), complete_frames(&frames.items));
    if too_long(&frames.items) && !too_long(&events.items) {
        // `Oversize::Stream`: events go on where whole frames cannot.
        assert_eq!(in_pieces[..whole.len()], whole, "{wire:?}");
    } else {
        assert_eq!(in_pieces, whole, "{wire:?}");
    }
    for_each_cut(wire.len(), |ends| compare(config, ends, wire, &expected));
}

/// What each mode gives when fed byte by byte: frames and events first. A fixed storage is tried
/// where it is just large enough to give what a growing one gives, and with one byte less, which
/// ends in `TooLong`.
pub(crate) fn bytewise<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> Vec<(Mode, Run)> {
    let ends: Vec<usize> = (1..=wire.len()).collect();
    let fed = |mode| (mode, run(config, &ends, wire, mode));
    let mut runs = vec![fed(Mode::PushFrames), fed(Mode::PushEvents)];
    for (mode, fixed) in [
        (Mode::OwnedFrames, Mode::FixedFrames as fn(usize) -> Mode),
        (Mode::OwnedEvents, Mode::FixedEvents),
    ] {
        let growing = run(config, &ends, wire, mode);
        let same = |size| builds(config, size) && fed(fixed(size)).1 == growing;
        // Larger than the stream, it is tried no more: it is never full, and what it refuses at a head
        // the smaller ones refuse.
        let most = if builds(config, wire.len() + 1) { wire.len() } else { LONGEST_NEED };
        let sizes: Vec<usize> = (1..=most).collect();
        let enough = 1 + sizes.partition_point(|&size| !same(size));
        if builds(config, enough - 1) {
            let (mode, less) = fed(fixed(enough - 1));
            // Where bytes may be lost, what does not fit is passed over.
            let passed = less.items.iter().any(Item::is_of_resync);
            let refused = too_long(&less.items) && less.is_beginning_of(&growing);
            assert!(passed || refused, "{mode:?}: {:?} of {wire:?}", less.items);
            runs.push((mode, less));
        }
        if enough <= wire.len() {
            runs.push((fixed(enough), growing.clone()));
        }
        runs.push((mode, growing));
    }
    runs
}

fn builds<F: Framing + Clone>(config: &Config<F>, storage: usize) -> bool {
    match config.reassembler_in(&mut vec![0; storage][..]) {
        Ok(_) => true,
        Err(BuildError::StorageTooSmall { needed }) => {
            assert!((storage + 1..=LONGEST_NEED).contains(&needed));
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// One cut, given as the offsets at which its chunks end, in all modes.
pub(crate) fn compare<F: Framing + Clone>(
    config: &Config<F>,
    ends: &[usize],
    wire: &[u8],
    expected: &[(Mode, Run)],
) {
    for &(mode, ref expected) in expected {
        let run = run(config, ends, wire, mode);
        assert_eq!(run.items, expected.items, "{mode:?}, {wire:?} cut at {ends:?}");
        for (end, offset) in run.offsets {
            // A run ends at its fatal error, after which the offset stays where it is.
            let (_, expected) = expected.offsets.get(end - 1).or(expected.offsets.last()).unwrap();
            assert_eq!(offset, *expected, "offset() at {end}, {mode:?}, {wire:?} cut at {ends:?}");
        }
    }
}

/// Decodes `wire` in chunks that end at `ends`, then finishes.
pub(crate) fn run<F: Framing + Clone>(
    config: &Config<F>,
    ends: &[usize],
    wire: &[u8],
    mode: Mode,
) -> Run {
    let built = "the configuration builds";
    match mode {
        Mode::PushFrames | Mode::PushEvents => {
            feed(config.decoder().expect(built), ends, wire, mode)
        }
        Mode::OwnedFrames | Mode::OwnedEvents => {
            feed(config.reassembler().expect(built), ends, wire, mode)
        }
        Mode::FixedFrames(size) | Mode::FixedEvents(size) => {
            let mut storage = vec![0; size];
            feed(config.reassembler_in(&mut storage[..]).expect(built), ends, wire, mode)
        }
    }
}

fn feed(mut subject: impl Subject, ends: &[usize], wire: &[u8], mode: Mode) -> Run {
    let mut run = Run::default();
    let mut start = 0;
    for &end in ends {
        let chunk = &wire[start..end];
        start = end;
        subject.chunk(chunk, mode, &mut run);
        run.offsets.push((end, subject.position()));
        if fatal(&run) {
            break;
        }
    }
    while !fatal(&run) && subject.end(mode, &mut run) {}
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
            let more = if mode.takes_frames() {
                run.frame(self.next(&mut input))
            } else {
                run.event(self.next_event(&mut input))
            };
            if fatal(run) {
                sticky(self, input, run);
                return;
            }
            if !more {
                assert!(input.is_empty(), "Ok(None) means that the input is used up");
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

impl<F: Framing, S: Storage> Subject for Reassembler<F, S> {
    fn chunk(&mut self, chunk: &[u8], mode: Mode, run: &mut Run) {
        let mut rest = chunk;
        while !rest.is_empty() && !fatal(run) {
            let space = self.space();
            let n = space.len().min(rest.len());
            assert!(n > 0, "after Ok(None) there is always space");
            space[..n].copy_from_slice(&rest[..n]);
            self.filled(n);
            rest = &rest[n..];
            while !fatal(run)
                && if mode.takes_frames() {
                    run.frame(self.next())
                } else {
                    run.event(self.next_event())
                }
            {}
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
    fn takes_frames(self) -> bool {
        matches!(self, Self::PushFrames | Self::OwnedFrames | Self::FixedFrames(_))
    }
}

/// Promise 7: after a fatal error, every later call uses up its input and repeats the error.
fn sticky<F: Framing>(decoder: &mut Decoder<F>, unread: &[u8], run: &Run) {
    let Some(&Item::Error { kind, offset }) = run.items.last() else { panic!("no error") };
    let mut more = unread;
    if !unread.is_empty() {
        let error = decoder.next(&mut more).expect_err("the error is repeated");
        assert_eq!((without_reason(error.kind()), error.offset()), (kind, offset));
    }
    assert!(more.is_empty(), "a failed decoder uses up its input");
    assert!(decoder.next(&mut more).expect("no input, no error").is_none());
    let error = decoder.finish().expect_err("finish repeats the error");
    assert_eq!(without_reason(error.kind()), kind);
}

fn fatal(run: &Run) -> bool {
    matches!(run.items.last(), Some(Item::Error { .. }))
}

fn too_long(items: &[Item]) -> bool {
    matches!(items.last(), Some(Item::Error { kind: DecodeErrorKind::TooLong { .. }, .. }))
}

impl Run {
    /// Whether all but the error at the end is in `other` too, the last data perhaps with more
    /// behind it.
    fn is_beginning_of(&self, other: &Self) -> bool {
        let Some((_, items)) = self.items.split_last() else { return true };
        match (items.split_last(), other.items.get(items.len().saturating_sub(1))) {
            (Some((Item::Data(data), items)), Some(Item::Data(more))) => {
                other.items.starts_with(items) && more.starts_with(data)
            }
            _ => other.items.starts_with(items),
        }
    }

    fn frame(&mut self, result: Result<Option<Frame<'_, '_>>, DecodeError>) -> bool {
        match result {
            Ok(None) => return false,
            Ok(Some(frame)) => self.items.push(Item::Frame {
                head: frame.head().to_vec(),
                payload: frame.payload().to_vec(),
                trailer: frame.trailer().to_vec(),
                offset: frame.offset(),
                discarded: frame.discarded(),
            }),
            Err(error) => self.error(error),
        }
        true
    }

    fn event(&mut self, result: Result<Option<Event<'_, '_>>, DecodeError>) -> bool {
        let item = match result {
            Ok(None) => return false,
            Ok(Some(Event::Begin { head, body, offset })) => {
                Item::Begin { head: head.to_vec(), body, offset }
            }
            Ok(Some(Event::Chunk(bytes))) => {
                assert!(!bytes.is_empty(), "an empty chunk is never given");
                if let Some(Item::Data(data)) = self.items.last_mut() {
                    data.extend_from_slice(&bytes);
                    return true;
                }
                Item::Data(bytes.to_vec())
            }
            Ok(Some(Event::End { trailer, discarded })) => {
                Item::End { trailer: trailer.to_vec(), discarded }
            }
            Ok(Some(Event::Skipped { offset, declared, discarded })) => {
                Item::Skipped { offset, declared, discarded }
            }
            Err(error) => {
                self.error(error);
                return true;
            }
        };
        self.items.push(item);
        true
    }

    fn error(&mut self, error: DecodeError) {
        let offset = error.offset();
        self.items.push(match error.kind() {
            DecodeErrorKind::Skipped { declared, discarded, .. } => {
                assert!(!error.is_fatal());
                Item::Skipped { offset, declared, discarded }
            }
            DecodeErrorKind::Resynced { discarded } => {
                assert!(!error.is_fatal());
                Item::Resynced { offset, discarded }
            }
            kind => Item::Error { kind: without_reason(kind), offset },
        });
    }
}

/// The reference knows that bytes are malformed, not the words for it.
pub(crate) fn without_reason(kind: DecodeErrorKind) -> DecodeErrorKind {
    match kind {
        DecodeErrorKind::Malformed(_) => DecodeErrorKind::Malformed(""),
        kind => kind,
    }
}

/// The frames that were handed out to the end, as (payload, trailer, discarded), and the offsets of
/// the skipped ones.
fn complete_frames(items: &[Item]) -> Vec<(Vec<u8>, Vec<u8>, u64)> {
    let mut frames = Vec::new();
    let mut payload = Vec::new();
    for item in items {
        match item {
            Item::Frame { payload, trailer, discarded, .. } => {
                frames.push((payload.clone(), trailer.clone(), *discarded));
            }
            Item::Begin { .. } => payload.clear(),
            Item::Data(data) => payload.extend_from_slice(data),
            Item::End { trailer, discarded } => {
                frames.push((std::mem::take(&mut payload), trailer.clone(), *discarded));
            }
            Item::Skipped { offset, discarded, .. } => {
                frames.push((b"skipped".to_vec(), offset.to_be_bytes().to_vec(), *discarded));
            }
            Item::Resynced { .. } | Item::Error { .. } => {}
        }
    }
    frames
}

/// Calls `f` with the chunks' ends of every cut that a stream of `length` bytes is tried with.
pub(crate) fn for_each_cut(length: usize, mut f: impl FnMut(&[usize])) {
    let mut ends = Vec::new();
    if length <= EXHAUSTIVE {
        for mask in 0..1_u32 << length.saturating_sub(1) {
            ends.clear();
            ends.extend((1..length).filter(|at| mask & (1 << (at - 1)) != 0));
            ends.extend((length > 0).then_some(length));
            f(&ends);
        }
        return;
    }
    f(&[length]);
    for first in 1..length {
        f(&[first, length]);
        for second in first + 1..length {
            f(&[first, second, length]);
        }
    }
    ends.extend(1..=length);
    f(&ends);
}

const EXHAUSTIVE: usize = 14;

/// The most bytes that a framing of these tests must see of every frame.
const LONGEST_NEED: usize = 32;
