//! A process beside the server for each running command, which sees to it that nothing of the command is left.
//!
//! ```text
//!  server ------ Unix stream: orders, reports, descriptors ------ supervisor      one process each,
//!    |                                                               |            one thread in it
//!    |                                                               | fork, exec
//!    +------- pipes: stdin, stdout, stderr ----------------------- command
//!                                                                    | fork ...
//!                                                                descendants, wherever they flee to
//! ```
//!
//! The supervisor adopts whatever the command leaves behind (it is the "child subreaper" of `prctl(2)`),
//! in a session of its own. It kills all of it when the command ends, when time is up, when a bound is
//! met, and when the channel ends: that is when the client is lost, and when the server is, whichever way,
//! SIGKILL included.
//!
//! What has to be done between a fork and the command (limits, no new privileges) is done in this process
//! before: there is only one command at a time, and only one in its life that needs limits which cannot be
//! raised again. That takes no `unsafe`, and the channel of one supervisor never gets into another, for no
//! descriptor of the server is ever without CLOEXEC.

mod channel;
mod message;
mod pool;
mod tree;
mod watch;

pub(crate) use message::{Bound, Bounds, Ended, Launch, Mode, Order, Report, Status};
pub(crate) use pool::{Supervised, Supervisors};

use channel::Channel;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// How supervisors are started: which program is one when it calls [`supervise_if_asked`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

impl Supervisor {
    /// This program itself, if its `main` has called [`supervise_if_asked`].
    pub fn own() -> Option<Self> {
        // Whatever has become of the file since this process was started, it is that one.
        ASKS.load(Ordering::Relaxed).then(|| Self::program("/proc/self/exe"))
    }

    /// Another program: `framing-server`, or any whose `main` calls [`supervise_if_asked`].
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    /// With these arguments, for a program that needs them to get that far.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..self }
    }
}

/// Makes this process a supervisor if a server has started it as one, and returns otherwise.
///
/// A program that embeds a [`Server`](crate::Server) which runs commands calls this first thing in its
/// `main`: the server starts the same program once more for each command. Without it, and without another
/// program in [`Options::supervisor`](crate::Options::supervisor), the server refuses to run commands.
///
/// ```no_run
/// // In `main`, before anything else:
/// framing_server::supervise_if_asked();
/// ```
pub fn supervise_if_asked() {
    ASKS.store(true, Ordering::Relaxed);
    if env::args_os().next().is_none_or(|name| name != NAME) {
        return;
    }
    process::exit(match supervise() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{NAME}: {error}");
            1
        }
    });
}

fn supervise() -> io::Result<()> {
    // The command's own input takes the place that the channel came in.
    let stream = UnixStream::from(rustix::stdio::stdin().try_clone_to_owned()?);
    stream.peer_addr().map_err(|_| {
        io::Error::other("this is for framing-server to start, which talks to it over a socket")
    })?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?.as_fd())?;
    close_all_but(&stream)?;
    watch::serve(Channel::new(stream))
}

/// Closes what the server was started with and has handed down without knowing it: commands would get it.
fn close_all_but(stream: &UnixStream) -> io::Result<()> {
    // Before the first of them is closed, for the directory has one itself.
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|number| *number > 2 && *number != stream.as_raw_fd())
    {
        // The directory's is not open any more.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

/// Whether `main` has asked.
static ASKS: AtomicBool = AtomicBool::new(false);

/// What a supervisor is called, by which it knows itself.
const NAME: &str = "framing-supervisor";
