//! The signals that are not for us but for the command.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// A signal that a command is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    /// Its number here.
    pub(super) number: i32,
    /// Its name without `SIG`, which every system has.
    pub(super) name: &'static str,
}

pub(super) const INT: Signal = Signal { number: SIGINT, name: "INT" };
const TERM: Signal = Signal { number: SIGTERM, name: "TERM" };
const HUP: Signal = Signal { number: SIGHUP, name: "HUP" };

/// Signals that are caught: a handler only writes a byte to a socket of its signal's own.
#[derive(Debug)]
pub(super) struct Signals(Vec<(Signal, UnixStream)>);

impl Signals {
    /// Catches them from now on, for the rest of the process. One that is ignored already stays so: whoever
    /// started us (`nohup`, a shell's background) wants that for the command too.
    pub(super) fn catch() -> io::Result<Self> {
        let ignored = ignored();
        let mut caught = Vec::new();
        for signal in [INT, TERM, HUP] {
            if ignored & (1 << (signal.number - 1)) == 0 {
                let (reader, writer) = UnixStream::pair()?;
                reader.set_nonblocking(true)?;
                pipe::register(signal.number, writer)?;
                caught.push((signal, reader));
            }
        }
        Ok(Self(caught))
    }

    /// What becomes readable when one has come.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|(_, reader)| reader.as_fd())
    }

    /// Those that have come since this was last asked, each as often as it came.
    pub(super) fn arrived(&mut self) -> Vec<Signal> {
        let mut arrived = Vec::new();
        for (signal, reader) in &mut self.0 {
            let count = reader.read(&mut [0; 64]).unwrap_or(0);
            arrived.extend(std::iter::repeat_n(*signal, count));
        }
        arrived
    }
}

/// The signals that are ignored, a bit each from signal 1 on, as far as the system tells.
pub(crate) fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
