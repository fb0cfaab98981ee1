//! The library's own verifier, as these tests call it: they panic with what it found.

use std::cell::Cell;

use framing::verify::{Tried, Verifier};
use framing::{Config, DecodeErrorKind, Framing};

pub(crate) use framing::verify::{Item, Mode};

/// The whole stream gives what `expected` says, and every cut of it the same.
pub(crate) fn check<F: Framing + Clone>(config: &Config<F>, wire: &[u8], expected: &[Item]) {
    if is_sampled() {
        agree(config, wire, expected);
    }
}

/// As [`check`], where the cases are sampled already.
pub(crate) fn agree<F: Framing + Clone>(config: &Config<F>, wire: &[u8], expected: &[Item]) {
    let whole = run(config, &[wire.len()], wire, Mode::PushFrames);
    assert_eq!(whole, expected, "frames of {wire:?} against the reference");
    all_cuts(config, wire);
}

pub(crate) fn same_under_all_cuts<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> Tried {
    if is_sampled() { all_cuts(config, wire) } else { Tried::default() }
}

fn all_cuts<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> Tried {
    if cfg!(miri) {
        // All of them would take hours.
        let ends: Vec<usize> = Some(wire.len() / 2).filter(|&at| at > 0).into_iter().collect();
        let tried = Verifier::new(config).cut(wire, &ends);
        return tried.unwrap_or_else(|failure| panic!("{failure}"));
    }
    let verifier = Verifier::new(config).exhaustive(effort(6, 14, 14)).pieces(effort(2, 4, 4));
    let tried = verifier.cuts(wire);
    tried.unwrap_or_else(|failure| panic!("{failure}"))
}

/// One cut, given as the offsets at which its chunks end, beside the whole stream and byte by byte.
pub(crate) fn same_under<F: Framing + Clone>(config: &Config<F>, wire: &[u8], ends: &[usize]) {
    if !is_sampled() {
        return;
    }
    Verifier::new(config).cut(wire, ends).unwrap_or_else(|failure| panic!("{failure}"));
}

/// How much a test does: little where it is run for each of thousands of mutants
/// (`FRAMING_TESTS=short`) or interpreted by Miri, more for a long look (`FRAMING_LONG=1`).
pub(crate) fn effort<T>(short: T, normal: T, long: T) -> T {
    if std::env::var_os("FRAMING_LONG").is_some() {
        long
    } else if cfg!(miri) || std::env::var_os("FRAMING_TESTS").is_some_and(|tests| tests == "short")
    {
        short
    } else {
        normal
    }
}

/// Whether this one of many cases is tried: all are, but by Miri, which takes hundreds of times as
/// long, one in fifty.
pub(crate) fn is_sampled() -> bool {
    thread_local! {
        // Every test has a thread of its own, and so its first case.
        static CASES: Cell<usize> = const { Cell::new(0) };
    }
    !cfg!(miri) || CASES.replace(CASES.get() + 1).is_multiple_of(50)
}

/// What comes out of the stream in chunks that end at `ends`. References know that bytes are
/// malformed, not the words for it.
pub(crate) fn run<F: Framing + Clone>(
    config: &Config<F>,
    ends: &[usize],
    wire: &[u8],
    mode: Mode,
) -> Vec<Item> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let chunks: Vec<&[u8]> = starts.zip(ends).map(|(start, &end)| &wire[start..end]).collect();
    let mut items = framing::verify::run(config, &chunks, mode).expect("it builds").items;
    if let Some(Item::Error { kind: DecodeErrorKind::Malformed(reason), .. }) = items.last_mut() {
        *reason = "";
    }
    items
}

/// Calls `f` with the chunks' ends of the cuts into up to three pieces, and byte by byte.
pub(crate) fn for_each_cut(length: usize, mut f: impl FnMut(&[usize])) {
    f(&(1..=length).collect::<Vec<_>>());
    for first in 1..=length {
        for second in first..=length {
            let mut ends = vec![first, second, length];
            ends.dedup();
            f(&ends);
        }
    }
}
