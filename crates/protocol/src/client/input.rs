//! What the server says.

use super::open::violation;
use super::{Client, Event, State};
use crate::channel::{LastWords, Next};
use crate::fault::Fault;
use crate::header::{HeaderError, preview};
use crate::machine::{Closed, End};
use crate::message::{Code, Failure, Id, ServerMessage, VERSION};

impl Client {
    pub(super) fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Some(reason) = self.channel.farewell() {
                return Some(Event::Closed { reason });
            }
            if !self.channel.is_open() {
                return None;
            }
            let next = match self.state {
                State::Greeting => self.channel.next(parse_greeting),
                State::Talking => self.channel.next(parse),
            };
            let reason = match next {
                Ok(Next::Message(Some(message), body)) => match self.take(message, body as u64) {
                    Ok(Some(event)) => {
                        self.lent = true;
                        return Some(event);
                    }
                    Ok(None) => continue,
                    Err(reason) => reason,
                },
                Ok(Next::Message(None, _)) => continue,
                Ok(Next::Dry) => return None,
                Ok(Next::Ended) => self.ended(),
                Err(Fault::Truncated(offset)) => Closed::Truncated { offset },
                Err(fault) => Closed::Violation(fault.failure()),
            };
            self.channel.close(reason, LastWords::Drop);
        }
    }

    /// What an end between two messages means.
    fn ended(&self) -> Closed {
        let answered = self.requests.is_empty() && self.state == State::Talking;
        if answered && self.channel.end() != Some(End::Loss) { Closed::Clean } else { Closed::Lost }
    }

    fn take(&mut self, message: ServerMessage, body: u64) -> Result<Option<Event>, Closed> {
        if body > 0 && !message.has_body() {
            return Err(Closed::Violation(violation("a body where none belongs")));
        }
        match message {
            ServerMessage::Error { id: None, failure } => Err(Closed::Refused(failure)),
            ServerMessage::Welcome(welcome) if self.state == State::Greeting => {
                if welcome.version != VERSION {
                    let version = welcome.version;
                    let message = format!("the server answers in version {version}");
                    return Err(Closed::Violation(Failure::new(Code::Version, message)));
                }
                self.state = State::Talking;
                self.channel.introduced();
                self.close_if_done();
                Ok(Some(Event::Welcome { welcome }))
            }
            _ if self.state == State::Greeting => {
                Err(Closed::Violation(violation("an answer before welcome")))
            }
            message => self.take_talk(message, body).map_err(Closed::Violation),
        }
    }

    fn take_talk(&mut self, message: ServerMessage, body: u64) -> Result<Option<Event>, Failure> {
        let id = match message {
            ServerMessage::Welcome(_) => return Err(violation("welcome comes once")),
            ServerMessage::Ping { id } => {
                self.channel.answer_ping(id);
                return Ok(None);
            }
            ServerMessage::Pong { id } => {
                self.channel.check_pong(id)?;
                return Ok(self.pong(id));
            }
            ServerMessage::Goaway { reason, last_id } => {
                return Ok(Some(self.goaway(reason, last_id)));
            }
            ServerMessage::Upper { id }
            | ServerMessage::Started { id, .. }
            | ServerMessage::Stdout { id }
            | ServerMessage::Stderr { id }
            | ServerMessage::Window { id, .. }
            | ServerMessage::Exit { id, .. }
            | ServerMessage::Verifying { id, .. }
            | ServerMessage::File { id, .. }
            | ServerMessage::Data { id }
            | ServerMessage::FileEnd { id, .. }
            | ServerMessage::Entries { id }
            | ServerMessage::EntriesEnd { id }
            | ServerMessage::Entry { id, .. }
            | ServerMessage::Ready { id, .. }
            | ServerMessage::Stored { id, .. }
            | ServerMessage::Paired { id, .. }
            | ServerMessage::Error { id: Some(id), .. } => id,
            // The caller took it for the end of the connection.
            ServerMessage::Error { id: None, .. } => return Ok(None),
        };
        let event = self.requests.take(id, message, body)?;
        self.close_if_done();
        Ok(event)
    }

    /// Tells the application, if a ping of its own is answered by this.
    fn pong(&mut self, id: Id) -> Option<Event> {
        let answered = self.pings.iter().take_while(|ping| **ping <= id).count();
        let last = self.pings.drain(..answered).next_back()?;
        Some(Event::Pong { id: last })
    }

    fn goaway(&mut self, reason: String, last_id: Id) -> Event {
        self.going_away = true;
        for id in self.requests.drop_after(last_id) {
            let failure = Failure::new(Code::ShuttingDown, "the server did not look at it");
            self.events.push_back(Event::Error { id, failure });
        }
        self.close_if_done();
        Event::Goaway { reason, last_id }
    }
}

/// Reads a header; none for a type that this version does not know, which the client ignores.
fn parse(header: &[u8]) -> Result<Option<ServerMessage>, HeaderError> {
    match ServerMessage::parse(header) {
        Err(HeaderError::Unknown { .. }) => Ok(None),
        parsed => parsed.map(Some),
    }
}

/// Reads the answer to `hello`; no other message is parsed before.
fn parse_greeting(header: &[u8]) -> Result<Option<ServerMessage>, HeaderError> {
    match &*preview(header)?.kind {
        "welcome" | "error" => ServerMessage::parse(header).map(Some),
        _ => Err(HeaderError::NotAGreeting),
    }
}
