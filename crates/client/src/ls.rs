//! `ls` and `stat`: what the server has.
//!
//! ```text
//!   path --> entries, in the server's order --> order: as they come, or all at once in another
//!                                                 |
//!                                               form: names, columns, lines with all that is known, JSON
//! ```

mod form;
mod order;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;

use framing_protocol::message::{Code, Entry, EntryKind, Text};

use crate::args;
use crate::error::{Error, Status, shown};
use crate::output::{Output, Sink};
use crate::report::line;
use crate::session::Session;
use crate::target::Target;

use form::Form;
use order::Order;

/// Lists what was asked for. A path that cannot be listed is no reason to leave out the others.
pub(crate) fn run(target: &Target, asked: &args::Ls) -> Result<(), Error> {
    let mut listing = Listing::new(target, asked)?;
    let root = [OsString::from(".")];
    let paths = if asked.paths.is_empty() { &root[..] } else { &asked.paths };
    let mut fate = Fate::of(paths.len());
    for path in paths {
        let path = Text::from(path.as_bytes());
        let shown = listing.path(&path, paths.len());
        fate.note("ls", &path, shown)?;
    }
    listing.output.finish().map_err(Error::Sink)?;
    fate.end()
}

/// Shows all that is known of each path.
pub(crate) fn stat(target: &Target, paths: &[OsString], json: Json) -> Result<(), Error> {
    let mut session = Session::connect(target)?;
    let mut output = Output::stdout()?;
    let mut fate = Fate::of(paths.len());
    for path in paths {
        let path = Text::from(path.as_bytes());
        let shown = session.stat(&path).and_then(|entry| {
            let shown = match json {
                Json::Yes => form::json(&path, &entry),
                Json::No => form::record(&path, &entry),
            };
            output.put(&shown).map_err(Error::Sink)
        });
        fate.note("stat", &path, shown)?;
    }
    output.finish().map_err(Error::Sink)?;
    fate.end()
}

/// Whether JSON was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Json {
    Yes,
    No,
}

impl From<bool> for Json {
    fn from(asked: bool) -> Self {
        if asked { Self::Yes } else { Self::No }
    }
}

/// What has become of several paths.
struct Fate {
    all: usize,
    failed: usize,
    first: Option<Status>,
}

impl Fate {
    fn of(all: usize) -> Self {
        Self { all, failed: 0, first: None }
    }

    /// Says why one cannot be shown, if there are others; an error is one of which all suffer.
    fn note(&mut self, verb: &str, path: &Text, shown: Result<(), Error>) -> Result<(), Error> {
        match shown {
            Err(error @ Error::Failed(_)) if self.all > 1 => {
                line(format_args!("{verb}: {path}: {error}"));
                self.failed += 1;
                self.first.get_or_insert(error.status());
                Ok(())
            }
            shown => shown,
        }
    }

    fn end(self) -> Result<(), Error> {
        let Self { all, failed, first } = self;
        first.map_or(Ok(()), |first| {
            Err(Error::Incomplete { what: "paths were not shown", failed, all, first })
        })
    }
}

/// One path after the other.
struct Listing<'a> {
    asked: &'a args::Ls,
    session: Session,
    output: Output,
    form: Form,
    /// Whether something was shown already, so that a title needs room before it.
    begun: bool,
}

impl<'a> Listing<'a> {
    fn new(target: &Target, asked: &'a args::Ls) -> Result<Self, Error> {
        let form = Form::choose(asked, &io::stdout());
        let output = Output::stdout()?;
        Ok(Self { asked, session: Session::connect(target)?, output, form, begun: false })
    }

    /// A path that was asked for, one of `all`.
    fn path(&mut self, path: &Text, all: usize) -> Result<(), Error> {
        if self.asked.directory {
            return self.itself(path);
        }
        let title = all > 1 || self.asked.recursive;
        match self.folder(path, title) {
            Err(Error::Failed(failure)) if failure.code == Code::NotADirectory => self.itself(path),
            shown => shown,
        }
    }

    /// The entry of the path itself, under the name by which it was asked for.
    fn itself(&mut self, path: &Text) -> Result<(), Error> {
        let entry = Entry { name: path.clone(), ..self.session.stat(path)? };
        let shown = self.form.show(&Text::default(), std::slice::from_ref(&entry));
        self.begun = true;
        self.output.put(&shown).map_err(Error::Sink)
    }

    /// What is in a folder, and in those in it if that was asked for: each after the one before, so that no more of
    /// them is kept than one has of folders.
    fn folder(&mut self, path: &Text, title: bool) -> Result<(), Error> {
        let mut folders = vec![path.clone()];
        let mut first = true;
        while let Some(path) = folders.pop() {
            let mut below = Vec::new();
            let listed = self.entries(&path, title, &mut below);
            match listed {
                // It has gone meanwhile, or may not be read.
                Err(Error::Failed(failure)) if !first => {
                    line(format_args!("ls: {path}: {failure}"));
                }
                listed => listed?,
            }
            first = false;
            // The last comes first out.
            below.reverse();
            folders.extend(below);
        }
        Ok(())
    }

    fn entries(&mut self, path: &Text, title: bool, below: &mut Vec<Text>) -> Result<(), Error> {
        let Self { asked, session, output, form, begun } = self;
        let mut order = Order::new(asked.sort, asked.reverse, form.at_once());
        let mut title = title.then(|| form.title(path, *begun)).flatten();
        session.list_by(path, output, &mut |entries| {
            let mut shown = title.take().unwrap_or_default();
            let ready = order.next(entries.map(with_names));
            if asked.recursive {
                let folders = ready.iter().filter(|entry| entry.kind == EntryKind::Directory);
                below.extend(folders.map(|entry| form::join(path, &entry.name)));
            }
            if order.held() + below.len() > MOST {
                return Err(Error::TooMuch { path: path.clone(), most: "ten million names" });
            }
            shown.extend(form.show(path, &ready));
            Ok(shown)
        })?;
        *begun = true;
        Ok(())
    }
}

/// Those that have a name. Another one would lead elsewhere whoever takes it for one, as `xargs` does.
fn with_names(entries: Vec<Entry>) -> Vec<Entry> {
    let (named, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(Entry::has_plain_name);
    for other in others {
        line(format_args!("ls: {}: left out, for it is no name", shown(other.name.as_bytes())));
    }
    named
}

/// How many names are kept, lest a server fill our memory.
const MOST: usize = 10_000_000;

impl Form {
    /// As standard output is, unless something else was asked for.
    fn choose(asked: &args::Ls, stdout: &io::Stdout) -> Self {
        let is_terminal = stdout.is_terminal();
        let plain = !is_terminal || std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let look = form::Look { is_terminal, is_coloured: !plain };
        match asked {
            args::Ls { json: true, .. } => Self::Json,
            args::Ls { null: true, .. } => Self::Null,
            args::Ls { long: true, human, .. } => Self::Long { look, human: *human },
            args::Ls { one_per_line: false, .. } if is_terminal => {
                Self::Columns { look, width: form::width(stdout) }
            }
            _ => Self::Names { look },
        }
    }
}
