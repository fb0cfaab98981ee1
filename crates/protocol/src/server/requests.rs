//! The requests of one client: the active one, and those that wait behind it.

use std::collections::VecDeque;

use super::credit::Credit;
use super::upload::Upload;
use crate::message::{Code, Exec, Failure, Get, Id, MAX_BODY, PIPELINE, Put, Stdin, Text, Token};

/// All requests that were accepted and not yet answered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The greatest id so far.
    newest: Id,
    active: Option<Active>,
    waiting: VecDeque<Waiting>,
    /// Bytes of all bodies that wait.
    held: usize,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Request {
    Upper,
    Exec(Exec),
    Get(Get),
    Put(Put),
    List(Text),
    Stat(Text),
    Pair(Token, String),
}

/// The request that the application works at.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: Id,
    pub(super) kind: Kind,
    /// Whether the client asked for the end.
    pub(super) cancelled: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Upper,
    Exec(Running),
    Get,
    Put(Upload),
    List,
    Stat,
    Pair,
}

/// The input side of an active `exec`.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) started: bool,
    stdin: Stdin,
    credit: Credit,
    ended: bool,
}

/// A request behind the active one.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: Id,
    pub(super) request: Request,
    pub(super) body: Vec<u8>,
    /// What came for an `exec` before its turn.
    pub(super) signal: Option<String>,
    pub(super) stdin_ended: bool,
}

/// Where a request of some id stands.
pub(super) enum Standing<'r> {
    Active(&'r mut Active),
    Waiting(&'r mut Waiting),
    Ended,
}

impl Requests {
    pub(super) fn newest(&self) -> Id {
        self.newest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_none() && self.waiting.is_empty()
    }

    pub(super) fn is_free(&self) -> bool {
        self.active.is_none()
    }

    /// Whether more may be read, of which bodies may have to be held for requests that wait. While a file is on its
    /// way it may, whatever is held, for the file is in what is to be read: what waits is bounded by [`PIPELINE`].
    pub(super) fn has_space(&self) -> bool {
        self.held < HELD || self.awaits_content()
    }

    /// Whether the active request cannot end before the client has sent more.
    pub(super) fn awaits_content(&self) -> bool {
        let active = self.active.as_ref();
        active
            .is_some_and(|active| matches!(&active.kind, Kind::Put(upload) if upload.is_partial()))
    }

    /// Whether a file that is wanted has not come in full, of the active request or of one that waits.
    pub(super) fn lacks_content(&self) -> bool {
        let active = self.active.as_ref();
        let wanted = active.is_some_and(|active| !active.cancelled);
        (wanted && self.awaits_content())
            || self.waiting.iter().any(|waiting| matches!(waiting.request, Request::Put(_)))
    }

    /// Whether a command runs or waits.
    pub(super) fn has_exec(&self) -> bool {
        let active = self.active.as_ref();
        active.is_some_and(|active| matches!(active.kind, Kind::Exec(_)))
            || self.waiting.iter().any(|waiting| matches!(waiting.request, Request::Exec(_)))
    }

    /// Checks that a request with this id may come now, and takes the id.
    pub(super) fn admit(&mut self, id: Id) -> Result<(), Failure> {
        let unanswered = self.waiting.len().saturating_add(usize::from(self.active.is_some()));
        if id <= self.newest {
            let newest = self.newest;
            return Err(violation(format!("request id {id} does not rise, {newest} was before")));
        }
        if self.has_exec() {
            return Err(violation(format!("request {id} came while an exec runs or waits")));
        }
        if unanswered >= PIPELINE {
            return Err(violation(format!("request {id}: {PIPELINE} are unanswered already")));
        }
        self.newest = id;
        Ok(())
    }

    /// Takes the id of a message that nobody knows: it may have been a request.
    pub(super) fn note(&mut self, id: Id) {
        self.newest = self.newest.max(id);
    }

    pub(super) fn activate(&mut self, id: Id, kind: Kind) {
        self.active = Some(Active { id, kind, cancelled: false });
    }

    pub(super) fn push(&mut self, id: Id, request: Request, body: &[u8]) {
        self.held = self.held.saturating_add(body.len());
        let body = body.to_vec();
        self.waiting.push_back(Waiting { id, request, body, signal: None, stdin_ended: false });
    }

    /// The request whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.held = self.held.saturating_sub(waiting.body.len());
        Some(waiting)
    }

    /// Drops a request that waits, if there is one of that id.
    pub(super) fn remove(&mut self, id: Id) {
        let index = self.waiting.iter().position(|waiting| waiting.id == id);
        if let Some(waiting) = index.and_then(|index| self.waiting.remove(index)) {
            self.held = self.held.saturating_sub(waiting.body.len());
        }
    }

    /// Finds what a message belongs to.
    pub(super) fn find(&mut self, id: Id) -> Result<Standing<'_>, Failure> {
        if id > self.newest {
            return Err(violation(format!("there was no request {id}")));
        }
        if let Some(active) = self.active.as_mut().filter(|active| active.id == id) {
            return Ok(Standing::Active(active));
        }
        let waiting = self.waiting.iter_mut().find(|waiting| waiting.id == id);
        Ok(waiting.map_or(Standing::Ended, Standing::Waiting))
    }

    /// The active request, if it has this id.
    pub(super) fn active(&mut self, id: Id) -> Option<&mut Active> {
        self.active.as_mut().filter(|active| active.id == id)
    }

    /// Ends the active request.
    pub(super) fn finish(&mut self) {
        self.active = None;
    }
}

impl Active {
    pub(super) fn running(&mut self) -> Option<&mut Running> {
        if let Kind::Exec(running) = &mut self.kind { Some(running) } else { None }
    }

    pub(super) fn upload(&mut self) -> Option<&mut Upload> {
        if let Kind::Put(upload) = &mut self.kind { Some(upload) } else { None }
    }
}

impl Running {
    pub(super) fn new(stdin: Stdin) -> Self {
        Self { started: false, stdin, credit: Credit::default(), ended: false }
    }

    /// The command runs. Gives the first credit; none if it ran before.
    pub(super) fn start(&mut self) -> Option<u64> {
        if self.started {
            return None;
        }
        self.started = true;
        self.credit = Credit::open(if self.stdin == Stdin::Piped { STDIN_WINDOW } else { 0 });
        Some(self.credit.left())
    }

    /// Input came.
    pub(super) fn receive(&mut self, id: Id, bytes: u64) -> Result<(), Failure> {
        if self.ended && bytes > 0 {
            return Err(violation(format!("stdin for {id} after its stdin_end")));
        }
        if !self.credit.spend(bytes) {
            let credit = self.credit.left();
            return Err(violation(format!(
                "stdin for {id}: {bytes} bytes on a credit of {credit}"
            )));
        }
        Ok(())
    }

    /// The client's input is over. False: it was before.
    pub(super) fn end(&mut self) -> bool {
        let first = !self.ended;
        self.ended = true;
        first
    }

    /// The command took input. Gives the new credit, once it is worth a message.
    pub(super) fn take(&mut self, bytes: u64) -> Option<u64> {
        if self.ended { None } else { self.credit.take(bytes) }
    }
}

pub(super) fn violation(message: impl Into<String>) -> Failure {
    Failure::new(Code::Protocol, message)
}

/// The bytes of input that a client may send ahead of a command.
const STDIN_WINDOW: u64 = MAX_BODY as u64;

/// The bytes of bodies that may wait behind the active request before the server stops reading.
///
/// A `cancel` that the client sends behind so many is not seen until the active request has ended.
/// A client that makes a server hold so much costs it some 3.2 MB in all; behind a `put`, where only [`PIPELINE`] sets
/// a bound, some 5.9 MB.
const HELD: usize = 4 * MAX_BODY;
