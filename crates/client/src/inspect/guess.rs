//! Which framings a capture may be in.
//!
//! A framing is possible if all of the capture parses. How likely it is is told in bits: so much
//! shorter is what the framing makes of its fields and delimiters than bytes that mean nothing and
//! occur as often as they do in this capture. A length field whose lengths are alike tells much, one of
//! zeros among zeros nothing. What it takes to name the framing itself is subtracted, so that of bytes
//! that are chance, one capture in `2^n` has a guess of `n` bits.

mod candidates;
mod census;
mod lengths;
mod structured;

use std::fmt;

use framing::{Limits, Spec};

use crate::error::limit_for;
use candidates::Candidate;
use census::Census;

/// A framing under which the capture parses to its end.
pub(crate) struct Guess {
    spec: Spec,
    frames: u64,
    bits: f64,
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, frames, bits } = self;
        write!(f, "{bits:>8.0} bits  {frames:>8} frames  {spec}")
    }
}

/// What is known of a capture.
#[derive(Default)]
pub(crate) struct Ranking {
    /// The likeliest first.
    pub(crate) likely: Vec<Guess>,
    /// If none is likely: what parses all the same, and may be chance.
    pub(crate) weak: Vec<Guess>,
    /// If nothing parses to the end: what is likely up to a fault.
    pub(crate) broken: Option<Broken>,
}

/// A likely framing under which only the beginning of a capture parses.
pub(crate) struct Broken {
    pub(crate) spec: Spec,
    pub(crate) frames: u64,
    /// Where the frame begins that does not parse.
    pub(crate) offset: u64,
}

/// What became of an attempt to parse a capture.
#[derive(Clone, Copy, Debug, Default)]
struct Verdict {
    frames: u64,
    bits: f64,
    /// The longest payload, in bytes.
    longest: usize,
    reach: Reach,
}

/// How far an attempt got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    /// As far as it should.
    #[default]
    Beginning,
    /// To the capture's end, where a frame ends.
    Whole,
    /// To this frame, which does not parse.
    Fault(u64),
}

type Tried = (Candidate, Verdict);

pub(crate) fn ranked(capture: &[u8]) -> Ranking {
    let census = Census::of(capture);
    let attempt = |candidate: Candidate, most: u64| {
        let verdict = candidate.attempt(capture, &census, most);
        let bits = verdict.bits - candidate.cost();
        (candidate, Verdict { bits, ..verdict })
    };
    let is_likely = |(_, verdict): &Tried| verdict.bits > LEAST;
    let mut tried: Vec<Tried> = candidates::all(&census)
        .into_iter()
        .map(|candidate| attempt(candidate, LOOK))
        .filter(|(_, verdict)| verdict.frames > 0 && verdict.bits > 0.0)
        .collect();
    likeliest_first(&mut tried);
    let mut finalists = FINALISTS;
    for one in tried.iter_mut().filter(|one| one.1.reach == Reach::Beginning && is_likely(one)) {
        if finalists == 0 {
            break;
        }
        finalists -= 1;
        *one = attempt(one.0, u64::MAX);
    }
    likeliest_first(&mut tried);
    let parses = |(_, verdict): &&Tried| verdict.reach == Reach::Whole;
    let (likely, weak): (Vec<_>, Vec<_>) =
        tried.iter().filter(parses).partition(|one| is_likely(one));
    if likely.is_empty() {
        let weak = weak.into_iter().take(FEW).filter_map(Guess::new).collect();
        let broken = tried.iter().filter(|one| is_likely(one)).find_map(Broken::new);
        return Ranking { weak, broken, ..Ranking::default() };
    }
    let likely = likely.into_iter().take(SHOWN).filter_map(Guess::new).collect();
    Ranking { likely, ..Ranking::default() }
}

/// Of what explains the same bytes equally well, the first and simplest stays first.
fn likeliest_first(tried: &mut [Tried]) {
    tried.sort_by(|(_, one), (_, other)| other.bits.total_cmp(&one.bits));
}

impl Guess {
    fn new((candidate, verdict): &Tried) -> Option<Self> {
        let &Verdict { frames, bits, .. } = verdict;
        Some(Self { spec: spec(*candidate, *verdict)?, frames, bits })
    }
}

impl Broken {
    fn new((candidate, verdict): &Tried) -> Option<Self> {
        let Reach::Fault(offset) = verdict.reach else { return None };
        Some(Self { spec: spec(*candidate, *verdict)?, frames: verdict.frames, offset })
    }
}

/// With a limit that lets all frames in.
fn spec(candidate: Candidate, verdict: Verdict) -> Option<Spec> {
    let mut spec = candidate.spec();
    if verdict.longest > Limits::default().payload {
        spec = format!("{spec},max={}", limit_for(verdict.longest as u64));
    }
    spec.parse().ok()
}

/// What is less likely than this is chance.
const LEAST: f64 = 8.0;

/// How many frames tell whether a candidate is worth a look at the rest.
const LOOK: u64 = 4096;

/// How many candidates get that look, and how many are shown.
const FINALISTS: usize = 40;
const SHOWN: usize = 10;

/// How many of what may be chance.
const FEW: usize = 3;
