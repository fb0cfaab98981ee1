//! `put`: what is sent, and where to.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use framing_protocol::message::DigestKind;

use super::Transfer;

/// What was asked for.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own on the command line"
)]
pub(crate) struct Put {
    /// The files here, or `-` for standard input, which needs a name (--to)
    #[arg(value_name = "FILE", required = true)]
    pub(crate) paths: Vec<OsString>,

    /// Where to put it, from the server's root on: a new file, or a folder if it is one or ends in a slash; for several a
    /// folder [default: its own name, in the root]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) to: Option<OsString>,

    /// Put folders, with all files that are in them; symbolic links and empty folders are left out
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Take the place of a file that is there already, in one step, once all of the new one is there
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Make the folders that are missing on the way there (-r does so, too)
    #[arg(short, long)]
    pub(crate) parents: bool,

    #[command(flatten)]
    pub(crate) transfer: Transfer,

    /// Print a JSON object on standard output for each file: `path`, `stored_as`, `size`, `digest`,
    /// `resumed_from`, `seconds`, `outcome`
    #[arg(long)]
    pub(crate) json: bool,
}

impl Put {
    /// Whether what is put goes into a folder, however many files that are.
    pub(crate) fn is_several(&self) -> bool {
        self.recursive || self.paths.len() > 1
    }

    /// Whether standard input is put.
    pub(crate) fn is_stream(&self) -> bool {
        self.paths == ["-"]
    }

    /// What cannot be asked for together.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let names = self.paths.iter().any(|path| path == "-");
        match () {
            () if names && !self.is_stream() => {
                Some("standard input is put alone, and a file called so as ./-")
            }
            () if names && self.to.as_deref().is_none_or(is_folder) => {
                Some("standard input has no name: say what it is to be called, with --to")
            }
            () if self.to.as_deref().is_some_and(OsStr::is_empty) => {
                Some("an empty path leads nowhere; the root is `.`")
            }
            () => None,
        }
    }

    /// Whether to go on with what the server holds of an earlier try.
    pub(crate) fn resumes(&self) -> bool {
        // No MD5 proves that what is there is the same.
        !self.transfer.no_resume && !self.is_stream() && self.transfer.digest() != DigestKind::Md5
    }
}

/// Whether a path can only be that of a folder.
pub(crate) fn is_folder(path: &OsStr) -> bool {
    let last = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    matches!(last, b"" | b"." | b"..")
}
