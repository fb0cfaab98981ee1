//! What both decoders share: running the machine over the bytes that a buffer holds.

use crate::machine::{Gift, Machine, Mode, Step};
use crate::{DecodeError, Decoded, Framing};

/// Where the bytes of the frame in progress lie. `kept` is always the count of bytes that the
/// machine had kept before the call.
pub(crate) trait Buffer {
    /// The bytes after the kept ones.
    fn pending(&mut self, kept: usize) -> &[u8];

    /// Keeps the first `n` pending bytes; `expected` more will have to be held, if that is known.
    fn keep(&mut self, kept: usize, n: usize, expected: Option<u64>);

    /// Removes the first `n` pending bytes.
    fn drop(&mut self, kept: usize, n: usize);

    /// Removes the kept bytes.
    fn forget(&mut self, kept: usize);

    /// Has `decode` work on the first `n` pending bytes in place: of those that it read, only the
    /// plain ones remain.
    fn decode(&mut self, kept: usize, n: usize, decode: impl FnOnce(&mut [u8]) -> Decoded);

    /// Shows more: at least `n` bytes beyond those that were pending. False where there are no
    /// more; then everything is held until there are.
    fn refill(&mut self, kept: usize, n: usize) -> bool;
}

/// Runs the machine until it hands something out, or needs bytes that are not there (None).
pub(crate) fn drive<F: Framing>(
    machine: &mut Machine<F>,
    buffer: &mut impl Buffer,
    mode: Mode,
    eof: bool,
) -> Result<Option<Gift>, DecodeError> {
    loop {
        let kept = machine.kept();
        match machine.step(buffer.pending(kept), mode, eof)? {
            Step::Give(gift) => return Ok(Some(gift)),
            Step::Keep(n) => buffer.keep(kept, n, machine.expected()),
            Step::Drop(n) => buffer.drop(kept, n),
            Step::Forget(n) => buffer.forget(n),
            Step::Decode(n) => buffer.decode(kept, n, |coded| machine.decode(coded)),
            Step::Wait(n) => {
                if !buffer.refill(kept, n) {
                    return Ok(None);
                }
            }
        }
    }
}
