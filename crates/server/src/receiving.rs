//! A file on its way from the client.

mod part;

use crate::log;
use crate::root::{Missing, PathError, Root};
use crate::work::Progress;
use framing_protocol::message::{Code, Digest, Failure, Held, Put, Text};
use framing_protocol::server::Server as Protocol;
use framing_protocol::{Hasher, Id};
use framing_transport::{Pin, PollFd, PollFlags, Waker};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

pub(crate) use part::Tidy;
use part::{Part, Replace};

/// Under which conditions files are taken.
#[derive(Debug)]
pub(crate) struct Intake {
    /// The most bytes that one file may have.
    pub(crate) largest: Option<u64>,
    /// What makes the names of files that are not whole yet.
    pub(crate) key: [u8; 32],
    pub(crate) tidy: Tidy,
}

/// Who brings a file.
#[derive(Debug)]
pub(crate) struct Guest {
    /// What the log calls it.
    pub(crate) who: String,
    /// Its key.
    pub(crate) client: Option<Pin>,
}

/// A file that a `put` brings, hashed on the way.
///
/// ```text
///            nothing is there of an earlier try
///   opened ----------------------------------------> Coming --- all of it has come ---> Finishing
///      |                                               ^                                (in a thread: made durable,
///      | something is                                  |                                 given its name)
///      +-----------> Verifying (its digest is told) ---+
/// ```
///
/// Until the end it has a hidden name in the directory where it will be. What cannot be gone on with is removed as
/// soon as the client is gone.
#[derive(Debug)]
pub(crate) struct Receiving {
    id: Id,
    put: Put,
    /// What the log calls the client.
    who: String,
    stage: Stage,
    part: Option<Part>,
    /// How much was there in the end.
    size: u64,
    largest: Option<u64>,
    /// Of all that the part holds.
    whole: Hasher,
}

#[derive(Debug)]
enum Stage {
    /// So much was read, and the client was told of so much.
    Verifying {
        read: u64,
        told: u64,
        block: Box<[u8]>,
    },
    Coming,
    Finishing(Finishing),
}

/// The end of it, which may have to wait for the disk.
#[derive(Debug)]
struct Finishing {
    thread: Option<JoinHandle<Result<(), Failure>>>,
    done: Arc<Waker>,
}

impl Receiving {
    /// Makes a place for the file, and says that it may come unless there is something to be read first; none if it
    /// cannot be taken, which the client is told.
    pub(crate) fn start(
        id: Id,
        put: &Put,
        guest: &Guest,
        (root, intake): (&Root, &Intake),
        protocol: &mut Protocol,
    ) -> Option<Self> {
        let opened = Self::open(id, put, guest, root, intake);
        let mut receiving = match opened {
            Ok(receiving) => receiving,
            Err(failure) => {
                refused(&guest.who, put, &failure);
                protocol.fail(id, failure);
                return None;
            }
        };
        let progress = match receiving.stage {
            Stage::Coming => {
                protocol.ready(id, None);
                Progress::Going
            }
            Stage::Verifying { .. } | Stage::Finishing(_) => receiving.advance(protocol),
        };
        (progress == Progress::Going).then_some(receiving)
    }

    fn open(
        id: Id,
        put: &Put,
        guest: &Guest,
        root: &Root,
        intake: &Intake,
    ) -> Result<Self, Failure> {
        let path = &put.path;
        if let (Some(size), Some(largest)) = (put.size, intake.largest)
            && size > largest
        {
            return Err(too_large(path, largest));
        }
        let missing = if put.parents { Missing::Made } else { Missing::Refused };
        let (directory, name) =
            root.parent(path.as_bytes(), missing).map_err(|error| no_place(&error, path))?;
        let replace = if put.overwrite { Replace::Files } else { Replace::Nothing };
        let hidden = hidden_name(&intake.key, guest.client, &name);
        intake.tidy.tidy(&directory);
        let mut part = Part::open(directory, name, hidden, replace).map_err(|e| e.failure(path))?;
        let held = part.length();
        let is_held = put.resume && held > 0 && put.size.is_some_and(|size| held <= size);
        let restarted = if is_held { Ok(()) } else { part.restart() };
        let ready =
            restarted.and_then(|()| put.size.map_or(Ok(()), |size| part.make_sure_of(size)));
        let failure = ready.map_err(|error| error.failure(path));
        let stage = if is_held {
            Stage::Verifying { read: 0, told: 0, block: vec![0; BLOCK].into() }
        } else {
            Stage::Coming
        };
        let whole = Hasher::new(put.digest);
        // From here on it is removed with this, if it is of no use.
        let (who, part, largest) = (guest.who.clone(), Some(part), intake.largest);
        let put = put.clone();
        let receiving = Self { id, put, who, stage, part, size: 0, largest, whole };
        failure.map(|()| receiving)
    }

    /// The request that it answers.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Goes on with what needs nothing from the client.
    pub(crate) fn advance(&mut self, protocol: &mut Protocol) -> Progress {
        match &mut self.stage {
            Stage::Verifying { .. } => self.verify(protocol),
            Stage::Coming => Progress::Going,
            Stage::Finishing(finishing) => match finishing.result() {
                None => Progress::Going,
                Some(Ok(())) => {
                    let Self { who, put: Put { path, .. }, size, .. } = self;
                    log::line(format_args!("{who}: put: stored {path}, {size} bytes"));
                    protocol.stored(self.id);
                    Progress::Done
                }
                Some(Err(failure)) => self.fail(failure, protocol),
            },
        }
    }

    /// Whether it goes on without waiting for anything.
    pub(crate) fn produces(&self) -> bool {
        matches!(self.stage, Stage::Verifying { .. })
    }

    /// What it waits for.
    pub(crate) fn watch<'w>(&'w self, set: &mut Vec<PollFd<'w>>) {
        if let Stage::Finishing(finishing) = &self.stage {
            set.push(PollFd::new(&*finishing.done, PollFlags::IN));
        }
    }

    /// Reads a block of what is there, and in the end says that the rest may come.
    fn verify(&mut self, protocol: &mut Protocol) -> Progress {
        let (Stage::Verifying { read, told, block }, Some(part)) =
            (&mut self.stage, &mut self.part)
        else {
            return Progress::Going;
        };
        let length = part.length();
        match part.read(*read, block) {
            Ok(0) => {}
            Ok(n) => {
                self.whole.update(&block[..n]);
                *read += n as u64;
                if *read - *told >= TELLING {
                    *told = *read;
                    protocol.verifying(self.id, *read);
                }
                if *read < length {
                    return Progress::Going;
                }
            }
            Err(error) => {
                let failure = error.failure(&self.put.path);
                return self.fail(failure, protocol);
            }
        }
        // If somebody has made it shorter meanwhile, that is what is held.
        let held = Held { offset: *read, prefix: self.whole.finish() };
        self.stage = Stage::Coming;
        protocol.ready(self.id, (held.offset > 0).then_some(held));
        Progress::Going
    }

    /// The client has said where its content begins: at 0, or behind what is held.
    pub(crate) fn begin(&mut self, offset: u64, protocol: &mut Protocol) -> Progress {
        let Some(part) = &mut self.part else { return Progress::Going };
        let ready = if offset == 0 {
            self.whole = Hasher::new(self.put.digest);
            part.restart()
        } else {
            part.go_on(offset)
        };
        match ready {
            Ok(()) => Progress::Going,
            Err(error) => {
                let failure = error.failure(&self.put.path);
                self.fail(failure, protocol)
            }
        }
    }

    /// A piece has come.
    pub(crate) fn data(&mut self, protocol: &mut Protocol) -> Progress {
        let Some(part) = &mut self.part else { return Progress::Going };
        let bytes = protocol.body();
        let count = bytes.len() as u64;
        if let Some(largest) = self.largest
            && part.length().saturating_add(count) > largest
        {
            let failure = too_large(&self.put.path, largest);
            return self.fail(failure, protocol);
        }
        if let Err(error) = part.write(bytes) {
            let failure = error.failure(&self.put.path);
            return self.fail(failure, protocol);
        }
        self.whole.update(bytes);
        protocol.data_taken(self.id, count);
        Progress::Going
    }

    /// All has come, and shall have this digest.
    pub(crate) fn end(&mut self, digest: Digest, protocol: &mut Protocol) -> Progress {
        if digest != self.whole.finish() {
            let path = &self.put.path;
            let failure =
                Failure::new(Code::Damaged, format!("{path}: what has come is not what was sent"));
            return self.fail(failure.hint("put it again"), protocol);
        }
        let Some(part) = self.part.take() else { return Progress::Going };
        self.size = part.length();
        let started = Finishing::start(part, &self.put);
        match started {
            Ok(finishing) => {
                self.stage = Stage::Finishing(finishing);
                Progress::Going
            }
            Err(error) => self
                .fail(Failure::new(Code::Io, format!("it cannot be finished: {error}")), protocol),
        }
    }

    /// Ends it without a file.
    fn fail(&mut self, failure: Failure, protocol: &mut Protocol) -> Progress {
        if let Some(part) = self.part.take() {
            part.remove();
        }
        refused(&self.who, &self.put, &failure);
        protocol.fail(self.id, failure);
        Progress::Done
    }
}

/// The client is gone, or wants it no more.
impl Drop for Receiving {
    fn drop(&mut self) {
        if let Some(part) = self.part.take()
            && !(self.put.resume && part.length() >= WORTH_IT)
        {
            part.remove();
        }
    }
}

impl Finishing {
    fn start(part: Part, put: &Put) -> io::Result<Self> {
        let done = Arc::new(Waker::new()?);
        let wake = Arc::clone(&done);
        let (path, modified, mode) = (put.path.clone(), put.modified, put.mode);
        let finish = move || {
            let finished = part.finish(modified, mode).map_err(|error| error.failure(&path));
            wake.wake();
            finished
        };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(finish)?;
        Ok(Self { thread: Some(thread), done })
    }

    /// How it ended, once it has.
    fn result(&mut self) -> Option<Result<(), Failure>> {
        if !self.done.is_woken() {
            return None;
        }
        let joined = self.thread.take()?.join();
        Some(joined.unwrap_or_else(|_| Err(Failure::new(Code::Io, "it could not be finished"))))
    }
}

/// All has come: whoever waits for it or not, it gets its name, and no thread outlives the server.
impl Drop for Finishing {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The name of a file that is not whole: hidden, and the same whenever the same client brings the same file. What
/// another one has sent is nothing that it should go on with, or learn of.
fn hidden_name(key: &[u8; 32], client: Option<Pin>, name: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(client.map(|pin| pin.to_string()).unwrap_or_default().as_bytes());
    hasher.update(b"\0");
    hasher.update(name);
    let digits: String = hasher.finalize().to_hex().chars().take(DIGITS).collect();
    format!("{}{digits}{}", part::PREFIX, part::SUFFIX)
}

/// Notes that a file was not taken.
pub(crate) fn refused(who: &str, put: &Put, failure: &Failure) {
    let path = &put.path;
    // Most failures of a file name it.
    if failure.message.starts_with(&path.to_string()) {
        log::line(format_args!("{who}: put: not stored: {failure}"));
    } else {
        log::line(format_args!("{who}: put: not stored: {path}: {failure}"));
    }
}

/// Where the server was not started to take files.
pub(crate) fn closed() -> Failure {
    Failure::new(Code::Denied, "this server takes no files")
        .hint("start it with: framing-server --root DIR --writable")
}

fn too_large(path: &Text, largest: u64) -> Failure {
    Failure::new(Code::TooLarge, format!("{path}: no more than {largest} bytes are taken"))
        .hint("the server's --max-upload says how many")
}

/// What the client is told about a path to which nothing is put.
fn no_place(error: &PathError, path: &Text) -> Failure {
    let failure = |code, why: &str| Failure::new(code, format!("{path}: {why}"));
    match error {
        PathError::Outside => {
            failure(Code::BadPath, "paths are relative to the server's root and stay below it")
        }
        PathError::Hidden => {
            failure(Code::BadPath, "names that begin with a dot are hidden, and not taken")
        }
        PathError::Absent => failure(Code::NotFound, "there is no such directory")
            .hint("make what is missing with: framing-client put --parents"),
        PathError::NotAFile(what) => {
            failure(Code::NotAFile, &format!("not the name of a file, but {what}"))
        }
        PathError::NotADirectory => {
            failure(Code::NotADirectory, "something on the way is no directory")
        }
        PathError::System(error) => failure(Code::Io, &error.to_string()),
    }
}

/// How much is read at once of what is there already.
const BLOCK: usize = 256 * 1024;

/// After how many bytes a client is told that they are still being read.
const TELLING: u64 = 64 * 1024 * 1024;

/// The fewest bytes that are kept for a later try: less is sent again in no time.
const WORTH_IT: u64 = 64 * 1024;

/// How many hexadecimal digits name a file that is not whole: 128 bits.
const DIGITS: usize = 32;
