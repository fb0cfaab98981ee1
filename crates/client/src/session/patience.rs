//! How long a session waits for its server, and what ends the wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use framing_transport::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

use crate::error::{Error, Status};
use crate::exec::ignored;

/// How long to wait, and for whom. By default for ever, or as long as the server answers pings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience {
    /// How long nothing of what was asked for may come.
    pub(crate) stall: Option<Duration>,
    /// Who may ask for the end.
    pub(crate) interrupt: Option<Arc<Interrupt>>,
}

impl Patience {
    /// An error if the end was asked for.
    pub(super) fn check_interrupt(&self) -> Result<(), Error> {
        match &self.interrupt {
            Some(interrupt) if interrupt.is_asked() => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }

    /// When the wait that began at `silent` is over; an error if it is.
    pub(super) fn end(&self, silent: Instant) -> Result<Option<Instant>, Error> {
        let Some(stall) = self.stall else { return Ok(None) };
        if silent.elapsed() >= stall {
            return Err(Error::Stalled { after: stall });
        }
        Ok(silent.checked_add(stall))
    }

    /// Becomes readable when the end is asked for.
    pub(super) fn waker(&self) -> Option<BorrowedFd<'_>> {
        self.interrupt.as_ref().map(|interrupt| interrupt.waker.as_fd())
    }
}

/// A wish for the end, which comes as a signal.
#[derive(Debug)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    /// Whether nobody looks, so that a signal has to end the process by itself.
    deaf: Arc<AtomicBool>,
    /// Stays readable from the first signal on, so that nobody who waits misses it.
    waker: UnixStream,
}

impl Interrupt {
    /// Catches the signals that end a process, for the rest of it. One that is ignored already stays so.
    pub(crate) fn catch() -> io::Result<Arc<Self>> {
        let (waker, writer) = UnixStream::pair()?;
        let interrupt = Self { asked: Arc::default(), deaf: Arc::default(), waker };
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if ignored & (1 << (signal - 1)) == 0 {
                let code = Status::INTERRUPTED.code().into();
                flag::register_conditional_shutdown(signal, code, interrupt.deaf.clone())?;
                flag::register(signal, interrupt.asked.clone())?;
                pipe::register(signal, writer.try_clone()?)?;
            }
        }
        Ok(Arc::new(interrupt))
    }

    /// Does what cannot be ended early: a signal meanwhile ends the process.
    pub(crate) fn while_deaf<T>(&self, work: impl FnOnce() -> T) -> T {
        self.deaf.store(true, Ordering::SeqCst);
        let done = work();
        self.deaf.store(false, Ordering::SeqCst);
        done
    }

    /// Whether it was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits so long, unless the end is asked for.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), Error> {
        let mut polled = [PollFd::new(&self.waker, PollFlags::IN)];
        poll(&mut polled, Some(time))?;
        if self.is_asked() { Err(Error::Interrupted) } else { Ok(()) }
    }
}
