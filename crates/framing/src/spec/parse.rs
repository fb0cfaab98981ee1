//! From the text to the framing.
//!
//! A spec is a name, with a value for some, then options, all separated by commas. Each part is
//! taken out of a list once it is understood; what is left is refused where it stands.

use alloc::vec::Vec;
use core::ops::Range;
use core::str::FromStr;

use super::{AnyFraming, Kind, Spec, SpecError, SpecErrorKind as Wrong, UNITS};
use crate::framings::any_length::{AnyLength, Order};
use crate::framings::layout::{Parameters, Sign};
use crate::{
    BuildError, Chunked, Cobs, ContentLength, Delimited, Envelope, Fixed, Lines, Netstring,
    Oversize, Slip, Varint,
};

/// `name` or `name=value`.
#[derive(Clone, Copy)]
struct Part<'s> {
    name: &'s str,
    value: Option<&'s str>,
    /// Where it begins in the spec.
    start: usize,
}

/// The parts that are not understood yet.
struct Options<'s>(Vec<Part<'s>>);

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        let mut parts = Vec::new();
        let mut start = 0_usize;
        for text in spec.split(',') {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let part = Part { name, value, start };
            if name.trim().is_empty() {
                return Err(part.wrong(Wrong::Missing));
            }
            if text.contains(char::is_whitespace) {
                return Err(part.wrong(Wrong::Blank));
            }
            start = start.saturating_add(text.len()).saturating_add(1);
            parts.push(part);
        }
        let mut options = Options(parts);
        let name = options.0.remove(0);
        let max = options.take("max")?.map(Part::size).transpose()?;
        let oversize = options.take("oversize")?.map(Part::policy).transpose()?;
        let kind = kind(name, &mut options)?;
        options.done()?;
        Ok(Self { framing: AnyFraming(kind), max, oversize })
    }
}

fn kind(name: Part<'_>, options: &mut Options<'_>) -> Result<Kind, SpecError> {
    if let Some(width) = name.name.strip_prefix(['u', 'i']).filter(|rest| !rest.is_empty())
        && width.starts_with(|first: char| first.is_ascii_digit())
    {
        return length(name, options);
    }
    match name.name {
        "delimiter" => return delimiter(name, options),
        "fixed" => {
            let size = name.number("the size of a frame, as in fixed=4")?;
            return Ok(Kind::Fixed(Fixed::new(size).map_err(|error| name.build(error))?));
        }
        _ => {}
    }
    let kind = match name.name {
        "lines" => Kind::Lines(Lines::lf()),
        "crlf" if options.flag("strict")? => Kind::Lines(Lines::crlf()),
        "crlf" => Kind::Lines(Lines::lenient()),
        "varint" if options.flag("lenient")? => Kind::Varint(Varint::lenient()),
        "varint" => Kind::Varint(Varint::canonical()),
        "netstring" => Kind::Netstring(Netstring),
        "content-length" if options.flag("http")? => Kind::ContentLength(ContentLength::http()),
        "content-length" => Kind::ContentLength(ContentLength::lsp()),
        "chunked" => Kind::Chunked(Chunked),
        "cobs" => Kind::Cobs(Cobs),
        "slip" => Kind::Slip(Slip),
        "envelope" => Kind::Envelope(Envelope),
        _ => return Err(name.wrong(Wrong::UnknownFraming)),
    };
    name.alone()?;
    Ok(kind)
}

/// `u16be` and its like: the sign, the bits, the byte order.
fn length(name: Part<'_>, options: &mut Options<'_>) -> Result<Kind, SpecError> {
    name.alone()?;
    let sign = if name.name.starts_with('i') { Sign::Signed } else { Sign::Unsigned };
    let rest = name.name.get(1..).unwrap_or_default();
    let digits =
        rest.len().saturating_sub(rest.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    let (bits, order) = rest.split_at_checked(digits).unwrap_or((rest, ""));
    let bits: usize = bits.parse().map_err(|_| name.wrong(Wrong::Width))?;
    if !bits.is_multiple_of(8) || !(8..=64).contains(&bits) {
        return Err(name.wrong(Wrong::Width));
    }
    let native = if cfg!(target_endian = "big") { Order::Big } else { Order::Little };
    let order = match order {
        "" if bits == 8 => Order::Big,
        "be" if bits > 8 => Order::Big,
        "le" if bits > 8 => Order::Little,
        "ne" if bits > 8 => native,
        _ if bits == 8 => return Err(name.wrong(Wrong::OneByte)),
        _ => return Err(name.wrong(Wrong::ByteOrder)),
    };
    let offset = options.take("offset")?;
    let adjust = options.take("adjust")?;
    let strip = options.take("strip")?;
    let parameters = Parameters {
        offset: offset.map_or(Ok(0), |part| part.number(NUMBER))?,
        adjust: adjust.map_or(Ok(0), Part::signed)?,
        strip: strip.map(|part| part.number(NUMBER)).transpose()?,
        sign,
        ..Parameters::plain(bits / 8)
    };
    AnyLength::new(parameters, order).map(Kind::Length).map_err(|error| {
        let builds = |parameters: Parameters| parameters.layout().is_ok();
        let all_but_strip = Parameters { strip: None, ..parameters };
        // The option without which it builds is to blame.
        let to_blame = if builds(all_but_strip) {
            strip
        } else if builds(Parameters { adjust: 0, ..all_but_strip }) {
            adjust
        } else {
            offset
        };
        to_blame.unwrap_or(name).build(error)
    })
}

fn delimiter(name: Part<'_>, options: &mut Options<'_>) -> Result<Kind, SpecError> {
    let list = name.needs("the bytes that end a frame, as in delimiter=0x0d0a")?;
    let delimiters: Option<Vec<Vec<u8>>> = list.split('|').map(bytes).collect();
    let delimiters = delimiters.ok_or_else(|| name.wrong_value(Wrong::Hexadecimal))?;
    let delimited = Delimited::new(delimiters).map_err(|error| name.build(error))?;
    let keep = options.flag("keep")?;
    Ok(Kind::Delimited(if keep { delimited.keep() } else { delimited }))
}

/// The bytes of `0x0d0a`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let value = |&digit: &u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(value(high)? << 4 | value(low)?)).collect()
}

impl<'s> Options<'s> {
    /// The option of this name, if it is there.
    fn take(&mut self, name: &str) -> Result<Option<Part<'s>>, SpecError> {
        let named = |part: &Part<'_>| part.name == name;
        let Some(at) = self.0.iter().position(named) else { return Ok(None) };
        let part = self.0.remove(at);
        match self.0.iter().find(|part| named(part)) {
            Some(again) => Err(again.wrong(Wrong::Twice)),
            None => Ok(Some(part)),
        }
    }

    /// Whether the option of this name, which takes no value, is there.
    fn flag(&mut self, name: &str) -> Result<bool, SpecError> {
        self.take(name)?.map_or(Ok(false), |part| part.alone().map(|()| true))
    }

    /// Nothing may be left.
    fn done(self) -> Result<(), SpecError> {
        match self.0.first() {
            None => Ok(()),
            Some(part) if OPTIONS.contains(&part.name) => Err(part.wrong(Wrong::WrongOption)),
            Some(part) => Err(part.wrong(Wrong::UnknownOption)),
        }
    }
}

impl<'s> Part<'s> {
    fn wrong(&self, kind: Wrong) -> SpecError {
        let value = self.value.map_or(0, |value| value.len().saturating_add(1));
        let end = self.start.saturating_add(self.name.len()).saturating_add(value);
        SpecError::new(kind, self.start..end)
    }

    /// The same, of the value alone.
    fn wrong_value(&self, kind: Wrong) -> SpecError {
        let Range { start, end } = self.wrong(kind).at();
        let name = self.name.len().saturating_add(1);
        SpecError::new(kind, start.saturating_add(name).min(end)..end)
    }

    fn build(&self, error: BuildError) -> SpecError {
        self.wrong(Wrong::Build(error))
    }

    /// Without a value.
    fn alone(&self) -> Result<(), SpecError> {
        self.value.map_or(Ok(()), |_| Err(self.wrong(Wrong::Value)))
    }

    fn needs(&self, what: &'static str) -> Result<&'s str, SpecError> {
        let value = self.value.filter(|value| !value.is_empty());
        value.ok_or_else(|| self.wrong(Wrong::NoValue(what)))
    }

    fn number(self, what: &'static str) -> Result<usize, SpecError> {
        let digits = self.needs(what)?;
        decimal(digits).ok_or_else(|| self.wrong_value(Wrong::Number))
    }

    fn signed(self) -> Result<i64, SpecError> {
        let text = self.needs(NUMBER)?;
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = decimal(digits).and_then(|_| text.parse().ok());
        number.ok_or_else(|| self.wrong_value(Wrong::SignedNumber))
    }

    fn size(self) -> Result<usize, SpecError> {
        let text = self.needs("a size, as in max=64KiB")?;
        let (digits, unit) = UNITS
            .iter()
            .find_map(|&(name, unit)| Some((text.strip_suffix(name)?, unit)))
            .unwrap_or((text, 1));
        let size = decimal(digits).and_then(|number| number.checked_mul(unit));
        size.ok_or_else(|| self.wrong_value(Wrong::Size))
    }

    fn policy(self) -> Result<Oversize, SpecError> {
        match self.needs("error, skip, truncate or stream")? {
            "error" => Ok(Oversize::Error),
            "skip" => Ok(Oversize::Skip),
            "truncate" => Ok(Oversize::Truncate),
            "stream" => Ok(Oversize::Stream),
            _ => Err(self.wrong_value(Wrong::Policy)),
        }
    }
}

/// Digits and nothing else.
fn decimal(digits: &str) -> Option<usize> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

const NUMBER: &str = "a number of bytes, as in offset=2";

/// All that are options of some framing.
const OPTIONS: [&str; 7] = ["offset", "adjust", "strip", "strict", "lenient", "http", "keep"];
