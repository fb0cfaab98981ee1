//! A download in progress: `NAME.part`, which becomes `NAME` in one step or not at all.
//!
//! ```text
//!            nothing of ours there, or of no use
//!  opened ------------------------------------------> create, lock, mark ---> write ... ---> finish: fsync,
//!    |                                                     ^        |          ^  |          unmark, link the open
//!    | a part and its state                                |        |          |  |          file to NAME, unlink
//!    +----> hash it, ask for the rest ---- from 0 on ------+        |          |  |          NAME.part and its state
//!                   |                                               |          |  |
//!                   +--------------- from there on -----------------|----------+  |
//!                                                                   v             v
//!                                                 dropped: kept with its state, if that is worth it
//! ```
//!
//! What gets the name is the open file, whatever its part name leads to by then: not a byte that
//! somebody else has put there becomes `NAME`.
//!
//! Beside the part lies `NAME.part.state` (see [`state`]), which says how much of it is certainly on disk:
//! the content is synced first, the number written after it. A download that is killed at any moment leaves
//! a pair from which the next one goes on, if the server finds that what is there is its own; or something
//! that is thrown away. A file so small that nothing is gained by going on has no state.
//!
//! Both files are ours, and only ours: plain files of our own user, locked, and known by the extended
//! attribute `user.framing.part`; or by the state, which can be read and names the part's inode; or they are
//! empty, so that nobody can miss anything. All else is in the way and stays as it is.

mod error;
mod place;
mod state;
mod synced;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use framing_protocol::message::{self, Text};
use rustix::fs::{self as sys, Mode, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use state::Record;

pub(crate) use synced::{Busy, Synced};

pub use error::PartError;
pub(crate) use place::{Changed, Existing, Place, make_folder, open_folder};

/// The part file. Dropping it keeps what is worth it; [`Part::discard`] keeps nothing.
#[derive(Debug)]
pub(crate) struct Part {
    place: Place,
    name: OsString,
    state_name: OsString,
    file: Option<File>,
    state: Option<(File, Record)>,
    /// Where the next byte goes.
    position: u64,
    /// When the state was last written, and how long after that it shall be written again.
    noted: Instant,
    pause: Duration,
    mode: Mode,
    fate: Fate,
}

/// What becomes of a part that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Removed,
}

/// What is there of an earlier download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// How many bytes of it can be trusted to be as they came.
    pub(crate) verified: u64,
    /// What the server called the state of its file.
    pub(crate) etag: Option<String>,
}

/// What was found in the place of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or nothing worth a word.
    Nothing,
    /// A part to go on from.
    Part,
    /// A part of ours that is of no use, and was removed.
    Useless,
}

impl Part {
    /// Looks for an earlier download to the same place, and keeps others away from it. What is not ours is
    /// an error.
    pub(crate) fn open(place: Place) -> Result<(Self, Found), PartError> {
        let name = place.part_name();
        let mut state_name = name.clone();
        state_name.push(place::STATE);
        let mut part = Self {
            place,
            name,
            state_name,
            file: None,
            state: None,
            position: 0,
            noted: Instant::now(),
            pause: PAUSE,
            mode: Mode::empty(),
            fate: Fate::Kept,
        };
        let found = part.look()?;
        Ok((part, found))
    }

    fn look(&mut self) -> Result<Found, PartError> {
        let file = self.place.claim(&self.name)?;
        let state = self.place.claim(&self.state_name)?;
        let record = state.as_ref().and_then(Record::read);
        if let Some(state) = &state
            && record.is_none()
            && !is_ours(state)
        {
            return Err(self.place.foreign(&self.state_name));
        }
        if let Some(file) = &file {
            let inode = file.metadata().map(|metadata| metadata.ino()).ok();
            let is_named = record.as_ref().is_some_and(|record| Some(record.inode) == inode);
            if !is_named && !is_ours(file) {
                return Err(self.place.foreign(&self.name));
            }
        }
        let length =
            file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |stat| stat.len());
        match (&file, &state, record) {
            (Some(file), Some(state), Some(record)) if is_usable(file, &record) => {
                self.state = state.try_clone().ok().map(|state| (state, record));
            }
            _ => {}
        }
        if self.state.is_some() {
            self.file = file;
            return Ok(Found::Part);
        }
        if let Some(file) = file {
            self.place.unlink(&self.name, &file);
        }
        if let Some(state) = state {
            self.place.unlink(&self.state_name, &state);
        }
        Ok(if length >= WORTH_IT { Found::Useless } else { Found::Nothing })
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.beside(&self.name)
    }

    /// What is there of an earlier download.
    pub(crate) fn known(&self) -> Option<Known> {
        let (_, record) = self.state.as_ref()?;
        (record.verified > 0)
            .then(|| Known { verified: record.verified, etag: record.etag.clone() })
    }

    /// Reads what can be trusted of it, in pieces.
    pub(crate) fn read(&mut self, mut piece: impl FnMut(&[u8])) -> Result<(), PartError> {
        let (Some(file), Some((_, record))) = (&mut self.file, &self.state) else { return Ok(()) };
        let mut buffer = vec![0; READ];
        let mut left = record.verified;
        let result = file.rewind().and_then(|()| {
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(READ).min(READ);
                let n = match file.read(&mut buffer[..most]) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                piece(&buffer[..n]);
                left -= n as u64;
            }
            Ok(())
        });
        result.map_err(|source| self.failed("cannot read", source))
    }

    /// Makes ready for what the server sends: from its beginning, then all that was there goes, or behind
    /// what is there.
    pub(crate) fn accept(
        &mut self,
        file: &message::File,
        path: &Text,
        server: &str,
    ) -> Result<(), PartError> {
        self.mode = Mode::from_raw_mode(file.mode.unwrap_or(READABLE) & 0o777);
        if file.offset == 0 {
            self.remove();
            return self.begin(file, path, server);
        }
        let Some(part) = &mut self.file else { return Ok(()) };
        // What lies behind it came, too, but nobody has seen to it that it stays.
        let ready =
            part.set_len(file.offset).and_then(|()| part.seek(SeekFrom::Start(file.offset)));
        self.position = ready.map_err(|source| self.failed("cannot write", source))?;
        Ok(())
    }

    fn begin(&mut self, file: &message::File, path: &Text, server: &str) -> Result<(), PartError> {
        // The part comes first, and is locked: whoever finds it there looks no further.
        let part = self.place.create(&self.name)?;
        mark(&part);
        let part = self.file.insert(part);
        self.position = 0;
        if file.total_size >= WORTH_IT {
            let record =
                Record::new(file.total_size, file.etag.clone(), path.clone(), server.to_owned());
            let record = record.of(part).map_err(|source| PartError::Io {
                what: "cannot look at",
                path: self.place.beside(&self.name),
                source,
            })?;
            let state = self.place.create(&self.state_name)?;
            mark(&state);
            let written = record.write(&state).and_then(|()| state.sync_all());
            self.state = Some((state, record));
            written.map_err(|source| PartError::Io {
                what: "cannot write",
                path: self.place.beside(&self.state_name),
                source,
            })?;
        }
        Ok(())
    }

    /// Makes what has been written durable, and then says in the state that it is.
    pub(crate) fn note(&mut self) -> io::Result<()> {
        let (Some(file), Some((state, record))) = (&self.file, &mut self.state) else {
            return Ok(());
        };
        if record.verified != self.position {
            let began = Instant::now();
            file.sync_data()?;
            record.verified = self.position;
            record.write(state)?;
            state.sync_data()?;
            // However slow the disk is, most of the time is for the content.
            self.pause = PAUSE.max(began.elapsed() * 10);
        }
        self.noted = Instant::now();
        Ok(())
    }

    /// How much is kept if it ends here.
    pub(crate) fn kept(&mut self) -> u64 {
        // What cannot be noted does not count.
        let _ = self.note();
        self.state.as_ref().map_or(0, |(_, record)| record.verified)
    }

    /// Nothing of it is of use.
    pub(crate) fn discard(mut self) {
        self.fate = Fate::Removed;
    }

    /// Makes the file durable, unless it is `synced` already, dates it (`modified`: seconds since 1970) and gives it
    /// its name, unless that has been taken meanwhile. The name is durable once the folder, which is given with it, is synced: for
    /// many small files that is most of the time, and once is enough for all.
    pub(crate) fn finish(
        mut self,
        modified: Option<i64>,
        synced: &Synced,
    ) -> Result<(PathBuf, Changed), PartError> {
        let Some(file) = self.file.take() else {
            return Err(PartError::Gone { path: self.path() });
        };
        // Before it is undressed of what tells that it is ours, for this may take long.
        let durable = if synced.holds(&file) { Ok(()) } else { file.sync_all() };
        let finished = durable
            .map_err(|source| self.failed("cannot write", source))
            .and_then(|()| self.dress(&file, modified))
            .and_then(|()| self.place.publish(&self.name, &file));
        self.file = Some(file);
        if let Err(error) = finished {
            // Whole, and nowhere to go: what exists stays, and there is no use in going on.
            if matches!(error, PartError::Exists { .. } | PartError::Gone { .. }) {
                self.fate = Fate::Removed;
            }
            return Err(error);
        }
        self.remove();
        Ok((self.place.path.clone(), self.place.changed()))
    }

    /// Gives the file what it shall have at the end: no mark, its permissions and its date.
    fn dress(&self, file: &File, modified: Option<i64>) -> Result<(), PartError> {
        let failed = |what, source| self.place.failed(what, &self.name, source);
        // There is none where there cannot be one.
        let _ = sys::fremovexattr(file, MARK);
        match sys::fchmod(file, self.mode & !umask()) {
            // The file is ours, so it is the file system that does not have such permissions.
            Ok(()) | Err(Errno::PERM) => {}
            Err(source) => return Err(failed("cannot set the permissions of", source)),
        }
        if let Some(tv_sec) = modified {
            let modified = Timespec { tv_sec, tv_nsec: 0 };
            let times = Timestamps { last_access: modified, last_modification: modified };
            sys::futimens(file, &times).map_err(|source| failed("cannot date", source))?;
        }
        Ok(())
    }

    /// Gives up both names, if they are not what somebody else has put there.
    fn remove(&mut self) {
        if let Some(file) = self.file.take() {
            self.place.unlink(&self.name, &file);
        }
        if let Some((state, _)) = self.state.take() {
            self.place.unlink(&self.state_name, &state);
        }
    }

    fn failed(&self, what: &'static str, source: io::Error) -> PartError {
        PartError::Io { what, path: self.path(), source }
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let n = file.write(bytes)?;
        self.position += n as u64;
        if self.noted.elapsed() >= self.pause {
            self.note()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.fate == Fate::Removed || self.kept() == 0 {
            self.remove();
        }
    }
}

/// Whether a file that has one of our names bears our mark, or nothing that anybody could miss.
fn is_ours(file: &File) -> bool {
    let is_empty = || file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    sys::fgetxattr(file, MARK, &mut [0; 0]).is_ok() || is_empty()
}

/// Whether there is something to go on from. A part that has two names was all but finished: what has the
/// other one is not to be written to.
fn is_usable(file: &File, record: &Record) -> bool {
    let writable =
        rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(sys::OFlags::RDWR));
    writable
        && file.metadata().is_ok_and(|stat| {
            stat.nlink() == 1
                && stat.ino() == record.inode
                && (1..=stat.len()).contains(&record.verified)
        })
}

fn mark(file: &File) {
    // Without a mark it would be in the way of the next download if this one were killed early, no more.
    let _ = sys::fsetxattr(file, MARK, b"", XattrFlags::empty());
}

/// What the user does not want new files to permit. To ask for it in the usual way is to change it.
fn umask() -> Mode {
    static BITS: OnceLock<u32> = OnceLock::new();
    let bits = BITS.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        line.and_then(|bits| u32::from_str_radix(bits.trim(), 8).ok()).unwrap_or(CAREFUL)
    });
    Mode::from_raw_mode(*bits)
}

/// A path for messages.
pub(crate) fn shown(path: &Path) -> message::Escaped<'_> {
    crate::error::shown(path.as_os_str().as_encoded_bytes())
}

/// Tells what is ours from a file of the user's own that has such a name.
const MARK: &str = "user.framing.part";

/// How long it takes at least from one note of what is on disk to the next.
const PAUSE: Duration = Duration::from_millis(250);

/// The smallest file for which there is a state, in bytes: less is fetched again in no time.
const WORTH_IT: u64 = 64 * 1024;

/// How much is read at once, in bytes.
const READ: usize = 256 * 1024;

/// The permissions of a file whose own are not known, before the umask.
const READABLE: u32 = 0o666;

/// The umask where the system does not tell it.
const CAREFUL: u32 = 0o077;

#[cfg(test)]
mod tests;
