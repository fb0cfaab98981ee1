//! Header fields as HTTP and its relatives write them: `name: value` lines that end with CRLF.

use memchr::memchr2;

/// A fault and the offset of its byte.
pub(super) type Fault = (usize, &'static str);

/// The lines of a block that ends with CRLF, each with its offset and without its ending.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = Result<(usize, &[u8]), Fault>> {
    let mut start = 0_usize;
    core::iter::from_fn(move || {
        let rest = block.get(start..).filter(|rest| !rest.is_empty())?;
        let at = memchr2(b'\r', b'\n', rest);
        let Some((line, ending)) = at.and_then(|at| rest.split_at_checked(at)) else {
            start = block.len();
            return Some(Err((block.len().saturating_sub(1), "a line does not end with CRLF")));
        };
        let offset = start;
        let end = start.saturating_add(line.len());
        if !ending.starts_with(b"\r\n") {
            start = block.len();
            return Some(Err((end, "a line has a CR or LF that is not a part of CRLF")));
        }
        start = end.saturating_add(2);
        Some(Ok((offset, line)))
    })
}

/// A field's name and value, the blanks around the value dropped (RFC 9110, section 5).
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
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
