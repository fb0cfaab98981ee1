//! One connection: a stream, a machine, and the clock of both.

use crate::{PollFlags, Stream};
use framing_protocol::{End, Machine};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// One connection: moves bytes between a [`Stream`] and a [`Machine`] without ever blocking.
///
/// ```text
///           end of stream             machine finished
///   Open -----------------> Ended ------------------------> Closed
///    |                        |                               ^
///    | machine finished       | write fails                   | peer closes too,
///    v                        +-----------------------------> | or LINGER passes
///   Lingering ----------------------------------------------->+
///    (our direction closed, input discarded)
/// ```
///
/// Lingering exists because closing a socket with unread input resets the connection, and a reset
/// destroys what the peer has not read yet: the very error message that explains the close. A peer
/// that has not closed when the time for it is over is reset after all.
///
/// Each turn of a loop is: handle the machine's events, [`flush`](Self::flush), `poll` with
/// [`interest`](Self::interest) and [`timeout`](Self::timeout), [`ready`](Self::ready).
#[derive(Debug)]
pub struct Link<M, S = TcpStream> {
    stream: S,
    machine: M,
    start: Instant,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Ended,
    Lingering { until: Instant },
    Closed,
}

impl<M: Machine, S: Stream> Link<M, S> {
    /// Joins a non-blocking stream and a machine whose time zero is now.
    pub fn new(stream: S, machine: M) -> Self {
        Self { stream, machine, start: Instant::now(), phase: Phase::Open }
    }

    /// The machine, for its events and verbs.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The time since the beginning, as the machine counts it.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// What to poll the descriptor for; nothing means that it must leave the poll set, or a
    /// hang-up, which needs no asking for, would wake the loop for ever.
    pub fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        let (reads, writes) = match self.phase {
            Phase::Open => (self.machine.wants_input(), !self.machine.output().is_empty()),
            Phase::Ended => (false, !self.machine.output().is_empty()),
            Phase::Lingering { .. } => (true, false),
            Phase::Closed => (false, false),
        };
        interest.set(PollFlags::IN, reads);
        interest.set(PollFlags::OUT, writes);
        interest
    }

    /// How long `poll` may wait at most; `None` is without end.
    pub fn timeout(&self) -> Option<Duration> {
        match self.phase {
            Phase::Open | Phase::Ended => {
                self.machine.deadline().map(|deadline| deadline.saturating_sub(self.now()))
            }
            Phase::Lingering { until } => Some(until.saturating_duration_since(Instant::now())),
            Phase::Closed => Some(Duration::ZERO),
        }
    }

    /// To be called after every `poll` with what it said of the descriptor: reads once, as much as
    /// the machine has space for, and lets it see the time.
    ///
    /// One read is all, for the events in it come first, and `poll` says whether there is more.
    pub fn ready(&mut self, revents: PollFlags) {
        if revents.intersects(!PollFlags::OUT) {
            self.read();
        }
        let now = self.now();
        match self.phase {
            Phase::Open | Phase::Ended => {
                if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
                    self.machine.tick(now);
                }
            }
            Phase::Lingering { until } if until <= Instant::now() => {
                // Whoever does not close by now does not read either. Closing works all the same.
                let _ = self.stream.abandon();
                self.phase = Phase::Closed;
            }
            Phase::Lingering { .. } | Phase::Closed => {}
        }
    }

    /// Writes what the machine has to say, until the stream takes no more.
    ///
    /// To be called once after a batch of events, not after each: a write costs far more than a
    /// reply.
    pub fn flush(&mut self) {
        while matches!(self.phase, Phase::Open | Phase::Ended) {
            let output = self.machine.output();
            if output.is_empty() {
                break;
            }
            match self.stream.write(output) {
                Ok(0) => self.break_off(),
                Ok(written) => self.machine.sent(written, self.start.elapsed()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.break_off(),
            }
        }
        if self.machine.is_finished() {
            self.close();
        }
    }

    /// Whether the connection is over and the link can be dropped. The machine may still have
    /// events to tell.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Gives up the stream, and the machine with what it still holds.
    pub fn into_parts(self) -> (S, M) {
        (self.stream, self.machine)
    }

    fn read(&mut self) {
        match self.phase {
            Phase::Open if self.machine.wants_input() => {
                match retry(|| self.stream.read(self.machine.space())) {
                    Ok(0) => {
                        self.phase = Phase::Ended;
                        self.machine.input_ended(self.stream.end(), self.start.elapsed());
                    }
                    Ok(n) => self.machine.received(n, self.start.elapsed()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => self.lose(),
                }
            }
            Phase::Lingering { .. } => match retry(|| self.stream.read(&mut [0; DISCARD])) {
                Ok(0) => self.phase = Phase::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.phase = Phase::Closed,
            },
            Phase::Open | Phase::Ended | Phase::Closed => {}
        }
    }

    /// Writing failed. What the peer said before it closed, perhaps why it did, is still there to be
    /// read.
    fn break_off(&mut self) {
        if self.phase == Phase::Open
            && self.machine.wants_input()
            && let Ok(n @ 1..) = retry(|| self.stream.read(self.machine.space()))
        {
            self.machine.received(n, self.start.elapsed());
        }
        self.lose();
    }

    /// The connection broke: nothing can be said any more.
    fn lose(&mut self) {
        self.phase = Phase::Closed;
        self.machine.input_ended(End::Loss, self.start.elapsed());
    }

    /// The machine has said everything and wants nothing.
    fn close(&mut self) {
        self.phase = match self.phase {
            Phase::Open if self.stream.close_write().is_ok() => {
                Phase::Lingering { until: Instant::now() + LINGER }
            }
            Phase::Open | Phase::Ended | Phase::Closed => Phase::Closed,
            lingering @ Phase::Lingering { .. } => lingering,
        };
    }
}

impl<M, S: AsFd> AsFd for Link<M, S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// How long a closed connection waits for the peer to close its side.
const LINGER: Duration = Duration::from_secs(2);

/// How many bytes are discarded at once meanwhile.
const DISCARD: usize = 16 * 1024;
