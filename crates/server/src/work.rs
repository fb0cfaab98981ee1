//! The one request of a connection that is being answered over several turns.

use crate::execution::Execution;
use crate::listing::Listing;
use crate::receiving::Receiving;
use crate::sending::Sending;
use framing_protocol::Id;
use framing_protocol::server::Server as Protocol;
use framing_transport::PollFd;
use std::time::{Duration, Instant};

/// What it is.
pub(crate) enum Work<'s> {
    None,
    Command(Box<Execution<'s>>),
    File(Box<Sending>),
    Upload(Box<Receiving>),
    Directory(Listing),
}

/// How a request goes on after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to come.
    Going,
    /// The client has its answer.
    Done,
}

impl Work<'_> {
    /// Goes on with it.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        match self {
            Self::None => Progress::Going,
            Self::Command(execution) => execution.advance(protocol),
            Self::File(sending) => sending.advance(protocol),
            Self::Upload(receiving) => receiving.advance(protocol),
            Self::Directory(listing) => listing.advance(protocol),
        }
    }

    /// Whether it goes on without waiting for anything, while so many bytes may be queued.
    pub(crate) fn produces(&self, room: usize) -> bool {
        match self {
            Self::File(_) | Self::Directory(_) => room > 0,
            Self::Upload(receiving) => receiving.produces(),
            Self::None | Self::Command(_) => false,
        }
    }

    /// What it waits for.
    pub(crate) fn watch<'w>(&'w self, room: usize, set: &mut Vec<PollFd<'w>>) {
        match self {
            Self::Command(execution) => execution.watch(room, set),
            Self::Upload(receiving) => receiving.watch(set),
            Self::None | Self::File(_) | Self::Directory(_) => {}
        }
    }

    /// How long it waits at most.
    pub(crate) fn timeout(&self, now: Instant) -> Option<Duration> {
        if let Self::Command(execution) = self { execution.timeout(now) } else { None }
    }

    /// Its request, if it can be ended at any moment by an error. A command has to end first.
    pub(crate) fn passive(&self) -> Option<Id> {
        match self {
            Self::None | Self::Command(_) => None,
            Self::File(sending) => Some(sending.id()),
            Self::Upload(receiving) => Some(receiving.id()),
            Self::Directory(listing) => Some(listing.id()),
        }
    }
}
