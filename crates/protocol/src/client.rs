//! The machine of the side that asks.

mod event;

use core::time::Duration;

pub use event::{Event, Refused};

use crate::machine::{Deadlines, End, Machine};
use crate::message::{Exec, Id, Text};

/// What a client says of itself, and its patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name and version of the software.
    pub agent: String,
    /// Its patience.
    pub deadlines: Deadlines,
}

impl Default for Settings {
    fn default() -> Self {
        let agent = concat!("framing-protocol/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { agent, deadlines: Deadlines::default() }
    }
}

/// The client's end of one connection.
#[derive(Debug)]
pub struct Client {
    scratch: Vec<u8>,
}

impl Client {
    /// A connection that begins `now`; queues the `hello`.
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

    /// How many bytes of requests and input may be queued now. 0: wait until some were written.
    pub fn room(&self) -> usize {
        0
    }

    /// Asks for the upper case of `body`, at most [`MAX_BODY`](crate::message::MAX_BODY) bytes.
    pub fn upper(&mut self, body: &[u8]) -> Result<Id, Refused> {
        let _ = body;
        Err(Refused::Closed)
    }

    /// Asks to run a command.
    pub fn exec(&mut self, exec: &Exec) -> Result<Id, Refused> {
        let _ = exec;
        Err(Refused::Closed)
    }

    /// Asks for a file.
    pub fn get(&mut self, path: &Text) -> Result<Id, Refused> {
        let _ = path;
        Err(Refused::Closed)
    }

    /// Asks for the entries of a directory.
    pub fn list(&mut self, path: &Text) -> Result<Id, Refused> {
        let _ = path;
        Err(Refused::Closed)
    }

    /// Asks for a [`Event::Pong`]. The id is no request's.
    pub fn ping(&mut self) -> Result<Id, Refused> {
        Err(Refused::Closed)
    }

    /// How many bytes of input the command takes now; 0 if there is none that does.
    pub fn credit(&self, id: Id) -> usize {
        let _ = id;
        0
    }

    /// Sends input to the command: as much of `bytes` as [`credit`](Self::credit) and
    /// [`room`](Self::room) allow. Gives how many were taken, which may be 0.
    pub fn stdin(&mut self, id: Id, bytes: &[u8]) -> Result<usize, Refused> {
        let _ = (id, bytes);
        Err(Refused::Closed)
    }

    /// Ends the command's input.
    pub fn stdin_end(&mut self, id: Id) {
        let _ = id;
    }

    /// Sends the command a signal, named without `SIG`.
    pub fn signal(&mut self, id: Id, name: &str) {
        let _ = (id, name);
    }

    /// Asks for the end of a request. Its events go on until its [`Event::Error`] (`cancelled`) or
    /// its usual end.
    pub fn cancel(&mut self, id: Id) {
        let _ = id;
    }

    /// Takes no new verbs, waits for the answers that are due, then closes.
    pub fn close(&mut self) {}
}

impl Machine for Client {
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
