//! What a server and a supervisor say to each other: JSON in frames of a 32-bit length.

use framing_protocol::message::Text;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// From the server. The first is [`Order::Launch`], with the command's own ends of its pipes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Launch(Launch),
    /// To the whole group of the command, by number.
    Signal(i32),
    /// TERM, grace, KILL.
    End,
    /// KILL.
    Kill,
}

/// What to run, and within which bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// The program first.
    pub(crate) argv: Vec<Text>,
    /// Beside what the supervisor was given itself.
    pub(crate) env: Vec<(String, Text)>,
    pub(crate) cwd: Text,
    pub(crate) bounds: Bounds,
    /// How long it may take to end once it was asked to.
    pub(crate) grace: Duration,
    pub(crate) mode: Mode,
}

impl Launch {
    /// Whether the supervisor is afterwards as it was before: limits can be lowered, and not raised again.
    pub(crate) fn leaves_no_trace(&self) -> bool {
        let Bounds { memory, file_size, .. } = self.bounds;
        memory.is_none() && file_size.is_none() && self.mode != Mode::Detached
    }
}

/// How the command is tied to whoever asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// Two descriptors come along, for its output; its input is empty.
    Attached,
    /// Three come along, the first one for its input.
    Fed,
    /// None comes, and the command does not end with the channel.
    Detached,
}

/// What the command may take, as far as the supervisor sees to it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Bounds {
    pub(crate) time: Option<Duration>,
    /// Of all its processes together.
    pub(crate) cpu: Option<Duration>,
    /// Of processes at a time.
    pub(crate) processes: Option<u64>,
    /// Bytes of data of one process.
    pub(crate) memory: Option<u64>,
    /// Bytes of one file.
    pub(crate) file_size: Option<u64>,
    /// How many files a process may open, unless it asks for more.
    pub(crate) open_files: Option<u64>,
}

/// From the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// It cannot do its work here.
    Unable(String),
    /// The command could not be started, for this number of the system.
    Failed(i32),
    Started {
        pid: u32,
    },
    /// The command has ended, and nothing of it is left unless [`Ended::left`] says so.
    Ended(Ended),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) status: Status,
    /// Which bound it met, if that is why.
    pub(crate) bound: Option<Bound>,
    /// Whether some of its processes could not be ended.
    pub(crate) left: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Exited(i32),
    Signalled(i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Bound {
    Time,
    Cpu,
    Processes,
}
