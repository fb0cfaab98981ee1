//! A machine that echoes, and a stream that gives and takes in drips.

use framing_protocol::{End, Machine};
use framing_transport::{Link, PollFd, Stream, poll};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Echoes what it receives through a bounded queue.
pub(crate) struct Echo {
    space: [u8; 4096],
    queue: Vec<u8>,
    pub(crate) end: Option<End>,
    pub(crate) deadline: Option<Duration>,
    farewell: Option<Vec<u8>>,
    /// Takes no input for now.
    pub(crate) paused: bool,
    /// Its application is still at work on an answer.
    pub(crate) working: bool,
}

impl Echo {
    pub(crate) const CAPACITY: usize = 16 * 1024;

    pub(crate) fn new() -> Self {
        Self {
            space: [0; 4096],
            queue: Vec::new(),
            end: None,
            deadline: None,
            farewell: None,
            paused: false,
            working: false,
        }
    }

    /// Says `farewell` and ends at the first byte received.
    pub(crate) fn rude(farewell: Vec<u8>) -> Self {
        Self { farewell: Some(farewell), ..Self::new() }
    }
}

impl Machine for Echo {
    fn space(&mut self) -> &mut [u8] {
        &mut self.space
    }

    fn received(&mut self, n: usize, _: Duration) {
        match self.farewell.take() {
            Some(farewell) => {
                self.queue = farewell;
                self.end = Some(End::Authenticated);
            }
            None => self.queue.extend_from_slice(&self.space[..n]),
        }
    }

    fn wants_input(&self) -> bool {
        !self.paused && self.queue.len() + self.space.len() <= Self::CAPACITY
    }

    fn input_ended(&mut self, end: End, _: Duration) {
        self.end = Some(end);
    }

    fn output(&self) -> &[u8] {
        &self.queue
    }

    fn sent(&mut self, n: usize, _: Duration) {
        self.queue.drain(..n.min(self.queue.len()));
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    fn tick(&mut self, _: Duration) {
        self.deadline = None;
        self.queue.extend_from_slice(b"tick");
    }

    fn is_finished(&self) -> bool {
        match self.end {
            None => false,
            Some(End::Loss) => true,
            Some(_) => self.queue.is_empty() && !self.working,
        }
    }
}

/// A socket pair whose calls are short, interrupted and refused in turn, as a kernel may do.
pub(crate) struct Choppy {
    socket: UnixStream,
    seed: u64,
}

impl Choppy {
    pub(crate) fn new(socket: UnixStream, seed: u64) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self { socket, seed }
    }

    /// How many bytes the next call moves at most, or the error it gives instead.
    fn whim(&mut self, wanted: usize) -> io::Result<usize> {
        // Knuth's MMIX generator: any will do, as long as it is the same in each run.
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match (self.seed >> 33) % 8 {
            0 => Err(io::ErrorKind::Interrupted.into()),
            1 => Err(io::ErrorKind::WouldBlock.into()),
            2 => Ok(wanted),
            _ => Ok(wanted.min(usize::try_from((self.seed >> 40) % 700).unwrap() + 1)),
        }
    }
}

impl Stream for Choppy {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let n = self.whim(space.len())?;
        self.socket.read(&mut space[..n])
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.whim(bytes.len())?;
        self.socket.write(&bytes[..n])
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.socket.shutdown(std::net::Shutdown::Write)
    }

    fn abandon(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn end(&self) -> End {
        End::Authenticated
    }
}

impl AsFd for Choppy {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One turn of a loop, as an application drives it. True if the descriptor was ready in time.
pub(crate) fn turn<M: Machine, S: Stream>(link: &mut Link<M, S>, patience: Duration) -> bool {
    link.flush();
    let interest = link.interest();
    let timeout = link.timeout().map_or(patience, |timeout| timeout.min(patience));
    let mut descriptors = [PollFd::new(&link, interest)];
    let polled = if interest.is_empty() { &mut [][..] } else { &mut descriptors[..] };
    let ready = poll(polled, Some(timeout)).unwrap();
    let revents = descriptors[0].revents();
    link.ready(revents);
    ready > 0
}
