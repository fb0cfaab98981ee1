//! Content on its way to where it goes: counted, told of, and no faster than wanted.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use framing_protocol::Hasher;
use framing_protocol::message::{File, Text};

use crate::output::Sink;
use crate::transfer::{Pace, Progress};

/// What all content goes through, of whatever file.
#[derive(Debug)]
pub(super) struct Valve {
    pub(super) pace: Option<Pace>,
    pub(super) progress: Progress,
}

impl Valve {
    /// A file begins, or goes on.
    pub(super) fn begin(&mut self, path: &Text, file: &File) {
        self.progress.begin(path, file.offset, file.total_size);
    }
}

/// A sink before another one.
pub(super) struct Intake<'a> {
    pub(super) sink: &'a mut dyn Sink,
    pub(super) prefix: Option<&'a mut Hasher>,
    /// How much has gone through.
    pub(super) bytes: &'a mut u64,
    pub(super) valve: &'a mut Valve,
}

impl Sink for Intake<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.put(bytes)?;
        if let Some(prefix) = &mut self.prefix {
            prefix.update(bytes);
        }
        let count = bytes.len() as u64;
        *self.bytes += count;
        self.valve.progress.add(count);
        if let Some(pace) = &mut self.valve.pace {
            pace.take(count, Instant::now());
        }
        Ok(())
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.sink.waits_for()
    }

    /// While it is, nothing is read from the socket, so that the server slows down, too.
    fn is_full(&self) -> bool {
        let is_early = |pace: &Pace| pace.opens_at() > Instant::now();
        self.sink.is_full() || self.valve.pace.as_ref().is_some_and(is_early)
    }

    fn drain(&mut self) -> io::Result<()> {
        self.valve.progress.tick(Instant::now());
        self.sink.drain()
    }

    fn wakes_at(&self) -> Option<Instant> {
        let opens = self.valve.pace.as_ref().map(Pace::opens_at);
        let opens = opens.filter(|at| *at > Instant::now());
        opens.into_iter().chain(self.valve.progress.next()).chain(self.sink.wakes_at()).min()
    }

    fn end(&mut self) -> io::Result<()> {
        self.sink.end()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }
}
