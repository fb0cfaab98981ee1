//! One connection after another.

use std::sync::Arc;
use std::time::Duration;

use super::{Progress, Verb};
use crate::args::Transfer;
use crate::error::Error;
use crate::report;
use crate::session::{Interrupt, Patience, Session};
use crate::target::Target;

/// The way to a server: a connection, and after a while another one if it is lost.
///
/// ```text
///   lost --> pause: 1 s, 2 s, 4 s ... 30 s --> connected again
///     ^                |                          |
///     |                | tried too often          | something came over: counted anew
///     +----------------+-- (given up)             v
/// ```
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// Which command it is for.
    verb: Verb,
    target: &'a Target,
    asked: &'a Transfer,
    interrupt: Arc<Interrupt>,
    session: Session,
    /// How often we have connected again since something came over.
    tries: u32,
}

impl<'a> Line<'a> {
    /// Connects.
    pub(crate) fn connect(
        verb: Verb,
        target: &'a Target,
        asked: &'a Transfer,
        interrupt: Arc<Interrupt>,
    ) -> Result<Self, Error> {
        let session = open(target, asked, &interrupt)?;
        Ok(Self { verb, target, asked, interrupt, session, tries: 0 })
    }

    /// The connection that there is now.
    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Who may end it all.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Something came over.
    pub(crate) fn works(&mut self) {
        self.tries = 0;
    }

    /// Connects again, in a while, if it was lost in a way that passes; gives the error otherwise, or if it was lost too
    /// often.
    pub(crate) fn again(&mut self, mut lost: Error, progress: &Progress) -> Result<(), Error> {
        loop {
            if !lost.is_passing() || self.tries >= self.asked.retries {
                return Err(lost);
            }
            let pause = LONGEST.min(Duration::from_secs(1 << self.tries.min(10)));
            self.tries += 1;
            progress.clear();
            report::line(format_args!(
                "{}: {lost}; trying again in {} s ({} of {})",
                self.verb,
                pause.as_secs(),
                self.tries,
                self.asked.retries
            ));
            self.interrupt.pause(pause)?;
            match open(self.target, self.asked, &self.interrupt) {
                Ok(session) => {
                    self.session = session;
                    return Ok(());
                }
                Err(error) => lost = error,
            }
        }
    }
}

/// Connects. That cannot be ended early, but there is nothing to be lost either: what has come over is on disk, and
/// its state is.
fn open(target: &Target, asked: &Transfer, interrupt: &Arc<Interrupt>) -> Result<Session, Error> {
    let mut session = interrupt.while_deaf(|| Session::connect(target))?;
    let interrupt = Some(Arc::clone(interrupt));
    session.set_patience(Patience { stall: Some(asked.stall_timeout), interrupt });
    Ok(session)
}

/// The longest pause before connecting again.
const LONGEST: Duration = Duration::from_secs(30);
