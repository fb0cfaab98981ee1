//! Who is connected, so that a connection can be ended from elsewhere.

use crate::limits::Limits;
use crate::log;
use crate::roles::Roles;
use crate::sources::{Sources, Turned};
use framing_transport::Pin;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// The connections of a server.
#[derive(Debug)]
pub(crate) struct Registry {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// In the order in which they came.
    entries: BTreeMap<u64, Entry>,
    next: u64,
    sources: Sources,
}

#[derive(Debug)]
struct Entry {
    peer: SocketAddr,
    /// The connection's own thread holds it.
    stream: Weak<TcpStream>,
    who: Who,
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    /// Nobody knows yet.
    Stranger,
    /// The owner of this key, who may do so much.
    Client { pin: Pin, roles: Roles },
}

/// A place in the registry, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass<'r> {
    registry: &'r Registry,
    id: u64,
    from: IpAddr,
    failed: Cell<bool>,
}

impl Registry {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// Lets a newcomer in, who is a stranger at first. Where there are too many of them, the one who has
    /// been here longest has to go, never the newcomer, unless too much came from there already.
    pub(crate) fn enter(
        &self,
        stream: &Arc<TcpStream>,
        peer: SocketAddr,
    ) -> Result<Pass<'_>, Turned> {
        let mut open = self.open();
        open.sources.enter(peer.ip(), &self.limits, Instant::now())?;
        if open.strangers().count() >= self.limits.strangers.max(1) {
            open.evict();
        }
        let id = open.next;
        open.next = open.next.wrapping_add(1);
        let entry = Entry { peer, stream: Arc::downgrade(stream), who: Who::Stranger };
        open.entries.insert(id, entry);
        Ok(Pass { registry: self, id, from: peer.ip(), failed: Cell::new(false) })
    }

    /// Has the stranger go who has been here longest, if there is one.
    pub(crate) fn evict(&self) {
        self.open().evict();
    }

    /// Ends the connections of clients of which `keep` says no, given who they are, what they may do and
    /// where they are. The answer is who they were.
    pub(crate) fn end_unless(
        &self,
        keep: impl Fn(Pin, &Roles, SocketAddr) -> bool,
    ) -> Vec<(SocketAddr, Pin)> {
        let open = self.open();
        let mut ended = Vec::new();
        for entry in open.entries.values() {
            if let Who::Client { pin, roles } = &entry.who
                && !keep(*pin, roles, entry.peer)
            {
                entry.end();
                ended.push((entry.peer, *pin));
            }
        }
        ended
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.open().entries.is_empty()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// It is known now who this is. The answer is no where there is no place for one more client.
    pub(crate) fn known(&self, pin: Pin, roles: Roles) -> bool {
        let mut open = self.registry.open();
        let others = open.entries.iter().filter(|(id, _)| **id != self.id);
        let clients = others.filter(|(_, entry)| entry.who != Who::Stranger).count();
        let place = clients < self.registry.limits.connections;
        match open.entries.get_mut(&self.id) {
            Some(entry) if place => {
                entry.who = Who::Client { pin, roles };
                true
            }
            // Also where it was evicted just now.
            _ => false,
        }
    }
}

impl Pass<'_> {
    /// This connection came to nothing; it counts once.
    pub(crate) fn failed(&self) {
        if self.failed.replace(true) {
            return;
        }
        let limits = &self.registry.limits;
        if self.registry.open().sources.failed(self.from, limits, Instant::now()) {
            let time = humantime::format_duration(limits.penalty);
            log::line(format_args!("{}: barred for {time} after too many failures", self.from));
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut open = self.registry.open();
        open.entries.remove(&self.id);
        open.sources.leave(self.from, &self.registry.limits);
    }
}

impl Open {
    fn evict(&mut self) {
        let oldest = self.strangers().next();
        let evicted = oldest.and_then(|oldest| self.entries.remove(&oldest));
        evicted.iter().for_each(Entry::end);
    }

    fn strangers(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(|(_, entry)| entry.who == Who::Stranger).map(|(id, _)| *id)
    }
}

impl Entry {
    /// Its thread sees a connection that is lost.
    fn end(&self) {
        if let Some(stream) = self.stream.upgrade() {
            // What is over already needs no end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    const FEW: usize = 8;

    /// A client and the server's end of its connection.
    fn pair(listener: &TcpListener) -> (TcpStream, Arc<TcpStream>, SocketAddr) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        (client, Arc::new(stream), peer)
    }

    #[test]
    fn the_oldest_stranger_makes_place_and_no_client_does() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let limits = Limits { connections: 2, strangers: FEW, ..Limits::default() };
        let registry = Registry::new(limits);
        let pin = Pin::of_key(b"a");
        let is_open = |client: &TcpStream| {
            client.set_nonblocking(true).unwrap();
            let end = (&*client).read(&mut [0]);
            client.set_nonblocking(false).unwrap();
            end.is_err()
        };
        let all: Vec<_> = (0..FEW + 3).map(|_| pair(&listener)).collect();
        let mut passes = all.iter().map(|(_, stream, peer)| registry.enter(stream, *peer).unwrap());
        let client = passes.next().unwrap();
        assert!(client.known(pin, Roles::default()));
        let strangers: Vec<_> = passes.by_ref().take(FEW).collect();
        assert!(all[..=FEW].iter().all(|(client, ..)| is_open(client)));
        let newcomer = passes.next().unwrap();
        assert_eq!((&all[1].0).read(&mut [0]).unwrap(), 0, "the oldest stranger is ended");
        assert!(is_open(&all[0].0), "and no client");

        assert!(newcomer.known(pin, Roles::default()));
        assert!(!strangers[1].known(pin, Roles::default()), "there is no place for a third");
        drop(newcomer);
        assert!(strangers[1].known(pin, Roles::default()));

        let ended = registry.end_unless(|_, _, peer| peer != all[0].2);
        assert_eq!(ended, [(all[0].2, pin)]);
        assert_eq!((&all[0].0).read(&mut [0]).unwrap(), 0);
    }
}
