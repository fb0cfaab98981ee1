//! Lines from a pipe or a file: several on their way at a time, each answer written as it comes.
//!
//! ```text
//! stdin --read--> Reassembler<Lines> --one message per line--> session ---> server
//!                                                                             |
//! stdout <--one line per answer-- Answers <--------- session <----------------+
//! ```

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;

use framing::{Config, DecodeErrorKind, Lines, Oversize, Reassembler};
use framing_protocol::client::{Event, Refused};
use framing_protocol::message::{MAX_BODY, PIPELINE};
use framing_protocol::{Closed, Id};
use framing_transport::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::Answers;
use crate::error::Error;
use crate::output::Sink;
use crate::report;
use crate::session::{Input, Session, Watch};
use crate::target::Target;

/// Sends every line of `input` as one message until its end, and waits for the last answer. A
/// connection that ends while nothing is unanswered is replaced when there is another line: a server
/// ends idle ones.
pub(super) fn run(target: &Target, answers: &mut Answers, input: impl AsFd) -> Result<(), Error> {
    let mut lines = Source::new()?;
    loop {
        let mut session = Session::connect(target)?;
        let mut asked = VecDeque::with_capacity(PIPELINE);
        match converse(&mut session, &mut lines, &mut asked, answers, &input) {
            Err(error) if asked.is_empty() && is_replaceable(&error) => {
                // Not kept half open, for the next line may be hours away.
                drop(session);
                answers.flush()?;
                answers.output.finish().map_err(Error::Sink)?;
                lines.wait(&input, answers)?;
                if lines.is_ended() {
                    return Ok(());
                }
                report::line(format_args!("echo: {error}; connecting again"));
            }
            result => return result,
        }
    }
}

/// Goes on until the input or the connection ends.
fn converse(
    session: &mut Session,
    lines: &mut Source,
    asked: &mut VecDeque<Asked>,
    answers: &mut Answers,
    input: impl AsFd,
) -> Result<(), Error> {
    loop {
        while !answers.output.is_full()
            && let Some(event) = session.poll_event()?
        {
            take(&event, session, asked, answers)?;
        }
        answers.flush()?;
        lines.send(session, asked, answers)?;
        if lines.is_ended() && asked.is_empty() {
            return Ok(());
        }
        let watch =
            Watch { input: lines.is_hungry().then(|| input.as_fd()), waker: None, until: None };
        if session.turn(watch, &mut [&mut answers.output])? == Input::Ready {
            lines.read(&input)?;
        }
    }
}

/// Whether a connection that ended like this was neither refused nor broken by nonsense.
fn is_replaceable(error: &Error) -> bool {
    let Error::Closed { reason, .. } = error else { return false };
    matches!(reason, Closed::Clean | Closed::Lost | Closed::Overdue(_) | Closed::GoneAway)
}

/// A message that has not been answered yet.
struct Asked {
    id: Id,
    line: u64,
}

/// Turns an event into a line of output, or of complaint.
fn take(
    event: &Event,
    session: &mut Session,
    asked: &mut VecDeque<Asked>,
    answers: &mut Answers,
) -> Result<(), Error> {
    let (Event::Upper { id } | Event::Error { id, .. }) = event else { return Ok(()) };
    let Some(index) = asked.iter().position(|asked| asked.id == *id) else { return Ok(()) };
    let line = asked.remove(index).map_or(0, |asked| asked.line);
    if let Event::Error { failure, .. } = event {
        return answers.fail("line", line, session.failed(failure.clone()));
    }
    answers.add(session.body());
    Ok(())
}

/// The lines of the input.
struct Source {
    lines: Reassembler<Lines>,
    input: State,
    found: Found,
    /// How many lines were dealt with.
    line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

/// What the last look for a line found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Something, which was dealt with; there may be another line.
    Line,
    /// A line, which no session has taken yet.
    Held,
    /// Nothing more in what was read.
    Nothing,
}

impl Source {
    fn new() -> Result<Self, Error> {
        let lines = Config::new(Lines::lf())
            .max_payload(MAX_BODY)
            .oversize(Oversize::Skip)
            .capacity(READ)
            .reassembler()
            .map_err(io::Error::other)?;
        Ok(Self { lines, input: State::Open, found: Found::Nothing, line: 0 })
    }

    /// Whether nothing but reading helps.
    fn is_hungry(&self) -> bool {
        self.input == State::Open && self.found == Found::Nothing
    }

    fn is_ended(&self) -> bool {
        self.input == State::Ended && self.found == Found::Nothing
    }

    fn read(&mut self, input: impl AsFd) -> Result<(), Error> {
        match rustix::io::read(input, self.lines.space()) {
            Ok(0) => self.input = State::Ended,
            Ok(n) => self.lines.filled(n),
            Err(Errno::INTR | Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(Error::Input(errno.into())),
        }
        self.found = Found::Line;
        Ok(())
    }

    /// Looks for the next line, unless one is held already.
    fn look(&mut self, answers: &mut Answers) -> Result<(), Error> {
        while self.found == Found::Line {
            let found = match self.input {
                State::Open => self.lines.next(),
                State::Ended => self.lines.finish(),
            };
            match found {
                Ok(None) => self.found = Found::Nothing,
                Ok(Some(_)) => self.found = Found::Held,
                Err(error) => {
                    let DecodeErrorKind::Skipped { discarded, limit, .. } = error.kind() else {
                        return Err(io::Error::other(error).into());
                    };
                    self.line += 1;
                    answers.tell("line", self.line, &TooLong { length: discarded, limit });
                }
            }
        }
        Ok(())
    }

    /// Waits, without a session, until there is a line to send or the input ends.
    fn wait(&mut self, input: impl AsFd, answers: &mut Answers) -> Result<(), Error> {
        loop {
            self.look(answers)?;
            if !self.is_hungry() {
                return Ok(());
            }
            poll(&mut [PollFd::new(&input, PollFlags::IN)], None)?;
            self.read(&input)?;
        }
    }

    /// Sends the lines that are there, as far as the session takes them.
    fn send(
        &mut self,
        session: &mut Session,
        asked: &mut VecDeque<Asked>,
        answers: &mut Answers,
    ) -> Result<(), Error> {
        loop {
            self.look(answers)?;
            let (Found::Held, Some(frame)) = (self.found, self.lines.current()) else {
                return Ok(());
            };
            if asked.len() >= PIPELINE {
                return Ok(());
            }
            let line = self.line + 1;
            match session.ask_upper(&frame.payload()) {
                Ok(id) => asked.push_back(Asked { id, line }),
                // It takes none any more. What is asked may still be answered, and then comes the end.
                Err(Refused::GoingAway | Refused::Closed) => return Ok(()),
                Err(refused) if refused.is_temporary() => return Ok(()),
                Err(refused) => answers.fail("line", line, session.refused(refused))?,
            }
            self.line = line;
            self.found = Found::Line;
        }
    }
}

/// A line that no message can hold.
#[derive(Debug, thiserror::Error)]
#[error("too long: {length} bytes, and a message has at most {limit}")]
struct TooLong {
    length: u64,
    limit: usize,
}

/// How much is read at once.
const READ: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use framing_server::{Options, Server};
    use framing_transport::Dirs;

    use super::*;
    use crate::output::{Audience, Output};

    #[test]
    fn a_line_that_the_session_does_not_take_yet_is_sent_later() {
        let keys = tempfile::tempdir().unwrap();
        let dirs = Dirs::within(keys.path().join("keys"));
        let options = Options::new(dirs.clone());
        let options = Options { listen: vec!["127.0.0.1:0".into()], ..options };
        let server = Server::bind(options).unwrap().spawn().unwrap();
        let address = server.addresses()[0].to_string();
        let mut session = Session::connect(&Target::new(address, dirs)).unwrap();
        let file = tempfile::tempfile().unwrap();
        let mut answers = Answers::new(Output::new(&file).unwrap(), Audience::Program);

        // More than may wait to be written, all at once.
        let input = format!("{}\n", "x".repeat(MAX_BODY)).repeat(PIPELINE);
        let mut source = Source::new().unwrap();
        let mut rest = input.as_bytes();
        while !rest.is_empty() {
            let space = source.lines.space();
            let (piece, behind) = rest.split_at(rest.len().min(space.len()));
            space[..piece.len()].copy_from_slice(piece);
            source.lines.filled(piece.len());
            rest = behind;
        }
        source.found = Found::Line;
        let mut asked = VecDeque::new();
        source.send(&mut session, &mut asked, &mut answers).unwrap();
        assert_eq!(source.found, Found::Held);

        while source.found != Found::Nothing || !asked.is_empty() {
            while let Some(event) = session.poll_event().unwrap() {
                take(&event, &mut session, &mut asked, &mut answers).unwrap();
            }
            source.send(&mut session, &mut asked, &mut answers).unwrap();
            if !asked.is_empty() {
                session.turn(Watch::default(), &mut []).unwrap();
            }
        }
        assert!(answers.lines == input.to_uppercase().into_bytes());
        assert_eq!(source.line, 16);
    }
}
