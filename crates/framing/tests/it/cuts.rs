//! Promise 1, exhaustively: short streams under every cut, in every mode, against the reference.

use framing::{
    BigEndian, BuildError, Config, Ending, Envelope, LengthBuilder, Limits, Lines, LittleEndian,
    Oversize, Unterminated,
};

use crate::check::{agree, check, effort, is_sampled};
use crate::reference::{Model, decode};

pub(crate) const POLICIES: [Oversize; 4] =
    [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream];

fn limits(payload: usize) -> Limits {
    Limits { payload, head: 24, ..Limits::default() }
}

#[test]
fn every_short_string_of_line_symbols_under_every_cut() {
    // All of seven symbols under every limit would take hours.
    let longest = |payload| effort(3, 5, if payload == 2 { 7 } else { 5 });
    for ending in [Ending::Lf, Ending::Lenient, Ending::Crlf] {
        for unterminated in [Unterminated::Accept, Unterminated::Refuse] {
            let lines = match ending {
                Ending::Lf => Lines::lf(),
                Ending::Lenient => Lines::lenient(),
                Ending::Crlf => Lines::crlf(),
            }
            .unterminated(unterminated);
            let model = Model::Lines { ending, unterminated };
            for payload in [0, 1, 2, 8] {
                for oversize in POLICIES {
                    let config = Config::new(lines).limits(limits(payload)).oversize(oversize);
                    for_each_string(b"\r\n1x", longest(payload), |wire| {
                        check(&config, wire, &decode(&model, limits(payload), oversize, wire));
                    });
                }
            }
        }
    }
}

#[test]
fn catalogued_length_streams_under_every_cut() {
    let mut streams: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![0, 0],
        vec![0, 1],
        vec![0, 1, 7],
        vec![0, 2, 7, 8, 0, 0, 0, 1],
        vec![0, 0, 0, 0, 0, 0],
        vec![0, 4, 1, 2, 3, 4, 0, 1, 9],
        vec![4, 0, 1, 2, 3, 4, 1, 0, 9],
        vec![0xFF, 0xFF, 1],
        vec![0x80, 0, 1],
        vec![0, 5, 1, 2, 3],
        vec![0, 3, 1, 2, 3, 0, 3, 1, 2, 3, 0, 0],
        vec![9, 0, 2, 1, 2, 9, 0, 1, 1],
        vec![0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 5, 0],
        b"HTTP/1.1 200".to_vec(),
        vec![0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3],
        vec![0xFF; 12],
    ];
    streams.extend((1..=9).map(|n| (0..n).collect()));
    streams.extend((0..=8).map(|n: u8| [vec![0, n], vec![n; n.into()]].concat()));
    for (offset, adjust, strip) in
        [(0, 0, None), (1, 0, None), (0, -2, None), (0, 1, None), (1, 2, Some(5)), (1, 0, Some(0))]
    {
        for payload in [3, 200] {
            for oversize in POLICIES {
                for wire in streams.iter().step_by(effort(3, 1, 1)).filter(|_| is_sampled()) {
                    let case = Case { offset, adjust, strip, payload, oversize };
                    case.check::<BigEndian, 1>(wire, false);
                    case.check::<BigEndian, 2>(wire, false);
                    case.check::<LittleEndian, 2>(wire, true);
                    case.check::<BigEndian, 3>(wire, false);
                    case.check::<LittleEndian, 8>(wire, true);
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Case {
    offset: usize,
    adjust: i64,
    strip: Option<usize>,
    payload: usize,
    oversize: Oversize,
}

impl Case {
    fn check<E: byteorder::ByteOrder, const W: usize>(self, wire: &[u8], little: bool)
    where
        framing::Length<E, W>: Clone,
    {
        let Self { offset, adjust, strip, payload, oversize } = self;
        let plain = offset == 0 && adjust == 0;
        for signed in [false, true].into_iter().take(if plain { 2 } else { 1 }) {
            let mut builder = LengthBuilder::<E, W>::new().offset(offset).adjust(adjust);
            if let Some(strip) = strip {
                builder = builder.strip(strip);
            }
            if signed {
                builder = builder.signed();
            }
            let strip = strip.unwrap_or(offset + W);
            let Ok(framing) = builder.build() else {
                assert!(
                    strip > offset && strip < offset + W,
                    "only a strip inside the field fails"
                );
                continue;
            };
            let config = Config::new(framing).limits(limits(payload)).oversize(oversize);
            if let Err(error) = config.decoder() {
                let too_small = matches!(error, BuildError::LimitsTooSmall { .. });
                assert!(too_small && strip < offset + W, "only a payload with its own field");
                continue;
            }
            let model = Model::Length { width: W, little, signed, offset, adjust, strip };
            agree(&config, wire, &decode(&model, limits(payload), oversize, wire));
        }
    }
}

#[test]
fn envelopes_under_every_cut() {
    let envelope = |header: &[u8], body: &[u8]| {
        let mut wire = Vec::new();
        framing::Encoder::new(Envelope).append(header, &[body], &mut wire).unwrap();
        wire
    };
    let mut streams = vec![
        envelope(b"", b""),
        envelope(b"h", b""),
        envelope(b"", b"b"),
        envelope(b"hea", b"body"),
        [envelope(b"a", b"1"), envelope(b"", b""), envelope(b"bc", b"234")].concat(),
        [envelope(b"0123456789ab", b"1"), envelope(b"x", b"y")].concat(),
        [envelope(b"0123456789abc", b"1"), envelope(b"x", b"y")].concat(),
        vec![0xFF; 14],
        vec![0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ];
    let whole = envelope(b"head", b"some body");
    streams.extend((0..whole.len()).map(|end| whole[..end].to_vec()));
    for payload in [0, 3, 200] {
        for oversize in POLICIES {
            let config = Config::new(Envelope).limits(limits(payload)).oversize(oversize);
            for wire in streams.iter().filter(|_| is_sampled()) {
                let expected = decode(&Model::Envelope, limits(payload), oversize, wire);
                agree(&config, wire, &expected);
            }
        }
    }
}

/// Every string over `alphabet` of up to `longest` symbols.
pub(crate) fn for_each_string(alphabet: &[u8], longest: u32, mut f: impl FnMut(&[u8])) {
    let base = alphabet.len();
    let longest = longest.min(effort(3, longest, longest));
    for length in 0..=longest {
        // What Miri takes seconds for is enough for it.
        let step = if cfg!(miri) { 29 } else { 1 };
        for mut number in (0..base.pow(length)).step_by(step) {
            let string: Vec<u8> = (0..length)
                .map(|_| {
                    let symbol = alphabet[number % base];
                    number /= base;
                    symbol
                })
                .collect();
            f(&string);
        }
    }
}
