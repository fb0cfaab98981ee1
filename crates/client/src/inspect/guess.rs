//! Which framings a capture may be in.
//!
//! A framing is possible if all of the capture parses. How likely it is is told in bits: how
//! improbable it is that bytes which mean nothing would parse so. A length field of `n` bits is below
//! the bytes that are left with a probability of their number in `2^n`; a byte that has to be just
//! that one has one of `1/256`. Each parameter that was tried until it fitted takes some of them back.

use std::cmp::Reverse;
use std::fmt;

use framing::{AnyFraming, Decoder, Spec};

/// A framing under which the capture parses to its end.
pub(crate) struct Guess {
    spec: Spec,
    frames: usize,
    bits: u64,
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, frames, bits } = self;
        write!(f, "{bits:>8} bits  {frames:>8} frames  {spec}")
    }
}

/// The likeliest first.
pub(crate) fn ranked(capture: &[u8]) -> Vec<Guess> {
    let mut guesses: Vec<Guess> = candidates()
        .into_iter()
        .filter_map(|candidate| candidate.guess(capture))
        .filter(|guess| guess.bits > LEAST)
        .collect();
    // Of what explains the same bytes equally well, the first and simplest comes first.
    guesses.sort_by_key(|guess| Reverse(guess.bits));
    guesses.truncate(SHOWN);
    guesses
}

struct Candidate {
    spec: String,
    evidence: Evidence,
}

/// What of each frame could not have been otherwise.
#[derive(Clone, Copy)]
enum Evidence {
    /// A length field of so many bits.
    Field(u64),
    /// So many bits for each byte of the head that is no digit, and so many for each that is one.
    Head { byte: u64, digit: u64 },
    /// A delimiter of so many bits at the end, and so many for each frame.
    Delimiter { end: u64, each: u64 },
}

impl Candidate {
    fn guess(self, capture: &[u8]) -> Option<Guess> {
        let spec: Spec = self.spec.parse().ok()?;
        let config = spec.clone().config().max_payload(capture.len());
        let mut decoder = config.decoder().ok()?;
        let (mut input, mut frames, mut bits) = (capture, 0, 0);
        let mut last_trailer = 0;
        loop {
            let left = log2(input.len());
            let Some(frame) = decoder.next(&mut input).ok()? else { break };
            frames += 1;
            last_trailer = frame.trailer().len();
            bits += match self.evidence {
                Evidence::Field(width) => width.saturating_sub(left),
                Evidence::Head { byte, digit } => frame
                    .head()
                    .iter()
                    .map(|b| if b.is_ascii_hexdigit() { digit } else { byte })
                    .sum::<u64>(),
                Evidence::Delimiter { each, .. } => each,
            };
        }
        if !ended(&mut decoder) || frames == 0 {
            return None;
        }
        // The last frame ends where the capture does.
        bits += match self.evidence {
            Evidence::Field(_) | Evidence::Head { .. } => log2(capture.len()),
            Evidence::Delimiter { end, .. } if last_trailer > 0 => end,
            Evidence::Delimiter { .. } => 0,
        };
        let parameters = self.spec.matches(',').count();
        let bits = bits.saturating_sub(PARAMETER.saturating_mul(parameters as u64));
        Some(Guess { spec, frames, bits })
    }
}

/// Whether nothing is left, not even a last line without an end.
fn ended(decoder: &mut Decoder<AnyFraming>) -> bool {
    matches!(decoder.finish(), Ok(None))
}

/// The bits of a number of bytes.
fn log2(bytes: usize) -> u64 {
    bytes.checked_ilog2().map_or(0, u64::from)
}

/// All that are tried, the simplest first.
fn candidates() -> Vec<Candidate> {
    let mut all = Vec::new();
    let mut add = |spec: String, evidence| all.push(Candidate { spec, evidence });
    add("content-length".into(), Evidence::Head { byte: 8, digit: 3 });
    add("content-length,http".into(), Evidence::Head { byte: 6, digit: 3 });
    add("chunked".into(), Evidence::Head { byte: 8, digit: 3 });
    add("netstring".into(), Evidence::Head { byte: 16, digit: 4 });
    add("envelope".into(), Evidence::Field(96));
    add("crlf,strict".into(), Evidence::Delimiter { end: 16, each: 8 });
    add("lines".into(), Evidence::Delimiter { end: 8, each: 1 });
    add("delimiter=0x00".into(), Evidence::Delimiter { end: 8, each: 1 });
    add("cobs".into(), Evidence::Delimiter { end: 8, each: 3 });
    add("slip".into(), Evidence::Delimiter { end: 8, each: 2 });
    for bytes in [4_i64, 2, 3, 8, 1] {
        let orders: &[&str] = if bytes == 1 { &[""] } else { &["be", "le"] };
        for (order, offset) in orders.iter().flat_map(|order| (0..=8).map(move |at| (order, at))) {
            let bits = bytes * 8;
            let field = match offset {
                0 => format!("u{bits}{order}"),
                _ => format!("u{bits}{order},offset={offset}"),
            };
            // The field counts what follows it, itself too, or the whole frame.
            let evidence = Evidence::Field(bits.unsigned_abs());
            add(field.clone(), evidence);
            add(format!("{field},adjust={}", -bytes), evidence);
            if offset > 0 {
                add(format!("{field},adjust={}", -bytes - offset), evidence);
            }
        }
    }
    add("varint".into(), Evidence::Field(8));
    all
}

/// What is less likely than this is chance.
const LEAST: u64 = 12;

/// What a parameter costs: some thirty offsets and adjustments are tried.
const PARAMETER: u64 = 5;

/// How many are shown.
const SHOWN: usize = 10;
