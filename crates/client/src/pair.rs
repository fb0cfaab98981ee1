//! `pair`: an invitation is redeemed.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use framing_protocol::message::Escaped;
use framing_transport::{Dirs, Invitation};

use crate::error::Error;
use crate::known_hosts::KnownHosts;
use crate::report;
use crate::session::Session;
use crate::target::Target;

/// Reads an invitation, redeems it under a name, and knows the server from then on.
pub(crate) fn run(name: Option<&str>) -> Result<(), Error> {
    let invitation: Invitation = read()?.trim().parse()?;
    let dirs = Dirs::of_user()?;
    let known = KnownHosts::within(&dirs)?;
    known.check(&invitation.server, invitation.pin)?;
    let host = host();
    let name = name.unwrap_or(&host);
    let target = Target::new(&invitation.server, dirs);
    let roles = Session::pair(&target, invitation.pin, &invitation.token, name)?;
    known.add(&invitation.server, invitation.pin)?;
    let server = Escaped(invitation.server.as_bytes());
    let roles = roles.join(", ");
    report::line(format_args!("paired with {server}, for {}", Escaped(roles.as_bytes())));
    report::hint(&format!("try: framing-client --server {server} ping"));
    Ok(())
}

/// One line, asked for if somebody sits at the terminal.
fn read() -> Result<String, Error> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        io::stderr().write_all(b"invitation: ")?;
    }
    let mut line = String::new();
    // Whatever it is, it is not that long.
    stdin.lock().take(LONGEST).read_line(&mut line).map_err(Error::Input)?;
    Ok(line)
}

/// The name of this machine, as far as it is a name for a client.
fn host() -> String {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let name: String = node.chars().filter(plain).take(64).collect();
    if name.is_empty() { "client".into() } else { name }
}

/// The longest line that is read, in bytes.
const LONGEST: u64 = 4096;
