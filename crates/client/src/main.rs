//! `framing-client`: see the library of the same name.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use framing_client::{Args, Status, names_exec, run};

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    match Args::try_parse_from(&line) {
        Ok(args) => run(&args).into(),
        Err(error) => {
            // Help and version are errors of the parser, too, and go to standard output. If nobody
            // reads them there is nothing left to say.
            let _ = error.print();
            match error.exit_code() {
                0 => ExitCode::SUCCESS,
                _ if names_exec(line.iter().map(OsString::as_os_str)) => Status::OWN_FAILURE.into(),
                _ => Status::USAGE.into(),
            }
        }
    }
}
