//! From a parsed command line to an exit code.

use std::io::{self, Write};

use crate::args::{Args, Command};
use crate::error::{Error, Status};
use crate::session::Session;
use crate::{echo, exec, get, ls, report};

/// Does what was asked for, says on standard error what went wrong, and gives the exit code.
pub fn run(args: &Args) -> Status {
    let server = &args.server;
    let result = match &args.command {
        Command::Exec(exec) => {
            return exec::run(args, exec).unwrap_or_else(|error| {
                report::error(args, &error);
                error.status_of_exec()
            });
        }
        Command::Echo { texts } => echo::run(server, texts),
        Command::Get { path, output } => get::run(server, path, output.as_deref()),
        Command::Ls { path } => ls::run(server, path),
        Command::Ping => ping(server),
    };
    match result {
        Ok(()) => Status::OK,
        Err(error) => {
            report::error(args, &error);
            error.status()
        }
    }
}

fn ping(server: &str) -> Result<(), Error> {
    let mut session = Session::connect(server)?;
    let milliseconds = session.ping()?.as_secs_f64() * 1000.0;
    writeln!(io::stdout(), "{server} answered in {milliseconds:.3} ms").map_err(Error::Sink)
}
