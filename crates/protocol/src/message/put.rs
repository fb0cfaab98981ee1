//! What `put` brings, and what `ready` says to it.

use serde::{Deserialize, Serialize};

use super::file::{is_default, is_zero};
use super::{Digest, DigestKind, Text, word};

/// A file to be stored: the fields of `put` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `path` | [`Text`] | what it will be, from the root on |
/// | `size` | integer, may be absent | how many bytes it has; absent where that is not known, as of a pipe |
/// | `digest` | `"blake3"` (default), `"sha256"`, `"md5"` | which digest of the whole file is to follow it |
/// | `resume` | boolean, absent for `false` | whether to go on with what the server holds of an earlier try. Needs a `size`, and a digest other than MD5 |
/// | `overwrite` | boolean, absent for `false` | whether it may take the place of a file of that name |
/// | `parents` | boolean, absent for `false` | whether to make the directories of `path` that are missing |
/// | `modified` | integer, may be absent | when it was last modified, in seconds since 1970-01-01T00:00:00Z, may be negative |
/// | `mode` | integer, may be absent | permission bits, as `0o644` = 420 |
///
/// ```
/// use framing_protocol::message::Put;
///
/// let put = Put { size: Some(3), ..Put::new("notes/today.txt".into()) };
/// assert_eq!(serde_json::to_string(&put).unwrap(), r#"{"path":"notes/today.txt","size":3}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PutFields")]
pub struct Put {
    /// What it will be, from the root on.
    pub path: Text,
    /// How many bytes it has, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Which digest of the whole file is to follow it.
    #[serde(skip_serializing_if = "is_default")]
    pub digest: DigestKind,
    /// Whether to go on with what the server holds of an earlier try.
    #[serde(skip_serializing_if = "is_default")]
    pub resume: bool,
    /// Whether it may take the place of a file of that name.
    #[serde(skip_serializing_if = "is_default")]
    pub overwrite: bool,
    /// Whether to make the directories of `path` that are missing.
    #[serde(skip_serializing_if = "is_default")]
    pub parents: bool,
    /// When it was last modified, in seconds since 1970-01-01T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Its permission bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

impl Put {
    /// A file of which nothing is known but what it will be, for the first time, with its BLAKE3 digest.
    pub fn new(path: Text) -> Self {
        Self {
            path,
            size: None,
            digest: DigestKind::Blake3,
            resume: false,
            overwrite: false,
            parents: false,
            modified: None,
            mode: None,
        }
    }

    /// What makes no sense in it, if anything does.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self { resume: true, size: None, .. } => Some("what is to go on needs a size"),
            Self { resume: true, digest: DigestKind::Md5, .. } => {
                Some("what is to go on needs a digest other than MD5")
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct PutFields {
    path: Text,
    size: Option<u64>,
    #[serde(default, deserialize_with = "word")]
    digest: DigestKind,
    #[serde(default)]
    resume: bool,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    parents: bool,
    modified: Option<i64>,
    mode: Option<u32>,
}

impl TryFrom<PutFields> for Put {
    type Error = &'static str;

    fn try_from(fields: PutFields) -> Result<Self, Self::Error> {
        let PutFields { path, size, digest, resume, overwrite, parents, modified, mode } = fields;
        let put = Self { path, size, digest, resume, overwrite, parents, modified, mode };
        put.fault().map_or(Ok(put), Err)
    }
}

/// The server waits for the content: the fields of `ready` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `offset` | integer, absent for 0 | how many bytes it holds of an earlier try |
/// | `prefix` | [`Digest`], with `offset` only | their digest, of the kind that was asked for |
/// | `window` | integer | how many bytes of `data` may be sent |
///
/// The client says by `begin` where its data begins: at `offset`, if its own first bytes have that digest, or at
/// 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ReadyFields", into = "ReadyFields")]
pub struct Ready {
    /// What the server holds of it already.
    pub held: Option<Held>,
    /// How many bytes of content may be sent.
    pub window: u64,
}

/// What a server holds of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many bytes from its beginning, above 0.
    pub offset: u64,
    /// The digest of these bytes.
    pub prefix: Digest,
}

#[derive(Serialize, Deserialize)]
struct ReadyFields {
    #[serde(default, skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Digest>,
    window: u64,
}

impl TryFrom<ReadyFields> for Ready {
    type Error = &'static str;

    fn try_from(fields: ReadyFields) -> Result<Self, Self::Error> {
        let ReadyFields { offset, prefix, window } = fields;
        let held = match (offset, prefix) {
            (0, None) => None,
            (0, Some(_)) => return Err("a prefix belongs to an offset"),
            (_, None) => return Err("an offset needs the digest of what is before it"),
            (offset, Some(prefix)) => Some(Held { offset, prefix }),
        };
        Ok(Self { held, window })
    }
}

impl From<Ready> for ReadyFields {
    fn from(ready: Ready) -> Self {
        let Ready { held, window } = ready;
        let (offset, prefix) = held.map_or((0, None), |held| (held.offset, Some(held.prefix)));
        Self { offset, prefix, window }
    }
}
