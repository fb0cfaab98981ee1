//! Trust without a set-up: the programs of one user on one machine find each other by files that only
//! this user can read.
//!
//! ```text
//! local/identity.pem    the key that clients of the same user show to servers of the same user
//! local/7878            the pin of the server that listens on that port of this machine, and its address
//! ```

use crate::private::{Exposed, read_private, write_private};
use crate::{Dirs, Identity, IdentityError, Pin};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A server's entries in the local directory, which are removed when this is dropped.
#[derive(Debug)]
pub struct LocalTrust {
    client: Pin,
    entries: Vec<PathBuf>,
}

impl LocalTrust {
    /// Tells the clients of the same user whose key the server at `addresses` has. The answer is the key
    /// by which the server knows them.
    pub fn announce(
        dirs: &Dirs,
        server: Pin,
        addresses: &[SocketAddr],
    ) -> Result<Self, IdentityError> {
        let client = Identity::load_or_create(&local(dirs)?.join(IDENTITY))?.pin();
        let mut trust = Self { client, entries: Vec::new() };
        for address in addresses {
            let entry = local(dirs)?.join(address.port().to_string());
            write_private(&entry, &format!("{server}\n{address}\n"))?;
            trust.entries.push(entry);
        }
        Ok(trust)
    }

    /// The key of this user's clients, to be taken for them on connections from this machine only.
    pub fn client(&self) -> Pin {
        self.client
    }
}

impl Drop for LocalTrust {
    fn drop(&mut self) {
        for entry in &self.entries {
            // Another server may have taken the port over, and its entry with it: clients then fall back
            // on what they know otherwise.
            let _ = fs::remove_file(entry);
        }
    }
}

/// Whom a client is to be, and to expect, at an address of this machine where a server of the same user
/// has said that it listens; none where none has.
pub fn local_server(
    dirs: &Dirs,
    address: SocketAddr,
) -> Result<Option<(Identity, Pin)>, IdentityError> {
    if !address.ip().to_canonical().is_loopback() {
        return Ok(None);
    }
    let dir = local(dirs)?;
    let Some((pin, _)) = entry(&dir.join(address.port().to_string()))? else { return Ok(None) };
    Ok(Identity::load(&dir.join(IDENTITY))?.map(|identity| (identity, pin)))
}

/// The addresses on which servers with this key have said that they listen on this machine.
pub fn running_servers(dirs: &Dirs, server: Pin) -> Result<Vec<SocketAddr>, Exposed> {
    let dir = local(dirs)?;
    let failed = |source| Exposed::Io { path: dir.clone(), source };
    let mut addresses = Vec::new();
    for file in fs::read_dir(&dir).map_err(failed)? {
        let file = file.map_err(failed)?;
        let is_port = file.file_name().to_str().is_some_and(|name| name.parse::<u16>().is_ok());
        if is_port
            && let Some((pin, Some(address))) = entry(&file.path())?
            && pin == server
        {
            addresses.push(address);
        }
    }
    addresses.sort_unstable();
    Ok(addresses)
}

/// What an entry says; one that says nothing is as good as none.
fn entry(path: &Path) -> Result<Option<(Pin, Option<SocketAddr>)>, Exposed> {
    let text = read_private(path)?.unwrap_or_default();
    let mut lines = text.lines();
    let Some(pin) = lines.next().and_then(|pin| pin.parse().ok()) else { return Ok(None) };
    Ok(Some((pin, lines.next().and_then(|address| address.parse().ok()))))
}

fn local(dirs: &Dirs) -> Result<PathBuf, Exposed> {
    let dir = dirs.runtime()?.join("local");
    crate::private::make_private(&dir)?;
    Ok(dir)
}

const IDENTITY: &str = "identity.pem";
