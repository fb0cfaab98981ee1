//! The directory below which files are served, and nothing above or beside it.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// An open directory that is the root of every path.
///
/// The kernel itself resolves each path from this handle, refusing `..` out of it and symbolic
/// links anywhere in it, so no rename or link made meanwhile can lead outside.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

/// Why the directory cannot be a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// It is missing, no directory, or may not be read.
    #[error(
        "cannot serve files below {path:?}: {source}; name a directory that this user may read"
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel cannot confine paths.
    #[error(
        "cannot serve files: this kernel has no openat2 (Linux 5.6), or a sandbox forbids it, and \
         without it paths cannot be kept below the root; start without --root"
    )]
    Unsupported,
}

/// Why a path is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
    /// Missing, forbidden, hidden or a symbolic link: one answer, so that it tells nothing.
    #[error("no such file or directory")]
    Absent,
    /// Absolute, or with `..`.
    #[error("no such file or directory: paths are relative to the server's root and stay below it")]
    Outside,
    /// There, but no regular file.
    #[error("not a regular file, but {0}")]
    NotAFile(&'static str),
    /// There, but no directory.
    #[error("not a directory")]
    NotADirectory,
    /// The system failed.
    #[error(transparent)]
    System(io::Error),
}

impl Root {
    /// Opens the directory at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, RootError> {
        let failed = |source: io::Error| RootError::Open { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, &path, flags, Mode::empty())
            .map_err(|errno| RootError::Open { path: path.clone(), source: errno.into() })?;
        match openat2(&directory, ".", flags, Mode::empty(), RESOLVE) {
            Ok(_) => Ok(Self { directory, path }),
            Err(Errno::NOSYS | Errno::PERM | Errno::TOOBIG | Errno::INVAL) => {
                Err(RootError::Unsupported)
            }
            Err(source) => Err(RootError::Open { path, source: source.into() }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file below the root; never waits for anything else that it may be.
    pub(crate) fn file(&self, path: &[u8]) -> Result<(File, Metadata), PathError> {
        let (file, metadata) = self.resolve(path)?;
        if metadata.is_file() {
            Ok((file, metadata))
        } else {
            Err(PathError::NotAFile(kind(&metadata)))
        }
    }

    /// Opens a directory below the root; the empty path is the root itself.
    pub(crate) fn directory(&self, path: &[u8]) -> Result<OwnedFd, PathError> {
        let (file, metadata) = self.resolve(path)?;
        if metadata.is_dir() { Ok(file.into()) } else { Err(PathError::NotADirectory) }
    }

    fn resolve(&self, path: &[u8]) -> Result<(File, Metadata), PathError> {
        let path = relative(path)?;
        // Non-blocking, or opening a FIFO would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut attempts = 0;
        let file = loop {
            match openat2(&self.directory, &path, flags, Mode::empty(), RESOLVE) {
                Ok(file) => break File::from(file),
                // AGAIN is a rename that raced with the walk.
                Err(Errno::INTR | Errno::AGAIN) if attempts < ATTEMPTS => attempts += 1,
                Err(errno) => return Err(errno.into()),
            }
        };
        let metadata = file.metadata().map_err(PathError::System)?;
        Ok((file, metadata))
    }
}

impl From<Errno> for PathError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::ACCESS
            | Errno::PERM
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG => Self::Absent,
            Errno::NXIO | Errno::NODEV => Self::NotAFile("a socket or device"),
            errno => Self::System(errno.into()),
        }
    }
}

/// The path as the kernel is to see it: no hidden component, nothing that could lead upwards.
fn relative(path: &[u8]) -> Result<Vec<u8>, PathError> {
    if path.first() == Some(&b'/') {
        return Err(PathError::Outside);
    }
    let mut clean = Vec::with_capacity(path.len() + 1);
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Err(PathError::Outside),
            hidden if hidden.starts_with(b".") => return Err(PathError::Absent),
            nul if nul.contains(&0) => return Err(PathError::Absent),
            component => {
                clean.extend_from_slice(component);
                clean.push(b'/');
            }
        }
    }
    // What ends in a slash is asked for as a directory, and stays so.
    if !path.ends_with(b"/") {
        clean.pop();
    }
    if clean.is_empty() {
        clean.push(b'.');
    }
    Ok(clean)
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

/// How often a walk that was disturbed is begun anew.
const ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        let kept = |path: &str| String::from_utf8(relative(path.as_bytes()).unwrap()).unwrap();
        assert_eq!(kept("a/b.txt"), "a/b.txt");
        assert_eq!(kept("./a//b"), "a/b");
        assert_eq!(kept(""), ".");
        assert_eq!(kept("./"), ".");
        assert_eq!(kept("a/"), "a/");
    }

    #[test]
    fn what_leads_out_and_what_is_hidden_is_refused() {
        let refused = |path: &str| relative(path.as_bytes()).unwrap_err().to_string();
        for path in ["/", "/etc/passwd", "..", "../a", "a/../../b", "a/.."] {
            assert_eq!(refused(path), PathError::Outside.to_string(), "{path}");
        }
        for path in [".git/config", "a/.hidden", "...", "a\0b"] {
            assert_eq!(refused(path), PathError::Absent.to_string(), "{path}");
        }
    }
}
