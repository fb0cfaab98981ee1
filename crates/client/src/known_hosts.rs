//! `known_hosts`: which key each server has.
//!
//! ```text
//! # the address as it is given to --server, and the key
//! build.example.org:7878 SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564
//! ```
//!
//! Of several lines for one server the last one counts.

use std::path::PathBuf;

use framing_transport::{Dirs, Exposed, Pin, read_private, write_private};

/// The list of one user.
#[derive(Debug)]
pub(crate) struct KnownHosts(PathBuf);

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownHostsError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] Exposed),
    /// It does not parse.
    #[error("{path:?}, line {line}: expected HOST:PORT and a key (SHA256:...)")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// That cannot stand in the file.
    #[error("{0:?} is no HOST:PORT that could be listed")]
    Name(String),
    /// Another key of this server is known.
    #[error("another key of {server} is known, {known}")]
    Conflict {
        /// The server.
        server: String,
        /// The key that is known.
        known: Pin,
    },
}

impl KnownHosts {
    pub(crate) fn within(dirs: &Dirs) -> Result<Self, KnownHostsError> {
        Ok(Self(dirs.config()?.join("known_hosts")))
    }

    /// The key of a server, if it is known.
    pub(crate) fn pin_of(&self, server: &str) -> Result<Option<Pin>, KnownHostsError> {
        let (text, mut pin) = (self.text()?, None);
        for (at, line) in text.lines().enumerate() {
            let mut words = line.split_ascii_whitespace();
            let Some(host) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            match (words.next().map(str::parse), words.next()) {
                (Some(Ok(key)), None) if host.eq_ignore_ascii_case(server) => pin = Some(key),
                (Some(Ok(_)), None) => {}
                _ => return Err(KnownHostsError::Line { path: self.0.clone(), line: at + 1 }),
            }
        }
        Ok(pin)
    }

    /// Adds the key of a server, unless another one is known.
    pub(crate) fn add(&self, server: &str, pin: Pin) -> Result<(), KnownHostsError> {
        self.check(server, pin)?;
        self.replace(server, pin)
    }

    /// Whether this may be the key of a server: no other one is known.
    pub(crate) fn check(&self, server: &str, pin: Pin) -> Result<(), KnownHostsError> {
        match self.pin_of(server)?.filter(|known| *known != pin) {
            Some(known) => Err(KnownHostsError::Conflict { server: server.to_owned(), known }),
            None => Ok(()),
        }
    }

    /// Puts the key of a server in the place of what is known of it.
    pub(crate) fn replace(&self, server: &str, pin: Pin) -> Result<(), KnownHostsError> {
        let named = server.rsplit_once(':').filter(|(host, port)| {
            !host.is_empty() && !host.starts_with('#') && port.parse::<u16>().is_ok()
        });
        if named.is_none() || !server.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KnownHostsError::Name(server.to_owned()));
        }
        // What cannot be read is not to be lost.
        self.pin_of(server)?;
        let is_other = |line: &&str| {
            let host = line.split_ascii_whitespace().next();
            host.is_none_or(|host| !host.eq_ignore_ascii_case(server))
        };
        let text = self.text()?;
        let others = text.lines().filter(is_other).flat_map(|line| [line, "\n"]);
        let text: String = others.chain([&*format!("{server} {pin}\n")]).collect();
        Ok(write_private(&self.0, &text)?)
    }

    fn text(&self) -> Result<String, KnownHostsError> {
        Ok(read_private(&self.0)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564";
    const OTHER: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    fn list(text: &str) -> (tempfile::TempDir, KnownHosts) {
        let dir = tempfile::tempdir().unwrap();
        let known = KnownHosts::within(&Dirs::within(dir.path().join("keys"))).unwrap();
        write_private(&known.0, text).unwrap();
        (dir, known)
    }

    #[test]
    fn a_server_is_found_by_its_address_and_nothing_else() {
        let (_dir, known) = list(&format!("# mine\n\na:1 {PIN}\nb:1 {OTHER}\nB:1 {PIN}"));
        let (pin, other) = (PIN.parse().unwrap(), OTHER.parse().unwrap());
        assert_eq!(known.pin_of("A:1").unwrap(), Some(pin));
        assert_eq!(known.pin_of("b:1").unwrap(), Some(pin), "the last line counts");
        assert_eq!(known.pin_of("a:11").unwrap(), None);
        known.add("a:11", other).unwrap();
        let conflict = known.add("a:11", pin);
        assert!(matches!(conflict, Err(KnownHostsError::Conflict { .. })), "{conflict:?}");
        known.replace("a:11", other).unwrap();
        assert_eq!(known.pin_of("a:11").unwrap(), Some(other));
        assert_eq!(known.pin_of("b:1").unwrap(), Some(pin));
    }

    #[test]
    fn nothing_is_added_that_would_not_be_read_as_it_was_meant() {
        let (_dir, known) = list("");
        let pin = PIN.parse().unwrap();
        for bad in
            ["x:1 SHA256:a\nb:2", "a b:1", "#x:1", "noport", "a:", ":1", "a:port", "\u{fc}:1"]
        {
            let refused = known.add(bad, pin);
            assert!(matches!(refused, Err(KnownHostsError::Name(_))), "{bad}: {refused:?}");
        }
        known.add("[::1]:7878", pin).unwrap();
        assert_eq!(known.pin_of("[::1]:7878").unwrap(), Some(pin));
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        for bad in ["a:1", "a:1 SHA256:short", &format!("a:1 {PIN} x")] {
            let (_dir, known) = list(&format!("b:1 {PIN}\n{bad}\n"));
            let told = known.pin_of("b:1").unwrap_err().to_string();
            assert!(told.ends_with("line 2: expected HOST:PORT and a key (SHA256:...)"), "{told}");
        }
    }
}
