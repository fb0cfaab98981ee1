//! `framing-client`: see the library of the same name.

use std::ffi::OsString;
use std::process::ExitCode;

use framing_client::{Args, run};

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    match Args::read(&line) {
        Ok(args) => run(&args).into(),
        Err(status) => status.into(),
    }
}
