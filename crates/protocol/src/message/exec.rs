//! What `exec` asks for and how it ended.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Text, optional_word, word};

/// A command to run: the fields of `exec` beside its id.
///
/// | field | JSON | meaning |
/// |---|---|---|
/// | `argv` | array of [`Text`] | program and arguments, verbatim; the server refuses an empty one |
/// | `shell` | [`Text`] | instead of `argv`: a line for the server's shell |
/// | `named` | string | instead of `argv`: the name of a command that the server's operator has written down |
/// | `args` | array of [`Text`], with `named` only, may be absent | what is to take the places left open in it |
/// | `env` | object of [`Text`], may be absent | variables beside the server's clean set |
/// | `cwd` | [`Text`], may be absent | working directory, relative to the root; an absolute one is taken as it is; absent: the root |
/// | `stdin` | `"null"` (default) or `"piped"` | whether `stdin` messages will come |
/// | `timeout_ms` | integer, may be absent | milliseconds until the command is ended |
/// | `detach` | boolean, absent for false | the command outlives the connection; it has no input, and its output goes nowhere |
///
/// Exactly one of `argv`, `shell` and `named` is there.
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
    /// Whether the command outlives the connection. It has no input, its output goes nowhere, and the
    /// answer is [`Outcome::Detached`] as soon as it runs.
    pub detach: bool,
}

impl Exec {
    /// A command with a clean environment, in the root, without input and time limit.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            env: BTreeMap::new(),
            cwd: None,
            stdin: Stdin::Null,
            timeout: None,
            detach: false,
        }
    }
}

/// What an [`Exec`] runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Program and arguments, verbatim, no shell.
    Argv(Vec<Text>),
    /// A line for the server's shell.
    Shell(Text),
    /// A command that the server's operator has written down.
    Named {
        /// Its name.
        name: String,
        /// What is to take the places left open in it.
        args: Vec<Text>,
    },
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
/// | `outcome` | `"exited"`, `"signalled"`, `"timed_out"`, `"cap_exceeded"`, `"detached"`, `"not_found"`, `"not_executable"` | what happened |
/// | `code` | integer, with `exited` only | the exit code |
/// | `signal` | integer above 0, with `signalled` only | the number of the signal |
/// | `name` | string, with `signalled` only | its name without `SIG`, as `"KILL"` |
/// | `cap` | `"output"`, `"run_time"`, `"cpu"`, `"processes"`, `"file_size"`, with `cap_exceeded` only | which of the server's caps |
/// | `truncated` | boolean, absent for false | some of the output is missing: it went over the cap, or somebody to whom the command had given its pipes still held them |
/// | `duration_ms` | integer | milliseconds from start to end |
///
/// With `not_found` and `not_executable` no `started` came before, with the others it did; `detached` is an answer
/// to `detach` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ExitFields", into = "ExitFields")]
pub struct Exit {
    /// What happened.
    pub outcome: Outcome,
    /// Whether some of the output is missing: what went over the server's cap, or what was written after the
    /// command had ended by somebody to whom it had given its pipes.
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
    /// The time that the client gave it ran out, and the server ended it.
    TimedOut,
    /// It took more than the server lets a command have, and was ended.
    CapExceeded {
        /// Of what.
        cap: Cap,
    },
    /// It runs, and goes on without the client.
    Detached,
    /// There is no such program.
    NotFound,
    /// There is one, and the system would not run it.
    NotExecutable,
}

/// What a server bounds for the commands that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// Bytes of standard output and standard error together.
    Output,
    /// Time from start to end.
    RunTime,
    /// Processor time of one process.
    Cpu,
    /// Processes at a time, all descendants counted.
    Processes,
    /// Bytes of one file that it writes.
    FileSize,
}

impl Cap {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::RunTime => "run_time",
            Self::Cpu => "cpu",
            Self::Processes => "processes",
            Self::FileSize => "file_size",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ExecFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argv: Option<Vec<Text>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shell: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<Text>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<Text>,
    #[serde(default, deserialize_with = "word")]
    stdin: Stdin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    detach: bool,
}

impl TryFrom<ExecFields> for Exec {
    type Error = &'static str;

    fn try_from(fields: ExecFields) -> Result<Self, Self::Error> {
        let command = match (fields.argv, fields.shell, fields.named) {
            (Some(_), _, _) | (_, Some(_), _) if !fields.args.is_empty() => {
                return Err("args belong to named");
            }
            (Some(argv), None, None) => Command::Argv(argv),
            (None, Some(line), None) => Command::Shell(line),
            (None, None, Some(name)) => Command::Named { name, args: fields.args },
            (None, None, None) => return Err("argv, shell or named is missing"),
            _ => return Err("argv, shell and named exclude each other"),
        };
        Ok(Self {
            command,
            env: fields.env,
            cwd: fields.cwd,
            stdin: fields.stdin,
            timeout: fields.timeout_ms.map(Duration::from_millis),
            detach: fields.detach,
        })
    }
}

impl From<Exec> for ExecFields {
    fn from(exec: Exec) -> Self {
        let mut fields = Self {
            argv: None,
            shell: None,
            named: None,
            args: Vec::new(),
            env: exec.env,
            cwd: exec.cwd,
            stdin: exec.stdin,
            timeout_ms: exec.timeout.map(millis),
            detach: exec.detach,
        };
        match exec.command {
            Command::Argv(argv) => fields.argv = Some(argv),
            Command::Shell(line) => fields.shell = Some(line),
            Command::Named { name, args } => (fields.named, fields.args) = (Some(name), args),
        }
        fields
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
    #[serde(default, deserialize_with = "optional_word")]
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<Cap>,
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
    CapExceeded,
    Detached,
    NotFound,
    NotExecutable,
}

impl TryFrom<ExitFields> for Exit {
    type Error = &'static str;

    fn try_from(fields: ExitFields) -> Result<Self, Self::Error> {
        use OutcomeWord as Word;
        let outcome = match (fields.outcome, fields.code, fields.signal, fields.cap) {
            (Word::Exited, Some(code), None, None) => Outcome::Exited { code },
            (Word::Signalled, None, Some(signal @ 1..), None) => {
                Outcome::Signalled { signal, name: fields.name.unwrap_or_default() }
            }
            (Word::CapExceeded, None, None, Some(cap)) => Outcome::CapExceeded { cap },
            (Word::TimedOut, None, None, None) => Outcome::TimedOut,
            (Word::Detached, None, None, None) => Outcome::Detached,
            (Word::NotFound, None, None, None) => Outcome::NotFound,
            (Word::NotExecutable, None, None, None) => Outcome::NotExecutable,
            _ => return Err("outcome, code, signal and cap do not fit together"),
        };
        let duration = Duration::from_millis(fields.duration_ms);
        Ok(Self { outcome, truncated: fields.truncated, duration })
    }
}

impl From<Exit> for ExitFields {
    fn from(exit: Exit) -> Self {
        let duration_ms = millis(exit.duration);
        let fields = |outcome| Self {
            outcome,
            code: None,
            signal: None,
            name: None,
            cap: None,
            truncated: exit.truncated,
            duration_ms,
        };
        match exit.outcome {
            Outcome::Exited { code } => Self { code: Some(code), ..fields(OutcomeWord::Exited) },
            Outcome::Signalled { signal, name } => {
                let fields = fields(OutcomeWord::Signalled);
                Self { signal: Some(signal), name: Some(name), ..fields }
            }
            Outcome::CapExceeded { cap } => {
                Self { cap: Some(cap), ..fields(OutcomeWord::CapExceeded) }
            }
            Outcome::TimedOut => fields(OutcomeWord::TimedOut),
            Outcome::Detached => fields(OutcomeWord::Detached),
            Outcome::NotFound => fields(OutcomeWord::NotFound),
            Outcome::NotExecutable => fields(OutcomeWord::NotExecutable),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
