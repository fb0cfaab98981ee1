//! The one stream between a server and a supervisor, on which descriptors travel, too.

use framing::{BigEndian, Encoder, Length, Reassembler};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// One end. Nothing here waits.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: UnixStream,
    incoming: Reassembler<Length<BigEndian, 4>>,
    outgoing: Encoder<Length<BigEndian, 4>>,
    descriptors: Vec<OwnedFd>,
}

/// What there was to be received.
#[derive(Debug)]
pub(crate) enum Received<T> {
    Message(T),
    /// Nothing, for now.
    Nothing,
    /// Nothing any more.
    End,
}

impl Channel {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            incoming: Reassembler::new(Length::u32_be()),
            outgoing: Encoder::new(Length::u32_be()),
            descriptors: Vec::new(),
        }
    }

    /// Sends a message, and copies of these descriptors with it. One that finds no place fails: the
    /// other side takes what it is sent at once, unless something is wrong with it.
    pub(crate) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let json = serde_json::to_vec(message).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        self.outgoing.append(&[], &[&json], &mut bytes).map_err(io::Error::other)?;
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            let result = match sent {
                0 if !descriptors.is_empty() => self.send_with(rest, descriptors),
                _ => send(&self.stream, rest, FLAGS),
            };
            match result {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn send_with(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::MSGSIZE);
        }
        sendmsg(&self.stream, &[IoSlice::new(bytes)], &mut control, FLAGS)
    }

    /// The next message, if it is there.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Received<T>> {
        loop {
            if let Some(frame) = self.incoming.next().map_err(io::Error::other)? {
                return Ok(Received::Message(serde_json::from_slice(&frame.payload())?));
            }
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut into = [IoSliceMut::new(self.incoming.space())];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let received = match recvmsg(&self.stream, &mut into, &mut control, flags) {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Ok(Received::Nothing),
                Err(Errno::CONNRESET) => return Ok(Received::End),
                Err(errno) => return Err(errno.into()),
            };
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    self.descriptors.extend(descriptors);
                }
            }
            if received.bytes == 0 {
                return Ok(Received::End);
            }
            self.incoming.filled(received.bytes);
        }
    }

    /// The descriptors that came with the messages until now.
    pub(crate) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Whoever has gone is no reason to die.
const FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

/// The most descriptors that travel with a message.
const DESCRIPTORS: usize = 3;

const SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS));
