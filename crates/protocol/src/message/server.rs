//! [`ServerMessage`]: what a server sends.

use serde::{Deserialize, Serialize};

use super::{Digest, Entry, Exit, Failure, File, FileEnd, Id, Ready, Welcome};
use crate::header::{self, HeaderError};

/// A header that a server sends. The body travels beside it.
///
/// ```
/// use framing_protocol::message::ServerMessage;
///
/// let message = ServerMessage::parse(br#"{"type":"window","id":3,"bytes":65536}"#)?;
/// assert_eq!(message, ServerMessage::Window { id: 3, bytes: 65536 });
/// # Ok::<_, framing_protocol::HeaderError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the tables of the module tell every field")]
pub enum ServerMessage {
    Welcome(Welcome),
    Upper {
        id: Id,
    },
    Started {
        id: Id,
        pid: u32,
        window: u64,
    },
    Stdout {
        id: Id,
    },
    Stderr {
        id: Id,
    },
    Window {
        id: Id,
        bytes: u64,
    },
    Exit {
        id: Id,
        #[serde(flatten)]
        exit: Exit,
    },
    Verifying {
        id: Id,
        bytes: u64,
    },
    File {
        id: Id,
        #[serde(flatten)]
        file: File,
    },
    Data {
        id: Id,
    },
    FileEnd {
        id: Id,
        digest: Digest,
    },
    Entries {
        id: Id,
    },
    EntriesEnd {
        id: Id,
    },
    Entry {
        id: Id,
        #[serde(flatten)]
        entry: Entry,
    },
    Ready {
        id: Id,
        #[serde(flatten)]
        ready: Ready,
    },
    Stored {
        id: Id,
        digest: Digest,
    },
    Paired {
        id: Id,
        roles: Vec<String>,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        #[serde(flatten)]
        failure: Failure,
    },
    Goaway {
        reason: String,
        last_id: Id,
    },
    Ping {
        id: Id,
    },
    Pong {
        id: Id,
    },
}

impl ServerMessage {
    /// Reads a header, strictly.
    pub fn parse(header: &[u8]) -> Result<Self, HeaderError> {
        let preview = header::preview(header)?;
        Ok(match &*preview.kind {
            "welcome" => Self::Welcome(preview.fields(header)?),
            "upper" => Self::Upper { id: preview.id()? },
            "started" => {
                let Started { pid, window } = preview.fields(header)?;
                Self::Started { id: preview.id()?, pid, window }
            }
            "stdout" => Self::Stdout { id: preview.id()? },
            "stderr" => Self::Stderr { id: preview.id()? },
            "window" => {
                let Window { bytes } = preview.fields(header)?;
                Self::Window { id: preview.id()?, bytes }
            }
            "exit" => Self::Exit { id: preview.id()?, exit: preview.fields(header)? },
            "verifying" => {
                let Window { bytes } = preview.fields(header)?;
                Self::Verifying { id: preview.id()?, bytes }
            }
            "file" => Self::File { id: preview.id()?, file: preview.fields(header)? },
            "data" => Self::Data { id: preview.id()? },
            "file_end" => {
                let FileEnd { digest } = preview.fields(header)?;
                Self::FileEnd { id: preview.id()?, digest }
            }
            "entries" => Self::Entries { id: preview.id()? },
            "entries_end" => Self::EntriesEnd { id: preview.id()? },
            "entry" => Self::Entry { id: preview.id()?, entry: preview.fields(header)? },
            "ready" => Self::Ready { id: preview.id()?, ready: preview.fields(header)? },
            "stored" => {
                let FileEnd { digest } = preview.fields(header)?;
                Self::Stored { id: preview.id()?, digest }
            }
            "paired" => {
                let Paired { roles } = preview.fields(header)?;
                Self::Paired { id: preview.id()?, roles }
            }
            "error" => Self::Error { id: preview.id, failure: preview.fields(header)? },
            "goaway" => {
                let Goaway { reason, last_id } = preview.fields(header)?;
                Self::Goaway { reason, last_id }
            }
            "ping" => Self::Ping { id: preview.id()? },
            "pong" => Self::Pong { id: preview.id()? },
            _ => return Err(preview.unknown()),
        })
    }

    /// Whether a body may come with it.
    pub fn has_body(&self) -> bool {
        matches!(
            self,
            Self::Upper { .. }
                | Self::Stdout { .. }
                | Self::Stderr { .. }
                | Self::Data { .. }
                | Self::Entries { .. }
        )
    }
}

#[derive(Deserialize)]
struct Paired {
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Deserialize)]
struct Started {
    pid: u32,
    window: u64,
}

#[derive(Deserialize)]
struct Window {
    bytes: u64,
}

#[derive(Deserialize)]
struct Goaway {
    reason: String,
    last_id: Id,
}
