//! A download in progress: `NAME.part`, which becomes `NAME` in one step or not at all.
//!
//! ```text
//! create, lock, mark ---> write ... ---> unmark, fsync ---> link the open file to NAME ---> unlink NAME.part
//!          |                  |                |
//!          +-----------+------+----------------+
//!                      +---> dropped ---> unlink NAME.part
//! ```
//!
//! What gets the name is the open file, whatever its part name leads to by then: not a byte that
//! somebody else has put there becomes `NAME`. Nothing is replaced at either name.
//!
//! The part file is always made anew. One that a killed download has left behind bears our mark, the
//! extended attribute `user.framing.part`. It is removed if it is a plain file of our own user that
//! nobody has locked. All else is in the way and stays as it is; so does a leftover where the file
//! system has no such attributes.

mod error;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    self as sys, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Timespec,
    Timestamps, XattrFlags,
};
use rustix::io::Errno;

pub use error::PartError;

/// Where a download shall end up: a folder that is there, and a name in it that is not.
#[derive(Debug)]
pub(crate) struct Place {
    folder: OwnedFd,
    name: OsString,
    path: PathBuf,
}

impl Place {
    /// Looks at `path` before anything is asked of a server.
    pub(crate) fn new(path: &Path) -> Result<Self, PartError> {
        let fail = |source: Errno| PartError::folder(path, source);
        let name = path.file_name().ok_or(PartError::NoName { path: path.into() })?;
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(PartError::NoFolder { path: path.into() });
        }
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder =
            sys::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
                .map_err(fail)?;
        let place = Self { folder, name: name.to_owned(), path: path.into() };
        match sys::statat(&place.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(place.exists()),
            Err(Errno::NOENT) => Ok(place),
            Err(source) => Err(fail(source)),
        }
    }

    /// Begins the part file. The finished file shall have the permissions of `mode` (without
    /// set-user-id and its like) that the umask lets through.
    pub(crate) fn begin(self, mode: u32) -> Result<Part, PartError> {
        let name = self.part_name();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode & 0o777);
        let file = loop {
            // Without the right to write, and to read, there is no marking and no looking for marks.
            match sys::openat(&self.folder, &name, flags, mode | Mode::RUSR | Mode::WUSR) {
                Ok(file) => break file,
                Err(Errno::EXIST) => self.remove_leftover(&name)?,
                Err(source) => return Err(self.failed("cannot write", source)),
            }
        };
        self.lock(&file, &name)?;
        let part = Part { place: self, name, file: File::from(file), mode };
        // Without a mark it would be in the way of the next download if this one were killed, no more.
        let _ = sys::fsetxattr(&part.file, MARK, b"", XattrFlags::empty());
        Ok(part)
    }

    /// Makes way for a new part file, if what stands there is ours and idle.
    fn remove_leftover(&self, name: &OsStr) -> Result<(), PartError> {
        // Not blocking, since it may be a FIFO; reading, since its permissions may forbid writing.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match sys::openat(&self.folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(()),
            Err(Errno::LOOP) => return Err(self.foreign()),
            Err(source) => return Err(self.failed("cannot open", source)),
        };
        let stat = sys::fstat(&file).map_err(|source| self.failed("cannot look at", source))?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !is_file || stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(self.foreign());
        }
        if sys::fgetxattr(&file, MARK, &mut [0; 0]).is_err() {
            return Err(self.foreign());
        }
        self.lock(&file, name)?;
        sys::unlinkat(&self.folder, name, AtFlags::empty())
            .map_err(|source| self.failed("cannot remove", source))
    }

    /// Takes the lock that keeps a second download away. Between the opening and the locking another
    /// process may have put its own file there, so the name must still lead to the file we locked.
    fn lock(&self, file: &OwnedFd, name: &OsStr) -> Result<(), PartError> {
        match sys::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(self.busy()),
            Err(source) => return Err(self.failed("cannot lock", source)),
        }
        if self.leads_to(name, file) { Ok(()) } else { Err(self.busy()) }
    }

    /// Whether `name` is a name of `file`, and not of something that has been put in its place.
    fn leads_to(&self, name: &OsStr, file: impl AsFd) -> bool {
        let named = sys::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        match (sys::fstat(file), named) {
            (Ok(file), Ok(named)) => (file.st_dev, file.st_ino) == (named.st_dev, named.st_ino),
            _ => false,
        }
    }

    fn part_name(&self) -> OsString {
        let mut name = self.name.clone();
        name.push(".part");
        name
    }

    fn part_path(&self) -> PathBuf {
        self.path.with_file_name(self.part_name())
    }

    fn exists(&self) -> PartError {
        PartError::Exists { path: self.path.clone() }
    }

    fn busy(&self) -> PartError {
        PartError::Busy { path: self.part_path() }
    }

    fn foreign(&self) -> PartError {
        PartError::Foreign { path: self.part_path() }
    }

    fn failed(&self, what: &'static str, source: Errno) -> PartError {
        PartError::Io { what, path: self.part_path(), source: source.into() }
    }
}

/// The part file itself. Dropping it removes it: only [`Part::finish`] leaves something behind, under
/// the final name.
#[derive(Debug)]
pub(crate) struct Part {
    place: Place,
    name: OsString,
    file: File,
    mode: Mode,
}

impl Part {
    /// Where it is for now.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.part_path()
    }

    /// Dates the file (`modified`: seconds since 1970), makes it durable and gives it its name, unless
    /// that has been taken meanwhile.
    pub(crate) fn finish(self, modified: Option<i64>) -> Result<PathBuf, PartError> {
        self.dress(modified)?;
        self.file.sync_all().map_err(|source| PartError::Io {
            what: "cannot write",
            path: self.place.part_path(),
            source,
        })?;
        self.publish()?;
        self.unlink();
        let Self { place: Place { folder, path, .. }, .. } = &self;
        sys::fsync(folder).map_err(|source| PartError::folder(path, source))?;
        Ok(path.clone())
    }

    /// Gives the file what it shall have at the end: no mark, its permissions and its date.
    fn dress(&self, modified: Option<i64>) -> Result<(), PartError> {
        // There is none where there cannot be one.
        let _ = sys::fremovexattr(&self.file, MARK);
        let stat = sys::fstat(&self.file);
        match stat
            .and_then(|stat| sys::fchmod(&self.file, Mode::from_raw_mode(stat.st_mode) & self.mode))
        {
            // The file is ours, so it is the file system that does not have such permissions.
            Ok(()) | Err(Errno::PERM) => {}
            Err(source) => {
                return Err(self.place.failed("cannot set the permissions of", source));
            }
        }
        if let Some(tv_sec) = modified {
            let modified = Timespec { tv_sec, tv_nsec: 0 };
            let times = Timestamps { last_access: modified, last_modification: modified };
            sys::futimens(&self.file, &times)
                .map_err(|source| self.place.failed("cannot date", source))?;
        }
        Ok(())
    }

    /// Links the open file itself to its final name.
    fn publish(&self) -> Result<(), PartError> {
        let Self { place: Place { folder, name, .. }, name: part, file, .. } = self;
        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
        let published = match sys::linkat(sys::CWD, open, folder, name, AtFlags::SYMLINK_FOLLOW) {
            Err(Errno::NOENT | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::XDEV) => {
                // No name to link from, or a file system without hard links, such as FAT.
                if !self.place.leads_to(part, file) {
                    return Err(PartError::Gone { path: self.place.part_path() });
                }
                sys::renameat_with(folder, part, folder, name, RenameFlags::NOREPLACE)
            }
            published => published,
        };
        published.map_err(|source| match source {
            Errno::EXIST => self.place.exists(),
            source => self.place.failed("cannot rename", source),
        })
    }

    /// Gives up the part name, if it is not what somebody else has put there.
    fn unlink(&self) {
        if self.place.leads_to(&self.name, &self.file) {
            // If it cannot go, the next download tries again.
            let _ = sys::unlinkat(&self.place.folder, &self.name, AtFlags::empty());
        }
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.unlink();
    }
}

/// Tells the rest of a download from a file of the user's own that has such a name.
const MARK: &str = "user.framing.part";

#[cfg(test)]
mod tests;
