//! Commands that the operator has written down, with places for arguments.

use super::Caps;
use framing_protocol::message::{Escaped, Text};
use regex_lite::Regex;
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// A command that the operator has written down.
#[derive(Debug, Clone)]
pub struct NamedCommand {
    pub(super) argv: Vec<String>,
    pub(super) args: Vec<Pattern>,
    pub(super) rest: Option<Pattern>,
    pub(super) options: bool,
    pub(crate) env: Vec<String>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) stdin: bool,
    pub(crate) detach: bool,
    pub(crate) caps: Caps,
}

/// What the whole of an argument has to look like.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    whole: Regex,
}

/// Why arguments do not fit a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("takes {}{expected} argument{}, not {given}", if *.more { "at least " } else { "" }, if *.expected == 1 { "" } else { "s" })]
    Count { expected: usize, more: bool, given: usize },
    #[error("argument {position} has to match {pattern}")]
    Pattern { position: usize, pattern: String },
    #[error("argument {position} begins with a dash, and could be taken for an option")]
    Dash { position: usize },
}

/// What is run, and what may be given to it.
impl fmt::Display for NamedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.argv)?;
        for (pattern, position) in self.args.iter().zip(1..) {
            write!(f, ", {{{position}}} is {:?}", pattern.text)?;
        }
        match &self.rest {
            Some(pattern) => write!(f, ", then any number of {:?}", pattern.text),
            None => Ok(()),
        }
    }
}

impl NamedCommand {
    /// What can be told before it is run about whether that would work.
    pub(crate) fn check(&self, root: Option<&Path>) -> Result<(), String> {
        let cwd = self.directory(root);
        if !cwd.is_dir() {
            let cwd = Escaped(cwd.as_os_str().as_encoded_bytes());
            return Err(format!("cwd: {cwd} is no directory"));
        }
        let program = self.argv.first().map_or("", String::as_str);
        let can_run = |place: &PathBuf| {
            place.is_file() && rustix::fs::access(place, rustix::fs::Access::EXEC_OK).is_ok()
        };
        if places(program, &cwd).iter().any(can_run) {
            return Ok(());
        }
        Err(format!("argv: there is no program {program:?} that this user can run"))
    }

    /// A word of it that is a file below the root: where clients may write there, they can change what is run.
    pub(crate) fn exposed(&self, root: &Path) -> Option<&str> {
        let cwd = self.directory(Some(root));
        let is_below = |place: PathBuf| {
            place.is_file() && place.canonicalize().is_ok_and(|place| place.starts_with(root))
        };
        let (program, words) = self.argv.split_first()?;
        if places(program, &cwd).into_iter().any(is_below) {
            return Some(program);
        }
        // What a shell is to run, and its like.
        words.iter().find(|word| is_below(cwd.join(word))).map(String::as_str)
    }

    /// Where it is run.
    fn directory(&self, root: Option<&Path>) -> PathBuf {
        let base = root.unwrap_or(Path::new("/"));
        self.cwd.as_ref().map_or(base.to_owned(), |cwd| base.join(cwd))
    }

    /// What is run when it is given these arguments.
    pub(crate) fn argv(&self, args: &[Text]) -> Result<Vec<Text>, Misfit> {
        let expected = self.args.len();
        let more = self.rest.is_some();
        if args.len() < expected || (args.len() > expected && !more) {
            return Err(Misfit::Count { expected, more, given: args.len() });
        }
        let patterns = self.args.iter().chain(self.rest.iter().cycle());
        let mut fitting = Vec::new();
        for ((arg, pattern), position) in args.iter().zip(patterns).zip(1..) {
            let text = arg.as_str().filter(|text| pattern.whole.is_match(text));
            let text = text.ok_or_else(|| {
                let pattern = pattern.text.clone();
                Misfit::Pattern { position, pattern }
            })?;
            if text.starts_with('-') && !self.options {
                return Err(Misfit::Dash { position });
            }
            fitting.push(text);
        }
        let filled = self.argv.iter().map(|element| fill(element, &fitting));
        let rest = fitting.iter().skip(expected).map(|text| Text::from(*text));
        Ok(filled.chain(rest).collect())
    }
}

/// Whether a variable decides which code runs before the program itself.
pub(crate) fn loads_code(name: &str) -> bool {
    name.starts_with("LD_") || matches!(name, "ENV" | "BASH_ENV")
}

/// The element with every `{N}` replaced by argument N. What an argument brings is not looked at again.
fn fill(element: &str, args: &[&str]) -> Text {
    let mut filled = String::new();
    let mut rest = element;
    while let Some((before, position, after)) = next_place(rest) {
        filled.push_str(before);
        filled.push_str(args.get(position - 1).copied().unwrap_or_default());
        rest = after;
    }
    filled.push_str(rest);
    filled.into()
}

/// The first `{N}`: what comes before it, N from 1 to 9, and what comes behind.
pub(super) fn next_place(text: &str) -> Option<(&str, usize, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (before, place) = text.split_at(at);
        let digit = place.as_bytes().get(1).filter(|digit| (b'1'..=b'9').contains(digit))?;
        let after = place.get(2..)?.strip_prefix('}')?;
        Some((before, usize::from(digit - b'0'), after))
    })
}

impl Pattern {
    pub(super) fn new(text: String) -> Result<Self, String> {
        // By itself first: what is put around it must not lend it a parenthesis.
        let read = Regex::new(&text).and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")));
        match read {
            Ok(whole) => Ok(Self { text, whole }),
            Err(error) => Err(format!("{text:?} is no pattern: {error}")),
        }
    }
}
/// Where a program is looked for.
fn places(program: &str, cwd: &Path) -> Vec<PathBuf> {
    if program.contains('/') {
        return vec![cwd.join(program)];
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|place| place.join(program)).collect()
}
