//! Lines: bytes up to a line ending.

use memchr::{memchr, memchr2};

use crate::{Enclosure, EncodeError, Framing, Malformed, Scan, Trailer};

/// Frames that are lines; the ending is the frame's trailer and no part of the payload.
///
/// | | ends at | `a\r\n` gives | a CR elsewhere | a bare LF | writes |
/// |---|---|---|---|---|---|
/// | [`lf`](Self::lf) | LF | `a\r` | payload | the ending | LF |
/// | [`lenient`](Self::lenient) | LF or CRLF | `a` | payload | the ending | LF |
/// | [`crlf`](Self::crlf) | CRLF | `a` | malformed | malformed | CRLF |
///
/// ```text
/// lf():       | a \r | \n | b | \n |
/// lenient():  | a | \r \n | b | \n |
/// crlf():     | a | \r \n | b | \r \n |
/// ```
///
/// For text from anywhere take `lenient`; `lf` gives back every byte but the LF, as lines are
/// defined by POSIX.1-2017, section 3.206.
///
/// The strict form is the one for protocols (RFC 5321, section 2.3.8: CR and LF must not occur but
/// together): where two peers disagree about what ends a line, one can smuggle a message past the
/// other.
///
/// ```
/// use framing::{Decoder, Lines};
///
/// let mut chunk: &[u8] = b"GET\r\n\r\n";
/// let mut decoder = Decoder::new(Lines::lenient());
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"GET");
/// let empty = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((&*empty.payload(), empty.trailer()), (&b""[..], &b"\r\n"[..]));
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    ending: Ending,
    unterminated: Unterminated,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// LF; a CR is payload.
    Lf,
    /// LF or CRLF. LF is written.
    Lenient,
    /// CRLF; any other CR or LF is malformed.
    Crlf,
}

/// What an end of the stream after a line without an ending means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unterminated {
    /// It is the last line. Text files end like that, and so does a cut connection.
    Accept,
    /// The stream was [`Truncated`](crate::DecodeErrorKind::Truncated).
    Refuse,
}

impl Lines {
    /// Lines that end with LF; an unterminated last line is accepted.
    ///
    /// ```
    /// # use framing::{Decoder, Lines};
    /// let mut chunk: &[u8] = b"a\r\nb\n";
    /// let mut decoder = Decoder::new(Lines::lf());
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"a\r");
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"b");
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub const fn lf() -> Self {
        Self { ending: Ending::Lf, unterminated: Unterminated::Accept }
    }

    /// Lines that end with LF or CRLF; an unterminated last line is accepted. LF is written, so the
    /// encoder refuses a payload that ends with CR.
    ///
    /// ```
    /// # use framing::{Decoder, EncodeError, Encoder, Lines};
    /// let mut chunk: &[u8] = b"a\r\nb\n";
    /// let mut decoder = Decoder::new(Lines::lenient());
    /// assert_eq!(decoder.next(&mut chunk)?.unwrap().trailer(), b"\r\n");
    /// assert_eq!(decoder.next(&mut chunk)?.unwrap().trailer(), b"\n");
    ///
    /// let mut wire = Vec::new();
    /// let encoder = Encoder::new(Lines::lenient());
    /// encoder.append(&[], &[b"a"], &mut wire)?;
    /// assert_eq!(wire, b"a\n");
    /// let refused = encoder.append(&[], &[b"a\r"], &mut wire);
    /// assert_eq!(refused, Err(EncodeError::Delimiter { at: 1 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn lenient() -> Self {
        Self { ending: Ending::Lenient, unterminated: Unterminated::Accept }
    }

    /// Lines that end with CRLF and hold neither; an unterminated last line is refused.
    ///
    /// ```
    /// # use framing::{Decoder, Lines};
    /// let mut chunk: &[u8] = b"a\r\nb\r\n";
    /// let mut decoder = Decoder::new(Lines::crlf());
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"a");
    /// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"b");
    /// assert_eq!(decoder.next(&mut &b"c\nd\r\n"[..]).unwrap_err().offset(), 6 + 1, "a bare LF");
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    pub const fn crlf() -> Self {
        Self { ending: Ending::Crlf, unterminated: Unterminated::Refuse }
    }

    /// Chooses what an unterminated last line means.
    ///
    /// ```text
    /// Unterminated::Accept:  | a | \n | b |          the end of the stream ends a line
    /// Unterminated::Refuse:  | a | \n | b ...        Truncated
    /// ```
    ///
    /// ```
    /// # use framing::{DecodeErrorKind, Decoder, Lines, Unterminated};
    /// let mut accepts = Decoder::new(Lines::lf());
    /// let mut chunk: &[u8] = b"a\nb";
    /// assert_eq!(&*accepts.next(&mut chunk)?.unwrap().payload(), b"a");
    /// assert!(accepts.next(&mut chunk)?.is_none());
    /// assert_eq!(&*accepts.finish()?.unwrap().payload(), b"b");
    ///
    /// let mut refuses = Decoder::new(Lines::lf().unterminated(Unterminated::Refuse));
    /// let mut chunk: &[u8] = b"a\nb";
    /// while refuses.next(&mut chunk)?.is_some() {}
    /// let error = refuses.finish().unwrap_err();
    /// assert_eq!(error.kind(), DecodeErrorKind::Truncated { received: 1 });
    /// # Ok::<(), framing::DecodeError>(())
    /// ```
    #[must_use]
    pub const fn unterminated(mut self, policy: Unterminated) -> Self {
        self.unterminated = policy;
        self
    }

    /// What ends a line.
    ///
    /// ```
    /// # use framing::{Ending, Lines};
    /// assert_eq!(Lines::crlf().ending(), Ending::Crlf);
    /// ```
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// The bytes up to `safe` hold no ending.
    fn open(self, seen: &[u8], safe: usize, eof: bool) -> Scan {
        if eof && self.unterminated == Unterminated::Accept {
            return Scan::Until { payload: 0..seen.len(), total: seen.len() };
        }
        Scan::Open { head: 0, safe }
    }

    fn scan_lf(self, seen: &[u8], from: usize, eof: bool) -> Scan {
        let found = seen.get(from..).and_then(|rest| memchr(b'\n', rest));
        let Some(at) = found.and_then(|at| at.checked_add(from)) else {
            let held_back = self.ending == Ending::Lenient && seen.ends_with(b"\r");
            return self.open(seen, seen.len().saturating_sub(held_back.into()), eof);
        };
        let cr = at.checked_sub(1).and_then(|before| seen.get(before)) == Some(&b'\r');
        let strip = usize::from(self.ending == Ending::Lenient && cr);
        Scan::Until { payload: 0..at.saturating_sub(strip), total: at.saturating_add(1) }
    }

    fn scan_crlf(self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        let found = seen.get(from..).and_then(|rest| memchr2(b'\r', b'\n', rest));
        let Some(at) = found.and_then(|at| at.checked_add(from)) else {
            return Ok(self.open(seen, seen.len(), eof));
        };
        let after = at.saturating_add(1);
        match (seen.get(at), seen.get(after)) {
            (Some(b'\r'), Some(b'\n')) => {
                Ok(Scan::Until { payload: 0..at, total: after.saturating_add(1) })
            }
            (Some(b'\r'), None) if !eof || self.unterminated == Unterminated::Refuse => {
                Ok(Scan::Open { head: 0, safe: at })
            }
            (Some(b'\r'), _) => Err(Malformed::after(0, at, at, "a CR without LF in a line")),
            _ => Err(Malformed::after(0, at, at, "an LF without CR in a line")),
        }
    }
}

impl Framing for Lines {
    #[inline]
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        match self.ending {
            Ending::Lf | Ending::Lenient => Ok(self.scan_lf(seen, from, eof)),
            Ending::Crlf => self.scan_crlf(seen, from, eof),
        }
    }

    /// Where lines come byte by byte, to search each byte would take most of the time.
    #[inline]
    fn resume(&self, seen: &[u8], eof: bool) -> Result<Scan, Malformed> {
        match seen {
            // No ending has a byte above CR.
            &[byte] if byte > b'\r' && !eof => Ok(Scan::Open { head: 0, safe: 1 }),
            _ => self.scan(seen, 0, eof),
        }
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        let mut before = 0_u64;
        let mut last = None;
        for part in payload {
            let found = match self.ending {
                Ending::Lf | Ending::Lenient => memchr(b'\n', part),
                Ending::Crlf => memchr2(b'\r', b'\n', part),
            };
            if let Some(at) = found {
                return Err(EncodeError::Delimiter { at: before.saturating_add(at as u64) });
            }
            before = before.saturating_add(part.len() as u64);
            last = part.last().or(last);
        }
        // A lenient decoder would take a CR before the LF for half of the ending.
        if self.ending == Ending::Lenient && last == Some(&b'\r') {
            return Err(EncodeError::Delimiter { at: before.saturating_sub(1) });
        }
        let ending: &[u8] = if self.ending == Ending::Crlf { b"\r\n" } else { b"\n" };
        Ok(Enclosure { trailer: Trailer::Delimiter(ending), ..Enclosure::default() })
    }
}
