//! `put`: a file to the server, whole and checked there, or not at all.
//!
//! ```text
//!  paths --> plan: which files, and what they will be called
//!              |
//!              v
//!            job: one of them, over however many connections
//!              |
//!            source: its content on its way, no faster than wanted, and what is told of it
//! ```

mod job;
mod plan;
mod source;

use crate::args::{self, Reports};
use crate::error::Error;
use crate::session::Interrupt;
use crate::target::Target;
use crate::transfer::{Line, Pace, Progress, Report, Verb};

use plan::Plan;

/// Puts what was asked for.
pub(crate) fn run(target: &Target, asked: &args::Put) -> Result<(), Error> {
    let interrupt = Interrupt::catch()?;
    let mut report = Report::new(Verb::Put, asked.json);
    let mut valve = Valve {
        pace: asked.transfer.limit_rate.map(Pace::starting),
        progress: Progress::new(Verb::Put, asked.transfer.progress),
    };
    // What cannot be read is told before anybody is asked.
    let plan = Plan::make(asked, &mut report)?;
    let mut line = Line::connect(Verb::Put, target, &asked.transfer, interrupt)?;
    let jobs = plan.jobs(asked);
    valve.progress.expect(jobs.len());
    let mut ended = Ok(());
    for job in jobs {
        let name = job.name();
        if ended.is_err() {
            report.left_out(&name, ended.as_ref().err());
            continue;
        }
        match job.run(asked, &mut line, &mut valve) {
            Ok(told) => report.done(&told),
            // What is no better with the next one.
            Err(error) if error.is_passing() || matches!(error, Error::Interrupted) => {
                report.left_out(&name, Some(&error));
                ended = Err(error);
            }
            Err(error) => report.failed(&name, error),
        }
    }
    valve.progress.clear();
    if asked.is_several() && asked.transfer.progress != Reports::Never {
        report.sum_up();
    }
    ended.and_then(|()| report.end())
}

/// What all content goes through, of whatever file.
#[derive(Debug)]
struct Valve {
    pace: Option<Pace>,
    progress: Progress,
}
