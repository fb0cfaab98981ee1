//! `framing-server`: see the library of the same name.

use clap::Parser;
use framing_server::{
    Args, ConfigError, Job, Options, Server, raise_descriptor_limit, reload_on_signal,
    stop_on_signals, supervise_if_asked, survive_file_limit,
};
use framing_transport::Dirs;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    supervise_if_asked();
    let args = Args::parse();
    let dirs = match Dirs::of_user() {
        Ok(dirs) => dirs,
        Err(error) => return fail(&error, UNUSABLE),
    };
    match args.job(dirs) {
        Ok(Job::Serve(options)) => start(*options),
        Ok(Job::Keys(keys)) => match keys.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is::<ConfigError>() => fail(&*error, UNUSABLE),
            Err(error) => fail(&*error, BROKEN),
        },
        Err(error) => fail(&error, UNUSABLE),
    }
}

fn start(options: Options) -> ExitCode {
    raise_descriptor_limit();
    let server = match Server::bind(options) {
        Ok(server) => server,
        Err(error) => return fail(&error, UNUSABLE),
    };
    match serve(server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, BROKEN),
    }
}

fn serve(server: Server) -> anyhow::Result<()> {
    stop_on_signals(server.stopper())?;
    reload_on_signal(server.reloader())?;
    survive_file_limit()?;
    for address in server.addresses() {
        // Whoever started the server may have closed its output: that is no reason not to serve.
        let _ = writeln!(io::stdout(), "listening on {address}");
    }
    let _ = io::stdout().flush();
    Ok(server.run()?)
}

fn fail(error: &(impl std::fmt::Display + ?Sized), code: u8) -> ExitCode {
    let _ = io::stderr().write_all(format!("framing-server: {error}\n").as_bytes());
    ExitCode::from(code)
}

/// The exit code for flags, addresses, directories and keys that cannot be used.
const UNUSABLE: u8 = 2;

/// The exit code for a server that had to end.
const BROKEN: u8 = 1;
