//! A file on its way to the client.

use crate::root::{PathError, Root};
use crate::work::Progress;
use framing_protocol::message::{Code, Digest, Failure, File, Get, Resume, Text};
use framing_protocol::server::Server as Protocol;
use framing_protocol::{Hasher, Id};
use rustix::fs::{Advice, fadvise};
use std::fs::{self, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A file that a `get` asked for, sent block by block as there is room, and hashed on the way.
///
/// ```text
///               the client has nothing, or of another state, or more than there is
///   opened --------------------------------------------------------------------------> Sending, from 0
///      |                                                                                  ^
///      | it has a part              other bytes                                           |
///      +-----------> Verifying -----------------------------------------------------------+
///                        |
///                        | the same bytes
///                        +-----------> Sending, from there
/// ```
///
/// What is sent is what was there at the beginning: a file that has changed when its end is
/// reached is an error, and never a mixture with a digest that fits.
#[derive(Debug)]
pub(crate) struct Sending {
    id: Id,
    path: Text,
    file: fs::File,
    metadata: Metadata,
    etag: String,
    stage: Stage,
    /// How many bytes have been read.
    position: u64,
    /// Of these, from the first byte of the file on.
    whole: Hasher,
}

#[derive(Debug)]
enum Stage {
    Verifying(Box<Verifying>),
    Sending,
}

/// What the client has is compared with what is here.
#[derive(Debug)]
struct Verifying {
    offset: u64,
    prefix: Digest,
    /// Of what was read, where that takes another kind than the digest of the whole.
    hasher: Option<Hasher>,
    /// How much the client has been told of.
    told: u64,
    block: Box<[u8]>,
}

/// What changes with the content of a file.
#[derive(Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Sending {
    /// Opens the file, and announces it unless there is something to be compared first; none if it cannot
    /// be had, which the client is told. `key` is this server's secret for etags.
    pub(crate) fn start(
        id: Id,
        root: Option<&Root>,
        get: Get,
        key: &[u8; 32],
        protocol: &mut Protocol,
    ) -> Option<Self> {
        let Get { path, resume, digest } = get;
        let opened = root
            .ok_or_else(denied)
            .and_then(|root| root.file(path.as_bytes()).map_err(|error| failure(&error, &path)));
        let (file, metadata) = match opened {
            Ok(opened) => opened,
            Err(failure) => {
                protocol.fail(id, failure);
                return None;
            }
        };
        let etag = State::of(&metadata).etag(key);
        let resume = resume.filter(|resume| {
            resume.offset <= metadata.len()
                && resume.etag.as_ref().is_none_or(|known| *known == etag)
        });
        let stage = match resume {
            Some(Resume { offset, prefix, .. }) => {
                let hasher = (prefix.kind() != digest).then(|| Hasher::new(prefix.kind()));
                let block = vec![0; BLOCK].into();
                Stage::Verifying(Box::new(Verifying { offset, prefix, hasher, told: 0, block }))
            }
            None => Stage::Sending,
        };
        if metadata.len() > BLOCK as u64 {
            // Only a hint: twice as much is read ahead.
            let _ = fadvise(&file, 0, None, Advice::Sequential);
        }
        let whole = Hasher::new(digest);
        let sending = Self { id, path, file, metadata, etag, stage, position: 0, whole };
        if let Stage::Sending = sending.stage {
            sending.announce(protocol);
        }
        Some(sending)
    }

    /// The request that it answers.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Reads one block, and sends it if it is one to be sent and there is room.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        match self.try_advance(protocol) {
            Ok(progress) => progress,
            Err(failure) => {
                protocol.fail(self.id, failure);
                Progress::Done
            }
        }
    }

    fn try_advance(&mut self, protocol: &mut Protocol) -> Result<Progress, Failure> {
        let end = match &self.stage {
            Stage::Verifying(verifying) => verifying.offset,
            Stage::Sending => self.metadata.len(),
        };
        if self.position < end {
            // A whole block whenever there is any room: pieces would only cost more messages.
            if protocol.room() > 0 {
                self.read(end - self.position, protocol)?;
            }
            return Ok(Progress::Going);
        }
        match &self.stage {
            Stage::Verifying(verifying) => {
                let same = verifying.hasher.as_ref().unwrap_or(&self.whole).finish();
                if same != verifying.prefix {
                    self.file.rewind().map_err(|error| broken(&error))?;
                    self.position = 0;
                    self.whole = Hasher::new(self.whole.kind());
                }
                self.stage = Stage::Sending;
                self.announce(protocol);
                Ok(Progress::Going)
            }
            Stage::Sending => {
                let metadata = self.file.metadata().map_err(|error| broken(&error))?;
                if State::of(&metadata) != State::of(&self.metadata) {
                    return Err(changed());
                }
                protocol.file_end(self.id, self.whole.finish());
                Ok(Progress::Done)
            }
        }
    }

    /// Reads at most one block of `left` bytes.
    fn read(&mut self, left: u64, protocol: &mut Protocol) -> Result<(), Failure> {
        let Self { file, whole, stage, .. } = self;
        let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let mut hashed = |space: &mut [u8]| -> io::Result<usize> {
            let n = file.read(space)?;
            whole.update(&space[..n]);
            Ok(n)
        };
        let read = match stage {
            Stage::Sending => protocol.data_from(self.id, most, hashed),
            Stage::Verifying(verifying) => hashed(&mut verifying.block[..most]),
        };
        let n = match read {
            Ok(0) => return Err(changed()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(broken(&error)),
        };
        self.position = self.position.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        if let Stage::Verifying(verifying) = &mut self.stage {
            if let Some(hasher) = &mut verifying.hasher {
                hasher.update(&verifying.block[..n]);
            }
            if self.position - verifying.told >= TELLING {
                verifying.told = self.position;
                protocol.verifying(self.id, self.position);
            }
        }
        Ok(())
    }

    /// Says what will be sent, and from where on.
    fn announce(&self, protocol: &mut Protocol) {
        let name = self.path.as_bytes().rsplit(|&byte| byte == b'/').find(|name| !name.is_empty());
        let file = File {
            offset: self.position,
            etag: Some(self.etag.clone()),
            modified: Some(self.metadata.mtime()),
            mode: Some(self.metadata.permissions().mode() & 0o7777),
            ..File::new(Text::from(name.unwrap_or_default()), self.metadata.len())
        };
        protocol.file(self.id, file);
    }
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// A name for this state that tells nothing of it to whoever does not know the key.
    fn etag(&self, key: &[u8; 32]) -> String {
        let Self { device, inode, size, modified, changed } = self;
        let mut hasher = blake3::Hasher::new_keyed(key);
        for number in [device, inode, size] {
            hasher.update(&number.to_le_bytes());
        }
        for number in [modified.0, modified.1, changed.0, changed.1] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.finalize().to_hex().chars().take(ETAG).collect()
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
        PathError::Absent | PathError::Hidden | PathError::Outside => Code::NotFound,
        PathError::NotAFile(_) => Code::NotAFile,
        PathError::NotADirectory => Code::NotADirectory,
        PathError::System(_) => Code::Io,
    };
    let failure = Failure::new(code, format!("{path}: {error}"));
    match error {
        PathError::Absent | PathError::Hidden | PathError::Outside => failure.hint(
            "see what there is with: framing-client ls (hidden files, symbolic links and what the \
             server may not read are not served)",
        ),
        _ => failure,
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

/// After how many bytes a client is told that its own are still being compared.
const TELLING: u64 = 64 * 1024 * 1024;

/// How many hexadecimal digits name a state: 128 bits.
const ETAG: usize = 32;
