//! Which servers are asked, and how far each is.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use framing_transport::Waker;

use super::signals::Signal;
use crate::error::Error;
use crate::session::Order;

/// Why a list of servers cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServersError {
    /// A line names none.
    #[error("{path:?}, line {line}: expected HOST:PORT and nothing else")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// There is none in it.
    #[error("{path:?} names no server")]
    None {
        /// The file.
        path: PathBuf,
    },
}

/// The servers of a file: one a line, and `#` begins a comment.
pub(super) fn listed(path: &OsStr) -> Result<Vec<String>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::File {
        what: "read",
        path: path.into(),
        source,
    })?;
    let mut servers = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        match (words.next(), words.next()) {
            (None, _) => {}
            (Some(server), None) => servers.push(server.to_owned()),
            _ => return Err(ServersError::Line { path: path.into(), line: at + 1 }.into()),
        }
    }
    if servers.is_empty() {
        return Err(ServersError::None { path: path.into() }.into());
    }
    Ok(servers)
}

/// Each only once, and which were there more than once.
pub(super) fn distinct(servers: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut once, mut again) = (Vec::<String>::new(), Vec::<String>::new());
    for server in servers {
        let same = |known: &String| known.eq_ignore_ascii_case(&server);
        if !once.iter().any(same) {
            once.push(server);
        } else if !again.iter().any(same) {
            again.push(server);
        }
    }
    (once, again)
}

/// One server of those that are asked: what the thread that asks it and the one that sees the signals know of
/// each other.
///
/// ```text
///   Waiting --> Running --> Ended --> Delivering --> Over
///      |           |          |           |
///      |           | signal: to the       | signal: over at once,
///      |           v command              v for there is no command to send it to
///      '------------------------------------------> Over
/// ```
#[derive(Debug)]
pub(super) struct Host {
    pub(super) server: String,
    inner: Mutex<Inner>,
    /// Woken for every order.
    pub(super) waker: Waker,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    orders: VecDeque<Order>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For its turn, a connection, or the start of the command.
    Waiting,
    Running,
    /// Of the command no more comes, and what came is still being written.
    Ended,
    /// How it ended is being written.
    Delivering,
    /// Nobody waits for it any more.
    Over,
}

/// What is known of a host that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// Nothing has been said of its end.
    Untold,
    /// Its end is told, or being told.
    Told,
}

impl Host {
    pub(super) fn new(server: String) -> io::Result<Self> {
        let inner = Inner { phase: Phase::Waiting, orders: VecDeque::new() };
        Ok(Self { server, inner: Mutex::new(inner), waker: Waker::new()? })
    }

    // ---- the thread that asks it ----

    pub(super) fn started(&self) {
        self.advance(Phase::Running);
    }

    pub(super) fn ended(&self) {
        self.advance(Phase::Ended);
    }

    /// Whether anybody still wants to hear how it ended: then it is for this thread to tell.
    pub(super) fn delivering(&self) -> bool {
        self.advance(Phase::Delivering) == Phase::Delivering
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.lock().phase == Phase::Over
    }

    pub(super) fn order(&self) -> Option<Order> {
        self.waker.clear();
        self.lock().orders.pop_front()
    }

    // ---- the thread that sees the signals ----

    /// Sends a signal on to the command. Where none runs the host is given up.
    pub(super) fn signal(&self, signal: Signal) -> Option<GivenUp> {
        let mut inner = self.lock();
        if inner.phase == Phase::Running {
            inner.orders.push_back(Order::Signal(signal.name));
            drop(inner);
            self.waker.wake();
            return None;
        }
        drop(inner);
        self.give_up()
    }

    /// Has the thread leave a command that runs.
    pub(super) fn leave(&self) {
        self.lock().orders.push_back(Order::Leave);
        self.waker.wake();
    }

    /// Waits for it no longer, unless it is over already.
    pub(super) fn give_up(&self) -> Option<GivenUp> {
        let given_up = {
            let mut inner = self.lock();
            let given_up = match inner.phase {
                Phase::Over => return None,
                Phase::Delivering => GivenUp::Told,
                Phase::Waiting | Phase::Running | Phase::Ended => GivenUp::Untold,
            };
            inner.phase = Phase::Over;
            given_up
        };
        self.leave();
        Some(given_up)
    }

    /// Comes to this phase, unless it is over.
    fn advance(&self, phase: Phase) -> Phase {
        let mut inner = self.lock();
        if inner.phase != Phase::Over {
            inner.phase = phase;
        }
        inner.phase
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is done under the lock that a panic could leave half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
