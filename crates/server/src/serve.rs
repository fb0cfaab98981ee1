//! The accept loop and the life of the whole.

use crate::connection::{self, Services};
use crate::root::{Root, RootError};
use crate::{Options, descriptors, log};
use framing_protocol::Closed;
use framing_protocol::server::Settings;
use framing_transport::{Accepted, ListenError, Listeners, Waker};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Scope};
use std::time::{Duration, Instant};

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    services: Services,
    connections: usize,
    stop: Arc<Waker>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The addresses cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The root cannot be served from.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The system has no descriptors, threads or memory for it.
    #[error("the system failed the server: {0}")]
    System(#[from] io::Error),
}

impl Server {
    /// Listens, and opens the root. Connections wait in the backlog until it runs.
    ///
    /// Where the process may not open files enough for so many [`connections`] it says so on stderr
    /// and serves fewer.
    ///
    /// [`connections`]: Options::connections
    pub fn bind(options: Options) -> Result<Self, Error> {
        let Options { listen, root, exec, connections, grace, deadlines } = options;
        let root = root.as_deref().map(Root::open).transpose()?;
        let listeners = Listeners::bind(&listen)?;
        let roles = [("echo", true), ("files", root.is_some()), ("exec", exec.any || exec.shell)];
        let roles = roles.into_iter().filter(|(_, open)| *open).map(|(role, _)| role.to_owned());
        let agent = concat!("framing-server/", env!("CARGO_PKG_VERSION")).to_owned();
        let settings = Settings { agent, roles: roles.collect(), deadlines };
        let limit = descriptors::limit();
        let affordable = descriptors::connections_within(limit);
        if affordable < connections {
            log::line(format_args!(
                "serves {affordable} connections at a time instead of {connections}: \
                 no more than {limit} files may be open (ulimit -n)"
            ));
        }
        let connections = connections.min(affordable);
        let services = Services { root, exec, grace, settings };
        Ok(Self { listeners, services, connections, stop: Arc::new(Waker::new()?) })
    }

    /// The addresses it listens on, with the ports that were chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.listeners.addresses()
    }

    /// What ends it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Serves until it is stopped: then the listeners are closed, commands killed, every client
    /// told, and every thread has ended when this returns.
    pub fn run(self) -> Result<(), Error> {
        let Self { listeners, services, connections, stop } = self;
        let served = AtomicUsize::new(0);
        let result = thread::scope(|scope| {
            let shop = Shop { services: &services, stop: &stop, served: &served, connections };
            let result = shop.accept_all(listeners, scope);
            // When accepting failed nobody else tells the connections to end.
            stop.wake();
            result
        });
        log::flush();
        Ok(result?)
    }

    /// Serves in a thread of its own.
    pub fn spawn(self) -> Result<Running, Error> {
        let (addresses, stopper) = (self.addresses().to_vec(), self.stopper());
        let thread = thread::Builder::new().name("accept".to_owned()).spawn(|| self.run())?;
        Ok(Running { thread: Some(thread), addresses, stopper })
    }
}

/// Ends a server from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<Waker>);

impl Stopper {
    /// Asks the server to end; does not wait for it.
    pub fn stop(&self) {
        self.0.wake();
    }
}

/// A server that serves in a thread of its own, until this is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    thread: Option<JoinHandle<Result<(), Error>>>,
    addresses: Vec<SocketAddr>,
    stopper: Stopper,
}

impl Running {
    /// The addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends it and waits until nothing of it is left.
    pub fn stop(mut self) -> Result<(), Error> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        self.stopper.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::System(io::Error::other("the accepting thread panicked"))),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// What the accept loop shares with the connections.
#[derive(Clone, Copy)]
struct Shop<'env> {
    services: &'env Services,
    stop: &'env Waker,
    served: &'env AtomicUsize,
    connections: usize,
}

impl<'scope, 'env: 'scope> Shop<'env> {
    /// Accepts until it is stopped; an accept that fails is never the end.
    fn accept_all(
        self,
        mut listeners: Listeners,
        scope: &'scope Scope<'scope, 'env>,
    ) -> io::Result<()> {
        let (mut trouble, mut crowd) = (Complaint::default(), Complaint::default());
        loop {
            match listeners.accept(self.stop)? {
                Accepted::Connection { stream, peer } => {
                    if let Some(slot) = Slot::take(self.served, self.connections) {
                        self.hand_over(stream, peer, slot, connection::serve, scope);
                    } else {
                        connection::turn_away(stream, self.services);
                        let open = self.connections;
                        crowd.tell(format_args!("{peer}: turned away, {open} are connected"));
                    }
                }
                Accepted::Trouble(error) => {
                    trouble.tell(format_args!("cannot accept connections for now: {error}"));
                }
                Accepted::Woken => return Ok(()),
            }
        }
    }

    /// Has `handler` see to the connection in a thread of its own.
    fn hand_over(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        slot: Slot<'env>,
        handler: Handler,
        scope: &'scope Scope<'scope, 'env>,
    ) {
        let thread = thread::Builder::new().name(peer.to_string()).stack_size(STACK);
        let spawned = thread.spawn_scoped(scope, move || {
            let _slot = slot;
            match catch_unwind(AssertUnwindSafe(|| handler(stream, self.services, self.stop))) {
                Ok(Ok(Some(
                    reason @ (Closed::Truncated { .. } | Closed::Overdue(_) | Closed::Violation(_)),
                ))) => log::line(format_args!("{peer}: {reason}")),
                Ok(Err(error)) => log::line(format_args!("{peer}: dropped: {error}")),
                Ok(Ok(_)) => {}
                // The panic hook has told where; the other connections know nothing of it.
                Err(_) => log::line(format_args!("{peer}: dropped after a panic of its handler")),
            }
        });
        // The stream went with the closure that could not run: the client sees a close.
        if let Err(error) = spawned {
            log::line(format_args!("{peer}: dropped, no thread for it: {error}"));
        }
    }
}

/// What a connection's thread does.
type Handler = fn(TcpStream, &Services, &Waker) -> io::Result<Option<Closed>>;

/// One of the connections that may be open at a time.
struct Slot<'s>(&'s AtomicUsize);

impl<'s> Slot<'s> {
    /// One more of those that `open` counts, if there are fewer than `most`.
    fn take(open: &'s AtomicUsize, most: usize) -> Option<Self> {
        let more = |open: usize| (open < most).then_some(open.saturating_add(1));
        open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(open))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What may happen many times a second, and need not be told so often.
#[derive(Default)]
struct Complaint {
    told: Option<Instant>,
}

impl Complaint {
    fn tell(&mut self, what: fmt::Arguments<'_>) {
        if self.told.is_none_or(|told| told.elapsed() >= TELLING) {
            log::line(what);
            self.told = Some(Instant::now());
        }
    }
}

/// The stack of a connection's thread: nothing in it recurses but the bounded JSON parser.
const STACK: usize = 512 * 1024;

/// How long a complaint is not told again.
const TELLING: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn a_handler_that_panics_costs_its_own_connection_only() {
        let bound =
            Server::bind(Options { listen: vec!["127.0.0.1:0".into()], ..Options::default() });
        let Server { services, connections, stop, .. } = bound.unwrap();
        let served = AtomicUsize::new(0);
        let shop = Shop { services: &services, stop: &stop, served: &served, connections };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        thread::scope(|scope| {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, peer) = listener.accept().unwrap();
            let slot = Slot::take(&served, 1).unwrap();
            assert!(Slot::take(&served, 1).is_none());
            shop.hand_over(stream, peer, slot, |_, _, _| panic!("on purpose"), scope);
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        });
        assert_eq!(served.into_inner(), 0);
    }
}
