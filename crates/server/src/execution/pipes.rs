//! The pipes of a command.

use crate::supervisor::Mode;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::OwnedFd;

/// Our ends of a command's pipes, all non-blocking, and its own.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) input: Option<OwnedFd>,
    pub(super) output: Vec<Output>,
    pub(super) theirs: Vec<OwnedFd>,
}

#[derive(Debug)]
pub(super) struct Output {
    pub(super) pipe: OwnedFd,
    pub(super) channel: Channel,
    /// How many bytes are read at most, once the pipe is not waited for any more.
    pub(super) rest: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Channel {
    Stdout,
    Stderr,
}

impl Pipes {
    pub(super) fn new(mode: Mode) -> io::Result<Self> {
        let (mut input, mut output, mut theirs) = (None, Vec::new(), Vec::new());
        if mode == Mode::Fed {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(&writer, true)?;
            input = Some(writer);
            theirs.push(reader);
        }
        if mode != Mode::Detached {
            for channel in [Channel::Stdout, Channel::Stderr] {
                let (pipe, writer) = pipe_with(PipeFlags::CLOEXEC)?;
                rustix::io::ioctl_fionbio(&pipe, true)?;
                output.push(Output { pipe, channel, rest: None });
                theirs.push(writer);
            }
        }
        Ok(Self { input, output, theirs })
    }
}

impl Output {
    /// One read: 0 is the end; AGAIN is nothing for now, or, past the time for draining, nothing
    /// any more.
    pub(super) fn read(&mut self, block: &mut [u8]) -> Result<usize, Errno> {
        let rest = self.rest.map(|rest| usize::try_from(rest).unwrap_or(usize::MAX));
        let most = rest.map_or(block.len(), |rest| rest.min(block.len()));
        // With no rest left, one byte more tells the end from what somebody else still writes.
        let space = &mut block[..most.max(1)];
        loop {
            match rustix::io::read(&self.pipe, &mut *space) {
                Err(Errno::INTR) => {}
                Ok(1..) if self.rest == Some(0) => return Err(Errno::AGAIN),
                Ok(n) => {
                    let read = u64::try_from(n).unwrap_or(u64::MAX);
                    self.rest = self.rest.map(|rest| rest.saturating_sub(read));
                    return Ok(n);
                }
                Err(errno) => return Err(errno),
            }
        }
    }
}
