//! [`Text`]: names and arguments that need not be UTF-8, and the escaping of what peers wrote.

use core::fmt::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A path, an argv element, an environment value or a file name: bytes that are mostly UTF-8.
///
/// On the wire it is a JSON string, or `{"b64": "..."}` (RFC 4648 section 4, padded) when the bytes
/// are not UTF-8. No other shape is accepted. A NUL byte is a value like any other here; the server
/// refuses it where the system could not take it.
///
/// `Display` is safe for a terminal: what could move the cursor or reorder the line is escaped.
///
/// ```
/// use framing_protocol::message::Text;
///
/// let name = Text::from("caf\u{e9}\u{1b}[2J");
/// assert_eq!(name.to_string(), "caf\u{e9}\\u{1b}[2J");
/// assert_eq!(Text::from(vec![b'a', 0xff]).to_string(), "a\\xff");
/// assert_eq!(serde_json::to_string(&Text::from(vec![0xff])).unwrap(), r#"{"b64":"/w=="}"#);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes as they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if the bytes are UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }

    /// Gives the bytes away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text(\"{}\")", Escaped(&self.0))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.as_str() {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("b64", &STANDARD.encode(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or {\"b64\": string}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::from(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((key, value)) if key == "b64" => {
                if map.next_key::<de::IgnoredAny>()?.is_some() {
                    return Err(de::Error::custom("b64 stands alone in its object"));
                }
                STANDARD.decode(value).map(Text).map_err(de::Error::custom)
            }
            _ => Err(de::Error::custom("expected the key b64")),
        }
    }
}

/// Shows bytes that a peer wrote so that a terminal can be trusted with them: control characters,
/// invisible and reordering ones as `\u{..}`, bytes that are not UTF-8 as `\x..`.
///
/// ```
/// use framing_protocol::message::Escaped;
///
/// assert_eq!(Escaped(b"a\r\x1b]0;b\x07").to_string(), r"a\u{d}\u{1b}]0;b\u{7}");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_treacherous(c) {
                    write!(f, "{}", c.escape_unicode())?;
                } else {
                    f.write_char(c)?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Control characters, and the format characters that hide or reorder their neighbours.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}
