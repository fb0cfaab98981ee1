//! A file on its way to the client.

use crate::connection::Progress;
use crate::root::{PathError, Root};
use blake3::Hasher;
use framing_protocol::Id;
use framing_protocol::message::{Code, Digest, Failure, File, Text};
use framing_protocol::server::Server as Protocol;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A file that a `get` asked for, sent block by block as there is room, and hashed on the way.
///
/// What is sent is what was there at the beginning: a file that has changed when its end is
/// reached is an error, and never a mixture with a digest that fits.
#[derive(Debug)]
pub(crate) struct Sending {
    id: Id,
    file: fs::File,
    state: State,
    left: u64,
    /// Some two kilobytes, which an idle connection need not have.
    hasher: Box<Hasher>,
    block: Box<[u8]>,
}

/// What changes with the content of a file.
#[derive(Debug, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Time,
    changed: Time,
}

#[derive(Debug, PartialEq, Eq)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

impl Sending {
    /// Opens the file and announces it; none if it cannot be had, which the client is told.
    pub(crate) fn start(
        id: Id,
        root: Option<&Root>,
        path: &Text,
        protocol: &mut Protocol,
    ) -> Option<Self> {
        let opened = root
            .ok_or_else(denied)
            .and_then(|root| root.file(path.as_bytes()).map_err(|error| failure(&error, path)));
        let (file, metadata) = match opened {
            Ok(opened) => opened,
            Err(failure) => {
                protocol.fail(id, failure);
                return None;
            }
        };
        protocol.file(id, describe(path, &metadata));
        let block = usize::try_from(metadata.len()).unwrap_or(BLOCK).clamp(1, BLOCK);
        Some(Self {
            id,
            file,
            left: metadata.len(),
            state: State::of(&metadata),
            hasher: Box::new(Hasher::new()),
            block: vec![0; block].into(),
        })
    }

    /// The request that it answers.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Sends one block, if there is room.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        if self.left == 0 {
            match self.finish() {
                Ok(digest) => protocol.file_end(self.id, digest),
                Err(failure) => protocol.fail(self.id, failure),
            }
            return Progress::Done;
        }
        // A whole block whenever there is any room: pieces would only cost more messages.
        if protocol.room() == 0 {
            return Progress::Going;
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.block.len());
        match self.file.read(&mut self.block[..most]) {
            Ok(0) => {
                protocol.fail(self.id, changed());
                Progress::Done
            }
            Ok(n) => {
                let bytes = &self.block[..n];
                self.hasher.update(bytes);
                self.left = self.left.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
                protocol.data(self.id, bytes);
                Progress::Going
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Progress::Going,
            Err(error) => {
                protocol.fail(self.id, broken(&error));
                Progress::Done
            }
        }
    }

    fn finish(&self) -> Result<Digest, Failure> {
        let metadata = self.file.metadata().map_err(|error| broken(&error))?;
        if State::of(&metadata) == self.state {
            Ok(Digest::Blake3(*self.hasher.finalize().as_bytes()))
        } else {
            Err(changed())
        }
    }
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: Time { seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() },
            changed: Time { seconds: metadata.ctime(), nanoseconds: metadata.ctime_nsec() },
        }
    }
}

/// No root, no files.
pub(crate) fn denied() -> Failure {
    Failure::new(Code::Denied, "this server serves no files")
        .hint("start it with: framing-server --root DIR")
}

/// What the client is told about a path that is not served.
pub(crate) fn failure(error: &PathError, path: &Text) -> Failure {
    let code = match error {
        PathError::Absent | PathError::Outside => Code::NotFound,
        PathError::NotAFile(_) => Code::NotAFile,
        PathError::NotADirectory => Code::NotADirectory,
        PathError::System(_) => Code::Io,
    };
    let failure = Failure::new(code, format!("{path}: {error}"));
    match error {
        PathError::Absent | PathError::Outside => failure.hint(
            "see what there is with: framing-client ls (hidden files, symbolic links and what the \
             server may not read are not served)",
        ),
        _ => failure,
    }
}

fn describe(path: &Text, metadata: &Metadata) -> File {
    let name = path.as_bytes().rsplit(|&byte| byte == b'/').find(|name| !name.is_empty());
    File {
        filename: Text::from(name.unwrap_or_default()),
        total_size: metadata.len(),
        modified: Some(metadata.mtime()),
        mode: Some(metadata.permissions().mode() & 0o7777),
    }
}

fn changed() -> Failure {
    Failure::new(Code::Changed, "the file changed while it was being sent").hint("get it again")
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(Code::Io, format!("the file could not be read to its end: {error}"))
}

/// How much is read and sent at once: the largest body that the protocol allows.
const BLOCK: usize = 256 * 1024;
