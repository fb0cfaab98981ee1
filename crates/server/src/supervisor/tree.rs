//! All that descends from a supervisor, which is this process but where it has to be replaced.
//!
//! A descendant cannot hide: when its parent ends it becomes a child of the nearest subreaper, which
//! this process is. It can only be quick, so whoever ends them all looks again until nobody is left.

use rustix::process::{Pid, Signal, getpgid, getpid, kill_process, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

/// What there is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    /// Descendants.
    pub(crate) processes: u64,
    /// Clock ticks that they and their children that have ended have computed, as far as the system tells.
    pub(crate) ticks: u64,
}

/// Counts everybody who descends from this process, and stops once they are more than `most`.
pub(crate) fn count(most: u64) -> Count {
    let mut count = Count::default();
    let mut pending = children(getpid());
    loop {
        // Without a look at each of them, where there are too many: they may be about to fill the system.
        let known = u64::try_from(pending.len()).unwrap_or(u64::MAX);
        if count.processes.saturating_add(known) > most {
            count.processes = count.processes.saturating_add(known);
            return count;
        }
        let Some(pid) = pending.pop() else { return count };
        count.processes = count.processes.saturating_add(1);
        count.ticks = count.ticks.saturating_add(ticks(pid));
        pending.extend(children(pid));
    }
}

/// Kills everybody who descends from this process, who is no descendant itself, and is found until then. Whoever is found is killed at once,
/// and with its whole group, so that none of that can get away by forking.
///
/// To be called again until nobody is left: who has forked meanwhile is found then, at the latest as a child
/// of the supervisor, when those between are dead.
///
/// A number may belong to somebody else by now only if all numbers there are were given out meanwhile.
pub(crate) fn kill(own: Pid, until: Instant) {
    let mut groups = BTreeSet::new();
    let mut pending = children(own);
    // First of all those that nobody stands before, the youngest first: they are what a chain of forks consists
    // of, and those before them are dead by now.
    for pid in pending.iter().rev() {
        let _ = kill_process(*pid, Signal::KILL);
    }
    while let Some(pid) = pending.pop().filter(|_| Instant::now() < until) {
        if let Ok(group) = getpgid(Some(pid))
            && group != own
            && groups.insert(group.as_raw_nonzero())
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for child in children(pid) {
            let _ = kill_process(child, Signal::KILL);
            pending.push(child);
        }
    }
}

/// Clock ticks that the children of this process that have ended have computed.
pub(crate) fn ticks_of_the_dead() -> u64 {
    let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = fields(&own);
    number(&fields, CUTIME) + number(&fields, CSTIME)
}

/// Whether the system says who descends from whom.
pub(crate) fn check() -> io::Result<()> {
    fs::read(format!("/proc/self/task/{}/children", getpid().as_raw_pid())).map(drop)
}

/// The children of all threads of a process.
fn children(pid: Pid) -> Vec<Pid> {
    let tasks = format!("/proc/{}/task", pid.as_raw_pid());
    let Ok(tasks) = fs::read_dir(Path::new(&tasks)) else { return Vec::new() };
    let lists = tasks.flatten().flat_map(|task| fs::read_to_string(task.path().join("children")));
    lists.flat_map(|list| list.split_whitespace().filter_map(parse).collect::<Vec<_>>()).collect()
}

fn parse(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|number| *number > 0).and_then(Pid::from_raw)
}

/// What a process and its dead children have computed (`proc_pid_stat(5)`). Of one that is hidden nothing is
/// known.
fn ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    let fields = fields(&stat);
    [UTIME, STIME, CUTIME, CSTIME].map(|field| number(&fields, field)).iter().sum()
}

/// The fields behind the name, which may hold anything, parentheses and spaces included.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect())
}

fn number(fields: &[&str], index: usize) -> u64 {
    fields.get(index).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Where the fields stand behind the name: three less than in the manual, which counts from 1.
const UTIME: usize = 11;
const STIME: usize = 12;
const CUTIME: usize = 13;
const CSTIME: usize = 14;
