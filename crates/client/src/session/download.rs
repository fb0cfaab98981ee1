//! A file on its way from the server.

use framing_protocol::Closed;
use framing_protocol::client::Event;
use framing_protocol::message::{Digest, File, Id};

use super::Session;
use crate::error::{Damage, Error};
use crate::output::Sink;

/// A file that the server has opened for us. Dropping it calls the transfer off.
#[derive(Debug)]
pub struct Download<'s> {
    session: &'s mut Session,
    id: Id,
    file: File,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Ended,
}

impl<'s> Download<'s> {
    pub(super) fn new(session: &'s mut Session, id: Id, file: File) -> Self {
        Self { session, id, file, state: State::Running }
    }

    /// What the server says of it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Hands all of it to `sink` as it comes, and says at the end whether it was the whole file and
    /// the right one. Until then nothing that was handed over can be trusted.
    pub fn write_to(mut self, sink: &mut dyn Sink) -> Result<File, Error> {
        let mut hasher = blake3::Hasher::new();
        let digest = loop {
            match self.next(sink)? {
                Event::Data { .. } => {
                    let body = self.session.body();
                    hasher.update(body);
                    sink.put(body).map_err(Error::Sink)?;
                }
                Event::FileEnd { digest, .. } => break digest,
                _ => {}
            }
        };
        self.state = State::Ended;
        if digest != Digest::Blake3(*hasher.finalize().as_bytes()) {
            return Err(Error::Damaged(Damage::Digest));
        }
        self.session.finish(&mut [sink])?;
        Ok(self.file.clone())
    }

    /// The machine sees to it that what comes is as long as was promised.
    fn next(&mut self, sink: &mut dyn Sink) -> Result<Event, Error> {
        self.session.event_of(self.id, &mut [sink]).map_err(|error| match error {
            Error::Closed { reason: Closed::Violation(failure), .. } => {
                Damage::Protocol(failure).into()
            }
            error => error,
        })
    }
}

impl Drop for Download<'_> {
    fn drop(&mut self) {
        if self.state == State::Running {
            self.session.give_up(self.id);
        }
    }
}
