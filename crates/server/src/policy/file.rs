//! The policy file, as it is written.

use super::named::{NamedCommand, Pattern, loads_code, next_place};
use super::{Caps, ExecPolicy, PolicyError};
use crate::config::Time;
use crate::roles::is_name;
use bytesize::ByteSize;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

impl FromStr for ExecPolicy {
    type Err = PolicyError;

    /// Reads the text of a policy file. It opens named commands only.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let file: File =
            toml::from_str(text).map_err(|error| PolicyError::Parse(Box::new(error)))?;
        let caps = file.caps.over(&Caps::default()).map_err(PolicyError::Caps)?;
        let commands = file.commands.into_iter().map(|(name, table)| {
            let command = match table.command(&name, &caps) {
                Ok(command) if command.detach && file.detached == 0 => {
                    Err("detach = true needs `detached` above 0, at the top of the file".into())
                }
                command => command,
            };
            match command {
                Ok(command) => Ok((name, command)),
                Err(what) => Err(PolicyError::Command { name, what }),
            }
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
        if self.argv.first().is_some_and(|program| next_place(program).is_some()) {
            return Err("argv: which program it is, is not the client's to say".into());
        }
        if let Some(name) = self.env.iter().find(|name| loads_code(name)) {
            return Err(format!("env: {name} would load code into the program"));
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

/// What a supervisor has room in, with some to spare.
const LEAST_MEMORY: u64 = 16 * 1024 * 1024;
