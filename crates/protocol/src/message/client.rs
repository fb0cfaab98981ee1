//! [`ClientMessage`]: what a client sends.

use serde::{Deserialize, Serialize};

use super::file::is_zero;
use super::{Digest, Exec, FileEnd, Get, Hello, Id, Put, Text, Token};
use crate::header::{self, HeaderError, Preview};

/// A header that a client sends. The body travels beside it.
///
/// ```
/// use framing_protocol::message::ClientMessage;
///
/// let message = ClientMessage::parse(br#"{"type":"upper","id":7,"new field":[]}"#)?;
/// assert_eq!(message, ClientMessage::Upper { id: 7 });
/// assert_eq!(serde_json::to_string(&message).unwrap(), r#"{"type":"upper","id":7}"#);
/// # Ok::<_, framing_protocol::HeaderError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the tables of the module tell every field")]
pub enum ClientMessage {
    Hello(Hello),
    Upper {
        id: Id,
    },
    Exec {
        id: Id,
        #[serde(flatten)]
        exec: Exec,
    },
    Stdin {
        id: Id,
    },
    StdinEnd {
        id: Id,
    },
    Signal {
        id: Id,
        name: String,
    },
    Get {
        id: Id,
        #[serde(flatten)]
        get: Get,
    },
    Put {
        id: Id,
        #[serde(flatten)]
        put: Put,
    },
    Begin {
        id: Id,
        #[serde(skip_serializing_if = "is_zero")]
        offset: u64,
    },
    Data {
        id: Id,
    },
    FileEnd {
        id: Id,
        digest: Digest,
    },
    List {
        id: Id,
        path: Text,
    },
    Stat {
        id: Id,
        path: Text,
    },
    Pair {
        id: Id,
        token: Token,
        name: String,
    },
    Cancel {
        id: Id,
    },
    Ping {
        id: Id,
    },
    Pong {
        id: Id,
    },
}

impl ClientMessage {
    /// Reads a header, strictly.
    pub fn parse(header: &[u8]) -> Result<Self, HeaderError> {
        let preview = header::preview(header)?;
        Ok(match &*preview.kind {
            "hello" => Self::Hello(preview.fields(header)?),
            "upper" => Self::Upper { id: preview.id()? },
            "exec" => Self::Exec { id: preview.id()?, exec: preview.fields(header)? },
            "stdin" => Self::Stdin { id: preview.id()? },
            "stdin_end" => Self::StdinEnd { id: preview.id()? },
            "signal" => {
                let Name { name } = preview.fields(header)?;
                Self::Signal { id: preview.id()?, name }
            }
            "get" => Self::Get { id: preview.id()?, get: preview.fields(header)? },
            "put" => Self::Put { id: preview.id()?, put: preview.fields(header)? },
            "begin" => {
                let Begin { offset } = preview.fields(header)?;
                Self::Begin { id: preview.id()?, offset }
            }
            "data" => Self::Data { id: preview.id()? },
            "file_end" => {
                let FileEnd { digest } = preview.fields(header)?;
                Self::FileEnd { id: preview.id()?, digest }
            }
            "list" => Self::List { id: preview.id()?, path: path(&preview, header)? },
            "stat" => Self::Stat { id: preview.id()?, path: path(&preview, header)? },
            "pair" => {
                let Pair { token, name } = preview.fields(header)?;
                Self::Pair { id: preview.id()?, token, name }
            }
            "cancel" => Self::Cancel { id: preview.id()? },
            "ping" => Self::Ping { id: preview.id()? },
            "pong" => Self::Pong { id: preview.id()? },
            _ => return Err(preview.unknown()),
        })
    }

    /// Whether a body may come with it.
    pub fn has_body(&self) -> bool {
        matches!(self, Self::Upper { .. } | Self::Stdin { .. } | Self::Data { .. })
    }
}

fn path(preview: &Preview<'_>, header: &[u8]) -> Result<Text, HeaderError> {
    preview.fields(header).map(|Path { path }| path)
}

#[derive(Deserialize)]
struct Path {
    path: Text,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Pair {
    token: Token,
    name: String,
}

#[derive(Deserialize)]
struct Begin {
    #[serde(default)]
    offset: u64,
}
