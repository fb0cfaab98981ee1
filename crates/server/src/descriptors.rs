//! The limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// Raises the number of files that this process may open to what the system lets it have.
///
/// Meant for binaries: the usual soft limit of 1024 is below what 1024 connections take. Commands have
/// the limit that was there before: some programs fail over descriptors past 1023.
pub fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let _ = ORIGINAL.set(current);
    // Where it cannot be had the server makes do with what there is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many files this process could open before it raised that, if it has.
pub(crate) fn original() -> Option<u64> {
    ORIGINAL.get().copied().flatten()
}

/// How many files this process may open.
pub(crate) fn limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// How many connections `limit` open files are enough for: a quarter is left to commands, to files
/// that are sent, and to the server itself.
pub(crate) fn connections_within(limit: usize) -> usize {
    (limit - limit / 4).max(1)
}

static ORIGINAL: OnceLock<Option<u64>> = OnceLock::new();
