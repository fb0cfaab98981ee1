//! A block of header lines, one of which tells the length, then the body: LSP, HTTP and relatives.

use memchr::memmem;

use super::fields::{Fault, lines};
use super::{number, payload_length};
use crate::{BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan};

/// Header lines up to an empty line, then as many bytes as `Content-Length` says.
///
/// ```text
/// | Content-Length: 5 CRLF CRLF | h e l l o |
///             head                 payload
/// ```
///
/// [`lsp`](Self::lsp) has header lines only (Language Server Protocol 3.17, "Base Protocol");
/// [`http`](Self::http) has a start line before them. Read strictly, for whatever two readers take
/// differently can smuggle a message past one of them: lines end with CRLF, the length is all
/// digits and stands there once, names have no blank before the colon, no line is folded, and
/// `Transfer-Encoding` is refused.
///
/// So does RFC 9112 (sections 5.1, 5.2, 6.3 and 11.2) ask of servers that want to be safe.
///
/// To encode, the prefix holds the other lines, each with its CRLF; the length is written last.
///
/// ```
/// use framing::{ContentLength, Decoder, Encoder};
///
/// let mut wire = Vec::new();
/// Encoder::new(ContentLength::lsp()).append(b"", &[b"hello"], &mut wire)?;
/// assert_eq!(wire, b"Content-Length: 5\r\n\r\nhello");
///
/// let mut chunk = &wire[..];
/// let mut decoder = Decoder::new(ContentLength::lsp());
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLength {
    first: First,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Field,
    StartLine,
}

impl ContentLength {
    /// Header lines only.
    ///
    /// ```text
    /// | Content-Type: x CRLF Content-Length: 2 CRLF CRLF | { } |
    ///                     head                           payload
    /// ```
    ///
    /// ```
    /// # use framing::{ContentLength, Decoder, Encoder};
    /// let mut wire = Vec::new();
    /// let encoder = Encoder::new(ContentLength::lsp());
    /// encoder.append(b"Content-Type: x\r\n", &[b"{}"], &mut wire)?;
    /// assert_eq!(wire, b"Content-Type: x\r\nContent-Length: 2\r\n\r\n{}");
    ///
    /// let mut decoder = Decoder::new(ContentLength::lsp());
    /// for refused in ["Content-Length: 2x", "Content-Length: +2", "Content-Length : 2", "X: y"] {
    ///     let wire = [refused.as_bytes(), b"\r\n\r\n"].concat();
    ///     assert!(decoder.next(&mut &wire[..]).is_err());
    ///     decoder.reset();
    /// }
    /// # Ok::<(), framing::EncodeError>(())
    /// ```
    pub const fn lsp() -> Self {
        Self { first: First::Field }
    }

    /// A start line (a request line or a status line, which is not looked at), then header lines.
    ///
    /// A message without a `Content-Length` is malformed here. Where such ones are expected, take the
    /// head as a frame of [`Delimited`](crate::Delimited) by an empty line, and for a body in chunks
    /// go on with [`Chunked`](crate::Chunked).
    ///
    /// ```text
    /// | POST / HTTP/1.1 CRLF Host: a CRLF Content-Length: 2 CRLF CRLF | h i |
    ///                            head                                 payload
    /// ```
    ///
    /// ```
    /// # use framing::{ContentLength, Decoder, Encoder};
    /// let mut wire = Vec::new();
    /// let encoder = Encoder::new(ContentLength::http());
    /// encoder.append(b"POST / HTTP/1.1\r\nHost: a\r\n", &[b"hi"], &mut wire)?;
    /// assert_eq!(wire, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    ///
    /// let mut decoder = Decoder::new(ContentLength::http());
    /// let mut chunk = &wire[..];
    /// let frame = decoder.next(&mut chunk)?.unwrap();
    /// assert!(frame.head().starts_with(b"POST / HTTP/1.1\r\n"));
    /// assert_eq!(&*frame.payload(), b"hi");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn http() -> Self {
        Self { first: First::StartLine }
    }

    /// Reads a block of lines, of which each ends with CRLF; gives the length if it is there.
    fn length(self, block: &[u8]) -> Result<Option<u64>, Fault> {
        let mut length = None;
        let mut first = self.first;
        for line in lines(block) {
            let offset = line.offset;
            if core::mem::replace(&mut first, First::Field) == First::StartLine {
                if line.text()?.is_empty() {
                    return Err((offset, "the start line is empty"));
                }
                continue;
            }
            let (name, value) = line.field()?;
            if name.eq_ignore_ascii_case(b"transfer-encoding") {
                return Err((offset, "a message with a length has a Transfer-Encoding too"));
            }
            if name.eq_ignore_ascii_case(b"content-length") {
                if length.is_some() {
                    return Err((offset, "the Content-Length stands there twice"));
                }
                length = Some(digits(value).ok_or((offset, "the Content-Length is no number"))?);
            }
        }
        Ok(length)
    }
}

impl Framing for ContentLength {
    fn scan(&self, seen: &[u8], from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let from = from.saturating_sub(END.len().saturating_sub(1));
        let found = seen.get(from..).and_then(|rest| memmem::find(rest, END));
        let Some(last) = found.and_then(|at| at.checked_add(from)) else {
            return Ok(Scan::Need { total: seen.len().saturating_add(1).max(SHORTEST) });
        };
        let head = last.saturating_add(END.len());
        // The last line's own CRLF is the first half of what was found.
        let block = seen.get(..last.saturating_add(2)).unwrap_or_default();
        let missing = (last, "the Content-Length is missing");
        let body = self.length(block).and_then(|length| length.ok_or(missing));
        let body = body.map_err(|(at, reason)| Malformed::at(at, reason).needing(head))?;
        Ok(Scan::Body { head, body, trailer: 0, more: false })
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        let head = NAME.len().saturating_add(1).saturating_add(END.len());
        if limits.head < head {
            return Err(BuildError::LimitsTooSmall { head, payload: 0 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let other = self.length(prefix).map_err(|(at, _)| EncodeError::Field { at })?;
        if other.is_some() || (self.first == First::StartLine && prefix.is_empty()) {
            return Err(EncodeError::Field { at: 0 });
        }
        let (digits, width) = number::<24>(payload_length(payload), 10, END);
        let mut head = [0; 40];
        let (name, value) = head.split_at_mut(NAME.len());
        name.copy_from_slice(NAME);
        let from = digits.iter().skip(digits.len().saturating_sub(width));
        value.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        let length = NAME.len().saturating_add(width);
        let head = Inline::first(&head, length);
        Ok(Enclosure { head, split: prefix.len(), ..Enclosure::default() })
    }
}

/// A number without sign or blanks. What does not fit is past every limit.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(sum.saturating_mul(10).saturating_add(digit.into()))
    })
}

const NAME: &[u8; 16] = b"Content-Length: ";

/// The last line's ending and the empty line.
const END: &[u8; 4] = b"\r\n\r\n";

/// `Content-Length:0`, the last line's ending and the empty line.
const SHORTEST: usize = 20;
