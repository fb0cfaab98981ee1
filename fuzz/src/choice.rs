//! A framing of any kind, and its limits, out of bytes.

use framing::{
    Checksum, Chunked, Cobs, Config, ContentLength, Delimited, Envelope, Fixed, Framing, Length,
    Limits, Lines, Netstring, Oversize, Resync, Slip, Spec, Unterminated, Varint,
};

use crate::input::Input;
use crate::turning::Turning;

/// What is done with the framing that was chosen.
pub(crate) trait Visit {
    /// `input` is what the choice has left.
    fn visit<F: Framing + Clone>(self, framing: F, input: Input<'_>);
}

/// Chooses by `kind`: one of some types, or a spec that is written from the input, alone or with a
/// wrapper. Bytes that make no framing are no input.
pub(crate) fn choose(kind: u8, mut input: Input<'_>, visit: impl Visit) {
    match kind % KINDS {
        0 => visit.visit(Length::u8(), input),
        1 => visit.visit(Length::u16_be(), input),
        2 => visit.visit(Length::u24_le(), input),
        3 => visit.visit(Length::u64_be(), input),
        4 => visit.visit(Lines::lf(), input),
        5 => visit.visit(Lines::lenient(), input),
        6 => visit.visit(Lines::crlf(), input),
        7 => visit.visit(Envelope, input),
        8 => visit.visit(Varint::canonical(), input),
        9 => visit.visit(Netstring, input),
        10 => {
            let delimited = Delimited::new(["\r", "\n", "\r\n", "aab"]);
            visit.visit(delimited.expect("they need one byte of look-ahead"), input);
        }
        11 => visit.visit(ContentLength::lsp(), input),
        12 => visit.visit(Chunked, input),
        13 => visit.visit(Fixed::new(3).expect("it is not empty"), input),
        14 => visit.visit(Cobs, input),
        15 => visit.visit(Slip, input),
        16 => visit.visit(Checksum::crc32c_be(Length::u8()), input),
        17 => visit.visit(Checksum::crc32c_le(Cobs), input),
        18 => visit.visit(Checksum::crc32c_be(Chunked), input),
        19 => resync_at_magic(b"ab", Length::u8(), 40, input, visit),
        20 => resync_at_delimiter(Slip, 40, input, visit),
        21 => resync_at_delimiter(Lines::crlf(), 40, input, visit),
        22 => visit.visit(Lines::lenient().unterminated(Unterminated::Refuse), input),
        30 => resync_at_magic(b"ab", Turning::default(), 40, input, visit),
        31 => visit.visit(Turning::default(), input),
        wrapped => {
            let Ok(spec) = spec_text(&mut input).parse::<Spec>() else { return };
            let framing = spec.framing().clone();
            match wrapped {
                23 => visit.visit(Checksum::crc32c_be(framing), input),
                24 => visit.visit(Checksum::crc32c_le(framing), input),
                25 => {
                    let magic = input.pick(&[&b"ab"[..], b"a", b"\0\x01", b"aab"]);
                    let most = u64::from(input.byte());
                    resync_at_magic(magic, framing, most, input, visit);
                }
                26 => {
                    let most = u64::from(input.byte());
                    resync_at_delimiter(framing, most, input, visit);
                }
                27 => {
                    let most = u64::from(input.byte());
                    let sealed = Checksum::crc32c_be(framing);
                    if sealed.scan(&[], 0, false).is_ok_and(|scan| scan == OPEN) {
                        resync_at_delimiter(sealed, most, input, visit);
                    } else {
                        resync_at_magic(b"ab", sealed, most, input, visit);
                    }
                }
                _ => visit.visit(framing, input),
            }
        }
    }
}

/// The kinds from which on the limits are read from the input, and for most of them a spec.
pub(crate) const FIRST_SPEC: u8 = 23;

pub(crate) const KINDS: u8 = 32;

const OPEN: framing::Scan = framing::Scan::Open { head: 0, safe: 0 };

fn resync_at_magic<F: Framing + Clone>(
    magic: &[u8],
    framing: F,
    most: u64,
    input: Input<'_>,
    visit: impl Visit,
) {
    if let Ok(resync) = Resync::at_magic(magic, framing, most) {
        visit.visit(resync, input);
    }
}

fn resync_at_delimiter<F: Framing + Clone>(
    framing: F,
    most: u64,
    input: Input<'_>,
    visit: impl Visit,
) {
    if let Ok(resync) = Resync::at_delimiter(framing, most) {
        visit.visit(resync, input);
    }
}

/// A spec as a person might write it; not every one of them is right.
pub(crate) fn spec_text(input: &mut Input<'_>) -> String {
    match input.below(13) {
        0..=4 => length_text(input),
        5 => input.pick(&["lines", "crlf", "crlf,strict"]).to_owned(),
        6 => {
            let delimiters: Vec<String> = (0..=input.below(3))
                .map(|_| {
                    let digits = (0..=input.below(4)).map(|_| input.pick(DIGITS));
                    format!("0x{}", digits.collect::<String>())
                })
                .collect();
            let keep = input.pick(&["", ",keep"]);
            format!("delimiter={}{keep}", delimiters.join("|"))
        }
        7 => input.pick(&["varint", "varint,lenient"]).to_owned(),
        8 => format!("fixed={}", input.below(20)),
        9 => input.pick(&["netstring", "content-length", "content-length,http"]).to_owned(),
        10 => "chunked".to_owned(),
        11 => input.pick(&["cobs", "slip"]).to_owned(),
        _ => "envelope".to_owned(),
    }
}

fn length_text(input: &mut Input<'_>) -> String {
    let sign = input.pick(&["u", "i"]);
    let bits = 8 * (1 + input.below(8));
    let order = if bits == 8 { "" } else { input.pick(&["be", "le", "ne"]) };
    let options = input.byte();
    let offset = if options & 1 != 0 { format!(",offset={}", input.below(9)) } else { none() };
    let adjust = if options & 2 != 0 { format!(",adjust={}", adjustment(input)) } else { none() };
    let strip = if options & 4 != 0 { format!(",strip={}", input.below(20)) } else { none() };
    format!("{sign}{bits}{order}{offset}{adjust}{strip}")
}

fn none() -> String {
    String::new()
}

fn adjustment(input: &mut Input<'_>) -> i64 {
    match i64::from(input.byte()) {
        0xFF => i64::MAX,
        0xFE => i64::MIN,
        small => small % 41 - 20,
    }
}

/// Bytes of delimiters, in hexadecimal: few, so that they stand in streams.
const DIGITS: &[&str] = &["0d", "0a", "00", "61", "62"];

/// The limits and the policy.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) oversize: Oversize,
    capacity: Option<usize>,
    reserves: bool,
}

impl Settings {
    /// Kinds with a spec have limits of every part.
    pub(crate) fn read(kind: u8, limit: u8, policy: u8, input: &mut Input<'_>) -> Self {
        let mut limits = Limits { payload: usize::from(limit), head: 64, ..Limits::default() };
        if kind % KINDS >= FIRST_SPEC {
            limits.head = input.pick(&[64, 0, 1, 8, 16, 40, 200, 8192]);
            limits.trailer = input.pick(&[8192, 0, 1, 2, 4]);
            limits.parts = input.pick(&[1024, 0, 1, 2, 3]);
        }
        let policies = [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream];
        Self {
            limits,
            oversize: policies[usize::from(policy) % 4],
            capacity: (policy & 4 != 0).then_some(usize::from(policy >> 4)),
            reserves: policy & 8 != 0,
        }
    }

    pub(crate) fn config<F: Framing>(&self, framing: F) -> Config<F> {
        let config = Config::new(framing).limits(self.limits).oversize(self.oversize);
        let config = match self.capacity {
            Some(bytes) => config.capacity(bytes),
            None => config,
        };
        if self.reserves { config.reserve_declared() } else { config }
    }
}
