//! What became of a process.

use crate::caller::PATIENCE;
use std::fs;
use std::time::{Duration, Instant};

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
