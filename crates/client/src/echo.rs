//! `echo`: text to upper case, message by message.

mod piped;
mod prompt;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;

use framing_protocol::client::Refused;

use crate::error::Error;
use crate::output::{Audience, Output, Sink};
use crate::report;
use crate::session::Session;
use crate::target::Target;

/// Has `texts` answered, or, if there are none, what is typed, or else each line of standard input.
pub(crate) fn run(target: &Target, texts: &[OsString]) -> Result<(), Error> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let mut answers = Answers::new(Output::stdout()?, Audience::of(&stdout));
    if !texts.is_empty() {
        let mut session = Session::connect(target)?;
        for (text, number) in texts.iter().zip(1..) {
            match session.upper(text.as_bytes()) {
                Ok(answer) => answers.add(&answer),
                Err(error) => answers.fail("text", number, error)?,
            }
            answers.flush()?;
        }
    } else if stdin.is_terminal() && stdout.is_terminal() {
        prompt::run(target, &mut answers)?;
    } else {
        piped::run(target, &mut answers, &stdin)?;
    }
    answers.finish()
}

/// Standard output, one line for each answer.
#[derive(Debug)]
struct Answers {
    output: Output,
    audience: Audience,
    /// Lines that are complete and wait to be written together.
    lines: Vec<u8>,
    unanswered: u64,
}

impl Answers {
    fn new(output: Output, audience: Audience) -> Self {
        Self { output, audience, lines: Vec::new(), unanswered: 0 }
    }

    /// Adds the line of one answer, an empty one for an empty answer.
    fn add(&mut self, answer: &[u8]) {
        self.lines.extend_from_slice(&self.audience.show(answer));
        self.lines.push(b'\n');
    }

    /// Tells of a message that has no answer. If only that message is to blame the rest can go on,
    /// otherwise the error is given back.
    fn fail(&mut self, what: &str, number: u64, error: Error) -> Result<(), Error> {
        match error {
            Error::Failed(_) | Error::Refused(Refused::TooLarge) => {
                self.tell(what, number, &error);
                Ok(())
            }
            error => Err(error),
        }
    }

    fn tell(&mut self, what: &str, number: u64, why: &dyn fmt::Display) {
        self.unanswered += 1;
        report::line(format_args!("echo: {what} {number}: {why}"));
    }

    /// Hands the lines on, without waiting for whoever reads them.
    fn flush(&mut self) -> Result<(), Error> {
        self.output.put(&self.lines).map_err(Error::Sink)?;
        self.lines.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        self.output.finish().map_err(Error::Sink)?;
        match self.unanswered {
            0 => Ok(()),
            count => Err(Error::Unanswered { count }),
        }
    }
}
