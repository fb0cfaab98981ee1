//! The requests of this client that are not answered yet, and what each may still get.

use std::collections::VecDeque;

use super::Event;
use super::upload::Upload;
use crate::message::{Code, DigestKind, Exec, Failure, Id, Outcome, ServerMessage, Stdin};

/// All requests that were sent and have not ended, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The last id that was given.
    newest: Id,
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    id: Id,
    kind: Kind,
}

/// What a request still expects.
#[derive(Debug)]
pub(super) enum Kind {
    Upper,
    Exec(Running),
    /// The `file`, from its beginning or from `offset` on.
    Get {
        offset: u64,
        digest: DigestKind,
    },
    /// So many bytes of `data`, then the digest.
    Download {
        left: u64,
        digest: DigestKind,
    },
    Put(Upload),
    List,
    Stat,
    Pair,
}

/// An `exec`, from its request to its `exit`.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) started: bool,
    /// Whether it is to go on without us.
    detach: bool,
    /// Whether input may still be sent.
    pub(super) input: Stdin,
    /// How much of it.
    pub(super) credit: u64,
}

impl Requests {
    /// The id that the next request will have.
    pub(super) fn next_id(&self) -> Id {
        self.newest.saturating_add(1)
    }

    pub(super) fn push(&mut self, id: Id, kind: Kind) {
        self.newest = id;
        self.open.push_back(Open { id, kind });
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.open.iter().any(|open| open.id == id)
    }

    /// The `exec` of this id, running or not yet.
    pub(super) fn exec(&self, id: Id) -> Option<&Running> {
        let open = self.open.iter().find(|open| open.id == id)?;
        if let Kind::Exec(running) = &open.kind { Some(running) } else { None }
    }

    /// The same, if it takes input.
    pub(super) fn input(&mut self, id: Id) -> Option<&mut Running> {
        let open = self.open.iter_mut().find(|open| open.id == id)?;
        match &mut open.kind {
            Kind::Exec(running) if running.input == Stdin::Piped => Some(running),
            _ => None,
        }
    }

    /// The `put` of this id.
    pub(super) fn upload(&mut self, id: Id) -> Option<&mut Upload> {
        let open = self.open.iter_mut().find(|open| open.id == id)?;
        if let Kind::Put(upload) = &mut open.kind { Some(upload) } else { None }
    }

    /// The `put`s of which not all was sent.
    pub(super) fn partial_uploads(&self) -> Vec<Id> {
        let partial = |open: &&Open| matches!(&open.kind, Kind::Put(upload) if upload.is_partial());
        self.open.iter().filter(partial).map(|open| open.id).collect()
    }

    /// How many bytes a request takes now, of input or of content.
    pub(super) fn credit(&self, id: Id) -> usize {
        match self.open.iter().find(|open| open.id == id).map(|open| &open.kind) {
            Some(Kind::Put(upload)) => upload.credit(),
            Some(Kind::Exec(running)) if running.input == Stdin::Piped => {
                usize::try_from(running.credit).unwrap_or(usize::MAX)
            }
            _ => 0,
        }
    }

    pub(super) fn has_exec(&self) -> bool {
        self.open.iter().any(|open| matches!(open.kind, Kind::Exec(_)))
    }

    /// Ends the requests after `last`, which the server will not look at.
    pub(super) fn drop_after(&mut self, last: Id) -> Vec<Id> {
        let kept = self.open.iter().take_while(|open| open.id <= last).count();
        self.open.drain(kept..).map(|open| open.id).collect()
    }

    /// Takes an answer with an id, and a body of `body` bytes. Validates first, then changes.
    pub(super) fn take(
        &mut self,
        id: Id,
        answer: ServerMessage,
        body: u64,
    ) -> Result<Option<Event>, Failure> {
        if id > self.newest {
            return Err(violation(format!("an answer to {id}, which was never asked")));
        }
        let Some(index) = self.open.iter().position(|open| open.id == id) else {
            return Ok(None);
        };
        if let ServerMessage::Error { failure, .. } = answer {
            self.open.remove(index);
            return Ok(Some(Event::Error { id, failure }));
        }
        let front = self.open.front_mut().filter(|_| index == 0);
        let Some(front) = front else {
            return Err(violation(format!("an answer to {id} before its turn")));
        };
        let event = front.kind.take(id, answer, body)?;
        if event.as_ref().is_some_and(is_last) {
            self.open.pop_front();
        }
        Ok(event)
    }
}

impl Kind {
    fn take(&mut self, id: Id, answer: ServerMessage, body: u64) -> Result<Option<Event>, Failure> {
        use ServerMessage as M;
        let event = match (&mut *self, answer) {
            (Self::Upper, M::Upper { .. }) => Event::Upper { id },
            (Self::Exec(running), M::Started { pid, window, .. }) if !running.started => {
                running.started = true;
                running.credit = window;
                Event::Started { id, pid }
            }
            (Self::Exec(running), M::Stdout { .. }) if running.started => Event::Stdout { id },
            (Self::Exec(running), M::Stderr { .. }) if running.started => Event::Stderr { id },
            (Self::Exec(running), M::Window { bytes, .. }) if running.started => {
                let Some(credit) = running.credit.checked_add(bytes) else {
                    return Err(violation(format!("a window for {id} without end")));
                };
                running.credit = credit;
                Event::Window { id }
            }
            (Self::Exec(running), M::Exit { exit, .. }) if running.may_end(&exit.outcome) => {
                Event::Exit { id, exit }
            }
            (Self::Get { .. }, M::Verifying { bytes, .. }) => Event::Verifying { id, bytes },
            (Self::Get { offset, digest }, M::File { file, .. }) => {
                let left = file.total_size.checked_sub(file.offset);
                let Some(left) = left.filter(|_| file.offset == 0 || file.offset == *offset) else {
                    let began = file.offset;
                    return Err(violation(format!(
                        "{id} begins at {began}, where nobody wants it"
                    )));
                };
                *self = Self::Download { left, digest: *digest };
                Event::File { id, file }
            }
            (Self::Download { left, .. }, M::Data { .. }) => {
                let Some(rest) = left.checked_sub(body) else {
                    return Err(violation(format!("more data for {id} than was promised")));
                };
                *left = rest;
                Event::Data { id }
            }
            (Self::Download { left: 0, digest: asked }, M::FileEnd { digest, .. }) => {
                if digest.kind() != *asked {
                    return Err(violation(format!("a digest for {id} that nobody asked for")));
                }
                Event::FileEnd { id, digest }
            }
            (Self::Download { left, .. }, M::FileEnd { .. }) => {
                return Err(violation(format!("{left} bytes of {id} were promised and not sent")));
            }
            (Self::Put(upload), answer) => upload.take(id, answer)?,
            (Self::List, M::Entries { .. }) => Event::Entries { id },
            (Self::List, M::EntriesEnd { .. }) => Event::EntriesEnd { id },
            (Self::Stat, M::Entry { entry, .. }) => Event::Entry { id, entry },
            (Self::Pair, M::Paired { roles, .. }) => Event::Paired { id, roles },
            _ => return Err(violation(format!("an answer that request {id} does not expect"))),
        };
        Ok(Some(event))
    }
}

impl Running {
    pub(super) fn new(exec: &Exec) -> Self {
        Self { started: false, detach: exec.detach, input: exec.stdin, credit: 0 }
    }

    /// Whether that can be how it ended: what never ran did not exit, and what was not to be left alone was not.
    fn may_end(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::NotFound | Outcome::NotExecutable => !self.started,
            Outcome::Detached => self.started && self.detach,
            _ => self.started,
        }
    }
}

/// Whether a request has ended with this.
fn is_last(event: &Event) -> bool {
    matches!(
        event,
        Event::Upper { .. }
            | Event::Exit { .. }
            | Event::FileEnd { .. }
            | Event::EntriesEnd { .. }
            | Event::Entry { .. }
            | Event::Stored { .. }
            | Event::Paired { .. }
            | Event::Error { .. }
    )
}

pub(super) fn violation(message: impl Into<String>) -> Failure {
    Failure::new(Code::Protocol, message)
}
