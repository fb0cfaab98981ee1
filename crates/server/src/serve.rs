//! The accept loop and the life of the whole.

use crate::clients::{ClientsError, ClientsFile};
use crate::connection::{self, Services};
use crate::gate::Gate;
use crate::invites::Invites;
use crate::keys::identity_file;
use crate::receiving::{Intake, Tidy};
use crate::registry::{Pass, Registry};
use crate::roles::{Role, Roles};
use crate::root::{Root, RootError};
use crate::supervisor::Supervisors;
use crate::{ExecPolicy, Limits, Options, descriptors, log};
use framing_protocol::Closed;
use framing_protocol::server::Settings;
use framing_transport::{
    Accepted, Exposed, Identity, IdentityError, ListenError, Listeners, LocalTrust, PollFd,
    PollFlags, TlsAcceptor, TlsError, Waker, poll,
};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle, Scope};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    services: Services,
    registry: Registry,
    stop: Arc<Waker>,
    reload: Arc<Waker>,
    local: Option<LocalTrust>,
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
    /// Clients could read the server's own keys.
    #[error(
        "refusing to serve files below {root:?}: keys lie in {keys:?}; name a directory that neither holds \
         them nor lies among them"
    )]
    KeysInRoot {
        /// The directory that was to be served.
        root: PathBuf,
        /// Where keys are kept.
        keys: PathBuf,
    },
    /// The server has no key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no place for keys.
    #[error(transparent)]
    Keys(#[from] Exposed),
    /// The list of clients cannot be used.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// The server's key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// [`connections`]: crate::Limits::connections
    pub fn bind(options: Options) -> Result<Self, Error> {
        let Options { dirs, local_trust, listen, root, writable, max_upload, .. } = options;
        let Options { exec, supervisor, limits, grace, deadlines, .. } = options;
        let identity = Identity::load_or_create(&identity_file(&dirs)?)?;
        let acceptor = TlsAcceptor::new(&identity)?;
        let root = root.as_deref().map(Root::open).transpose()?;
        if let Some(root) = root.as_ref().map(Root::path)
            && let Some(keys) = dirs.touching(root)?
        {
            return Err(Error::KeysInRoot { root: root.to_owned(), keys: keys.to_owned() });
        }
        let listeners = Listeners::bind(&listen)?;
        let announce = || LocalTrust::announce(&dirs, identity.pin(), listeners.addresses());
        let local = local_trust.then(announce).transpose()?;
        let client = local.as_ref().map(LocalTrust::client);
        let open = open_roles(root.as_ref().map(Root::path), writable, &exec);
        let commands = exec.any || exec.shell || !exec.commands.is_empty();
        let supervisors = supervisor
            .filter(|_| commands)
            .map(|supervisor| Supervisors::new(supervisor, exec.detached))
            .transpose()?;
        let gate = Gate::new(ClientsFile::within(&dirs)?, Invites::within(&dirs)?, client, open);
        let agent = concat!("framing-server/", env!("CARGO_PKG_VERSION")).to_owned();
        let settings = Settings { agent, roles: Vec::new(), deadlines };
        let limit = descriptors::limit();
        let affordable = descriptors::connections_within(limit);
        let wanted = limits.connections;
        if affordable < wanted {
            log::line(format_args!(
                "serves {affordable} connections at a time instead of {wanted}: \
                 no more than {limit} files may be open (ulimit -n)"
            ));
        }
        // Beside those of known clients there is place for an eighth as many strangers, and at least for some.
        let strangers = limits.strangers.min((affordable / 8).max(8));
        let connections = wanted.min(affordable);
        let registry = Registry::new(Limits { connections, strangers, ..limits });
        let etag_key = identity.secret_for("etag");
        let key = identity.secret_for("uploads");
        let intake = writable.then(|| Intake { largest: max_upload, key, tidy: Tidy::default() });
        let services =
            Services { acceptor, gate, root, etag_key, intake, exec, supervisors, grace, settings };
        let [stop, reload] = [Waker::new()?, Waker::new()?].map(Arc::new);
        Ok(Self { listeners, services, registry, stop, reload, local })
    }

    /// The addresses it listens on, with the ports that were chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.listeners.addresses()
    }

    /// What ends it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// What has it look at its files again at once.
    pub fn reloader(&self) -> Reloader {
        Reloader(Arc::clone(&self.reload))
    }

    /// Serves until it is stopped: then the listeners are closed, commands killed, every client
    /// told, and every thread has ended when this returns.
    pub fn run(self) -> Result<(), Error> {
        let Self { mut listeners, services, registry, stop, reload, local } = self;
        let result = thread::scope(|scope| {
            let shop = Shop { services: &services, stop: &stop, registry: &registry };
            let reload = &*reload;
            if let Some(supervisors) = &services.supervisors {
                let tend = thread::Builder::new().name("supervisors".to_owned());
                tend.spawn_scoped(scope, || supervisors.tend(&stop))?;
            }
            let watch = move || {
                let watched = shop.watch(reload);
                // Nobody would be revoked any more.
                shop.stop.wake();
                watched
            };
            let watch = thread::Builder::new().name("watch".to_owned()).spawn_scoped(scope, watch);
            let result = watch.and_then(|watch| {
                let accepted = shop.accept_all(&mut listeners, scope);
                stop.wake();
                let watched =
                    watch.join().unwrap_or_else(|_| Err(io::Error::other("the watch panicked")));
                accepted.and(watched)
            });
            // Who takes over the port announces itself; only then may nothing of ours be left there.
            drop(local);
            drop(listeners);
            // When accepting failed nobody else tells the connections to end.
            stop.wake();
            result
        });
        if let Some(supervisors) = &services.supervisors {
            supervisors.finish();
        }
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

/// Has a server read the list of its clients again, from any thread. It looks at it every second in any
/// case.
#[derive(Debug, Clone)]
pub struct Reloader(Arc<Waker>);

impl Reloader {
    /// Asks the server to look; does not wait for it.
    pub fn reload(&self) {
        self.0.wake();
    }
}

/// What a server does that was started like this.
fn open_roles(root: Option<&Path>, writable: bool, exec: &ExecPolicy) -> Roles {
    let all = [
        (Role::Echo, true),
        (Role::Files, root.is_some()),
        (Role::FilesWrite, root.is_some() && writable),
        (Role::ExecAny, exec.any),
        (Role::ExecShell, exec.shell),
    ];
    let named = exec.commands.keys().map(|name| Role::ExecNamed(name.clone()));
    all.into_iter().filter(|(_, open)| *open).map(|(role, _)| role).chain(named).collect()
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
    registry: &'env Registry,
}

impl<'scope, 'env: 'scope> Shop<'env> {
    /// Accepts until it is stopped; an accept that fails is never the end.
    fn accept_all(
        self,
        listeners: &mut Listeners,
        scope: &'scope Scope<'scope, 'env>,
    ) -> io::Result<()> {
        let (mut trouble, mut crowd) = (Complaint::default(), Complaint::default());
        loop {
            match listeners.accept(self.stop)? {
                Accepted::Connection { stream, peer } => {
                    let stream = Arc::new(stream);
                    match self.registry.enter(&stream, peer) {
                        Ok(pass) => {
                            let visitor = Visitor { stream, peer, pass };
                            self.hand_over(visitor, connection::serve, scope);
                        }
                        Err(why) => crowd.tell(format_args!("{peer}: turned away: {why}")),
                    }
                }
                Accepted::Trouble(error) => {
                    trouble.tell(format_args!("cannot accept connections for now: {error}"));
                    // Whoever says nothing must not keep out whoever waits.
                    self.registry.evict();
                }
                Accepted::Woken => return Ok(()),
            }
        }
    }

    /// Has `handler` see to the connection in a thread of its own.
    fn hand_over(
        self,
        visitor: Visitor<'env>,
        handler: Handler,
        scope: &'scope Scope<'scope, 'env>,
    ) {
        let peer = visitor.peer;
        let thread = thread::Builder::new().name(peer.to_string()).stack_size(STACK);
        let spawned = thread.spawn_scoped(scope, move || {
            match catch_unwind(AssertUnwindSafe(|| handler(visitor, self.services, self.stop))) {
                Ok(Ok(Some(
                    reason @ (Closed::Truncated { .. } | Closed::Overdue(_) | Closed::Violation(_)),
                ))) => log::line(format_args!("{peer}: {reason}")),
                Ok(Ok(Some(Closed::Refused(why)))) => {
                    log::line(format_args!("{peer}: refused: {why}"));
                }
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

    /// Ends the connections of clients that are not let in any more, or not for the same, as the list
    /// changes and as days go by.
    fn watch(self, reload: &Waker) -> io::Result<()> {
        let gate = &self.services.gate;
        let mut seen = (gate.changes(), OffsetDateTime::now_utc().date());
        loop {
            let mut set = [self.stop, reload].map(|waker| PollFd::new(waker, PollFlags::IN));
            poll(&mut set, Some(GLANCE))?;
            let [stopped, asked] = set.map(|descriptor| !descriptor.revents().is_empty());
            if stopped {
                return Ok(());
            }
            reload.clear();
            let now = (gate.changes(), OffsetDateTime::now_utc().date());
            if asked || now != seen {
                seen = now;
                let ended =
                    self.registry.end_unless(|pin, roles, peer| gate.keeps(pin, roles, peer));
                for (peer, pin) in ended {
                    log::line(format_args!(
                        "{peer}: ended, for {pin} may not do the same any more"
                    ));
                }
            }
        }
    }
}

/// A connection that was accepted.
pub(crate) struct Visitor<'r> {
    pub(crate) stream: Arc<TcpStream>,
    pub(crate) peer: SocketAddr,
    pub(crate) pass: Pass<'r>,
}

/// What a connection's thread does.
type Handler = fn(Visitor<'_>, &Services, &Waker) -> io::Result<Option<Closed>>;

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

/// How often it is looked whether the list of clients has changed.
const GLANCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use framing_transport::Dirs;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn a_handler_that_panics_costs_its_own_connection_only() {
        let keys = tempfile::tempdir().unwrap();
        let options = Options::new(Dirs::within(keys.path().join("keys")));
        let bound = Server::bind(Options { listen: vec!["127.0.0.1:0".into()], ..options });
        let Server { services, registry, stop, .. } = bound.unwrap();
        let shop = Shop { services: &services, stop: &stop, registry: &registry };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        thread::scope(|scope| {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, peer) = listener.accept().unwrap();
            let stream = Arc::new(stream);
            let pass = registry.enter(&stream, peer).unwrap();
            shop.hand_over(Visitor { stream, peer, pass }, |_, _, _| panic!("on purpose"), scope);
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        });
        assert!(registry.is_empty(), "its place is free again");
    }
}
