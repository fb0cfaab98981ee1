//! All servers asked, some at a time, and the signals meanwhile.
//!
//! ```text
//!                      +-- thread: host, host, ... --+
//!  signals --> here ---+-- thread: host, host, ... --+--> ends --> here --> status file
//!             orders   +-- ...                       +
//! ```
//!
//! This thread never waits for anything but descriptors, so a signal is seen at once, whatever the others are
//! busy with: a connection that takes its time, an output that nobody reads.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use framing_transport::{PollFd, PollFlags, poll};

use super::ask::Work;
use super::hosts::{GivenUp, Host};
use super::json::line;
use super::outcome::{End, How};
use super::signals::{self, Signal, Signals};
use super::status_file::StatusFile;
use crate::error::Error;
use crate::output::Sink;
use crate::report;

/// Has the command run at all hosts, at most so many at a time, and gives how it ended at each.
pub(super) fn run(
    work: &Arc<Work>,
    jobs: usize,
    status_file: Option<StatusFile>,
    signals: Signals,
) -> Result<Ends, Error> {
    let (sender, ends) = mpsc::channel();
    for started in 0..jobs.min(work.hosts.len()) {
        let (work, sender) = (Arc::clone(work), sender.clone());
        let spawned = thread::Builder::new().name("server".into()).spawn(move || {
            while let Some((index, host)) = work.next() {
                if let Some(end) = work.ask(host) {
                    // Whoever is not there to hear it has given up all hosts.
                    let _ = sender.send((index, end));
                    work.told.wake();
                }
            }
        });
        match spawned {
            Ok(_) => {}
            // Those that there are do all of it.
            Err(_) if started > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Watch {
        work,
        ends,
        known: work.hosts.iter().map(|_| None).collect(),
        status_file,
        trouble: None,
        signals,
        interrupts: 0,
        until: None,
    }
    .run()
}

/// How it went everywhere.
#[derive(Debug)]
pub(super) struct Ends {
    /// At each host, in their order.
    pub(super) all: Vec<End>,
    /// Why the status file is not complete, if it was to be written and is not.
    pub(super) trouble: Option<Error>,
    /// How many SIGINT there were.
    pub(super) interrupts: u32,
}

/// What this thread knows.
struct Watch<'w> {
    work: &'w Work,
    ends: Receiver<(usize, End)>,
    known: Vec<Option<End>>,
    status_file: Option<StatusFile>,
    /// Why there is no status file any more. That is no reason to end commands.
    trouble: Option<Error>,
    signals: Signals,
    /// How many SIGINT there were.
    interrupts: u32,
    /// When nothing is waited for any more.
    until: Option<Instant>,
}

impl Watch<'_> {
    fn run(mut self) -> Result<Ends, Error> {
        loop {
            self.work.told.clear();
            self.hear();
            let is_done = self.known.iter().all(Option::is_some) && self.unwritten().is_none();
            if is_done || self.until.is_some_and(|until| until <= Instant::now()) {
                break;
            }
            self.wait()?;
            for signal in self.signals.arrived() {
                self.signalled(signal);
            }
            self.write_status(&[]);
        }
        // A thread that could not be had to leave is left to the end of the process.
        for (index, host) in self.work.hosts.iter().enumerate() {
            if self.known[index].is_none() {
                self.cancel(index, signals::INT, host.give_up());
            }
        }
        // Written by now, unless somebody was given up whose output nobody reads; and whoever reads no
        // complaints gets none.
        let until = Some(Instant::now() + LAST_WORDS);
        let _ = self.work.stdout.finish_until(until);
        let _ = self.work.stderr.finish_until(until);
        let all = self.known.into_iter().flatten().collect();
        Ok(Ends { all, trouble: self.trouble, interrupts: self.interrupts })
    }

    /// Waits until something has happened.
    fn wait(&self) -> Result<(), Error> {
        let readable = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut polled = vec![PollFd::new(&self.work.told, PollFlags::IN)];
        polled.extend(self.signals.descriptors().map(readable));
        polled.extend(self.unwritten().map(|file| PollFd::from_borrowed_fd(file, PollFlags::OUT)));
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        poll(&mut polled, left)?;
        Ok(())
    }

    /// Takes what the threads have told.
    fn hear(&mut self) {
        while let Ok((index, end)) = self.ends.try_recv() {
            self.take(index, end);
        }
    }

    /// Keeps how it ended at a host, the first time that it is told.
    fn take(&mut self, index: usize, end: End) {
        if let Some(place @ None) = self.known.get_mut(index) {
            let told = line(&end.record(None, None));
            *place = Some(end);
            self.write_status(&told);
        }
    }

    /// The status file, if there is something that it has not taken yet.
    fn unwritten(&self) -> Option<BorrowedFd<'_>> {
        self.status_file.as_ref().and_then(|file| file.output.waits_for())
    }

    fn write_status(&mut self, told: &[u8]) {
        if let Some(StatusFile { path, output }) = &mut self.status_file
            && let Err(source) = output.put(told)
        {
            let path = std::mem::take(path);
            self.trouble = Some(Error::File { what: "write", path, source });
            self.status_file = None;
        }
    }

    /// Sends a signal on to every command that runs, and waits no longer for hosts where none does. Who sends
    /// three SIGINT wants us to end.
    fn signalled(&mut self, signal: Signal) {
        if signal == signals::INT {
            self.interrupts += 1;
        }
        if signal == signals::INT && self.interrupts >= 3 {
            // The first of them counts: whoever goes on must not wait the longer for it.
            if self.until.is_none() {
                self.work.hosts.iter().for_each(Host::leave);
                self.until = Some(Instant::now() + LAST_WORDS);
            }
            return;
        }
        for (index, host) in self.work.hosts.iter().enumerate() {
            self.cancel(index, signal, host.signal(signal));
        }
        if signal == signals::INT && self.interrupts == 2 {
            let told = report::text(format_args!(
                "exec: interrupted twice, and the command goes on; once more ends it at once"
            ));
            // Whoever does not read it will find out.
            let _ = self.work.stderr.clone().put(told.as_bytes());
        }
    }

    /// Tells of a host that was given up, if it was.
    fn cancel(&mut self, index: usize, signal: Signal, given_up: Option<GivenUp>) {
        let Some(given_up) = given_up else { return };
        // It may have told the truth in the last moment.
        self.hear();
        if self.known.get(index).is_none_or(Option::is_some) {
            return;
        }
        let mut end = End {
            server: self.work.hosts[index].server.clone(),
            how: How::Cancelled { signal: signal.number },
            pid: None,
            input: None,
            duration: self.work.began.elapsed(),
            hint: None,
        };
        if given_up == GivenUp::Untold
            && let Err(error) = self.work.deliver_given_up(&end)
        {
            end.how = How::Failed(Error::Sink(error));
        }
        self.take(index, end);
    }
}

/// How long is waited for anybody, once nothing more is wanted.
const LAST_WORDS: Duration = Duration::from_secs(1);
