//! Where content goes without ever blocking the one who must also read the socket.
//!
//! A terminal, a pipe or a FIFO may stop taking bytes for hours. The connection wants its pings
//! answered all the same, so nothing here waits: what cannot be written now is queued, the queue says
//! when it is full, and its owner polls the descriptor together with the socket. The descriptors are
//! inherited and shared with other processes, so they are never made non-blocking: a terminal or a pipe is opened
//! once more, and only that opening of our own is non-blocking. Where that cannot be, no more is written at a time
//! than a pipe that polls writable takes at once.

mod shared;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use framing_protocol::message::Escaped;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};

pub(crate) use shared::Shared;

/// Takes content that arrives, at the speed of whoever reads it.
///
/// Every [`Write`] is a sink that takes everything at once. [`Output`] is one that may need time.
pub trait Sink {
    /// Takes all of `bytes`, to the outside or into a queue.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The descriptor to be polled for writing before [`Sink::drain`] can do more; `None` if nothing
    /// is queued.
    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether the queue is so long that no more content should be fetched for now.
    fn is_full(&self) -> bool {
        false
    }

    /// Writes from the queue what can be written without waiting.
    fn drain(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// When [`Sink::drain`] has something to do even if nothing else happens, if ever.
    fn wakes_at(&self) -> Option<Instant> {
        None
    }

    /// No more comes: what waited for more of it is written, or queued. What is put later begins anew.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes all of the queue, however long that takes.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Sink for W {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

/// A sink on a descriptor of any kind.
#[derive(Debug)]
pub struct Output {
    file: File,
    kind: Kind,
    queue: VecDeque<u8>,
}

impl Output {
    /// Writes to `descriptor`, which may be shared and stays as it is: a copy of it is used.
    pub fn new(descriptor: impl AsFd) -> io::Result<Self> {
        let descriptor = descriptor.as_fd();
        let stat = rustix::fs::fstat(descriptor)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::BlockDevice => Kind::Immediate,
            // The null device and its like (`/dev/full`, `/dev/zero`): nothing there is ever waited for.
            FileType::CharacterDevice if rustix::fs::major(stat.st_rdev) == MEMORY => {
                Kind::Immediate
            }
            _ => Kind::Polled,
        };
        // The other end of a terminal is no terminal, and opening that would make a new one.
        let is_terminal = descriptor.is_terminal() && stat.st_rdev != PTMX;
        let is_pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
        let own = if is_terminal || is_pipe { reopen(descriptor) } else { None };
        let (file, kind) = match own {
            Some(own) => (own, Kind::Immediate),
            None => (descriptor.try_clone_to_owned()?, kind),
        };
        Ok(Self { file: file.into(), kind, queue: VecDeque::new() })
    }

    /// Standard output, without the buffer that `std` puts before it.
    pub fn stdout() -> io::Result<Self> {
        Self::new(io::stdout())
    }

    /// Standard error.
    pub fn stderr() -> io::Result<Self> {
        Self::new(io::stderr())
    }

    /// Writes what goes without waiting, and says how much that was.
    fn write_ready(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let piece = match self.kind {
                Kind::Immediate => rest,
                Kind::Polled if wait_writable(self.file.as_fd(), Some(NO_TIME))? => {
                    &rest[..rest.len().min(AT_ONCE)]
                }
                Kind::Polled => break,
            };
            match self.file.write(piece) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A terminal that is full, or somebody has made the shared description non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}

impl Sink for Output {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.drain()?;
        let written = if self.queue.is_empty() { self.write_ready(bytes)? } else { 0 };
        self.queue.extend(&bytes[written..]);
        Ok(())
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        (!self.queue.is_empty()).then(|| self.file.as_fd())
    }

    fn is_full(&self) -> bool {
        self.queue.len() >= FULL
    }

    fn drain(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            // Taken out for the time of the call, since both are parts of `self`.
            let mut queue = std::mem::take(&mut self.queue);
            let piece = queue.as_slices().0;
            let length = piece.len();
            let written = self.write_ready(piece);
            if let Ok(written) = written {
                queue.drain(..written);
            }
            self.queue = queue;
            if written? < length {
                break;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            wait_writable(self.file.as_fd(), None)?;
            self.drain()?;
        }
        Ok(())
    }
}

/// Who reads what we print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person, at a terminal that obeys control characters.
    Terminal,
    /// A program or a file, which gets bytes as they are.
    Program,
}

impl Audience {
    /// Who reads what goes to `descriptor`.
    pub(crate) fn of(descriptor: &impl IsTerminal) -> Self {
        if descriptor.is_terminal() { Self::Terminal } else { Self::Program }
    }

    /// What the peer wrote, fit for this audience: a terminal gets its control characters escaped,
    /// all but the harmless tab.
    pub(crate) fn show(self, peer: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Program => Cow::Borrowed(peer),
            Self::Terminal => {
                let pieces: Vec<_> = peer
                    .split(|byte| *byte == b'\t')
                    .map(|piece| Escaped(piece).to_string())
                    .collect();
                Cow::Owned(pieces.join("\t").into_bytes())
            }
        }
    }
}

/// How a descriptor behaves when it is written to.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A file or a device that always takes everything; or an opening of our own, which takes what it can.
    Immediate,
    /// Everything else: takes [`AT_ONCE`] bytes when it polls writable.
    Polled,
}

/// A non-blocking opening of the same terminal or pipe; none if it may not be opened, or has no name here.
fn reopen(descriptor: BorrowedFd<'_>) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Waits until `descriptor` can be written to, or has failed so that writing tells why.
fn wait_writable(descriptor: BorrowedFd<'_>, timeout: Option<Timespec>) -> io::Result<bool> {
    loop {
        let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What POSIX promises of a pipe that polls writable (`PIPE_BUF` of Linux).
const AT_ONCE: usize = 4096;

/// Content is no longer fetched while so much is queued. The message that crosses the line is still
/// taken, so the queue stays below this and one message body.
const FULL: usize = 64 * 1024;

/// `/dev/ptmx`, the device of all ends of terminals that are programs.
const PTMX: u64 = (5 << 8) | 2;

/// The major number of the devices that are memory, or less (`mem`, admin-guide/devices.txt of Linux).
const MEMORY: u32 = 1;

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    #[test]
    fn a_pipe_that_nobody_reads_fills_the_queue_and_blocks_nobody() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(&writer).unwrap();
        let mut sent = Vec::new();
        while !output.is_full() {
            let piece: Vec<u8> = (0..=250).cycle().skip(sent.len() % 251).take(10_000).collect();
            output.put(&piece).unwrap();
            sent.extend(piece);
        }
        assert!(output.waits_for().is_some());
        assert!(output.queue.len() < FULL + 10_000);
        drop(writer);
        let read = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        output.finish().unwrap();
        assert!(output.waits_for().is_none());
        drop(output);
        assert_eq!(read.join().unwrap().unwrap(), sent);
    }

    #[test]
    fn a_closed_pipe_is_a_broken_pipe() {
        let (reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(&writer).unwrap();
        drop(reader);
        assert_eq!(output.put(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_regular_file_takes_everything_at_once() {
        let mut file = tempfile::tempfile().unwrap();
        let mut output = Output::new(&file).unwrap();
        output.put(&vec![7; 1_000_000]).unwrap();
        assert!(output.waits_for().is_none());
        file.rewind().unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), 1_000_000);
    }

    #[test]
    fn a_terminal_is_shown_what_a_program_is_given() {
        let hostile = b"a\tb\x1b[2J\xff";
        assert_eq!(*Audience::Program.show(hostile), *hostile);
        assert_eq!(*Audience::Terminal.show(hostile), *br"a	b\u{1b}[2J\xff");
    }

    #[test]
    fn any_writer_is_a_sink() {
        let mut bytes = Vec::new();
        Sink::put(&mut bytes, b"abc").unwrap();
        assert_eq!(bytes, b"abc");
    }
}
