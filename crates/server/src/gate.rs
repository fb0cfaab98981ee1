//! Who gets in, and what for.

use crate::clients::{Client, Clients, ClientsError, ClientsFile, NotAdmitted};
use crate::invites::{Invites, NotRedeemed};
use crate::log;
use crate::roles::{Role, Roles};
use framing_protocol::message::{Code, Failure, Token};
use framing_transport::Pin;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;

/// What is asked before any client is answered.
#[derive(Debug)]
pub(crate) struct Gate {
    file: ClientsFile,
    invites: Invites,
    list: Mutex<List>,
    /// The key of this user's own clients on this machine, if they need no line in the file.
    local: Option<Pin>,
    /// All that this server was started to do.
    open: Roles,
}

/// What the file said, and when it did.
#[derive(Debug, Default)]
struct List {
    stamp: Option<Stamp>,
    /// None where it cannot be read: then nobody is in it.
    clients: Option<Arc<Clients>>,
    /// How often it has changed.
    changes: u64,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Absent,
    File { device: u64, inode: u64, size: u64, changed: (i64, i64) },
}

impl Gate {
    pub(crate) fn new(
        file: ClientsFile,
        invites: Invites,
        local: Option<Pin>,
        open: Roles,
    ) -> Self {
        let gate = Self { file, invites, list: Mutex::default(), local, open };
        // What is wrong with the file is told at once, and not only to the first client.
        gate.clients();
        gate
    }

    /// What the client with this key, at this address, may do; or why it is not let in, with the command
    /// that would let it in.
    pub(crate) fn admit(&self, pin: Pin, peer: SocketAddr) -> Result<Roles, Failure> {
        if self.local == Some(pin) && peer.ip().to_canonical().is_loopback() {
            return Ok(self.open.clone());
        }
        let Some(clients) = self.clients() else {
            let failure = unauthorized("its list of clients cannot be read");
            return Err(failure.hint("on the server: framing-server clients"));
        };
        let why = match clients.admit(pin, peer.ip(), OffsetDateTime::now_utc()) {
            Ok(client) => return Ok(client.roles.also_in(&self.open)),
            Err(why) => why,
        };
        let hint = match why {
            NotAdmitted::Unknown => {
                format!("on the server: framing-server authorize {pin} --roles echo,files")
            }
            NotAdmitted::Elsewhere => {
                format!("on the server: framing-server authorize {pin} --from anywhere")
            }
            NotAdmitted::Expired => {
                format!("on the server: framing-server authorize {pin} --expires never")
            }
        };
        Err(unauthorized(&format!("{why} ({pin})")).hint(hint))
    }

    /// Lists the client with this key, if it has an invitation.
    pub(crate) fn redeem(&self, token: &Token, name: &str, pin: Pin) -> Result<Client, Failure> {
        self.invites.redeem(token, name, pin, &self.file).map_err(|error| {
            let ask = "ask for another one: framing-server invite";
            match error {
                NotRedeemed::Invalid => {
                    Failure::new(Code::Unauthorized, error.to_string()).hint(ask)
                }
                NotRedeemed::Name(_) => Failure::new(Code::BadRequest, error.to_string()),
                NotRedeemed::Clients(ClientsError::Taken { .. }) => {
                    let failure =
                        Failure::new(Code::BadRequest, "the name belongs to another client");
                    failure.hint("choose another one: framing-client pair --name NAME")
                }
                NotRedeemed::Clients(_) | NotRedeemed::File(_) => {
                    log::line(format_args!("nobody can be paired: {error}"));
                    Failure::new(Code::Io, "the server cannot change its list of clients")
                }
            }
        })
    }

    /// Why a client that may do so much may not do that, unless it may, or nobody may here.
    pub(crate) fn forbids(
        &self,
        role: &Role,
        granted: &Roles,
        pin: Option<Pin>,
    ) -> Option<Failure> {
        // Who may not run a command is not told whether there is one of that name.
        let told = !matches!(role, Role::ExecNamed(_)) || pin == self.local;
        if granted.contains(role) || (told && !self.open.contains(role)) {
            return None;
        }
        let failure =
            Failure::new(Code::Denied, format!("this client may not do that here: {role}"));
        // What is listed, of which some may not be open here, is not to get lost.
        let clients = self.clients();
        let mut listed = clients.iter().flat_map(|clients| clients.iter());
        let listed = listed.rfind(|client| Some(client.pin) == pin);
        let mut words = listed.map_or_else(|| granted.words(), |client| client.roles.words());
        words.push(role.to_string());
        let (pin, roles) = (pin.map(|pin| pin.to_string()), words.join(","));
        let pin = pin.unwrap_or_default();
        Some(failure.hint(format!("on the server: framing-server authorize {pin} --roles {roles}")))
    }

    /// What people call the client with this key; and its key.
    pub(crate) fn name(&self, pin: Pin) -> String {
        if self.local == Some(pin) {
            return format!("this user ({pin})");
        }
        let clients = self.clients();
        let mut listed = clients.iter().flat_map(|clients| clients.iter());
        let name = listed.rfind(|client| client.pin == pin).and_then(|client| client.name.clone());
        name.map_or_else(|| pin.to_string(), |name| format!("{name} ({pin})"))
    }

    /// Whether a client that was let in may stay as it is. Where the list cannot be read now, it may.
    pub(crate) fn keeps(&self, pin: Pin, roles: &Roles, peer: SocketAddr) -> bool {
        self.clients().is_none() || self.admit(pin, peer).is_ok_and(|now| now == *roles)
    }

    /// How often the list has changed until now, whoever has looked at it.
    pub(crate) fn changes(&self) -> u64 {
        self.clients();
        self.list.lock().unwrap_or_else(PoisonError::into_inner).changes
    }

    /// The clients of the file as it is now.
    fn clients(&self) -> Option<Arc<Clients>> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        // A change after this is seen the next time.
        let stamp = self.stamp();
        if list.stamp != Some(stamp) {
            let read = self.file.read();
            if let Err(error) = &read {
                log::line(format_args!("nobody listed is let in: {error}"));
            }
            let changes = list.changes.wrapping_add(1);
            *list = List { stamp: Some(stamp), clients: read.ok().map(Arc::new), changes };
        }
        list.clients.clone()
    }

    fn stamp(&self) -> Stamp {
        fs::symlink_metadata(self.file.path()).map_or(Stamp::Absent, |found| Stamp::File {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

fn unauthorized(why: &str) -> Failure {
    Failure::new(Code::Unauthorized, format!("this server does not let this client in: {why}"))
}
