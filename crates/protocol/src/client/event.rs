//! What the client machine tells its application.

use crate::machine::Closed;
use crate::message::{Digest, Entry, Exit, Failure, File, Held, Id, Welcome};

/// What happened. Small and owned; the body, where there is one, is lent by
/// [`Client::body`](super::Client::body).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server took the `hello`. The first event, unless the connection failed before.
    Welcome {
        /// What it says of itself.
        welcome: Welcome,
    },
    /// The answer to `upper`, in the body. Ends the request.
    Upper {
        /// The request.
        id: Id,
    },
    /// The command runs; [`Client::credit`](super::Client::credit) tells how much input it takes.
    Started {
        /// The request.
        id: Id,
        /// Its process id on the server's system.
        pid: u32,
    },
    /// Standard output of the command, in the body.
    Stdout {
        /// The request.
        id: Id,
    },
    /// Standard error of the command, in the body.
    Stderr {
        /// The request.
        id: Id,
    },
    /// [`Client::credit`](super::Client::credit) has grown.
    Window {
        /// The request.
        id: Id,
    },
    /// The command ended. Ends the request.
    Exit {
        /// The request.
        id: Id,
        /// How it ended.
        exit: Exit,
    },
    /// The server reads what we have of the file at its own, or what it holds of ours.
    Verifying {
        /// The request.
        id: Id,
        /// How many bytes it has read.
        bytes: u64,
    },
    /// The file was opened; exactly what is between `offset` and `total_size` follows as [`Event::Data`].
    /// `offset` is 0 or what was asked for.
    File {
        /// The request.
        id: Id,
        /// What it is.
        file: File,
    },
    /// A piece of the file, in the body.
    Data {
        /// The request.
        id: Id,
    },
    /// All of the file has come. Ends the request.
    FileEnd {
        /// The request.
        id: Id,
        /// The digest of the whole file, computed by the server.
        digest: Digest,
    },
    /// The file of a `put` may be sent: [`Client::begin`](super::Client::begin), then
    /// [`Client::data`](super::Client::data).
    Ready {
        /// The request.
        id: Id,
        /// What the server holds of it already: none, or no more than there is.
        held: Option<Held>,
    },
    /// The file of a `put` is there, whole and durable. Ends the request.
    Stored {
        /// The request.
        id: Id,
    },
    /// Some entries, as lines in the body: [`Entry::lines`](crate::message::Entry::lines).
    Entries {
        /// The request.
        id: Id,
    },
    /// All entries have come. Ends the request.
    EntriesEnd {
        /// The request.
        id: Id,
    },
    /// The answer to `stat`. Ends the request.
    Entry {
        /// The request.
        id: Id,
        /// What is there.
        entry: Entry,
    },
    /// The invitation is redeemed: from now on the server knows our key. Ends the request.
    Paired {
        /// The request.
        id: Id,
        /// What we may do there.
        roles: Vec<String>,
    },
    /// The request failed. Ends it.
    Error {
        /// The request.
        id: Id,
        /// Why.
        failure: Failure,
    },
    /// The server takes no new requests. Those that it did not accept fail by [`Event::Error`]
    /// (`shutting_down`) right behind this.
    Goaway {
        /// Why, for people.
        reason: String,
        /// The last request that it will still answer.
        last_id: Id,
    },
    /// The answer to the ping of this id and to all before it.
    Pong {
        /// What [`Client::ping`](super::Client::ping) gave.
        id: Id,
    },
    /// The connection is over, and with it every request that has not ended. The last event.
    Closed {
        /// Why.
        reason: Closed,
    },
}

/// Which rule forbids a verb now. Nothing was sent and nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many requests are unanswered as may be. Wait for an answer.
    #[error("too many requests are unanswered")]
    PipelineFull,
    /// Too much waits to be written. Wait until [`Client::room`](super::Client::room) is not 0.
    #[error("too many bytes wait to be written")]
    QueueFull,
    /// A command runs or waits to, and nothing else may be asked until it ends.
    #[error("a command is running")]
    ExecRunning,
    /// The body or the header would be over the limit.
    #[error("the request is larger than a message may be")]
    TooLarge,
    /// The request of that id has ended, or never was, or takes no input (any more).
    #[error("the request takes no input")]
    NoInput,
    /// A file does not end before all of it was sent, and with the digest that was announced.
    #[error("the file is not complete")]
    Incomplete,
    /// A field makes no sense, beside another one or beside what the server holds.
    #[error("the request makes no sense")]
    Senseless,
    /// The server said `goaway`.
    #[error("the server is going away")]
    GoingAway,
    /// The connection is over, or was asked to close.
    #[error("the connection is closed")]
    Closed,
}

impl Refused {
    /// Whether the same verb may succeed later on this connection.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::PipelineFull | Self::QueueFull | Self::ExecRunning)
    }
}
