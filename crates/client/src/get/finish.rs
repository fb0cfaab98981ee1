//! Files that have come are made durable, and get their names: many at a time where they are small.
//!
//! ```text
//!             enough of them, or one that is large follows             all of them on disk
//!  gathered ----------------------------------------------> syncing -----------------------> named, told
//!                                                           (a thread)
//! ```
//!
//! A disk takes many files at a time far better than one after the other. So they wait for each other, though
//! not long; then, where they are many, the whole file system is synced once (`syncfs`, which tells of errors
//! since Linux 5.8), and else each of them. No name is there before its content is durable.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use framing_protocol::message::Text;

use super::job::{Received, Saved};
use crate::error::Error;
use crate::part::{Busy, Changed, PartError};
use crate::transfer::Report;

/// Takes what has come.
#[derive(Debug)]
pub(super) struct Finish {
    gathered: Vec<Arrived>,
    /// Of all of these.
    bytes: u64,
    /// When the first of them came.
    since: Instant,
    syncing: VecDeque<Syncing>,
    /// The folder of the last file, until it is synced.
    changed: Option<Changed>,
    busy: Arc<Busy>,
}

/// A file that has come, and has no name yet.
#[derive(Debug)]
struct Arrived {
    path: Text,
    received: Received,
}

/// Files that are made durable.
#[derive(Debug)]
struct Syncing {
    paths: Vec<Text>,
    parts: Vec<PathBuf>,
    thread: JoinHandle<Vec<Result<Saved, PartError>>>,
}

impl Finish {
    pub(super) fn new() -> Self {
        Self {
            gathered: Vec::new(),
            bytes: 0,
            since: Instant::now(),
            syncing: VecDeque::new(),
            changed: None,
            busy: Arc::default(),
        }
    }

    /// A file has come.
    pub(super) fn add(&mut self, path: Text, received: Received, report: &mut Report) {
        if self.gathered.is_empty() {
            self.since = Instant::now();
        }
        self.bytes = self.bytes.saturating_add(received.size());
        self.gathered.push(Arrived { path, received });
        if self.gathered.len() >= MOST || self.bytes >= LARGE || self.since.elapsed() >= WAIT {
            self.start(report);
        }
    }

    /// So many bytes are about to come, for which those that have come shall not wait.
    pub(super) fn expect(&mut self, bytes: u64, report: &mut Report) {
        if bytes >= LARGE {
            self.start(report);
        }
    }

    /// Waits until the part of that name has become a file, if it is one of those that have come.
    pub(super) fn await_part(&mut self, part: &Path, report: &mut Report) {
        let is_it = |other: &Path| other.as_os_str() == part.as_os_str();
        if self.gathered.iter().filter_map(|one| one.received.part()).any(|one| is_it(&one)) {
            self.start(report);
        }
        while self.syncing.iter().any(|syncing| syncing.parts.iter().any(|one| is_it(one)))
            && self.finish_first(report)
        {}
    }

    /// Makes those durable that have come.
    pub(super) fn start(&mut self, report: &mut Report) {
        if self.gathered.is_empty() {
            return;
        }
        while self.syncing.len() >= AT_ONCE && self.finish_first(report) {}
        self.bytes = 0;
        let gathered = std::mem::take(&mut self.gathered);
        let (paths, received): (Vec<_>, Vec<_>) =
            gathered.into_iter().map(|one| (one.path, one.received)).unzip();
        let parts = received.iter().filter_map(Received::part).collect();
        let busy = Arc::clone(&self.busy);
        match thread::Builder::new().spawn(move || Received::finish_all(received, &busy)) {
            Ok(thread) => self.syncing.push_back(Syncing { paths, parts, thread }),
            Err(error) => {
                for path in paths {
                    report.failed(&path, io::Error::from(error.kind()).into());
                }
            }
        }
    }

    /// Waits until all that have come are durable, and have their names.
    pub(super) fn all(&mut self, report: &mut Report) -> Result<(), PartError> {
        self.start(report);
        while self.finish_first(report) {}
        self.change(None)
    }

    /// Waits until the first of those that are made durable have their names; false if there are none.
    fn finish_first(&mut self, report: &mut Report) -> bool {
        let Some(Syncing { paths, thread, .. }) = self.syncing.pop_front() else { return false };
        let Ok(finished) = thread.join() else {
            for path in paths {
                report.failed(&path, Error::System(io::ErrorKind::Other.into()));
            }
            return true;
        };
        for (path, finished) in paths.iter().zip(finished) {
            let finished = finished.and_then(|mut saved| {
                self.change(saved.changed.take())?;
                Ok(saved)
            });
            match finished {
                Ok(saved) => report.done(&saved.told(path.clone())),
                Err(error) => report.failed(path, error.into()),
            }
        }
        true
    }

    /// Names have changed in a folder: makes those in another one durable, since there are no more to come.
    fn change(&mut self, changed: Option<Changed>) -> Result<(), PartError> {
        let before = match (&self.changed, &changed) {
            (Some(before), Some(changed)) if before.is_same(changed) => return Ok(()),
            _ => std::mem::replace(&mut self.changed, changed),
        };
        before.map_or(Ok(()), Changed::sync)
    }
}

/// How many files wait for each other at most. They are open meanwhile, and a process may have no more than a
/// thousand files open, as a rule.
const MOST: usize = 128;

/// How many bytes do.
const LARGE: u64 = 16 * 1024 * 1024;

/// How long the first of them waits while others come.
const WAIT: Duration = Duration::from_secs(1);

/// How many such groups are made durable at a time.
const AT_ONCE: usize = 4;
