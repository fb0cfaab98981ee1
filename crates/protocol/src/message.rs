//! Every message of version 1, with every field.
//!
//! A header is one JSON object. Its `type` is the name in the tables below, its `id` an integer
//! that fits 64 bits. Fields that are not listed are ignored; a key that comes twice, at whatever
//! depth, and nesting past 32 levels are refused, and so is a body where the table names none.
//!
//! # Ids
//!
//! A request (`upper`, `exec`, `get`, `put`, `list`, `stat`, `pair`) carries an `id` greater than that of every request
//! before it, the first at least 1. All that belongs to the request repeats it. The id of a `ping`
//! is its sender's own affair and no request's.
//!
//! # What a client sends
//!
//! | type | fields | body | meaning |
//! |---|---|---|---|
//! | `hello` | `version` integer, `agent` string, `pairing` boolean | | first of all; `agent` names the software; `pairing` says that a `pair` follows |
//! | `upper` | `id` | UTF-8 | asks for the Unicode upper case of the body, which may be empty |
//! | `exec` | `id`, and those of [`Exec`] | | runs a command; exclusive until its `exit` |
//! | `stdin` | `id` | bytes | input of the running `exec`, within the credit |
//! | `stdin_end` | `id` | | end of that input |
//! | `signal` | `id`, `name` string | | sends a signal to the command, named without `SIG`: `"INT"` |
//! | `get` | `id`, and those of [`Get`] | | asks for a file below the server's root, or for what is missing of it |
//! | `put` | `id`, and those of [`Put`] | | brings a file, to be stored below the server's root |
//! | `begin` | `id`, `offset` integer, absent for 0 | | where the `data` that follows begins: 0, or what `ready` said |
//! | `data` | `id` | bytes | a piece of the file, in order, within the credit |
//! | `file_end` | `id`, `digest` [`Digest`] | | all of it was sent |
//! | `list` | `id`, `path` [`Text`] | | asks for the entries of a directory; empty or `.`: the root |
//! | `stat` | `id`, `path` [`Text`] | | asks for the entry of a path itself; empty or `.`: of the root |
//! | `pair` | `id`, `token` string, `name` string | | redeems an invitation: the key of this connection is let in from now on |
//! | `cancel` | `id` | | ends the request of that id, waiting or active |
//! | `ping` | `id` | | asks for a `pong` |
//! | `pong` | `id` | | answers the server's `ping` of that id and all before it |
//!
//! At most [`Limits::pipeline`] requests may be unanswered at a time. Between an `exec` and its
//! `exit` only `stdin`, `stdin_end`, `signal`, `cancel`, `ping` and `pong` may come, and the content of a `put` that was
//! asked before it.
//!
//! # What a server sends
//!
//! | type | fields | body | meaning |
//! |---|---|---|---|
//! | `welcome` | `version` integer, `agent` string, `roles` array of strings, `limits` [`Limits`] | | answers `hello` |
//! | `upper` | `id` | UTF-8 | answers `upper` |
//! | `started` | `id`, `pid` integer, `window` integer | | the command runs; `window` bytes of `stdin` may be sent |
//! | `stdout`, `stderr` | `id` | bytes | output of the command, as it comes |
//! | `window` | `id`, `bytes` integer | | so many more bytes of `stdin`, or of `data`, may be sent |
//! | `exit` | `id`, and those of [`Exit`] | | the command ended; ends the request |
//! | `verifying` | `id`, `bytes` | | so much was read of what there is already, for a `get` with an `offset` or a `put` with `resume`; now and then |
//! | `file` | `id`, and those of [`File`] | | the file was opened |
//! | `data` | `id` | bytes | a piece of the file, in order |
//! | `file_end` | `id`, `digest` [`Digest`] | | all of it was sent; ends the request |
//! | `ready` | `id`, and those of [`Ready`] | | the file of a `put` may come |
//! | `stored` | `id`, `digest` [`Digest`] | | the file is there, whole and durable; ends the request |
//! | `paired` | `id`, `roles` array of strings | | the invitation is redeemed, for these roles; ends the request |
//! | `entries` | `id` | lines of [`Entry`] | some entries |
//! | `entries_end` | `id` | | all of them were sent; ends the request |
//! | `entry` | `id`, and those of [`Entry`] | | answers `stat`, and ends the request |
//! | `error` | `id` (may be absent), and those of [`Failure`] | | ends the request; without `id`: the connection |
//! | `goaway` | `reason` string, `last_id` integer | | requests after `last_id` were not and will not be looked at |
//! | `ping`, `pong` | `id` | | as above, the other way |
//!
//! Requests are answered in order; an `error` may come out of turn. A message for an id that has
//! ended is dropped without a word, on both sides; one for an id that never was is a violation, as
//! is an answer that the request does not expect. A server answers an unknown type with `error`
//! (`unknown`, with the `id` whose request ends by it); without an `id`, and between an `exec` and
//! its `exit`, it is a violation. A client ignores it.
//!
//! # Strangers
//!
//! A client whose key the server does not know may send `hello` and, if that said `pairing`, one `pair`.
//! Whatever else it sends is answered by an `error` without an `id` (`unauthorized`), as is its `hello` if it did
//! not, and ends the connection.
//!
//! # Input of a command
//!
//! A client sends `stdin` on credit only: the `window` of `started`, to which each `window` message
//! adds its `bytes`, less all bodies sent. To send more is a violation. Before `started` there is
//! no credit, but `stdin_end` may come, and `signal`, of which an `exec` that waits for its turn
//! keeps the last. After `stdin_end` no input may follow.
//!
//! # Files that a client brings
//!
//! After `ready` a client says `begin`, once, and then sends its `data` on credit, likewise: the `window` of `ready` and
//! what `window` messages add. It sends exactly what is missing of the `size` that it announced, or any number of
//! bytes where it announced none, and then `file_end` with the digest of the whole file. A file that cannot be read
//! to its end is ended by `cancel`. What was sent before an `error` has come is dropped.
//!
//! # Limits
//!
//! A header of more than [`MAX_HEADER`] or a body of more than [`MAX_BODY`] bytes, announced in the
//! twelve bytes before the header, ends the connection there and then.

mod client;
mod digest;
mod exec;
mod failure;
mod file;
mod put;
mod server;
mod text;
mod token;

use serde::de::value::StringDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

pub use client::ClientMessage;
pub use digest::{BadDigest, Digest, DigestKind};
pub use exec::{Cap, Command, Exec, Exit, Outcome, Stdin};
pub use failure::{Code, Failure};
pub use file::{Entry, EntryKind, File, Get, Resume};
pub use put::{Held, Put, Ready};
pub use server::ServerMessage;
pub use text::{Escaped, Text};
pub use token::Token;

/// The number of a request, rising within a connection from 1.
pub type Id = u64;

/// The version of the protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// The most bytes that a header may have.
pub const MAX_HEADER: usize = 64 * 1024;

/// The most bytes that a body may have.
pub const MAX_BODY: usize = 256 * 1024;

/// The most requests of one client that may be unanswered at a time.
pub const PIPELINE: usize = 16;

/// The fields of `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol that the client speaks: [`VERSION`].
    pub version: u32,
    /// The client's software and its version, for logs.
    #[serde(default)]
    pub agent: String,
    /// Whether a `pair` follows: without it a client that is not known is refused at once.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub pairing: bool,
}

/// The fields of `welcome`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol that this connection speaks: [`VERSION`].
    pub version: u32,
    /// The server's software and its version, for people.
    #[serde(default)]
    pub agent: String,
    /// What this client may do: `echo`, `files`, `files:write`, `exec:any`, `exec:shell`, `exec:@NAME`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What this server takes.
    #[serde(default)]
    pub limits: Limits,
}

/// What a server takes. Version 1 fixes the values, so that a client may send its first requests
/// right behind `hello`; they are announced for people and for later versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Most bytes of a header: [`MAX_HEADER`].
    pub header: u64,
    /// Most bytes of a body: [`MAX_BODY`].
    pub body: u64,
    /// Most requests unanswered at a time: [`PIPELINE`].
    pub pipeline: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header: MAX_HEADER as u64, body: MAX_BODY as u64, pipeline: PIPELINE as u64 }
    }
}

/// Reads a value that is a word, and takes nothing but a string: what serde derives would take
/// `{"piped":null}` for `"piped"`, which another reader refuses.
fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(StringDeserializer::new(String::deserialize(deserializer)?))
}

/// Such a word that may be absent.
fn optional_word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    word(deserializer).map(Some)
}

/// The digest behind a file, or of one that is stored.
#[derive(Deserialize)]
pub(super) struct FileEnd {
    pub(super) digest: Digest,
}
