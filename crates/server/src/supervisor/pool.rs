//! Supervisors that wait for a command, and those that are done.

use super::channel::{Channel, Received};
use super::message::{Launch, Mode, Order, Report};
use super::{NAME, Supervisor, tree};
use crate::log;
use framing_transport::{PollFd, PollFlags, Waker, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::env;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Starts supervisors before there are commands for them, for to start one takes as long as most commands
/// do; keeps those that can be used again; and buries them.
#[derive(Debug)]
pub(crate) struct Supervisors {
    supervisor: Supervisor,
    /// How many commands may go on without whoever asked for them.
    most_detached: usize,
    state: Mutex<State>,
    changed: Waker,
}

#[derive(Debug, Default)]
struct State {
    ready: Vec<Process>,
    done: Vec<Done>,
    /// How many commands go on, or are about to.
    detached: usize,
}

/// A supervisor, at work or waiting for it.
#[derive(Debug)]
struct Process {
    channel: Channel,
    child: Child,
    /// Readable once it has ended.
    exit: Arc<OwnedFd>,
}

/// One that is about to end by itself.
#[derive(Debug)]
struct Done {
    child: Child,
    exit: Arc<OwnedFd>,
    /// When it is killed; never, if its command goes on without us.
    kill: Option<Instant>,
}

impl Supervisors {
    pub(crate) fn new(supervisor: Supervisor, most_detached: usize) -> io::Result<Self> {
        let state = Mutex::default();
        Ok(Self { supervisor, most_detached, state, changed: Waker::new()? })
    }

    /// Has a supervisor run a command, with the command's own ends of its pipes. It would block
    /// ([`io::ErrorKind::WouldBlock`]) where as many go on by themselves as may.
    pub(crate) fn launch(
        &self,
        launch: Launch,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<Supervised<'_>> {
        let mode = launch.mode;
        if mode == Mode::Detached {
            let mut state = self.state();
            if state.detached >= self.most_detached {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.detached += 1;
        }
        let again = launch.leaves_no_trace();
        match self.engage(&Order::Launch(launch), descriptors) {
            Ok(process) => {
                let (process, idle) = (Some(process), false);
                Ok(Supervised { process, mode, again, idle, supervisors: self })
            }
            Err(error) => {
                if mode == Mode::Detached {
                    self.state().detached -= 1;
                }
                Err(error)
            }
        }
    }

    /// Gives the order to one that waits, or else to a new one.
    fn engage(&self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<Process> {
        loop {
            let waiting = self.state().ready.pop();
            self.changed.wake();
            let fresh = waiting.is_none();
            let process = waiting.map_or_else(|| self.spawn(), Ok)?;
            match process.channel.send(order, descriptors) {
                Ok(()) => return Ok(process),
                Err(error) => {
                    self.dismiss(process, Mode::Attached);
                    // Somebody may have ended it while it waited.
                    if fresh {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Keeps supervisors ready until the server stops.
    pub(crate) fn tend(&self, stop: &Waker) -> io::Result<()> {
        let mut complained = false;
        loop {
            self.changed.clear();
            self.bury();
            while self.state().ready.len() < READY {
                match self.spawn() {
                    Ok(process) => self.state().ready.push(process),
                    Err(error) => {
                        if !complained {
                            log::line(format_args!("no supervisor can be started: {error}"));
                            complained = true;
                        }
                        break;
                    }
                }
            }
            if self.wait(Some(stop))? {
                return Ok(());
            }
        }
    }

    /// Ends those that wait, and waits for the end of all whose commands have to end.
    pub(crate) fn finish(&self) {
        let ready = std::mem::take(&mut self.state().ready);
        for process in ready {
            self.dismiss(process, Mode::Attached);
        }
        loop {
            self.changed.clear();
            self.bury();
            self.state().done.retain(|done| done.kill.is_some());
            if self.state().done.is_empty() || self.wait(None).is_err() {
                return;
            }
        }
    }

    /// Waits until there is something to do, and says whether that is to stop.
    fn wait(&self, stop: Option<&Waker>) -> io::Result<bool> {
        let (exits, kill) = {
            let state = self.state();
            let exits: Vec<_> = state.done.iter().map(|done| Arc::clone(&done.exit)).collect();
            (exits, state.done.iter().filter_map(|done| done.kill).min())
        };
        let mut set = vec![PollFd::new(&self.changed, PollFlags::IN)];
        set.extend(exits.iter().map(|exit| PollFd::new(&**exit, PollFlags::IN)));
        set.extend(stop.map(|stop| PollFd::new(stop, PollFlags::IN)));
        let patience = kill.map(|kill| kill.saturating_duration_since(Instant::now()));
        poll(&mut set, patience)?;
        Ok(stop.is_some() && set.last().is_some_and(|stop| !stop.revents().is_empty()))
    }

    /// Reaps those that have ended, and kills those that do not.
    fn bury(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let State { done, detached, .. } = &mut *state;
        done.retain_mut(|done| {
            if done.kill.is_some_and(|kill| kill <= now) {
                // It may have been stopped by its own command. What it watches over would be free without it.
                for _ in 0..ATTEMPTS {
                    tree::kill(Pid::from_child(&done.child), Instant::now() + KILLING);
                }
                let _ = done.child.kill();
                log::line(format_args!(
                    "a supervisor did not end and was killed, with all of its command that was found"
                ));
                done.kill = Some(now + PATIENCE);
            }
            let lives = matches!(done.child.try_wait(), Ok(None));
            if !lives && done.kill.is_none() {
                *detached = detached.saturating_sub(1);
            }
            lives
        });
    }

    fn keep(&self, process: Process) {
        let mut state = self.state();
        if state.ready.len() < KEPT {
            state.ready.push(process);
        } else {
            drop(state);
            self.dismiss(process, Mode::Attached);
        }
    }

    fn dismiss(&self, process: Process, mode: Mode) {
        let Process { channel, child, exit } = process;
        // This is what it ends by.
        drop(channel);
        let kill = match mode {
            Mode::Attached | Mode::Fed => Some(Instant::now() + PATIENCE),
            Mode::Detached => None,
        };
        self.state().done.push(Done { child, exit, kill });
        self.changed.wake();
    }

    fn spawn(&self) -> io::Result<Process> {
        let Supervisor { program, arguments } = &self.supervisor;
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        command.arg0(NAME).args(arguments).env_clear();
        for (name, fallback) in INHERITED {
            command.env(name, env::var_os(name).unwrap_or_else(|| fallback.into()));
        }
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        let mut child = command.spawn()?;
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(exit) => Ok(Process { channel: Channel::new(ours), child, exit: Arc::new(exit) }),
            Err(errno) => {
                drop(ours);
                let _ = child.kill();
                let _ = child.wait();
                Err(errno.into())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command under its supervisor. When this is dropped all that came of it is ended, unless it was to go
/// on by itself.
#[derive(Debug)]
pub(crate) struct Supervised<'s> {
    /// There until this is dropped.
    process: Option<Process>,
    mode: Mode,
    /// Whether the supervisor waits for another command after this one, if it has ended all of it.
    again: bool,
    /// Whether it has.
    idle: bool,
    supervisors: &'s Supervisors,
}

impl Supervised<'_> {
    /// Passes an order on, if that is possible: it is not where the supervisor has ended, or hears no more.
    pub(crate) fn order(&self, order: &Order) -> io::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.channel.send(order, &[]))
    }

    /// What the supervisor says next, if it has said anything.
    pub(crate) fn report(&mut self) -> io::Result<Option<Report>> {
        let ended = || io::Error::other("its supervisor has ended");
        match self.process.as_mut().ok_or_else(ended)?.channel.receive()? {
            Received::Message(report) => {
                self.idle = match &report {
                    Report::Failed(_) => true,
                    Report::Ended(ended) => !ended.left,
                    Report::Unable(_) | Report::Started { .. } => false,
                };
                Ok(Some(report))
            }
            Received::Nothing => Ok(None),
            Received::End => Err(ended()),
        }
    }

    /// Readable when there is a report.
    pub(crate) fn reports(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(|process| process.channel.as_fd())
    }
}

impl Drop for Supervised<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            if self.again && self.idle {
                self.supervisors.keep(process);
            } else {
                self.supervisors.dismiss(process, self.mode);
            }
        }
    }
}

/// How many wait for commands at least.
const READY: usize = 2;

/// How many wait at most.
const KEPT: usize = 8;

/// How long a supervisor may take to end all that it watches over, and then itself.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often is looked whom such a one watches over, and for how long at most.
const ATTEMPTS: u32 = 10;
const KILLING: Duration = Duration::from_millis(20);

/// What a command sees of the server's environment, and what instead where that has none.
const INHERITED: [(&str, &str); 3] =
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/"), ("LANG", "C.UTF-8")];
