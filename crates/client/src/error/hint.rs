//! What to do next: every hint that the client gives.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use framing::{DecodeError, DecodeErrorKind, Spec};
use framing_protocol::Closed;
use framing_protocol::message::{Code, Escaped, Failure, Outcome};
use framing_transport::ConnectError;

use super::Error;
use crate::args::{Args, Command, Origin, Program};
use crate::known_hosts::KnownHostsError;
use crate::part::PartError;

impl Error {
    /// What to do next for whoever asked for `args`, as a command where there is one.
    pub fn hint(&self, args: &Args) -> Option<String> {
        self.advice(args).map(|advice| addressed(&advice, args))
    }

    fn advice(&self, args: &Args) -> Option<String> {
        let from = args.origin.remark();
        let advice = match self {
            Self::Connect(ConnectError::Resolve { source, .. }) => match source.kind() {
                io::ErrorKind::InvalidInput => {
                    format!("name the server{from} as HOST:PORT, such as 127.0.0.1:7878")
                }
                _ => format!("check the host name{from}"),
            },
            Self::Connect(ConnectError::Unreachable { server, .. }) if server.ends_with(":0") => {
                format!(
                    "nobody listens on port 0{from}: framing-server says its port when it starts"
                )
            }
            Self::Connect(ConnectError::Unreachable { server, .. }) => {
                let (server, serving) = (word(server.as_bytes()), serving(&args.command));
                format!("start a server there{from}: framing-server --listen {server}{serving}")
            }
            Self::Connect(ConnectError::OtherKey { .. })
                if matches!(args.command, Command::Pair { .. }) =>
            {
                "the invitation is damaged, or of another server; ask for another one: framing-server invite"
                    .into()
            }
            Self::Connect(ConnectError::OtherKey { expected: None, met, .. }) => format!(
                "if this is what `framing-server fingerprint` shows there, trust it: \
                 framing-client trust {met}"
            ),
            Self::Connect(ConnectError::OtherKey { .. }) => {
                "SOMEBODY ELSE MAY HAVE TAKEN ITS PLACE. Find out why its key has changed; only if \
                 the new one is what `framing-server fingerprint` shows there, trust it: \
                 framing-client trust --replace KEY"
                    .into()
            }
            Self::KnownHosts(KnownHostsError::Conflict { .. }) => {
                "only if you know why its key has changed: framing-client trust --replace KEY"
                    .into()
            }
            error if error.is_turned_away() => {
                format!("is that a framing-server? check the address{from}, or try again later")
            }
            Self::Connect(ConnectError::Handshake { .. }) | Self::Stranger { .. } => {
                format!("check the port{from}: framing-server says its own when it starts")
            }
            Self::Failed(failure)
                if failure.code == Code::NotAFile && matches!(args.command, Command::Get(_)) =>
            {
                "if it is a folder: framing-client get -r PATH".into()
            }
            Self::Folder { .. } => "to put all that is in it: framing-client put -r FOLDER".into(),
            Self::Changed => "put it again once nobody writes to it: framing-client put".into(),
            Self::NoMatch { .. } => "see what is there: framing-client ls".into(),
            Self::Closed {
                reason: Closed::Refused(failure) | Closed::Violation(failure), ..
            }
            | Self::Failed(failure) => return of_failure(failure),
            Self::Closed { .. } if matches!(args.command, Command::Ping) => {
                format!("is that a framing-server? check the address{from}")
            }
            Self::Closed { .. }
            | Self::Unsaved { .. }
            | Self::Stalled { .. }
            | Self::BadList(_) => {
                "see whether the server is well: framing-client ping".into()
            }
            Self::Damaged(_) => {
                "what was written is not to be trusted; ask again: framing-client get".into()
            }
            Self::Part(error) => of_part(error),
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "see how much room there is: df -h".into()
            }
            Self::File { path, source, .. } => match source.kind() {
                io::ErrorKind::NotFound => look_into(path),
                _ => look_at(path),
            },
            _ => return None,
        };
        Some(advice)
    }
}

/// What to do about a command that could not be started.
pub(crate) fn of_outcome(outcome: &Outcome, args: &Args) -> Option<String> {
    let advice = match outcome {
        // What is written down at the server is not for us to write in another way.
        _ if matches!(&args.command, Command::Exec(exec) if matches!(exec.program(), Program::Named { .. })) =>
        {
            return None;
        }
        Outcome::NotFound => match program_of(&args.command) {
            Some(program) if program.contains(' ') => {
                "that was one word, and no shell splits it: leave out the quotes, or use --shell LINE"
            }
            Some(program) if program.contains('=') => {
                "to set a variable: framing-client exec --env NAME=VALUE CMD"
            }
            Some(program) if program.contains('/') => {
                "see whether it is there, and the interpreter that its first line names: framing-client exec ls -l FILE"
            }
            _ => "give its whole path, or use a shell: framing-client exec --shell LINE",
        },
        Outcome::NotExecutable => "see whether it is a program: framing-client exec ls -l FILE",
        _ => return None,
    };
    Some(addressed(advice, args))
}

/// The program that was to be run.
fn program_of(command: &Command) -> Option<String> {
    match command {
        Command::Exec(exec) => match exec.program() {
            Program::File(argv) => {
                argv.first().map(|program| program.to_string_lossy().into_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

/// What to do about a capture that does not parse under the framing that `spec` is.
pub(crate) fn of_fault(fault: &DecodeError, spec: &str) -> Option<String> {
    // Where the bytes speak for themselves the fault has said so.
    let (DecodeErrorKind::TooLong { declared, .. }, None) = (fault.kind(), fault.hint()) else {
        return None;
    };
    let size = match declared {
        None => "SIZE".into(),
        Some(length) if length > LIKELY => {
            return Some("see which framing is likely: framing-client inspect --guess".into());
        }
        Some(length) => limit_for(length),
    };
    let spec: String = spec.split_inclusive(',').filter(|part| !part.starts_with("max=")).collect();
    let spec = format!("{},max={size}", spec.trim_end_matches(','));
    let spec = word(spec.as_bytes());
    Some(format!("raise the limit, if frames may be so large: --framing {spec}"))
}

/// The command that shows a capture under a framing.
pub(crate) fn of_inspect(spec: &Spec, file: Option<&OsStr>) -> String {
    let spec = word(spec.to_string().as_bytes());
    let file = file.map(|file| word(file.as_encoded_bytes())).unwrap_or_default();
    format!("framing-client inspect --framing {spec} {file}").trim_end().into()
}

/// The roundest limit that lets a payload of so many bytes in, as a spec has it.
pub(crate) fn limit_for(length: u64) -> String {
    match length {
        0..0x400 => length.to_string(),
        0x400..0x10_0000 => format!("{}KiB", length.div_ceil(0x400)),
        _ => format!("{}MiB", length.div_ceil(0x10_0000)),
    }
}

/// The server knows best; where it is silent, what usually helps.
fn of_failure(failure: &Failure) -> Option<String> {
    if let Some(hint) = &failure.hint {
        return Some(Escaped(hint.as_bytes()).to_string());
    }
    let advice = match failure.code {
        Code::NotFound | Code::NotAFile | Code::NotADirectory | Code::BadPath => {
            "see what is there: framing-client ls"
        }
        Code::Changed | Code::Busy | Code::ShuttingDown | Code::Timeout => "try again",
        Code::Version | Code::Unknown => {
            "compare: framing-client --version; framing-server --version"
        }
        _ => return None,
    };
    Some(advice.into())
}

fn of_part(error: &PartError) -> String {
    let advice = match error {
        PartError::Damaged(_) => "nothing was kept; ask again: framing-client get",
        PartError::Gone { .. } => "leave it alone, and ask again: framing-client get",
        PartError::Foreign { .. } => {
            "remove it, or choose another name: framing-client get PATH -o FILE"
        }
        PartError::Exists { .. } => {
            "choose another name: framing-client get PATH -o FILE; or --overwrite, or --rename"
        }
        PartError::Busy { .. } => {
            "wait for it, or choose another name: framing-client get PATH -o FILE"
        }
        PartError::NoName { .. } => "choose a name: framing-client get PATH -o FILE",
        PartError::NoFolder { path } => {
            return format!("make it: mkdir {}", word(path.as_os_str().as_encoded_bytes()));
        }
        PartError::Io { path, .. } => return look_at(path),
    };
    advice.into()
}

/// A command that looks at `path`, or, where nothing is, at the folder in which it would be.
fn look_at(path: &Path) -> String {
    let there = path.ancestors().find(|path| path.symlink_metadata().is_ok());
    let there = there.unwrap_or(Path::new("."));
    format!("see what is there: ls -ld {}", word(there.as_os_str().as_encoded_bytes()))
}

/// A command that shows what is where `path` is not.
fn look_into(path: &Path) -> String {
    match path.ancestors().skip(1).find(|folder| folder.is_dir()) {
        Some(folder) => {
            format!("see what is there: ls -l {}", word(folder.as_os_str().as_encoded_bytes()))
        }
        None => "see what is there: ls -l".into(),
    }
}

/// What a server must be started with to do what `command` asks for.
fn serving(command: &Command) -> &'static str {
    match command {
        Command::Exec(exec) => match exec.program() {
            Program::Shell(_) => " --exec-shell",
            Program::File(_) => " --exec-any",
            // What it has to be told of the command only its operator knows.
            Program::Named { .. } => "",
        },
        Command::Put(_) => " --root DIR --writable",
        Command::Get(_) | Command::Ls(_) | Command::Stat { .. } => " --root DIR",
        Command::Echo { .. }
        | Command::Inspect(_)
        | Command::Ping
        | Command::Pair { .. }
        | Command::Trust { .. }
        | Command::Fingerprint { .. } => "",
    }
}

/// Has each command of ours, a server's hint included, ask the server that was asked.
fn addressed(advice: &str, args: &Args) -> String {
    match args.origin {
        Origin::Default => advice.into(),
        Origin::Flag | Origin::Environment => {
            let server = word(args.server.as_bytes());
            advice.replace("framing-client ", &format!("framing-client --server {server} "))
        }
    }
}

/// One word of a command line for a shell.
fn word(text: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/:,=".contains(byte);
    let shown = Escaped(text).to_string();
    if !text.is_empty() && text.iter().all(plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}

/// A length past this is not one that anybody meant, in bytes.
const LIKELY: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn args(line: &str) -> Args {
        let line: Vec<_> = line.split(' ').map(OsString::from).collect();
        Args::read(&line).unwrap()
    }

    #[test]
    fn a_server_is_started_with_what_the_command_needs() {
        for (command, expected) in [
            ("ping", ""),
            ("echo a", ""),
            ("ls", " --root DIR"),
            ("get a", " --root DIR"),
            ("put a", " --root DIR --writable"),
            ("exec -- ls", " --exec-any"),
            ("exec --shell ls", " --exec-shell"),
        ] {
            assert_eq!(
                serving(&args(&format!("framing-client {command}")).command),
                expected,
                "{command}"
            );
        }
    }

    #[test]
    fn commands_ask_the_server_that_was_asked() {
        let outcome = |line: &str| of_outcome(&Outcome::NotFound, &args(line)).unwrap();
        let named = outcome("framing-client --server [::1]:1 exec -- ls");
        assert!(named.ends_with("framing-client --server '[::1]:1' exec --shell LINE"), "{named}");
        let failure = Failure::new(Code::NotFound, "").hint("try: framing-client ls");
        let hint = Error::Failed(failure).hint(&args("framing-client --server a:1 get b"));
        assert_eq!(hint.unwrap(), "try: framing-client --server a:1 ls");
    }

    #[test]
    fn words() {
        for (text, expected) in [
            ("127.0.0.1:7878", "127.0.0.1:7878"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
        ] {
            assert_eq!(word(text.as_bytes()), expected);
        }
    }

    #[test]
    fn what_is_not_there_is_looked_for_in_its_folder() {
        let here = tempfile::tempdir().unwrap();
        let folder = here.path().to_str().unwrap();
        for missing in ["a.part", "a/b/c"] {
            assert!(look_at(&here.path().join(missing)).ends_with(folder), "{missing}");
        }
        assert!(look_at(Path::new("no-such-file.part")).ends_with("ls -ld ."));
    }
}
