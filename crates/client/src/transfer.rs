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
    /// What is said of files that have not come over.
    pub(crate) fn failed(self) -> &'static str {
        match self {
            Self::Get => "files were not fetched",
            Self::Put => "files were not put",
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
