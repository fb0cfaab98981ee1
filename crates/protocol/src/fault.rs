//! What is wrong with a peer's bytes.

use framing::{DecodeError, DecodeErrorKind};

use crate::header::HeaderError;
use crate::message::{Code, Failure};

/// What the peer did wrong.
#[derive(Debug)]
pub(crate) enum Fault {
    Header(HeaderError),
    Frame(DecodeError),
    /// The input ended in the message that began there.
    Truncated(u64),
}

impl Fault {
    /// What to tell the peer, and the application.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Header(error) => error.failure(),
            Self::Frame(error) => {
                let code = match error.kind() {
                    DecodeErrorKind::HeadTooLong { .. } | DecodeErrorKind::TooLong { .. } => {
                        Code::TooLarge
                    }
                    _ => Code::Protocol,
                };
                Failure::new(code, error.to_string())
            }
            Self::Truncated(offset) => {
                Failure::new(Code::Protocol, format!("the message at byte {offset} is cut off"))
            }
        }
    }
}
