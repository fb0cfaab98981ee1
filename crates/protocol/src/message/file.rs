//! What `get` and `list` answer with.

use core::fmt::{self, Write as _};
use core::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::{Text, word};
use crate::header::{self, HeaderError};

/// A file about to be sent: the fields of `file` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `filename` | [`Text`] | the last part of the path; a client takes no more than a hint from it |
/// | `total_size` | integer | bytes; the `data` messages that follow carry exactly so many |
/// | `modified` | integer, may be absent | seconds since 1970-01-01T00:00:00Z, may be negative |
/// | `mode` | integer, may be absent | permission bits, as `0o644` = 420 |
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct File {
    /// The last part of the path.
    pub filename: Text,
    /// Bytes that will follow.
    pub total_size: u64,
    /// When it was last modified, in seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Its permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// One line in the body of `entries`: a JSON object, ended by LF.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `name` | [`Text`] | the name without its directory |
/// | `kind` | `"file"`, `"directory"`, `"symlink"`, `"other"` | what it is |
/// | `size` | integer | bytes, 0 where that means nothing |
/// | `modified` | integer, may be absent | seconds since 1970-01-01T00:00:00Z, may be negative |
///
/// ```
/// use framing_protocol::message::{Entry, EntryKind};
///
/// let body = b"{\"name\":\"a.txt\",\"kind\":\"file\",\"size\":3}\n";
/// let entries: Vec<Entry> = Entry::lines(body).collect::<Result<_, _>>().unwrap();
/// assert_eq!(entries[0].kind, EntryKind::File);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// The name without its directory.
    pub name: Text,
    /// What it is.
    #[serde(deserialize_with = "word")]
    pub kind: EntryKind,
    /// Bytes, 0 where that means nothing.
    pub size: u64,
    /// When it was last modified, in seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
}

impl Entry {
    /// Reads the body of one `entries` message, line by line, as strictly as a header.
    pub fn lines(body: &[u8]) -> impl Iterator<Item = Result<Self, HeaderError>> {
        body.split_inclusive(|byte| *byte == b'\n').map(header::object)
    }
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, not followed.
    Symlink,
    /// A device, a FIFO, a socket, or what this version does not know.
    #[serde(other)]
    Other,
}

/// The digest of a whole file: `"blake3:"` and 64 hexadecimal digits in lower case on the wire.
///
/// The machines carry it, the applications compute it.
///
/// ```
/// use framing_protocol::message::Digest;
///
/// let digest = Digest::Blake3([0xab; 32]);
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// BLAKE3, 32 bytes.
    Blake3([u8; 32]),
}

/// A digest of another shape than `blake3:` and 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is blake3: and 64 hexadecimal digits in lower case")]
pub struct BadDigest;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Blake3(bytes) = self;
        f.write_str(BLAKE3)?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let digits = text.strip_prefix(BLAKE3).ok_or(BadDigest)?.as_bytes();
        let (pairs, []) = digits.as_chunks::<2>() else { return Err(BadDigest) };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return Err(BadDigest);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Ok(Self::Blake3(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        write!(text, "{self}").map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

fn nibble(digit: u8) -> Result<u8, BadDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(BadDigest),
    }
}

const BLAKE3: &str = "blake3:";
