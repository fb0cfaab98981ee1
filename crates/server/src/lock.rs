//! One program at a time.

use framing_transport::Exposed;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Waits until no other program of ours changes the file, and keeps others from it until the lock is
/// dropped. The file itself is replaced by every change, so the lock is on one beside it.
pub(crate) fn lock(file: &Path) -> Result<OwnedFd, Exposed> {
    let path = file.with_extension("lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let locked = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).and_then(|lock| {
        rustix::io::retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
        Ok(lock)
    });
    locked.map_err(|errno| Exposed::Io { path, source: io::Error::from(errno) })
}
