//! `get`: a file from the server, whole and checked, or not at all.
//!
//! ```text
//!  paths --> plan: which files, where there are many
//!              |
//!              v
//!           destination: where to --> job: what has come of it, what is missing
//!                                       |  ^
//!                                       v  |  up to 16 asked for at a time
//!                                     fetch: one connection after another --> finish: on disk, then named
//!                                       |
//!                          intake: content on its way <-- pace: no faster than wanted
//!                                       |
//!                                    progress: what is told of it
//! ```

mod destination;
mod fetch;
mod finish;
mod intake;
mod job;
mod plan;

use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use framing_protocol::message::Text;
use signal_hook::consts::SIGXFSZ;

use crate::args::{self, Reports};
use crate::error::Error;
use crate::session::Interrupt;
use crate::target::Target;
use crate::transfer::{Report, Verb};

use destination::{Below, Destination};
use fetch::Fetch;
use job::Job;
use plan::Plan;

/// Fetches what was asked for.
pub(crate) fn run(target: &Target, asked: &args::Get) -> Result<(), Error> {
    // A file over the limit of the process shall be an error like a full disk, not a sudden death.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let interrupt = Interrupt::catch()?;
    let mut report = Report::new(Verb::Get, asked.json);
    let (mut fetch, jobs) = match &*asked.paths {
        [path] if !asked.is_several() => {
            // First of all, so that nothing is fetched that cannot be put anywhere.
            let output = asked.output.as_deref();
            let choose = || Destination::choose(path, output, asked.existing());
            // To open a FIFO is to wait for its reader, perhaps for ever.
            let destination = interrupt.while_deaf(choose)?;
            let jobs = VecDeque::from([Job::new(Text::from(path.as_bytes()), destination)]);
            (Fetch::connect(target, asked, interrupt)?, jobs)
        }
        _ => {
            let folder = Below::new(asked.output.as_deref())?;
            let mut fetch = Fetch::connect(target, asked, interrupt)?;
            let jobs = Plan::make(asked, &folder, &mut fetch, &mut report)?;
            (fetch, jobs)
        }
    };
    let ended = fetch.all(jobs, &mut report);
    if asked.is_several() && asked.transfer.progress != Reports::Never {
        report.sum_up();
    }
    ended.and_then(|()| report.end())
}
