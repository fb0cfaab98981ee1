//! A directory on its way to the client, or what is known of one of its entries.

use crate::root::Root;
use crate::sending::{denied, failure};
use crate::work::Progress;
use framing_protocol::Id;
use framing_protocol::message::{Code, Entry, EntryKind, Failure, Text};
use framing_protocol::server::Server as Protocol;
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::vec;

/// A directory that a `list` asked for: its names are read a batch at a time and sorted, then sent
/// a batch at a time as there is room.
#[derive(Debug)]
pub(crate) struct Listing {
    id: Id,
    directory: OwnedFd,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reading { entries: Dir, names: Vec<Box<[u8]>>, bytes: usize },
    Sending(vec::IntoIter<Box<[u8]>>),
}

impl Listing {
    /// Opens the directory; none if it cannot be had, which the client is told.
    pub(crate) fn start(
        id: Id,
        root: Option<&Root>,
        path: &Text,
        protocol: &mut Protocol,
    ) -> Option<Self> {
        let opened = root.ok_or_else(denied).and_then(|root| {
            let directory =
                root.directory(path.as_bytes()).map_err(|error| failure(&error, path))?;
            let entries = Dir::read_from(&directory).map_err(broken)?;
            Ok((directory, entries))
        });
        match opened {
            Ok((directory, entries)) => {
                let stage = Stage::Reading { entries, names: Vec::new(), bytes: 0 };
                Some(Self { id, directory, stage })
            }
            Err(failure) => {
                protocol.fail(id, failure);
                None
            }
        }
    }

    /// The request that it answers.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Reads or sends one batch.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        match &mut self.stage {
            Stage::Reading { entries, names, bytes } => {
                match read(entries, names, bytes) {
                    Ok(Progress::Going) => {}
                    Ok(Progress::Done) => {
                        names.sort_unstable();
                        self.stage = Stage::Sending(std::mem::take(names).into_iter());
                    }
                    Err(failure) => {
                        protocol.fail(self.id, failure);
                        return Progress::Done;
                    }
                }
                Progress::Going
            }
            Stage::Sending(names) => {
                if protocol.room() == 0 {
                    return Progress::Going;
                }
                let batch: Vec<Entry> = names
                    .by_ref()
                    .take(BATCH)
                    .filter_map(|name| describe(&self.directory, &name))
                    .collect();
                if !batch.is_empty() {
                    protocol.entries(self.id, &batch);
                }
                if names.len() > 0 {
                    return Progress::Going;
                }
                protocol.entries_end(self.id);
                Progress::Done
            }
        }
    }
}

fn read(
    entries: &mut Dir,
    names: &mut Vec<Box<[u8]>>,
    bytes: &mut usize,
) -> Result<Progress, Failure> {
    for _ in 0..READ {
        let name = match entries.read() {
            Some(Ok(entry)) => entry.file_name().to_bytes().to_owned(),
            Some(Err(Errno::INTR)) => continue,
            Some(Err(errno)) => return Err(broken(errno)),
            None => return Ok(Progress::Done),
        };
        // Hidden names, and the directory itself and the one above.
        if name.starts_with(b".") {
            continue;
        }
        *bytes = bytes.saturating_add(name.len()).saturating_add(OVERHEAD);
        if *bytes > MEMORY {
            return Err(Failure::new(Code::TooLarge, "the directory has too many entries to list")
                .hint("get a file in it by its name"));
        }
        names.push(name.into_boxed_slice());
    }
    Ok(Progress::Going)
}

/// Answers a `stat`.
pub(crate) fn look(id: Id, root: Option<&Root>, path: &Text, protocol: &mut Protocol) {
    let looked = root
        .ok_or_else(denied)
        .and_then(|root| root.look(path.as_bytes()).map_err(|error| failure(&error, path)));
    match looked {
        Ok((name, stat)) => protocol.entry(id, entry(&name, &stat)),
        Err(failure) => protocol.fail(id, failure),
    }
}

/// None for an entry that has vanished meanwhile.
fn describe(directory: &OwnedFd, name: &[u8]) -> Option<Entry> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(entry(name, &stat))
}

fn entry(name: &[u8], stat: &Stat) -> Entry {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    };
    let size = if kind == EntryKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    let (modified, mode) = (Some(stat.st_mtime), Some(stat.st_mode & 0o7777));
    Entry { modified, mode, ..Entry::new(Text::from(name), kind, size) }
}

fn broken(errno: Errno) -> Failure {
    Failure::new(Code::Io, format!("the directory could not be read to its end: {errno}"))
}

/// How many names are read in one turn.
const READ: usize = 4096;

/// How many entries are sent in one message: with names of 255 bytes, each of them escaped, it is
/// well below the largest body.
const BATCH: usize = 128;

/// How much memory the names of one directory may take.
const MEMORY: usize = 16 * 1024 * 1024;

/// What a name takes beside its bytes.
const OVERHEAD: usize = 32;
