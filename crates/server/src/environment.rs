//! What a command is run with: exactly what was asked for, and nothing of the server's own.

use crate::ExecPolicy;
use crate::root::Root;
use framing_protocol::message::{self, Code, Exec, Failure, Text};
use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The command that `exec` asks for, if the policy allows it.
pub(crate) fn command(
    exec: &Exec,
    policy: ExecPolicy,
    root: Option<&Root>,
) -> Result<Command, Failure> {
    let mut command = match &exec.command {
        message::Command::Argv(argv) => {
            allowed(policy.any, "programs", "--exec-any")?;
            let [program, arguments @ ..] = &argv[..] else {
                return Err(bad_request("argv is empty: it needs at least the program"));
            };
            let mut command = Command::new(os(program, "argv")?);
            for argument in arguments {
                command.arg(os(argument, "argv")?);
            }
            command
        }
        message::Command::Shell(line) => {
            allowed(policy.shell, "shell commands", "--exec-shell")?;
            let mut command = Command::new("/bin/sh");
            // A line that begins with a dash is a line all the same.
            command.args([OsStr::new("-c"), OsStr::new("--"), os(line, "the shell line")?]);
            command
        }
        message::Command::Named { .. } => {
            return Err(Failure::new(Code::Denied, "this server has no commands with names"));
        }
    };
    command.env_clear();
    for (name, fallback) in INHERITED {
        command.env(name, env::var_os(name).unwrap_or_else(|| fallback.into()));
    }
    for (name, value) in &exec.env {
        command.env(variable(name)?, os(value, "env")?);
    }
    command.current_dir(directory(exec.cwd.as_ref(), root)?);
    command.stdin(match exec.stdin {
        message::Stdin::Null => Stdio::null(),
        message::Stdin::Piped => Stdio::piped(),
    });
    Ok(command)
}

fn allowed(open: bool, what: &str, flag: &str) -> Result<(), Failure> {
    if open {
        return Ok(());
    }
    let message = format!("this server does not run {what}");
    Err(Failure::new(Code::Denied, message).hint(format!("start it with: framing-server {flag}")))
}

/// The bytes as the system takes them: anything but NUL, which would end them early.
fn os<'t>(text: &'t Text, place: &str) -> Result<&'t OsStr, Failure> {
    if text.as_bytes().contains(&0) {
        return Err(bad_request(format!(
            "{place} holds a NUL byte, which the system cannot pass on"
        )));
    }
    Ok(OsStr::from_bytes(text.as_bytes()))
}

/// The name of a variable that does not decide which code runs before the program itself.
fn variable(name: &str) -> Result<&str, Failure> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(bad_request(format!("{name:?} cannot be the name of a variable")));
    }
    if name.starts_with("LD_") || matches!(name, "ENV" | "BASH_ENV") {
        let message = format!("the variable {name} would load code into the program");
        return Err(Failure::new(Code::Denied, message).hint("leave it out"));
    }
    Ok(name)
}

/// Where it runs: relative to the root, which is the default; without a root, to `/`.
fn directory(cwd: Option<&Text>, root: Option<&Root>) -> Result<PathBuf, Failure> {
    let base = root.map_or(Path::new("/"), Root::path);
    let directory = match cwd {
        Some(cwd) => base.join(os(cwd, "cwd")?),
        None => base.to_owned(),
    };
    // Told here, for a directory that is missing looks like a missing program later.
    if directory.is_dir() {
        Ok(directory)
    } else {
        Err(Failure::new(Code::NotADirectory, "cwd is no directory of this server")
            .hint("a relative cwd begins at the server's root"))
    }
}

fn bad_request(message: impl Into<String>) -> Failure {
    Failure::new(Code::BadRequest, message)
}

/// What a command sees of the server's environment, and what instead where that has none.
const INHERITED: [(&str, &str); 3] =
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/"), ("LANG", "C.UTF-8")];
