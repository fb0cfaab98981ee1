//! Content on its way: read, told of, and no faster than wanted.

use std::fs::{File, Metadata};
use std::io::{self, Read, Stdin, stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{Advice, Mode, OFlags};

use super::Valve;
use crate::error::Error;
use crate::session::Source;

/// What is put.
#[derive(Debug)]
pub(super) enum Content {
    File { file: File, before: Metadata },
    Stdin(Stdin),
}

impl Content {
    /// Opens a file, and never waits for anything else that it may be.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::File { what: "read", path: path.into(), source };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let file = File::from(file.map_err(|errno| failed(errno.into()))?);
        let before = file.metadata().map_err(failed)?;
        if before.is_dir() {
            return Err(Error::Folder { path: path.into() });
        }
        if !before.is_file() {
            return Err(Error::NotAFile { path: path.into() });
        }
        // Where the system does not heed it, it is slower.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        Ok(Self::File { file, before })
    }

    pub(super) fn stdin() -> Self {
        Self::Stdin(stdin())
    }

    /// What it is, if it is a file.
    pub(super) fn metadata(&self) -> Option<&Metadata> {
        match self {
            Self::File { before, .. } => Some(before),
            Self::Stdin(_) => None,
        }
    }

    /// An error if it is not what it was when it was opened.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Self::File { file, before } = self else { return Ok(()) };
        let state = |stat: &Metadata| {
            (stat.size(), stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec())
        };
        match file.metadata() {
            Ok(after) if state(&after) == state(before) => Ok(()),
            Ok(_) => Err(Error::Changed),
            Err(error) => Err(Error::Source(error)),
        }
    }
}

/// Content, as it is sent.
pub(super) struct Metered<'a> {
    pub(super) content: &'a mut Content,
    pub(super) valve: &'a mut Valve,
    /// How much was read.
    pub(super) bytes: u64,
}

impl Source for Metered<'_> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let n = match self.content {
            Content::File { file, .. } => Read::read(file, block)?,
            // Not through its buffer, of which `poll` knows nothing.
            Content::Stdin(stdin) => rustix::io::read(&*stdin, block)?,
        };
        let (count, now) = (n as u64, Instant::now());
        self.bytes += count;
        self.valve.progress.add(count);
        self.valve.progress.tick(now);
        if let Some(pace) = &mut self.valve.pace {
            pace.take(count, now);
        }
        Ok(n)
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        match &*self.content {
            Content::File { .. } => None,
            Content::Stdin(stdin) => Some(AsFd::as_fd(stdin)),
        }
    }

    fn opens_at(&self) -> Option<Instant> {
        self.valve.pace.as_ref().map(crate::transfer::Pace::opens_at)
    }
}
