//! Which commands clients may run, and what these may take.
//!
//! ```toml
//! detached = 4                         # commands that may go on after their clients have left
//!
//! [caps]                               # of every command
//! output = "1 GiB"                     # bytes of stdout and stderr together
//! run_time = "1h"
//! cpu = "10m"                          # of all its processes together
//! processes = 1000                     # at a time, all descendants counted
//! memory = "2 GiB"                     # data of one process
//! file_size = "10 GiB"                 # one file
//!
//! [commands.deploy]                    # framing-client exec @deploy v1.2
//! argv = ["/usr/local/bin/deploy", "--release", "{1}"]
//! args = ['v\d+(\.\d+)*']              # what {1} may be: the whole of it has to match
//! env = ["VERBOSE"]                    # variables that the client may set
//! [commands.deploy.caps]
//! run_time = "5m"                      # the rest as above
//! ```
//!
//! A pattern is a regular expression of the crate `regex-lite`.

use crate::config::Time;
use crate::roles::is_name;
use bytesize::ByteSize;
use framing_protocol::message::Text;
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Which commands clients may run: none, unless a field opens them. They combine.
///
/// ```
/// let policy: framing_server::ExecPolicy = r#"
///     [commands.uptime]
///     argv = ["uptime", "--pretty"]
/// "#.parse()?;
/// assert!(!policy.any && policy.commands.contains_key("uptime"));
/// # Ok::<(), framing_server::PolicyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ExecPolicy {
    /// Any program with any arguments, without a shell (`--exec-any`).
    pub any: bool,
    /// Any string for `/bin/sh -c` (`--exec-shell`).
    pub shell: bool,
    /// Commands by name, with places for arguments.
    pub commands: BTreeMap<String, NamedCommand>,
    /// What a command may take that has no caps of its own.
    pub caps: Caps,
    /// How many commands may go on after the clients have left that started them.
    pub detached: usize,
}

/// What a command may take. Without a cap it may take what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of standard output and standard error together.
    pub output: Option<u64>,
    /// Time from start to end.
    pub run_time: Option<Duration>,
    /// Processor time of all its processes together. It is looked at 20 times a second.
    pub cpu: Option<Duration>,
    /// Processes at a time, all descendants counted. They are counted 20 times a second.
    pub processes: Option<u64>,
    /// Bytes of data of one process (`RLIMIT_DATA`): past it the process gets no more memory.
    pub memory: Option<u64>,
    /// Bytes of one file (`RLIMIT_FSIZE`).
    pub file_size: Option<u64>,
}

impl Default for Caps {
    /// A thousand processes, and no other cap.
    fn default() -> Self {
        Self {
            output: None,
            run_time: None,
            cpu: None,
            processes: Some(1000),
            memory: None,
            file_size: None,
        }
    }
}

/// A command that the operator has written down.
#[derive(Debug, Clone)]
pub struct NamedCommand {
    argv: Vec<String>,
    args: Vec<Pattern>,
    rest: Option<Pattern>,
    options: bool,
    pub(crate) env: Vec<String>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) stdin: bool,
    pub(crate) detach: bool,
    pub(crate) caps: Caps,
}

/// What the whole of an argument has to look like.
#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    whole: Regex,
}

/// Why a policy cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It says something that means nothing.
    #[error("{}", .0.to_string().trim_end())]
    Parse(Box<toml::de::Error>),
    /// What it says of all commands cannot be done.
    #[error("caps: {0}")]
    Caps(&'static str),
    /// What it says of a command cannot be done.
    #[error("commands.{name}: {what}")]
    Command {
        /// Which command.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// Why arguments do not fit a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("takes {}{expected} arguments, not {given}", if *.more { "at least " } else { "" })]
    Count { expected: usize, more: bool, given: usize },
    #[error("argument {position} has to match {pattern}")]
    Pattern { position: usize, pattern: String },
    #[error("argument {position} begins with a dash, and could be taken for an option")]
    Dash { position: usize },
}

impl NamedCommand {
    /// What is run when it is given these arguments.
    pub(crate) fn argv(&self, args: &[Text]) -> Result<Vec<Text>, Misfit> {
        let expected = self.args.len();
        let more = self.rest.is_some();
        if args.len() < expected || (args.len() > expected && !more) {
            return Err(Misfit::Count { expected, more, given: args.len() });
        }
        let patterns = self.args.iter().chain(self.rest.iter().cycle());
        let mut fitting = Vec::new();
        for ((arg, pattern), position) in args.iter().zip(patterns).zip(1..) {
            let text = arg.as_str().filter(|text| pattern.whole.is_match(text));
            let text = text.ok_or_else(|| {
                let pattern = pattern.text.clone();
                Misfit::Pattern { position, pattern }
            })?;
            if text.starts_with('-') && !self.options {
                return Err(Misfit::Dash { position });
            }
            fitting.push(text);
        }
        let filled = self.argv.iter().map(|element| fill(element, &fitting));
        let rest = fitting.iter().skip(expected).map(|text| Text::from(*text));
        Ok(filled.chain(rest).collect())
    }
}

/// The element with every `{N}` replaced by argument N. What an argument brings is not looked at again.
fn fill(element: &str, args: &[&str]) -> Text {
    let mut filled = String::new();
    let mut rest = element;
    while let Some((before, position, after)) = next_place(rest) {
        filled.push_str(before);
        filled.push_str(args.get(position - 1).copied().unwrap_or_default());
        rest = after;
    }
    filled.push_str(rest);
    filled.into()
}

/// The first `{N}`: what comes before it, N from 1 to 9, and what comes behind.
fn next_place(text: &str) -> Option<(&str, usize, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (before, place) = text.split_at(at);
        let digit = place.as_bytes().get(1).filter(|digit| (b'1'..=b'9').contains(digit))?;
        let after = place.get(2..)?.strip_prefix('}')?;
        Some((before, usize::from(digit - b'0'), after))
    })
}

impl FromStr for ExecPolicy {
    type Err = PolicyError;

    /// Reads the text of a policy file. It opens named commands only.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let file: File =
            toml::from_str(text).map_err(|error| PolicyError::Parse(Box::new(error)))?;
        let caps = file.caps.over(&Caps::default()).map_err(PolicyError::Caps)?;
        let commands =
            file.commands.into_iter().map(|(name, table)| match table.command(&name, &caps) {
                Ok(command) => Ok((name, command)),
                Err(what) => Err(PolicyError::Command { name, what }),
            });
        let commands = commands.collect::<Result<_, _>>()?;
        Ok(Self { any: false, shell: false, commands, caps, detached: file.detached })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    detached: usize,
    caps: CapsTable,
    commands: BTreeMap<String, CommandTable>,
}

/// A number of zero makes no cap but a mistake: nothing could be run.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CapsTable {
    output: Option<ByteSize>,
    run_time: Option<Time>,
    cpu: Option<Time>,
    processes: Option<std::num::NonZeroU64>,
    memory: Option<ByteSize>,
    file_size: Option<ByteSize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandTable {
    argv: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
    /// What every further argument may be, which are put at the end.
    rest: Option<String>,
    /// Whether arguments may begin with a dash.
    #[serde(default)]
    options: bool,
    #[serde(default)]
    env: Vec<String>,
    cwd: Option<PathBuf>,
    #[serde(default)]
    stdin: bool,
    #[serde(default)]
    detach: bool,
    #[serde(default)]
    caps: CapsTable,
}

impl CapsTable {
    fn over(self, others: &Caps) -> Result<Caps, &'static str> {
        let bytes = |size: Option<ByteSize>| size.map(|size| size.as_u64());
        if bytes(self.memory).is_some_and(|memory| memory < LEAST_MEMORY) {
            return Err("memory has to be at least 16 MiB: the supervisor lives within it, too");
        }
        Ok(Caps {
            output: bytes(self.output).or(others.output),
            run_time: self.run_time.map(Time::duration).or(others.run_time),
            cpu: self.cpu.map(Time::duration).or(others.cpu),
            processes: self.processes.map(u64::from).or(others.processes),
            memory: bytes(self.memory).or(others.memory),
            file_size: bytes(self.file_size).or(others.file_size),
        })
    }
}

impl CommandTable {
    fn command(self, name: &str, caps: &Caps) -> Result<NamedCommand, String> {
        if !is_name(name) {
            return Err("1 to 64 letters, digits, dots, dashes and underscores make a name".into());
        }
        if self.argv.first().is_none_or(String::is_empty) {
            return Err("argv needs at least the program".into());
        }
        if let Some(text) = self.argv.iter().find(|text| text.contains('\0')) {
            return Err(format!("argv: {text:?} holds a NUL byte"));
        }
        for position in 1..=9 {
            let named =
                self.argv.iter().any(|element| element.contains(&format!("{{{position}}}")));
            match position <= self.args.len() {
                true if !named => return Err(format!("argv has no place {{{position}}}")),
                false if named => return Err(format!("args has no pattern for {{{position}}}")),
                _ => {}
            }
        }
        if self.args.len() > 9 {
            return Err("args: 9 is the most; rest takes any number".into());
        }
        let pattern = |text: String| Pattern::new(text).map_err(|what| format!("args: {what}"));
        Ok(NamedCommand {
            argv: self.argv,
            args: self.args.into_iter().map(pattern).collect::<Result<_, _>>()?,
            rest: self
                .rest
                .map(Pattern::new)
                .transpose()
                .map_err(|what| format!("rest: {what}"))?,
            options: self.options,
            env: self.env,
            cwd: self.cwd,
            stdin: self.stdin,
            detach: self.detach,
            caps: self.caps.over(caps).map_err(|what| format!("caps: {what}"))?,
        })
    }
}

impl Pattern {
    fn new(text: String) -> Result<Self, String> {
        // By itself first: what is put around it must not lend it a parenthesis.
        let read = Regex::new(&text).and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")));
        match read {
            Ok(whole) => Ok(Self { text, whole }),
            Err(error) => Err(format!("{text:?} is no pattern: {error}")),
        }
    }
}

/// What a supervisor has room in, with some to spare.
const LEAST_MEMORY: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<ExecPolicy>().unwrap_err().to_string()
    }

    #[test]
    fn caps_of_a_command_go_before_those_of_all() {
        let policy: ExecPolicy = "detached = 3\n[caps]\noutput = \"1 MiB\"\ncpu = \"90s\"\n\
                                  [commands.a]\nargv = [\"a\"]\ncaps = { output = \"5KB\" }"
            .parse()
            .unwrap();
        assert_eq!((policy.detached, policy.any, policy.shell), (3, false, false));
        let cpu = Some(Duration::from_secs(90));
        assert_eq!(policy.caps, Caps { output: Some(1 << 20), cpu, ..Caps::default() });
        assert_eq!(policy.commands["a"].caps, Caps { output: Some(5000), cpu, ..Caps::default() });
    }

    #[test]
    fn what_means_nothing_is_named() {
        let command =
            |rest: &str| error(&format!("[commands.a]\nargv = [\"a\", \"{{1}}\"]\n{rest}"));
        for (told, error) in [
            ("unknown field `cap`", error("[cap]")),
            ("unknown field `argw`", error("[commands.a]\nargw = []")),
            ("commands.a b: 1 to 64 letters", error("[commands.\"a b\"]\nargv = [\"a\"]")),
            ("commands.a: argv needs at least the program", error("[commands.a]\nargv = []")),
            ("commands.a: args has no pattern for {1}", command("")),
            ("commands.a: argv has no place {2}", command("args = ['x', 'y']")),
            ("commands.a: args: \"(\" is no pattern: ", command("args = ['(']")),
            // What closes our own parenthesis around it is no pattern.
            ("commands.a: args: \"a)|(b\" is no pattern: ", command("args = ['a)|(b']")),
            ("commands.a: rest: \"[\" is no pattern: ", command("args = ['a']\nrest = '['")),
            ("caps: memory has to be at least 16 MiB", error("[caps]\nmemory = \"1MB\"")),
            ("expected a nonzero", error("[caps]\nprocesses = 0")),
            ("a time is above zero", error("[caps]\nrun_time = \"0s\"")),
            ("output", error("[caps]\noutput = \"much\"")),
        ] {
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
