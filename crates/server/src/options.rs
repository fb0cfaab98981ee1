//! What a server is told.

use framing_protocol::Deadlines;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a server can be told, with the defaults of the command line.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen, each `HOST:PORT`; port 0 takes a free one. Loopback only.
    pub listen: Vec<String>,
    /// The directory below which files are served; none serves no files.
    pub root: Option<PathBuf>,
    /// Which commands clients may run.
    pub exec: ExecPolicy,
    /// How many connections are served at once; the next ones are told to come back later. No more
    /// than three quarters of the files that the process may open. A hostile client can cost
    /// some 3 MB of memory, beside what its command takes.
    pub connections: usize,
    /// How long a command may take to end after it was asked to, before it is killed.
    pub grace: Duration,
    /// How patient it is with each client.
    pub deadlines: Deadlines,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![DEFAULT_LISTEN.to_owned()],
            root: None,
            exec: ExecPolicy::default(),
            connections: 1024,
            grace: Duration::from_secs(5),
            deadlines: Deadlines::default(),
        }
    }
}

/// Which commands clients may run: none, unless a field opens them. The two combine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecPolicy {
    /// Any program with any arguments, without a shell (`--exec-any`).
    pub any: bool,
    /// Any string for `/bin/sh -c` (`--exec-shell`).
    pub shell: bool,
}

/// Where a server listens that was told nothing.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7878";
