//! Time and CPU of processes, and the table of them.

use crate::servers::succeeds;
use std::error::Error;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// What one run took, in seconds: of the clock, and of the processors on either side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) clock: f64,
    pub(crate) client: f64,
    pub(crate) server: f64,
}

/// All runs of one contender.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, samples: Vec::new() }
    }

    /// The medians of each of them.
    pub(crate) fn medians(&self) -> Sample {
        let median = |of: fn(&Sample) -> f64| {
            let mut values: Vec<f64> = self.samples.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Sample {
            clock: median(|sample| sample.clock),
            client: median(|sample| sample.client),
            server: median(|sample| sample.server),
        }
    }
}

/// Who fetches, from the server with this process id, and by what.
pub(crate) type Contender<'c> = (Row, u32, Box<dyn Fn() -> Command + 'c>);

/// Runs a client to its end, and the server with this process id meanwhile.
pub(crate) fn measure(server: u32, client: &mut Command) -> Result<Sample, Box<dyn Error>> {
    let myself = std::process::id();
    let (server_before, client_before) = (cpu(server)?.all(), cpu(myself)?.children);
    let start = Instant::now();
    succeeds(client)?;
    let clock = start.elapsed().as_secs_f64();
    // What a server starts for a connection counts once it has ended and was waited for.
    let until = Instant::now() + Duration::from_secs(10);
    while has_children(server) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let client = cpu(myself)?.children - client_before;
    Ok(Sample { clock, client, server: cpu(server)?.all() - server_before })
}

/// CPU seconds.
pub(crate) struct Cpu {
    own: f64,
    /// Of all descendants that have ended and were waited for.
    children: f64,
}

impl Cpu {
    pub(crate) fn all(&self) -> f64 {
        self.own + self.children
    }
}

/// What a process has used, as `/proc/PID/stat` has it (`proc_pid_stat(5)`).
pub(crate) fn cpu(pid: u32) -> Result<Cpu, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program is in parentheses, and may be anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |index: usize| fields.get(index).ok_or("too short")?.parse().map_err(|_| "no number");
    let second = f64::from(u32::try_from(rustix::param::clock_ticks_per_second())?);
    let [user, system, of_children, system_of_children]: [f64; 4] =
        [ticks(11)?, ticks(12)?, ticks(13)?, ticks(14)?];
    let children = (of_children + system_of_children) / second;
    Ok(Cpu { own: (user + system) / second, children })
}

fn has_children(pid: u32) -> bool {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.is_ok_and(|children| !children.trim().is_empty())
}
