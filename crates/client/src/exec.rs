//! `exec`: a command at the server, as if it ran here.

use std::os::unix::ffi::OsStrExt;

use framing_protocol::message::{Command, Escaped, Exec, Exit, Outcome, Text};

use crate::args::{self, Args};
use crate::error::{Error, Status, hint_of_outcome, shown};
use crate::output::Output;
use crate::report;
use crate::run::target;
use crate::session::Session;

/// Runs it, and gives its exit code.
pub(crate) fn run(args: &Args, asked: &args::Exec) -> Result<Status, Error> {
    let command = match &asked.shell {
        Some(line) => Command::Shell(Text::from(line.as_bytes())),
        None => Command::Argv(asked.argv.iter().map(|arg| Text::from(arg.as_bytes())).collect()),
    };
    let exec = Exec { timeout: asked.timeout, ..Exec::new(command) };
    let (mut stdout, mut stderr) = (Output::stdout()?, Output::stderr()?);
    let exit = Session::connect(&target(args)?)?.exec(&exec, &mut stdout, &mut stderr)?;
    explain(&exec, &exit);
    if let Some(next) = hint_of_outcome(&exit.outcome, args) {
        report::hint(&next);
    }
    Ok(Status::from(&exit.outcome))
}

/// Says what the exit code alone does not.
fn explain(exec: &Exec, exit: &Exit) {
    let name = match &exec.command {
        Command::Argv(argv) => {
            argv.first().map_or_else(String::new, |name| shown(name.as_bytes()).to_string())
        }
        Command::Shell(_) => "the shell".into(),
        Command::Named { name, .. } => format!("@{}", Escaped(name.as_bytes())),
    };
    if exit.truncated {
        report::line(format_args!(
            "exec: {name}: a process that it left behind still held the output; what came later is missing"
        ));
    }
    match &exit.outcome {
        Outcome::Exited { code } if u8::try_from(*code).is_err() => report::line(format_args!(
            "exec: {name}: the server tells of exit code {code}, and there is none such"
        )),
        Outcome::Exited { .. } | Outcome::Detached => {}
        Outcome::Signalled { signal, name: signal_name } => {
            let signal_name = Escaped(signal_name.as_bytes());
            report::line(format_args!("exec: {name}: killed by signal {signal} ({signal_name})"));
        }
        Outcome::TimedOut => report::line(format_args!(
            "exec: {name}: ended after {:.1?}, when its time was up",
            exit.duration
        )),
        Outcome::CapExceeded { cap } => report::line(format_args!(
            "exec: {name}: ended after {:.1?}, for the server has a cap on {}",
            exit.duration,
            cap.as_str()
        )),
        Outcome::NotFound => {
            report::line(format_args!("exec: {name}: the server has no such command"));
        }
        Outcome::NotExecutable => {
            report::line(format_args!("exec: {name}: the server's system will not run it"));
        }
    }
}
