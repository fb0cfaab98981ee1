//! Framings that are chosen when the program runs, by a line of text.

mod error;
mod parse;

use alloc::vec::Vec;
use core::fmt::{self, Display};

use crate::framings::any_length::AnyLength;
use crate::{
    BuildError, Chunked, Cobs, Config, ContentLength, Decoded, Delimited, Enclosure, EncodeError,
    Ending, Envelope, Fixed, Framing, Inline, Limits, Lines, Malformed, Netstring, Oversize, Scan,
    Slip, Varint,
};

pub use error::{SpecError, SpecErrorKind};

#[doc = include_str!("spec.md")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    framing: AnyFraming,
    max: Option<usize>,
    oversize: Option<Oversize>,
}

/// The framing of a [`Spec`], without its limit and policy: one of those that have types of their
/// own, known when the program runs.
///
/// ```
/// use framing::{AnyFraming, Decoder, Spec};
///
/// let mut decoder: Decoder<AnyFraming> = "netstring".parse::<Spec>()?.config().decoder()?;
/// assert_eq!(&*decoder.next(&mut &b"2:hi,"[..])?.unwrap().payload(), b"hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyFraming(Kind);

/// The framings, each as its own type has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Length(AnyLength),
    Lines(Lines),
    Delimited(Delimited),
    Varint(Varint),
    Fixed(Fixed),
    Netstring(Netstring),
    ContentLength(ContentLength),
    Chunked(Chunked),
    Cobs(Cobs),
    Slip(Slip),
    Envelope(Envelope),
}

impl Spec {
    /// The framing with the limit and the policy of the spec; what it does not name is as in
    /// [`Config::new`].
    ///
    /// ```
    /// use framing::Spec;
    ///
    /// let config = "u16be,max=64KiB".parse::<Spec>()?.config();
    /// let (decoder, encoder) = (config.decoder()?, config.encoder()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn config(self) -> Config<AnyFraming> {
        let oversize = self.oversize();
        let config = Config::new(self.framing).oversize(oversize);
        match self.max {
            Some(bytes) => config.max_payload(bytes),
            None => config,
        }
    }

    /// What becomes of frames past the limit.
    pub fn oversize(&self) -> Oversize {
        self.oversize.unwrap_or_default()
    }

    /// The framing alone, to be wrapped in another. The limit and the policy of the spec are not in it.
    ///
    /// ```
    /// use framing::{Checksum, Config, Spec};
    ///
    /// let framing = "u16be".parse::<Spec>()?.framing().clone();
    /// let encoder = Config::new(Checksum::crc32c_be(framing)).encoder()?;
    /// let mut wire = Vec::new();
    /// encoder.append(&[], &[b"hi"], &mut wire)?;
    /// assert_eq!(wire.len(), 2 + 2 + 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn framing(&self) -> &AnyFraming {
        &self.framing
    }
}

macro_rules! with {
    ($kind:expr, $framing:ident => $does:expr) => {
        match $kind {
            Kind::Length($framing) => $does,
            Kind::Lines($framing) => $does,
            Kind::Delimited($framing) => $does,
            Kind::Varint($framing) => $does,
            Kind::Fixed($framing) => $does,
            Kind::Netstring($framing) => $does,
            Kind::ContentLength($framing) => $does,
            Kind::Chunked($framing) => $does,
            Kind::Cobs($framing) => $does,
            Kind::Slip($framing) => $does,
            Kind::Envelope($framing) => $does,
        }
    };
}

impl AnyFraming {
    #[inline(never)]
    fn scan_other(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        with!(&self.0, framing => framing.scan(seen, from, eof))
    }
}

/// What none of the framings has (a checksum, a recovery, a memory of heads) is not asked for.
impl Framing for AnyFraming {
    /// Inlined, the most common of them is as fast as if it had been known when compiling; all of
    /// them would not be inlined.
    #[inline]
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        match &self.0 {
            Kind::Length(length) => length.scan(seen, from, eof),
            _ => self.scan_other(seen, from, eof),
        }
    }

    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        with!(&self.0, framing => framing.resume(seen, eof))
    }

    #[inline]
    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        with!(&self.0, framing => framing.trailer(trailer))
    }

    #[inline]
    fn transforms(&self) -> bool {
        with!(&self.0, framing => framing.transforms())
    }

    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        with!(&self.0, framing => framing.decode(carry, coded))
    }

    fn encode(&self, payload: &[&[u8]], out: &mut Vec<u8>) {
        with!(&self.0, framing => framing.encode(payload, out));
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        with!(&self.0, framing => framing.check(limits))
    }

    #[inline]
    fn plain_head(&self, length: u64) -> Option<Inline> {
        match &self.0 {
            Kind::Length(framing) => framing.plain_head(length),
            _ => None,
        }
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        with!(&self.0, framing => framing.enclose(prefix, payload))
    }
}

/// A spec that gives the same: every option that follows from the others is left out.
impl Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.framing.0 {
            Kind::Length(length) => length.fmt(f)?,
            Kind::Lines(lines) => f.write_str(match lines.ending() {
                Ending::Lf => "lines",
                Ending::Lenient => "crlf",
                Ending::Crlf => "crlf,strict",
            })?,
            Kind::Delimited(delimited) => {
                f.write_str("delimiter=")?;
                for (i, delimiter) in delimited.written_first().enumerate() {
                    f.write_str(if i == 0 { "0x" } else { "|0x" })?;
                    delimiter.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                }
                f.write_str(if delimited.keeps() { ",keep" } else { "" })?;
            }
            Kind::Varint(varint) => {
                let lenient = *varint == Varint::lenient();
                f.write_str(if lenient { "varint,lenient" } else { "varint" })?;
            }
            Kind::Fixed(fixed) => write!(f, "fixed={}", fixed.size())?,
            Kind::Netstring(_) => f.write_str("netstring")?,
            Kind::ContentLength(head) => {
                let http = *head == ContentLength::http();
                f.write_str(if http { "content-length,http" } else { "content-length" })?;
            }
            Kind::Chunked(_) => f.write_str("chunked")?,
            Kind::Cobs(_) => f.write_str("cobs")?,
            Kind::Slip(_) => f.write_str("slip")?,
            Kind::Envelope(_) => f.write_str("envelope")?,
        }
        if let Some(max) = self.max {
            let unit = UNITS.iter().find(|(_, unit)| max > 0 && max.is_multiple_of(*unit));
            let (name, unit) = unit.unwrap_or(&("", 1));
            write!(f, ",max={}{name}", max.checked_div(*unit).unwrap_or(max))?;
        }
        f.write_str(match self.oversize {
            None => "",
            Some(Oversize::Error) => ",oversize=error",
            Some(Oversize::Skip) => ",oversize=skip",
            Some(Oversize::Truncate) => ",oversize=truncate",
            Some(Oversize::Stream) => ",oversize=stream",
        })
    }
}

/// Units of sizes, the largest first.
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

#[cfg(feature = "serde")]
impl serde::Serialize for Spec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Spec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = Spec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the spec of a framing, such as \"u16be,max=64KiB\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Spec, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}
