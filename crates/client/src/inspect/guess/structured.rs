//! Frames that the decoders of the library find: those with a delimiter, or a head that is more than
//! one field.

use framing::Spec;

use super::census::Census;
use super::lengths::{HOPELESS, Lengths, last};
use super::{Reach, Verdict};

/// What of each frame could not have been otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence {
    /// Its head is so many lengths.
    Lengths(f64),
    /// Its head is text: so many bits for each byte that is no digit.
    Head(f64),
    /// As of a head, of all chunks.
    Chunks,
    /// So many bits for each delimiter behind a payload, and so many if the capture ends with one;
    /// but no more than `most`, since any text has lines.
    Delimiter { each: f64, end: f64, most: f64, beside: f64 },
}

pub(super) fn attempt(
    spec: &str,
    evidence: Evidence,
    capture: &[u8],
    census: &Census,
    most: u64,
) -> Verdict {
    let mut verdict = Verdict::default();
    let config = spec.parse::<Spec>().map(|spec| spec.config().max_payload(capture.len()));
    let Some(mut decoder) = config.ok().and_then(|config| config.decoder().ok()) else {
        return verdict;
    };
    let (mut lengths, mut input) = (Lengths::default(), capture);
    let mut is_delimited = false;
    verdict.reach = loop {
        if verdict.frames == most || verdict.bits < HOPELESS {
            break Reach::Beginning;
        }
        let before = input;
        let frame = match decoder.next(&mut input) {
            Ok(Some(frame)) => frame,
            Ok(None) => break Reach::Whole,
            Err(_) => break Reach::Fault((capture.len() - before.len()) as u64),
        };
        verdict.frames += 1;
        let payload = frame.payload().len();
        verdict.longest = verdict.longest.max(payload);
        is_delimited = !frame.trailer().is_empty();
        verdict.bits += match evidence {
            Evidence::Lengths(_) if input.is_empty() => {
                census.bits(frame.head()) - last(verdict.frames)
            }
            Evidence::Lengths(fields) => {
                let left = (payload + input.len()) as u64;
                census.bits(frame.head()) - fields * lengths.cost(payload as u64, left)
            }
            Evidence::Head(byte) => text(frame.head(), byte) + text(frame.trailer(), byte),
            Evidence::Chunks => chunks(&before[..before.len() - input.len()]),
            Evidence::Delimiter { each, .. } if is_delimited && payload > 0 => each,
            Evidence::Delimiter { .. } => 0.0,
        };
    };
    while verdict.reach == Reach::Whole {
        match decoder.finish() {
            Ok(None) => break,
            Err(_) => verdict.reach = Reach::Fault(decoder.offset()),
            // A last line may have no ending.
            Ok(Some(frame)) => {
                verdict.frames += 1;
                verdict.longest = verdict.longest.max(frame.payload().len());
                is_delimited = false;
            }
        }
    }
    let is_delimited = is_delimited && verdict.reach == Reach::Whole;
    evidence.weighed(verdict, is_delimited)
}

impl Evidence {
    fn weighed(self, verdict: Verdict, ends_delimited: bool) -> Verdict {
        let Self::Delimiter { end, most, beside, .. } = self else { return verdict };
        // Without a single delimiter, text is only text.
        if verdict.bits <= 0.0 && !ends_delimited {
            return verdict;
        }
        let end = if ends_delimited { end } else { 0.0 };
        Verdict { bits: (verdict.bits + end).min(most) + beside, ..verdict }
    }
}

/// The bits of text that had to be just that: a digit could have been another one.
fn text(bytes: &[u8], byte: f64) -> f64 {
    bytes.iter().map(|b| if b.is_ascii_hexdigit() { DIGIT } else { byte }).sum()
}

/// The bits of all that stands around the chunks of a body that parses.
fn chunks(mut body: &[u8]) -> f64 {
    let mut bits = 0.0;
    while let Some(end) = body.iter().position(|&byte| byte == b'\n') {
        let (head, rest) = body.split_at(end + 1);
        bits += text(head, BYTE);
        let digits = head.iter().map_while(|&byte| char::from(byte).to_digit(16));
        let size = digits.fold(0, |size: usize, digit| size << 4 | digit as usize);
        if size == 0 {
            return bits + text(rest, BYTE);
        }
        bits += 2.0 * BYTE;
        body = rest.get(size.saturating_add(2)..).unwrap_or_default();
    }
    bits
}

/// The bits of a hexadecimal digit, and of a byte.
const DIGIT: f64 = 3.0;
pub(super) const BYTE: f64 = 8.0;
