//! `--status-file`: how it ended, beside the output.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::error::Error;
use crate::output::Output;

/// A file that is told how it ended at each host, a line each.
#[derive(Debug)]
pub(super) struct StatusFile {
    pub(super) path: PathBuf,
    pub(super) output: Output,
}

impl StatusFile {
    /// Opens it, and empties what is there already. A name that stands for a descriptor that we were given
    /// means that descriptor: others may write to the same file, before us and after.
    pub(super) fn open(path: &OsStr) -> Result<Self, Error> {
        let opened = match descriptor(path).map(given) {
            // Where the system has no such call, or does not let us, the file is opened at its end.
            Some(Err(Errno::NOSYS | Errno::PERM)) => OpenOptions::new().append(true).open(path),
            Some(descriptor) => descriptor.map(File::from).map_err(io::Error::from),
            None => OpenOptions::new().write(true).create(true).truncate(true).open(path),
        };
        let output = opened.and_then(Output::new).map_err(|source| Error::File {
            what: "write",
            path: path.into(),
            source,
        })?;
        Ok(Self { path: path.into(), output })
    }
}

/// The number of the descriptor that a path stands for, if it does.
fn descriptor(path: &OsStr) -> Option<i32> {
    let path = path.to_str()?;
    match path {
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        path => {
            let number = path.strip_prefix("/dev/fd/");
            number.or_else(|| path.strip_prefix("/proc/self/fd/"))?.parse().ok()
        }
    }
}

/// A copy of a descriptor of this process by its number, to be written to.
fn given(number: i32) -> Result<OwnedFd, Errno> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    let copy = pidfd_getfd(ourselves, number, PidfdGetfdFlags::empty())?;
    let access = rustix::fs::fcntl_getfl(&copy)? & OFlags::RWMODE;
    if access == OFlags::RDONLY { Err(Errno::BADF) } else { Ok(copy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_descriptors() {
        for (path, expected) in [
            ("/dev/fd/3", Some(3)),
            ("/proc/self/fd/12", Some(12)),
            ("/dev/stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("/dev/fd/", None),
            ("/dev/fd/x", None),
            ("/dev/null", None),
            ("status", None),
        ] {
            assert_eq!(descriptor(OsStr::new(path)), expected, "{path}");
        }
    }
}
