//! The same streams through `framing` and through other implementations, under different cuts: the
//! same frames, and an error where they have an error.
//!
//! ```text
//! configuration -+-> ours   (decoder, reassembler) -> items --+
//! stream --------+                                            +-> compare: equal, or excused by
//!                +-> theirs (their own decoder)    -> items --+   one Deviation, item by item
//! ```
//!
//! Where both are meant to differ, a [`Deviation`] says why. An excuse is given for one item, by a
//! test of the very bytes that the deviation is about; and each deviation is shown by a test of its
//! own, which fails when either side changes.

mod deviation;
mod http;
mod length;
mod python;
mod stuffed;
mod text;
mod theirs;
mod tokio_length;
mod twisted;
mod varint;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;

use framing::{Config, DecodeError, Frame, Framing};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use deviation::Deviation;

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Frame(Vec<u8>),
    /// An error of whatever kind; also an end of the stream in mid-frame.
    Fault,
}

/// Our side of a comparison.
#[derive(Debug, Default)]
struct Ours {
    items: Vec<Item>,
    /// For each item how much of the stream was read when it came.
    ends: Vec<usize>,
}

/// Whether a decoder learns that the stream is over; some others cannot be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Told,
    NotTold,
}

/// Two items that should be equal.
#[derive(Debug)]
struct Difference<'a> {
    /// Where the frame of our item begins in the stream.
    at: usize,
    ours: Option<&'a Item>,
    theirs: Option<&'a Item>,
}

/// How a comparison goes on after a deviation.
#[derive(Clone, Copy)]
enum Then {
    /// Both sides are in step.
    Go,
    /// The other side never had this item.
    WithoutOurs,
    /// The sides are not in step any more.
    Stop,
}

/// Bytes that are changed, and how much is left.
#[derive(Clone, Debug)]
struct Damage {
    changed: Vec<(f64, u8)>,
    kept: f64,
}

/// Both our decoders; they agree, whatever the cuts.
fn ours<F: Framing + Clone>(config: &Config<F>, chunks: &[&[u8]], end: End) -> Ours {
    let ours = pushed(config, chunks, end);
    assert_eq!(owned(config, chunks, end).items, ours.items, "our decoders, {chunks:?}");
    ours
}

fn pushed<F: Framing + Clone>(config: &Config<F>, chunks: &[&[u8]], end: End) -> Ours {
    let mut decoder = config.decoder().unwrap();
    let (mut ours, mut arrived) = (Ours::default(), 0);
    for &chunk in chunks {
        arrived += chunk.len();
        let mut rest = chunk;
        loop {
            let found = decoder.next(&mut rest);
            match ours.note(found, arrived - rest.len()) {
                Noted::Item => {}
                Noted::Nothing => break,
                Noted::Fatal => return ours,
            }
        }
    }
    while end == End::Told && ours.note(decoder.finish(), arrived) == Noted::Item {}
    ours
}

fn owned<F: Framing + Clone>(config: &Config<F>, chunks: &[&[u8]], end: End) -> Ours {
    let mut reassembler = config.clone().capacity(64).reassembler().unwrap();
    let (mut ours, mut arrived) = (Ours::default(), 0);
    for &chunk in chunks {
        arrived += chunk.len();
        let mut rest = chunk;
        while !rest.is_empty() {
            let n = rest.read(reassembler.space()).unwrap();
            reassembler.filled(n);
            loop {
                match ours.note(reassembler.next(), arrived) {
                    Noted::Item => {}
                    Noted::Nothing => break,
                    Noted::Fatal => return ours,
                }
            }
        }
    }
    while end == End::Told && ours.note(reassembler.finish(), arrived) == Noted::Item {}
    ours
}

#[derive(PartialEq, Eq)]
enum Noted {
    Item,
    Nothing,
    Fatal,
}

impl Ours {
    fn note(&mut self, found: Result<Option<Frame<'_, '_>>, DecodeError>, end: usize) -> Noted {
        let (item, noted) = match found {
            Ok(None) => return Noted::Nothing,
            Ok(Some(frame)) => (Item::Frame(frame.payload().to_vec()), Noted::Item),
            Err(error) if error.is_fatal() => (Item::Fault, Noted::Fatal),
            Err(_) => (Item::Fault, Noted::Item),
        };
        self.items.push(item);
        self.ends.push(end);
        noted
    }
}

/// Equal item by item, but for what `excuse` names.
fn compare(
    ours: &Ours,
    theirs: &[Item],
    mut excuse: impl FnMut(&Difference<'_>) -> Option<(Deviation, Then)>,
) -> Result<Vec<Deviation>, TestCaseError> {
    let (mut mine, mut others) = (0, 0);
    let mut deviations = Vec::new();
    loop {
        let (one, other) = (ours.items.get(mine), theirs.get(others));
        if one == other {
            if one.is_none() {
                return Ok(deviations);
            }
            (mine, others) = (mine + 1, others + 1);
            continue;
        }
        let at = mine.checked_sub(1).map_or(0, |before| ours.ends[before]);
        let difference = Difference { at, ours: one, theirs: other };
        let Some((deviation, then)) = excuse(&difference) else {
            return Err(TestCaseError::fail(format!(
                "{difference:?}\n  ours: {:?}\ntheirs: {theirs:?}",
                ours.items
            )));
        };
        deviations.push(deviation);
        match then {
            Then::Go => (mine, others) = (mine + 1, others + 1),
            Then::WithoutOurs => mine += 1,
            Then::Stop => return Ok(deviations),
        }
    }
}

/// For comparisons in which nothing is excused.
fn nothing(_: &Difference<'_>) -> Option<(Deviation, Then)> {
    None
}

/// Runs `test` over so many generated cases, ten times as many with `FRAMING_LONG`. At least a
/// fourth of them has to go through without any deviation, or the comparison says little.
fn property<S: Strategy>(
    name: &str,
    cases: u32,
    strategy: S,
    test: impl Fn(S::Value) -> Result<Vec<Deviation>, TestCaseError>,
) {
    let cases = crate::check::effort(cases / 20, cases, cases * 10);
    let config = Cases { cases, failure_persistence: None, ..Cases::default() };
    let tally = RefCell::new((0, BTreeMap::<Deviation, usize>::new()));
    let outcome = TestRunner::new(config).run(&strategy, |case| {
        let deviations = test(case)?;
        let (equal, met) = &mut *tally.borrow_mut();
        *equal += u32::from(deviations.is_empty());
        for deviation in deviations {
            *met.entry(deviation).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{name}: {error}");
    }
    let (equal, met) = tally.into_inner();
    eprintln!("{name}: {equal} of {cases} cases without a deviation; {met:?}");
    assert!(equal >= cases / 4, "{name}: {met:?}");
}

/// A deviation, shown: what both sides make of the same bytes.
#[track_caller]
fn shown(deviation: Deviation, ours: &Ours, mine: &[Item], theirs: &[Item], others: &[Item]) {
    assert_eq!(ours.items, mine, "{deviation:?}: ours");
    assert_eq!(theirs, others, "{deviation:?}: theirs");
    assert_ne!(mine, others, "{deviation:?} is none");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap()
}

fn frame(payload: impl AsRef<[u8]>) -> Item {
    Item::Frame(payload.as_ref().to_vec())
}

/// Ends of chunks, as fractions of the stream.
fn cuts() -> impl Strategy<Value = Vec<f64>> {
    crate::properties::cuts()
}

fn chunks<'w>(wire: &'w [u8], cuts: &[f64]) -> Vec<&'w [u8]> {
    let mut from = 0;
    let ends = crate::properties::ends(cuts, wire.len());
    ends.into_iter().map(|end| &wire[std::mem::replace(&mut from, end)..end]).collect()
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![any::<u8>(), 0_u8..4, Just(b'\n'), Just(0x80_u8)];
    let changed = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec((0.0..1.0, byte), 1..4),
    ];
    let kept = prop_oneof![2 => Just(1.0), 1 => 0.0..1.0];
    (changed, kept).prop_map(|(changed, kept)| Damage { changed, kept })
}

impl Damage {
    fn apply(&self, mut wire: Vec<u8>) -> Vec<u8> {
        for &(place, byte) in &self.changed {
            let at = place_in(place, wire.len());
            if let Some(changed) = wire.get_mut(at) {
                *changed = byte;
            }
        }
        wire.truncate(place_in(self.kept, wire.len()));
        wire
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn place_in(fraction: f64, length: usize) -> usize {
    (fraction * length as f64) as usize
}
