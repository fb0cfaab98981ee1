//! The body of the fuzz target `split`, which also runs here, on bytes from proptest.
//!
//! The input's first bytes choose the framing, the limit, the policy and the cuts; the rest is the
//! stream. Every mode must agree with feeding byte by byte, and nothing may panic.

use framing::{
    Checksum, Chunked, Cobs, Config, ContentLength, Delimited, Envelope, Fixed, Framing, Length,
    Limits, Lines, Netstring, Oversize, Resync, Slip, Varint,
};

use crate::check::same_under;

pub(crate) fn split(data: &[u8]) {
    let Some((&[framing, limit, policy, seed], wire)) = data.split_first_chunk() else { return };
    let limits = Limits { payload: usize::from(limit), head: 64, ..Limits::default() };
    let oversize = [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream]
        [usize::from(policy) % 4];
    let ends = ends(wire.len(), seed);
    let config = Settings { limits, oversize, wire, ends: &ends };
    match framing % 22 {
        0 => config.agree(Length::u8()),
        1 => config.agree(Length::u16_be()),
        2 => config.agree(Length::u24_le()),
        3 => config.agree(Length::u64_be()),
        4 => config.agree(Lines::lf()),
        5 => config.agree(Lines::lenient()),
        6 => config.agree(Lines::crlf()),
        7 => config.agree(Envelope),
        8 => config.agree(Varint::canonical()),
        9 => config.agree(Netstring),
        10 => config.agree(Delimited::new(["\r", "\n", "\r\n", "aab"]).unwrap()),
        11 => config.agree(ContentLength::lsp()),
        12 => config.agree(Chunked),
        13 => config.agree(Fixed::new(3).unwrap()),
        14 => config.agree(Cobs),
        15 => config.agree(Slip),
        16 => config.agree(Checksum::crc32c_be(Length::u8())),
        17 => config.agree(Checksum::crc32c_le(Cobs)),
        18 => config.agree(Checksum::crc32c_be(Chunked)),
        19 => config.agree(Resync::at_magic(b"ab", Length::u8(), 40).unwrap()),
        20 => config.agree(Resync::at_delimiter(Slip, 40).unwrap()),
        _ => config.agree(Resync::at_delimiter(Lines::crlf(), 40).unwrap()),
    }
}

struct Settings<'w> {
    limits: Limits,
    oversize: Oversize,
    wire: &'w [u8],
    ends: &'w [usize],
}

impl Settings<'_> {
    fn agree<F: Framing + Clone>(&self, framing: F) {
        let config = Config::new(framing).limits(self.limits).oversize(self.oversize);
        // Some limits have no frame that fits.
        if config.decoder().is_ok() {
            agree(&config, self.wire, self.ends);
        }
    }
}

fn agree<F: Framing + Clone>(config: &Config<F>, wire: &[u8], ends: &[usize]) {
    same_under(config, wire, ends);
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

    #[test]
    fn what_the_fuzzer_has_found_interesting_is_tried_again() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/split");
        let files = std::fs::read_dir(corpus).expect("the corpus is a part of the repository");
        let tried = files.map(|file| super::split(&std::fs::read(file.unwrap().path()).unwrap()));
        assert!(tried.count() > 100);
    }

    proptest! {
        #[test]
        fn no_input_makes_the_modes_disagree(
            head in any::<[u8; 4]>(),
            wire in prop::collection::vec(prop_oneof![
                4 => 0_u8..8, 1 => any::<u8>(), 1 => Just(b'\r'), 1 => Just(b'\n'),
                2 => prop::sample::select(b"0123:,;aab\xC0\xDB\xDC\xDD".to_vec())], 0..200),
        ) {
            super::split(&[&head[..], &wire].concat());
        }
    }
}
