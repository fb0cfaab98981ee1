//! What the client says.

use super::requests::{Kind, Request, Running, Standing, Waiting, violation};
use super::upload::Upload;
use super::{Body, Event, Server, State};
use crate::channel::{LastWords, Next};
use crate::fault::Fault;
use crate::header::{HeaderError, preview};
use crate::machine::{Closed, End};
use crate::message::{
    ClientMessage, Code, Digest, Failure, Hello, Id, Limits, ServerMessage, VERSION, Welcome,
};

impl Server {
    pub(super) fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(reason) = self.channel.farewell() {
                return Some(Event::Closed { reason });
            }
            if !self.channel.is_open() {
                return None;
            }
            if let Some(event) = self.belated.pop_front() {
                return Some(event);
            }
            if self.channel.is_stalled() {
                return None;
            }
            if self.requests.is_free()
                && let Some(waiting) = self.requests.pop()
            {
                return Some(self.start(waiting));
            }
            if !self.requests.has_space() {
                return None;
            }
            let taken = match self.state {
                State::Greeting => self.greet(),
                State::Serving | State::Leaving => self.take_next(),
            };
            self.drop_if_lost();
            match taken {
                Ok(Taken::Event(event)) if self.channel.is_open() => return Some(event),
                Ok(Taken::Event(_) | Taken::Silently) => {}
                Ok(Taken::Nothing) => return None,
                Err(Fault::Truncated(offset)) => {
                    self.channel.close(Closed::Truncated { offset }, LastWords::Drop);
                }
                Err(fault) => self.violated(fault.failure()),
            }
        }
    }

    /// Ends everything if the input ended in a way that means loss. This is the one place that
    /// says which end means what.
    pub(super) fn drop_if_lost(&mut self) {
        let lost = match self.channel.end() {
            None | Some(End::Authenticated) => false,
            // Anybody can send a FIN: a command must not outlive its client on a guess.
            Some(End::Fin) => self.requests.has_exec(),
            Some(End::Loss) => true,
        };
        if lost {
            self.channel.close(Closed::Lost, LastWords::Drop);
        }
    }

    /// Waits for the `hello`; no other message is parsed.
    fn greet(&mut self) -> Result<Taken, Fault> {
        match self.channel.next(parse_hello)? {
            Next::Message(_, body) if body > 0 => self.violated(stray_body()),
            Next::Message(Hello { version: VERSION, pairing, .. }, _) => match &self.stranger {
                Some(failure) if !pairing => self.refuse(failure.clone()),
                _ => self.welcome(),
            },
            Next::Message(Hello { version, .. }, _) => self.violated(Failure::new(
                Code::Version,
                format!("this server speaks version {VERSION}, not {version}"),
            )),
            Next::Dry => return Ok(Taken::Nothing),
            Next::Ended => self.channel.close(Closed::Clean, LastWords::Drop),
        }
        Ok(Taken::Silently)
    }

    fn welcome(&mut self) {
        self.state = State::Serving;
        self.channel.introduced();
        let welcome = Welcome {
            version: VERSION,
            agent: self.agent.clone(),
            roles: self.roles.clone(),
            limits: Limits::default(),
        };
        if self.channel.send(&ServerMessage::Welcome(welcome), &[]).is_err() {
            self.violated(Failure::new(Code::TooLarge, "the server's own welcome is too large"));
        }
    }

    fn take_next(&mut self) -> Result<Taken, Fault> {
        match self.channel.next(ClientMessage::parse) {
            Ok(Next::Message(message, body)) => {
                let taken = if body > 0 && !message.has_body() {
                    Err(stray_body())
                } else {
                    self.take(message, body as u64)
                };
                Ok(match taken {
                    Ok(Some(event)) => Taken::Event(event),
                    Ok(None) => Taken::Silently,
                    Err(failure) => {
                        self.violated(failure);
                        Taken::Silently
                    }
                })
            }
            Ok(Next::Ended) if self.requests.is_empty() => {
                self.channel.close(Closed::Clean, LastWords::Flush);
                Ok(Taken::Silently)
            }
            // What is missing of a file will never come.
            Ok(Next::Ended) if self.requests.lacks_content() => {
                self.channel.close(Closed::Lost, LastWords::Drop);
                Ok(Taken::Silently)
            }
            Ok(Next::Dry | Next::Ended) => Ok(Taken::Nothing),
            // Behind an exec every message must be one of its own.
            Err(Fault::Header(error @ HeaderError::Unknown { id: Some(id), .. }))
                if !self.requests.has_exec() && self.stranger.is_none() =>
            {
                Ok(self.unknown(id, error.failure()).map_or(Taken::Silently, Taken::Event))
            }
            Err(fault) => Err(fault),
        }
    }

    fn take(&mut self, message: ClientMessage, body: u64) -> Result<Option<Event>, Failure> {
        if let Some(failure) = &self.stranger
            && !self.may_pair(&message)
        {
            self.refuse(failure.clone());
            return Ok(None);
        }
        match message {
            ClientMessage::Hello(_) => Err(violation("hello comes once")),
            ClientMessage::Upper { id } => self.request(id, Request::Upper),
            ClientMessage::Exec { id, exec } => self.request(id, Request::Exec(exec)),
            ClientMessage::Get { id, get } => self.request(id, Request::Get(get)),
            ClientMessage::Put { id, put } => self.request(id, Request::Put(put)),
            ClientMessage::Begin { id, offset } => self.begin(id, offset),
            ClientMessage::Data { id } => self.piece(id, body),
            ClientMessage::FileEnd { id, digest } => self.file_ended(id, digest),
            ClientMessage::List { id, path } => self.request(id, Request::List(path)),
            ClientMessage::Stat { id, path } => self.request(id, Request::Stat(path)),
            ClientMessage::Pair { id, token, name } => self.request(id, Request::Pair(token, name)),
            ClientMessage::Stdin { id } => self.stdin(id, body),
            ClientMessage::StdinEnd { id } => self.stdin_end(id),
            ClientMessage::Signal { id, name } => self.signal(id, name),
            ClientMessage::Cancel { id } => self.cancel(id),
            ClientMessage::Ping { id } => {
                self.channel.answer_ping(id);
                Ok(None)
            }
            ClientMessage::Pong { id } => self.channel.check_pong(id).map(|()| None),
        }
    }

    /// Whether a client that is not known may say this: it is its first request, and it is to pair.
    fn may_pair(&self, message: &ClientMessage) -> bool {
        match message {
            ClientMessage::Pair { .. } => self.requests.newest() == 0,
            ClientMessage::Ping { .. } | ClientMessage::Pong { .. } => true,
            _ => false,
        }
    }

    fn request(&mut self, id: Id, request: Request) -> Result<Option<Event>, Failure> {
        self.requests.admit(id)?;
        if self.state == State::Leaving {
            return Ok(None);
        }
        if self.requests.is_free() {
            self.body = Body::Lent;
            return Ok(Some(self.activate(id, request)));
        }
        self.requests.push(id, request, self.channel.body());
        Ok(None)
    }

    /// Gives the application a request that has waited.
    fn start(&mut self, waiting: Waiting) -> Event {
        let Waiting { id, request, body, signal, stdin_ended } = waiting;
        self.body = Body::Held(body);
        let event = self.activate(id, request);
        self.belated.extend(signal.map(|name| Event::Signal { id, name }));
        let running = self.requests.active(id).and_then(|active| active.running());
        let ended = running.filter(|_| stdin_ended).is_some_and(Running::end);
        self.belated.extend(ended.then_some(Event::StdinEnd { id }));
        event
    }

    fn activate(&mut self, id: Id, request: Request) -> Event {
        let (kind, event) = match request {
            Request::Upper => (Kind::Upper, Event::Upper { id }),
            Request::Exec(exec) => (Kind::Exec(Running::new(exec.stdin)), Event::Exec { id, exec }),
            Request::Get(get) => (Kind::Get, Event::Get { id, get }),
            Request::Put(put) => (Kind::Put(Upload::new(&put)), Event::Put { id, put }),
            Request::List(path) => (Kind::List, Event::List { id, path }),
            Request::Stat(path) => (Kind::Stat, Event::Stat { id, path }),
            Request::Pair(token, name) => (Kind::Pair, Event::Pair { id, token, name }),
        };
        self.requests.activate(id, kind);
        event
    }

    fn stdin(&mut self, id: Id, bytes: u64) -> Result<Option<Event>, Failure> {
        match self.requests.find(id)? {
            Standing::Active(active) => {
                let running = active.running().ok_or_else(|| not_an_exec("stdin", id))?;
                running.receive(id, bytes)?;
            }
            Standing::Waiting(Waiting { request: Request::Exec(_), .. }) if bytes == 0 => {}
            Standing::Waiting(Waiting { request: Request::Exec(_), .. }) => {
                return Err(violation(format!("stdin for {id} without credit")));
            }
            Standing::Waiting(_) => return Err(not_an_exec("stdin", id)),
            Standing::Ended => return Ok(None),
        }
        if bytes == 0 {
            return Ok(None);
        }
        self.body = Body::Lent;
        Ok(Some(Event::Stdin { id }))
    }

    fn stdin_end(&mut self, id: Id) -> Result<Option<Event>, Failure> {
        match self.requests.find(id)? {
            Standing::Active(active) => {
                let running = active.running().ok_or_else(|| not_an_exec("stdin_end", id))?;
                Ok(running.end().then_some(Event::StdinEnd { id }))
            }
            Standing::Waiting(waiting) => {
                let Request::Exec(_) = waiting.request else {
                    return Err(not_an_exec("stdin_end", id));
                };
                waiting.stdin_ended = true;
                Ok(None)
            }
            Standing::Ended => Ok(None),
        }
    }

    fn signal(&mut self, id: Id, name: String) -> Result<Option<Event>, Failure> {
        match self.requests.find(id)? {
            Standing::Active(active) => {
                active.running().ok_or_else(|| not_an_exec("signal", id))?;
                Ok(Some(Event::Signal { id, name }))
            }
            Standing::Waiting(waiting) => {
                let Request::Exec(_) = waiting.request else {
                    return Err(not_an_exec("signal", id));
                };
                waiting.signal = Some(name);
                Ok(None)
            }
            Standing::Ended => Ok(None),
        }
    }

    fn begin(&mut self, id: Id, offset: u64) -> Result<Option<Event>, Failure> {
        let Some(upload) = self.upload("begin", id)? else { return Ok(None) };
        upload.begin(id, offset)?;
        Ok(Some(Event::Begin { id, offset }))
    }

    fn piece(&mut self, id: Id, bytes: u64) -> Result<Option<Event>, Failure> {
        let Some(upload) = self.upload("data", id)? else { return Ok(None) };
        upload.receive(id, bytes)?;
        if bytes == 0 {
            return Ok(None);
        }
        self.body = Body::Lent;
        Ok(Some(Event::Data { id }))
    }

    fn file_ended(&mut self, id: Id, digest: Digest) -> Result<Option<Event>, Failure> {
        let Some(upload) = self.upload("file_end", id)? else { return Ok(None) };
        upload.end(id, digest)?;
        Ok(Some(Event::FileEnd { id, digest }))
    }

    /// The file that a message belongs to; none if its request has ended.
    fn upload(&mut self, message: &str, id: Id) -> Result<Option<&mut Upload>, Failure> {
        let wrong = || violation(format!("{message} for {id}, which is no put in progress"));
        match self.requests.find(id)? {
            Standing::Active(active) => active.upload().map(Some).ok_or_else(wrong),
            Standing::Waiting(_) => Err(wrong()),
            Standing::Ended => Ok(None),
        }
    }

    fn cancel(&mut self, id: Id) -> Result<Option<Event>, Failure> {
        match self.requests.find(id)? {
            Standing::Active(active) => {
                let before = core::mem::replace(&mut active.cancelled, true);
                Ok((!before).then_some(Event::Cancel { id }))
            }
            Standing::Waiting(_) => {
                self.requests.remove(id);
                self.error(Some(id), Failure::new(Code::Cancelled, "cancelled before its turn"));
                Ok(None)
            }
            Standing::Ended => Ok(None),
        }
    }

    /// Answers a message that nobody knows. The answer ends the request of that id for the client,
    /// whatever the message wanted, so it ends here too.
    fn unknown(&mut self, id: Id, failure: Failure) -> Option<Event> {
        self.requests.note(id);
        self.error(Some(id), failure);
        self.requests.remove(id);
        let told = self.requests.active(id)?.cancelled;
        self.requests.finish();
        self.leave_if_done();
        (!told).then_some(Event::Cancel { id })
    }

    /// Ends the connection over a violation.
    fn violated(&mut self, failure: Failure) {
        self.error(None, failure.clone());
        self.channel.close(Closed::Violation(failure), LastWords::Flush);
    }
}

enum Taken {
    Event(Event),
    /// There may be more.
    Silently,
    /// There is no more for now.
    Nothing,
}

/// Reads the first header; no other message is parsed before it.
fn parse_hello(header: &[u8]) -> Result<Hello, HeaderError> {
    let preview = preview(header)?;
    if preview.kind != "hello" {
        return Err(HeaderError::NotAGreeting);
    }
    preview.fields(header)
}

fn stray_body() -> Failure {
    violation("a body where none belongs")
}

fn not_an_exec(message: &str, id: Id) -> Failure {
    violation(format!("{message} for {id}, which is no exec"))
}
