//! [`Digest`]: what tells one content from another.

use core::fmt::{self, Write as _};
use core::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// The digest of a file or of its beginning: the name of its kind, a colon, and hexadecimal digits in lower
/// case on the wire.
///
/// The machines carry it, the applications compute it.
///
/// ```
/// use framing_protocol::message::{Digest, DigestKind};
///
/// let digest: Digest = "md5:d41d8cd98f00b204e9800998ecf8427e".parse()?;
/// assert_eq!(digest.kind(), DigestKind::Md5);
/// assert_eq!(digest.to_string(), "md5:d41d8cd98f00b204e9800998ecf8427e");
/// # Ok::<(), framing_protocol::message::BadDigest>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// BLAKE3, 32 bytes.
    Blake3([u8; 32]),
    /// SHA-256 (FIPS 180-4), 32 bytes.
    Sha256([u8; 32]),
    /// MD5 (RFC 1321), 16 bytes: tells accidents, and no forgeries.
    Md5([u8; 16]),
}

/// A kind of [`Digest`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DigestKind {
    /// `blake3`.
    #[default]
    Blake3,
    /// `sha256`.
    Sha256,
    /// `md5`.
    Md5,
}

/// What is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is blake3:, sha256: or md5:, and hexadecimal digits in lower case")]
pub struct BadDigest;

impl Digest {
    /// Which kind it is.
    pub fn kind(&self) -> DigestKind {
        match self {
            Self::Blake3(_) => DigestKind::Blake3,
            Self::Sha256(_) => DigestKind::Sha256,
            Self::Md5(_) => DigestKind::Md5,
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Blake3(bytes) | Self::Sha256(bytes) => bytes,
            Self::Md5(bytes) => bytes,
        }
    }
}

impl DigestKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind().as_str())?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Self, BadDigest> {
        match text.split_once(':').ok_or(BadDigest)? {
            ("blake3", digits) => bytes(digits).map(Self::Blake3),
            ("sha256", digits) => bytes(digits).map(Self::Sha256),
            ("md5", digits) => bytes(digits).map(Self::Md5),
            _ => Err(BadDigest),
        }
    }
}

fn bytes<const N: usize>(digits: &str) -> Result<[u8; N], BadDigest> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return Err(BadDigest) };
    let mut bytes = [0; N];
    if pairs.len() != bytes.len() {
        return Err(BadDigest);
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> Result<u8, BadDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(BadDigest),
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
