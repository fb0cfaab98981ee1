//! A framing with state.

use framing::{Enclosure, EncodeError, Framing, Inline, Malformed, Scan};

/// Each frame tells what the next one is: by the two highest bits of its head's last byte, whose
/// other bits are a length. Behind a line comes a `Short` one. The first frame is `Short`, and so is
/// all that is encoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Turning {
    /// The length, the payload.
    #[default]
    Short,
    /// Any byte, the length, the payload, any byte.
    Long,
    /// The payload, a line feed.
    Line,
    /// The length, the payload, any byte.
    Trailed,
}

const LENGTH: u8 = 0x3F;

impl Framing for Turning {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let (head, trailer) = match self {
            Self::Short => (1, 0),
            Self::Long => (2, 1),
            Self::Trailed => (1, 1),
            Self::Line => {
                return Ok(match seen.iter().position(|&byte| byte == b'\n') {
                    Some(end) => Scan::Until { payload: 0..end, total: end + 1 },
                    None => Scan::Open { head: 0, safe: seen.len() },
                });
            }
        };
        Ok(match seen.get(head - 1) {
            Some(&last) => Scan::Body { head, body: (last & LENGTH).into(), trailer, more: false },
            None => Scan::Need { total: head },
        })
    }

    fn framed(&mut self, head: &[u8]) {
        *self = match head.last().map_or(0, |last| last >> 6) {
            0 => Self::Short,
            1 => Self::Long,
            2 => Self::Line,
            _ => Self::Trailed,
        };
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        if !prefix.is_empty() {
            return Err(EncodeError::Prefix { expected: 0, given: prefix.len() });
        }
        let length: u64 = payload.iter().map(|part| part.len() as u64).sum();
        let most = LENGTH.into();
        let field = u8::try_from(length).ok().filter(|&field| field <= LENGTH);
        let field = field.ok_or(EncodeError::LengthOverflow { length, min: 0, max: most })?;
        Ok(Enclosure { head: Inline::new(&[field]), ..Enclosure::default() })
    }
}
