//! Inputs for a body: its corpus, and what comes of it by chance.

use std::path::Path;

/// Runs a body over all that fuzzing found worth keeping, then over copies with some bytes
/// overwritten, then over random bytes.
pub(crate) fn replay(target: &str, mut body: impl FnMut(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = std::fs::read_dir(&corpus).expect("the corpus is a part of the repository");
    let mut paths: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "{} files", paths.len());
    let mut try_one = |shown: &str, input: &[u8]| {
        let _shown = Shown(shown);
        body(input);
    };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for path in &paths {
        let input = std::fs::read(path).expect("it can be read");
        let shown = path.to_string_lossy();
        try_one(&shown, &input);
        inputs.push(input);
    }
    for _ in 0..CHANGED {
        let mut input = inputs[random.below(inputs.len())].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(input.len().max(1));
            let byte = random.byte();
            if let Some(old) = input.get_mut(at) {
                *old = byte;
            }
        }
        try_one(&format!("{input:?}"), &input);
    }
    for _ in 0..RANDOM {
        let input: Vec<u8> = (0..random.below(200)).map(|_| random.byte()).collect();
        try_one(&format!("{input:?}"), &input);
    }
}

const CHANGED: usize = 1000;

const RANDOM: usize = 1000;

/// What delimiters, lengths and escapes are made of.
const SPECIAL: &[u8] = b"\r\n\0:,;0129ab\xC0\xDB\xDC\xDD\xFF";

/// Tells which input it was, if the body panics.
struct Shown<'i>(&'i str);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0);
        }
    }
}

/// Xorshift64 (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("it is below a usize")
    }

    /// Small numbers mostly.
    fn byte(&mut self) -> u8 {
        let byte = self.below(256).to_le_bytes()[0];
        match self.below(4) {
            0 => byte,
            1 => SPECIAL[self.below(SPECIAL.len())],
            _ => byte % 16,
        }
    }
}
