//! Accepting a server's connections.

use crate::stream::prepare;
use crate::{PollFd, PollFlags, Waker, poll};
use rustix::io::Errno;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// A server's listening sockets, on one or several addresses.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    /// After an error that lasts (no descriptors left) nothing is accepted until then: the
    /// connection waits in the backlog, and a loop that asked again at once would spin on it.
    paused_until: Option<Instant>,
}

/// What [`Listeners::accept`] waited for.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Connection {
        /// The stream, non-blocking and sending without delay: for
        /// [`TlsAcceptor::accept`](crate::TlsAcceptor::accept).
        stream: TcpStream,
        /// The other end.
        peer: SocketAddr,
    },
    /// The waker was woken.
    Woken,
    /// Nothing was accepted for a reason that will last (no descriptors, no memory). The next
    /// call waits a while before it tries again, so this may simply be logged.
    Trouble(io::Error),
}

/// Why there is nothing to accept from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is no `HOST:PORT`, or the resolver does not know it.
    #[error("cannot resolve {address:?} (expected HOST:PORT, port 0 for any free one): {source}")]
    Resolve {
        /// What was to be listened on.
        address: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address was given, or a name has none.
    #[error("there is no address to listen on; give one as HOST:PORT, for example 127.0.0.1:7878")]
    NoAddress,
    /// The system refused the address.
    #[error(
        "cannot listen on {address}: {source}{}; choose another port, or 0 for any free one",
        if source.kind() == io::ErrorKind::AddrInUse { " (is another server running there?)" } else { "" }
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Listeners {
    /// Listens on every address of `addresses` (`HOST:PORT`; port 0 takes a free one).
    ///
    /// A name is listened on at all its addresses, except those that this machine has not.
    pub fn bind<A: AsRef<str>>(addresses: &[A]) -> Result<Self, ListenError> {
        let mut sockets = Vec::new();
        for address in addresses {
            bind_name(address.as_ref(), &mut sockets)?;
        }
        let addresses: Vec<SocketAddr> =
            sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        if addresses.is_empty() {
            return Err(ListenError::NoAddress);
        }
        Ok(Self { sockets, addresses, paused_until: None })
    }

    /// The addresses that are listened on, with the ports that were chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits for a connection, or for `waker`.
    ///
    /// An error that concerns one connection only (it was gone before it was accepted) is passed
    /// over; no error is a reason to stop calling this, except one of `poll` itself.
    pub fn accept(&mut self, waker: &Waker) -> io::Result<Accepted> {
        loop {
            let pause = self
                .paused_until
                .map(|until| until.saturating_duration_since(Instant::now()))
                .filter(|pause| !pause.is_zero());
            let listening = if pause.is_some() { &[][..] } else { &self.sockets[..] };
            let mut descriptors: Vec<PollFd<'_>> = std::iter::once(waker.as_fd())
                .chain(listening.iter().map(AsFd::as_fd))
                .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
                .collect();
            poll(&mut descriptors, pause)?;
            let mut ready = descriptors.iter().map(|descriptor| !descriptor.revents().is_empty());
            if ready.next() == Some(true) {
                return Ok(Accepted::Woken);
            }
            self.paused_until = None;
            let sockets = self.sockets.iter().zip(ready).filter(|(_, ready)| *ready);
            // The first ready socket differs from call to call only if the order does: rotating
            // keeps a flood on one address from starving the others.
            let accepted =
                sockets.map(|(socket, _)| accept_one(socket)).find_map(Result::transpose);
            if self.sockets.len() > 1 {
                self.sockets.rotate_left(1);
            }
            match accepted {
                Some(Ok((stream, peer))) => return Ok(Accepted::Connection { stream, peer }),
                Some(Err(error)) => {
                    self.paused_until = Some(Instant::now() + PAUSE);
                    return Ok(Accepted::Trouble(error));
                }
                None => {}
            }
        }
    }
}

fn bind_name(name: &str, sockets: &mut Vec<TcpListener>) -> Result<(), ListenError> {
    let addresses: Vec<SocketAddr> = name
        .to_socket_addrs()
        .map_err(|source| ListenError::Resolve { address: name.to_owned(), source })?
        .collect();
    let mut absent = None;
    let before = sockets.len();
    for &address in &addresses {
        match bind_one(address) {
            Ok(socket) => sockets.push(socket),
            // `localhost` often names ::1 where the machine has no IPv6.
            Err(source) if source.kind() == io::ErrorKind::AddrNotAvailable => {
                absent = Some(ListenError::Bind { address, source });
            }
            Err(source) => return Err(ListenError::Bind { address, source }),
        }
    }
    if sockets.len() > before { Ok(()) } else { Err(absent.unwrap_or(ListenError::NoAddress)) }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    // A connection can vanish between `poll` and `accept`, which would then block.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// One connection, none after all, or an error that will last.
fn accept_one(socket: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    match socket.accept().and_then(|(stream, peer)| Ok((prepare(stream)?, peer))) {
        Ok(accepted) => Ok(Some(accepted)),
        Err(error) if is_passing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Errors of one connection, which Linux hands to whoever accepts it (accept(2), "Error handling").
fn is_passing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::WOULDBLOCK
                | Errno::INTR
                | Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::NETDOWN
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::PERM
        )
    )
}

/// How long nothing is accepted after an error that lasts.
const PAUSE: Duration = Duration::from_millis(100);
