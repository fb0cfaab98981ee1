//! Any framing, any limits, any stream, any cuts.

use framing::verify::{Mode, Verifier};
use framing::{BuildError, Framing};

use crate::choice::{KINDS, Settings, Visit, choose};
use crate::input::{Input, ends, tried};

/// **Whatever the stream and the cuts, all ways of decoding agree.**
///
/// The input is a kind of framing, a limit, a policy and a seed of cuts, a byte each; the limits and
/// the spec, for the kinds that have one; then the stream. [`Verifier::cut`] holds frames and events,
/// pushed, reassembled and in a storage that does not grow, whole, cut and byte by byte, against each
/// other: items, errors and their offsets, `offset()`, and how errors repeat. What is left of the kind
/// chooses the way of reading; the seed, how large the storage is.
pub fn decode_any_spec(data: &[u8]) {
    let Some((&[kind, limit, policy, seed], rest)) = data.split_first_chunk() else { return };
    let mut input = Input::new(rest);
    let settings = Settings::read(kind, limit, policy, &mut input);
    choose(kind, input, Decode { settings, seed, way: kind / KINDS });
}

struct Decode {
    settings: Settings,
    seed: u8,
    way: u8,
}

impl Visit for Decode {
    fn visit<F: Framing + Clone>(self, framing: F, mut input: Input<'_>) {
        let config = self.settings.config(framing);
        // Some limits have no frame that fits.
        if config.decoder().is_err() {
            return;
        }
        let stream = input.rest();
        let ends = ends(stream.len(), self.seed);
        let least = match config.reassembler_in(&mut [0; 1][..]) {
            Err(BuildError::StorageTooSmall { needed }) => needed,
            _ => 1,
        };
        let more = stream.len().saturating_sub(least);
        let size = least + usize::from(self.seed) % (more + 1);
        let ways = [
            Mode::PushFrames,
            Mode::PushEvents,
            Mode::OwnedFrames,
            Mode::OwnedEvents,
            Mode::FixedFrames(size),
            Mode::FixedEvents(size),
        ];
        let verifier = Verifier::new(&config);
        for way in tried(ways, self.way) {
            let held = verifier.clone().only(way).cut(stream, &ends);
            held.unwrap_or_else(|failure| panic!("{failure}"));
        }
    }
}
