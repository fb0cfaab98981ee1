//! The machine of the side that asks.
//!
//! ```text
//!  new(): hello queued      welcome
//! [Greeting] -------------------------> [Talking]
//!      |                                 |     |
//!      | error without id,               |     | close(), and all is answered
//!      | anything else,                  |     v
//!      | version, deadline,              |  [Ending] -- output written --> [Over]
//!      | end of input                    |
//!      |                                 | error without id, violation, deadline,
//!      v                                 v end of input
//!    [Over]                            [Over]
//! ```
//!
//! Verbs may be used from the first moment: what they ask goes out behind the `hello`. Each request
//! then takes its own way, in the order asked; an `error` may end it at any point:
//!
//! ```text
//! upper -> upper
//! exec  -> started -> (stdout | stderr | window) ... -> exit
//!      \-> exit                                     (the program could not be run)
//! get   -> verifying ... -> file -> data ... -> file_end
//! put   -> verifying ... -> ready -> (window) ... -> stored
//! list  -> entries ... -> entries_end
//! stat  -> entry
//! ```
//!
//! While an `exec` is unanswered nothing else may be asked.

mod event;
mod input;
mod open;
mod upload;

use core::time::Duration;
use std::collections::VecDeque;

pub use event::{Event, Refused};

use crate::channel::{Channel, Intake, LastWords, Load};
use crate::clocks::{Idles, Work};
use crate::machine::{Closed, Deadlines, End, Machine};
use crate::message::{
    ClientMessage, Digest, Exec, Get, Hello, Id, PIPELINE, Put, Stdin, Text, Token, VERSION,
};
use open::{Kind, Requests, Running};
use upload::Upload;

/// What a client says of itself, and its patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name and version of the software.
    pub agent: String,
    /// Whether a [`pair`](Client::pair) follows.
    pub pairing: bool,
    /// Its patience.
    pub deadlines: Deadlines,
}

impl Default for Settings {
    fn default() -> Self {
        let agent = concat!("framing-protocol/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { agent, pairing: false, deadlines: Deadlines::default() }
    }
}

/// The client's end of one connection.
///
/// The application asks by verbs and polls [events](Event). What it does not poll is not read
/// from the socket either, beyond a little: a slow application slows the server down, and the
/// machine keeps the connection alive by pings meanwhile.
///
/// ```
/// use core::time::Duration;
/// use framing_protocol::client::{Client, Event};
/// use framing_protocol::message::{Command, Exec};
///
/// let now = Duration::ZERO;
/// let mut client = Client::new(Default::default(), now);
/// let id = client.exec(&Exec::new(Command::Argv(vec!["uname".into()])))?;
/// // ... once bytes have come:
/// while let Some(event) = client.poll_event(now) {
///     match event {
///         Event::Stdout { id: of } if of == id => print!("{:?}", client.body()),
///         Event::Exit { exit, .. } => println!("{:?}", exit.outcome),
///         Event::Error { failure, .. } => eprintln!("{failure}"),
///         Event::Closed { reason } => eprintln!("{reason}"),
///         _ => {}
///     }
/// }
/// # Ok::<_, framing_protocol::client::Refused>(())
/// ```
#[derive(Debug)]
pub struct Client {
    channel: Channel,
    state: State,
    requests: Requests,
    /// The application's pings that have no pong yet.
    pings: VecDeque<Id>,
    /// What follows the last event without another message.
    events: VecDeque<Event>,
    /// Whether the last event has a body, if there is one.
    lent: bool,
    going_away: bool,
    closing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Talking,
}

impl Client {
    /// A connection that begins `now`; queues the `hello`.
    pub fn new(settings: Settings, now: Duration) -> Self {
        let mut client = Self {
            channel: Channel::new(settings.deadlines, Idles::Never, now),
            state: State::Greeting,
            requests: Requests::default(),
            pings: VecDeque::new(),
            events: VecDeque::new(),
            lent: false,
            going_away: false,
            closing: false,
        };
        let pairing = settings.pairing;
        let hello = |agent| ClientMessage::Hello(Hello { version: VERSION, agent, pairing });
        if client.channel.send(&hello(settings.agent), &[]).is_err() {
            // A name over the limits is left out.
            let _ = client.channel.send(&hello(String::new()), &[]);
        }
        client
    }

    /// The next thing that happened, until there is none.
    pub fn poll_event(&mut self, now: Duration) -> Option<Event> {
        self.lent = false;
        self.channel.settle(now, self.load());
        let event = self.next_event();
        self.channel.settle(now, self.load());
        event
    }

    /// The body of the event that was last returned, until the next call of
    /// [`poll_event`](Self::poll_event) or [`space`](Machine::space); empty if it has none.
    pub fn body(&self) -> &[u8] {
        if self.lent { self.channel.body() } else { &[] }
    }

    /// How many bytes of requests and input may be queued now. 0: wait until some were written.
    pub fn room(&self) -> usize {
        self.channel.room()
    }

    /// Asks for the upper case of `body`, at most [`MAX_BODY`](crate::message::MAX_BODY) bytes.
    pub fn upper(&mut self, body: &[u8]) -> Result<Id, Refused> {
        self.request(Kind::Upper, body, |id| ClientMessage::Upper { id })
    }

    /// Asks to run a command.
    pub fn exec(&mut self, exec: &Exec) -> Result<Id, Refused> {
        let kind = Kind::Exec(Running::new(exec));
        self.request(kind, &[], |id| ClientMessage::Exec { id, exec: exec.clone() })
    }

    /// Asks for a file, or for what is missing of it.
    pub fn get(&mut self, get: &Get) -> Result<Id, Refused> {
        let offset = get.resume.as_ref().map_or(0, |resume| resume.offset);
        let kind = Kind::Get { offset, digest: get.digest };
        self.request(kind, &[], |id| ClientMessage::Get { id, get: get.clone() })
    }

    /// Asks to store a file, which is sent once the server is [ready](Event::Ready).
    pub fn put(&mut self, put: &Put) -> Result<Id, Refused> {
        if put.fault().is_some() {
            return Err(Refused::Senseless);
        }
        let kind = Kind::Put(Upload::new(put));
        self.request(kind, &[], |id| ClientMessage::Put { id, put: put.clone() })
    }

    /// What is sent of a file begins at `offset`: 0, or where ends what the server holds.
    pub fn begin(&mut self, id: Id, offset: u64) -> Result<(), Refused> {
        self.check_open()?;
        self.requests.upload(id).ok_or(Refused::NoInput)?.begin(offset)?;
        self.say(&ClientMessage::Begin { id, offset });
        Ok(())
    }

    /// Sends content of a file: as much of `bytes` as [`credit`](Self::credit) and [`room`](Self::room) allow. Gives
    /// how many were taken, which may be 0.
    pub fn data(&mut self, id: Id, bytes: &[u8]) -> Result<usize, Refused> {
        self.check_open()?;
        let room = self.room();
        let upload = self.requests.upload(id).ok_or(Refused::NoInput)?;
        let (bytes, _) = bytes.split_at(bytes.len().min(upload.credit()).min(room));
        upload.send(bytes.len() as u64)?;
        self.channel.send_content(&ClientMessage::Data { id }, bytes);
        Ok(bytes.len())
    }

    /// All of a file was sent; tells the digest of the whole.
    pub fn file_end(&mut self, id: Id, digest: Digest) -> Result<(), Refused> {
        self.check_open()?;
        self.requests.upload(id).ok_or(Refused::NoInput)?.end(digest)?;
        self.say(&ClientMessage::FileEnd { id, digest });
        Ok(())
    }

    /// Asks for the entries of a directory.
    pub fn list(&mut self, path: &Text) -> Result<Id, Refused> {
        self.request(Kind::List, &[], |id| ClientMessage::List { id, path: path.clone() })
    }

    /// Asks for the entry of a path itself.
    pub fn stat(&mut self, path: &Text) -> Result<Id, Refused> {
        self.request(Kind::Stat, &[], |id| ClientMessage::Stat { id, path: path.clone() })
    }

    /// Redeems an invitation, under a name for this client. To be announced by
    /// [`Settings::pairing`].
    pub fn pair(&mut self, token: &Token, name: &str) -> Result<Id, Refused> {
        let message = |id| ClientMessage::Pair { id, token: token.clone(), name: name.to_owned() };
        self.request(Kind::Pair, &[], message)
    }

    /// Asks for an [`Event::Pong`]. The id is no request's.
    pub fn ping(&mut self) -> Result<Id, Refused> {
        self.check_open()?;
        if self.pings.len() >= PIPELINE {
            return Err(Refused::PipelineFull);
        }
        if self.room() == 0 {
            return Err(Refused::QueueFull);
        }
        let id = self.channel.send_ping();
        self.pings.push_back(id);
        Ok(id)
    }

    /// How many bytes of input the command takes now, or of content the server; 0 if there is none that does.
    pub fn credit(&self, id: Id) -> usize {
        self.requests.credit(id)
    }

    /// Sends input to the command: as much of `bytes` as [`credit`](Self::credit) and
    /// [`room`](Self::room) allow. Gives how many were taken, which may be 0.
    pub fn stdin(&mut self, id: Id, bytes: &[u8]) -> Result<usize, Refused> {
        self.check_open()?;
        let room = self.room();
        let exec = self.requests.input(id).ok_or(Refused::NoInput)?;
        let credit = usize::try_from(exec.credit).unwrap_or(usize::MAX);
        let (bytes, _) = bytes.split_at(bytes.len().min(credit).min(room));
        exec.credit = exec.credit.saturating_sub(bytes.len() as u64);
        self.channel.send_content(&ClientMessage::Stdin { id }, bytes);
        Ok(bytes.len())
    }

    /// Ends the command's input.
    pub fn stdin_end(&mut self, id: Id) {
        if let Some(exec) = self.requests.input(id) {
            exec.input = Stdin::Null;
            self.say(&ClientMessage::StdinEnd { id });
        }
    }

    /// Sends the command a signal, named without `SIG`.
    pub fn signal(&mut self, id: Id, name: &str) {
        if self.requests.exec(id).is_some() {
            self.say(&ClientMessage::Signal { id, name: name.to_owned() });
        }
    }

    /// Asks for the end of a request. Its events go on until its [`Event::Error`] (`cancelled`) or
    /// its usual end.
    pub fn cancel(&mut self, id: Id) {
        if self.requests.contains(id) {
            self.say(&ClientMessage::Cancel { id });
        }
    }

    /// Takes no new verbs, waits for the answers that are due, then closes. Cancels a `put` of which not all was sent:
    /// nobody can send the rest any more.
    pub fn close(&mut self) {
        if !core::mem::replace(&mut self.closing, true) {
            for id in self.requests.partial_uploads() {
                self.say(&ClientMessage::Cancel { id });
            }
        }
        self.close_if_done();
    }

    fn request(
        &mut self,
        kind: Kind,
        body: &[u8],
        message: impl FnOnce(Id) -> ClientMessage,
    ) -> Result<Id, Refused> {
        self.check_open()?;
        if self.going_away {
            return Err(Refused::GoingAway);
        }
        if self.requests.has_exec() {
            return Err(Refused::ExecRunning);
        }
        if self.requests.len() >= PIPELINE {
            return Err(Refused::PipelineFull);
        }
        if self.room() == 0 {
            return Err(Refused::QueueFull);
        }
        let id = self.requests.next_id();
        self.channel.send(&message(id), body).map_err(|_| Refused::TooLarge)?;
        self.requests.push(id, kind);
        Ok(id)
    }

    fn check_open(&self) -> Result<(), Refused> {
        let open = self.channel.is_open() && self.channel.end().is_none() && !self.closing;
        if open { Ok(()) } else { Err(Refused::Closed) }
    }

    /// Sends something small about a request; what is over the limits (the name of a signal) is
    /// nothing that a server could understand.
    fn say(&mut self, message: &ClientMessage) {
        let _ = self.channel.send(message, &[]);
    }

    fn close_if_done(&mut self) {
        if self.closing && self.requests.is_empty() {
            self.channel.close(Closed::Clean, LastWords::Flush);
        }
    }

    fn load(&self) -> Load {
        let asked = !self.requests.is_empty() || !self.pings.is_empty();
        Load { work: if asked { Work::Running } else { Work::Idle }, intake: Intake::Open }
    }
}

impl Machine for Client {
    fn space(&mut self) -> &mut [u8] {
        self.channel.space()
    }

    fn received(&mut self, n: usize, now: Duration) {
        self.channel.received(n, now, self.load());
    }

    fn wants_input(&self) -> bool {
        self.channel.wants_input(self.load())
    }

    /// What was received before is still given as events, then [`Event::Closed`].
    fn input_ended(&mut self, end: End, now: Duration) {
        self.channel.input_ended(end, now, self.load());
    }

    fn output(&self) -> &[u8] {
        self.channel.output()
    }

    fn sent(&mut self, n: usize, now: Duration) {
        self.channel.sent(n, now, self.load());
    }

    fn deadline(&self) -> Option<Duration> {
        self.channel.deadline(self.load())
    }

    fn tick(&mut self, now: Duration) {
        if let Some(deadline) = self.channel.tick(now, self.load()) {
            self.channel.close(Closed::Overdue(deadline), LastWords::Drop);
        }
    }

    fn is_finished(&self) -> bool {
        self.channel.is_finished()
    }
}
