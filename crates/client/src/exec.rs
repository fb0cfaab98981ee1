//! `exec`: a command at the server, as if it ran here.

use std::os::unix::ffi::OsStrExt;

use framing_protocol::message::{Command, Escaped, Exec, Exit, Outcome, Text};

use crate::args;
use crate::error::{Error, Status};
use crate::output::Output;
use crate::report;
use crate::session::Session;

/// Runs it, and gives its exit code.
pub(crate) fn run(server: &str, args: &args::Exec) -> Result<Status, Error> {
    let command = match &args.shell {
        Some(line) => Command::Shell(Text::from(line.as_bytes())),
        None => Command::Argv(args.argv.iter().map(|arg| Text::from(arg.as_bytes())).collect()),
    };
    let exec = Exec { timeout: args.timeout, ..Exec::new(command) };
    let (mut stdout, mut stderr) = (Output::stdout()?, Output::stderr()?);
    let exit = Session::connect(server)?.exec(&exec, &mut stdout, &mut stderr)?;
    explain(&exec, &exit);
    Ok(Status::from(&exit.outcome))
}

/// Says what the exit code alone does not.
fn explain(exec: &Exec, exit: &Exit) {
    let name = match &exec.command {
        Command::Argv(argv) => argv.first().map_or_else(String::new, Text::to_string),
        Command::Shell(_) => "the shell".into(),
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
        Outcome::Exited { .. } => {}
        Outcome::Signalled { signal, name: signal_name } => {
            let signal_name = Escaped(signal_name.as_bytes());
            report::line(format_args!("exec: {name}: killed by signal {signal} ({signal_name})"));
        }
        Outcome::TimedOut => report::line(format_args!(
            "exec: {name}: ended after {:.1?}, when its time was up",
            exit.duration
        )),
        Outcome::NotFound => {
            report::line(format_args!("exec: {name}: the server has no such command"));
            report::hint("give its whole path, or use a shell: framing-client exec --shell LINE");
        }
        Outcome::NotExecutable => {
            report::line(format_args!("exec: {name}: the server's system will not run it"));
            report::hint("see whether it is a program: framing-client exec -- ls -l FILE");
        }
    }
}
