//! Lines on stderr.

use framing_protocol::message::Escaped;
use std::fmt::Display;
use std::io::{self, Write};

/// One line about something that went wrong, in which nothing that a peer said can end the line or
/// reach the terminal as a control sequence.
pub(crate) fn line(what: impl Display) {
    let what = what.to_string();
    // A stderr that is closed or full must not take the server down.
    let _ = writeln!(io::stderr().lock(), "framing-server: {}", Escaped(what.as_bytes()));
}
