//! The command line.

use crate::{DEFAULT_LISTEN, ExecPolicy, Options};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Serves upper-case echo, remote commands and files over framed messages.
///
/// Connections are neither encrypted nor authenticated yet, so only this machine itself may
/// connect. Commands and files are off until a flag opens them.
#[derive(Debug, Parser)]
#[command(name = "framing-server", version, args_conflicts_with_subcommands = true)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until interrupted (what happens without a command, too)
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Listen here (HOST:PORT, port 0 for any free one); may be given several times
    #[arg(long, value_name = "ADDR", env = "FRAMING_LISTEN", value_delimiter = ',')]
    #[arg(default_value = DEFAULT_LISTEN)]
    listen: Vec<String>,

    /// Serve the files below this directory; without it there are none
    #[arg(long, value_name = "DIR", env = "FRAMING_ROOT")]
    root: Option<PathBuf>,

    /// Let clients run any program with any arguments, as the user who runs this server and with its
    /// terminal, if it has one
    #[arg(long)]
    exec_any: bool,

    /// Let clients run shell command strings, as the user who runs this server and with its terminal,
    /// if it has one
    #[arg(long)]
    exec_shell: bool,
}

impl From<Args> for Options {
    fn from(args: Args) -> Self {
        let Serve { listen, root, exec_any, exec_shell } = match args.command {
            Some(Command::Serve(serve)) => serve,
            None => args.serve,
        };
        Self {
            listen,
            root,
            exec: ExecPolicy { any: exec_any, shell: exec_shell },
            ..Self::default()
        }
    }
}

const EXIT_CODES: &str = "Exit codes: 0 ended by SIGINT or SIGTERM; 1 it could not go on; 2 flags, \
                          addresses or directories that cannot be used";
