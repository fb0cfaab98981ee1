//! A file that we bring.

use super::open::violation;
use super::{Event, Refused};
use crate::message::{Digest, DigestKind, Failure, Id, Put, Ready, ServerMessage};

/// A `put`, from its request to its `stored`.
///
/// ```text
/// [Asked] -- ready --> [Offered] -- begin() --> [Sending] -- file_end() --> [Whole] -- stored --> ended
/// ```
#[derive(Debug)]
pub(super) struct Upload {
    size: Option<u64>,
    digest: DigestKind,
    resume: bool,
    stage: Stage,
    /// How much may be sent.
    credit: u64,
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
        Self { size, digest, resume, stage: Stage::Asked, credit: 0 }
    }

    /// Takes an answer. Validates first, then changes.
    pub(super) fn take(&mut self, id: Id, answer: ServerMessage) -> Result<Event, Failure> {
        use ServerMessage as M;
        match (self.stage, answer) {
            (Stage::Asked, M::Verifying { bytes, .. }) if self.resume => {
                Ok(Event::Verifying { id, bytes })
            }
            (Stage::Asked, M::Ready { ready, .. }) => {
                let Ready { held, window } = ready;
                if held.is_some_and(|held| !self.resume || Some(held.offset) > self.size) {
                    return Err(violation(format!("more of {id} is there than there is")));
                }
                if held.is_some_and(|held| held.prefix.kind() != self.digest) {
                    return Err(violation(format!("a digest for {id} that nobody asked for")));
                }
                let offset = held.map_or(0, |held| held.offset);
                (self.stage, self.credit) = (Stage::Offered { offset }, window);
                Ok(Event::Ready { id, held })
            }
            (stage, M::Window { bytes, .. }) if stage != Stage::Asked => {
                let Some(credit) = self.credit.checked_add(bytes) else {
                    return Err(violation(format!("a window for {id} without end")));
                };
                self.credit = credit;
                Ok(Event::Window { id })
            }
            (Stage::Whole(sent), M::Stored { digest, .. }) => {
                if digest != sent {
                    return Err(violation(format!("what is stored of {id} is not what was sent")));
                }
                Ok(Event::Stored { id })
            }
            _ => Err(violation(format!("an answer that request {id} does not expect"))),
        }
    }

    /// Whether more has to be sent.
    pub(super) fn is_partial(&self) -> bool {
        !matches!(self.stage, Stage::Whole(_))
    }

    /// How much may be sent now.
    pub(super) fn credit(&self) -> usize {
        let credit = match self.stage {
            Stage::Sending { left } => left.map_or(self.credit, |left| left.min(self.credit)),
            _ => 0,
        };
        usize::try_from(credit).unwrap_or(usize::MAX)
    }

    /// What is sent begins at `offset`.
    pub(super) fn begin(&mut self, offset: u64) -> Result<(), Refused> {
        let Stage::Offered { offset: offered } = self.stage else { return Err(Refused::NoInput) };
        if offset != 0 && offset != offered {
            return Err(Refused::Senseless);
        }
        self.stage = Stage::Sending { left: self.size.map(|size| size.saturating_sub(offset)) };
        Ok(())
    }

    /// So much is sent, no more than there is [credit](Self::credit) for.
    pub(super) fn send(&mut self, bytes: u64) -> Result<(), Refused> {
        let Stage::Sending { left } = self.stage else { return Err(Refused::NoInput) };
        self.credit = self.credit.saturating_sub(bytes);
        self.stage = Stage::Sending { left: left.map(|left| left.saturating_sub(bytes)) };
        Ok(())
    }

    /// All of it was sent.
    pub(super) fn end(&mut self, digest: Digest) -> Result<(), Refused> {
        let Stage::Sending { left } = self.stage else { return Err(Refused::NoInput) };
        if left.is_some_and(|left| left > 0) || digest.kind() != self.digest {
            return Err(Refused::Incomplete);
        }
        self.stage = Stage::Whole(digest);
        Ok(())
    }
}
