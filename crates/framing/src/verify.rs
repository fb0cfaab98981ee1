#![doc = include_str!("verify.md")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "offsets within a stream that lies in memory"
)]

mod cuts;
mod failure;
mod item;
mod run;
mod stream;

use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use failure::Failure;
pub use item::Item;
pub use run::{Mode, Run, run};
pub use stream::Stream;

use crate::{BuildError, Config, DecodeErrorKind, Framing};
use cuts::Cuts;
use failure::What;

/// Tries streams under cuts, and compares all that comes out. See the [module](self).
#[derive(Clone, Debug)]
pub struct Verifier<F> {
    config: Config<F>,
    exhaustive: usize,
    pieces: usize,
    only: Option<Mode>,
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// Streams: those given, their beginnings, and their repetitions.
    pub streams: u64,
    /// Cuts of these.
    pub cuts: u64,
    /// Each cut once for each way of reading it.
    pub runs: u64,
}

impl<F: Framing + Clone> Verifier<F> {
    /// Tries decoders of this configuration.
    pub fn new(config: &Config<F>) -> Self {
        Self { config: config.clone(), exhaustive: EXHAUSTIVE, pieces: PIECES, only: None }
    }

    /// Cuts streams of up to so many bytes in every way, which are `2^(bytes - 1)` ways: 14 if not
    /// set. At most 24.
    #[must_use]
    pub fn exhaustive(mut self, bytes: usize) -> Self {
        self.exhaustive = bytes.min(MOST_EXHAUSTIVE);
        self
    }

    /// Cuts longer streams into so many pieces at every place, but for those that are long: 4 if not
    /// set, which is the most. 2 is for tests that are to be quick.
    #[must_use]
    pub fn pieces(mut self, pieces: usize) -> Self {
        self.pieces = pieces.min(PIECES);
        self
    }

    /// Reads in this way alone, beside the one that it is held against byte by byte: for fuzzing, where
    /// many streams that are read in one way each find more than few that are read in all of them.
    #[must_use]
    pub fn only(mut self, mode: Mode) -> Self {
        self.only = Some(mode);
        self
    }

    /// Tries all that there is to try, of each stream: what it yields as a whole; its cuts; its
    /// beginnings, each with the end of the stream behind it; and several of it in one.
    pub fn verify(&self, streams: impl IntoIterator<Item = Stream>) -> Result<Tried, Failure> {
        let mut tried = Tried::default();
        for Stream { bytes, expected } in streams {
            let got = self.whole(&bytes)?;
            if let Some(expected) = expected
                && !(expected.len() == got.len()
                    && expected.iter().zip(&got).all(|(one, got)| one.is(got)))
            {
                let what = What::Unexpected { expected, got };
                return Err(Failure::new(what, &bytes, &whole(&bytes), Mode::PushFrames));
            }
            self.frames_do_not_wait(&bytes, &got)?;
            let ended = matches!(got.last(), Some(Item::Error { .. }));
            tried += self.agree(&bytes, self.all())?;
            for end in cuts::beginnings(bytes.len()) {
                self.whole(&bytes[..end])?;
                tried += self.agree(&bytes[..end], Cuts::Single)?;
            }
            for times in (2..=3).filter(|_| !ended) {
                tried += self.agree(&bytes.repeat(times), Cuts::Random)?;
            }
        }
        Ok(tried)
    }

    /// Tries the cuts of one stream, and nothing else: for tests that make many streams themselves.
    pub fn cuts(&self, stream: &[u8]) -> Result<Tried, Failure> {
        self.agree(stream, self.all())
    }

    /// Tries one cut, given by where its chunks end, beside the whole stream and byte by byte: for
    /// fuzzing, and for other tests that make the cuts themselves. Ends behind the stream's end, or
    /// out of order, are left out.
    pub fn cut(&self, stream: &[u8], ends: &[usize]) -> Result<Tried, Failure> {
        self.agree(stream, Cuts::These(ends))
    }

    /// What the encoder makes of each payload, and of all of them together, must yield them again,
    /// whatever the cuts; and it must be the same for a payload that comes in parts.
    ///
    /// ```
    /// use framing::verify::Verifier;
    /// use framing::{Cobs, Config};
    ///
    /// Verifier::new(&Config::new(Cobs)).round_trips(&[], &[b"", b"\0", b"hi\0\0there"])?;
    /// # Ok::<(), framing::verify::Failure>(())
    /// ```
    pub fn round_trips(&self, prefix: &[u8], payloads: &[&[u8]]) -> Result<Tried, Failure> {
        let failure = |what| Failure::new(what, &[], &[], Mode::PushFrames);
        let encoder = self.config.encoder().map_err(|error| failure(What::Build(error)))?;
        let mut streams = Vec::new();
        let mut all = Stream::new([]);
        for &payload in payloads {
            let mut wire = Vec::new();
            let refused = |error| failure(What::Refused { payload: payload.to_vec(), error });
            encoder.append(prefix, &[payload], &mut wire).map_err(refused)?;
            for at in cuts::beginnings(payload.len() + 1) {
                let (front, back) = payload.split_at(at);
                let mut parted = Vec::new();
                encoder.append(prefix, &[front, &[], back], &mut parted).map_err(refused)?;
                if parted != wire {
                    return Err(failure(What::Parted {
                        payload: payload.to_vec(),
                        at,
                        wire,
                        parted,
                    }));
                }
            }
            all.bytes.extend_from_slice(&wire);
            all = all.frame(payload);
            streams.push(Stream::new(wire).frame(payload));
        }
        streams.push(all);
        self.verify(streams)
    }

    /// Where the stream ends behind a frame, that frame is given, and all before it, as they are where
    /// it goes on. (The last frame is what the stream as a whole is expected to end with.)
    fn frames_do_not_wait(&self, stream: &[u8], items: &[Item]) -> Result<(), Failure> {
        if items.iter().any(Item::is_of_resync) {
            return Ok(());
        }
        for (complete, next) in items.iter().enumerate().skip(1) {
            let (Item::Frame { offset, .. } | Item::Skipped { offset, .. }) = next else {
                continue;
            };
            let Ok(end) = usize::try_from(*offset) else { continue };
            let (stream, complete) = (&stream[..end], &items[..complete]);
            let given = self.whole(stream)?;
            if given != complete {
                let what = What::Waits { complete: complete.to_vec(), given };
                return Err(Failure::new(what, stream, &whole(stream), Mode::PushFrames));
            }
        }
        Ok(())
    }

    /// What the stream yields in one piece, which must not be that the framing breaks its contract.
    fn whole(&self, stream: &[u8]) -> Result<Vec<Item>, Failure> {
        let items = self.try_run(stream, &whole(stream), Mode::PushFrames)?.items;
        match items.last() {
            Some(&Item::Error { kind: DecodeErrorKind::BrokenFraming(how), .. }) => {
                Err(Failure::new(What::Lied(how), stream, &whole(stream), Mode::PushFrames))
            }
            _ => Ok(items),
        }
    }

    fn all(&self) -> Cuts<'static> {
        Cuts::All { exhaustive: self.exhaustive, pieces: self.pieces }
    }

    /// Every way of reading gives the same under these cuts as byte by byte.
    fn agree(&self, stream: &[u8], cuts: Cuts<'_>) -> Result<Tried, Failure> {
        let references = self.references(stream, cuts)?;
        let mut tried = Tried { streams: 1, ..Tried::default() };
        cuts.try_for_each(stream.len(), |ends| {
            tried.cuts += 1;
            for (mode, reference) in &references {
                tried.runs += 1;
                let run = self.try_run(stream, ends, *mode)?;
                if !run.is_like(reference) {
                    return Err(self.smallest(stream, ends, *mode));
                }
            }
            Ok(())
        })?;
        Ok(tried)
    }

    /// What each way of reading gives byte by byte, held against each other. A fixed storage is tried
    /// where it is just large enough to give what a growing one gives, and with one byte less.
    fn references(&self, stream: &[u8], cuts: Cuts<'_>) -> Result<Vec<(Mode, Run)>, Failure> {
        let fed = |mode| Ok::<_, Failure>((mode, self.bytewise(stream, mode)?));
        if let Some(mode) = self.only {
            let run = fed(mode)?;
            if let Some(other) = mode.held_against() {
                agrees(stream, &run, &fed(other)?)?;
            }
            return Ok(alloc::vec![run]);
        }
        let (frames, events) = (fed(Mode::PushFrames)?, fed(Mode::PushEvents)?);
        agrees(stream, &events, &frames)?;
        let mut references = Vec::new();
        for (pushed, growing, fixed) in [
            (&frames, Mode::OwnedFrames, Mode::FixedFrames as fn(usize) -> Mode),
            (&events, Mode::OwnedEvents, Mode::FixedEvents),
        ] {
            let growing = fed(growing)?;
            agrees(stream, &growing, pushed)?;
            for (size, run) in self.fixed(stream, &growing, fixed, cuts)? {
                let run = (fixed(size), run);
                agrees(stream, &run, &growing)?;
                references.push(run);
            }
            references.push(growing);
        }
        // The plainest first: the first that goes wrong is shown.
        references.splice(0..0, [frames, events]);
        Ok(references)
    }

    fn bytewise(&self, stream: &[u8], mode: Mode) -> Result<Run, Failure> {
        self.try_run(stream, &(1..=stream.len()).collect::<Vec<_>>(), mode)
    }

    /// Sizes of storages worth trying, and what those give byte by byte: the smallest that gives what a
    /// growing one gives, and a byte less. That takes a search, for one cut some size will do.
    fn fixed(
        &self,
        stream: &[u8],
        growing: &(Mode, Run),
        fixed: fn(usize) -> Mode,
        cuts: Cuts<'_>,
    ) -> Result<Vec<(usize, Run)>, Failure> {
        let fed = |size| Ok((size, self.bytewise(stream, fixed(size))?));
        let build = |error| Failure::new(What::Build(error), stream, &whole(stream), growing.0);
        let least = self.least_storage().map_err(build)?;
        match cuts {
            Cuts::Single | Cuts::Random => Ok(Vec::new()),
            Cuts::These(_) => Ok(alloc::vec![fed(least.max(stream.len() / 2))?]),
            Cuts::All { .. } => {
                let (mut low, mut high) = (least, least.max(stream.len()) + 1);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if fed(middle)?.1 == growing.1 {
                        high = middle;
                    } else {
                        low = middle + 1;
                    }
                }
                // Larger than the stream, it is never full.
                let sizes = [low.checked_sub(1).filter(|&less| less >= least), Some(low)];
                let useful = sizes.into_iter().flatten().filter(|&size| size <= stream.len());
                useful.map(fed).collect()
            }
        }
    }

    /// The smallest storage that builds.
    fn least_storage(&self) -> Result<usize, BuildError> {
        match self.config.reassembler_in(&mut [0; 1][..]) {
            Ok(_) => Ok(1),
            Err(BuildError::StorageTooSmall { needed }) => Ok(needed),
            Err(error) => Err(error),
        }
    }

    /// Runs it; that the framing panics is a failure too.
    fn try_run(&self, stream: &[u8], ends: &[usize], mode: Mode) -> Result<Run, Failure> {
        let caught = |stream: &[u8], ends: &[usize]| {
            catch_unwind(AssertUnwindSafe(|| run::fed(&self.config, stream, ends, mode)))
        };
        let failure = |what| Failure::new(what, stream, ends, mode);
        match caught(stream, ends) {
            Err(panic) => {
                let what = What::Panicked(words_of(&*panic));
                // It may not take so much.
                let shorter = (1..stream.len()).map(|end| &stream[..end]);
                let shortest =
                    shorter.into_iter().find(|part| caught(part, &[part.len()]).is_err());
                let Some(shortest) = shortest else { return Err(failure(what)) };
                Err(Failure::new(what, shortest, &[shortest.len()], mode))
            }
            Ok(Err(error)) => Err(failure(What::Build(error))),
            Ok(Ok(run)) => match run.broken {
                Some(promise) => Err(failure(What::Broken(promise))),
                None => Ok(run),
            },
        }
    }

    /// The shortest beginning of the stream, and the fewest cuts of it, that show what this cut shows.
    fn smallest(&self, stream: &[u8], ends: &[usize], mode: Mode) -> Failure {
        let shown = |stream: &[u8], ends: &[usize]| {
            let one = self.try_run(stream, &whole(stream), mode)?.items;
            let cut = self.try_run(stream, ends, mode)?.items;
            if one == cut {
                return Ok(());
            }
            Err(Failure::new(What::Cut { whole: one, cut }, stream, ends, mode))
        };
        let bytewise: Vec<usize> = (1..=stream.len()).collect();
        for ends in [ends, &bytewise] {
            let Err(mut failure) = shown(stream, ends) else { continue };
            for end in 1..stream.len() {
                let kept: Vec<usize> = ends.iter().copied().filter(|&at| at < end).collect();
                if let Err(shorter) = shown(&stream[..end], &[&kept[..], &[end]].concat()) {
                    failure = shorter;
                    break;
                }
            }
            let mut at = 0;
            while at + 1 < failure.ends().len() {
                let mut fewer = failure.ends().to_vec();
                fewer.remove(at);
                match shown(failure.stream(), &fewer) {
                    Err(smaller) => failure = smaller,
                    Ok(()) => at += 1,
                }
            }
            return failure;
        }
        let offsets = |ends: &[usize]| self.try_run(stream, ends, mode).map(|run| run.offsets);
        match (offsets(ends), offsets(&bytewise)) {
            (Ok(cut), Ok(bytewise)) => {
                Failure::new(What::Offset { cut, bytewise }, stream, ends, mode)
            }
            (Err(failure), _) | (_, Err(failure)) => failure,
        }
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).into());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

impl AddAssign for Tried {
    fn add_assign(&mut self, other: Self) {
        self.streams += other.streams;
        self.cuts += other.cuts;
        self.runs += other.runs;
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { streams, cuts, runs } = self;
        write!(f, "{streams} streams, {cuts} cuts, {runs} runs")
    }
}

/// What one way of reading gives byte by byte is what the way that it is held against gives.
fn agrees(
    stream: &[u8],
    (mode, run): &(Mode, Run),
    (other, reference): &(Mode, Run),
) -> Result<(), Failure> {
    if run.agrees_with(reference, *mode) {
        return Ok(());
    }
    let what = if run.items == reference.items {
        What::Offset { cut: run.offsets.clone(), bytewise: reference.offsets.clone() }
    } else {
        let (reference, items) = (reference.items.clone(), run.items.clone());
        What::Ways { other: *other, reference, items }
    };
    Err(Failure::new(what, stream, &(1..=stream.len()).collect::<Vec<_>>(), *mode))
}

/// The stream in one chunk.
fn whole(stream: &[u8]) -> Vec<usize> {
    (!stream.is_empty()).then_some(stream.len()).into_iter().collect()
}

/// Streams of up to so many bytes are cut in every way.
const EXHAUSTIVE: usize = 14;

/// Longer ones into so many pieces.
const PIECES: usize = 4;

/// More cuts than these would never end.
const MOST_EXHAUSTIVE: usize = 24;
