//! The machine of the side that answers.
//!
//! ```text
//!              hello                  goaway()
//! [Greeting] --------> [Serving] ---------------> [Leaving]
//!      |                |     |                       | all that was accepted is answered
//!      | anything else, |     | end of input, and     v
//!      | version        |     | all is answered    [Ending] -- output written --> [Over]
//!      |                |     +--------------------->  ^
//!      |                | violation, deadline,         |
//!      |                | refuse()                     |
//!      +----------------+------- (error queued) -------+
//!
//! from every state: loss, end in mid-message, slow reader, silence ------------> [Over]
//! ```
//!
//! In `Serving` and `Leaving` one request is active at a time, the others wait:
//!
//! ```text
//! request --> [waiting] -- its turn: event --> [active] -- upper, exit, file_end, --> ended
//!                 |                               |        entries_end, entry, stored, fail
//!                 | cancel: error cancelled       | cancel: Event::Cancel, and the
//!                 v                               | application ends it
//!               ended                             +--> (unchanged)
//! ```
//!
//! A client that is not known ([`Server::admit_to_pair`]) may only pair: one request, and nothing beside it.
//!
//! An `exec` is exclusive: while one is waiting or active a further request is a violation. Its
//! input flows on credit: the first in `started`, more in `window` as the command takes it. So does the
//! content of a `put`, from its `ready` on.

mod credit;
mod event;
mod input;
mod requests;
mod upload;
mod verbs;

use core::time::Duration;
use std::collections::VecDeque;

pub use event::Event;

use crate::channel::{Channel, Intake, LastWords, Load};
use crate::clocks::{Idles, Work};
use crate::machine::{Closed, Deadline, Deadlines, End, Machine};
use crate::message::{Code, Failure};
use requests::Requests;

/// What a server says of itself, and its patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name and version of the software.
    pub agent: String,
    /// What the client may do, for `welcome`, unless [`Server::admit`] says otherwise: `echo`, `files`,
    /// `files:write`, `exec:any`, `exec:shell`, `exec:@NAME`.
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
///
/// The application polls [events](Event) and answers by verbs. Requests are given one at a time, in
/// order: the next when the active one has ended, so it polls again after a verb that ends one. Every verb names its request; one that does not
/// fit the active request (another id, another kind, output before `started`) is dropped without a
/// word, since the client may have ended the request in the meantime.
///
/// ```
/// use core::time::Duration;
/// use framing_protocol::message::{Code, Failure};
/// use framing_protocol::server::{Event, Server};
///
/// /// Answers whatever has come in: the whole of an application that can only do `upper`.
/// fn serve(server: &mut Server, now: Duration) {
///     while let Some(event) = server.poll_event(now) {
///         match event {
///             Event::Upper { id } => match std::str::from_utf8(server.body()) {
///                 Ok(text) => {
///                     let upper = text.to_uppercase();
///                     server.upper(id, &upper);
///                 }
///                 Err(_) => server.fail(id, Failure::new(Code::NotUtf8, "the body is not UTF-8")),
///             },
///             Event::Exec { id, .. } | Event::Get { id, .. } | Event::Put { id, .. }
///             | Event::List { id, .. } | Event::Pair { id, .. } => {
///                 server.fail(id, Failure::new(Code::Denied, "this server only does upper"));
///             }
///             Event::Closed { reason } => eprintln!("{reason}"),
///             _ => {}
///         }
///     }
/// }
/// # serve(&mut Server::new(Default::default(), Duration::ZERO), Duration::ZERO);
/// ```
#[derive(Debug)]
pub struct Server {
    channel: Channel,
    state: State,
    agent: String,
    roles: Vec<String>,
    /// Why this client may do nothing but pair.
    stranger: Option<Failure>,
    requests: Requests,
    /// What was said for an `exec` that waited, given right behind it.
    belated: VecDeque<Event>,
    body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Serving,
    Leaving,
}

/// Where the body of the last event lies.
#[derive(Debug)]
enum Body {
    None,
    Lent,
    Held(Vec<u8>),
}

impl Server {
    /// A connection that begins `now`.
    pub fn new(settings: Settings, now: Duration) -> Self {
        let Settings { agent, roles, deadlines } = settings;
        Self {
            channel: Channel::new(deadlines, Idles::UntilDeadline, now),
            state: State::Greeting,
            agent,
            roles,
            stranger: None,
            requests: Requests::default(),
            belated: VecDeque::new(),
            body: Body::None,
        }
    }

    /// The next thing that happened, until there is none.
    pub fn poll_event(&mut self, now: Duration) -> Option<Event> {
        self.body = Body::None;
        self.channel.settle(now, self.load());
        let event = self.next_event();
        // Only what belongs to a request has a body to lend.
        if self.requests.is_empty() {
            self.channel.release_input();
        }
        self.channel.settle(now, self.load());
        event
    }

    /// The body of the event that was last returned, until the next call of
    /// [`poll_event`](Self::poll_event) or [`space`](Machine::space); empty if it has none.
    pub fn body(&self) -> &[u8] {
        match &self.body {
            Body::None => &[],
            Body::Lent => self.channel.body(),
            Body::Held(bytes) => bytes,
        }
    }

    /// How many bytes of content (output, file data, entries) may be queued now. 0: pause what
    /// produces it. A verb queues all that it is given: give it no more than this or one
    /// [`MAX_BODY`](crate::message::MAX_BODY), whichever is greater.
    pub fn room(&self) -> usize {
        self.channel.room()
    }

    fn load(&self) -> Load {
        Load {
            work: if self.requests.is_empty() { Work::Idle } else { Work::Running },
            intake: if self.requests.has_space() { Intake::Open } else { Intake::Full },
        }
    }
}

impl Machine for Server {
    fn space(&mut self) -> &mut [u8] {
        self.channel.space()
    }

    fn received(&mut self, n: usize, now: Duration) {
        self.channel.received(n, now, self.load());
    }

    fn wants_input(&self) -> bool {
        self.channel.wants_input(self.load())
    }

    fn input_ended(&mut self, end: End, now: Duration) {
        if self.channel.input_ended(end, now, self.load()) {
            self.drop_if_lost();
        }
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
        let Some(deadline) = self.channel.tick(now, self.load()) else { return };
        let last_words = match deadline {
            Deadline::SlowReader | Deadline::Silent => LastWords::Drop,
            Deadline::Idle => {
                self.say_goaway(&deadline.to_string());
                LastWords::Flush
            }
            Deadline::Hello | Deadline::Header | Deadline::Message => {
                self.error(None, Failure::new(Code::Timeout, deadline.to_string()));
                LastWords::Flush
            }
        };
        self.channel.close(Closed::Overdue(deadline), last_words);
        self.channel.settle(now, self.load());
    }

    fn is_finished(&self) -> bool {
        self.channel.is_finished()
    }
}
