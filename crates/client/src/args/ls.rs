//! `ls` and `stat`: what is looked at, and how it is shown.

use std::ffi::OsString;

use clap::{ArgGroup, Args, ValueEnum};

/// What was asked for.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own on the command line"
)]
#[command(group = ArgGroup::new("form"))]
pub(crate) struct Ls {
    /// The folders, from the server's root on; of a file its own entry is shown [default: the root]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,

    /// Show permissions, size in bytes and time of the last change (UTC), a line for each
    #[arg(short, long, group = "form")]
    pub(crate) long: bool,

    /// Print a JSON object a line: `path`, `name`, `kind` (`file`, `directory`, `symlink`, `other`), `size` in bytes,
    /// `modified` in seconds since 1970, `mode`
    #[arg(long, group = "form")]
    pub(crate) json: bool,

    /// One name per line, as where standard output is no terminal
    #[arg(short = '1', long, group = "form")]
    pub(crate) one_per_line: bool,

    /// End each name by a NUL byte, and nothing else: for xargs -0, whatever is in a name
    #[arg(short = '0', long, group = "form")]
    pub(crate) null: bool,

    /// With -l: sizes as people read them, such as 1.20 MiB
    #[arg(long, requires = "long")]
    pub(crate) human: bool,

    /// Show the folders in it, too, and those in them
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,

    /// Show folders themselves, not what is in them
    #[arg(short, long, conflicts_with = "recursive")]
    pub(crate) directory: bool,

    /// In which order. By any but `name` nothing is shown before all is there
    #[arg(long, value_name = "KEY", value_enum, default_value = "name")]
    pub(crate) sort: Sort,

    /// The other way round
    #[arg(short, long)]
    pub(crate) reverse: bool,
}

/// What entries are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Byte by byte
    Name,
    /// The largest first
    Size,
    /// What changed last comes first
    Time,
}
