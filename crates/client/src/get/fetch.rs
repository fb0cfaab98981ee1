//! Asks for one file after another, over one connection after another.
//!
//! ```text
//!             up to 16 asked for               whole, or not to be had
//!   waiting ---------------------> asked ------------------------------> told
//!      ^                             |
//!      +--- the connection is lost --+
//! ```

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use framing_protocol::message::{Entry, Id, Text};

use super::intake::Valve;
use super::job::{Job, Saved};
use crate::args;
use crate::error::Error;
use crate::part::{Changed, PartError};
use crate::session::Interrupt;
use crate::target::Target;
use crate::transfer::{Line, Pace, Progress, Report, Verb};

/// The way to the server, and what is on it.
#[derive(Debug)]
pub(super) struct Fetch<'a> {
    asked: &'a args::Get,
    line: Line<'a>,
    valve: Valve,
    /// Files that have come, and are made durable meanwhile: the disk takes many at a time far better than
    /// one after the other.
    finishing: VecDeque<Finishing>,
    /// The folder of the last file, until it is synced.
    changed: Option<Changed>,
}

/// A file that has come, and has no name yet.
#[derive(Debug)]
struct Finishing {
    path: Text,
    part: Option<PathBuf>,
    thread: JoinHandle<Result<Saved, PartError>>,
}

impl<'a> Fetch<'a> {
    /// Connects.
    pub(super) fn connect(
        target: &'a Target,
        asked: &'a args::Get,
        interrupt: Arc<Interrupt>,
    ) -> Result<Self, Error> {
        let line = Line::connect(Verb::Get, target, &asked.transfer, interrupt)?;
        let pace = asked.transfer.limit_rate.map(|rate| Pace::new(rate, Instant::now()));
        let valve = Valve { pace, progress: Progress::new(Verb::Get, asked.transfer.progress) };
        Ok(Self { asked, line, valve, finishing: VecDeque::new(), changed: None })
    }

    /// How many files there are.
    pub(super) fn expect(&mut self, files: usize) {
        self.valve.progress.expect(files);
    }

    /// What is in a folder of the server's.
    pub(super) fn list(&mut self, path: &Text) -> Result<Vec<Entry>, Error> {
        loop {
            let mut entries = Vec::new();
            let listed = self.line.session().list(path, &mut io::sink(), |entry| {
                entries.push(entry.clone());
                Vec::new()
            });
            match listed {
                Ok(()) => {
                    self.line.works();
                    return Ok(entries);
                }
                Err(error) => self.line.again(error, &self.valve.progress)?,
            }
        }
    }

    /// Fetches all of them. Of what becomes of each the report is told; an error is one of which all
    /// that are left suffer.
    pub(super) fn all(&mut self, waiting: VecDeque<Job>, report: &mut Report) -> Result<(), Error> {
        let fetched = self.fetch(waiting, report);
        while self.finish_first(report) {}
        let synced = self.change(None);
        fetched.and(synced.map_err(Error::from))
    }

    fn fetch(&mut self, mut waiting: VecDeque<Job>, report: &mut Report) -> Result<(), Error> {
        let mut asked = VecDeque::new();
        loop {
            let lost = match self.turn(&mut waiting, &mut asked, report) {
                Ok(true) => continue,
                Ok(false) => break,
                Err(error) => error,
            };
            while let Some((job, _)) = asked.pop_back() {
                waiting.push_front(job);
            }
            if let Err(error) = self.line.again(lost, &self.valve.progress) {
                self.valve.progress.clear();
                return Err(give_up(waiting, error, report));
            }
        }
        self.valve.progress.clear();
        Ok(())
    }

    /// Asks for as many as may be, and fetches the first that is due; false if none is left. An error is
    /// one of the connection.
    fn turn(
        &mut self,
        waiting: &mut VecDeque<Job>,
        asked: &mut VecDeque<(Job, Id)>,
        report: &mut Report,
    ) -> Result<bool, Error> {
        while asked.len() < AHEAD
            && let Some(mut job) = waiting.pop_front()
        {
            // To read what an earlier download has left may take long, and writes nothing.
            let mut prepare = || job.prepare(self.asked);
            let prepared = if asked.is_empty() {
                self.line.interrupt().while_deaf(prepare)
            } else {
                prepare()
            };
            let get = match prepared {
                Ok(get) => get,
                Err(error) => {
                    let error = job.fail(error);
                    report.failed(&job.path, error);
                    continue;
                }
            };
            let id = self.line.session().ask_ahead(&get);
            match id {
                Ok(Some(id)) => asked.push_back((job, id)),
                // For now the server has enough to do.
                Ok(None) => {
                    waiting.push_front(job);
                    break;
                }
                Err(error) => {
                    waiting.push_front(job);
                    return Err(error);
                }
            }
        }
        let Some((mut job, id)) = asked.pop_front() else { return Ok(!waiting.is_empty()) };
        // Two files of the same name come one after the other.
        let part = job.part();
        while part.is_some()
            && self.finishing.iter().any(|finishing| finishing.part == part)
            && self.finish_first(report)
        {}
        let before = job.bytes();
        let opened = self.line.session().opened(id, self.asked.transfer.digest());
        let received = opened.and_then(|download| job.receive(download, &mut self.valve));
        if received.is_ok() || job.bytes() > before {
            self.line.works();
        }
        match received {
            Ok(received) => {
                while self.finishing.len() >= AT_ONCE && self.finish_first(report) {}
                let (path, part) = (job.path, received.part());
                match thread::Builder::new().spawn(move || received.finish()) {
                    Ok(thread) => self.finishing.push_back(Finishing { path, part, thread }),
                    Err(error) => report.failed(&path, error.into()),
                }
            }
            Err(error) if error.is_passing() || matches!(error, Error::Interrupted) => {
                waiting.push_front(job);
                // In its place, for those that were asked for come before it otherwise.
                while let Some((job, _)) = asked.pop_back() {
                    waiting.insert(1, job);
                }
                return Err(error);
            }
            Err(error) => {
                let error = job.fail(error);
                report.failed(&job.path, error);
            }
        }
        Ok(true)
    }

    /// Waits until the first of the files that have come has its name; false if there is none.
    fn finish_first(&mut self, report: &mut Report) -> bool {
        let Some(Finishing { path, thread, .. }) = self.finishing.pop_front() else { return false };
        let finished = thread.join().map_err(|_| Error::System(io::ErrorKind::Other.into()));
        let finished = finished.and_then(|finished| {
            let mut saved = finished?;
            self.change(saved.changed.take())?;
            Ok(saved)
        });
        match finished {
            Ok(saved) => report.done(&saved.told(path)),
            Err(error) => report.failed(&path, error),
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

/// Ends all that are left, and gives the error that says why.
fn give_up(waiting: VecDeque<Job>, error: Error, report: &mut Report) -> Error {
    let mut error = Some(error);
    for mut job in waiting {
        error = error.map(|error| job.fail(error));
        report.left_out(&job.path, error.as_ref());
    }
    error.unwrap_or(Error::Interrupted)
}

/// How many files are asked for at a time: as many as the protocol allows.
const AHEAD: usize = 16;

/// How many files are made durable at a time.
const AT_ONCE: usize = 16;
