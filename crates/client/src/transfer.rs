//! Files on their way, in either direction: over one connection after another, told of, and no faster than wanted.

mod line;
mod pace;
mod progress;
mod report;

use std::fmt;

pub(crate) use line::Line;
pub(crate) use pace::Pace;
pub(crate) use progress::Progress;
pub(crate) use report::{Report, Told};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Put,
}

impl Verb {
    /// What has been done to a file that has come over.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Get => "fetched",
            Self::Put => "put",
        }
    }
}

/// The command.
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::Put => "put",
        })
    }
}
