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
///           end of stream
///   Open -----------------> Ended
///    |                        |
///    | machine finished       | machine finished
///    v                        v          all is written           or LINGER passes,
///   Closing (input discarded, our last bytes on their way)        or a write fails
///    |                            |                                      |
///    | all is written,            | all is written, the peer's           v
///    v the peer's goes on         v direction has ended               Closed
///   Lingering ------------------> Closed
///    (our direction closed,     peer closes too
///     input discarded)
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
    /// What broke the connection.
    trouble: Option<io::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Ended,
    Closing { until: Instant, peer: Peer },
    Lingering { until: Instant },
    Closed,
}

/// The other direction of a connection of which ours is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    Ended,
}

impl<M: Machine, S: Stream> Link<M, S> {
    /// Joins a non-blocking stream and a machine whose time zero is now.
    pub fn new(stream: S, machine: M) -> Self {
        Self { stream, machine, start: Instant::now(), phase: Phase::Open, trouble: None }
    }

    /// The stream, for what it knows of the peer.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// What broke the connection, if it broke.
    pub fn trouble(&self) -> Option<&io::Error> {
        self.trouble.as_ref()
    }

    /// The machine, for its events and verbs.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The time since the beginning, as the machine counts it.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// What to poll the descriptor for, if it is to be [polled](Self::watches): otherwise it must leave the
    /// poll set, or a hang-up, which needs no asking for, would wake the loop for ever.
    pub fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        let waits = || self.stream.wants_write() || !self.machine.output().is_empty();
        let (reads, writes) = match self.phase {
            Phase::Open => (self.machine.wants_input(), waits()),
            Phase::Ended => (false, waits()),
            Phase::Closing { peer, .. } => (peer == Peer::Open, true),
            Phase::Lingering { .. } => (true, false),
            Phase::Closed => (false, false),
        };
        interest.set(PollFlags::IN, reads);
        interest.set(PollFlags::OUT, writes);
        interest
    }

    /// Whether the descriptor is to be polled at all. Where the peer has ended its direction and ours has
    /// nothing to say yet, it is, for nothing: that tells when the connection breaks.
    pub fn watches(&self) -> bool {
        self.phase == Phase::Ended || !self.interest().is_empty()
    }

    /// How long `poll` may wait at most; `None` is without end.
    pub fn timeout(&self) -> Option<Duration> {
        match self.phase {
            Phase::Open if self.stream.holds_input() && self.machine.wants_input() => {
                Some(Duration::ZERO)
            }
            Phase::Open | Phase::Ended => {
                self.machine.deadline().map(|deadline| deadline.saturating_sub(self.now()))
            }
            Phase::Closing { until, .. } | Phase::Lingering { until } => {
                Some(until.saturating_duration_since(Instant::now()))
            }
            Phase::Closed => Some(Duration::ZERO),
        }
    }

    /// To be called after every `poll` with what it said of the descriptor: reads once, as much as
    /// the machine has space for, and lets it see the time.
    ///
    /// One read is all, for the events in it come first, and `poll` says whether there is more; of what
    /// the stream holds already, [`timeout`](Self::timeout) says it.
    pub fn ready(&mut self, revents: PollFlags) {
        if self.phase == Phase::Ended && revents.intersects(PollFlags::HUP | PollFlags::ERR) {
            self.lose(io::ErrorKind::ConnectionReset.into());
        } else if revents.intersects(!PollFlags::OUT) || self.stream.holds_input() {
            self.read();
        }
        let now = self.now();
        match self.phase {
            Phase::Open | Phase::Ended => {
                if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
                    self.machine.tick(now);
                }
            }
            Phase::Closing { until, .. } | Phase::Lingering { until }
                if until <= Instant::now() =>
            {
                // Whoever does not close by now does not read either. Closing works all the same.
                let _ = self.stream.abandon();
                self.phase = Phase::Closed;
            }
            Phase::Closing { .. } | Phase::Lingering { .. } | Phase::Closed => {}
        }
    }

    /// Writes what the machine has to say, until the stream takes no more.
    ///
    /// To be called once after a batch of events, not after each: a write costs far more than a
    /// reply.
    pub fn flush(&mut self) {
        while matches!(self.phase, Phase::Open | Phase::Ended) {
            let output = self.machine.output();
            let written = if output.is_empty() {
                match self.stream.flush() {
                    Ok(()) => break,
                    Err(error) => Err(error),
                }
            } else {
                self.stream.write(output)
            };
            match written {
                Ok(0) => self.break_off(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.machine.sent(written, self.start.elapsed()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => self.break_off(error),
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
                    Err(error) => self.lose(error),
                }
            }
            Phase::Closing { peer: Peer::Open, .. } | Phase::Lingering { .. } => {
                match retry(|| self.stream.read(&mut [0; DISCARD])) {
                    Ok(0) => self.peer_closed(),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => self.phase = Phase::Closed,
                }
            }
            Phase::Open | Phase::Ended | Phase::Closing { .. } | Phase::Closed => {}
        }
    }

    /// The peer has closed its direction, and ours is closed or about to be.
    fn peer_closed(&mut self) {
        self.phase = match self.phase {
            Phase::Closing { until, .. } => Phase::Closing { until, peer: Peer::Ended },
            _ => Phase::Closed,
        };
    }

    /// Writing failed. What the peer said before it closed, perhaps why it did, is still there to be
    /// read.
    fn break_off(&mut self, error: io::Error) {
        if self.phase == Phase::Open
            && self.machine.wants_input()
            && let Ok(n @ 1..) = retry(|| self.stream.read(self.machine.space()))
        {
            self.machine.received(n, self.start.elapsed());
        }
        self.lose(error);
    }

    /// The connection broke: nothing can be said any more.
    fn lose(&mut self, error: io::Error) {
        self.phase = Phase::Closed;
        self.trouble = Some(error);
        self.machine.input_ended(End::Loss, self.start.elapsed());
    }

    /// The machine has said everything and wants nothing.
    fn close(&mut self) {
        let (until, peer) = match self.phase {
            Phase::Open => (Instant::now() + LINGER, Peer::Open),
            Phase::Ended => (Instant::now() + LINGER, Peer::Ended),
            Phase::Closing { until, peer } => (until, peer),
            Phase::Lingering { .. } | Phase::Closed => return,
        };
        self.phase = match (self.stream.close_write(), peer) {
            (Ok(()), Peer::Open) => Phase::Lingering { until },
            (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => {
                Phase::Closing { until, peer }
            }
            (Ok(()), Peer::Ended) | (Err(_), _) => Phase::Closed,
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
