//! Frames that end at a delimiter, one or several, of any length.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use core::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::payload_length;
use crate::{BuildError, Enclosure, EncodeError, Framing, Malformed, Scan, Trailer};

/// Frames that end at the first of some delimiters.
///
/// ```text
/// Delimited::new([b"\r\n"]):         | o n e | \r \n | t w o | \r \n |
///                                     payload trailer
/// Delimited::new([b"\r\n"]).keep():  | o n e   \r \n | t w o   \r \n |
/// ```
///
/// Syslog over TCP is framed so, with LF, CRLF or NUL (RFC 6587, section 3.4.2), and so is what
/// `find -print0` writes.
///
/// The earliest delimiter wins, then the longest: of `\r`, `\n` and `\r\n`, a `\r` at the end of a
/// chunk waits for the next byte, or for the end of the stream. An unterminated last frame is
/// [`Truncated`](crate::DecodeErrorKind::Truncated).
///
/// The encoder writes the first delimiter that no other one begins with, and refuses a payload in
/// which a delimiter would be found earlier than at its end.
///
/// ```
/// use framing::{Decoder, Delimited, EncodeError, Encoder};
///
/// let mut chunk: &[u8] = b"one\r\ntwo\r\n";
/// let framing = Delimited::new([b"\r\n"])?;
/// let mut decoder = Decoder::new(framing.clone());
/// let one = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((&*one.payload(), one.trailer()), (&b"one"[..], &b"\r\n"[..]));
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"two");
///
/// let mut chunk: &[u8] = b"one\r\ntwo\r\n";
/// let mut keeps = Decoder::new(framing.clone().keep());
/// assert_eq!(&*keeps.next(&mut chunk)?.unwrap().payload(), b"one\r\n");
///
/// let mut wire = Vec::new();
/// let encoder = Encoder::new(framing);
/// encoder.append(&[], &[b"three"], &mut wire)?;
/// assert_eq!(wire, b"three\r\n");
/// let refused = encoder.append(&[], &[b"fo\r", b"\nur"], &mut wire);
/// assert_eq!(refused, Err(EncodeError::Delimiter { at: 2 }), "also across two parts");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delimited {
    /// The longest first.
    delimiters: Box<[Box<[u8]>]>,
    /// Which one is written.
    written: usize,
    /// The distinct first bytes.
    firsts: Firsts,
    /// Whether a first byte is all of its delimiter.
    single: bool,
    keep: Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Payload,
    Delimiter,
}

/// What stands at one place of the stream.
enum Match {
    Nothing,
    /// More bytes decide.
    Open,
    /// A delimiter of so many bytes.
    Delimiter(usize),
}

impl Delimited {
    /// Ends frames at any of `delimiters`.
    ///
    /// ```text
    /// Delimited::new([";;", "\0"]):        | o n e | ; ; | t w o | \0 |
    /// Delimited::new(["\r", "\n", "\r\n"]):  | a | \n | b | \r \n | c | \r | d ...
    /// ```
    ///
    /// ```
    /// # use framing::{BuildError, Decoder, Delimited};
    /// let mut chunk: &[u8] = b"one;;two\0";
    /// let mut decoder = Decoder::new(Delimited::new([";;", "\0"])?);
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"one");
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"two");
    ///
    /// let mut chunk: &[u8] = b"a\nb\r\nc\r";
    /// let mut decoder = Decoder::new(Delimited::new(["\r", "\n", "\r\n"])?);
    /// assert_eq!(decoder.next(&mut chunk)?.unwrap().trailer(), b"\n");
    /// assert_eq!(decoder.next(&mut chunk)?.unwrap().trailer(), b"\r\n");
    /// assert!(decoder.next(&mut chunk)?.is_none(), "an LF could follow");
    /// assert_eq!(decoder.next(&mut &b"d"[..])?.unwrap().trailer(), b"\r");
    ///
    /// assert_eq!(Delimited::new(["ab", "abcd"]), Err(BuildError::LookAhead));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// None may be empty, and none may hold another one that ends two or more bytes before its own
    /// end: to tell which of the two is there would take more than one byte behind the frame, and
    /// what is behind a frame must stay with the caller.
    pub fn new<D: AsRef<[u8]>>(
        delimiters: impl IntoIterator<Item = D>,
    ) -> Result<Self, BuildError> {
        let given: Vec<Box<[u8]>> = delimiters.into_iter().map(|d| d.as_ref().into()).collect();
        if given.is_empty() || given.iter().any(|delimiter| delimiter.is_empty()) {
            return Err(BuildError::EmptyDelimiter);
        }
        if given.iter().any(|long| given.iter().any(|short| looks_ahead(long, short))) {
            return Err(BuildError::LookAhead);
        }
        let extended = |short: &[u8]| {
            given.iter().any(|long| long.len() > short.len() && long.starts_with(short))
        };
        // The longest of all is never extended.
        let written = given.iter().find(|delimiter| !extended(delimiter)).cloned();
        let mut delimiters = given;
        delimiters.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        delimiters.dedup();
        let position = delimiters.iter().position(|delimiter| Some(delimiter) == written.as_ref());
        let firsts = Firsts::new(delimiters.iter().filter_map(|d| d.first().copied()).collect());
        Ok(Self {
            single: delimiters.iter().all(|delimiter| delimiter.len() == 1),
            delimiters: delimiters.into(),
            written: position.unwrap_or(0),
            firsts,
            keep: Keep::Payload,
        })
    }

    /// The delimiter is a part of the payload, and the encoder takes payloads that end with one.
    ///
    /// ```text
    /// Delimited::new([";"]):         | a | ; | b | ; |
    /// Delimited::new([";"]).keep():  | a   ; | b   ; |
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, Delimited, EncodeError, Encoder};
    /// let framing = Delimited::new([";"])?.keep();
    /// let mut decoder = Decoder::new(framing.clone());
    /// assert_eq!(&*decoder.next(&mut &b"a;b;"[..])?.unwrap().payload(), b"a;");
    ///
    /// let mut wire = Vec::new();
    /// let encoder = Encoder::new(framing);
    /// encoder.append(&[], &[b"a;"], &mut wire)?;
    /// assert_eq!(wire, b"a;");
    /// assert_eq!(encoder.append(&[], &[b"b"], &mut wire), Err(EncodeError::NoDelimiter));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keep(mut self) -> Self {
        self.keep = Keep::Delimiter;
        self
    }

    pub(crate) fn keeps(&self) -> bool {
        self.keep == Keep::Delimiter
    }

    /// All delimiters, the one that is written first.
    pub(crate) fn written_first(&self) -> impl Iterator<Item = &[u8]> {
        let others = self.delimiters.iter().enumerate().filter(|(at, _)| *at != self.written);
        [self.ending()].into_iter().chain(others.map(|(_, delimiter)| &**delimiter))
    }

    /// The delimiter that is written.
    fn ending(&self) -> &[u8] {
        self.delimiters.get(self.written).map_or(&[], |delimiter| delimiter)
    }

    fn at(&self, rest: &[u8], eof: bool) -> Match {
        for delimiter in &self.delimiters {
            if rest.starts_with(delimiter) {
                return Match::Delimiter(delimiter.len());
            }
            if !eof && delimiter.starts_with(rest) {
                return Match::Open;
            }
        }
        Match::Nothing
    }
}

/// The bytes that delimiters begin with, as they are searched for.
#[derive(Clone, PartialEq, Eq)]
enum Firsts {
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
    /// Whether a byte is one of them.
    Many(Box<[bool; 256]>),
}

impl Framing for Delimited {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        match self.find(seen, from, eof) {
            Ok(delimiter) => {
                let keeps = self.keep == Keep::Delimiter;
                let end = if keeps { delimiter.end } else { delimiter.start };
                Ok(Scan::Until { payload: 0..end, total: delimiter.end })
            }
            Err(safe) => Ok(Scan::Open { head: 0, safe }),
        }
    }

    /// Where frames come byte by byte, to search each byte would take most of the time.
    #[inline]
    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        match seen {
            &[byte] if !self.firsts.contain(byte) => Ok(Scan::Open { head: 0, safe: 1 }),
            _ => self.scan(seen, 0, eof),
        }
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        let ending = if self.keep == Keep::Delimiter { &[][..] } else { self.ending() };
        let end = payload_length(payload);
        let found = self.first(payload.iter().copied().chain([ending]));
        match (self.keep, found) {
            (Keep::Payload, Some(found)) if found.start == end => {}
            (Keep::Delimiter, Some(found)) if found.end == end => {}
            (Keep::Delimiter, None) => return Err(EncodeError::NoDelimiter),
            (_, found) => {
                let at = found.map_or(end, |found| found.start);
                return Err(EncodeError::Delimiter { at });
            }
        }
        Ok(Enclosure { trailer: Trailer::Delimiter(ending), ..Enclosure::default() })
    }
}

impl Delimited {
    /// Where the first delimiter lies in bytes that come in parts; none also where a longer one
    /// might begin earlier, were there more bytes.
    fn first<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> Option<Range<u64>> {
        let longest = self.delimiters.first().map_or(0, |delimiter| delimiter.len());
        let mut held: Vec<u8> = Vec::new();
        let mut before = 0_u64;
        for part in parts {
            let mut from = 0;
            if !held.is_empty() {
                let border = held.len();
                held.extend(part.iter().take(longest));
                match self.find(&held, 0, false) {
                    Ok(found) => return Some(shifted(&found, before)),
                    Err(safe) if safe < border => {
                        held.drain(..safe);
                        before = before.saturating_add(safe as u64);
                        continue;
                    }
                    Err(safe) => {
                        from = safe.saturating_sub(border);
                        before = before.saturating_add(border as u64);
                    }
                }
            }
            match self.find(part, from, false) {
                Ok(found) => return Some(shifted(&found, before)),
                Err(safe) => {
                    held = part.get(safe..).unwrap_or_default().to_vec();
                    before = before.saturating_add(safe as u64);
                }
            }
        }
        None
    }

    /// The first delimiter at or after `from`, or up to where there is surely none.
    fn find(&self, bytes: &[u8], mut from: usize, eof: bool) -> Result<Range<usize>, usize> {
        while let Some(at) = self.firsts.find(bytes, from) {
            if self.single {
                return Ok(at..at.saturating_add(1));
            }
            match self.at(bytes.get(at..).unwrap_or_default(), eof) {
                Match::Nothing => from = at.saturating_add(1),
                Match::Open => return Err(at),
                Match::Delimiter(length) => return Ok(at..at.saturating_add(length)),
            }
        }
        Err(bytes.len())
    }
}

impl Firsts {
    fn new(mut bytes: Vec<u8>) -> Self {
        bytes.sort_unstable();
        bytes.dedup();
        match *bytes {
            [a] => Self::One(a),
            [a, b] => Self::Two(a, b),
            [a, b, c] => Self::Three(a, b, c),
            ref many => {
                let mut table = Box::new([false; 256]);
                table.iter_mut().zip(0..=u8::MAX).for_each(|(is, byte)| *is = many.contains(&byte));
                Self::Many(table)
            }
        }
    }

    #[inline]
    fn contain(&self, byte: u8) -> bool {
        match self {
            &Self::One(a) => byte == a,
            &Self::Two(a, b) => byte == a || byte == b,
            &Self::Three(a, b, c) => byte == a || byte == b || byte == c,
            Self::Many(table) => table.get(usize::from(byte)) == Some(&true),
        }
    }

    /// The next place at or after `from` where one of them is.
    #[inline]
    fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let rest = bytes.get(from..)?;
        let found = match self {
            Self::One(a) => memchr(*a, rest),
            Self::Two(a, b) => memchr2(*a, *b, rest),
            Self::Three(a, b, c) => memchr3(*a, *b, *c, rest),
            // Searched for one by one, each byte would cost as many tests as there are.
            Self::Many(table) => {
                rest.iter().position(|&byte| table.get(usize::from(byte)) == Some(&true))
            }
        };
        found?.checked_add(from)
    }
}

impl fmt::Debug for Firsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(_) | Self::Two(..) | Self::Three(..) => "searched for at once",
            Self::Many(_) => "looked up",
        })
    }
}

fn shifted(range: &Range<usize>, by: u64) -> Range<u64> {
    by.saturating_add(range.start as u64)..by.saturating_add(range.end as u64)
}

/// Whether `short`, found within what may be `long`, can be decided only two or more bytes later.
fn looks_ahead(long: &[u8], short: &[u8]) -> bool {
    let starts = long.len().saturating_sub(short.len());
    // One that ends with the other, or a byte before that, is decided in time.
    (0..starts.saturating_sub(1))
        .any(|at| long.get(at..).is_some_and(|rest| rest.starts_with(short)))
}
