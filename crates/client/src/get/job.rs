//! One file: what has come of it, over however many connections, and what is missing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use framing_protocol::message::{Code, Digest, DigestKind, File, Get, Resume, Text};
use framing_protocol::{Closed, Hasher};

use super::destination::Destination;
use super::intake::{Intake, Valve};
use crate::args;
use crate::error::{Damage, Error};
use crate::output::{Output, Sink};
use crate::part::{Busy, Changed, Found, Part, PartError, Place, Synced, shown};
use crate::report;
use crate::session::Download;
use crate::transfer::Told;

/// A file to be fetched.
#[derive(Debug)]
pub(super) struct Job {
    /// What is asked for.
    pub(super) path: Text,
    destination: Option<Destination>,
    receiver: Option<Receiver>,
    /// When its content began to come.
    began: Option<Instant>,
}

/// Where the content goes, and what has gone there.
#[derive(Debug)]
struct Receiver {
    end: End,
    seen: Seen,
    etag: Option<String>,
    resumed_from: u64,
}

#[derive(Debug)]
enum End {
    Stream(Output),
    Part(Box<Part>),
}

/// The digests of what has come.
#[derive(Debug)]
pub(super) struct Seen {
    whole: Hasher,
    /// For the server to compare, where `whole` is of a kind that proves nothing.
    prefix: Option<Hasher>,
    bytes: u64,
}

/// A file that has come, and is right.
#[derive(Debug)]
pub(super) struct Received {
    part: Option<Box<Part>>,
    modified: Option<i64>,
    saved: Saved,
}

/// A file that is whole.
#[derive(Debug)]
pub(super) struct Saved {
    /// Where it is; none for a stream.
    pub(super) path: Option<PathBuf>,
    /// The folder that is to be synced.
    pub(super) changed: Option<Changed>,
    pub(super) size: u64,
    pub(super) digest: Digest,
    pub(super) resumed_from: u64,
    pub(super) seconds: f64,
}

impl Job {
    pub(super) fn new(path: Text, destination: Destination) -> Self {
        Self { path, destination: Some(destination), receiver: None, began: None }
    }

    /// What to ask the server for. The first time this looks for what an earlier download has left.
    pub(super) fn prepare(&mut self, asked: &args::Get) -> Result<Get, Error> {
        let kind = asked.transfer.digest();
        let receiver = match &mut self.receiver {
            Some(receiver) => receiver,
            None => match self.destination.take() {
                Some(Destination::Stream(output)) => {
                    self.receiver.insert(Receiver::new(End::Stream(output), kind))
                }
                Some(Destination::File(place)) => {
                    self.receiver.insert(Receiver::open(place, asked)?)
                }
                Some(Destination::Below(below)) => {
                    let place = below.place(asked.existing())?;
                    self.receiver.insert(Receiver::open(place, asked)?)
                }
                None => return Err(PartError::NoName { path: PathBuf::new() }.into()),
            },
        };
        let resume = (receiver.seen.bytes > 0).then(|| Resume {
            offset: receiver.seen.bytes,
            // What has been handed on already is known by its bytes alone, for there is no beginning anew.
            etag: receiver.etag.clone().filter(|_| matches!(receiver.end, End::Part(_))),
            prefix: receiver.seen.prefix(),
        });
        Ok(Get { resume, digest: kind, ..Get::new(self.path.clone()) })
    }

    /// Takes what the server sends. After an error that [passes](Error::is_passing) it can be prepared again.
    pub(super) fn receive(
        &mut self,
        download: Download<'_>,
        valve: &mut Valve,
    ) -> Result<Received, Error> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let server = download.server().to_owned();
        let Some(receiver) = &mut self.receiver else { return Err(Error::Interrupted) };
        let file = receiver.accept(download.file(), &self.path, &server)?;
        valve.begin(&self.path, &file);
        let Receiver { end, seen, .. } = receiver;
        let sink: &mut dyn Sink = match end {
            End::Stream(output) => output,
            End::Part(part) => &mut **part,
        };
        let Seen { whole, prefix, bytes } = seen;
        let mut intake = Intake { sink, prefix: prefix.as_mut(), bytes, valve };
        let ended = download.go_on(whole, &mut intake);
        let file = ended.map_err(|error| receiver.name(error))?;
        let (digest, resumed_from) = (receiver.seen.whole.finish(), receiver.resumed_from);
        let part = match self.receiver.take().map(|receiver| receiver.end) {
            Some(End::Part(part)) => Some(part),
            _ => None,
        };
        let (seconds, size) = (began.elapsed().as_secs_f64(), file.total_size);
        let saved = Saved { path: None, changed: None, size, digest, resumed_from, seconds };
        Ok(Received { part, modified: file.modified, saved })
    }

    /// Ends it without a file: keeps what is of use, and says so. Gives the error for this case.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        let Some(Receiver { end: End::Part(mut part), .. }) = self.receiver.take() else {
            return error;
        };
        let is_useless = match &error {
            Error::Part(PartError::Damaged(_)) => true,
            Error::Failed(failure) => failure.code == Code::Changed,
            _ => false,
        };
        if is_useless {
            part.discard();
            return error;
        }
        let kept = part.kept();
        if kept > 0 {
            let path = part.path();
            report::line(format_args!(
                "get: {} keeps {kept} bytes of it: the same command goes on there",
                shown(&path)
            ));
            return error;
        }
        match error {
            Error::Closed {
                server,
                reason: reason @ (Closed::Lost | Closed::Truncated { .. }),
            } => Error::Unsaved { server, reason },
            error => error,
        }
    }

    /// Where its part is, if it has one.
    pub(super) fn part(&self) -> Option<PathBuf> {
        match &self.receiver {
            Some(Receiver { end: End::Part(part), .. }) => Some(part.path()),
            _ => None,
        }
    }

    /// How much has come of it.
    pub(super) fn bytes(&self) -> u64 {
        self.receiver.as_ref().map_or(0, |receiver| receiver.seen.bytes)
    }
}

impl Saved {
    /// For programs.
    pub(super) fn told(&self, path: Text) -> Told<'static> {
        let name = |path: &Path| Text::from(path.as_os_str().as_encoded_bytes());
        Told {
            path,
            saved_as: self.path.as_deref().map(name),
            size: Some(self.size),
            digest: Some(self.digest),
            resumed_from: Some(self.resumed_from),
            seconds: Some(self.seconds),
            outcome: if self.path.is_some() { "saved" } else { "streamed" },
            ..Told::default()
        }
    }
}

impl Received {
    /// Where its part is, if it has one.
    pub(super) fn part(&self) -> Option<PathBuf> {
        self.part.as_ref().map(|part| part.path())
    }

    /// How much it is, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.saved.size
    }

    /// Makes them durable, and gives each its name.
    pub(super) fn finish_all(all: Vec<Self>, busy: &Busy) -> Vec<Result<Saved, PartError>> {
        let synced = Synced::files(all.iter().filter_map(|one| one.part.as_deref()), busy);
        all.into_iter().map(|one| one.finish(&synced)).collect()
    }

    fn finish(self, synced: &Synced) -> Result<Saved, PartError> {
        let Self { part, modified, mut saved } = self;
        if let Some(part) = part {
            let (path, changed) = (*part).finish(modified, synced)?;
            (saved.path, saved.changed) = (Some(path), Some(changed));
        }
        Ok(saved)
    }
}

impl Receiver {
    fn new(end: End, kind: DigestKind) -> Self {
        Self { end, seen: Seen::new(kind), etag: None, resumed_from: 0 }
    }

    fn open(place: Place, asked: &args::Get) -> Result<Self, PartError> {
        if place.is_numbered() {
            report::line(format_args!("get: it will be {}", shown(place.path())));
        }
        let (part, found) = Part::open(place)?;
        let known = part.known().filter(|_| !asked.transfer.no_resume);
        let mut receiver = Self::new(End::Part(Box::new(part)), asked.transfer.digest());
        let End::Part(part) = &mut receiver.end else { return Ok(receiver) };
        match known {
            Some(known) => {
                part.read(|piece| receiver.seen.update(piece))?;
                receiver.etag = known.etag;
                receiver.resumed_from = receiver.seen.bytes;
            }
            None if found == Found::Useless && !asked.transfer.no_resume => report::line(
                format_args!("get: {} cannot be gone on with: starting over", shown(&part.path())),
            ),
            None => {}
        }
        Ok(receiver)
    }

    /// Makes ready for what the server is about to send.
    fn accept(&mut self, file: &File, path: &Text, server: &str) -> Result<File, Error> {
        let End::Part(part) = &mut self.end else {
            if file.offset != self.seen.bytes {
                return Err(Damage::Differs.into());
            }
            return Ok(file.clone());
        };
        if file.offset != self.seen.bytes {
            let why = if file.etag == self.etag {
                "what is here is not what is there"
            } else {
                "the file there has changed"
            };
            report::line(format_args!("get: {why}: starting over: {}", shown(&part.path())));
            self.seen = Seen::new(self.seen.whole.kind());
            self.resumed_from = 0;
        }
        self.etag.clone_from(&file.etag);
        part.accept(file, path, server)?;
        Ok(file.clone())
    }

    /// Names the file that could not be written, or says that it is not kept.
    fn name(&self, error: Error) -> Error {
        match (&self.end, error) {
            (End::Part(part), Error::Sink(source)) => {
                Error::File { what: "write", path: part.path(), source }
            }
            (End::Part(_), Error::Damaged(damage)) => PartError::Damaged(damage).into(),
            (_, error) => error,
        }
    }
}

impl Seen {
    fn new(kind: DigestKind) -> Self {
        let prefix = (kind == DigestKind::Md5).then(|| Hasher::new(DigestKind::Blake3));
        Self { whole: Hasher::new(kind), prefix, bytes: 0 }
    }

    fn update(&mut self, piece: &[u8]) {
        self.whole.update(piece);
        if let Some(prefix) = &mut self.prefix {
            prefix.update(piece);
        }
        self.bytes += piece.len() as u64;
    }

    /// A digest that the server takes for proof.
    fn prefix(&self) -> Digest {
        self.prefix.as_ref().unwrap_or(&self.whole).finish()
    }
}
