//! Why a download has no file in the end.

use std::io;
use std::path::{Path, PathBuf};

use framing_protocol::message::Escaped;
use rustix::io::Errno;

use crate::error::{self, Damage};

/// Why a download cannot be put where it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Something has the final name already.
    #[error("{} exists already, and is not overwritten", shown(path))]
    Exists {
        /// The final name.
        path: PathBuf,
    },
    /// Another process writes the same part file.
    #[error("{} is being written by another download", shown(path))]
    Busy {
        /// The part file.
        path: PathBuf,
    },
    /// Something is in the part file's place that is not known to be the rest of a download.
    #[error("{} is in the way: it is not known to be the rest of a download", shown(path))]
    Foreign {
        /// The part file.
        path: PathBuf,
    },
    /// Somebody has removed, renamed or replaced the part file meanwhile.
    #[error("{} was taken away before it was complete", shown(path))]
    Gone {
        /// The part file.
        path: PathBuf,
    },
    /// What came is not what was asked for, and was thrown away.
    #[error(transparent)]
    Damaged(Damage),
    /// The path ends in no name, as `..` does.
    #[error("{} names no file", shown(path))]
    NoName {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The path ends in a slash, and no folder is there.
    #[error("there is no folder {}", shown(path))]
    NoFolder {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{what} {}: {source}", shown(path))]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl PartError {
    pub(super) fn folder(path: &Path, source: Errno) -> Self {
        let folder = path.parent().filter(|parent| *parent != Path::new(""));
        let path = folder.unwrap_or(Path::new(".")).into();
        Self::Io { what: "cannot use the folder", path, source: source.into() }
    }
}

fn shown(path: &Path) -> Escaped<'_> {
    error::shown(path.as_os_str().as_encoded_bytes())
}
