//! What is said on standard error: `framing-client: ...`, line by line.

use std::fmt;
use std::io::{self, Write};

use crate::error::Error;

/// Says what `command` failed of, why, and what to do next.
pub(crate) fn error(command: &str, error: &Error) {
    if error.is_quiet() {
        return;
    }
    line(format_args!("{command}: {error}"));
    if let Some(next) = error.hint() {
        hint(&next);
    }
}

/// Says what to do next.
pub(crate) fn hint(next: &str) {
    line(format_args!("hint: {next}"));
}

/// Says one thing. If nobody listens on standard error there is no other way to tell.
pub(crate) fn line(what: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "framing-client: {what}");
}
