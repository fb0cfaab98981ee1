//! What the server machine tells its application.

use crate::machine::Closed;
use crate::message::{Digest, Exec, Get, Id, Put, Text, Token};

/// What happened. Small and owned; the body, where there is one, is lent by
/// [`Server::body`](super::Server::body).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request: answer with [`upper`](super::Server::upper) or [`fail`](super::Server::fail). The
    /// body is the text, as bytes.
    Upper {
        /// The request.
        id: Id,
    },
    /// A request: answer with [`started`](super::Server::started), output and
    /// [`exit`](super::Server::exit), or with [`fail`](super::Server::fail).
    Exec {
        /// The request.
        id: Id,
        /// What to run.
        exec: Exec,
    },
    /// A request: answer with [`file`](super::Server::file), [`data`](super::Server::data) and
    /// [`file_end`](super::Server::file_end), or with [`fail`](super::Server::fail).
    Get {
        /// The request.
        id: Id,
        /// Which file, and what the client has of it.
        get: Get,
    },
    /// A request: answer with [`ready`](super::Server::ready) and, once all has come,
    /// [`stored`](super::Server::stored), or with [`fail`](super::Server::fail), at any time.
    Put {
        /// The request.
        id: Id,
        /// Which file.
        put: Put,
    },
    /// The content of a `put` begins.
    Begin {
        /// The active `put`.
        id: Id,
        /// At what byte: 0, or where what is held ends.
        offset: u64,
    },
    /// A piece of the file of a `put`, in the body; never empty. Report with
    /// [`data_taken`](super::Server::data_taken) what was written of it.
    Data {
        /// The active `put`.
        id: Id,
    },
    /// All of the file has come.
    FileEnd {
        /// The active `put`.
        id: Id,
        /// The digest of the whole file, computed by the client, of the kind that it announced.
        digest: Digest,
    },
    /// A request: answer with [`entries`](super::Server::entries) and
    /// [`entries_end`](super::Server::entries_end), or with [`fail`](super::Server::fail).
    List {
        /// The request.
        id: Id,
        /// The path as the client wrote it.
        path: Text,
    },
    /// A request: answer with [`entry`](super::Server::entry), or with [`fail`](super::Server::fail).
    Stat {
        /// The request.
        id: Id,
        /// The path as the client wrote it.
        path: Text,
    },
    /// A request: redeem the invitation and answer with [`paired`](super::Server::paired), or with
    /// [`fail`](super::Server::fail).
    Pair {
        /// The request.
        id: Id,
        /// Its secret.
        token: Token,
        /// What the client calls itself.
        name: String,
    },
    /// Input for the running command, in the body; never empty. Report with
    /// [`stdin_taken`](super::Server::stdin_taken) what the command's pipe took.
    Stdin {
        /// The running `exec`.
        id: Id,
    },
    /// The end of the command's input.
    StdinEnd {
        /// The running `exec`.
        id: Id,
    },
    /// Send the command this signal.
    Signal {
        /// The running `exec`.
        id: Id,
        /// Its name without `SIG`.
        name: String,
    },
    /// The client no longer wants the active request: end it, with
    /// [`fail`](super::Server::fail) (`cancelled`) or its usual end. Where the client was told of
    /// the end already, for it sent a message that nobody knows, both are void.
    Cancel {
        /// The active request.
        id: Id,
    },
    /// The connection is over: end what still runs, at once. The last event; verbs are void from
    /// now on. The machine may still have last words to write.
    Closed {
        /// Why.
        reason: Closed,
    },
}
