//! Where a download shall end up, and what of an earlier one is there already.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self as sys, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::PartError;

/// What to do about something that has the final name already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and there is no download.
    #[default]
    Keep,
    /// The download takes its place, in one step at the end.
    Replace,
    /// It stays, and the download is called `NAME.1`, or the next number that is free.
    Number,
}

/// Where a download shall end up: a folder that is there, and a name in it that is not, or that may be taken.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) folder: Arc<OwnedFd>,
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    existing: Existing,
    /// What it was to be called before a number was added.
    wanted: OsString,
}

impl Place {
    /// Looks at `path` before anything is asked of a server.
    pub(crate) fn new(path: &Path, existing: Existing) -> Result<Self, PartError> {
        let name = path.file_name().ok_or(PartError::NoName { path: path.into() })?;
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(PartError::NoFolder { path: path.into() });
        }
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder = open_folder(folder).map_err(|source| PartError::folder(path, source))?;
        Self::within(Arc::new(folder), path, name, existing)
    }

    /// The same in a folder that is open already; `path` is what the place is called in messages.
    pub(crate) fn within(
        folder: Arc<OwnedFd>,
        path: &Path,
        name: &OsStr,
        existing: Existing,
    ) -> Result<Self, PartError> {
        let (name, path) = (name.to_owned(), path.into());
        let mut place = Self { folder, wanted: name.clone(), name, path, existing };
        place.check()?;
        Ok(place)
    }

    /// Sees to it that the name may be taken, and finds another one where that was asked for.
    fn check(&mut self) -> Result<(), PartError> {
        for number in 1_u64.. {
            let stat = match sys::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => return Ok(()),
                Err(source) => return Err(PartError::folder(&self.path, source)),
                Ok(stat) => stat,
            };
            let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            match self.existing {
                Existing::Replace if !is_folder => return Ok(()),
                Existing::Keep | Existing::Replace => return Err(self.exists()),
                Existing::Number => {
                    self.name.clone_from(&self.wanted);
                    self.name.push(format!(".{number}"));
                    self.path.set_file_name(&self.name);
                }
            }
        }
        Err(self.exists())
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the name is not the one that was asked for.
    pub(crate) fn is_numbered(&self) -> bool {
        self.name != self.wanted
    }

    /// Gives the open file, which is called `part` for now, its final name.
    pub(super) fn publish(&mut self, part: &OsStr, file: &File) -> Result<(), PartError> {
        loop {
            match self.try_publish(part, file) {
                Err(Errno::EXIST) if self.existing == Existing::Number => self.check()?,
                Err(Errno::EXIST | Errno::ISDIR) => return Err(self.exists()),
                Err(Errno::STALE) => return Err(PartError::Gone { path: self.beside(part) }),
                Err(source) => return Err(self.failed("cannot rename", part, source)),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn try_publish(&self, part: &OsStr, file: &File) -> Result<(), Errno> {
        let Self { folder, name, .. } = self;
        if self.existing == Existing::Replace {
            if !self.leads_to(part, file) {
                return Err(Errno::STALE);
            }
            return sys::renameat(folder, part, folder, name);
        }
        // Links the open file itself, whatever its part name leads to by now.
        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
        match sys::linkat(sys::CWD, open, folder, name, AtFlags::SYMLINK_FOLLOW) {
            Err(Errno::NOENT | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::XDEV) => {
                // No name to link from, or a file system without hard links, such as FAT.
                if !self.leads_to(part, file) {
                    return Err(Errno::STALE);
                }
                sys::renameat_with(folder, part, folder, name, RenameFlags::NOREPLACE)
            }
            published => published,
        }
    }

    /// Opens what has this name, if it is a plain file of our own user, and keeps others away from it.
    pub(super) fn claim(&self, name: &OsStr) -> Result<Option<File>, PartError> {
        // Not blocking, since it may be a FIFO.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |access| sys::openat(&self.folder, name, flags | access, Mode::empty());
        let opened = match open(OFlags::RDWR) {
            // Its permissions may forbid writing; then it can be looked at, and removed.
            Err(Errno::ACCESS) => open(OFlags::RDONLY),
            opened => opened,
        };
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            // A link, a folder, a socket.
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(self.foreign(name)),
            Err(source) => return Err(self.failed("cannot open", name, source)),
        };
        let stat =
            sys::fstat(&file).map_err(|source| self.failed("cannot look at", name, source))?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !is_file || stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(self.foreign(name));
        }
        self.lock(&file, name)?;
        Ok(Some(file.into()))
    }

    /// Makes a file that only we may read or write, and keeps others away from it.
    pub(super) fn create(&self, name: &OsStr) -> Result<File, PartError> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match sys::openat(&self.folder, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                self.lock(&file, name)?;
                Ok(file.into())
            }
            // It was not there a moment ago.
            Err(Errno::EXIST) => Err(self.busy(name)),
            Err(source) => Err(self.failed("cannot write", name, source)),
        }
    }

    /// Takes the lock that keeps a second download away. Between the opening and the locking another
    /// process may have put its own file there, so the name must still lead to the file we locked.
    fn lock(&self, file: &OwnedFd, name: &OsStr) -> Result<(), PartError> {
        match sys::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(self.busy(name)),
            Err(source) => return Err(self.failed("cannot lock", name, source)),
        }
        if self.leads_to(name, file) { Ok(()) } else { Err(self.busy(name)) }
    }

    /// Whether `name` is a name of `file`, and not of something that has been put in its place.
    fn leads_to(&self, name: &OsStr, file: impl AsFd) -> bool {
        let named = sys::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        match (sys::fstat(file), named) {
            (Ok(file), Ok(named)) => (file.st_dev, file.st_ino) == (named.st_dev, named.st_ino),
            _ => false,
        }
    }

    /// Takes the name from the file, if it is not that of something else by now.
    pub(super) fn unlink(&self, name: &OsStr, file: &File) {
        if self.leads_to(name, file) {
            // If it cannot go, the next download tries again.
            let _ = sys::unlinkat(&self.folder, name, AtFlags::empty());
        }
    }

    /// The folder, in which names have changed.
    pub(super) fn changed(&self) -> Changed {
        Changed { folder: Arc::clone(&self.folder), path: self.path.clone() }
    }

    /// The name of the part file: `NAME.part`, or what there is room for of a name that is long.
    pub(super) fn part_name(&self) -> OsString {
        let name = self.name.as_encoded_bytes();
        let mut part = if name.len() + PART.len() + STATE.len() <= LONGEST {
            self.name.clone()
        } else {
            // What tells it from other long names that begin alike.
            let tag = blake3::hash(name).to_hex();
            let kept = String::from_utf8_lossy(name);
            let end = kept.floor_char_boundary_of(LONGEST - PART.len() - STATE.len() - TAG - 1);
            OsString::from(format!("{}~{}", &kept[..end], &tag[..TAG]))
        };
        part.push(PART);
        part
    }

    pub(super) fn beside(&self, name: &OsStr) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn exists(&self) -> PartError {
        PartError::Exists { path: self.path.clone() }
    }

    fn busy(&self, name: &OsStr) -> PartError {
        PartError::Busy { path: self.beside(name) }
    }

    pub(super) fn foreign(&self, name: &OsStr) -> PartError {
        PartError::Foreign { path: self.beside(name) }
    }

    pub(super) fn failed(&self, what: &'static str, name: &OsStr, source: Errno) -> PartError {
        PartError::Io { what, path: self.beside(name), source: source.into() }
    }
}

/// A folder in which a download has got its name, which is not durable yet.
#[derive(Debug)]
pub(crate) struct Changed {
    folder: Arc<OwnedFd>,
    path: PathBuf,
}

impl Changed {
    /// Whether it is the same folder: what makes one durable does so for the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.folder, &other.folder) {
            return true;
        }
        match (sys::fstat(&self.folder), sys::fstat(&other.folder)) {
            (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        }
    }

    /// Makes the names durable.
    pub(crate) fn sync(self) -> Result<(), PartError> {
        sys::fsync(&self.folder).map_err(|source| PartError::folder(&self.path, source))
    }
}

/// Opens a folder, to make names in it.
pub(crate) fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    sys::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
}

/// Opens a folder below another, and makes it, and all on the way, where there is none. What is a symbolic
/// link here is not followed, whoever has put it there.
pub(crate) fn make_folder(root: &Arc<OwnedFd>, names: &[OsString]) -> Result<Arc<OwnedFd>, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut folder = Arc::clone(root);
    for name in names {
        let opened = match sys::openat(&folder, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                match sys::mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error),
                }
                sys::openat(&folder, name, flags, Mode::empty())
            }
            opened => opened,
        };
        folder = Arc::new(opened?);
    }
    Ok(folder)
}

/// `str::floor_char_boundary`, which is not there yet in the oldest Rust that must do.
trait FloorCharBoundary {
    fn floor_char_boundary_of(&self, index: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_of(&self, index: usize) -> usize {
        (0..=index.min(self.len())).rev().find(|end| self.is_char_boundary(*end)).unwrap_or(0)
    }
}

/// What follows the name of a file that is not whole yet.
const PART: &str = ".part";

/// What follows that, in the name of the file that says how far it is.
pub(super) const STATE: &str = ".state";

/// The longest name that Linux's file systems take (`NAME_MAX`), in bytes.
const LONGEST: usize = 255;

/// How many hexadecimal digits stand for the rest of a name that was cut.
const TAG: usize = 16;
