//! A server, and how we and it know each other.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use framing_protocol::message::Escaped;
use framing_transport::{
    ConnectError, Dirs, Identity, Pin, TlsStream, connect, local_server, secure,
};

use crate::error::Error;
use crate::known_hosts::KnownHosts;

/// Which server is meant, and where our keys are.
///
/// On this machine a server of the same user is known, and knows us, by what it left in the
/// [runtime directory](Dirs::runtime). Any other is known by `known_hosts`, and knows us by the key in
/// `client.pem`, which is made when it is first needed; both lie in the [config
/// directory](Dirs::config).
#[derive(Debug, Clone)]
pub struct Target {
    server: String,
    dirs: Dirs,
    unknown: Unknown,
}

/// What to do about a server whose key is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refuse,
    Ask,
}

impl Target {
    /// The server at `server` (`HOST:PORT`). One whose key is not known is refused.
    pub fn new(server: impl Into<String>, dirs: Dirs) -> Self {
        Self { server: server.into(), dirs, unknown: Unknown::Refuse }
    }

    /// The same, but whoever sits at the terminal, if anybody does, is asked whether to trust a key that
    /// is not known.
    #[must_use]
    pub fn asking(self) -> Self {
        Self { unknown: Unknown::Ask, ..self }
    }

    /// Where the server is, as it was given.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Connects, and proves each to the other.
    pub(crate) fn open(&self) -> Result<TlsStream, Error> {
        let known = KnownHosts::within(&self.dirs)?;
        let expected = known.pin_of(&self.server)?;
        let mut stream = connect(&self.server, CONNECT)?;
        if let Some((local, pin)) = local_server(&self.dirs, stream.peer_addr()?)? {
            match secure(stream, &self.server, &local, Some(pin), CONNECT) {
                // Something else took the place of our server: a tunnel to one that we know, perhaps.
                Err(ConnectError::OtherKey { met, .. }) if expected == Some(met) => {}
                secured => return Ok(secured?),
            }
            stream = connect(&self.server, CONNECT)?;
        }
        let identity = Identity::load_or_create(&identity_file(&self.dirs)?)?;
        match secure(stream, &self.server, &identity, expected, CONNECT) {
            Err(ConnectError::OtherKey { expected: None, met, .. })
                if self.unknown == Unknown::Ask && self.asks(met)? =>
            {
                known.add(&self.server, met)?;
                let stream = connect(&self.server, CONNECT)?;
                Ok(secure(stream, &self.server, &identity, Some(met), CONNECT)?)
            }
            secured => Ok(secured?),
        }
    }

    /// Connects to a server that has this key, as who we are to everybody.
    pub(crate) fn open_expecting(&self, pin: Pin) -> Result<TlsStream, Error> {
        let identity = Identity::load_or_create(&identity_file(&self.dirs)?)?;
        let stream = connect(&self.server, CONNECT)?;
        Ok(secure(stream, &self.server, &identity, Some(pin), CONNECT)?)
    }

    /// Asks whoever sits at the terminal.
    fn asks(&self, met: Pin) -> Result<bool, Error> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(false);
        }
        let server = Escaped(self.server.as_bytes());
        let question = format!(
            "The server at {server} is not known yet. Its key is\n  {met}\nwhich should be what \
             `framing-server fingerprint` shows there. Trust it from now on? [y/N] "
        );
        io::stderr().write_all(question.as_bytes())?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

/// The file of the client's own key.
pub(crate) fn identity_file(dirs: &Dirs) -> Result<PathBuf, Error> {
    Ok(dirs.config()?.join("client.pem"))
}

/// How long connecting may take, and then shaking hands.
const CONNECT: Duration = Duration::from_secs(10);
