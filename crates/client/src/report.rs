//! What is said on standard error: `framing-client: ...`, line by line.

use std::fmt;
use std::io::{self, Write};

use crate::args::Args;
use crate::error::Error;

/// Says what the command failed of, why, and what to do next.
pub(crate) fn error(args: &Args, error: &Error) {
    if error.is_quiet() {
        return;
    }
    line(format_args!("{}: {error}", args.command.name()));
    if let Some(next) = error.hint(args) {
        hint(&next);
    }
}

/// Says what to do next.
pub(crate) fn hint(next: &str) {
    line(format_args!("hint: {next}"));
}

/// Says one thing to programs, on standard error: a JSON object on a line of its own.
pub(crate) fn json(what: &impl serde::Serialize) {
    let mut line = serde_json::to_vec(what).unwrap_or_default();
    line.push(b'\n');
    let _ = io::stderr().write_all(&line);
}

/// Says one thing. If nobody listens on standard error there is no other way to tell.
pub(crate) fn line(what: fmt::Arguments<'_>) {
    // At once: what others write to the same place meanwhile does not get into the line.
    let _ = io::stderr().write_all(text(what).as_bytes());
}

/// A line that says one thing, cut off where it gets longer than anybody would read.
pub(crate) fn text(what: fmt::Arguments<'_>) -> String {
    let mut line = format!("framing-client: {what}");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push_str("...");
    }
    line.push('\n');
    line
}

/// The longest line, in characters.
const LONGEST: usize = 1024;
