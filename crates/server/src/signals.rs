//! Ending the server by Ctrl-C or SIGTERM, and having it look at its files again by SIGHUP.

use crate::{Reloader, Stopper};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level::pipe};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

/// From now on the first SIGINT or SIGTERM ends the server cleanly, and a second one at once.
///
/// The handlers only write to a pipe and set a flag; a thread does the rest. Meant for binaries:
/// an embedding program has signal handlers of its own.
pub fn stop_on_signals(stopper: Stopper) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order the first signal finds the flag unset, and sets it for the second.
        flag::register_conditional_default(signal, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
        pipe::register(signal, writer.try_clone()?)?;
    }
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        // The handlers hold the other end for good, so this returns with a signal only.
        if reader.read_exact(&mut [0]).is_ok() {
            stopper.stop();
        }
    })?;
    Ok(())
}

/// From now on a file that is put here and is over the limit of this process is an error like a full disk, and not the
/// end of the server.
pub fn survive_file_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default())?;
    Ok(())
}

/// From now on a SIGHUP, which would end the process otherwise, has the list of clients read again.
pub fn reload_on_signal(reloader: Reloader) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    pipe::register(SIGHUP, writer)?;
    thread::Builder::new().name("hangups".to_owned()).spawn(move || {
        while reader.read(&mut [0; 64]).is_ok() {
            reloader.reload();
        }
    })?;
    Ok(())
}
