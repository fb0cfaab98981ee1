//! Many files, made durable at once.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Part;
use rustix::fs::syncfs;

/// The file systems on which all of certain files are durable.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    devices: Vec<u64>,
}

/// Whether whole file systems are synced: until that has taken too long once, for others write there, too.
#[derive(Debug, Default)]
pub(crate) struct Busy(AtomicBool);

impl Synced {
    /// Makes these files durable where they are many: the whole file system waits, with all that others have
    /// written to it, but only once.
    pub(crate) fn files<'p>(parts: impl Iterator<Item = &'p Part> + Clone, busy: &Busy) -> Self {
        let mut synced = Self::default();
        if parts.clone().count() < MANY || !*TELLS_ERRORS || busy.0.load(Ordering::Relaxed) {
            return synced;
        }
        let began = Instant::now();
        for file in parts.filter_map(|part| part.file.as_ref()) {
            // Where it fails, each file is synced by itself, and tells what is wrong.
            if let Ok(stat) = file.metadata()
                && !synced.devices.contains(&stat.dev())
                && syncfs(file).is_ok()
            {
                synced.devices.push(stat.dev());
            }
        }
        if began.elapsed() > TOO_LONG {
            busy.0.store(true, Ordering::Relaxed);
        }
        synced
    }

    /// Whether this file, if it was one of them, is durable.
    pub(crate) fn holds(&self, file: &File) -> bool {
        !self.devices.is_empty()
            && file.metadata().is_ok_and(|stat| self.devices.contains(&stat.dev()))
    }
}

/// Whether the system says of such a sync that it failed: Linux does since 5.8.
static TELLS_ERRORS: LazyLock<bool> = LazyLock::new(|| {
    let name = rustix::system::uname();
    let mut numbers = name.release().to_str().unwrap_or_default().split('.');
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
    (next(), next()) >= (5, 8)
});

/// A disk that has nothing else to do takes a small part of this.
const TOO_LONG: Duration = Duration::from_secs(1);

/// From so many files on, one after the other would take longer.
const MANY: usize = 16;
