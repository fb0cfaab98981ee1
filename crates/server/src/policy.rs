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

mod file;
mod named;

pub use named::NamedCommand;
pub(crate) use named::loads_code;

use bytesize::ByteSize;
use std::collections::BTreeMap;
use std::fmt;
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

/// In the order of the file; `no caps` where there are none.
impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: u64| ByteSize(bytes).to_string();
        let time = |time: Duration| humantime::format_duration(time).to_string();
        let caps = [
            ("output", self.output.map(size)),
            ("run_time", self.run_time.map(time)),
            ("cpu", self.cpu.map(time)),
            ("processes", self.processes.map(|processes| processes.to_string())),
            ("memory", self.memory.map(size)),
            ("file_size", self.file_size.map(size)),
        ];
        let set = caps.into_iter().filter_map(|(name, cap)| Some(format!("{name} {}", cap?)));
        let set: Vec<_> = set.collect();
        f.write_str(if set.is_empty() { "no caps" } else { "caps: " })?;
        f.write_str(&set.join(", "))
    }
}

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
            ("which program it is", error("[commands.a]\nargv = [\"{1}\"]\nargs = ['.*']")),
            (
                "env: LD_AUDIT would load",
                error("[commands.a]\nargv = [\"a\"]\nenv = [\"LD_AUDIT\"]"),
            ),
            ("needs `detached` above 0", error("[commands.a]\nargv = [\"a\"]\ndetach = true")),
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
