//! From a parsed command line to an exit code.

use std::io::{self, Write};

use framing_transport::{Dirs, Identity, Pin};

use crate::args::{Args, Command, Inspect};
use crate::error::{Error, Status};
use crate::inspect::Form;
use crate::known_hosts::KnownHosts;
use crate::session::Session;
use crate::target::{Target, identity_file};
use crate::{echo, exec, get, inspect, ls, pair, put, report};

/// Does what was asked for, says on standard error what went wrong, and gives the exit code.
pub fn run(args: &Args) -> Status {
    let result = match &args.command {
        Command::Exec(exec) => {
            return exec::run(args, exec).unwrap_or_else(|error| {
                report::error(args, &error);
                error.status_of_exec()
            });
        }
        Command::Echo { texts } => target(args).and_then(|target| echo::run(&target, texts)),
        Command::Get(get) => target(args).and_then(|target| get::run(&target, get)),
        Command::Put(put) => target(args).and_then(|target| put::run(&target, put)),
        Command::Ls(asked) => target(args).and_then(|target| ls::run(&target, asked)),
        Command::Stat { paths, json } => {
            target(args).and_then(|target| ls::stat(&target, paths, (*json).into()))
        }
        Command::Ping => target(args).and_then(|target| ping(&target)),
        Command::Pair { name } => pair::run(name.as_deref()),
        Command::Trust { key, replace } => trust(&args.server, *key, *replace),
        Command::Fingerprint { certificate } => fingerprint(*certificate),
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

/// The server that is meant, with the keys of this user.
pub(crate) fn target(args: &Args) -> Result<Target, Error> {
    Ok(Target::new(&args.server, Dirs::of_user()?).asking())
}

fn trust(server: &str, key: Pin, replace: bool) -> Result<(), Error> {
    let known = KnownHosts::within(&Dirs::of_user()?)?;
    let put = if replace { KnownHosts::replace } else { KnownHosts::add };
    Ok(put(&known, server, key)?)
}

fn fingerprint(certificate: bool) -> Result<(), Error> {
    let identity = Identity::load_or_create(&identity_file(&Dirs::of_user()?)?)?;
    let mut stdout = io::stdout();
    if certificate {
        return write!(stdout, "{}", identity.certificate_pem()).map_err(Error::Sink);
    }
    writeln!(stdout, "{}", identity.pin()).map_err(Error::Sink)
}

fn ping(target: &Target) -> Result<(), Error> {
    let mut session = Session::connect(target)?;
    let milliseconds = session.ping()?.as_secs_f64() * 1000.0;
    let server = target.server();
    writeln!(io::stdout(), "{server} answered in {milliseconds:.3} ms").map_err(Error::Sink)
}
