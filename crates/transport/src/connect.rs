//! Opening a client's connection.

use crate::stream::prepare;
use crate::{Identity, Pin, PollFd, PollFlags, Stream, TlsStream, poll, tls};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Connects to `server` (`HOST:PORT`), trying every address it resolves to, in order.
///
/// `timeout` bounds all attempts together: each gets an equal share of what is left, so that one
/// address that swallows packets does not keep the next from being tried. Resolving the name is
/// not bounded, for the system's resolver offers no way to.
///
/// The stream is non-blocking and sends without delay, ready for [`secure`].
pub fn connect(server: &str, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<SocketAddr> = server
        .to_socket_addrs()
        .map_err(|source| ConnectError::Resolve { server: server.to_owned(), source })?
        .collect();
    let deadline = Instant::now() + timeout;
    let mut attempts = Vec::new();
    for (tried, &address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match attempt(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => attempts.push(Attempt { address, error }),
        }
    }
    Err(ConnectError::Unreachable { server: server.to_owned(), attempts })
}

/// Shakes hands over a fresh connection to `server`, as `identity`, and takes no key but `expected`;
/// without one the answer is always [`ConnectError::OtherKey`], which tells the server's key.
///
/// Our own key is proved to nobody but the server that was expected.
pub fn secure(
    stream: TcpStream,
    server: &str,
    identity: &Identity,
    expected: Option<Pin>,
    timeout: Duration,
) -> Result<TlsStream, ConnectError> {
    let failed = |source| ConnectError::Handshake { server: server.to_owned(), source };
    let deadline = Instant::now() + timeout;
    let mut stream =
        tls::open(stream, identity, expected).map_err(|error| failed(io::Error::other(error)))?;
    loop {
        match stream.shake_hands() {
            Ok(true) => return Ok(stream),
            Ok(false) => {}
            Err(source) => {
                let server = server.to_owned();
                return Err(match stream.refused() {
                    Some(met) => ConnectError::OtherKey { server, expected, met },
                    None => failed(source),
                });
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(failed(io::ErrorKind::TimedOut.into()));
        }
        let mut interest = PollFlags::IN;
        interest.set(PollFlags::OUT, stream.wants_write());
        poll(&mut [PollFd::new(&stream, interest)], Some(left)).map_err(failed)?;
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name is no `HOST:PORT`, or the resolver does not know it.
    #[error(
        "cannot resolve {server:?}{}: {source}",
        // What has no port or no number for one does not even reach the resolver.
        if source.kind() == io::ErrorKind::InvalidInput { " (expected HOST:PORT)" } else { "" }
    )]
    Resolve {
        /// What was to be connected to.
        server: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address could be reached.
    #[error("cannot connect to {server}: {}", List(attempts))]
    Unreachable {
        /// What was to be connected to.
        server: String,
        /// What happened at each of its addresses, in the order they were tried.
        attempts: Vec<Attempt>,
    },
    /// The server has another key than the one that was expected, if one was.
    #[error("the server at {server} has the key {met}, {}", match expected {
        Some(expected) => format!("and not {expected}, which is expected there"),
        None => "which is not known here".to_owned(),
    })]
    OtherKey {
        /// What was connected to.
        server: String,
        /// The key that was expected, if any.
        expected: Option<Pin>,
        /// The key that it has.
        met: Pin,
    },
    /// The server speaks something else, or ended the connection, before it was encrypted.
    #[error("{}", no_handshake(server, source))]
    Handshake {
        /// What was connected to.
        server: String,
        /// What went wrong.
        source: io::Error,
    },
}

/// What the system or TLS says, where that would puzzle people, in other words.
fn no_handshake(server: &str, error: &io::Error) -> String {
    let what = match error.kind() {
        io::ErrorKind::InvalidData => {
            return format!("what answers at {server} is not a framing-server: {error}");
        }
        io::ErrorKind::UnexpectedEof => "the server closed it during the handshake".to_owned(),
        io::ErrorKind::TimedOut => "the server did not finish the handshake in time".to_owned(),
        _ => error.to_string(),
    };
    format!("no encrypted connection to {server}: {what}")
}

/// One address that could not be reached.
#[derive(Debug)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)
    }
}

struct List<'a>(&'a [Attempt]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => return f.write_str("the name has no address"),
            // It has been named already.
            [attempt] => return write!(f, "{}", attempt.error),
            _ => {}
        }
        for (index, attempt) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{attempt}")?;
        }
        Ok(())
    }
}

fn attempt(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    if timeout.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    // On loopback a socket can meet itself when the port asked for is the one it was given.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    prepare(stream)
}
