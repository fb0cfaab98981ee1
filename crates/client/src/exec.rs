//! `exec`: a command at the server, as if it ran here; or at many servers.
//!
//! ```text
//!              many        threads, signals, the status file
//!                |
//!               ask        one server: connect, run, tell
//!              /   \
//!        session   Decoded --> the output as it is, or
//!                  (encoding)  lines behind a name (prefix), or
//!                              JSON (json)
//! ```

mod ask;
mod encoding;
mod hosts;
mod json;
mod many;
mod outcome;
mod prefix;
mod signals;
mod status_file;
mod text;

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use framing_protocol::message::{Cap, Command, Escaped, Exec, Exit, Outcome, Stdin, Text};
use framing_transport::Waker;

use crate::args::{self, Args, Program};
use crate::error::{Error, Status, shown};
use crate::output::{Output, Shared};
use crate::report;
use ask::{Form, Work};
use hosts::Host;
use many::Ends;
use outcome::{End, How};
use signals::Signals;
use status_file::StatusFile;

pub(crate) use encoding::Encoding;
pub use hosts::ServersError;
pub(crate) use signals::ignored;

/// Runs it, and gives the exit code.
pub(crate) fn run(args: &Args, asked: &args::Exec) -> Result<Status, Error> {
    // Before anything else, for it may wait for whoever is to read it, and has to be there before a command
    // runs of which it could not tell.
    let status_file = asked.status_file.as_deref().map(StatusFile::open).transpose()?;
    let named = match &asked.servers {
        Some(path) => hosts::listed(path)?,
        None => args.servers().map(str::to_owned).collect(),
    };
    let many = asked.servers.is_some() || named.len() > 1;
    let (servers, again) = hosts::distinct(named);
    let form = match (asked.shape.json, asked.shape.json_events) {
        (true, _) => Form::Json,
        (_, true) => Form::Events,
        _ if many => Form::Lines,
        _ => Form::Plain,
    };
    let speaks = matches!(form, Form::Plain | Form::Lines);
    for server in again.iter().filter(|_| speaks) {
        let server = Escaped(server.as_bytes());
        report::line(format_args!("exec: {server} is named more than once, and asked once"));
    }
    let signals = Signals::catch()?;
    let work = Arc::new(Work {
        args: args.clone(),
        exec: request(asked),
        encoding: asked.encoding,
        form,
        hosts: servers.into_iter().map(Host::new).collect::<Result<_, _>>()?,
        began: Instant::now(),
        taken: AtomicUsize::new(0),
        stdout: Shared::new(Output::stdout()?)?,
        stderr: Shared::new(Output::stderr()?)?,
        told: Waker::new()?,
    });
    let Ends { all, trouble, interrupts } = many::run(&work, asked.jobs, status_file, signals)?;
    match form {
        Form::Plain => all.iter().for_each(|end| explain(&work.exec, end)),
        Form::Lines => summarize(&all),
        // Programs are told by what they read; if that cannot be written, nothing else tells.
        Form::Json | Form::Events => {
            for end in &all {
                if let How::Failed(error @ Error::Sink(_)) = &end.how
                    && !error.is_quiet()
                {
                    report::line(format_args!("exec: {error}"));
                }
            }
        }
    }
    if let Some(error) = trouble {
        return Err(error);
    }
    let greatest = all.iter().map(End::status).max_by_key(|status| status.code());
    let status = greatest.unwrap_or(Status::OWN_FAILURE);
    if interrupts > 0 && status == Status::INTERRUPTED {
        // A shell ends its loop only if what it waits for dies of the signal; it calls that 130, too.
        signal_hook::low_level::emulate_default_handler(signals::INT.number)?;
    }
    Ok(status)
}

/// What the servers are asked for.
fn request(asked: &args::Exec) -> Exec {
    let texts = |args: &[std::ffi::OsString]| -> Vec<_> {
        args.iter().map(|arg| Text::from(arg.as_bytes())).collect()
    };
    let command = match asked.program() {
        Program::Shell(line) => Command::Shell(Text::from(line.as_bytes())),
        Program::Named { name, args } => Command::Named { name: name.into(), args: texts(args) },
        Program::File(argv) => Command::Argv(texts(argv)),
    };
    let env = asked
        .env
        .iter()
        .map(|variable| (variable.name.clone(), Text::from(variable.value.as_bytes())));
    Exec {
        env: env.collect(),
        cwd: asked.cwd.as_ref().map(|folder| Text::from(folder.as_bytes())),
        stdin: if asked.stdin { Stdin::Piped } else { Stdin::Null },
        timeout: asked.timeout,
        detach: asked.detach,
        ..Exec::new(command)
    }
}

/// Says of the one server what the exit code alone does not.
fn explain(exec: &Exec, end: &End) {
    let name = match &exec.command {
        Command::Argv(argv) => {
            argv.first().map_or_else(String::new, |name| shown(name.as_bytes()).to_string())
        }
        Command::Shell(_) => "the shell".into(),
        Command::Named { name, .. } => format!("@{}", Escaped(name.as_bytes())),
    };
    match &end.how {
        How::Exit(exit) => {
            if is_held(exit) {
                report::line(format_args!("exec: {name}: {TRUNCATED}"));
            }
            if let Some(explanation) = end.explanation() {
                report::line(format_args!("exec: {name}: {explanation}"));
            }
        }
        How::Failed(_) | How::Cancelled { .. } => {
            let Some(explanation) = end.explanation() else { return };
            report::line(format_args!("exec: {explanation}"));
        }
    }
    if let Some(next) = &end.hint {
        report::hint(next);
    }
}

/// Says how it went at all servers, and what went wrong at which.
fn summarize(ends: &[End]) {
    let mut labels: Vec<(String, usize)> = vec![("ok".into(), 0)];
    for end in ends {
        let label = end.label();
        match labels.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) => *count += 1,
            None => labels.push((label, 1)),
        }
    }
    let counts: Vec<_> = labels
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(label, count)| format!("{count} {label}"))
        .collect();
    // Whoever read the output had enough of it, and of this too.
    if !ends.iter().any(End::is_quiet) {
        let servers = if ends.len() == 1 { "server" } else { "servers" };
        report::line(format_args!("exec: {} {servers}: {}", ends.len(), counts.join(", ")));
    }
    let mut hints: Vec<&str> = Vec::new();
    for end in ends.iter().filter(|end| !end.is_quiet()) {
        let server = Escaped(end.server.as_bytes()).to_string();
        if let How::Exit(exit) = &end.how
            && is_held(exit)
        {
            report::line(format_args!("exec: {server}: {TRUNCATED}"));
        }
        if end.status() == Status::OK {
            continue;
        }
        let why = end.explanation().unwrap_or_else(|| end.label());
        // Some errors name it themselves.
        let why = why.strip_prefix(&format!("{server}: ")).unwrap_or(&why);
        report::line(format_args!("exec: {server}: {why}"));
        if let Some(hint) = end.hint.as_deref().filter(|hint| !hints.contains(hint)) {
            report::hint(hint);
            hints.push(hint);
        }
    }
}

/// Whether somebody else kept the output, and not the server's cap, which says so itself.
fn is_held(exit: &Exit) -> bool {
    exit.truncated && exit.outcome != (Outcome::CapExceeded { cap: Cap::Output })
}

const TRUNCATED: &str =
    "somebody to whom it gave its output still held it; what came later is missing";
