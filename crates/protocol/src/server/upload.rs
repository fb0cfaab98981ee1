//! A file that a client brings.

use super::credit::Credit;
use super::requests::violation;
use crate::message::{Digest, DigestKind, Failure, Held, Id, Put};

/// The client's side of an active `put`.
///
/// ```text
/// [Asked] -- ready() --> [Offered] -- begin --> [Sending] -- file_end --> [Whole] -- stored() --> ended
/// ```
#[derive(Debug)]
pub(super) struct Upload {
    size: Option<u64>,
    digest: DigestKind,
    resume: bool,
    stage: Stage,
    credit: Credit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Asked,
    /// The server holds so much.
    Offered {
        offset: u64,
    },
    /// So much is missing, where that is known.
    Sending {
        left: Option<u64>,
    },
    Whole(Digest),
}

impl Upload {
    pub(super) fn new(put: &Put) -> Self {
        let Put { size, digest, resume, .. } = *put;
        Self { size, digest, resume, stage: Stage::Asked, credit: Credit::default() }
    }

    /// The content may come. Gives the first credit, and what of `held` the client can use; none if it might come
    /// before.
    pub(super) fn ready(&mut self, held: Option<Held>) -> Option<(u64, Option<Held>)> {
        if self.stage != Stage::Asked {
            return None;
        }
        let fits = |held: &Held| {
            self.resume
                && held.offset > 0
                && self.size.is_some_and(|size| held.offset <= size)
                && held.prefix.kind() == self.digest
        };
        let held = held.filter(fits);
        self.stage = Stage::Offered { offset: held.map_or(0, |held| held.offset) };
        self.credit = Credit::open(WINDOW);
        Some((WINDOW, held))
    }

    /// Whether the application may still be reading what it holds: only who asked to go on expects that.
    pub(super) fn is_verified(&self) -> bool {
        self.resume && self.stage == Stage::Asked
    }

    /// Whether more has to come from the client.
    pub(super) fn is_partial(&self) -> bool {
        !matches!(self.stage, Stage::Whole(_))
    }

    /// What the client says of all that it has sent, once it has.
    pub(super) fn digest(&self) -> Option<Digest> {
        if let Stage::Whole(digest) = self.stage { Some(digest) } else { None }
    }

    /// The client begins to send at `offset`.
    pub(super) fn begin(&mut self, id: Id, offset: u64) -> Result<(), Failure> {
        let Stage::Offered { offset: offered } = self.stage else {
            return Err(violation(format!("begin for {id}, which does not wait for it")));
        };
        if offset != 0 && offset != offered {
            return Err(violation(format!("{id} begins at {offset}, where nothing ends")));
        }
        self.stage = Stage::Sending { left: self.size.map(|size| size.saturating_sub(offset)) };
        Ok(())
    }

    /// Content came.
    pub(super) fn receive(&mut self, id: Id, bytes: u64) -> Result<(), Failure> {
        let Stage::Sending { left } = self.stage else {
            return Err(violation(format!("data for {id}, which does not wait for it")));
        };
        let rest = match left.map(|left| left.checked_sub(bytes)) {
            Some(None) => return Err(violation(format!("more data for {id} than was announced"))),
            Some(rest) => rest,
            None => None,
        };
        if !self.credit.spend(bytes) {
            let credit = self.credit.left();
            return Err(violation(format!("data for {id}: {bytes} bytes on a credit of {credit}")));
        }
        self.stage = Stage::Sending { left: rest };
        Ok(())
    }

    /// All of it has come.
    pub(super) fn end(&mut self, id: Id, digest: Digest) -> Result<(), Failure> {
        let Stage::Sending { left } = self.stage else {
            return Err(violation(format!("file_end for {id}, which does not wait for it")));
        };
        if let Some(left @ 1..) = left {
            return Err(violation(format!("{left} bytes of {id} were announced and not sent")));
        }
        if digest.kind() != self.digest {
            return Err(violation(format!("a digest for {id} of another kind than announced")));
        }
        self.stage = Stage::Whole(digest);
        Ok(())
    }

    /// The application took content. Gives the new credit, once it is worth a message.
    pub(super) fn take(&mut self, bytes: u64) -> Option<u64> {
        if self.is_partial() { self.credit.take(bytes) } else { None }
    }
}

/// The bytes of content that a client may send ahead of the server's disk: enough to fill a link of 1 Gbit/s whose
/// answers take 30 ms. They are no memory of the server's, which takes each piece as it comes.
const WINDOW: u64 = 4 * 1024 * 1024;
