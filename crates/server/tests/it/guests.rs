//! Clients with keys of their own, and servers with homes of their own.

use crate::caller::{Caller, PATIENCE, anything, options, start};
use framing_protocol::Closed;
use framing_protocol::client::{Client, Event, Settings};
use framing_protocol::message::Failure;
use framing_server::{ClientsFile, Options, Running};
use framing_transport::{Dirs, Identity, Link, Pin, connect, secure};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

/// A client with a key of its own, which is nobody's here.
pub(crate) struct Guest {
    pub(crate) _dir: TempDir,
    pub(crate) identity: Identity,
}

/// A home with a server of its own.
pub(crate) struct Host {
    pub(crate) _dir: TempDir,
    pub(crate) dirs: Dirs,
    pub(crate) running: Running,
}

impl Guest {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::load_or_create(&dir.path().join("client.pem")).unwrap();
        Self { _dir: dir, identity }
    }

    pub(crate) fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// Calls a server whose key it knows.
    pub(crate) fn call(&self, address: SocketAddr, server: Pin) -> Caller {
        let name = address.to_string();
        let stream = connect(&name, PATIENCE).unwrap();
        let stream = secure(stream, &name, &self.identity, Some(server), PATIENCE).unwrap();
        Caller::over(Link::new(stream, Client::new(Settings::default(), Duration::ZERO)))
    }
}

impl Host {
    pub(crate) fn new(change: impl FnOnce(Options) -> Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs::within(dir.path().join("keys"));
        let running = start(change(Options { exec: anything(), dirs: dirs.clone(), ..options() }));
        Self { _dir: dir, dirs, running }
    }

    pub(crate) fn pin(&self) -> Pin {
        let path = self.dirs.config().unwrap().join("server.pem");
        Identity::load(&path).unwrap().unwrap().pin()
    }

    pub(crate) fn list(&self) -> ClientsFile {
        ClientsFile::within(&self.dirs).unwrap()
    }

    pub(crate) fn authorize(&self, guest: &Guest, rest: &str) {
        let line = format!("{} {rest}", guest.pin());
        self.list().authorize(&line.parse().unwrap()).unwrap();
    }

    pub(crate) fn call(&self, guest: &Guest) -> Caller {
        guest.call(self.running.addresses()[0], self.pin())
    }

    /// Why the guest is not let in.
    pub(crate) fn refuses(&self, guest: &Guest) -> Failure {
        match self.call(guest).next() {
            (Event::Closed { reason: Closed::Refused(failure) }, _) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// What the guest is told it may do.
    pub(crate) fn welcomes(&self, guest: &Guest) -> (Caller, Vec<String>) {
        let mut caller = self.call(guest);
        match caller.next() {
            (Event::Welcome { welcome }, _) => (caller, welcome.roles),
            other => panic!("{other:?}"),
        }
    }
}
