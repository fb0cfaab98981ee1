//! Any framing, any limits, any stream, any cuts.

use framing::Framing;
use framing::verify::Verifier;

use crate::choice::{Settings, Visit, choose};
use crate::input::{Input, ends};

/// **Whatever the stream and the cuts, all ways of decoding agree.**
///
/// The input is a kind of framing, a limit, a policy and a seed of cuts, a byte each; the limits and
/// the spec, for the kinds that have one; then the stream. [`Verifier::cut`] holds frames and events,
/// pushed, reassembled and in a storage that does not grow, whole, cut and byte by byte, against each
/// other: items, errors and their offsets, `offset()`, and how errors repeat.
pub fn decode_any_spec(data: &[u8]) {
    let Some((&[kind, limit, policy, seed], rest)) = data.split_first_chunk() else { return };
    let mut input = Input::new(rest);
    let settings = Settings::read(kind, limit, policy, &mut input);
    choose(kind, input, Decode { settings, seed });
}

struct Decode {
    settings: Settings,
    seed: u8,
}

impl Visit for Decode {
    fn visit<F: Framing + Clone>(self, framing: F, mut input: Input<'_>) {
        let config = self.settings.config(framing);
        // Some limits have no frame that fits.
        if config.decoder().is_err() {
            return;
        }
        let stream = input.rest();
        let tried = Verifier::new(&config).cut(stream, &ends(stream.len(), self.seed));
        tried.unwrap_or_else(|failure| panic!("{failure}"));
    }
}
