//! One output for several threads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use framing_transport::{PollFd, PollFlags, poll};

use super::{Output, Sink};

/// An [`Output`] that several threads put to, each through a handle of its own. What one puts at once stays
/// together, and nobody holds the lock while waiting: each polls a descriptor that needs none.
#[derive(Debug)]
pub(crate) struct Shared {
    output: Arc<Mutex<Output>>,
    /// A copy of the output's own, to be polled without the lock.
    descriptor: Arc<OwnedFd>,
    /// Whether the owner of this handle was told that the queue is full. By the time that it comes to wait
    /// for that to pass another thread may have emptied the queue, and must not leave it waiting for nothing.
    stalled: AtomicBool,
}

impl Shared {
    pub(crate) fn new(output: Output) -> io::Result<Self> {
        let descriptor = Arc::new(output.file.as_fd().try_clone_to_owned()?);
        let output = Arc::new(Mutex::new(output));
        Ok(Self { output, descriptor, stalled: AtomicBool::new(false) })
    }

    /// Writes all of the queue, but waits for `until` at the latest, if that is given.
    pub(crate) fn finish_until(&self, until: Option<Instant>) -> io::Result<()> {
        loop {
            let is_empty = {
                let mut output = self.lock();
                output.drain()?;
                output.queue.is_empty()
            };
            if is_empty {
                return Ok(());
            }
            // Anew in each turn, for a signal ends a wait early.
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            poll(&mut [PollFd::new(&self.descriptor, PollFlags::OUT)], left)?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        // A queue is as good after a panic elsewhere as before it.
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        let (output, descriptor) = (Arc::clone(&self.output), Arc::clone(&self.descriptor));
        Self { output, descriptor, stalled: AtomicBool::new(false) }
    }
}

impl Sink for Shared {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().put(bytes)
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        let waits = self.stalled.load(Ordering::Relaxed) || !self.lock().queue.is_empty();
        waits.then(|| self.descriptor.as_fd())
    }

    fn is_full(&self) -> bool {
        let is_full = self.lock().is_full();
        if is_full {
            self.stalled.store(true, Ordering::Relaxed);
        }
        is_full
    }

    fn drain(&mut self) -> io::Result<()> {
        self.stalled.store(false, Ordering::Relaxed);
        self.lock().drain()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.finish_until(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn who_was_told_to_wait_is_woken_also_if_somebody_else_made_place() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut one = Shared::new(Output::new(&writer).unwrap()).unwrap();
        let mut other = one.clone();
        drop(writer);
        while !one.is_full() {
            one.put(&[b'x'; 10_000]).unwrap();
        }
        assert!(other.is_full() && other.waits_for().is_some());
        let read = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        one.finish().unwrap();
        assert!(one.waits_for().is_some(), "nothing but a turn of its own tells it");
        assert!(other.waits_for().is_some());
        other.drain().unwrap();
        assert!(other.waits_for().is_none() && !other.is_full());
        drop((one, other));
        assert_eq!(read.join().unwrap().unwrap().len() % 10_000, 0);
    }

    #[test]
    fn what_is_put_at_once_stays_together() {
        let (reader, writer) = io::pipe().unwrap();
        let shared = Shared::new(Output::new(&writer).unwrap()).unwrap();
        drop(writer);
        std::thread::scope(|scope| {
            for byte in b'a'..b'e' {
                let mut shared = shared.clone();
                scope.spawn(move || {
                    let line = [vec![byte; 9_999], vec![b'\n']].concat();
                    for _ in 0..50 {
                        shared.put(&line).unwrap();
                        shared.finish().unwrap();
                    }
                });
            }
            drop(shared);
            let lines = io::read_to_string(reader).unwrap();
            assert_eq!(lines.lines().count(), 200);
            for line in lines.lines() {
                let first = &line[..1];
                assert!(line.len() == 9_999 && line.chars().all(|c| first.starts_with(c)));
            }
        });
    }
}
