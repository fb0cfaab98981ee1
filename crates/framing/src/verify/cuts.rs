//! Where streams are cut.

use alloc::vec::Vec;

/// Which cuts a stream is tried with.
#[derive(Clone, Copy)]
pub(super) enum Cuts<'e> {
    /// Every cut of a stream of up to `exhaustive` bytes. Of a longer one all into up to `pieces`, which
    /// are more than two only where it is not too long, some at random, and byte by byte.
    All { exhaustive: usize, pieces: usize },
    /// In one piece, and every cut into two.
    Single,
    /// In one piece, and some at random.
    Random,
    /// In one piece, and where these chunks end.
    These(&'e [usize]),
}

impl Cuts<'_> {
    /// Calls `f` with the ends of the chunks of each cut.
    pub(super) fn try_for_each<E>(
        self,
        length: usize,
        mut f: impl FnMut(&[usize]) -> Result<(), E>,
    ) -> Result<(), E> {
        if length == 0 {
            return f(&[]);
        }
        if let Self::All { exhaustive, .. } = self
            && length <= exhaustive
        {
            return every(length, f);
        }
        f(&[length])?;
        match self {
            Self::All { pieces, .. } => {
                into(pieces, length, &mut f)?;
                random(length, &mut f)?;
                f(&(1..=length).collect::<Vec<_>>())
            }
            Self::Single => {
                let several = length <= PAIRS;
                (1..length).filter(|_| several).try_for_each(|end| f(&[end, length]))
            }
            Self::Random => random(length, &mut f),
            Self::These(ends) => {
                let mut kept = Vec::new();
                for &end in ends {
                    if end < length && kept.last().is_none_or(|&last| end > last) && end > 0 {
                        kept.push(end);
                    }
                }
                kept.push(length);
                f(&kept)
            }
        }
    }
}

/// The beginnings of a stream that are tried as streams of their own.
pub(super) fn beginnings(length: usize) -> impl Iterator<Item = usize> {
    let step = 1 + length / PAIRS;
    (0..length).step_by(step)
}

fn every<E>(length: usize, mut f: impl FnMut(&[usize]) -> Result<(), E>) -> Result<(), E> {
    let mut ends = Vec::with_capacity(length);
    for mask in 0..1_u32 << (length - 1) {
        ends.clear();
        ends.extend((1..length).filter(|at| mask & (1 << (at - 1)) != 0));
        ends.push(length);
        f(&ends)?;
    }
    Ok(())
}

fn into<E>(
    pieces: usize,
    length: usize,
    f: &mut impl FnMut(&[usize]) -> Result<(), E>,
) -> Result<(), E> {
    let (three, four) = (pieces > 2 && length <= PAIRS, pieces > 3 && length <= TRIPLES);
    for first in 1..length {
        f(&[first, length])?;
        for second in (first + 1..length).take_while(|_| three) {
            f(&[first, second, length])?;
            for third in (second + 1..length).take_while(|_| four) {
                f(&[first, second, third, length])?;
            }
        }
    }
    Ok(())
}

/// Chunks of random sizes, small and large, from a small generator that is the same every time.
fn random<E>(length: usize, f: &mut impl FnMut(&[usize]) -> Result<(), E>) -> Result<(), E> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: usize| {
        // Xorshift64 (Marsaglia, "Xorshift RNGs", 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).unwrap_or(0)
    };
    for _ in 0..RANDOM {
        let most = 2 + below(length);
        let mut ends = Vec::new();
        let mut end = 0;
        while end < length {
            end = length.min(end + 1 + below(most));
            ends.push(end);
        }
        f(&ends)?;
    }
    Ok(())
}

/// Streams of up to so many bytes are cut into three pieces in every way.
const PAIRS: usize = 200;

/// And into four.
const TRIPLES: usize = 32;

const RANDOM: usize = 32;
