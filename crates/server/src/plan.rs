//! What a command is run with: exactly what was asked for, as far as it is allowed, and nothing of the
//! server's own.

use crate::descriptors;
use crate::policy::{Caps, ExecPolicy, NamedCommand, loads_code};
use crate::root::Root;
use crate::supervisor::{Bounds, Launch, Mode};
use framing_protocol::message::{Cap, Code, Command, Exec, Failure, Stdin, Text};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A command that may be run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) launch: Launch,
    /// How many bytes of output are passed on.
    pub(crate) output: Option<u64>,
    /// Whose bound the time is: the server's, if it is this.
    pub(crate) time: Option<Cap>,
}

impl Plan {
    /// What `exec` asks for, if the policy allows it.
    pub(crate) fn new(
        exec: &Exec,
        policy: &ExecPolicy,
        root: Option<&Root>,
        grace: Duration,
    ) -> Result<Self, Failure> {
        let named = match &exec.command {
            Command::Named { name, .. } => Some(named(name, policy)?),
            _ => None,
        };
        let argv = match (&exec.command, named) {
            (Command::Argv(argv), _) => {
                opened(policy.any, "programs", "--exec-any")?;
                argv.clone()
            }
            (Command::Shell(line), _) => {
                opened(policy.shell, "shell commands", "--exec-shell")?;
                // A line that begins with a dash is a line all the same.
                vec!["/bin/sh".into(), "-c".into(), "--".into(), line.clone()]
            }
            (Command::Named { name, args }, Some(named)) => {
                let misfit = |misfit| {
                    let message = format!("@{name}: {misfit}");
                    Failure::new(Code::Denied, message)
                };
                named.argv(args).map_err(misfit)?
            }
            (Command::Named { .. }, None) => return Err(bad_request("a command without a name")),
        };
        if argv.is_empty() {
            return Err(bad_request("argv is empty: it needs at least the program"));
        }
        argv.iter().try_for_each(|argument| without_nul(argument, "argv"))?;
        for (name, value) in &exec.env {
            variable(name, named)?;
            without_nul(value, "env")?;
        }
        let caps = named.map_or(&policy.caps, |named| &named.caps);
        let (bounds, time) = bounds(caps, exec.timeout);
        let launch = Launch {
            argv,
            env: exec.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            cwd: directory(exec.cwd.as_ref(), named, root)?.as_os_str().as_bytes().into(),
            bounds,
            grace,
            mode: mode(exec, named, policy)?,
        };
        Ok(Self { launch, output: caps.output, time })
    }
}

fn opened(open: bool, what: &str, flag: &str) -> Result<(), Failure> {
    if open {
        return Ok(());
    }
    let failure = denied(format!("this server does not run {what}"));
    Err(failure.hint(format!("start it with: framing-server {flag}")))
}

fn named<'p>(name: &str, policy: &'p ExecPolicy) -> Result<&'p NamedCommand, Failure> {
    policy.commands.get(name).ok_or_else(|| {
        let failure = denied(format!("this server has no command @{name}"));
        failure.hint("write it down in the file of: framing-server --exec-policy FILE")
    })
}

/// All but NUL, which would end it early, is passed on as it is.
fn without_nul(text: &Text, place: &str) -> Result<(), Failure> {
    if text.as_bytes().contains(&0) {
        return Err(bad_request(format!(
            "{place} holds a NUL byte, which the system cannot pass on"
        )));
    }
    Ok(())
}

/// Whether this variable may be set: it does not decide which code runs before the program itself, and
/// where the command is the operator's, it is one that the operator has left open.
fn variable(name: &str, named: Option<&NamedCommand>) -> Result<(), Failure> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(bad_request(format!("{name:?} cannot be the name of a variable")));
    }
    if loads_code(name) {
        let failure = denied(format!("the variable {name} would load code into the program"));
        return Err(failure.hint("leave it out"));
    }
    if named.is_some_and(|named| !named.env.iter().any(|open| open == name)) {
        let failure = denied(format!("the command does not let its client set {name}"));
        return Err(failure.hint("leave it out"));
    }
    Ok(())
}

/// Where it runs: relative to the root, which is the default; without a root, to `/`.
fn directory(
    cwd: Option<&Text>,
    named: Option<&NamedCommand>,
    root: Option<&Root>,
) -> Result<PathBuf, Failure> {
    let base = root.map_or(Path::new("/"), Root::path);
    let directory = match (named, cwd) {
        (Some(_), Some(_)) => {
            return Err(denied("where this command runs is not the client's to say"));
        }
        (Some(named), None) => named.cwd.as_ref().map_or(base.to_owned(), |cwd| base.join(cwd)),
        (None, Some(cwd)) => {
            without_nul(cwd, "cwd")?;
            base.join(std::ffi::OsStr::from_bytes(cwd.as_bytes()))
        }
        (None, None) => base.to_owned(),
    };
    // Told here, for a directory that is missing looks like a missing program later.
    match cwd {
        _ if directory.is_dir() => Ok(directory),
        Some(cwd) => {
            let failure =
                Failure::new(Code::NotADirectory, format!("{cwd} is no directory of this server"));
            Err(failure.hint("a relative cwd begins at the server's root"))
        }
        None => {
            let message = "the directory that the command is to run in is not there";
            Err(Failure::new(Code::NotADirectory, message))
        }
    }
}

fn mode(exec: &Exec, named: Option<&NamedCommand>, policy: &ExecPolicy) -> Result<Mode, Failure> {
    if exec.detach {
        if exec.stdin == Stdin::Piped {
            return Err(bad_request("a detached command has no input"));
        }
        if policy.detached == 0 {
            let failure = denied("this server runs no command without its client");
            return Err(failure.hint(
                "on the server: detached = 1, or more, in the file of framing-server --exec-policy FILE",
            ));
        }
        if named.is_some_and(|named| !named.detach) {
            let failure = denied("this command does not run without its client");
            return Err(failure.hint("on the server, in the exec policy: detach = true for it"));
        }
        return Ok(Mode::Detached);
    }
    match exec.stdin {
        Stdin::Null => Ok(Mode::Attached),
        Stdin::Piped if named.is_some_and(|named| !named.stdin) => {
            Err(denied("this command takes no input"))
        }
        Stdin::Piped => Ok(Mode::Fed),
    }
}

/// What the supervisor sees to, and whether the time is the server's cap.
fn bounds(caps: &Caps, timeout: Option<Duration>) -> (Bounds, Option<Cap>) {
    let capped = caps.run_time.filter(|cap| timeout.is_none_or(|timeout| *cap < timeout));
    let bounds = Bounds {
        time: capped.or(timeout),
        cpu: caps.cpu,
        processes: caps.processes,
        memory: caps.memory,
        file_size: caps.file_size,
        open_files: descriptors::original(),
    };
    (bounds, capped.map(|_| Cap::RunTime))
}

fn denied(message: impl Into<String>) -> Failure {
    Failure::new(Code::Denied, message)
}

fn bad_request(message: impl Into<String>) -> Failure {
    Failure::new(Code::BadRequest, message)
}
