//! Ending a [`poll`](crate::poll()) from another thread.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor that becomes readable when it is woken, and stays so until it is cleared.
///
/// It stands in a poll set with [`PollFlags::IN`](crate::PollFlags::IN). Any number of loops may
/// wait on one waker: waking it without ever clearing it is how a server tells all its
/// connections to end, and costs one descriptor however many they are.
///
/// ```
/// use framing_transport::{PollFd, PollFlags, Waker, poll};
///
/// let waker = Waker::new()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| waker.wake());
///     poll(&mut [PollFd::new(&waker, PollFlags::IN)], None)
/// })?;
/// assert!(waker.is_woken());
/// waker.clear();
/// assert!(!waker.is_woken());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// A waker that nobody has woken yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Makes the descriptor readable. Never blocks; waking twice is waking once.
    pub fn wake(&self) {
        // The one error is a counter at its maximum, and then it is readable already.
        while rustix::io::write(&self.0, &1u64.to_ne_bytes()) == Err(Errno::INTR) {}
    }

    /// Makes the descriptor unreadable again, until the next [`wake`](Self::wake).
    pub fn clear(&self) {
        let mut counter = [0; 8];
        while rustix::io::read(&self.0, &mut counter) == Err(Errno::INTR) {}
    }

    /// Whether it has been woken since it was last cleared.
    pub fn is_woken(&self) -> bool {
        let mut descriptors = [crate::PollFd::new(&self.0, crate::PollFlags::IN)];
        crate::poll(&mut descriptors, Some(std::time::Duration::ZERO)).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
