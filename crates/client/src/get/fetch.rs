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
use std::sync::Arc;

use framing_protocol::message::{Entry, Id, Text};

use super::finish::Finish;
use super::intake::Valve;
use super::job::Job;
use crate::args;
use crate::error::Error;
use crate::session::Interrupt;
use crate::target::Target;
use crate::transfer::{Line, Pace, Progress, Report, Verb};

/// The way to the server, and what is on it.
#[derive(Debug)]
pub(super) struct Fetch<'a> {
    asked: &'a args::Get,
    line: Line<'a>,
    valve: Valve,
    /// Files that have come, and are made durable meanwhile.
    finish: Finish,
}

impl<'a> Fetch<'a> {
    /// Connects.
    pub(super) fn connect(
        target: &'a Target,
        asked: &'a args::Get,
        interrupt: Arc<Interrupt>,
    ) -> Result<Self, Error> {
        let line = Line::connect(Verb::Get, target, &asked.transfer, interrupt)?;
        let pace = asked.transfer.limit_rate.map(Pace::starting);
        let valve = Valve { pace, progress: Progress::new(Verb::Get, asked.transfer.progress) };
        Ok(Self { asked, line, valve, finish: Finish::new() })
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
        let synced = self.finish.all(report);
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
            // What has come is not to wait for what may never come.
            self.finish.start(report);
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
        if let Some(part) = job.part() {
            self.finish.await_part(&part, report);
        }
        let before = job.bytes();
        let opened = self.line.session().opened(id, self.asked.transfer.digest());
        let received = opened.and_then(|download| {
            let file = download.file();
            self.finish.expect(file.total_size.saturating_sub(file.offset), report);
            job.receive(download, &mut self.valve)
        });
        if received.is_ok() || job.bytes() > before {
            self.line.works();
        }
        match received {
            Ok(received) => self.finish.add(job.path, received, report),
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
