//! A download in progress: `NAME.part`, which becomes `NAME` in one step or not at all.
//!
//! ```text
//! create ---> NAME.part, ours alone ---> write ... ---> fsync ---> rename, never over another ---> fsync of the folder
//!                     |                     |
//!                     +------ dropped ------+---> removed
//! ```
//!
//! The part file is always made anew. One that was left behind by a killed download is not trusted:
//! it is removed if it is a plain file of ours that nobody has locked, and refused otherwise.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use framing_protocol::message::Escaped;
use rustix::fs::{
    self as sys, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Timespec, Timestamps,
};
use rustix::io::Errno;

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
        let ends_in_slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let name = path.file_name().filter(|_| !ends_in_slash);
        let name = name.ok_or(PartError::NoName { path: path.into() })?;
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

    /// Begins the part file, with the permissions that the finished file shall have: those of `mode`
    /// (without set-user-id and its like) that the umask lets through.
    pub(crate) fn begin(self, mode: u32) -> Result<Part, PartError> {
        let name = self.part_name();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = loop {
            match sys::openat(&self.folder, &name, flags, Mode::from_raw_mode(mode & 0o777)) {
                Ok(file) => break file,
                Err(Errno::EXIST) => self.remove_leftover(&name)?,
                Err(source) => return Err(self.failed("cannot write", source)),
            }
        };
        self.lock(&file, &name)?;
        Ok(Part { place: self, name, file: File::from(file), finished: false })
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
        let locked = sys::fstat(file);
        let named = sys::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        match (locked, named) {
            (Ok(locked), Ok(named))
                if (locked.st_dev, locked.st_ino) == (named.st_dev, named.st_ino) =>
            {
                Ok(())
            }
            _ => Err(self.busy()),
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

/// The part file itself. Dropping it removes it: only [`Part::finish`] leaves something behind.
#[derive(Debug)]
pub(crate) struct Part {
    place: Place,
    name: OsString,
    file: File,
    finished: bool,
}

impl Part {
    /// Where it is for now.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.part_path()
    }

    /// Dates the file (`modified`: seconds since 1970), makes it durable and gives it its name, unless
    /// that has been taken meanwhile.
    pub(crate) fn finish(mut self, modified: Option<i64>) -> Result<PathBuf, PartError> {
        if let Some(tv_sec) = modified {
            let modified = Timespec { tv_sec, tv_nsec: 0 };
            let times = Timestamps { last_access: modified, last_modification: modified };
            sys::futimens(&self.file, &times)
                .map_err(|source| self.place.failed("cannot date", source))?;
        }
        self.file.sync_all().map_err(|source| PartError::Io {
            what: "cannot write",
            path: self.place.part_path(),
            source,
        })?;
        self.rename()?;
        self.finished = true;
        let folder = self.place.folder.as_fd();
        sys::fsync(folder).map_err(|source| PartError::folder(&self.place.path, source))?;
        Ok(self.place.path.clone())
    }

    fn rename(&self) -> Result<(), PartError> {
        let Self { place: Place { folder, name, .. }, name: part, .. } = self;
        let renamed = match sys::renameat_with(folder, part, folder, name, RenameFlags::NOREPLACE) {
            // NFS and a few others do not know the flag. A hard link does not replace either.
            Err(Errno::INVAL) => sys::linkat(folder, part, folder, name, AtFlags::empty())
                .and_then(|()| sys::unlinkat(folder, part, AtFlags::empty())),
            renamed => renamed,
        };
        renamed.map_err(|source| match source {
            Errno::EXIST => self.place.exists(),
            source => self.place.failed("cannot rename", source),
        })
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
        if !self.finished {
            // The lock is still ours, so it is our file that goes. If it cannot go, the next download
            // of the same name tries again.
            let _ = sys::unlinkat(&self.place.folder, &self.name, AtFlags::empty());
        }
    }
}

fn shown(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_encoded_bytes())
}

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
    /// Something that no download of ours has left is in the part file's place.
    #[error("{} is in the way: not a plain file, or not yours", shown(path))]
    Foreign {
        /// The part file.
        path: PathBuf,
    },
    /// The path ends in no name, as `..` does.
    #[error("{} names no file", shown(path))]
    NoName {
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
    fn folder(path: &Path, source: Errno) -> Self {
        let folder = path.parent().filter(|parent| *parent != Path::new(""));
        let path = folder.unwrap_or(Path::new(".")).into();
        Self::Io { what: "cannot use the folder", path, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn begin(path: &Path) -> Result<Part, PartError> {
        Place::new(path)?.begin(0o640)
    }

    #[test]
    fn a_finished_part_has_its_name_its_mode_and_its_date() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a file");
        let mut part = Place::new(&path).unwrap().begin(0o4640).unwrap();
        part.write_all(b"whole").unwrap();
        assert!(!path.exists());
        part.finish(Some(1_000_000_000)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        let meta = path.metadata().unwrap();
        assert_eq!(meta.permissions().mode() & 0o7777, 0o640);
        assert_eq!((meta.mtime(), meta.mtime_nsec()), (1_000_000_000, 0));
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_dropped_part_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        begin(&dir.path().join("f")).unwrap().write_all(b"half").unwrap();
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_exists_is_not_replaced_neither_at_the_start_nor_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let part = begin(&path).unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(part.finish(None), Err(PartError::Exists { .. })));
        assert!(matches!(begin(&path), Err(PartError::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        let dangling = dir.path().join("link");
        symlink("nowhere", &dangling).unwrap();
        assert!(matches!(begin(&dangling), Err(PartError::Exists { .. })));
    }

    #[test]
    fn a_second_download_is_kept_away_and_the_first_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut first = begin(&path).unwrap();
        assert!(matches!(begin(&path), Err(PartError::Busy { .. })));
        first.write_all(b"first").unwrap();
        first.finish(None).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_leftover_is_replaced_even_if_it_is_longer_or_read_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let leftover = dir.path().join("f.part");
        std::fs::write(&leftover, "left behind").unwrap();
        std::fs::set_permissions(&leftover, PermissionsExt::from_mode(0o400)).unwrap();
        let mut part = begin(&path).unwrap();
        part.write_all(b"new").unwrap();
        part.finish(None).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_link_a_fifo_and_a_folder_in_the_way_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        symlink(&victim, dir.path().join("a.part")).unwrap();
        std::fs::create_dir(dir.path().join("b.part")).unwrap();
        let fifo = dir.path().join("c.part");
        sys::mknodat(sys::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        for name in ["a", "b", "c"] {
            let refused = begin(&dir.path().join(name));
            assert!(matches!(refused, Err(PartError::Foreign { .. })), "{name}: {refused:?}");
        }
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_before_anything_else() {
        let missing = Place::new(Path::new("no/such/folder/file"));
        assert!(matches!(missing, Err(PartError::Io { what: "cannot use the folder", .. })));
        for unnamed in ["", "..", "/", "new/"] {
            assert!(
                matches!(Place::new(Path::new(unnamed)), Err(PartError::NoName { .. })),
                "{unnamed}"
            );
        }
    }
}
