//! What can go wrong, what to do about it, and the exit code that says so: all in one place.

mod hint;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use framing::BuildError;
use framing_protocol::client::Refused;
use framing_protocol::message::{Cap, Code, DigestKind, Escaped, Failure, Outcome, Text};
use framing_protocol::{Closed, HeaderError};
use framing_transport::{BadInvitation, ConnectError, Exposed, IdentityError, NoHome};

use crate::exec::ServersError;
use crate::known_hosts::KnownHostsError;
use crate::part::PartError;

pub(crate) use hint::{
    limit_for, of_fault as hint_of_fault, of_inspect as hint_of_inspect,
    of_outcome as hint_of_outcome,
};

/// Why something did not come to a good end. `Display` is safe for a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no place for keys.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// The place for keys cannot be used.
    #[error(transparent)]
    Keys(#[from] Exposed),
    /// We have no key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The list of known servers cannot be used.
    #[error(transparent)]
    KnownHosts(#[from] KnownHostsError),
    /// The list of servers to ask cannot be used.
    #[error(transparent)]
    Servers(#[from] ServersError),
    /// What was to be an invitation is none.
    #[error(transparent)]
    Invitation(#[from] BadInvitation),
    /// The connection ended before the server had bidden us welcome.
    #[error("{server}: the server ended the connection before it said a word")]
    NoWelcome {
        /// Where the server is.
        server: String,
    },
    /// The connection ended before the answer did.
    #[error("{server}: {}{reason}", who_left(reason))]
    Closed {
        /// Where the server is, or was.
        server: String,
        /// How it ended.
        reason: Closed,
    },
    /// The connection ended in the middle of a download, of which nothing is left.
    #[error("{server}: the server went away; nothing was saved: {reason}")]
    Unsaved {
        /// Where the server was.
        server: String,
        /// How it ended.
        reason: Closed,
    },
    /// The server is there, and sends nothing of what it was asked for.
    #[error("nothing of it has come for {} s", after.as_secs_f64())]
    Stalled {
        /// How long it was waited for.
        after: Duration,
    },
    /// Nothing at the server is what was asked for.
    #[error("{pattern}: no file there is called so")]
    NoMatch {
        /// What was asked for.
        pattern: Text,
    },
    /// The server has folders in folders without end, or more files than anybody could want.
    #[error("{path}: there is too much in it: more than {most}")]
    TooMuch {
        /// Where.
        path: Text,
        /// How much is taken.
        most: &'static str,
    },
    /// Not all files have come over; why, has been said of each.
    #[error("{failed} of {all} {what}")]
    Incomplete {
        /// What, and what has not become of it.
        what: &'static str,
        /// How many have not come over.
        failed: usize,
        /// How many were asked for.
        all: usize,
        /// The exit code of the first that has not.
        first: Status,
    },
    /// What was to bid us welcome does not speak our protocol.
    #[error("what answers at {server} is not a framing-server: {failure}")]
    Stranger {
        /// Where it is.
        server: String,
        /// What is wrong with what it said.
        failure: Failure,
    },
    /// The server answered that it cannot, or will not.
    #[error(transparent)]
    Failed(Failure),
    /// The rules of the protocol forbid to ask for that.
    #[error(transparent)]
    Refused(Refused),
    /// What came is not what the server had said would come.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The server's list of a folder is none.
    #[error("the server sent a list that cannot be read: {0}")]
    BadList(#[from] HeaderError),
    /// The download cannot be put where it should go.
    #[error(transparent)]
    Part(#[from] PartError),
    /// What came cannot be handed on.
    #[error("cannot write what came: {0}")]
    Sink(#[source] io::Error),
    /// What is to be sent cannot be read.
    #[error("cannot read what is to be sent: {0}")]
    Source(#[source] io::Error),
    /// What is to be sent has changed since it was begun.
    #[error("the file changed while it was being sent")]
    Changed,
    /// A folder of ours where a file was to be named.
    #[error("{} is a folder", shown(path.as_os_str().as_encoded_bytes()))]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Something of ours that is no file.
    #[error("{} is not a regular file", shown(path.as_os_str().as_encoded_bytes()))]
    NotAFile {
        /// What it is.
        path: PathBuf,
    },
    /// A file of ours cannot be used.
    #[error("cannot {what} {}: {source}", shown(path.as_os_str().as_encoded_bytes()))]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input: {0}")]
    Input(#[source] io::Error),
    /// The capture cannot be read.
    #[error("cannot read the capture: {0}")]
    Capture(#[source] io::Error),
    /// The framing asks for what cannot be.
    #[error("this framing cannot be used: {0}")]
    Unbuildable(#[source] BuildError),
    /// The capture is too large to try one framing after the other on it.
    #[error("a guess needs all of the capture at once, and takes at most {limit} bytes: cut it")]
    TooLargeToGuess {
        /// The most, in bytes.
        limit: usize,
    },
    /// The system failed us.
    #[error("the system failed: {0}")]
    System(#[from] io::Error),
    /// Some messages had no answer but an error, which has been shown.
    #[error("{count} of the messages had no answer")]
    Unanswered {
        /// How many.
        count: u64,
    },
    /// Whoever started us, or sits at the terminal, asked for the end.
    #[error("interrupted")]
    Interrupted,
}

/// How a download differs from what was promised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// More or less came than the server had announced, or something that is no part of a file.
    #[error("the server broke the transfer: {0}")]
    Protocol(Failure),
    /// The bytes are not those that the server read.
    #[error("what came does not have the {} digest that the server computed", digest_name(*kind))]
    Digest {
        /// Of which kind.
        kind: DigestKind,
    },
    /// The file is no longer the one of which the beginning has been handed on.
    #[error("the file has changed since its beginning was written")]
    Differs,
}

impl Error {
    /// The exit code of every command but `exec`.
    pub fn status(&self) -> Status {
        match self {
            Self::Connect(ConnectError::OtherKey { .. })
            | Self::NoHome(_)
            | Self::Keys(_)
            | Self::Identity(_)
            | Self::KnownHosts(_) => Status::AUTH,
            Self::Connect(_)
            | Self::NoWelcome { .. }
            | Self::Unsaved { .. }
            | Self::Stranger { .. } => Status::CONNECT,
            Self::Closed { reason, .. } => match reason {
                Closed::Overdue(_) => Status::TIMEOUT,
                Closed::Refused(failure) => status_of(&failure.code),
                Closed::Violation(_) => Status::OTHER,
                _ => Status::CONNECT,
            },
            Self::Failed(failure) => status_of(&failure.code),
            Self::Stalled { .. } => Status::TIMEOUT,
            Self::NoMatch { .. } => Status::NOT_FOUND,
            Self::Incomplete { first, .. } => *first,
            Self::Damaged(_) | Self::Changed | Self::Part(PartError::Damaged(_)) => {
                Status::INTEGRITY
            }
            Self::Part(PartError::Exists { .. }) => Status::EXISTS,
            Self::Invitation(_)
            | Self::Part(PartError::NoName { .. } | PartError::NoFolder { .. })
            | Self::Unbuildable(_) => Status::USAGE,
            Self::Interrupted => Status::INTERRUPTED,
            // Whoever read our output had enough of it.
            _ if self.is_broken_pipe() => Status::OK,
            _ => Status::OTHER,
        }
    }

    /// The exit code of `exec`, where 0 to 123 are the remote command's own.
    pub fn status_of_exec(&self) -> Status {
        match self {
            Self::Failed(Failure { code: Code::Denied, .. }) => Status::NOT_RUN,
            Self::Interrupted => Status::INTERRUPTED,
            // The end that the command itself would have met, had the pipe been its own.
            _ if self.is_broken_pipe() => Status::signal(SIGPIPE),
            _ => Status::OWN_FAILURE,
        }
    }

    /// Whether the server may just have had no place for us.
    pub(crate) fn is_turned_away(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::NoWelcome { .. } => true,
            Self::Connect(ConnectError::Handshake { source, .. }) => matches!(
                source.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            ),
            _ => false,
        }
    }

    /// Whether the same may go better on another connection, a little later. What the server, or its key,
    /// says no to is no better then.
    pub(crate) fn is_passing(&self) -> bool {
        let busy = |failure: &Failure| matches!(failure.code, Code::ShuttingDown | Code::Busy);
        match self {
            Self::Connect(ConnectError::OtherKey { .. }) => false,
            Self::Connect(_) | Self::NoWelcome { .. } | Self::Stalled { .. } => true,
            Self::Closed { reason: Closed::Refused(failure), .. } | Self::Failed(failure) => {
                busy(failure)
            }
            Self::Closed { reason, .. } => !matches!(reason, Closed::Violation(_)),
            _ => false,
        }
    }

    /// Whether what has come over so far is of use later on.
    pub(crate) fn may_go_on(&self) -> bool {
        matches!(self, Self::Interrupted) || self.is_passing()
    }

    /// Whether it needs no words: whoever read our output has left, or asked us to end.
    pub fn is_quiet(&self) -> bool {
        self.is_broken_pipe() || matches!(self, Self::Interrupted)
    }

    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Sink(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(u8);

impl Status {
    /// It worked.
    pub const OK: Self = Self(0);
    /// Whatever has no code of its own.
    pub const OTHER: Self = Self(1);
    /// The command line makes no sense.
    pub const USAGE: Self = Self(2);
    /// No connection, or no longer.
    pub const CONNECT: Self = Self(3);
    /// One of the two sides is not who it should be.
    pub const AUTH: Self = Self(4);
    /// The server may do it and will not.
    pub const DENIED: Self = Self(5);
    /// No such file.
    pub const NOT_FOUND: Self = Self(6);
    /// Not what was sent.
    pub const INTEGRITY: Self = Self(7);
    /// Too slow.
    pub const TIMEOUT: Self = Self(8);
    /// Something is there already.
    pub const EXISTS: Self = Self(9);
    /// `exec`: the command's time ran out.
    pub const TIMED_OUT: Self = Self(124);
    /// `exec`: not the command failed but we, or the server, or what is between.
    pub const OWN_FAILURE: Self = Self(125);
    /// `exec`: refused, or not executable.
    pub const NOT_RUN: Self = Self(126);
    /// `exec`: no such command.
    pub const NO_COMMAND: Self = Self(127);
    /// Interrupted.
    pub const INTERRUPTED: Self = Self(130);

    /// `exec`: killed by a signal, in the shell's way of saying it.
    pub fn signal(number: i32) -> Self {
        Self(u8::try_from(number).map_or(u8::MAX, |number| number.saturating_add(128)))
    }

    /// The code as the system takes it.
    pub fn code(self) -> u8 {
        self.0
    }
}

impl From<&Outcome> for Status {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            // No system has other codes, and cutting one off could make a success of it.
            Outcome::Exited { code } => u8::try_from(*code).map_or(Self::OWN_FAILURE, Self),
            Outcome::Signalled { signal, .. } => Self::signal(*signal),
            Outcome::TimedOut | Outcome::CapExceeded { cap: Cap::RunTime } => Self::TIMED_OUT,
            Outcome::CapExceeded { .. } => Self::signal(SIGKILL),
            Outcome::Detached => Self::OK,
            Outcome::NotFound => Self::NO_COMMAND,
            Outcome::NotExecutable => Self::NOT_RUN,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.0)
    }
}

fn status_of(code: &Code) -> Status {
    match code {
        Code::Unauthorized => Status::AUTH,
        Code::Denied => Status::DENIED,
        Code::NotFound | Code::BadPath => Status::NOT_FOUND,
        Code::Changed | Code::Damaged => Status::INTEGRITY,
        Code::Exists => Status::EXISTS,
        Code::Timeout => Status::TIMEOUT,
        Code::ShuttingDown => Status::CONNECT,
        _ => Status::OTHER,
    }
}

/// Says whose fault the end of a connection is, where its reason does not.
fn who_left(reason: &Closed) -> &'static str {
    match reason {
        Closed::Lost | Closed::Truncated { .. } => "the server went away: ",
        _ => "",
    }
}

/// What people call a kind of digest.
fn digest_name(kind: DigestKind) -> &'static str {
    match kind {
        DigestKind::Blake3 => "BLAKE3",
        DigestKind::Sha256 => "SHA-256",
        DigestKind::Md5 => "MD5",
    }
}

/// A name as a person can see it: in quotes if there is nothing to be seen.
pub(crate) fn shown(name: &[u8]) -> Escaped<'_> {
    Escaped(if name.is_empty() { b"''" } else { name })
}

const SIGKILL: i32 = 9;
const SIGPIPE: i32 = 13;
