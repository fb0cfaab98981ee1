//! Waiting for descriptors.

use rustix::event::Timespec;
pub use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use std::io;
use std::time::Duration;

/// Waits until a descriptor of `fds` is ready or `timeout` has passed, and says how many are ready.
///
/// `None` waits without end. A signal ends the wait early with 0: every caller computes its
/// timeouts anew in each turn of its loop, so an interruption is a short timeout and no error.
pub fn poll(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    // What the kernel's type cannot hold is 292 billion years: no timeout at all.
    let timespec = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match rustix::event::poll(fds, timespec.as_ref()) {
        Ok(ready) => Ok(ready),
        Err(Errno::INTR) => {
            fds.iter_mut().for_each(PollFd::clear_revents);
            Ok(0)
        }
        Err(error) => Err(error.into()),
    }
}
