//! A file that is not whole yet, under a hidden name in the directory where it will be.

use framing_protocol::message::{Code, Failure, Text};
use framing_transport::umask;
use rustix::fs::{
    self as sys, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, Timespec,
    Timestamps,
};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The file. It stays where it is until it is [finished](Self::finish) or [removed](Self::remove).
///
/// It is locked, so that no two connections write to it, and what was left by one that is gone is told from what is in
/// use.
#[derive(Debug)]
pub(super) struct Part {
    directory: OwnedFd,
    /// What it will be called.
    name: Vec<u8>,
    /// What it is called.
    hidden: String,
    replace: Replace,
    file: File,
    length: u64,
}

/// What may be there under the final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    Nothing,
    Files,
}

/// Why there is no file.
#[derive(Debug)]
pub(super) enum Fault {
    /// Something has its name.
    Exists,
    /// What has its name is no file, and is not replaced.
    InTheWay(&'static str),
    /// Another connection of the same client brings it.
    Busy,
    /// So many bytes are missing, and there is place for so many.
    NoSpace {
        missing: u64,
        free: u64,
    },
    /// A file of this process may have so many bytes.
    Limit(u64),
    NameTooLong,
    System(&'static str, io::Error),
}

impl Fault {
    /// What the client is told.
    pub(super) fn failure(&self, path: &Text) -> Failure {
        let failure = |code, why: &str| Failure::new(code, format!("{path}: {why}"));
        match self {
            Self::Exists => failure(Code::Exists, "exists already, and is not overwritten")
                .hint("to put it in its place: framing-client put --overwrite"),
            Self::InTheWay(what) => {
                failure(Code::NotAFile, &format!("{what} of that name is in the way"))
            }
            Self::Busy => failure(Code::Busy, "is being put there by another connection"),
            Self::NoSpace { missing, free } => failure(
                Code::NoSpace,
                &format!("{missing} bytes are to come, and there is place for {free}"),
            ),
            Self::Limit(limit) => failure(
                Code::TooLarge,
                &format!("no file of the server's may have more than {limit} bytes"),
            ),
            Self::NameTooLong => failure(Code::BadPath, "the name is too long"),
            Self::System(what, error) => {
                let code = match Errno::from_io_error(error) {
                    Some(Errno::NOSPC | Errno::DQUOT) => Code::NoSpace,
                    Some(Errno::FBIG) => Code::TooLarge,
                    Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Code::Denied,
                    _ => Code::Io,
                };
                failure(code, &format!("{what}: {error}"))
            }
        }
    }
}

impl Part {
    /// Opens what is there of an earlier try, or a file with nothing in it.
    pub(super) fn open(
        directory: OwnedFd,
        name: Vec<u8>,
        hidden: String,
        replace: Replace,
    ) -> Result<Self, Fault> {
        check_name(&directory, &name, replace)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for _ in 0..ATTEMPTS {
            let file = sys::openat(&directory, &*hidden, flags, Mode::RUSR | Mode::WUSR)
                .map_err(|errno| system("cannot be written there")(errno.into()))?;
            match sys::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(Fault::Busy),
                Err(errno) => return Err(system("cannot be locked")(errno.into())),
            }
            let stat = sys::fstat(&file).map_err(|e| system("cannot be looked at")(e.into()))?;
            let named = sys::statat(&directory, &*hidden, AtFlags::SYMLINK_NOFOLLOW);
            let is_it =
                |named: sys::Stat| (named.st_dev, named.st_ino) == (stat.st_dev, stat.st_ino);
            // Who had it before has finished or removed it in the meantime.
            if !named.is_ok_and(is_it) {
                continue;
            }
            let is_ours = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && stat.st_uid == rustix::process::geteuid().as_raw()
                && stat.st_nlink == 1;
            if !is_ours {
                // Somebody who may write in this directory has put it there.
                let _ = sys::unlinkat(&directory, &*hidden, AtFlags::empty());
                continue;
            }
            let length = u64::try_from(stat.st_size).unwrap_or(0);
            return Ok(Self { directory, name, hidden, replace, file: file.into(), length });
        }
        Err(Fault::Busy)
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// An error if there is no place for a file of `size` bytes. That there is some now is no promise.
    pub(super) fn make_sure_of(&self, size: u64) -> Result<(), Fault> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        if let Some(limit) = limit.filter(|limit| size > *limit) {
            return Err(Fault::Limit(limit));
        }
        let missing = size.saturating_sub(self.length);
        // Where the file system does not know, it will say so when it is full.
        let Ok(stat) = sys::fstatvfs(&self.file) else { return Ok(()) };
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if missing > free { Err(Fault::NoSpace { missing, free }) } else { Ok(()) }
    }

    /// Reads from `position` on; 0 at the end.
    pub(super) fn read(&mut self, position: u64, block: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.file.read_at(block, position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(system("what is there cannot be read")),
            }
        }
    }

    /// Begins anew.
    pub(super) fn restart(&mut self) -> Result<(), Fault> {
        self.go_on(0)
    }

    /// Goes on behind so many bytes.
    pub(super) fn go_on(&mut self, length: u64) -> Result<(), Fault> {
        let ready =
            self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        self.length = ready.map_err(system(WRITE))?;
        Ok(())
    }

    /// Writes what comes next.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes).map_err(system(WRITE))?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Gives it its date and its permissions, makes it durable, and then gives it its name.
    pub(super) fn finish(self, modified: Option<i64>, mode: Option<u32>) -> Result<(), Fault> {
        let finished = self.dress(modified, mode).and_then(|()| self.publish());
        if finished.is_err() {
            self.remove();
        }
        finished
    }

    fn dress(&self, modified: Option<i64>, mode: Option<u32>) -> Result<(), Fault> {
        let mode = Mode::from_raw_mode(mode.unwrap_or(READABLE) & 0o777) & !umask();
        match sys::fchmod(&self.file, mode) {
            // The file is ours, so it is the file system that does not have such permissions.
            Ok(()) | Err(Errno::PERM) => {}
            Err(errno) => return Err(system("cannot be given its permissions")(errno.into())),
        }
        if let Some(tv_sec) = modified {
            let modified = Timespec { tv_sec, tv_nsec: 0 };
            let times = Timestamps { last_access: modified, last_modification: modified };
            sys::futimens(&self.file, &times)
                .map_err(|errno| system("cannot be dated")(errno.into()))?;
        }
        self.file.sync_all().map_err(system(WRITE))
    }

    fn publish(&self) -> Result<(), Fault> {
        let Self { directory, name, hidden, replace, .. } = self;
        let published = match replace {
            Replace::Nothing => self.link(),
            Replace::Files => sys::renameat(directory, &**hidden, directory, &**name),
        };
        match published {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(Fault::Exists),
            Err(Errno::ISDIR) => return Err(Fault::InTheWay("a directory")),
            Err(errno) => return Err(system("cannot be given its name")(errno.into())),
        }
        sys::fsync(directory)
            .map_err(|errno| system("its directory cannot be written")(errno.into()))
    }

    /// Gives it its name if nothing has that: in one step, so that whoever else wants it sees one of both.
    fn link(&self) -> Result<(), Errno> {
        let Self { directory, name, hidden, .. } = self;
        let unreplaced = RenameFlags::NOREPLACE;
        match sys::renameat_with(directory, &**hidden, directory, &**name, unreplaced) {
            // A file system that cannot, or a kernel before 3.15: it can have two names for a moment.
            Err(Errno::INVAL | Errno::NOSYS) => {
                sys::linkat(directory, &**hidden, directory, &**name, AtFlags::empty())?;
                sys::unlinkat(directory, &**hidden, AtFlags::empty())
            }
            renamed => renamed,
        }
    }

    /// Nothing of it is of use.
    pub(super) fn remove(self) {
        // If it cannot go, it is tidied up some day.
        let _ = sys::unlinkat(&self.directory, &*self.hidden, AtFlags::empty());
    }
}

/// An error if the name cannot be had.
fn check_name(directory: &OwnedFd, name: &[u8], replace: Replace) -> Result<(), Fault> {
    let stat = match sys::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::NAMETOOLONG) => return Err(Fault::NameTooLong),
        Err(errno) => return Err(system("cannot be looked at")(errno.into())),
    };
    match (FileType::from_raw_mode(stat.st_mode), replace) {
        (FileType::Directory, _) => Err(Fault::InTheWay("a directory")),
        (FileType::RegularFile | FileType::Symlink, Replace::Files) => Ok(()),
        (_, Replace::Files) => Err(Fault::InTheWay("a device, a FIFO or a socket")),
        (_, Replace::Nothing) => Err(Fault::Exists),
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> Fault {
    move |error| Fault::System(what, error)
}

/// Removes what was left in directories by clients that did not come back.
#[derive(Debug, Default)]
pub(crate) struct Tidy(Mutex<HashMap<(u64, u64), Instant>>);

impl Tidy {
    /// Looks through a directory, unless that was done not long ago.
    pub(super) fn tidy(&self, directory: &OwnedFd) {
        let Ok(stat) = sys::fstat(directory) else { return };
        {
            let mut looked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (stat.st_dev, stat.st_ino);
            if looked.get(&key).is_some_and(|looked| looked.elapsed() < AGAIN) {
                return;
            }
            if looked.len() >= REMEMBERED {
                looked.clear();
            }
            looked.insert(key, Instant::now());
        }
        let Ok(entries) = Dir::read_from(directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_bytes();
            if name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes()) {
                remove_if_old(directory, name);
            }
        }
    }
}

fn remove_if_old(directory: &OwnedFd, name: &[u8]) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = sys::openat(directory, name, flags, Mode::empty()).map(File::from) else {
        return;
    };
    let age = file.metadata().and_then(|metadata| metadata.modified());
    let age = age.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    let locked = sys::flock(&file, FlockOperation::NonBlockingLockExclusive);
    if age.is_some_and(|age| age > OLD) && locked.is_ok() {
        let _ = sys::unlinkat(directory, name, AtFlags::empty());
    }
}

/// What the name of a file that is not whole begins with, so that it is hidden from all clients.
pub(super) const PREFIX: &str = ".framing-";

/// What it ends with.
pub(super) const SUFFIX: &str = ".part";

const WRITE: &str = "cannot be written";

/// The permissions of a file whose own are not known, before the umask.
const READABLE: u32 = 0o666;

/// How often it is tried to get hold of a file that others give up at the same moment.
const ATTEMPTS: u32 = 16;

/// How long something is kept for a client to go on with.
const OLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a directory is not looked through again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// Of how many directories that is remembered.
const REMEMBERED: usize = 1024;
