//! One encrypted connection.

use super::records::{Records, Tls};
use super::verify::OneKey;
use super::{ALPN, invalid, pin_of};
use crate::stream::abandon;
use crate::{Pin, Stream};
use framing_protocol::End;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A TLS connection over a TCP stream, whichever side we are; the handshake happens as it is read and
/// written. What is written before it is over is sent right behind it.
#[derive(Debug)]
pub struct TlsStream {
    tcp: Arc<TcpStream>,
    records: Records,
    /// Whom a client expects.
    expected: Option<Arc<OneKey>>,
    /// Whose key the peer proved to have, once it has.
    peer: Option<Pin>,
    input: Input,
    /// Whether our farewell is written, or waits to be.
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// The peer said farewell, which is to be told behind all that it sent before.
    Farewell,
    Over(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Open,
    Closing,
}

impl TlsStream {
    pub(super) fn new(tcp: Arc<TcpStream>, tls: Tls) -> Result<Self, rustls::Error> {
        let (records, input, output) = (Records::new(tls)?, Input::Open, Output::Open);
        Ok(Self { tcp, records, expected: None, peer: None, input, output })
    }

    pub(super) fn expecting(
        tcp: Arc<TcpStream>,
        tls: Tls,
        expected: Arc<OneKey>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self { expected: Some(expected), ..Self::new(tcp, tls)? })
    }

    /// Whose key the peer has; none before the handshake is over.
    pub fn peer(&self) -> Option<Pin> {
        self.peer
    }

    /// The connection below, for its addresses and options. What is read from it or written to it
    /// breaks the encrypted one.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The key of a server that was refused because another was expected.
    pub(crate) fn refused(&self) -> Option<Pin> {
        self.expected.as_ref().and_then(|expected| expected.met())
    }

    /// Does as much of the handshake as can be done without waiting, or all of it where the stream below
    /// waits, and says whether it is over.
    pub fn shake_hands(&mut self) -> io::Result<bool> {
        for _ in 0..PATIENCE {
            if self.peer.is_some() {
                break;
            }
            let received = Stream::flush(self).and_then(|()| self.records.receive(&self.tcp));
            match received {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    self.open(&mut [])?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.peer.is_none() {
            return Ok(false);
        }
        // The client's last word of it.
        match Stream::flush(self) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(true),
        }
    }

    /// Decrypts what came, as much as there is space for: how many bytes that was.
    fn open(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let n = match self.records.open(space) {
            Ok(n) => n,
            Err(error) => {
                // Says why, if the peer still listens.
                let _ = self.send();
                return Err(match error {
                    rustls::Error::AlertReceived(_) => {
                        io::Error::new(io::ErrorKind::PermissionDenied, error)
                    }
                    _ => invalid(error),
                });
            }
        };
        if self.records.is_closed() && self.input == Input::Open {
            self.input = Input::Farewell;
        }
        if self.peer.is_none() && !self.records.state().is_handshaking() {
            self.greet()?;
        }
        Ok(n)
    }

    /// Writes what is encrypted.
    fn send(&mut self) -> io::Result<()> {
        while !self.records.sealed().is_empty() {
            match (&*self.tcp).write(self.records.sealed()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.records.sent(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The handshake is over: the peer has a key, and speaks our protocol.
    fn greet(&mut self) -> io::Result<()> {
        if self.records.state().alpn_protocol() != Some(ALPN) {
            return Err(invalid("the peer does not say that it speaks framing/1 (ALPN)"));
        }
        let certificates = self.records.state().peer_certificates().unwrap_or_default();
        let certificate = certificates.first().ok_or_else(|| invalid("the peer showed no key"))?;
        self.peer = Some(pin_of(certificate).map_err(invalid)?);
        Ok(())
    }
}

impl Stream for TlsStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        for _ in 0..PATIENCE {
            if self.records.has_plain() && self.peer.is_some() {
                let n = self.open(space)?;
                if n > 0 {
                    return Ok(n);
                }
            }
            match self.input {
                Input::Over(_) => return Ok(0),
                Input::Farewell => {
                    self.input = Input::Over(End::Authenticated);
                    return Ok(0);
                }
                Input::Open => {}
            }
            // Where the peer waits for our part of the handshake, nothing would come. Later on, that
            // nothing can be written is no reason not to read what the peer has said.
            match self.send() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock && self.peer.is_none() => {
                    return Err(error);
                }
                _ => {}
            }
            if self.records.receive(&self.tcp)? == 0 {
                // Whoever is on the way can cut a connection; only the peer can say farewell.
                self.input = Input::Over(End::Loss);
                return Ok(0);
            }
            let n = self.open(space)?;
            if n > 0 {
                return Ok(n);
            }
        }
        // There is more, which carries nothing: whoever polls comes back for it, and sees the time pass.
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is encrypted already goes first: so what waits here is bounded.
        self.send()?;
        let taken = self.records.seal(bytes).map_err(invalid)?;
        match self.send() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.records.rest();
        Ok(())
    }

    fn wants_write(&self) -> bool {
        !self.records.sealed().is_empty()
    }

    fn holds_input(&self) -> bool {
        (self.records.has_plain() && self.peer.is_some()) || self.input == Input::Farewell
    }

    fn close_write(&mut self) -> io::Result<()> {
        if self.output == Output::Open {
            self.records.close().map_err(invalid)?;
            self.output = Output::Closing;
        }
        Stream::flush(self)?;
        self.tcp.shutdown(Shutdown::Write)
    }

    fn abandon(&mut self) -> io::Result<()> {
        abandon(&self.tcp)
    }

    fn end(&self) -> End {
        match self.input {
            Input::Over(end) => end,
            Input::Open | Input::Farewell => End::Loss,
        }
    }
}

/// For whoever has no [`Link`](crate::Link); it waits if the stream below does.
impl Read for TlsStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        Stream::read(self, space)
    }
}

/// For whoever has no [`Link`](crate::Link); it waits if the stream below does.
impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Stream::write(self, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Stream::flush(self)
    }
}

impl AsFd for TlsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

/// How often a socket is read in vain, at most, before whoever waits for it has its turn.
const PATIENCE: usize = 16;
