//! A child process in a group of its own, which never outlives its owner.

use framing_transport::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running child. Dropping it kills its whole group and reaps it.
///
/// It shares the server's controlling terminal, if there is one: it can open `/dev/tty`, write to it
/// and, stopped by the system until it is continued, try to read from it. To part them takes
/// `setsid` between `fork` and `exec`, and with it `unsafe`. A server that runs commands for others
/// is better started without a terminal.
///
/// The group is signalled only while the child is not reaped: until then its number cannot belong
/// to anybody else.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    group: Pid,
    /// Readable once the process has exited.
    exit: OwnedFd,
    reaped: bool,
}

/// Our ends of a child's pipes, all non-blocking.
#[derive(Debug)]
pub(crate) struct Pipes {
    /// None when the child reads from nothing.
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Child {
    /// Starts `command`, whose stdin is already chosen, with its output in pipes.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<(Self, Pipes)> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut process = command.spawn()?;
        let group = Pid::from_child(&process);
        let set_up = || -> io::Result<(OwnedFd, Pipes)> {
            let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
            let pipes = Pipes {
                stdin: process.stdin.take().map(OwnedFd::from),
                stdout: process.stdout.take().ok_or_else(missing)?.into(),
                stderr: process.stderr.take().ok_or_else(missing)?.into(),
            };
            for pipe in pipes.stdin.iter().chain([&pipes.stdout, &pipes.stderr]) {
                rustix::io::ioctl_fionbio(pipe, true)?;
            }
            Ok((pidfd_open(group, PidfdFlags::empty())?, pipes))
        };
        match { set_up }() {
            Ok((exit, pipes)) => Ok((Self { process, group, exit, reaped: false }, pipes)),
            Err(error) => {
                // It runs, but cannot be watched (no descriptors left): as if it never had.
                let _ = kill_process_group(group, Signal::KILL);
                let _ = process.wait();
                Err(error)
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Signals every process of the group, while the child is not reaped.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.reaped {
            // The one error is that nobody is left, which is what most signals are for.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Readable once the child has exited and [`reap`](Self::reap) would not wait.
    pub(crate) fn exit(&self) -> BorrowedFd<'_> {
        self.exit.as_fd()
    }

    /// If the child has exited: kills what is left of its group, and says how it went.
    pub(crate) fn reap(&mut self) -> io::Result<Option<ExitStatus>> {
        if !self.has_exited_within(Duration::ZERO) {
            return Ok(None);
        }
        self.signal(Signal::KILL);
        let status = self.process.wait()?;
        self.reaped = true;
        Ok(Some(status))
    }

    fn has_exited_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut exit = [PollFd::new(&self.exit, PollFlags::IN)];
            match poll(&mut exit, Some(left)) {
                Ok(0) if !left.is_zero() => {}
                ready => return ready.is_ok_and(|ready| ready > 0),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.signal(Signal::KILL);
        // A process in an uninterruptible sleep is left to the system: it must not hold this
        // thread, and with it the end of the server, for ever.
        if self.has_exited_within(REAPING) {
            let _ = self.process.wait();
        }
    }
}

/// How long a killed child may take to be gone.
const REAPING: Duration = Duration::from_secs(5);
