//! What a server is told.

use crate::limits::Limits;
use crate::{ExecPolicy, Supervisor};
use framing_protocol::Deadlines;
use framing_transport::Dirs;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a server can be told, with the defaults of the command line.
///
/// ```
/// use framing_server::Options;
/// use framing_transport::Dirs;
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("keys");
/// let options = Options { root: Some("/srv/files".into()), ..Options::new(Dirs::within(dir)) };
/// assert_eq!(options.listen, ["127.0.0.1:7878"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its key is kept, which is made at the first start, and the list of who may connect.
    pub dirs: Dirs,
    /// Whether clients of the same user on the same machine may do all that the server was started to
    /// do, without being listed.
    pub local_trust: bool,
    /// Where to listen, each `HOST:PORT`; port 0 takes a free one.
    pub listen: Vec<String>,
    /// The directory below which files are served; none serves no files.
    pub root: Option<PathBuf>,
    /// Whether clients may put files below it.
    pub writable: bool,
    /// The most bytes that a file which they put there may have; none for as many as the file system takes.
    pub max_upload: Option<u64>,
    /// Which commands clients may run.
    pub exec: ExecPolicy,
    /// What watches over these commands. Without it there are none.
    pub supervisor: Option<Supervisor>,
    /// How many may come, and how often.
    pub limits: Limits,
    /// How long a command may take to end after it was asked to, before it is killed.
    pub grace: Duration,
    /// How patient it is with each client.
    pub deadlines: Deadlines,
}

impl Options {
    /// The defaults of the command line, with keys in these directories.
    pub fn new(dirs: Dirs) -> Self {
        Self {
            dirs,
            local_trust: true,
            listen: vec![DEFAULT_LISTEN.to_owned()],
            root: None,
            writable: false,
            max_upload: None,
            exec: ExecPolicy::default(),
            supervisor: Supervisor::own(),
            limits: Limits::default(),
            grace: Duration::from_secs(5),
            deadlines: Deadlines::default(),
        }
    }
}

/// Where a server listens that was told nothing.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7878";
