//! A file on its way from the server.

use framing_protocol::Closed;
use framing_protocol::Hasher;
use framing_protocol::client::Event;
use framing_protocol::message::{DigestKind, File, Get, Id, Text};

use super::{Patience, Session};
use crate::error::{Damage, Error};
use crate::output::Sink;

impl Session {
    /// Asks for a file, and returns when the server has opened it.
    pub fn get(&mut self, path: &Text) -> Result<Download<'_>, Error> {
        self.download(&Get::new(path.clone()))
    }

    /// Asks for a file, for what is missing of it, or with another digest, and returns when the server has
    /// opened it and compared what we have.
    ///
    /// ```no_run
    /// use framing_client::{Session, Target};
    /// use framing_protocol::Hasher;
    /// use framing_protocol::message::{DigestKind, Get, Resume};
    /// use framing_transport::Dirs;
    ///
    /// let mut session = Session::connect(&Target::new("127.0.0.1:7878", Dirs::of_user()?))?;
    /// let mut content = b"what came before".to_vec();
    /// let mut hasher = Hasher::new(DigestKind::Blake3);
    /// hasher.update(&content);
    /// let resume = Resume { offset: content.len() as u64, etag: None, prefix: hasher.finish() };
    /// let get = Get { resume: Some(resume), ..Get::new("notes/today.txt".into()) };
    /// let download = session.download(&get)?;
    /// if download.file().offset == 0 {
    ///     // The server has something else there, and sends all of it.
    ///     content.clear();
    ///     hasher = Hasher::new(DigestKind::Blake3);
    /// }
    /// download.go_on(&mut hasher, &mut content)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn download(&mut self, get: &Get) -> Result<Download<'_>, Error> {
        let id = self.ask(|machine| machine.get(get))?;
        self.opened(id, get.digest)
    }

    /// Asks for a file, to wait for it later, by [`Session::opened`], in the order asked. None if as many are
    /// asked for as may be.
    pub(crate) fn ask_ahead(&mut self, get: &Get) -> Result<Option<Id>, Error> {
        let asked = if self.ahead.is_empty() {
            Ok(self.ask(|machine| machine.get(get))?)
        } else {
            self.link.machine().get(get)
        };
        match asked {
            Ok(id) => {
                self.ahead.push((id, None));
                Ok(Some(id))
            }
            Err(refused) if refused.is_temporary() => Ok(None),
            Err(refused) => Err(self.refused(refused)),
        }
    }

    /// Waits until the server has opened a file that it was asked for.
    pub(crate) fn opened(&mut self, id: Id, digest: DigestKind) -> Result<Download<'_>, Error> {
        if let Some(index) = self.ahead.iter().position(|(ahead, _)| *ahead == id)
            && let (_, Some(failure)) = self.ahead.swap_remove(index)
        {
            return Err(self.failed(failure));
        }
        loop {
            if let Event::File { file, .. } = self.event_of(id, &mut [])? {
                return Ok(Download::new(self, id, digest, file));
            }
        }
    }

    /// How long to wait for a server that sends nothing, and who may end the wait.
    pub(crate) fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }
}

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
