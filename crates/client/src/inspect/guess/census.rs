//! What a capture looks like to somebody who knows no framing: how often each byte occurs.

/// The bytes of a capture, counted.
pub(super) struct Census {
    counts: [u64; 256],
    /// What each byte tells, in bits: the less the more of them there are.
    bits: [f64; 256],
    first: Option<u8>,
}

impl Census {
    pub(super) fn of(capture: &[u8]) -> Self {
        let mut counts = [0_u64; 256];
        for &byte in capture {
            counts[usize::from(byte)] += 1;
        }
        // After all other bytes; before the first of them, all are equally likely.
        let total = log2(capture.len() as u64 + 255);
        let bits = counts.map(|count| total - log2(count.max(1)));
        Self { counts, bits, first: capture.first().copied() }
    }

    /// What bytes tell that could have been any.
    pub(super) fn bits(&self, bytes: &[u8]) -> f64 {
        bytes.iter().map(|&byte| self.bits[usize::from(byte)]).sum()
    }

    /// What it tells that all of the capture but its delimiters is text, at most as much as
    /// [`TEXT`]; nothing if it is not.
    pub(super) fn text(&self, delimiter: u8) -> f64 {
        let mut printable = 0;
        for (byte, &count) in (0..=u8::MAX).zip(&self.counts) {
            let control = byte.is_ascii_control() && !b"\t\r\n\x1B".contains(&byte);
            if control && byte != delimiter && count > 0 {
                return 0.0;
            }
            if byte.is_ascii_graphic() || byte == b' ' {
                printable += count;
            }
        }
        // More than a byte can count are more than enough.
        (PRINTABLE * f64::from(u8::try_from(printable).unwrap_or(u8::MAX))).min(TEXT)
    }

    pub(super) fn begins_with(&self, byte: u8) -> bool {
        self.first == Some(byte)
    }
}

/// Of a number that is far below `2^53`, as all counts of bytes are.
#[allow(clippy::cast_precision_loss)]
pub(super) fn log2(number: u64) -> f64 {
    (number as f64).log2()
}

/// The logarithm of 256/95: so many of all bytes are printable.
const PRINTABLE: f64 = 1.43;

/// Text is evidence of one of the framings of text, no matter which.
const TEXT: f64 = 12.0;
