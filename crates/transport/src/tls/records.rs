//! The records of one connection: what came, to be decrypted, and what is encrypted, to be sent.
//!
//! ```text
//! socket --> received --- decrypted in place ---> the reader's space, or `rest` where there is too little
//! socket <-- sealed <---- encrypted ------------- the writer's bytes, or `early` before the handshake is over
//! ```
//!
//! Each buffer is there only as long as something is in it: a connection that is idle holds none.

use rustix::buffer::spare_capacity;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error};
use std::mem::take;
use std::net::TcpStream;
use std::{fmt, io};

/// Either side of a connection, without its socket.
#[derive(Debug)]
pub(super) struct Records {
    tls: Tls,
    received: Vec<u8>,
    /// How much of it is done with.
    done: usize,
    plain: Plain,
    sealed: Sealed,
    /// What was wrong with what came, from when on nothing more is looked at.
    failed: Option<Error>,
}

pub(super) enum Tls {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What was decrypted.
#[derive(Debug)]
struct Plain {
    /// What a reader had no space for.
    rest: Vec<u8>,
    ahead: Ahead,
    peer: Peer,
}

/// Whether what was received may hold whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ahead {
    Nothing,
    Perhaps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    /// It said farewell.
    Closed,
}

/// What was encrypted: all but the last part of the buffer, and at first all but what was sent already.
#[derive(Debug, Default)]
struct Sealed {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// What is to be encrypted once there are keys.
    early: Vec<u8>,
}

/// What the writer wants to be said.
#[derive(Debug, Clone, Copy)]
enum Say<'b> {
    Nothing,
    Content(&'b [u8]),
    Farewell,
}

/// What to do after one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Again,
    /// More has to come before anything else can be done.
    Wait,
}

impl Records {
    /// A connection that begins: a client's has something to send at once.
    pub(super) fn new(tls: Tls) -> Result<Self, Error> {
        let plain = Plain { rest: Vec::new(), ahead: Ahead::Nothing, peer: Peer::Open };
        let mut records = Self {
            tls,
            received: Vec::new(),
            done: 0,
            plain,
            sealed: Sealed::default(),
            failed: None,
        };
        records.open(&mut [])?;
        Ok(records)
    }

    /// What is known of the connection.
    pub(super) fn state(&self) -> &CommonState {
        match &self.tls {
            Tls::Client(tls) => tls,
            Tls::Server(tls) => tls,
        }
    }

    /// Reads once from the socket: how many bytes came.
    pub(super) fn receive(&mut self, tcp: &TcpStream) -> io::Result<usize> {
        self.received.drain(..take(&mut self.done));
        // A stranger gets no more than one record needs.
        let size = if self.state().is_handshaking() { RECORD } else { AT_ONCE };
        self.received.reserve_exact(size.saturating_sub(self.received.len()).max(RECORD));
        let received = rustix::io::read(tcp, spare_capacity(&mut self.received));
        self.release();
        Ok(received?)
    }

    /// Decrypts what was received, as far as there is space, and does what the handshake asks for. How many
    /// bytes of the space were filled; without space, all is done that comes before the first of them.
    pub(super) fn open(&mut self, space: &mut [u8]) -> Result<usize, Error> {
        let mut filled = self.plain.fill(space);
        self.plain.ahead = Ahead::Perhaps;
        while self.plain.rest.is_empty() && (filled < space.len() || space.is_empty()) {
            if self.step(&mut space[filled..], &mut filled, Say::Nothing)? == Next::Wait {
                self.plain.ahead = Ahead::Nothing;
                break;
            }
        }
        self.release();
        Ok(filled)
    }

    /// Encrypts, or keeps until it can be, and says how much of it was taken.
    pub(super) fn seal(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.state().is_handshaking() {
            let room = AT_ONCE.saturating_sub(self.sealed.early.len());
            let taken = bytes.len().min(room);
            self.sealed.early.extend_from_slice(&bytes[..taken]);
            return Ok(taken);
        }
        let bytes = &bytes[..bytes.len().min(AT_ONCE)];
        let before = self.sealed.end;
        while self.step(&mut [], &mut 0, Say::Content(bytes))? == Next::Again {}
        Ok(if self.sealed.end > before { bytes.len() } else { 0 })
    }

    /// Says farewell, to whom there was anything to be said.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        while self.step(&mut [], &mut 0, Say::Farewell)? == Next::Again {}
        Ok(())
    }

    /// Whether [`open`](Self::open) may have something to give without anything more being received.
    pub(super) fn has_plain(&self) -> bool {
        !self.plain.rest.is_empty() || self.plain.ahead == Ahead::Perhaps
    }

    /// Whether the peer has said farewell, behind all that was decrypted.
    pub(super) fn is_closed(&self) -> bool {
        self.plain.peer == Peer::Closed
    }

    /// What is to be sent.
    pub(super) fn sealed(&self) -> &[u8] {
        &self.sealed.buffer[self.sealed.start..self.sealed.end]
    }

    /// So much of it was.
    pub(super) fn sent(&mut self, n: usize) {
        self.sealed.start = self.sealed.end.min(self.sealed.start + n);
        if self.sealed.start == self.sealed.end {
            (self.sealed.start, self.sealed.end) = (0, 0);
        }
    }

    /// Nothing is to be sent for now: gives back what was kept for it.
    pub(super) fn rest(&mut self) {
        if self.sealed.end == 0 {
            self.sealed.buffer = Vec::new();
        }
    }

    fn release(&mut self) {
        if self.done == self.received.len() {
            (self.received, self.done) = (Vec::new(), 0);
        }
    }

    /// Looks at one record that was received, or does the next of what is to be done.
    fn step(&mut self, space: &mut [u8], filled: &mut usize, say: Say<'_>) -> Result<Next, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let Self { tls, received, done, plain, sealed, .. } = self;
        let mut turn = Turn { space, filled, plain, say, sealed };
        let incoming = &mut received[*done..];
        let (discard, next) = match tls {
            Tls::Client(tls) => turn.take(tls.process_tls_records(incoming)),
            Tls::Server(tls) => turn.take(tls.process_tls_records(incoming)),
        };
        *done += discard;
        if let Err(error) = &next {
            // The alert that tells the peer comes out of it yet.
            while self.state().wants_write() && self.step(&mut [], &mut 0, Say::Nothing).is_ok() {}
            self.failed = Some(error.clone());
        }
        next
    }
}

/// What one step may take and give.
struct Turn<'a> {
    space: &'a mut [u8],
    filled: &'a mut usize,
    plain: &'a mut Plain,
    say: Say<'a>,
    sealed: &'a mut Sealed,
}

impl Turn<'_> {
    fn take<D>(&mut self, status: UnbufferedStatus<'_, '_, D>) -> (usize, Result<Next, Error>) {
        let UnbufferedStatus { mut discard, state } = status;
        let next = state.and_then(|state| self.act(state, &mut discard));
        (discard, next)
    }

    fn act<D>(
        &mut self,
        state: ConnectionState<'_, '_, D>,
        discard: &mut usize,
    ) -> Result<Next, Error> {
        match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    *discard += record.discard;
                    self.give(record.payload);
                }
            }
            ConnectionState::EncodeTlsData(mut data) => {
                self.sealed.append(|buffer| match data.encode(buffer) {
                    Err(EncodeError::InsufficientSize(size)) => Ok(Err(size)),
                    Err(EncodeError::AlreadyEncoded) => Err(Error::EncryptError),
                    Ok(n) => Ok(Ok(n)),
                })?;
            }
            // It lies where all lies that is to be sent.
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => self.plain.peer = Peer::Closed,
            ConnectionState::WriteTraffic(mut traffic) => {
                let early = take(&mut self.sealed.early);
                if !early.is_empty() {
                    self.sealed.append(|buffer| fit(traffic.encrypt(&early, buffer)))?;
                }
                match self.say {
                    Say::Nothing => {}
                    Say::Content(bytes) => {
                        self.sealed.append(|buffer| fit(traffic.encrypt(bytes, buffer)))?;
                    }
                    Say::Farewell => {
                        self.sealed.append(|buffer| fit(traffic.queue_close_notify(buffer)))?;
                    }
                }
                return Ok(Next::Wait);
            }
            _ => return Ok(Next::Wait),
        }
        Ok(Next::Again)
    }

    /// Gives a decrypted record to the reader.
    fn give(&mut self, record: &[u8]) {
        let n = record.len().min(self.space.len());
        let (now, later) = record.split_at(n);
        let space = take(&mut self.space);
        let (filled, space) = space.split_at_mut(n);
        filled.copy_from_slice(now);
        self.space = space;
        *self.filled += n;
        self.plain.rest.extend_from_slice(later);
    }
}

impl Plain {
    /// Gives what is left of a record before.
    fn fill(&mut self, space: &mut [u8]) -> usize {
        let n = self.rest.len().min(space.len());
        space[..n].copy_from_slice(&self.rest[..n]);
        self.rest.drain(..n);
        if self.rest.is_empty() {
            self.rest = Vec::new();
        }
        n
    }
}

impl Sealed {
    /// Adds what `write` writes, which is asked again with as much room as it says that it needs.
    fn append(
        &mut self,
        mut write: impl FnMut(&mut [u8]) -> Result<Fit, Error>,
    ) -> Result<(), Error> {
        loop {
            match write(&mut self.buffer[self.end..])? {
                Ok(n) => {
                    self.end += n;
                    return Ok(());
                }
                Err(InsufficientSizeError { required_size }) => {
                    self.buffer.resize(self.end + required_size, 0);
                }
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(_) => "Client",
            Self::Server(_) => "Server",
        })
    }
}

/// How much was written, or how much room that takes.
type Fit = Result<usize, InsufficientSizeError>;

fn fit(written: Result<usize, EncryptError>) -> Result<Fit, Error> {
    written.map(Ok).or_else(|error| match error {
        EncryptError::InsufficientSize(size) => Ok(Err(size)),
        EncryptError::EncryptExhausted => Err(Error::EncryptError),
    })
}

/// How much is read, and how much is encrypted, at once: seven whole records, 112 KiB. A buffer of 128 KiB or more
/// would be fetched from the kernel each time, and given back to it; and this much stays in the cache.
const AT_ONCE: usize = 7 * 16 * 1024;

/// Room for the largest record (RFC 8446, 5.2).
const RECORD: usize = 5 + 16 * 1024 + 256;
