//! What `exec` asks for and how it ended.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Text, word};

/// A command to run: the fields of `exec` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `argv` | array of [`Text`] | program and arguments, verbatim; the server refuses an empty one |
/// | `shell` | [`Text`] | instead of `argv`: a line for the server's shell |
/// | `env` | object of [`Text`], may be absent | variables beside the server's clean set |
/// | `cwd` | [`Text`], may be absent | working directory, relative to the root; an absolute one is taken as it is; absent: the root |
/// | `stdin` | `"null"` (default) or `"piped"` | whether `stdin` messages will come |
/// | `timeout_ms` | integer, may be absent | milliseconds until the command is ended |
///
/// Exactly one of `argv` and `shell` is there.
///
/// ```
/// use framing_protocol::message::{Command, Exec};
///
/// let exec = Exec::new(Command::Argv(vec!["ls".into(), "-l".into()]));
/// assert_eq!(serde_json::to_string(&exec).unwrap(), r#"{"argv":["ls","-l"],"stdin":"null"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ExecFields", into = "ExecFields")]
pub struct Exec {
    /// What to run.
    pub command: Command,
    /// Variables beside the server's clean set.
    pub env: BTreeMap<String, Text>,
    /// Working directory, relative to the root; an absolute one is taken as it is, for a command is
    /// not kept within the root anyway. The root itself when there is none.
    pub cwd: Option<Text>,
    /// Where the command's standard input comes from.
    pub stdin: Stdin,
    /// How long it may run.
    pub timeout: Option<Duration>,
}

impl Exec {
    /// A command with a clean environment, in the root, without input and time limit.
    pub fn new(command: Command) -> Self {
        Self { command, env: BTreeMap::new(), cwd: None, stdin: Stdin::Null, timeout: None }
    }
}

/// What an [`Exec`] runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Program and arguments, verbatim, no shell.
    Argv(Vec<Text>),
    /// A line for the server's shell.
    Shell(Text),
}

/// Where a command's standard input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// Nowhere: it reads the end at once.
    #[default]
    Null,
    /// From `stdin` messages, until `stdin_end`.
    Piped,
}

/// How an `exec` ended: the fields of `exit` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `outcome` | `"exited"`, `"signalled"`, `"timed_out"`, `"not_found"`, `"not_executable"` | what happened |
/// | `code` | integer, with `exited` only | the exit code |
/// | `signal` | integer, with `signalled` only | the number of the signal |
/// | `name` | string, with `signalled` only | its name without `SIG`, as `"KILL"` |
/// | `truncated` | boolean, absent for false | a process that the command left behind still held its output: what came later is missing |
/// | `duration_ms` | integer | milliseconds from start to end |
///
/// With `not_found` and `not_executable` no `started` came before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ExitFields", into = "ExitFields")]
pub struct Exit {
    /// What happened.
    pub outcome: Outcome,
    /// Whether a process that the command left behind still held its output when the server
    /// stopped reading it. All that the command itself wrote is there; what came later is missing.
    pub truncated: bool,
    /// From start to end.
    pub duration: Duration,
}

/// What happened to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number on the server's system.
        signal: i32,
        /// The signal's name without `SIG`.
        name: String,
    },
    /// Its time ran out and the server ended it.
    TimedOut,
    /// There is no such program.
    NotFound,
    /// There is one, and the system would not run it.
    NotExecutable,
}

#[derive(Serialize, Deserialize)]
struct ExecFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argv: Option<Vec<Text>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shell: Option<Text>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<Text>,
    #[serde(default, deserialize_with = "word")]
    stdin: Stdin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
}

impl TryFrom<ExecFields> for Exec {
    type Error = &'static str;

    fn try_from(fields: ExecFields) -> Result<Self, Self::Error> {
        let command = match (fields.argv, fields.shell) {
            (Some(argv), None) => Command::Argv(argv),
            (None, Some(line)) => Command::Shell(line),
            (Some(_), Some(_)) => return Err("argv and shell exclude each other"),
            (None, None) => return Err("argv or shell is missing"),
        };
        Ok(Self {
            command,
            env: fields.env,
            cwd: fields.cwd,
            stdin: fields.stdin,
            timeout: fields.timeout_ms.map(Duration::from_millis),
        })
    }
}

impl From<Exec> for ExecFields {
    fn from(exec: Exec) -> Self {
        let (argv, shell) = match exec.command {
            Command::Argv(argv) => (Some(argv), None),
            Command::Shell(line) => (None, Some(line)),
        };
        Self {
            argv,
            shell,
            env: exec.env,
            cwd: exec.cwd,
            stdin: exec.stdin,
            timeout_ms: exec.timeout.map(millis),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ExitFields {
    #[serde(deserialize_with = "word")]
    outcome: OutcomeWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    truncated: bool,
    duration_ms: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeWord {
    Exited,
    Signalled,
    TimedOut,
    NotFound,
    NotExecutable,
}

impl TryFrom<ExitFields> for Exit {
    type Error = &'static str;

    fn try_from(fields: ExitFields) -> Result<Self, Self::Error> {
        let outcome = match (fields.outcome, fields.code, fields.signal) {
            (OutcomeWord::Exited, Some(code), None) => Outcome::Exited { code },
            (OutcomeWord::Signalled, None, Some(signal)) => {
                Outcome::Signalled { signal, name: fields.name.unwrap_or_default() }
            }
            (OutcomeWord::TimedOut, None, None) => Outcome::TimedOut,
            (OutcomeWord::NotFound, None, None) => Outcome::NotFound,
            (OutcomeWord::NotExecutable, None, None) => Outcome::NotExecutable,
            _ => return Err("outcome, code and signal do not fit together"),
        };
        let duration = Duration::from_millis(fields.duration_ms);
        Ok(Self { outcome, truncated: fields.truncated, duration })
    }
}

impl From<Exit> for ExitFields {
    fn from(exit: Exit) -> Self {
        let (outcome, code, signal, name) = match exit.outcome {
            Outcome::Exited { code } => (OutcomeWord::Exited, Some(code), None, None),
            Outcome::Signalled { signal, name } => {
                (OutcomeWord::Signalled, None, Some(signal), Some(name))
            }
            Outcome::TimedOut => (OutcomeWord::TimedOut, None, None, None),
            Outcome::NotFound => (OutcomeWord::NotFound, None, None, None),
            Outcome::NotExecutable => (OutcomeWord::NotExecutable, None, None, None),
        };
        let duration_ms = millis(exit.duration);
        Self { outcome, code, signal, name, truncated: exit.truncated, duration_ms }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
