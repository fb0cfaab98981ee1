//! The machine of the side that answers.

mod event;

use core::time::Duration;

pub use event::Event;

use crate::machine::{Deadlines, End, Machine};
use crate::message::{Digest, Entry, Exit, Failure, File, Id};

/// What a server says of itself, and its patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name and version of the software.
    pub agent: String,
    /// What the client may do, for `welcome`: `echo`, `files`, `exec`.
    pub roles: Vec<String>,
    /// Its patience.
    pub deadlines: Deadlines,
}

impl Default for Settings {
    fn default() -> Self {
        let agent = concat!("framing-protocol/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { agent, roles: vec!["echo".to_owned()], deadlines: Deadlines::default() }
    }
}

/// The server's end of one connection.
#[derive(Debug)]
pub struct Server {
    scratch: Vec<u8>,
}

impl Server {
    /// A connection that begins `now`.
    pub fn new(settings: Settings, now: Duration) -> Self {
        let _ = (settings, now);
        Self { scratch: vec![0] }
    }

    /// The next thing that happened, until there is none.
    pub fn poll_event(&mut self, now: Duration) -> Option<Event> {
        let _ = now;
        None
    }

    /// The body of the event that was last returned, until the next call of
    /// [`poll_event`](Self::poll_event) or [`space`](Machine::space); empty if it has none.
    pub fn body(&self) -> &[u8] {
        &[]
    }

    /// How many bytes of content (output, file data, entries) may be queued now. 0: pause what
    /// produces it. A verb given more queues all of it, so give it no more than this or one
    /// [`MAX_BODY`](crate::message::MAX_BODY), whichever is greater.
    pub fn room(&self) -> usize {
        0
    }

    /// Answers an `upper`.
    pub fn upper(&mut self, id: Id, text: &str) {
        let _ = (id, text);
    }

    /// Ends the active request with an `error`.
    pub fn fail(&mut self, id: Id, failure: Failure) {
        let _ = (id, failure);
    }

    /// The command of an `exec` runs; grants the first credit for its input.
    pub fn started(&mut self, id: Id, pid: u32) {
        let _ = (id, pid);
    }

    /// Output of the running command.
    pub fn stdout(&mut self, id: Id, bytes: &[u8]) {
        let _ = (id, bytes);
    }

    /// Output of the running command on its standard error.
    pub fn stderr(&mut self, id: Id, bytes: &[u8]) {
        let _ = (id, bytes);
    }

    /// The command's pipe took so many bytes of its input: grants as many anew.
    pub fn stdin_taken(&mut self, id: Id, bytes: u64) {
        let _ = (id, bytes);
    }

    /// Ends an `exec`.
    pub fn exit(&mut self, id: Id, exit: Exit) {
        let _ = (id, exit);
    }

    /// The file of a `get` is open.
    pub fn file(&mut self, id: Id, file: File) {
        let _ = (id, file);
    }

    /// A piece of the file.
    pub fn data(&mut self, id: Id, bytes: &[u8]) {
        let _ = (id, bytes);
    }

    /// Ends a `get`.
    pub fn file_end(&mut self, id: Id, digest: Digest) {
        let _ = (id, digest);
    }

    /// Some entries of a `list`.
    pub fn entries(&mut self, id: Id, entries: &[Entry]) {
        let _ = (id, entries);
    }

    /// Ends a `list`.
    pub fn entries_end(&mut self, id: Id) {
        let _ = id;
    }

    /// Takes no new request from now on, finishes those that were accepted, then closes.
    pub fn goaway(&mut self, reason: &str) {
        let _ = reason;
    }
}

impl Machine for Server {
    fn space(&mut self) -> &mut [u8] {
        &mut self.scratch
    }
    fn received(&mut self, _: usize, _: Duration) {}
    fn wants_input(&self) -> bool {
        true
    }
    fn input_ended(&mut self, _: End, _: Duration) {}
    fn output(&self) -> &[u8] {
        &[]
    }
    fn sent(&mut self, _: usize, _: Duration) {}
    fn deadline(&self) -> Option<Duration> {
        None
    }
    fn tick(&mut self, _: Duration) {}
    fn is_finished(&self) -> bool {
        false
    }
}
