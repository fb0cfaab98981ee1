//! The naive decoder that all others are held against: it has the whole stream, parses from the
//! front, and knows nothing of chunks.

use framing::{DecodeErrorKind, Ending, Limits, Oversize, Unterminated};

use crate::check::Item;

pub(crate) enum Model {
    Length { width: usize, little: bool, signed: bool, offset: usize, adjust: i64, strip: usize },
    Lines { ending: Ending, unterminated: Unterminated },
    Envelope,
}

/// The beginning of a stream, as a frame.
enum Parsed {
    Frame {
        head: usize,
        payload: u128,
        trailer: usize,
        declared: bool,
    },
    /// So many payload bytes were certain before.
    Malformed {
        at: usize,
        certain: usize,
    },
    /// So many payload bytes are certain.
    Incomplete {
        certain: usize,
    },
}

pub(crate) fn decode(model: &Model, limits: Limits, oversize: Oversize, wire: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut start = 0;
    let limit = limits.payload;
    let refuses = matches!(oversize, Oversize::Error | Oversize::Stream);
    while start < wire.len() {
        let rest = &wire[start..];
        let offset = start as u64;
        let error = |kind, offset| Item::Error { kind, offset };
        let too_long = |declared| error(DecodeErrorKind::TooLong { declared, limit }, offset);
        match model.parse(rest) {
            Parsed::Malformed { certain, .. } | Parsed::Incomplete { certain }
                if refuses && certain > limit =>
            {
                items.push(too_long(None));
                return items;
            }
            Parsed::Malformed { at, .. } => {
                items.push(error(DecodeErrorKind::Malformed(""), offset + at as u64));
                return items;
            }
            Parsed::Incomplete { .. } => {
                let received = rest.len() as u64;
                items.push(error(DecodeErrorKind::Truncated { received }, offset));
                return items;
            }
            Parsed::Frame { head, payload, trailer, declared } => {
                let declared = declared.then(|| u64::try_from(payload).unwrap_or(u64::MAX));
                let total = head as u128 + payload + trailer as u128;
                let past = payload > limit as u128;
                if head > limits.head {
                    let limit = limits.head;
                    items.push(error(DecodeErrorKind::HeadTooLong { limit }, offset));
                    return items;
                }
                if past && refuses {
                    items.push(too_long(declared));
                    return items;
                }
                if total > rest.len() as u128 {
                    let received = rest.len() as u64;
                    items.push(error(DecodeErrorKind::Truncated { received }, offset));
                    return items;
                }
                let payload = usize::try_from(payload).unwrap();
                let total = usize::try_from(total).unwrap();
                items.push(if past && oversize == Oversize::Skip {
                    Item::Skipped { offset, declared, discarded: payload as u64 }
                } else {
                    let kept = payload.min(limit);
                    Item::Frame {
                        head: rest[..head].to_vec(),
                        payload: rest[head..head + kept].to_vec(),
                        trailer: rest[head + payload..total].to_vec(),
                        offset,
                        discarded: (payload - kept) as u64,
                    }
                });
                start += total;
            }
        }
    }
    items
}

impl Model {
    fn parse(&self, rest: &[u8]) -> Parsed {
        match *self {
            Self::Length { width, little, signed, offset, adjust, strip } => {
                let Some(field) = rest.get(offset..offset + width) else {
                    return Parsed::Incomplete { certain: 0 };
                };
                let mut bytes = field.to_vec();
                if little {
                    bytes.reverse();
                }
                let mut value = bytes.iter().fold(0_i128, |sum, &byte| sum << 8 | i128::from(byte));
                if signed && bytes[0] >= 0x80 {
                    value -= 1 << (8 * width);
                }
                let total = (offset + width) as i128 + value + i128::from(adjust);
                let least = strip.max(offset + width) as i128;
                if value < 0 || total < least {
                    return Parsed::Malformed { at: offset, certain: 0 };
                }
                let payload = u128::try_from(total - strip as i128).unwrap();
                Parsed::Frame { head: strip, payload, trailer: 0, declared: true }
            }
            Self::Envelope => {
                let (Some(header), Some(body)) = (rest.get(..4), rest.get(4..12)) else {
                    return Parsed::Incomplete { certain: 0 };
                };
                let header = u32::from_be_bytes(header.try_into().unwrap()) as usize;
                let payload = u64::from_be_bytes(body.try_into().unwrap()).into();
                Parsed::Frame { head: 12 + header, payload, trailer: 0, declared: true }
            }
            Self::Lines { ending, unterminated } => parse_line(rest, ending, unterminated),
        }
    }
}

fn parse_line(rest: &[u8], ending: Ending, unterminated: Unterminated) -> Parsed {
    let line = |payload: usize, trailer| Parsed::Frame {
        head: 0,
        payload: payload as u128,
        trailer,
        declared: false,
    };
    for (at, &byte) in rest.iter().enumerate() {
        let next = rest.get(at + 1);
        match (ending, byte) {
            (Ending::Lf, b'\n') => return line(at, 1),
            (Ending::Lenient, b'\r') if next == Some(&b'\n') => return line(at, 2),
            (Ending::Lenient, b'\n') => return line(at, 1),
            (Ending::Crlf, b'\r') if next == Some(&b'\n') => return line(at, 2),
            (Ending::Crlf, b'\r') if next.is_none() && unterminated == Unterminated::Refuse => {
                return Parsed::Incomplete { certain: at };
            }
            (Ending::Crlf, b'\r' | b'\n') => return Parsed::Malformed { at, certain: at },
            _ => {}
        }
    }
    match (unterminated, ending, rest.last()) {
        (Unterminated::Accept, ..) => line(rest.len(), 0),
        (_, Ending::Lenient, Some(b'\r')) => Parsed::Incomplete { certain: rest.len() - 1 },
        _ => Parsed::Incomplete { certain: rest.len() },
    }
}
