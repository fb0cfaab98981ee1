//! What `get` asks for, and what `get` and `list` answer with.

use serde::{Deserialize, Serialize};

use super::{Digest, DigestKind, Text, word};
use crate::header::{self, HeaderError};

/// A file to send, or what is missing of it: the fields of `get` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `path` | [`Text`] | the file, from the root on |
/// | `offset` | integer, absent for 0 | how many bytes the client has already |
/// | `etag` | string, may be absent | what the server called the state of the file that these are of |
/// | `prefix` | [`Digest`], with `offset` only | the digest of these bytes: BLAKE3 or SHA-256 |
/// | `digest` | `"blake3"` (default), `"sha256"`, `"md5"` | which digest of the whole file is to follow it |
///
/// The server goes on at `offset` if its file is in the state that `etag` names (where there is one) and its own
/// first bytes have the digest `prefix`; otherwise it begins anew, at 0.
///
/// ```
/// use framing_protocol::message::Get;
///
/// let get = Get::new("notes/today.txt".into());
/// assert_eq!(serde_json::to_string(&get).unwrap(), r#"{"path":"notes/today.txt"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "GetFields", into = "GetFields")]
pub struct Get {
    /// The file, from the root on.
    pub path: Text,
    /// What the client has of it already.
    pub resume: Option<Resume>,
    /// Which digest of the whole file is to follow it.
    pub digest: DigestKind,
}

/// What a client has of a file already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// How many bytes from its beginning, above 0.
    pub offset: u64,
    /// What the server called the state of the file.
    pub etag: Option<String>,
    /// The digest of these bytes.
    pub prefix: Digest,
}

impl Get {
    /// All of a file, with its BLAKE3 digest.
    pub fn new(path: Text) -> Self {
        Self { path, resume: None, digest: DigestKind::Blake3 }
    }
}

#[derive(Serialize, Deserialize)]
struct GetFields {
    path: Text,
    #[serde(default, skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Digest>,
    #[serde(default, deserialize_with = "word", skip_serializing_if = "is_default")]
    digest: DigestKind,
}

impl TryFrom<GetFields> for Get {
    type Error = &'static str;

    fn try_from(fields: GetFields) -> Result<Self, Self::Error> {
        let GetFields { path, offset, etag, prefix, digest } = fields;
        let resume = match (offset, prefix) {
            (0, None) => None,
            (0, Some(_)) => return Err("a prefix belongs to an offset"),
            (_, None) => return Err("an offset needs the digest of what is before it"),
            (_, Some(Digest::Md5(_))) => return Err("the digest of a prefix is no MD5"),
            (offset, Some(prefix)) => Some(Resume { offset, etag, prefix }),
        };
        Ok(Self { path, resume, digest })
    }
}

impl From<Get> for GetFields {
    fn from(get: Get) -> Self {
        let Get { path, resume, digest } = get;
        let fields = Self { path, offset: 0, etag: None, prefix: None, digest };
        match resume {
            None => fields,
            Some(Resume { offset, etag, prefix }) => {
                Self { offset, etag, prefix: Some(prefix), ..fields }
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A file about to be sent: the fields of `file` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `filename` | [`Text`] | the last part of the path; a client takes no more than a hint from it |
/// | `total_size` | integer | bytes of the whole file |
/// | `offset` | integer, absent for 0 | where the `data` that follows begins: 0, or what the client asked for. It carries exactly what is from there to the end |
/// | `etag` | string, may be absent | names this state of the file: another one has another name |
/// | `modified` | integer, may be absent | seconds since 1970-01-01T00:00:00Z, may be negative |
/// | `mode` | integer, may be absent | permission bits, as `0o644` = 420 |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The last part of the path.
    pub filename: Text,
    /// Bytes of the whole file.
    pub total_size: u64,
    /// Where the data that follows begins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// Names this state of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was last modified, in seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Its permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

impl File {
    /// All of a file of so many bytes, of which nothing else is known.
    pub fn new(filename: Text, total_size: u64) -> Self {
        Self { filename, total_size, offset: 0, etag: None, modified: None, mode: None }
    }
}

/// One line in the body of `entries`, a JSON object ended by LF; or the fields of `entry` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `name` | [`Text`] | the name without its directory; of the root `.` |
/// | `kind` | `"file"`, `"directory"`, `"symlink"`, `"other"` | what it is |
/// | `size` | integer | bytes, 0 where that means nothing |
/// | `modified` | integer, may be absent | seconds since 1970-01-01T00:00:00Z, may be negative |
/// | `mode` | integer, may be absent | permission bits, as `0o644` = 420 |
///
/// ```
/// use framing_protocol::message::{Entry, EntryKind};
///
/// let body = b"{\"name\":\"a.txt\",\"kind\":\"file\",\"size\":3}\n";
/// let entries: Vec<Entry> = Entry::lines(body).collect::<Result<_, _>>().unwrap();
/// assert_eq!(entries[0].kind, EntryKind::File);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

impl Entry {
    /// Of which nothing else is known.
    pub fn new(name: Text, kind: EntryKind, size: u64) -> Self {
        Self { name, kind, size, modified: None, mode: None }
    }

    /// Whether its name is one of something in the directory: not empty, without a slash or a NUL byte, and neither `.` nor
    /// `..`. What a peer says need not be.
    ///
    /// ```
    /// use framing_protocol::message::{Entry, EntryKind};
    ///
    /// assert!(Entry::new("a.txt".into(), EntryKind::File, 3).has_plain_name());
    /// assert!(!Entry::new("../../etc/passwd".into(), EntryKind::File, 3).has_plain_name());
    /// ```
    pub fn has_plain_name(&self) -> bool {
        let name = self.name.as_bytes();
        !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
    }

    /// Reads the body of one `entries` message, line by line, as strictly as a header.
    pub fn lines(body: &[u8]) -> impl Iterator<Item = Result<Self, HeaderError>> {
        body.split_inclusive(|byte| *byte == b'\n').map(header::object)
    }
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
