//! [`Failure`]: what an `error` says.

use core::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::Escaped;

/// Why a request or a connection failed: the fields of an `error` beside its id.
///
/// `Display` is safe for a terminal.
///
/// ```
/// use framing_protocol::message::{Code, Failure};
///
/// let failure = Failure::new(Code::NotFound, "no such file").hint("look with: framing-client ls");
/// assert_eq!(failure.to_string(), "no such file (not_found)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people: what and why, one line.
    #[serde(default)]
    pub message: String,
    /// For people: what to do next, as a command where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// The same failure with a hint at what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Escaped(self.message.as_bytes()), self.code)
    }
}

impl core::error::Error for Failure {}

/// The kind of a [`Failure`]: a word in `snake_case` on the wire. A word that this version does not
/// know survives as [`Code::Other`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Code {
    /// `unauthorized`: the server does not know who this client is.
    Unauthorized,
    /// `denied`: this client, or this server as it was started, may not do that.
    Denied,
    /// `not_found`: no such file or directory (or none that may be known to exist).
    NotFound,
    /// `bad_path`: the path is absolute, leaves the root, or holds a byte that no path can hold.
    BadPath,
    /// `not_a_file`: a directory, a device, a FIFO or a socket where a regular file was asked for.
    NotAFile,
    /// `not_a_directory`: something else where a directory was asked for.
    NotADirectory,
    /// `not_utf8`: the body must be UTF-8 and is not.
    NotUtf8,
    /// `bad_request`: a field makes no sense, as an empty argv or a NUL byte in it.
    BadRequest,
    /// `too_large`: a header, a body or an answer over the limit.
    TooLarge,
    /// `protocol`: a message that may not come in this state, or not like this.
    Protocol,
    /// `version`: the peer speaks a version of the protocol that this one does not.
    Version,
    /// `unknown`: a message type that this server does not know.
    Unknown,
    /// `busy`: no place for this now; later there may be.
    Busy,
    /// `cancelled`: the client asked for the end.
    Cancelled,
    /// `io`: the system failed the server.
    Io,
    /// `changed`: the file changed while it was being sent.
    Changed,
    /// `exists`: there is something of that name already.
    Exists,
    /// `no_space`: the file system has no place for it.
    NoSpace,
    /// `damaged`: what has come is not what was sent.
    Damaged,
    /// `shutting_down`: the server is going away.
    ShuttingDown,
    /// `timeout`: the peer let a deadline pass.
    Timeout,
    /// A word that this version does not know.
    Other(String),
}

impl Code {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(word) => word,
            known => WORDS.iter().find(|(code, _)| code == known).map_or("", |(_, word)| word),
        }
    }
}

impl From<&str> for Code {
    fn from(word: &str) -> Self {
        let known = WORDS.iter().find(|(_, known)| *known == word);
        known.map_or_else(|| Self::Other(word.to_owned()), |(code, _)| code.clone())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.as_str().as_bytes()).fmt(f)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

const WORDS: [(Code, &str); 21] = [
    (Code::Unauthorized, "unauthorized"),
    (Code::Denied, "denied"),
    (Code::NotFound, "not_found"),
    (Code::BadPath, "bad_path"),
    (Code::NotAFile, "not_a_file"),
    (Code::NotADirectory, "not_a_directory"),
    (Code::NotUtf8, "not_utf8"),
    (Code::BadRequest, "bad_request"),
    (Code::TooLarge, "too_large"),
    (Code::Protocol, "protocol"),
    (Code::Version, "version"),
    (Code::Unknown, "unknown"),
    (Code::Busy, "busy"),
    (Code::Cancelled, "cancelled"),
    (Code::Io, "io"),
    (Code::Changed, "changed"),
    (Code::Exists, "exists"),
    (Code::NoSpace, "no_space"),
    (Code::Damaged, "damaged"),
    (Code::ShuttingDown, "shutting_down"),
    (Code::Timeout, "timeout"),
];
