//! All that descends from this process.
//!
//! A descendant cannot hide: when its parent ends it becomes a child of the nearest subreaper, which
//! this process is. It can only be quick, so whoever ends them all looks again until nobody is left.

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// A process that was there a moment ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pid: Pid,
    group: Option<Pid>,
    /// Clock ticks that it and its children that have ended have computed.
    pub(crate) ticks: u64,
}

/// Everybody who descends from this process.
pub(crate) fn descendants() -> Vec<Process> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut pending = children(getpid());
    while let Some(pid) = pending.pop() {
        if !seen.insert(pid.as_raw_nonzero()) {
            continue;
        }
        pending.extend(children(pid));
        // One that has ended meanwhile is none any more.
        found.extend(stat(pid));
    }
    found
}

/// Clock ticks that the children of this process that have ended have computed.
pub(crate) fn ticks_of_the_dead() -> u64 {
    let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = fields(&own);
    number(&fields, CUTIME) + number(&fields, CSTIME)
}

/// Kills all of these, whole groups at once so that none of a group can get away by forking.
///
/// A number may belong to somebody else by now only if all numbers there are were given out meanwhile.
pub(crate) fn kill(processes: &[Process]) {
    let own = getpid();
    let groups: BTreeSet<_> = processes
        .iter()
        .filter_map(|process| process.group)
        .filter(|group| *group != own)
        .map(Pid::as_raw_nonzero)
        .collect();
    for group in groups.into_iter().filter_map(|group| Pid::from_raw(group.get())) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    for process in processes {
        let _ = kill_process(process.pid, Signal::KILL);
    }
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

/// A number above zero: a process that is just being reaped has the group -1.
fn parse(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|number| *number > 0).and_then(Pid::from_raw)
}

/// What the system says of a process (`proc_pid_stat(5)`).
fn stat(pid: Pid) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let fields = fields(&stat);
    let ticks = [UTIME, STIME, CUTIME, CSTIME].map(|field| number(&fields, field));
    let group = fields.get(PGRP).and_then(|group| parse(group));
    Some(Process { pid, group, ticks: ticks.iter().sum() })
}

/// The fields behind the name, which may hold anything, parentheses and spaces included.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect())
}

fn number(fields: &[&str], index: usize) -> u64 {
    fields.get(index).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Where the fields stand behind the name: three less than in the manual, which counts from 1.
const PGRP: usize = 2;
const UTIME: usize = 11;
const STIME: usize = 12;
const CUTIME: usize = 13;
const CSTIME: usize = 14;
