//! From a parsed command line to an exit code.

use std::io::{self, Write};

use crate::args::{Args, Command};
use crate::error::{Error, Status};
use crate::session::Session;
use crate::{echo, exec, get, ls, report};

/// Does what was asked for, says on standard error what went wrong, and gives the exit code.
pub fn run(args: &Args) -> Status {
    let server = &args.server;
    let (name, result) = match &args.command {
        Command::Echo { texts } => ("echo", echo::run(server, texts)),
        Command::Exec(args) => {
            return exec::run(server, args).unwrap_or_else(|error| {
                report::error("exec", &error);
                error.status_of_exec()
            });
        }
        Command::Get { path, output } => ("get", get::run(server, path, output.as_deref())),
        Command::Ls { path } => ("ls", ls::run(server, path)),
        Command::Ping => ("ping", ping(server)),
    };
    match result {
        Ok(()) => Status::OK,
        Err(error) => {
            report::error(name, &error);
            error.status()
        }
    }
}

fn ping(server: &str) -> Result<(), Error> {
    let mut session = Session::connect(server)?;
    let milliseconds = session.ping()?.as_secs_f64() * 1000.0;
    writeln!(io::stdout(), "{server} answered in {milliseconds:.3} ms").map_err(Error::Sink)
}
