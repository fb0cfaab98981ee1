//! `ls`: what is in a folder of the server, one name per line.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use framing_protocol::message::{Entry, EntryKind, Text};

use crate::error::Error;
use crate::output::{Audience, Output};
use crate::session::Session;
use crate::target::Target;

/// Lists `path` in the server's order.
pub(crate) fn run(target: &Target, path: &OsStr) -> Result<(), Error> {
    let audience = Audience::of(&io::stdout());
    let mut output = Output::stdout()?;
    Session::connect(target)?
        .list(&Text::from(path.as_bytes()), &mut output, |entry| line(entry, audience))
}

/// A folder can be told by the slash behind its name.
fn line(entry: &Entry, audience: Audience) -> Vec<u8> {
    let mut line = audience.show(entry.name.as_bytes()).into_owned();
    if entry.kind == EntryKind::Directory {
        line.push(b'/');
    }
    line.push(b'\n');
    line
}
