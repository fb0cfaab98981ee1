//! How it ended: for the shell (an exit code), for programs (JSON) and for people (a line).

use std::io;
use std::time::Duration;

use framing_protocol::Closed;
use framing_protocol::message::{Code, Escaped, Exit, Failure, Outcome};
use framing_transport::ConnectError;
use serde::Serialize;

use super::json::Stream;
use crate::error::{Error, Status};

/// How it went at one server.
#[derive(Debug)]
pub(super) struct End {
    pub(super) server: String,
    pub(super) how: How,
    /// The process id, once the command ran.
    pub(super) pid: Option<u32>,
    /// Why its input ended early.
    pub(super) input: Option<io::Error>,
    /// From start to end, by the server's clock where it told.
    pub(super) duration: Duration,
    /// What to do next.
    pub(super) hint: Option<String>,
}

#[derive(Debug)]
pub(super) enum How {
    /// The server told it.
    Exit(Exit),
    /// It is not known, or nothing was run.
    Failed(Error),
    /// A signal ended our part.
    Cancelled {
        /// The signal's number.
        signal: i32,
    },
}

impl End {
    /// The exit code of the client, if there is only this server.
    pub(super) fn status(&self) -> Status {
        match &self.how {
            // It may have been content with half of its input: that is no success.
            How::Exit(Exit { outcome: Outcome::Exited { code: 0 }, .. })
                if self.input.is_some() =>
            {
                Status::OWN_FAILURE
            }
            How::Exit(exit) => Status::from(&exit.outcome),
            How::Failed(error) => error.status_of_exec(),
            How::Cancelled { signal } => Status::signal(*signal),
        }
    }

    /// Whether it needs no words: whoever read the output has left.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(&self.how, How::Failed(error) if error.is_quiet())
    }

    /// What went wrong, in a few words: the same for all servers where the same went wrong.
    pub(super) fn label(&self) -> String {
        match &self.how {
            How::Exit(exit) => match &exit.outcome {
                Outcome::Exited { code: 0 } | Outcome::Detached => "ok".into(),
                Outcome::Exited { code } => format!("exited with {code}"),
                Outcome::Signalled { signal, .. } => format!("killed by signal {signal}"),
                Outcome::TimedOut => "timed out".into(),
                Outcome::CapExceeded { .. } => "over a cap".into(),
                Outcome::NotFound => "without such a command".into(),
                Outcome::NotExecutable => "unable to run it".into(),
            },
            How::Cancelled { .. } => "cancelled".into(),
            How::Failed(error) if word_of(error) == DENIED => DENIED.into(),
            How::Failed(error) => match error.status() {
                Status::CONNECT => "no connection".into(),
                Status::AUTH => "not known to each other".into(),
                _ => "failed".into(),
            },
        }
    }

    /// What the exit code alone does not say, for people.
    pub(super) fn explanation(&self) -> Option<String> {
        let exit = match &self.how {
            How::Exit(exit) => exit,
            How::Failed(_) if self.is_quiet() => return None,
            How::Failed(error) => return Some(error.to_string()),
            How::Cancelled { .. } => return None,
        };
        let after = exit.duration;
        Some(match &exit.outcome {
            Outcome::Exited { code } if u8::try_from(*code).is_err() => {
                format!("the server tells of exit code {code}, and there is none such")
            }
            Outcome::Exited { .. } | Outcome::Detached => return None,
            Outcome::Signalled { signal, name } => {
                format!("killed by signal {signal} ({})", Escaped(name.as_bytes()))
            }
            Outcome::TimedOut => format!("ended after {after:.1?}, when its time was up"),
            Outcome::CapExceeded { cap } => {
                let cap = cap.as_str().replace('_', " ");
                format!("ended after {after:.1?}, for the server has a cap on {cap}")
            }
            Outcome::NotFound => "the server has no such command".into(),
            Outcome::NotExecutable => {
                "the server's system will not run it: a folder, no program, or not for its user"
                    .into()
            }
        })
    }

    /// Whether a part of the output is missing, or nobody can say that none is.
    pub(super) fn is_truncated(&self) -> bool {
        match &self.how {
            How::Exit(exit) => exit.truncated,
            How::Failed(_) | How::Cancelled { .. } => self.pid.is_some(),
        }
    }

    /// All of it as one JSON object: the last event if it has a name as such, and with the output that was
    /// kept.
    pub(super) fn record<'a>(
        &'a self,
        event: Option<&'static str>,
        output: Option<[Stream<'a>; 2]>,
    ) -> Record<'a> {
        let [stdout, stderr] = output.map_or([None, None], |streams| streams.map(Some));
        Record {
            server: &self.server,
            event,
            outcome: self.details(),
            input_error: self.input.as_ref().map(ToString::to_string),
            exit_code: self.status().code(),
            duration_ms: u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            truncated: self.is_truncated(),
            stdout,
            stderr,
        }
    }

    fn details(&self) -> Details<'_> {
        let none = Details::default();
        match &self.how {
            How::Exit(exit) => match &exit.outcome {
                Outcome::Exited { code } => {
                    Details { outcome: "exited", code: Some(*code), ..none }
                }
                Outcome::Signalled { signal, name } => {
                    Details { outcome: "signaled", signal: Some(*signal), name: Some(name), ..none }
                }
                Outcome::TimedOut => Details { outcome: "timeout", ..none },
                Outcome::CapExceeded { cap } => {
                    let cap = Some(hyphenated(cap.as_str()));
                    Details { outcome: "cap-exceeded", cap, ..none }
                }
                Outcome::Detached => Details { outcome: "detached", pid: self.pid, ..none },
                Outcome::NotFound => Details { outcome: "not-found", ..none },
                Outcome::NotExecutable => Details { outcome: "not-executable", ..none },
            },
            How::Cancelled { .. } => Details { outcome: CANCELLED, ..none },
            How::Failed(error) => {
                let problem = Problem {
                    code: code_of(error),
                    message: match error {
                        // As it came: JSON needs no escaping for a terminal.
                        Error::Failed(failure) => failure.message.clone(),
                        error => error.to_string(),
                    },
                    hint: self.hint.as_deref(),
                };
                Details { outcome: word_of(error), error: Some(problem), ..none }
            }
        }
    }
}

/// How it went at one server, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    #[serde(flatten)]
    outcome: Details<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_error: Option<String>,
    exit_code: u8,
    duration_ms: u64,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<Stream<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<Stream<'a>>,
}

/// What happened, and what belongs to it.
#[derive(Debug, Default, Serialize)]
struct Details<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem<'a>>,
}

/// Why it is not known how the command ended, or why nothing was run.
#[derive(Debug, Serialize)]
struct Problem<'a> {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

fn word_of(error: &Error) -> &'static str {
    match error {
        Error::Failed(Failure { code: Code::Denied, .. }) => DENIED,
        Error::Failed(Failure { code: Code::Cancelled, .. }) => CANCELLED,
        _ => "transport",
    }
}

/// What kind of error it is, in one word: the server's own where it is the server's.
fn code_of(error: &Error) -> String {
    let word = match error {
        Error::Failed(failure)
        | Error::Closed { reason: Closed::Refused(failure) | Closed::Violation(failure), .. } => {
            return hyphenated(failure.code.as_str());
        }
        Error::Connect(error) => match error {
            ConnectError::Resolve { .. } => "unresolved",
            ConnectError::OtherKey { expected: None, .. } => "unknown-key",
            ConnectError::OtherKey { .. } => "other-key",
            ConnectError::Handshake { .. } => "handshake",
            _ => "unreachable",
        },
        Error::NoWelcome { .. } => "no-welcome",
        Error::Stranger { .. } => "no-server",
        Error::Closed { reason: Closed::Overdue(_), .. } => "timeout",
        Error::Closed { .. } => "lost",
        Error::NoHome(_) | Error::Keys(_) | Error::Identity(_) | Error::KnownHosts(_) => "keys",
        Error::Refused(_) => "unsendable",
        Error::Sink(_) => "output",
        _ => "system",
    };
    word.into()
}

/// The wire has underscores where a command line and its output have hyphens.
fn hyphenated(word: &str) -> String {
    word.replace('_', "-")
}

const DENIED: &str = "denied";
const CANCELLED: &str = "cancelled";

#[cfg(test)]
mod tests {
    use framing_protocol::message::Cap;

    use super::*;

    fn end(how: How) -> End {
        let server = "a:1".to_owned();
        End { server, how, pid: Some(7), input: None, duration: Duration::ZERO, hint: None }
    }

    fn exit(outcome: Outcome) -> End {
        end(How::Exit(Exit { outcome, truncated: false, duration: Duration::from_millis(1500) }))
    }

    #[test]
    fn every_end_has_a_label_and_says_what_the_code_does_not() {
        let signal = Outcome::Signalled { signal: 9, name: "KILL".into() };
        for (outcome, label, explanation) in [
            (Outcome::Exited { code: 0 }, "ok", None),
            (Outcome::Exited { code: 3 }, "exited with 3", None),
            (Outcome::Exited { code: -1 }, "exited with -1", Some("none such")),
            (Outcome::Detached, "ok", None),
            (signal, "killed by signal 9", Some("signal 9 (KILL)")),
            (Outcome::TimedOut, "timed out", Some("after 1.5s, when its time was up")),
            (Outcome::CapExceeded { cap: Cap::Cpu }, "over a cap", Some("a cap on cpu")),
            (Outcome::NotFound, "without such a command", Some("no such command")),
            (Outcome::NotExecutable, "unable to run it", Some("will not run it")),
        ] {
            let end = exit(outcome);
            assert_eq!(end.label(), label);
            let said = end.explanation();
            assert_eq!(said.is_some(), explanation.is_some(), "{label}");
            assert!(said.unwrap_or_default().contains(explanation.unwrap_or_default()), "{label}");
        }
        assert_eq!(end(How::Cancelled { signal: 15 }).label(), "cancelled");
        let denied = Error::Failed(Failure::new(Code::Denied, "no"));
        assert_eq!(end(How::Failed(denied)).label(), "denied");
        let broken = || Error::Sink(io::ErrorKind::StorageFull.into());
        assert_eq!(end(How::Failed(broken())).label(), "failed");
        assert!(!end(How::Failed(broken())).is_quiet());
        let left = end(How::Failed(Error::Sink(io::ErrorKind::BrokenPipe.into())));
        assert!(left.is_quiet() && left.explanation().is_none());
    }
}
