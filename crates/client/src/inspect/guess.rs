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

/// What became of an attempt to parse a capture.
#[derive(Clone, Copy, Debug, Default)]
struct Verdict {
    frames: u64,
    bits: f64,
    /// The longest payload, in bytes.
    longest: usize,
    /// Whether all of the capture was looked at.
    is_whole: bool,
}

/// The likeliest first.
pub(crate) fn ranked(capture: &[u8]) -> Vec<Guess> {
    let census = Census::of(capture);
    let attempt = |candidate: &Candidate, most: u64| {
        let verdict = candidate.attempt(capture, &census, most)?;
        let bits = verdict.bits - candidate.cost();
        (bits > LEAST).then_some(Verdict { bits, ..verdict })
    };
    let mut beginnings: Vec<(Candidate, Verdict)> = candidates::all(&census)
        .into_iter()
        .filter_map(|candidate| attempt(&candidate, LOOK).map(|verdict| (candidate, verdict)))
        .collect();
    likeliest_first(&mut beginnings);
    let mut found: Vec<(Candidate, Verdict)> = beginnings
        .into_iter()
        .take(FINALISTS)
        .filter_map(|(candidate, verdict)| {
            let verdict = if verdict.is_whole { verdict } else { attempt(&candidate, u64::MAX)? };
            Some((candidate, verdict))
        })
        .take(SHOWN)
        .collect();
    likeliest_first(&mut found);
    found.into_iter().filter_map(|(candidate, verdict)| Guess::new(&candidate, verdict)).collect()
}

/// Of what explains the same bytes equally well, the first and simplest stays first.
fn likeliest_first(tried: &mut [(Candidate, Verdict)]) {
    tried.sort_by(|(_, one), (_, other)| other.bits.total_cmp(&one.bits));
}

impl Guess {
    fn new(candidate: &Candidate, verdict: Verdict) -> Option<Self> {
        let Verdict { frames, bits, longest, .. } = verdict;
        let mut spec = candidate.spec();
        if longest > Limits::default().payload {
            spec = format!("{spec},max={}", limit_for(longest as u64));
        }
        Some(Self { spec: spec.parse().ok()?, frames, bits })
    }
}

/// What is less likely than this is chance.
const LEAST: f64 = 8.0;

/// How many frames tell whether a candidate is worth a look at the rest.
const LOOK: u64 = 4096;

/// How many candidates get that look, and how many are shown.
const FINALISTS: usize = 40;
const SHOWN: usize = 10;
