//! Reading and changing the file, by one program at a time.

use super::{BadLine, Client, Clients, is_comment};
use crate::lock::lock;
use crate::roles::is_name;
use framing_transport::{Dirs, Exposed, Pin, read_private, write_private};
use std::path::{Path, PathBuf};

/// Where the clients of a server are listed.
#[derive(Debug, Clone)]
pub struct ClientsFile(PathBuf);

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientsError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] Exposed),
    /// It does not parse.
    #[error("{path:?}, {line}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Where and what.
        line: BadLine,
    },
    /// There is no such client.
    #[error("{who:?} is neither the name nor the key of a client here")]
    Absent {
        /// Who was asked for.
        who: String,
    },
    /// The name belongs to another key.
    #[error("the name {name:?} belongs to another key already, {pin}")]
    Taken {
        /// The name.
        name: String,
        /// Whose it is.
        pin: Pin,
    },
}

impl ClientsFile {
    /// The file in these directories, which need not be there.
    pub fn within(dirs: &Dirs) -> Result<Self, ClientsError> {
        Ok(Self(dirs.config()?.join("authorized_clients")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All clients; none without a file.
    pub fn read(&self) -> Result<Clients, ClientsError> {
        self.parse(&self.text()?)
    }

    /// Lists a client, in the place of what was listed for its key before.
    pub fn authorize(&self, client: &Client) -> Result<(), ClientsError> {
        self.change(client.pin, |_| client.clone()).map(|_| ())
    }

    /// Lists what `change` makes of what is listed for a key, if anything is. The answer is what that was.
    pub fn change(
        &self,
        pin: Pin,
        change: impl FnOnce(Option<&Client>) -> Client,
    ) -> Result<Client, ClientsError> {
        let mut changed = None;
        self.edit(|text, clients| {
            let client = change(clients.iter().rfind(|client| client.pin == pin));
            check(&client, clients)?;
            let others = without(text, |listed| listed.pin == client.pin);
            let text = format!("{others}{client}\n");
            changed = Some(client);
            Ok(text)
        })?;
        changed.ok_or_else(|| ClientsError::Absent { who: pin.to_string() })
    }

    /// Whether a client may be listed as this: nobody else has its name.
    pub fn check(&self, client: &Client) -> Result<(), ClientsError> {
        check(client, &self.read()?)
    }

    /// Strikes out the client of this name or key. What it was is returned.
    pub fn revoke(&self, who: &str) -> Result<Vec<Client>, ClientsError> {
        let mut revoked = Vec::new();
        self.edit(|text, clients| {
            let pin = who.parse::<Pin>().ok();
            let meant = |client: &Client| match pin {
                Some(pin) => client.pin == pin,
                None => is_name(who) && client.name.as_deref() == Some(who),
            };
            revoked = clients.iter().filter(|client| meant(client)).cloned().collect();
            if revoked.is_empty() {
                return Err(ClientsError::Absent { who: who.to_owned() });
            }
            Ok(without(text, meant))
        })?;
        Ok(revoked)
    }

    /// Puts a new text in the place of the old one, while no other program of ours does.
    fn edit(
        &self,
        change: impl FnOnce(&str, &Clients) -> Result<String, ClientsError>,
    ) -> Result<(), ClientsError> {
        let _lock = lock(&self.0)?;
        let text = self.text()?;
        let changed = change(&text, &self.parse(&text)?)?;
        Ok(write_private(&self.0, &changed)?)
    }

    fn text(&self) -> Result<String, ClientsError> {
        Ok(read_private(&self.0)?.unwrap_or_default())
    }

    fn parse(&self, text: &str) -> Result<Clients, ClientsError> {
        text.parse().map_err(|line| ClientsError::Line { path: self.0.clone(), line })
    }
}

fn check(client: &Client, clients: &Clients) -> Result<(), ClientsError> {
    let owner = |other: &&Client| other.name == client.name && other.pin != client.pin;
    match (&client.name, clients.iter().find(owner)) {
        (Some(name), Some(other)) => {
            Err(ClientsError::Taken { name: name.clone(), pin: other.pin })
        }
        _ => Ok(()),
    }
}

/// The text without the lines of some clients; comments stay.
fn without(text: &str, of: impl Fn(&Client) -> bool) -> String {
    let goes = |line: &str| !is_comment(line) && line.parse().is_ok_and(|client| of(&client));
    text.lines().filter(|line| !goes(line)).flat_map(|line| [line, "\n"]).collect()
}
