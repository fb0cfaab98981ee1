//! A line in the log for each command that was asked for: who, what, and how it went. Never its input or its
//! environment, where secrets are.

use crate::log;
use framing_protocol::message::{Command, Escaped, Exec, Failure, Outcome, Text};
use std::fmt::{self, Write};
use std::time::Instant;

/// What will be told of a command. It is told once, and if nobody has said how the command ended then
/// that it went unanswered.
#[derive(Debug)]
pub(crate) struct Audit {
    who: String,
    what: String,
    since: Instant,
    pid: Option<u32>,
    input: u64,
    output: u64,
    told: bool,
}

impl Audit {
    pub(crate) fn new(who: impl fmt::Display, exec: &Exec) -> Self {
        let mut what = describe(&exec.command);
        if let Some(cwd) = &exec.cwd {
            what.insert_str(0, &format!("--cwd {} ", Quoted(cwd)));
        }
        // A line has an end, and padding must not hide what comes behind it.
        if let Some((cut, _)) = what.char_indices().nth(SHOWN) {
            let digest = blake3::hash(what.as_bytes()).to_hex();
            let length = what.len();
            what.truncate(cut);
            let _ = write!(what, "... (cut off; {length} bytes with the BLAKE3 {digest})");
        }
        let who = who.to_string();
        Self { who, what, since: Instant::now(), pid: None, input: 0, output: 0, told: false }
    }

    /// So much input has come for it.
    pub(crate) fn input(&mut self, bytes: usize) {
        self.input = self.input.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// So much output was passed on.
    pub(crate) fn output(&mut self, bytes: usize) {
        self.output = self.output.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn ended(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Exited { code } => self.tell(format_args!("exited {code}")),
            Outcome::Signalled { name, .. } => self.tell(format_args!("signaled {name}")),
            Outcome::TimedOut => self.tell("timeout"),
            Outcome::CapExceeded { cap } => {
                self.tell(format_args!("cap-exceeded {}", cap.as_str()));
            }
            Outcome::Detached => self.tell("detached"),
            Outcome::NotFound => self.tell("not-found"),
            Outcome::NotExecutable => self.tell("not-executable"),
        }
    }

    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.tell(format_args!("{} ({})", failure.code, failure.message));
    }

    /// It runs, as this process.
    pub(crate) fn started(&mut self, pid: u32) {
        self.pid = Some(pid);
    }

    /// Some of its processes could not be ended.
    pub(crate) fn left(&self) {
        log::line(format_args!(
            "{}: some of its processes cannot be killed: {}",
            self.who, self.what
        ));
    }

    fn tell(&mut self, outcome: impl fmt::Display) {
        let Self { who, what, since, input, output, .. } = self;
        let pid = self.pid.map_or_else(String::new, |pid| format!(" pid {pid},"));
        let milliseconds = since.elapsed().as_millis();
        // The longest comes last, for a line is cut off where it gets too long.
        log::line(format_args!(
            "{who}: exec: {outcome},{pid} {output} bytes out, {input} in, {milliseconds} ms: {what}"
        ));
        self.told = true;
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.told {
            self.tell("unanswered");
        }
    }
}

/// As it could be written on a command line of the client's.
fn describe(command: &Command) -> String {
    let words = |first: &str, rest: &[Text]| {
        let mut line = first.to_owned();
        for word in rest {
            let _ = write!(line, " {}", Quoted(word));
        }
        line
    };
    match command {
        Command::Argv(argv) => words("--", argv),
        Command::Shell(line) => words("--shell", std::slice::from_ref(line)),
        Command::Named { name, args } => words(&format!("@{}", Escaped(name.as_bytes())), args),
    }
}

/// How many characters of a command are told.
const SHOWN: usize = 600;

/// A word that cannot be taken for two.
struct Quoted<'t>(&'t Text);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(byte);
        match self.0.as_bytes() {
            bytes if !bytes.is_empty() && bytes.iter().all(plain) => write!(f, "{}", self.0),
            bytes => {
                // A backslash of its own is told from those that escape.
                let escaped: Vec<u8> = bytes
                    .iter()
                    .flat_map(|byte| std::iter::repeat_n(*byte, if *byte == b'\\' { 2 } else { 1 }))
                    .collect();
                write!(f, "'{}'", Escaped(&escaped).to_string().replace('\'', "'\\''"))
            }
        }
    }
}
