//! Bodies in chunks of known length, as HTTP/1.1 sends them.

use memchr::{memchr, memmem};

use super::fields::{Fault, lines};
use super::{number, payload_length};
use crate::{
    BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan, Trailer,
};

/// HTTP/1.1 chunked bodies (RFC 9112, section 7.1): a frame is a whole body, its chunks joined, or
/// handed out one after the other as events.
///
/// ```text
/// | 5 CRLF | h e l l o | CRLF | 3 ;ext=1 CRLF | y o u | CRLF | 0 CRLF Expires: x CRLF CRLF |
///   head      payload                           payload           dropped
/// ```
///
/// The frame's head is the first chunk's. Chunk extensions and the fields behind the last chunk are
/// checked, passed over, and bounded by the limit of the head; the number of chunks is bounded by
/// [`Limits::parts`](crate::Limits::parts). Read strictly: sizes are hexadecimal digits and nothing
/// else, lines end with CRLF.
///
/// ```
/// use framing::{Chunked, Decoder, Event};
///
/// let wire = b"5\r\nhello\r\n3;ext=1\r\nyou\r\n0\r\nExpires: x\r\n\r\n";
/// let mut chunk = &wire[..];
/// let mut decoder = Decoder::new(Chunked);
/// let frame = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((frame.head(), &*frame.payload()), (&b"5\r\n"[..], &b"helloyou"[..]));
///
/// // As events, nothing is joined and nothing is copied.
/// let mut chunk = &wire[..];
/// let mut pieces = Vec::new();
/// while let Some(event) = decoder.next_event(&mut chunk)? {
///     if let Event::Chunk(piece) = event {
///         pieces.push(piece.to_vec());
///     }
/// }
/// assert_eq!(pieces, [&b"hello"[..], b"you"]);
/// # Ok::<(), framing::DecodeError>(())
/// ```
///
/// The encoder writes a body as one chunk, and the empty body as the last chunk alone.
///
/// ```text
/// "hello":  | 5 CRLF | h e l l o | CRLF 0 CRLF CRLF |
/// "":       | 0 CRLF | CRLF |
/// ```
///
/// ```
/// # use framing::{Chunked, Encoder};
/// let mut wire = Vec::new();
/// Encoder::new(Chunked).append(&[], &[b"hello"], &mut wire)?;
/// Encoder::new(Chunked).append(&[], &[], &mut wire)?;
/// assert_eq!(wire, b"5\r\nhello\r\n0\r\n\r\n0\r\n\r\n");
/// # Ok::<(), framing::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunked;

impl Framing for Chunked {
    fn scan(&self, seen: &[u8], from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let need = |total: usize| Ok(Scan::Need { total: total.max(seen.len().saturating_add(1)) });
        let Some(lf) = memchr(b'\n', seen) else { return need(SHORTEST) };
        let head = lf.saturating_add(1);
        let line = seen.get(..head).unwrap_or_default();
        let size = size(line);
        let body = size.map_err(|(at, reason)| Malformed::at(at, reason).needing(head))?;
        if body > 0 {
            return Ok(Scan::Body { head, body, trailer: 2, more: true });
        }
        // The last line's ending is looked for together with the empty line behind it.
        let from = from.saturating_sub(3).max(lf.saturating_sub(1));
        let found = seen.get(from..).and_then(|rest| memmem::find(rest, b"\r\n\r\n"));
        let Some(end) = found.and_then(|at| at.checked_add(from)) else { return need(0) };
        let total = end.saturating_add(4);
        let section = seen.get(head..end.saturating_add(2)).unwrap_or_default();
        check_fields(section).map_err(|(at, reason)| {
            Malformed::at(head.saturating_add(at), reason).needing(total)
        })?;
        // What was searched for its end is head, and bounded as such.
        Ok(Scan::Body { head: total, body, trailer: 0, more: false })
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        if trailer.is_empty() || trailer == b"\r\n" {
            return Ok(());
        }
        let at = usize::from(trailer.starts_with(b"\r"));
        Err(Malformed::at(at, "a chunk does not end with CRLF where its size says"))
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if limits.head < SHORTEST + 2 || limits.trailer < 2 || limits.parts < 2 {
            return Err(BuildError::LimitsTooSmall { head: SHORTEST + 2, payload: 0 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        let length = payload_length(payload);
        let (digits, width) = number::<18>(length, 16, b"\r\n");
        let last: &[u8] = if length == 0 { b"\r\n" } else { b"\r\n0\r\n\r\n" };
        let trailer = Trailer::Delimiter(last);
        Ok(Enclosure { head: Inline::last(&digits, width), trailer, ..Enclosure::default() })
    }
}

/// The size in a chunk's first line, which ends with LF.
fn size(line: &[u8]) -> Result<u64, Fault> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 {
        return Err((0, "a chunk does not begin with its size in hexadecimal"));
    }
    if digits > DIGITS {
        return Err((DIGITS, "the size of a chunk has more than 64 bits"));
    }
    let (size, rest) = line.split_at_checked(digits).unwrap_or((line, &[]));
    match rest {
        b"\r\n" => {}
        [b';', extension @ ..] => {
            let control = |&byte: &u8| byte < b' ' && byte != b'\t' || byte == 0x7F;
            let at = extension.iter().position(control).unwrap_or(0);
            if extension.get(at..) != Some(b"\r\n") {
                let at = digits.saturating_add(1).saturating_add(at);
                return Err((at, "a chunk extension holds a control character"));
            }
        }
        _ => return Err((digits, "the size of a chunk is followed by neither CRLF nor ;")),
    }
    Ok(size.iter().fold(0, |sum, digit| {
        let digit = char::from(*digit).to_digit(16).unwrap_or(0);
        sum << 4 | u64::from(digit)
    }))
}

fn check_fields(section: &[u8]) -> Result<(), Fault> {
    lines(section).try_for_each(|line| line.field().map(drop))
}

/// The digits of the greatest number of 64 bits.
const DIGITS: usize = 16;

/// The shortest first line: a digit and CRLF.
const SHORTEST: usize = 3;
