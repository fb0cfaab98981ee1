//! `exec` on the command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use clap::Args as ClapArgs;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::exec::Encoding;

/// `exec`: either a command and its arguments, handed over as they are, or a line for a shell.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Exec {
    /// End the command after this time: 500ms, 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// A line for the shell at the server, instead of CMD
    #[arg(long, value_name = "LINE", conflicts_with = "argv")]
    pub(crate) shell: Option<OsString>,

    /// Set a variable in the command's environment (again for more of them)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable())]
    pub(crate) env: Vec<Variable>,

    /// The folder to run it in, from the server's root on [default: the root]
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<OsString>,

    /// Send standard input to the command, no faster than it takes it. Without this not a byte of
    /// standard input is read
    #[arg(short = 'i', long, conflicts_with_all = ["detach", "servers"])]
    pub(crate) stdin: bool,

    /// Start the command, print its process id there, and leave it running: it has no input, and its
    /// output goes nowhere
    #[arg(long)]
    pub(crate) detach: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// Write to FILE how it ended, as one line of JSON without the output. It may be /dev/fd/3 or a FIFO
    #[arg(long, value_name = "FILE")]
    pub(crate) status_file: Option<OsString>,

    /// What the output is to be taken for: raw bytes, text in any encoding that it looks like (auto), or
    /// text in one such as gbk or big5. Text becomes UTF-8
    #[arg(long, value_name = "raw|auto|LABEL", default_value = "raw", value_parser = str::parse::<Encoding>)]
    pub(crate) encoding: Encoding,

    /// Run it at all servers in FILE, one HOST:PORT a line, `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub(crate) servers: Option<OsString>,

    /// At how many servers at a time
    #[arg(long, value_name = "N", default_value = "16", value_parser = jobs)]
    pub(crate) jobs: usize,

    /// The command and its arguments; no shell looks at them, and everything from here on is theirs
    ///
    /// @NAME is a command that the server's operator has written down (a program whose file is called @x is
    /// ./@x)
    #[arg(value_name = "CMD", trailing_var_arg = true, required_unless_present = "shell")]
    pub(crate) argv: Vec<OsString>,
}

pub(super) const USAGE: &str = "\
framing-client exec [OPTIONS] [--] CMD [ARG]...
       framing-client exec [OPTIONS] --shell LINE";

pub(super) const MORE: &str = "\
Exit codes: the command's own; 124 its time was up; 125 not the command failed but we (usage errors too), the \
server, or what is between, or standard input could not be read to its end; 126 denied or not executable; 127 not \
found; 128+N ended by signal N. There is no terminal at the other end.

JSON:
  {\"server\", \"outcome\", ..., \"exit_code\", \"duration_ms\", \"truncated\", \"stdout\", \"stderr\"}

  outcome               and with it
  exited                code
  signaled              signal, name
  cap-exceeded          cap: output, run-time, cpu, processes or file-size
  detached              pid
  denied, transport     error: {\"code\", \"message\", \"hint\"}
  cancelled             error, if it was the server's
  timeout, not-found, not-executable

\"exit_code\" is ours. \"truncated\": some output is missing, or may be. \"input_error\" is there if standard \
input could not be read. \"stdout\" and \"stderr\" are {\"bytes\", \"text\"}, or {\"bytes\", \"base64\"} where they \
are not UTF-8, with \"cut\": true where only the beginning is there; --status-file is without them.

With --json-events each line has \"server\" and \"event\": started (with \"pid\"), stdout and stderr (with \
\"text\" or \"base64\"), and at last exit, with the fields above but the output.";

/// What programs are told instead of the output.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Shape {
    /// Print one JSON object at the end instead of the output: how it ended, and up to 1 MiB of each
    /// stream
    #[arg(long, conflicts_with = "json_events")]
    pub(crate) json: bool,

    /// Print a JSON object a line as things happen: started, stdout, stderr, exit
    #[arg(long)]
    pub(crate) json_events: bool,
}

/// What is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program<'a> {
    /// A line for the server's shell.
    Shell(&'a OsStr),
    /// What the server knows under a name.
    Named { name: &'a str, args: &'a [OsString] },
    /// A file at the server, and its arguments.
    File(&'a [OsString]),
}

impl Exec {
    pub(crate) fn program(&self) -> Program<'_> {
        if let Some(line) = &self.shell {
            return Program::Shell(line);
        }
        let named = self.argv.split_first().and_then(|(word, args)| {
            let name = word.to_str()?.strip_prefix('@')?;
            Some(Program::Named { name, args })
        });
        named.unwrap_or(Program::File(&self.argv))
    }

    /// Whether its first word is a name that no command can have.
    pub(super) fn is_misnamed(&self) -> bool {
        let name = self.argv.first().and_then(|word| word.as_bytes().strip_prefix(b"@"));
        self.shell.is_none()
            && name.is_some_and(|name| name.is_empty() || std::str::from_utf8(name).is_err())
    }
}

/// A variable of a command's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: OsString,
}

/// Reads `NAME=VALUE`; the value may be any bytes.
fn variable() -> impl TypedValueParser<Value = Variable> {
    OsStringValueParser::new().try_map(|text| {
        let text = text.into_vec();
        let end = text.iter().position(|byte| *byte == b'=').ok_or(BadVariable)?;
        let name = text.get(..end).filter(|name| !name.is_empty()).ok_or(BadVariable)?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| BadVariable)?;
        let value = text.get(end + 1..).unwrap_or_default().to_vec();
        Ok::<_, BadVariable>(Variable { name, value: OsString::from_vec(value) })
    })
}

/// What is no variable.
#[derive(Debug, thiserror::Error)]
#[error("a variable is a name, `=` and a value: LANG=C")]
struct BadVariable;

/// Reads how many may run at a time.
fn jobs(text: &str) -> Result<usize, BadJobs> {
    text.parse().ok().filter(|jobs| *jobs > 0).ok_or(BadJobs)
}

/// A number of jobs that is none.
#[derive(Debug, thiserror::Error)]
#[error("a whole number above 0 is expected")]
struct BadJobs;

/// Reads `30s` and its like.
pub(super) fn duration(text: &str) -> Result<Duration, BadDuration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(BadDuration)?;
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(BadDuration),
    };
    let number: u64 = number.parse().map_err(|_| BadDuration)?;
    match number.checked_mul(milliseconds) {
        None | Some(0) => Err(BadDuration),
        Some(total) => Ok(Duration::from_millis(total)),
    }
}

/// A time that is not one.
#[derive(Debug, thiserror::Error)]
#[error("a time is a whole number above 0 and a unit: 500ms, 30s, 5m or 1h")]
pub(super) struct BadDuration;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};

    fn parse(line: &[&str]) -> Result<Exec, clap::Error> {
        let line: Vec<_> =
            ["framing-client", "exec"].iter().chain(line).map(OsString::from).collect();
        match Args::parse_line(&line)?.command {
            Command::Exec(exec) => Ok(exec),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("2m").unwrap(), Duration::from_secs(120));
        assert_eq!(duration("1h").unwrap(), Duration::from_secs(3600));
        for bad in [
            "",
            "s",
            "30",
            "-1s",
            "1.5s",
            "0s",
            "1d",
            "99999999999999999999s",
            "99999999999999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_follows_the_first_word_is_the_commands_verbatim() {
        for (line, expected) in [
            (
                &["--timeout", "1s", "--", "sh", "-c", "--", "--timeout"][..],
                &["sh", "-c", "--", "--timeout"][..],
            ),
            (&["--timeout", "1s", "sh", "-c", "--", "--timeout"], &["sh", "-c", "--", "--timeout"]),
            (&["ls", "--server", "x", "-i", "--help"], &["ls", "--server", "x", "-i", "--help"]),
            (&["--", "-weird", "--json"], &["-weird", "--json"]),
            (&["--", "--", "a"], &["--", "a"]),
            (&["--", ""], &[""]),
            (&["help"], &["help"]),
        ] {
            assert_eq!(parse(line).unwrap().argv, expected, "{line:?}");
        }
        for bad in [
            &[][..],
            &["--"],
            &["-weird"],
            &["--shell", "ls", "--", "ls"],
            &["--shell", "ls", "ls"],
            &["--json", "--json-events", "ls"],
            &["-i", "--detach", "ls"],
            &["-i", "--servers", "file", "ls"],
            &["-i", "--server", "a:1,b:1", "ls"],
            &["--server", "a:1,,b:1", "ls"],
            &["--server", "a:1", "--servers", "file", "ls"],
            &["--env", "A", "ls"],
            &["--env", "=A", "ls"],
            &["--jobs", "0", "ls"],
            &["--encoding", "klingon", "ls"],
            &["@"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_run_is_told_by_the_first_word() {
        let exec = parse(&["@deploy", "v1"]).unwrap();
        let args = [OsString::from("v1")];
        assert_eq!(exec.program(), Program::Named { name: "deploy", args: &args });
        assert!(matches!(parse(&["./@deploy"]).unwrap().program(), Program::File(_)));
        assert!(matches!(parse(&["ls", "@deploy"]).unwrap().program(), Program::File(_)));
        let exec = parse(&["--shell", "@deploy"]).unwrap();
        assert_eq!(exec.program(), Program::Shell(OsStr::new("@deploy")));
    }

    #[test]
    fn a_variable_may_have_any_value() {
        let exec = parse(&["--env", "A=b=c", "--env", "EMPTY=", "ls"]).unwrap();
        let variable =
            |name: &str, value: &str| Variable { name: name.into(), value: value.into() };
        assert_eq!(exec.env, [variable("A", "b=c"), variable("EMPTY", "")]);
        let bytes = OsString::from_vec(b"A=\xff".to_vec());
        let read = variable_of(&bytes).unwrap();
        assert_eq!(read.value.as_bytes(), b"\xff");
    }

    fn variable_of(text: &OsStr) -> Result<Variable, clap::Error> {
        variable().parse_ref(&clap::Command::new("exec"), None, text)
    }
}
