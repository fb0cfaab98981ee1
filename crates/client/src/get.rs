//! `get`: a file from the server, whole and checked, or not at all.
//!
//! ```text
//!  paths --> destination: where to --> job: what has come of it, what is missing
//!                                       |  ^
//!                                       v  |  up to 16 asked for at a time
//!                                     fetch: one connection after another
//!                                       |
//!                          intake: content on its way <-- pace: no faster than wanted
//!                                       |
//!                                    progress: what is told of it
//! ```

mod destination;
mod fetch;
mod intake;
mod job;
mod pace;
mod progress;
mod report;

use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use framing_protocol::message::Text;
use signal_hook::consts::SIGXFSZ;

use crate::args;
use crate::error::Error;
use crate::session::Interrupt;
use crate::target::Target;

use destination::Destination;
use fetch::Fetch;
use job::Job;
use report::Report;

/// Fetches what was asked for.
pub(crate) fn run(target: &Target, asked: &args::Get) -> Result<(), Error> {
    // A file over the limit of the process shall be an error like a full disk, not a sudden death.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let interrupt = Interrupt::catch()?;
    // First of all, so that nothing is fetched that cannot be put anywhere.
    let destination = Destination::choose(&asked.path, asked.output.as_deref(), asked.existing())?;
    let mut jobs = VecDeque::new();
    jobs.push_back(Job::new(Text::from(asked.path.as_bytes()), destination));
    let mut report = Report::new(asked.json, jobs.len());
    let mut fetch = Fetch::connect(target, asked, interrupt, jobs.len())?;
    fetch.all(jobs, &mut report)?;
    report.end()
}
