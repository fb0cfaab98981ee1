//! `get`: what is fetched, where to, and how patiently.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::Transfer;
use crate::part::Existing;

/// What was asked for.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own on the command line"
)]
pub(crate) struct Get {
    /// The files, from the server's root on. In the last part of a path `*`, `?`, `[a-z]` and `{a,b}` stand
    /// for what the server has there: in quotes, or the shell takes them for files here. A backslash before
    /// one of these has it stand for itself
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,

    /// Where to put it: a new file, a folder, or `-` for standard output; for several a folder [default: its
    /// own name, here]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<OsString>,

    /// Fetch folders, with all that is in them; symbolic links are left out
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Take the place of a file that is there already, in one step, once all of the new one is there
    #[arg(long, conflicts_with = "rename")]
    overwrite: bool,

    /// Call it FILE.1, or FILE.2 and so on, if FILE is there already
    #[arg(long)]
    rename: bool,

    #[command(flatten)]
    pub(crate) transfer: Transfer,

    /// Print a JSON object on standard output for each file: `path`, `saved_as`, `size`, `digest`,
    /// `resumed_from`, `seconds`, `outcome`
    #[arg(long)]
    pub(crate) json: bool,
}

impl Get {
    /// Whether what comes of it goes into a folder, however many files that are.
    pub(crate) fn is_several(&self) -> bool {
        self.recursive || self.paths.len() > 1 || self.paths.iter().any(|path| is_pattern(path))
    }

    /// What cannot be asked for together.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let mixes = self.output.as_ref().is_some_and(|output| output == "-") && self.is_several();
        let prints = self.output.as_ref().is_some_and(|output| output == "-") && self.json;
        match (mixes, prints) {
            (true, _) => Some("several files go into a folder, not to standard output"),
            (_, true) => Some("standard output is either for the file or for --json"),
            _ => None,
        }
    }

    /// What to do about something that is there already.
    pub(crate) fn existing(&self) -> Existing {
        match (self.overwrite, self.rename) {
            (true, _) => Existing::Replace,
            (_, true) => Existing::Number,
            _ => Existing::Keep,
        }
    }
}

/// Whether the last part of a path stands for several.
pub(crate) fn is_pattern(path: &OsStr) -> bool {
    let last = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    last.iter().any(|byte| b"*?[{".contains(byte))
}
