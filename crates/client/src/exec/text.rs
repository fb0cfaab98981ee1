//! Bytes that are mostly UTF-8, in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// Output as JSON has it: the field `text` where it is UTF-8, and `base64` (RFC 4648 section 4, padded)
/// where it is not.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Content<'a> {
    Text(&'a str),
    Base64(String),
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

/// How many bytes at the end are the beginning of a character: at most 3.
pub(super) fn unfinished(bytes: &[u8]) -> usize {
    let begins = |length: &usize| {
        let tail = bytes.len().checked_sub(*length).and_then(|start| bytes.get(start..));
        let error = tail.and_then(|tail| std::str::from_utf8(tail).err());
        error.is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=3).find(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_character_is_seen_and_nothing_else() {
        for (bytes, expected) in [
            (&b""[..], 0),
            (b"a", 0),
            ("a中".as_bytes(), 0),
            (b"a\xe4", 1),
            (b"a\xe4\xb8", 2),
            (b"\xf0\x9f\x98", 3),
            (b"\xff", 0),
            (b"\x80", 0),
            (b"\xc0\x80\x80", 0),
            // No character begins like that: nothing that comes could make it one.
            (b"\xe0\x80", 0),
        ] {
            assert_eq!(unfinished(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn text_is_text_and_all_else_base64() {
        let json = |bytes: &[u8]| serde_json::to_string(&Content::from(bytes)).unwrap();
        assert_eq!(json("粘\n".as_bytes()), r#"{"text":"粘\n"}"#);
        assert_eq!(json(b"\xff"), r#"{"base64":"/w=="}"#);
    }
}
