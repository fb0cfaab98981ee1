//! A running command: its pipes, its bounds, its end.

mod pipes;

use crate::audit::Audit;
use crate::plan::Plan;
use crate::signal_names;
use crate::supervisor::{Bound, Ended, Mode, Order, Report, Status, Supervised, Supervisors};
use crate::work::Progress;
use framing_protocol::Id;
use framing_protocol::message::{Cap, Code, Exit, Failure, Outcome};
use framing_protocol::server::Server as Protocol;
use framing_transport::{PollFd, PollFlags};
use pipes::{Channel, Output, Pipes};
use rustix::io::Errno;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// A command that a supervisor runs for a request.
///
/// ```text
///   Launched ----------- could not be started -----------> (answered)
///      | started                     detached -----------> (answered; it goes on)
///      v
///   Running: output passed on, input fed, orders given: signals, an end by TERM, a kill
///      | the supervisor says that it has ended, and all that came of it
///      v
///   Ended: the pipes are read to their end
///      |                                  |
///      | both at their end                | DRAIN passes: somebody from outside holds them
///      v                                  v
///   exit                                exit, truncated
/// ```
///
/// Dropping it ends whatever is left of the command.
#[derive(Debug)]
pub(crate) struct Execution<'s> {
    id: Id,
    supervised: Supervised<'s>,
    audit: Audit,
    started: Instant,
    stage: Stage,
    mode: Mode,
    /// Whose bound the time is: the server's, if it is this.
    time: Option<Cap>,
    /// How large a file it may write.
    file_size: Option<u64>,
    /// What it took too much of, as far as that is seen here.
    over: Option<Cap>,
    /// What its client is told when it has ended, if it was told to.
    ending: Option<Failure>,
    /// When it is given up, for its supervisor should have ended it long ago.
    overdue: Option<Instant>,
    grace: Duration,
    input: Input,
    /// The pipes that are not at their end.
    output: Vec<Output>,
    /// How many bytes may still be passed on.
    left: Option<u64>,
    truncated: bool,
    block: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Launched,
    Running,
    Ended(End),
}

/// How the command ended, and how long its pipes are read after that.
#[derive(Debug, Clone, Copy)]
struct End {
    ended: Ended,
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

impl<'s> Execution<'s> {
    /// Has a supervisor start what is planned; none if it cannot, which the client is told.
    pub(crate) fn start(
        id: Id,
        plan: Plan,
        mut audit: Audit,
        supervisors: &'s Supervisors,
        protocol: &mut Protocol,
    ) -> Option<Self> {
        let Plan { launch, output: left, time } = plan;
        let (mode, grace, file_size) = (launch.mode, launch.grace, launch.bounds.file_size);
        let patience = launch.bounds.time.map(|time| time.saturating_add(grace + PATIENCE));
        let started = Instant::now();
        let launched = Pipes::new(mode).and_then(|pipes| {
            let theirs: Vec<_> = pipes.theirs.iter().map(AsFd::as_fd).collect();
            let supervised = supervisors.launch(launch, &theirs)?;
            drop(theirs);
            Ok((supervised, pipes))
        });
        let (supervised, Pipes { input, output, theirs: _ }) = match launched {
            Ok(launched) => launched,
            Err(error) => {
                let failure = not_launched(&error);
                audit.failed(&failure);
                protocol.fail(id, failure);
                return None;
            }
        };
        Some(Self {
            id,
            supervised,
            audit,
            started,
            stage: Stage::Launched,
            mode,
            time,
            file_size,
            over: None,
            ending: None,
            overdue: patience.and_then(|patience| started.checked_add(patience)),
            grace,
            input: Input { pipe: input, ..Input::default() },
            output,
            left,
            truncated: false,
            block: vec![0; BLOCK].into(),
        })
    }

    /// What to wait for. Output is not read while there is no room for it: then its pipe fills,
    /// and the command waits.
    pub(crate) fn watch<'e>(&'e self, room: usize, set: &mut Vec<PollFd<'e>>) {
        if !matches!(self.stage, Stage::Ended(_)) {
            let reports = self.supervised.reports();
            set.extend(reports.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        }
        if let Some(pipe) = self.input.pipe.as_ref().filter(|_| !self.input.pending.is_empty()) {
            set.push(PollFd::new(pipe, PollFlags::OUT));
        }
        if room > 0 && !matches!(self.stage, Stage::Launched) {
            set.extend(self.output.iter().map(|output| PollFd::new(&output.pipe, PollFlags::IN)));
        }
    }

    /// How long may be waited at most.
    pub(crate) fn timeout(&self, now: Instant) -> Option<Duration> {
        let due = match &self.stage {
            Stage::Ended(end) => end.drain,
            Stage::Launched | Stage::Running => self.overdue,
        };
        due.map(|due| due.saturating_duration_since(now))
    }

    /// Does whatever can be done without waiting.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        self.try_advance(protocol).unwrap_or_else(|error| {
            let message = format!("the command can no longer be watched: {error}");
            self.fail(Failure::new(Code::Io, message), protocol);
            Progress::Done
        })
    }

    fn try_advance(&mut self, protocol: &mut Protocol) -> io::Result<Progress> {
        while !matches!(self.stage, Stage::Ended(_))
            && let Some(report) = self.supervised.report()?
        {
            if self.hear(report, protocol) == Progress::Done {
                return Ok(Progress::Done);
            }
        }
        self.feed(protocol);
        self.keep_time(Instant::now())?;
        if !matches!(self.stage, Stage::Launched) {
            self.read(protocol)?;
        }
        match self.stage {
            Stage::Ended(end) if self.output.is_empty() => {
                self.answer(end, protocol);
                Ok(Progress::Done)
            }
            _ => Ok(Progress::Going),
        }
    }

    fn hear(&mut self, report: Report, protocol: &mut Protocol) -> Progress {
        match report {
            Report::Unable(why) => {
                let message = format!("the server cannot supervise commands: {why}");
                self.fail(Failure::new(Code::Io, message), protocol);
                return Progress::Done;
            }
            Report::Failed(number) => {
                self.refuse(Errno::from_raw_os_error(number), protocol);
                return Progress::Done;
            }
            Report::Started { pid } => {
                self.audit.started(pid);
                protocol.started(self.id, pid);
                if self.mode == Mode::Detached {
                    self.exit(Outcome::Detached, self.started.elapsed(), protocol);
                    return Progress::Done;
                }
                self.stage = Stage::Running;
            }
            Report::Ended(ended) => {
                self.input = Input::default();
                let drain = Some(Instant::now() + DRAIN);
                self.stage = Stage::Ended(End { ended, after: self.started.elapsed(), drain });
            }
        }
        Progress::Going
    }

    /// Queues input for the command. What it no longer wants is dropped, and earns no new credit.
    pub(crate) fn stdin(&mut self, bytes: &[u8]) {
        if self.input.pipe.is_some() {
            self.audit.input(bytes.len());
            self.input.pending.extend(bytes);
        }
    }

    /// No more input will come.
    pub(crate) fn stdin_end(&mut self) {
        self.input.ended = true;
    }

    /// Passes a signal on to the whole group.
    pub(crate) fn signal(&self, signal: Signal) {
        // One that cannot be passed on is one of very many.
        let _ = self.supervised.order(&Order::Signal(signal.as_raw()));
    }

    /// It is to end, by TERM, grace, KILL, whereupon its client is told this.
    pub(crate) fn end(&mut self, why: Failure) {
        self.ending = Some(why);
        self.order_end(&Order::End, self.grace);
    }

    /// A supervisor that lets a command live for longer than this is not at work any more, and one that does
    /// not hear this is let go at once, which it ends by.
    fn order_end(&mut self, order: &Order, time: Duration) {
        let patience = self.supervised.order(order).map_or(Duration::ZERO, |()| time + PATIENCE);
        let overdue = Instant::now() + patience;
        self.overdue = Some(self.overdue.map_or(overdue, |before| before.min(overdue)));
    }

    fn keep_time(&mut self, now: Instant) -> io::Result<()> {
        let past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        match &mut self.stage {
            Stage::Ended(end) if past(end.drain) => {
                end.drain = None;
                for output in &mut self.output {
                    // All that the command itself wrote is in the pipe by now.
                    output.rest = Some(rustix::io::ioctl_fionread(&output.pipe).unwrap_or(0));
                }
            }
            Stage::Launched | Stage::Running if past(self.overdue) => {
                return Err(io::Error::other("its supervisor does not answer"));
            }
            _ => {}
        }
        Ok(())
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
                Ok(n) => {
                    let channel = output.channel;
                    self.pass_on(n, channel, protocol);
                }
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

    /// Passes on what was read, as far as the cap lets it. What goes over it ends the command.
    fn pass_on(&mut self, n: usize, channel: Channel, protocol: &mut Protocol) {
        let most = self.left.map_or(n, |left| usize::try_from(left).unwrap_or(n).min(n));
        let bytes = &self.block[..most];
        if !bytes.is_empty() {
            match channel {
                Channel::Stdout => protocol.stdout(self.id, bytes),
                Channel::Stderr => protocol.stderr(self.id, bytes),
            }
        }
        self.audit.output(most);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
        }
        if most < n {
            self.output.clear();
            self.truncated = true;
            self.over = Some(Cap::Output);
            self.order_end(&Order::Kill, Duration::ZERO);
        }
    }

    fn answer(&mut self, end: End, protocol: &mut Protocol) {
        let Ended { status, bound, left } = end.ended;
        if left {
            self.audit.left();
        }
        if let Some(why) = self.ending.take() {
            return self.fail(why, protocol);
        }
        let capped = |cap| Outcome::CapExceeded { cap };
        let outcome = match (self.over, bound, status) {
            (Some(cap), _, _) => capped(cap),
            (_, Some(Bound::Time), _) => self.time.map_or(Outcome::TimedOut, capped),
            (_, Some(Bound::Cpu), _) => capped(Cap::Cpu),
            (_, Some(Bound::Processes), _) => capped(Cap::Processes),
            (_, None, Status::Exited(code)) => Outcome::Exited { code },
            (_, None, Status::Signalled(signal))
                if signal == Signal::XFSZ.as_raw() && self.file_size.is_some() =>
            {
                capped(Cap::FileSize)
            }
            (_, None, Status::Signalled(signal)) => {
                Outcome::Signalled { signal, name: signal_names::name(signal) }
            }
        };
        self.exit(outcome, end.after, protocol);
    }

    fn exit(&mut self, outcome: Outcome, duration: Duration, protocol: &mut Protocol) {
        self.audit.ended(&outcome);
        protocol.exit(self.id, Exit { outcome, truncated: self.truncated, duration });
    }

    fn fail(&mut self, failure: Failure, protocol: &mut Protocol) {
        self.audit.failed(&failure);
        protocol.fail(self.id, failure);
    }

    /// Tells the client why the command did not start.
    fn refuse(&mut self, errno: Errno, protocol: &mut Protocol) {
        let outcome = match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Outcome::NotFound,
            Errno::ACCESS | Errno::PERM | Errno::NOEXEC | Errno::ISDIR | Errno::LOOP => {
                Outcome::NotExecutable
            }
            Errno::TOOBIG => {
                let message = "the arguments and the environment are more than the system takes";
                return self.fail(Failure::new(Code::TooLarge, message), protocol);
            }
            Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE => {
                return self.fail(no_place(&errno.into()), protocol);
            }
            _ => {
                let message =
                    format!("the command could not be started: {}", io::Error::from(errno));
                return self.fail(Failure::new(Code::Io, message), protocol);
            }
        };
        self.exit(outcome, self.started.elapsed(), protocol);
    }
}

fn not_launched(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            let message = "no more detached commands are allowed at a time";
            Failure::new(Code::Busy, message).hint("try again later")
        }
        _ => no_place(error),
    }
}

fn no_place(error: &io::Error) -> Failure {
    let message = format!("the system has no place for another command: {error}");
    Failure::new(Code::Busy, message).hint("try again later")
}

/// How long the pipes of a command that has ended are read when somebody from outside, who was given them
/// over a socket, still holds them.
const DRAIN: Duration = Duration::from_millis(500);

/// How long a supervisor that ought to have ended its command may take to say so: longer than it tries.
const PATIENCE: Duration = Duration::from_secs(15);

/// How much output is read at once: the usual capacity of a pipe.
const BLOCK: usize = 64 * 1024;
