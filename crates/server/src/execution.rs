//! A running command: its pipes, its time, its end.

use crate::child::{Child, Pipes};
use crate::connection::Progress;
use crate::signal_names;
use framing_protocol::Id;
use framing_protocol::message::{Code, Exit, Failure, Outcome};
use framing_protocol::server::Server as Protocol;
use framing_transport::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// A command that was started for a request.
///
/// ```text
///            timeout, cancel             grace passes
///   Running ----------------> Ending -----------------> (killed)
///      |          TERM          |            KILL           |
///      | exits                  | exits                     | exits
///      v                        v                           v
///   Draining: what is left of the group is killed, the pipes are read to their end
///      |                                  |
///      | both at their end                | DRAIN passes: somebody who left the group holds them
///      v                                  v
///   exit                                exit, truncated
/// ```
#[derive(Debug)]
pub(crate) struct Execution {
    id: Id,
    child: Child,
    started: Instant,
    deadline: Option<Instant>,
    grace: Duration,
    ending: Option<Ending>,
    exited: Option<Exited>,
    input: Input,
    /// The pipes that are not at their end.
    output: Vec<Output>,
    truncated: bool,
    block: Box<[u8]>,
}

/// Why a command was asked to end, and when it is killed if it does not.
#[derive(Debug, Clone, Copy)]
struct Ending {
    reason: Reason,
    kill: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Reason {
    TimedOut,
    Cancelled,
}

/// How the process ended, and how long its pipes are read after that.
#[derive(Debug, Clone, Copy)]
struct Exited {
    status: ExitStatus,
    after: Duration,
    drain: Option<Instant>,
}

/// What the client sent for the command's stdin and its pipe has not taken yet.
#[derive(Debug, Default)]
struct Input {
    pipe: Option<OwnedFd>,
    /// Bounded by the credit that the client was given.
    pending: VecDeque<u8>,
    ended: bool,
}

#[derive(Debug)]
struct Output {
    pipe: OwnedFd,
    channel: Channel,
    /// How many bytes are read at most, once the pipe is not waited for any more.
    rest: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Channel {
    Stdout,
    Stderr,
}

impl Execution {
    /// Starts `command`; none if it could not be, which the client is told.
    pub(crate) fn start(
        id: Id,
        command: &mut Command,
        timeout: Option<Duration>,
        grace: Duration,
        protocol: &mut Protocol,
    ) -> Option<Self> {
        let started = Instant::now();
        let (child, Pipes { stdin, stdout, stderr }) = match Child::spawn(command) {
            Ok(spawned) => spawned,
            Err(error) => {
                refuse(id, &error, started.elapsed(), protocol);
                return None;
            }
        };
        protocol.started(id, child.pid());
        let output = [(stdout, Channel::Stdout), (stderr, Channel::Stderr)]
            .map(|(pipe, channel)| Output { pipe, channel, rest: None });
        Some(Self {
            id,
            child,
            started,
            deadline: timeout.and_then(|timeout| started.checked_add(timeout)),
            grace,
            ending: None,
            exited: None,
            input: Input { pipe: stdin, ..Input::default() },
            output: output.into(),
            truncated: false,
            block: vec![0; BLOCK].into(),
        })
    }

    /// What to wait for. Output is not read while there is no room for it: then its pipe fills,
    /// and the command waits.
    pub(crate) fn watch<'s>(&'s self, room: usize, set: &mut Vec<PollFd<'s>>) {
        if self.exited.is_none() {
            set.push(PollFd::from_borrowed_fd(self.child.exit(), PollFlags::IN));
        }
        if let Some(pipe) = self.input.pipe.as_ref().filter(|_| !self.input.pending.is_empty()) {
            set.push(PollFd::new(pipe, PollFlags::OUT));
        }
        if room > 0 {
            set.extend(self.output.iter().map(|output| PollFd::new(&output.pipe, PollFlags::IN)));
        }
    }

    /// How long may be waited at most.
    pub(crate) fn timeout(&self, now: Instant) -> Option<Duration> {
        let due = match (&self.exited, &self.ending) {
            (Some(exited), _) => exited.drain,
            (None, Some(ending)) => ending.kill,
            (None, None) => self.deadline,
        };
        due.map(|due| due.saturating_duration_since(now))
    }

    /// The request that it answers.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Does whatever can be done without waiting.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        self.try_advance(protocol).unwrap_or_else(|error| {
            let message = format!("the command can no longer be watched: {error}");
            protocol.fail(self.id, Failure::new(Code::Io, message));
            Progress::Done
        })
    }

    fn try_advance(&mut self, protocol: &mut Protocol) -> io::Result<Progress> {
        let now = Instant::now();
        self.feed(protocol);
        if self.exited.is_none()
            && let Some(status) = self.child.reap()?
        {
            self.input = Input::default();
            self.exited =
                Some(Exited { status, after: self.started.elapsed(), drain: Some(now + DRAIN) });
        }
        self.keep_time(now);
        self.read(protocol)?;
        match self.exited {
            Some(exited) if self.output.is_empty() => {
                self.report(exited, protocol);
                Ok(Progress::Done)
            }
            _ => Ok(Progress::Going),
        }
    }

    /// Queues input for the command. What it no longer wants is dropped, and earns no new credit.
    pub(crate) fn stdin(&mut self, bytes: &[u8]) {
        if self.input.pipe.is_some() {
            self.input.pending.extend(bytes);
        }
    }

    /// No more input will come.
    pub(crate) fn stdin_end(&mut self) {
        self.input.ended = true;
    }

    /// Passes a signal on to the whole group.
    pub(crate) fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// The client wants it to end: TERM, grace, KILL.
    pub(crate) fn cancel(&mut self) {
        self.end(Reason::Cancelled, Instant::now());
    }

    fn end(&mut self, reason: Reason, now: Instant) {
        // Cancelled while its time was running out, or the other way round: one grace is all.
        let kill = if let Some(ending) = self.ending {
            ending.kill
        } else {
            self.child.signal(Signal::TERM);
            // A stopped process sees nothing but CONT and KILL.
            self.child.signal(Signal::CONT);
            Some(now + self.grace)
        };
        self.ending = Some(Ending { reason, kill });
    }

    fn keep_time(&mut self, now: Instant) {
        let past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if let Some(exited) = &mut self.exited {
            if past(exited.drain) {
                exited.drain = None;
                for output in &mut self.output {
                    // All that the command itself wrote is in the pipe by now.
                    output.rest = Some(rustix::io::ioctl_fionread(&output.pipe).unwrap_or(0));
                }
            }
        } else if let Some(ending) = &mut self.ending {
            if past(ending.kill) {
                ending.kill = None;
                self.child.signal(Signal::KILL);
            }
        } else if past(self.deadline) {
            self.end(Reason::TimedOut, now);
        }
    }

    fn feed(&mut self, protocol: &mut Protocol) {
        let Input { pipe, pending, ended } = &mut self.input;
        while let Some(writer) = pipe.as_ref().filter(|_| !pending.is_empty()) {
            match rustix::io::write(writer, pending.as_slices().0) {
                Ok(written) => {
                    pending.drain(..written);
                    protocol.stdin_taken(self.id, u64::try_from(written).unwrap_or(u64::MAX));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // The command has closed its input and goes on without.
                Err(_) => {
                    *pipe = None;
                    pending.clear();
                }
            }
        }
        if *ended {
            *pipe = None;
        }
    }

    /// Reads each pipe once, while there is room: a block more than that is within the bounds.
    fn read(&mut self, protocol: &mut Protocol) -> io::Result<()> {
        // Whoever is first takes the room: they take turns.
        self.output.reverse();
        let mut index = 0;
        while index < self.output.len() {
            if protocol.room() == 0 {
                return Ok(());
            }
            let output = &mut self.output[index];
            match output.read(&mut self.block) {
                Ok(0) => {
                    self.output.swap_remove(index);
                    continue;
                }
                Ok(n) => match output.channel {
                    Channel::Stdout => protocol.stdout(self.id, &self.block[..n]),
                    Channel::Stderr => protocol.stderr(self.id, &self.block[..n]),
                },
                Err(Errno::AGAIN) if output.rest.is_some() => {
                    self.truncated = true;
                    self.output.swap_remove(index);
                    continue;
                }
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
            index += 1;
        }
        Ok(())
    }

    fn report(&self, exited: Exited, protocol: &mut Protocol) {
        let outcome = match self.ending {
            Some(Ending { reason: Reason::Cancelled, .. }) => {
                return protocol.fail(self.id, Failure::new(Code::Cancelled, "cancelled"));
            }
            Some(Ending { reason: Reason::TimedOut, .. }) => Outcome::TimedOut,
            None => match exited.status.signal() {
                Some(signal) => Outcome::Signalled { signal, name: signal_names::name(signal) },
                None => Outcome::Exited { code: exited.status.code().unwrap_or_default() },
            },
        };
        let exit = Exit { outcome, truncated: self.truncated, duration: exited.after };
        protocol.exit(self.id, exit);
    }
}

impl Output {
    /// One read: 0 is the end; AGAIN is nothing for now, or, past the time for draining, nothing
    /// any more.
    fn read(&mut self, block: &mut [u8]) -> Result<usize, Errno> {
        let rest = self.rest.map(|rest| usize::try_from(rest).unwrap_or(usize::MAX));
        let most = rest.map_or(block.len(), |rest| rest.min(block.len()));
        // With no rest left, one byte more tells the end from what somebody else still writes.
        let space = &mut block[..most.max(1)];
        loop {
            match rustix::io::read(&self.pipe, &mut *space) {
                Err(Errno::INTR) => {}
                Ok(1..) if self.rest == Some(0) => return Err(Errno::AGAIN),
                Ok(n) => {
                    let read = u64::try_from(n).unwrap_or(u64::MAX);
                    self.rest = self.rest.map(|rest| rest.saturating_sub(read));
                    return Ok(n);
                }
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Tells the client why the command did not start.
fn refuse(id: Id, error: &io::Error, duration: Duration, protocol: &mut Protocol) {
    let outcome = match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => Outcome::NotFound,
        Some(Errno::ACCESS | Errno::PERM | Errno::NOEXEC | Errno::ISDIR | Errno::LOOP) => {
            Outcome::NotExecutable
        }
        Some(Errno::TOOBIG) => {
            let message = "the arguments and the environment are more than the system takes";
            return protocol.fail(id, Failure::new(Code::TooLarge, message));
        }
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
            let message = format!("the system has no place for another command: {error}");
            return protocol.fail(id, Failure::new(Code::Busy, message).hint("try again later"));
        }
        _ => {
            let message = format!("the command could not be started: {error}");
            return protocol.fail(id, Failure::new(Code::Io, message));
        }
    };
    protocol.exit(id, Exit { outcome, truncated: false, duration });
}

/// How long the pipes of a command that has ended are read when somebody who left its group still
/// holds them.
const DRAIN: Duration = Duration::from_millis(500);

/// How much output is read at once: the usual capacity of a pipe.
const BLOCK: usize = 64 * 1024;
