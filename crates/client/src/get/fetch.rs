//! Asks for one file after another, over one connection after another.
//!
//! ```text
//!             up to 16 asked for               whole, or not to be had
//!   waiting ---------------------> asked ------------------------------> told
//!      ^                             |
//!      +--- the connection is lost --+      then a pause: 1 s, 2 s, 4 s ... 30 s
//! ```

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use framing_protocol::message::{Entry, Id, Text};

use super::finish::Finish;
use super::intake::Valve;
use super::job::Job;
use super::pace::Pace;
use super::progress::Progress;
use super::report::Report;
use crate::args;
use crate::error::Error;
use crate::report::line;
use crate::session::{Interrupt, Patience, Session};
use crate::target::Target;

/// The way to the server.
#[derive(Debug)]
pub(super) struct Fetch<'a> {
    target: &'a Target,
    asked: &'a args::Get,
    interrupt: Arc<Interrupt>,
    session: Session,
    valve: Valve,
    /// How often we have connected again since something came.
    tries: u32,
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
        let session = open(target, asked, &interrupt)?;
        let pace = asked.limit_rate.map(|rate| Pace::new(rate, Instant::now()));
        let valve = Valve { pace, progress: Progress::new(asked.progress) };
        Ok(Self { target, asked, interrupt, session, valve, tries: 0, finish: Finish::new() })
    }

    /// How many files there are.
    pub(super) fn expect(&mut self, files: usize) {
        self.valve.progress.expect(files);
    }

    /// What is in a folder of the server's.
    pub(super) fn list(&mut self, path: &Text) -> Result<Vec<Entry>, Error> {
        loop {
            let mut entries = Vec::new();
            let listed = self.session.list(path, &mut io::sink(), |entry| {
                entries.push(entry.clone());
                Vec::new()
            });
            match listed {
                Ok(()) => {
                    self.tries = 0;
                    return Ok(entries);
                }
                Err(error) if error.is_passing() => self.reconnect(error)?,
                Err(error) => return Err(error),
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
            let lost = match lost {
                lost if lost.is_passing() => self.reconnect(lost),
                lost => Err(lost),
            };
            if let Err(error) = lost {
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
            let prepared =
                if asked.is_empty() { self.interrupt.while_deaf(prepare) } else { prepare() };
            let get = match prepared {
                Ok(get) => get,
                Err(error) => {
                    let error = job.fail(error);
                    report.failed(&job.path, error);
                    continue;
                }
            };
            let id = self.session.ask_ahead(&get);
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
        let opened = self.session.opened(id, self.asked.digest());
        let received = opened.and_then(|download| {
            let file = download.file();
            self.finish.expect(file.total_size.saturating_sub(file.offset), report);
            job.receive(download, &mut self.valve)
        });
        if received.is_ok() || job.bytes() > before {
            self.tries = 0;
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

    /// Connects again, in a while.
    fn reconnect(&mut self, mut lost: Error) -> Result<(), Error> {
        loop {
            if self.tries >= self.asked.retries {
                return Err(lost);
            }
            let pause = LONGEST.min(Duration::from_secs(1 << self.tries.min(10)));
            self.tries += 1;
            self.valve.progress.clear();
            line(format_args!(
                "get: {lost}; trying again in {} s ({} of {})",
                pause.as_secs(),
                self.tries,
                self.asked.retries
            ));
            self.interrupt.pause(pause)?;
            match open(self.target, self.asked, &self.interrupt) {
                Ok(session) => {
                    self.session = session;
                    return Ok(());
                }
                Err(error) if error.is_passing() => lost = error,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Connects. That cannot be ended early, but there is nothing to be lost either: what has come is on disk, and
/// its state is.
fn open(target: &Target, asked: &args::Get, interrupt: &Arc<Interrupt>) -> Result<Session, Error> {
    let mut session = interrupt.while_deaf(|| Session::connect(target))?;
    let interrupt = Some(Arc::clone(interrupt));
    session.set_patience(Patience { stall: Some(asked.stall_timeout), interrupt });
    Ok(session)
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

/// The longest pause before connecting again.
const LONGEST: Duration = Duration::from_secs(30);
