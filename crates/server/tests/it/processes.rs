//! What became of a process.

use crate::caller::PATIENCE;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// Waits until the process is gone and reaped.
pub(crate) fn wait_until_reaped(pid: u32) {
    wait_until(&format!("process {pid} is reaped"), || {
        !fs::exists(format!("/proc/{pid}")).unwrap()
    });
}

/// Waits until the process is gone, or a zombie that is somebody else's to reap.
pub(crate) fn wait_until_dead(pid: u32) {
    wait_until(&format!("process {pid} is dead"), || !is_alive(pid));
}

pub(crate) fn is_alive(pid: u32) -> bool {
    // The state follows the name, which stands in parentheses and may hold anything.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Waits until the process takes no time for a while, and fails when it does not come to rest.
pub(crate) fn assert_rests(pid: u32) {
    // Far less than the patience of a server with a client that does not read.
    for _ in 0..10 {
        let before = ticks(pid);
        std::thread::sleep(Duration::from_millis(500));
        // A few are for the pings; a loop that spins takes nearly fifty, and a good part of that
        // on a busy machine.
        if ticks(pid) - before < 5 {
            return;
        }
    }
    panic!("process {pid} never rests");
}

/// The time that a process has used, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
    fields.map(|field| field.parse::<u64>().unwrap()).sum()
}

/// Waits until something is so, and fails when it never is.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What tells the processes of one command from all others: a time for `sleep` that no other has.
pub(crate) struct Mark(String);

impl Mark {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(format!("86400.{}{count:06}", std::process::id()))
    }

    /// A `sleep` that has it.
    pub(crate) fn sleep(&self) -> String {
        format!("sleep {}", self.0)
    }

    /// A line of shell for processes that want to outlive whatever happens: deaf to signals, a child, one in
    /// a session of its own, one whose parents are gone, and one that changes its number all the time. It
    /// prints a line once all of them are there.
    pub(crate) fn tree(&self) -> String {
        let sleep = self.sleep();
        format!(
            "trap '' TERM INT HUP QUIT; {sleep} & setsid sh -c '{sleep} & {sleep}' & \
             (setsid sh -c '({sleep} &) & {sleep} &' &) ; \
             setsid python3 -c '
import os, sys, time
\"{sleep}\"
end = time.time() + 60
while time.time() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.001)
' & sleep 0.3; echo ready; wait; {sleep}"
        )
    }

    /// The processes that have it and live.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let marked = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(self.0.len()).any(|window| window == self.0.as_bytes()) && is_alive(*pid)
        };
        numbers.filter(marked).collect()
    }

    /// Waits until none is left, and fails where one lives for longer than that.
    pub(crate) fn assert_gone_within(&self, time: Duration) {
        let until = Instant::now() + time;
        // One that changes its number may be overlooked once.
        let gone = || (0..3).all(|_| self.alive().is_empty());
        while !gone() {
            assert!(Instant::now() < until, "these live on: {:?}", self.alive());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How often something is done that may go wrong by chance.
pub(crate) fn rounds(usual: usize, long: usize) -> usize {
    if std::env::var_os("FRAMING_LONG").is_some() { long } else { usual }
}

/// The program, if there is a C compiler.
pub(crate) fn compiled(source: &str) -> Option<(TempDir, PathBuf)> {
    let folder = tempdir().unwrap();
    let (file, program) = (folder.path().join("program.c"), folder.path().join("program"));
    fs::write(&file, source).unwrap();
    let done = Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(&file).status();
    if !done.is_ok_and(|status| status.success()) {
        println!("there is no C compiler here, so this is not tried");
        return None;
    }
    Some((folder, program))
}

/// Whether a process runs this program.
pub(crate) fn runs(program: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.starts_with(program.as_os_str().as_encoded_bytes())
    })
}

pub(crate) fn assert_gone(program: &Path) {
    // One that changes its number may be overlooked once.
    assert!(!(0..5).any(|_| runs(program)), "some run on");
}
