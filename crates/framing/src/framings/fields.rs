//! Header fields as HTTP and its relatives write them: `name: value` lines that end with CRLF.

use memchr::memchr2;

/// A fault and the offset of its byte.
pub(super) type Fault = (usize, &'static str);

/// A line of a block, without its ending.
pub(super) struct Line<'b> {
    /// Where it begins in the block.
    pub(super) offset: usize,
    text: &'b [u8],
    /// What is wrong behind the text, or with its last byte.
    fault: Option<Fault>,
}

/// The lines of a block that ends with CRLF, up to the first that ends otherwise.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0_usize;
    core::iter::from_fn(move || {
        let rest = block.get(start..).filter(|rest| !rest.is_empty())?;
        let offset = start;
        start = block.len();
        let at = memchr2(b'\r', b'\n', rest);
        let Some((text, ending)) = at.and_then(|at| rest.split_at_checked(at)) else {
            let last = block.len().saturating_sub(1);
            let fault = Some((last, "a line does not end with CRLF"));
            return Some(Line { offset, text: rest, fault });
        };
        let end = offset.saturating_add(text.len());
        if !ending.starts_with(b"\r\n") {
            let fault = Some((end, "a line has a CR or LF that is not a part of CRLF"));
            return Some(Line { offset, text, fault });
        }
        start = end.saturating_add(2);
        Some(Line { offset, text, fault: None })
    })
}

impl<'b> Line<'b> {
    /// As a line that may hold anything.
    pub(super) fn text(self) -> Result<&'b [u8], Fault> {
        self.fault.map_or(Ok(self.text), Err)
    }

    /// As a field's name and value. Of two faults it is the first.
    pub(super) fn field(self) -> Result<(&'b [u8], &'b [u8]), Fault> {
        let within = |(at, reason): Fault| (self.offset.saturating_add(at), reason);
        match (field(self.text).map_err(within), self.fault) {
            (Err(inner), Some(fault)) if inner.0 < fault.0 => Err(inner),
            (_, Some(fault)) => Err(fault),
            (field, None) => field,
        }
    }
}

/// A field's name and value, the blanks around the value dropped (RFC 9110, section 5).
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let name = line.iter().take_while(|&&byte| is_token(byte)).count();
    if name == 0 {
        return Err((0, "a header line does not begin with a field name"));
    }
    match line.split_at_checked(name) {
        Some((name, [b':', value @ ..])) => {
            match value.iter().position(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7F) {
                Some(at) => Err((
                    name.len().saturating_add(1).saturating_add(at),
                    "a header value holds a control character",
                )),
                None => Ok((name, value.trim_ascii())),
            }
        }
        _ => Err((name, "a field name is not followed by a colon")),
    }
}

/// What a name may be made of (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
