//! Who the client is, what it may do, and whether it was worth anybody's time.

use super::{Connection, busy};
use crate::roles::{Role, Roles};
use framing_protocol::message::{Code, Command, Failure};
use framing_protocol::server::Event;
use framing_protocol::{Closed, Deadline, Id};
use std::io;

/// What is known of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Unproved,
    /// Whose key it has, which may not do anything here, or not yet.
    Stranger,
    /// That it may do this.
    Known(Roles),
}

impl Connection<'_> {
    /// Decides what the client may do, once it has proved who it is: before anything that it says is
    /// looked at, so that one that is turned away reads why.
    pub(super) fn admit(&mut self) {
        if self.standing != Standing::Unproved {
            return;
        }
        let Some(pin) = self.link.stream().peer() else { return };
        let gate = &self.services.gate;
        let mut admitted = gate.admit(pin, self.peer);
        while let Ok(roles) = &admitted {
            if !self.pass.known(pin, roles.clone()) {
                admitted = Err(busy());
                break;
            }
            // A change of the list finds the connection from now on; one until now is found here.
            let again = gate.admit(pin, self.peer);
            if again == admitted {
                break;
            }
            admitted = again;
        }
        let machine = self.link.machine();
        self.standing = match admitted {
            Ok(roles) => {
                machine.admit(roles.words());
                Standing::Known(roles)
            }
            Err(failure) => {
                match failure.code {
                    Code::Unauthorized => machine.admit_to_pair(failure),
                    _ => machine.refuse(failure),
                }
                Standing::Stranger
            }
        };
    }

    /// Whether this was worth nobody's time. What happens to good clients by accident does not count.
    pub(super) fn came_to_nothing(&self) -> bool {
        match &self.closed {
            Some(Closed::Refused(failure)) => failure.code == Code::Unauthorized,
            Some(Closed::Violation(_)) => true,
            Some(Closed::Overdue(deadline)) => {
                matches!(deadline, Deadline::Hello | Deadline::Header | Deadline::Message)
            }
            // That a client does not trust this server is no offence.
            _ => self
                .link
                .trouble()
                .is_some_and(|trouble| trouble.kind() == io::ErrorKind::InvalidData),
        }
    }

    /// Why the client may not do this, if it may not and others may.
    pub(super) fn forbidden(&self, event: &Event) -> Option<(Id, Failure)> {
        let (id, role) = match event {
            Event::Upper { id } => (*id, Role::Echo),
            Event::Get { id, .. } | Event::List { id, .. } | Event::Stat { id, .. } => {
                (*id, Role::Files)
            }
            Event::Put { id, .. } => (*id, Role::FilesWrite),
            Event::Exec { id, exec } => (
                *id,
                match &exec.command {
                    Command::Argv(_) => Role::ExecAny,
                    Command::Shell(_) => Role::ExecShell,
                    Command::Named { name, .. } => Role::ExecNamed(name.clone()),
                },
            ),
            _ => return None,
        };
        let failure = match &self.standing {
            Standing::Known(granted) => {
                self.services.gate.forbids(&role, granted, self.link.stream().peer())?
            }
            // The machine lets none of these through; if it ever did, they are denied.
            Standing::Unproved | Standing::Stranger => {
                Failure::new(Code::Unauthorized, "this client is not known here")
            }
        };
        Some((id, failure))
    }
}
