//! The body of the fuzz target `split`, which also runs here, on bytes from proptest.
//!
//! The input's first bytes choose the framing, the limit, the policy and the cuts; the rest is the
//! stream. Every mode must agree with feeding byte by byte, and nothing may panic.

use framing::{Config, Envelope, Framing, Length, Limits, Lines, Oversize};

use crate::check::{Mode, compare, run};

pub(crate) fn split(data: &[u8]) {
    let Some((&[framing, limit, policy, seed], wire)) = data.split_first_chunk() else { return };
    let limits = Limits { payload: usize::from(limit), head: 64, ..Limits::default() };
    let oversize = [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream]
        [usize::from(policy) % 4];
    let ends = ends(wire.len(), seed);
    match framing % 8 {
        0 => agree(&Config::new(Length::u8()).limits(limits).oversize(oversize), wire, &ends),
        1 => agree(&Config::new(Length::u16_be()).limits(limits).oversize(oversize), wire, &ends),
        2 => agree(&Config::new(Length::u24_le()).limits(limits).oversize(oversize), wire, &ends),
        3 => agree(&Config::new(Length::u64_be()).limits(limits).oversize(oversize), wire, &ends),
        4 => agree(&Config::new(Lines::lf()).limits(limits).oversize(oversize), wire, &ends),
        5 => agree(&Config::new(Lines::lenient()).limits(limits).oversize(oversize), wire, &ends),
        6 => agree(&Config::new(Lines::crlf()).limits(limits).oversize(oversize), wire, &ends),
        _ => agree(&Config::new(Envelope).limits(limits).oversize(oversize), wire, &ends),
    }
}

fn agree<F: Framing + Clone>(config: &Config<F>, wire: &[u8], ends: &[usize]) {
    let bytewise: Vec<usize> = (1..=wire.len()).collect();
    let frames = run(config, &bytewise, wire, Mode::PushFrames);
    let events = run(config, &bytewise, wire, Mode::PushEvents);
    compare(config, ends, wire, &frames, &events);
    compare(config, &[wire.len()][..usize::from(!wire.is_empty())], wire, &frames, &events);
}

/// Chunks whose sizes come from a small generator.
fn ends(length: usize, seed: u8) -> Vec<usize> {
    let mut state = u32::from(seed) * 2 + 1;
    let mut ends = Vec::new();
    let mut end = 0;
    while end < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        end = length.min(end + 1 + (state >> 24) as usize % 9);
        ends.push(end);
    }
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_input_makes_the_modes_disagree(
            head in any::<[u8; 4]>(),
            wire in prop::collection::vec(prop_oneof![
                4 => 0_u8..8, 1 => any::<u8>(), 1 => Just(b'\r'), 1 => Just(b'\n')], 0..200),
        ) {
            super::split(&[&head[..], &wire].concat());
        }
    }
}
