//! Many files, made durable at once.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use super::Part;
use rustix::fs::syncfs;

/// The file systems on which all of certain files are durable.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    devices: Vec<u64>,
}

impl Synced {
    /// Makes these files durable where they are many: the whole file system waits, with all that others have
    /// written to it, but only once.
    pub(crate) fn files<'p>(parts: impl Iterator<Item = &'p Part> + Clone) -> Self {
        let mut synced = Self::default();
        if parts.clone().count() < MANY {
            return synced;
        }
        for file in parts.filter_map(|part| part.file.as_ref()) {
            // Where it fails, each file is synced by itself, and tells what is wrong.
            if let Ok(stat) = file.metadata()
                && !synced.devices.contains(&stat.dev())
                && syncfs(file).is_ok()
            {
                synced.devices.push(stat.dev());
            }
        }
        synced
    }

    /// Whether this file, if it was one of them, is durable.
    pub(crate) fn holds(&self, file: &File) -> bool {
        !self.devices.is_empty()
            && file.metadata().is_ok_and(|stat| self.devices.contains(&stat.dev()))
    }
}

/// From so many files on, one after the other would take longer.
const MANY: usize = 16;
