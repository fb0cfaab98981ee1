//! One file on its way, over however many connections that takes.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::Seek;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Instant;

use framing_protocol::Hasher;
use framing_protocol::message::{Code, Digest, Put, Text};

use super::Valve;
use super::source::{Content, Metered};
use crate::args;
use crate::error::Error;
use crate::report;
use crate::session::Upload;
use crate::transfer::{Line, Told};

/// A file to be put.
#[derive(Debug)]
pub(super) struct Job {
    /// Where it is here; none for standard input.
    pub(super) path: Option<PathBuf>,
    /// What it will be there.
    to: Text,
    /// What else, if that is a folder.
    below: Option<OsString>,
}

/// A file that is there.
#[derive(Debug)]
struct Stored {
    size: u64,
    digest: Digest,
    resumed_from: u64,
}

impl Job {
    pub(super) fn new(path: Option<PathBuf>, to: &OsStr) -> Self {
        Self { path, to: Text::from(to.as_bytes()), below: None }
    }

    /// The same, to be called `below` if it turns out that its name is that of a folder.
    pub(super) fn or(self, below: OsString) -> Self {
        Self { below: Some(below), ..self }
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> Text {
        let name = self.path.as_ref().map_or(OsStr::new("-"), |path| path.as_os_str());
        Text::from(name.as_bytes())
    }

    /// Puts it, connecting again if that helps.
    pub(super) fn run(
        mut self,
        asked: &args::Put,
        line: &mut Line<'_>,
        valve: &mut Valve,
    ) -> Result<Told<'static>, Error> {
        let began = Instant::now();
        loop {
            let mut sent = 0;
            let error = match self.attempt(asked, line, valve, &mut sent) {
                Ok(Stored { size, digest, resumed_from }) => {
                    line.works();
                    return Ok(Told {
                        path: self.name(),
                        stored_as: Some(self.to.clone()),
                        size: Some(size),
                        digest: Some(digest),
                        resumed_from: Some(resumed_from),
                        seconds: Some(began.elapsed().as_secs_f64()),
                        outcome: "stored",
                        ..Told::default()
                    });
                }
                Err(Error::Failed(failure)) if failure.code == Code::NotAFile => {
                    let Some(below) = self.below.take() else { return Err(Error::Failed(failure)) };
                    self.to = Text::from(below.as_bytes());
                    continue;
                }
                Err(error) => self.explained(error),
            };
            if sent > 0 {
                line.works();
            }
            // What was read of standard input is gone.
            let again = if self.path.is_some() || sent == 0 {
                line.again(error, &valve.progress)
            } else {
                Err(error)
            };
            if let Err(error) = again {
                valve.progress.clear();
                if asked.resumes() && sent >= WORTH_A_WORD && error.may_go_on() {
                    report::line(format_args!(
                        "put: the server keeps what has come of {}: the same command goes on there",
                        self.name()
                    ));
                }
                return Err(error);
            }
        }
    }

    fn attempt(
        &self,
        asked: &args::Put,
        line: &mut Line<'_>,
        valve: &mut Valve,
        sent: &mut u64,
    ) -> Result<Stored, Error> {
        let mut content = match &self.path {
            Some(path) => Content::open(path)?,
            None => Content::stdin(),
        };
        let metadata = content.metadata();
        let put = Put {
            // What says that it is empty may be a file of the kernel's, which is not.
            size: metadata.map(Metadata::size).filter(|size| *size > 0),
            modified: metadata.map(Metadata::mtime),
            mode: metadata.map(|metadata| metadata.mode() & 0o777),
            digest: asked.transfer.digest(),
            resume: asked.resumes() && metadata.is_some_and(|metadata| metadata.size() > 0),
            overwrite: asked.overwrite,
            parents: asked.parents || asked.recursive,
            ..Put::new(self.to.clone())
        };
        let mut upload = line.session().put(&put)?;
        let (offset, mut hasher) = self.begin(&put, &mut upload, &mut content)?;
        valve.progress.begin(&self.name(), offset, put.size.unwrap_or(0));
        let mut source = Metered { content: &mut content, valve, bytes: 0 };
        let ended = upload.send(offset, &mut hasher, &mut source);
        *sent = source.bytes;
        ended?;
        content.check()?;
        let digest = hasher.finish();
        upload.end(digest)?;
        Ok(Stored { size: offset + *sent, digest, resumed_from: offset })
    }

    /// Where to begin: behind what the server holds, if that is the beginning of ours.
    fn begin(
        &self,
        put: &Put,
        upload: &mut Upload<'_>,
        content: &mut Content,
    ) -> Result<(u64, Hasher), Error> {
        if let (Some(held), Content::File { file, .. }) = (upload.held(), content) {
            if let Some(hasher) = upload.compare(file)? {
                return Ok((held.offset, hasher));
            }
            report::line(format_args!(
                "put: what the server holds is not the beginning of {}: starting over",
                self.name()
            ));
            file.rewind().map_err(Error::Source)?;
        }
        Ok((0, Hasher::new(put.digest)))
    }

    /// Names the file that cannot be read.
    fn explained(&self, error: Error) -> Error {
        match (error, &self.path) {
            (Error::Source(source), Some(path)) => {
                Error::File { what: "read", path: path.clone(), source }
            }
            (Error::Source(source), None) => Error::Input(source),
            (error, _) => error,
        }
    }
}

/// Of less nothing is kept, and nothing is lost.
const WORTH_A_WORD: u64 = 64 * 1024;
