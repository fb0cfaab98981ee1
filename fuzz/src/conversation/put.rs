//! A file on its way from one application to the other, and what each of them knows of it.

use framing_protocol::Id;
use framing_protocol::client::{Client, Refused};
use framing_protocol::message::{Digest, Held, Put};
use framing_protocol::server::Server;

use super::{content, length_in};
use crate::input::Input;

/// At the client.
#[derive(Debug)]
pub(super) struct Bringing {
    length: usize,
    resume: bool,
    /// Whether it begins anew, whatever the server has.
    anew: bool,
    /// From where the server would go on, once it is ready.
    ready: Option<usize>,
    /// What is still to be sent, once this was begun.
    rest: Option<&'static [u8]>,
    ended: bool,
}

impl Bringing {
    /// Asks for one: of known size or not, to go on or not.
    pub(super) fn ask(client: &mut Client, input: &mut Input<'_>) -> (Result<Id, Refused>, Self) {
        let (length, options) = (input.size(), input.byte());
        let resume = options & 1 != 0;
        let size = (resume || options & 2 != 0).then_some(length as u64);
        let put = Put { size, resume, ..Put::new(length.to_string().into()) };
        let anew = options & 4 != 0;
        let bringing = Self { length, resume, anew, ready: None, rest: None, ended: false };
        (client.put(&put), bringing)
    }

    pub(super) fn verifying(&self) {
        assert!(self.resume && self.ready.is_none());
    }

    pub(super) fn ready(&mut self, offered: Option<Held>) {
        assert_eq!(offered, held(self.length).filter(|_| self.resume));
        let offset = offered.map_or(0, |held| held.offset);
        let first = self.ready.replace(usize::try_from(offset).expect("it is short"));
        assert_eq!(first, None, "it is ready once");
    }

    /// Sends up to `n` bytes, once they may be sent. False: nothing was said.
    pub(super) fn send(&mut self, client: &mut Client, id: Id, n: usize) -> bool {
        let (Some(offset), false) = (self.ready, self.ended) else { return false };
        let Some(rest) = self.rest else {
            let offset = if self.anew { 0 } else { offset };
            client.begin(id, offset as u64).expect("the server is ready");
            self.rest = Some(&content(self.length)[offset..]);
            return true;
        };
        if rest.is_empty() {
            client.file_end(id, digest(self.length)).expect("all was sent");
            self.ended = true;
            return true;
        }
        let taken = client.data(id, &rest[..n.min(rest.len())]).expect("it takes content");
        self.rest = Some(&rest[taken..]);
        taken > 0
    }

    pub(super) fn stored(&self) {
        assert!(self.ended);
    }
}

/// At the server.
pub(super) struct Storing {
    id: Id,
    /// What it has to be.
    content: &'static [u8],
    /// How much of it is there to go on with.
    held: Option<Held>,
    ready: bool,
    /// How much is there, once it has begun.
    at: Option<usize>,
    /// How much of that was not written yet.
    unwritten: usize,
    ended: bool,
}

impl Storing {
    pub(super) fn new(id: Id, put: &Put) -> Self {
        let content = content(length_in(put.path.as_bytes()));
        assert!(put.size.is_none_or(|size| size == content.len() as u64));
        let held = held(content.len()).filter(|_| put.resume);
        Self { id, content, held, ready: false, at: None, unwritten: 0, ended: false }
    }

    pub(super) fn begin(&mut self, id: Id, offset: u64) {
        assert!(self.id == id && self.ready && self.at.is_none());
        assert!(offset == 0 || self.held.is_some_and(|held| held.offset == offset));
        self.at = Some(usize::try_from(offset).expect("it is short"));
    }

    pub(super) fn data(&mut self, id: Id, piece: &[u8]) {
        let at = self.at.expect("it has begun");
        assert!(self.id == id && !piece.is_empty() && !self.ended);
        assert!(self.content[at..].starts_with(piece));
        self.at = Some(at + piece.len());
        self.unwritten += piece.len();
    }

    pub(super) fn end(&mut self, id: Id, told: Digest) {
        assert!(self.id == id && !self.ended);
        assert_eq!(self.at, Some(self.content.len()));
        assert_eq!(told, digest(self.content.len()));
        self.ended = true;
    }

    /// Goes on. False: there is nothing to do before the client has said more.
    pub(super) fn produce(&mut self, server: &mut Server, n: usize) -> bool {
        if !self.ready {
            self.ready = true;
            // Void, unless the client asked to go on.
            server.verifying(self.id, 1);
            server.ready(self.id, self.held);
        } else if self.unwritten > 0 {
            let n = n.min(self.unwritten);
            self.unwritten -= n;
            server.data_taken(self.id, n as u64);
        } else if self.ended {
            server.stored(self.id);
        } else {
            return false;
        }
        true
    }

    /// Whether all was written, and the client is to be told or was.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.unwritten == 0
    }
}

/// What the server has of a file of this length.
fn held(length: usize) -> Option<Held> {
    let offset = length as u64 / 3;
    (offset > 0).then_some(Held { offset, prefix: Digest::Blake3([3; 32]) })
}

fn digest(length: usize) -> Digest {
    Digest::Blake3([length.to_le_bytes()[0]; 32])
}
