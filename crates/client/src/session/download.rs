//! A file on its way from the server.

use framing_protocol::Closed;
use framing_protocol::Hasher;
use framing_protocol::client::Event;
use framing_protocol::message::{DigestKind, File, Id};

use super::Session;
use crate::error::{Damage, Error};
use crate::output::Sink;

/// A file that the server has opened for us. Dropping it calls the transfer off.
#[derive(Debug)]
pub struct Download<'s> {
    session: &'s mut Session,
    id: Id,
    digest: DigestKind,
    file: File,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Ended,
}

impl<'s> Download<'s> {
    pub(super) fn new(session: &'s mut Session, id: Id, digest: DigestKind, file: File) -> Self {
        Self { session, id, digest, file, state: State::Running }
    }

    /// What the server says of it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it comes from.
    pub(crate) fn server(&self) -> &str {
        self.session.target().server()
    }

    /// Hands all of it to `sink` as it comes, and says at the end whether it was the whole file and
    /// the right one. Until then nothing that was handed over can be trusted.
    ///
    /// Of a file that does not [begin](File::offset) at 0 this is not the whole: see [`Download::go_on`].
    pub fn write_to(self, sink: &mut dyn Sink) -> Result<File, Error> {
        let mut hasher = Hasher::new(self.digest);
        self.go_on(&mut hasher, sink)
    }

    /// The same behind what is there already, which `hasher` has seen: of the kind that was asked for. It
    /// then sees what the sink is given; so after a lost connection, too, it stands where the sink does.
    pub fn go_on(mut self, hasher: &mut Hasher, sink: &mut dyn Sink) -> Result<File, Error> {
        let digest = loop {
            match self.next(sink)? {
                Event::Data { .. } => {
                    let body = self.session.body();
                    sink.put(body).map_err(Error::Sink)?;
                    hasher.update(body);
                }
                Event::FileEnd { digest, .. } => break digest,
                _ => {}
            }
        };
        self.state = State::Ended;
        if digest != hasher.finish() {
            return Err(Error::Damaged(Damage::Digest { kind: self.digest }));
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
