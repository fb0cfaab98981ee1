//! The command line: what can be asked for, and how it is spelled.

mod exec;
mod get;
mod ls;
mod put;
mod transfer;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgGroup, Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand};

use framing::{Spec, SpecError};
use framing_transport::Pin;
use unicode_width::UnicodeWidthStr;

use crate::error::Status;

pub(crate) use exec::{Exec, Program};
pub(crate) use get::{Get, is_pattern};
pub(crate) use ls::{Ls, Sort};
pub(crate) use put::{Put, is_folder};
pub(crate) use transfer::{Reports, Transfer};

/// Upper-case echo, remote commands and files, as whole messages over one encrypted connection.
#[derive(Debug, Clone, Parser)]
#[command(name = "framing-client", version, about, after_help = EXIT_CODES)]
#[command(max_term_width = 100)]
pub struct Args {
    /// Where the server listens; for `exec` it may be several, with commas between them
    #[arg(long, value_name = "ADDR", env = "FRAMING_SERVER", default_value = DEFAULT_SERVER, global = true)]
    pub(crate) server: String,

    #[arg(skip)]
    pub(crate) origin: Origin,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Reads a command line, the program's name first. What cannot be read is explained, and so is what
    /// was asked to be (`--help`, `--version`): then there is nothing left but to exit.
    pub fn read(line: &[OsString]) -> Result<Self, Status> {
        Self::parse_line(line).map_err(|error| {
            // If nobody listens there is nothing left to say.
            let _ = error.print();
            match error.exit_code() {
                0 => Status::OK,
                _ if names_exec(line) => Status::OWN_FAILURE,
                _ => Status::USAGE,
            }
        })
    }

    /// What clap has to know. Who inspects asks no server, and is not told how to name one.
    fn definition() -> clap::Command {
        let server = Arg::new("server").long("server").value_name("ADDR").hide(true);
        Self::command().mut_subcommand("inspect", |inspect| inspect.arg(server))
    }

    fn parse_line(line: &[OsString]) -> Result<Self, clap::Error> {
        let matches = Self::definition().try_get_matches_from(line)?;
        let mut args = Self::from_arg_matches(&matches)?;
        args.origin = match matches.value_source("server") {
            Some(ValueSource::CommandLine) => Origin::Flag,
            Some(ValueSource::EnvVariable) if !args.server.is_empty() => Origin::Environment,
            _ => Origin::Default,
        };
        if args.origin == Origin::Default {
            // An empty variable is as good as none.
            args.server = DEFAULT_SERVER.into();
        }
        match args.contradiction() {
            None => Ok(args),
            Some(message) => Err(Self::definition().error(ErrorKind::ArgumentConflict, message)),
        }
    }

    /// What no single argument is to blame for.
    fn contradiction(&self) -> Option<&'static str> {
        let several = self.server.contains(',');
        let missing = self.servers().any(str::is_empty);
        match &self.command {
            // These ask none of them.
            Command::Inspect(_) | Command::Fingerprint { .. } | Command::Pair { .. } => None,
            Command::Exec(exec) if exec.is_misnamed() => {
                Some("the name of a command, behind @, is UTF-8 and not empty")
            }
            Command::Exec(exec) if exec.servers.is_some() => (self.origin == Origin::Flag)
                .then_some("the servers are named by --server or by --servers, not by both"),
            Command::Exec(exec) if exec.stdin && several => {
                Some("standard input can be sent to one server only")
            }
            Command::Exec(_) => {
                (several && missing).then_some("between two commas a server is missing")
            }
            _ if several => Some("only exec asks several servers at once"),
            Command::Get(get) => get.contradiction(),
            Command::Put(put) => put.contradiction(),
            _ => None,
        }
    }

    /// The servers that are named, with commas between them.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &str> {
        self.server.split(',').map(str::trim)
    }

    /// The same request for one of several servers.
    pub(crate) fn asking(&self, server: &str) -> Self {
        let origin = match &self.command {
            // It stands in a file, and has to be named by whoever asks it alone.
            Command::Exec(exec) if exec.servers.is_some() => Origin::Flag,
            _ => self.origin,
        };
        Self { server: server.to_owned(), origin, ..self.clone() }
    }
}

/// Who named the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Environment,
    #[default]
    Default,
}

impl Origin {
    /// To follow the name, where it is not plain to see who gave it.
    pub(crate) fn remark(self) -> &'static str {
        match self {
            Self::Environment => " (from FRAMING_SERVER)",
            Self::Flag | Self::Default => "",
        }
    }
}

/// What the client can do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Have text answered in upper case
    ///
    /// Each TEXT is one message and gets one line. Without TEXT, every line of standard input is one
    /// message (the empty line too), with a prompt and a history when that is a terminal. A message that
    /// is refused gets no line on standard output, only one on standard error that numbers it.
    Echo {
        /// The messages
        #[arg(value_name = "TEXT")]
        texts: Vec<OsString>,
    },
    /// Run a command at the server
    ///
    /// Its output and its errors stay apart and arrive byte for byte as they come, and its exit code
    /// becomes ours. Its standard input is empty, unless -i sends ours. SIGINT (Ctrl-C), SIGTERM and SIGHUP
    /// are for the command, too; a third SIGINT ends us at once, and the command with us.
    ///
    /// At several servers (--server a:1,b:1 or --servers FILE) it runs at the same time. Every line of output then begins with the server that it
    /// is from, a summary follows on standard error, and the exit code is the greatest of all.
    #[command(override_usage = exec::USAGE, after_long_help = exec::MORE)]
    Exec(Exec),
    /// Fetch files
    ///
    /// Each is written to FILE.part, checked against the server's digest, and only then named FILE. What is
    /// there already is not touched, unless --overwrite says so.
    ///
    /// A download that was interrupted (Ctrl-C, a lost connection, a power cut) leaves FILE.part, and
    /// FILE.part.state beside it: the same command goes on there, if the server finds that all of it is as
    /// in its own file, and begins anew otherwise. Both are ours; a FILE.part that somebody else has made
    /// is in the way, and stays as it is.
    ///
    /// Several files (more than one PATH, a pattern, or -r) go into a folder over one connection. One that
    /// cannot be had is no reason to leave out the others; the exit code is that of the first failure.
    Get(Get),
    /// Put files there
    ///
    /// The server has to be started with --writable, and the client needs the role files:write. A file gets its name
    /// there once it is whole, checked against our digest, and on disk; its permissions and its date go with it. What is
    /// there already is not touched, unless --overwrite says so.
    ///
    /// What was interrupted (Ctrl-C, a lost connection) is kept by the server for a week: the same command goes on there,
    /// if what is kept is the beginning of our file, and begins anew otherwise.
    ///
    /// Several files (more than one FILE, or -r) go into a folder over one connection. One that cannot be put is no
    /// reason to leave out the others; the exit code is that of the first failure.
    Put(Put),
    /// List folders
    ///
    /// On a terminal names stand in columns, folders with a slash behind them, and control characters in names are
    /// escaped; elsewhere they are printed as they are, one a line and as they come. Hidden names are not served.
    Ls(Ls),
    /// Show what is known of a path itself
    Stat {
        /// The paths, from the server's root on; a symbolic link is not followed
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<OsString>,
        /// Print a JSON object a line, as `ls --json` does
        #[arg(long)]
        json: bool,
    },
    /// Ask whether the server is there, and how far away
    Ping,
    /// Redeem an invitation: server and client know each other from now on
    ///
    /// The line that `framing-server invite` shows is read from standard input, or asked for: in an argument
    /// everybody on this machine could read it.
    Pair {
        /// What the server is to call us, if the invitation does not say [default: this machine's name]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Trust a server's key from now on
    ///
    /// Compare it with what `framing-server fingerprint` shows there. Servers of the same user on this
    /// machine are known without.
    Trust {
        /// The key: what `framing-server fingerprint` shows
        key: Pin,
        /// Even though another key of this server is known: that one is forgotten
        #[arg(long)]
        replace: bool,
    },
    /// Show the name of our own key, for servers to authorize
    Fingerprint {
        /// Show our certificate instead, in PEM
        #[arg(long)]
        certificate: bool,
    },
    /// Show the frames in a captured stream
    ///
    /// One line for each frame: where it begins, its head, its payload as text or in hexadecimal. Where
    /// the capture does not parse, the exact place and the reason are told, and the exit code is 7. No
    /// server is asked.
    ///
    /// Of a long payload only the beginning is shown; --json has all of it. A terminal gets colours,
    /// unless `NO_COLOR` is set.
    Inspect(Inspect),
}

impl Command {
    /// What it is called on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Echo { .. } => "echo",
            Self::Exec(_) => "exec",
            Self::Get(_) => "get",
            Self::Put(_) => "put",
            Self::Ls(_) => "ls",
            Self::Stat { .. } => "stat",
            Self::Ping => "ping",
            Self::Pair { .. } => "pair",
            Self::Trust { .. } => "trust",
            Self::Fingerprint { .. } => "fingerprint",
            Self::Inspect(_) => "inspect",
        }
    }
}

/// `inspect`: under one framing, or under which.
#[derive(Debug, Clone, ClapArgs)]
#[command(group = ArgGroup::new("how").required(true))]
pub(crate) struct Inspect {
    /// The framing: u16be, u32le,offset=2,max=1MiB, lines, crlf,strict, delimiter=0x0d0a, varint,
    /// netstring, content-length, chunked, cobs, slip, envelope and others
    #[arg(long, value_name = "SPEC", value_parser = spec, group = "how")]
    pub(crate) framing: Option<Spec>,

    /// Rank the framings under which all of the capture parses, instead of showing frames. Of bytes
    /// that are chance, one capture in 2^N parses so well that it is given N bits
    #[arg(long, group = "how", conflicts_with = "json")]
    pub(crate) guess: bool,

    /// Print a JSON object a line: offset, head, payload and trailer, the last three in hexadecimal.
    /// What is cut off a payload (`oversize=truncate`) begins the trailer. Put together they are the
    /// capture again, unless payloads are stuffed or joined from parts, or frames are left out
    /// (`oversize=skip`)
    #[arg(long)]
    pub(crate) json: bool,

    /// The capture, or `-` for standard input [default: standard input]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<OsString>,
}

/// Reads the spec of a framing.
fn spec(text: &str) -> Result<Spec, BadSpec> {
    text.parse().map_err(|error: SpecError| BadSpec { text: text.into(), error })
}

/// A spec that is wrong, and a mark under the part of it.
#[derive(Debug, thiserror::Error)]
#[error("{error}\n\n  {text}\n  {}{}", " ".repeat(before(text, error)), "^".repeat(marked(text, error)))]
struct BadSpec {
    text: String,
    error: SpecError,
}

/// Columns before the wrong part.
fn before(text: &str, error: &SpecError) -> usize {
    text.get(..error.at().start).map_or(0, UnicodeWidthStr::width)
}

/// Columns of the wrong part, or one where it is empty.
fn marked(text: &str, error: &SpecError) -> usize {
    text.get(error.at()).map_or(1, |part| part.width().max(1))
}

/// Whether a command line that does not parse was meant for `exec`, whose exit codes 0 to 123 belong
/// to the remote command, so that even a usage error must not look like one of them.
fn names_exec(line: &[OsString]) -> bool {
    let mut args = line.iter().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--server" {
            args.next();
        } else if !arg.as_encoded_bytes().starts_with(b"-") {
            return arg == "exec";
        }
    }
    false
}

const DEFAULT_SERVER: &str = "127.0.0.1:7878";

const EXIT_CODES: &str = "\
Exit codes:
  0 ok   1 other   2 usage   3 no connection   4 a key that is not known, here or there
  5 denied   6 not found
  7 damaged, or a capture that does not parse   8 timeout
  9 exists already   130 interrupted
  exec: the command's own; 124 timeout, 125 our own failure, 126 refused or not executable,
  127 not found, 128+N killed by signal N";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(["framing-client"].iter().chain(line))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::definition().debug_assert();
    }

    #[test]
    fn the_server_may_be_named_after_the_command() {
        assert_eq!(parse(&["ping", "--server", "[::1]:1"]).unwrap().server, "[::1]:1");
    }

    #[test]
    fn only_exec_asks_several_servers() {
        let read = |line: &[&str]| {
            let line: Vec<_> = ["framing-client"].iter().chain(line).map(OsString::from).collect();
            Args::parse_line(&line)
        };
        let args = read(&["--server", "a:1, b:1", "exec", "ls"]).unwrap();
        assert_eq!(args.servers().collect::<Vec<_>>(), ["a:1", "b:1"]);
        for command in [&["ping"][..], &["echo", "a"], &["get", "a"], &["ls"]] {
            let error = read(&[&["--server", "a:1,b:1"], command].concat()).unwrap_err();
            assert!(error.to_string().contains("only exec"), "{error}");
        }
    }

    #[test]
    fn exec_is_recognised_in_a_broken_line() {
        let named = |line: &[&str]| {
            names_exec(
                &["framing-client"].iter().chain(line).map(OsString::from).collect::<Vec<_>>(),
            )
        };
        assert!(named(&["exec", "--timeout", "soon"]));
        assert!(named(&["--server", "exec:1", "exec"]));
        assert!(named(&["--server=a:1", "exec"]));
        assert!(named(&["--server", "a:1,b:1", "exec", "--servers"]));
        assert!(!named(&["--server", "exec"]));
        assert!(!named(&["echo", "exec"]));
        assert!(!named(&[]));
    }
}
