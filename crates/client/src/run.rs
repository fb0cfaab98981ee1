//! From a parsed command line to an exit code.

use std::io::{self, Write};

use crate::args::{Args, Command, Inspect};
use crate::error::{Error, Status};
use crate::inspect::Form;
use crate::session::Session;
use crate::{echo, exec, get, inspect, ls, report};

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
        Command::Inspect(inspect) => {
            return inspected(inspect).unwrap_or_else(|error| {
                report::error(args, &error);
                error.status()
            });
        }
    };
    match result {
        Ok(()) => Status::OK,
        Err(error) => {
            report::error(args, &error);
            error.status()
        }
    }
}

fn inspected(args: &Inspect) -> Result<Status, Error> {
    let file = args.file.as_deref();
    match &args.framing {
        Some(spec) => {
            let form = if args.json { Form::Json } else { Form::Text };
            inspect::run(spec.clone(), file, form)
        }
        None => inspect::guess(file),
    }
}

fn ping(server: &str) -> Result<(), Error> {
    let mut session = Session::connect(server)?;
    let milliseconds = session.ping()?.as_secs_f64() * 1000.0;
    writeln!(io::stdout(), "{server} answered in {milliseconds:.3} ms").map_err(Error::Sink)
}
