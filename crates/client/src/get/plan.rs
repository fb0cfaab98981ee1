//! Which files are meant, where that takes looking: patterns and folders.
//!
//! What the server calls them is not believed to be a name before it has been looked at: no part of it leads
//! anywhere but into the folder that we are in.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use framing_protocol::message::{Code, Entry, EntryKind, Text};

use super::destination::{Below, Destination, base_name};
use super::fetch::Fetch;
use super::job::Job;
use crate::args;
use crate::error::{Error, shown};
use crate::report::line;
use crate::transfer::Report;

/// The files that are to be fetched.
#[derive(Debug)]
pub(super) struct Plan<'a, 'f> {
    asked: &'a args::Get,
    fetch: &'a mut Fetch<'f>,
    jobs: VecDeque<Job>,
    failed: Vec<(Text, Error)>,
    entries: usize,
}

impl<'a, 'f> Plan<'a, 'f> {
    /// Finds all files that were asked for. Of what cannot be had the report is told; an error is one of
    /// which all suffer.
    pub(super) fn make(
        asked: &'a args::Get,
        folder: &Below,
        fetch: &'a mut Fetch<'f>,
        report: &mut Report,
    ) -> Result<VecDeque<Job>, Error> {
        let mut plan = Self { asked, fetch, jobs: VecDeque::new(), failed: Vec::new(), entries: 0 };
        for path in &asked.paths {
            let planned = if args::is_pattern(path) {
                plan.pattern(path.as_bytes(), folder)
            } else {
                plan.path(path, folder)
            };
            plan.note(Text::from(path.as_bytes()), planned)?;
        }
        let Self { jobs, failed, fetch, .. } = plan;
        fetch.expect(jobs.len());
        report.expect(jobs.len() + failed.len());
        for (path, error) in failed {
            report.failed(&path, error);
        }
        Ok(jobs)
    }

    /// One path cannot be had, which is no reason to leave out the others; unless none can.
    fn note(&mut self, path: Text, planned: Result<(), Error>) -> Result<(), Error> {
        match planned {
            Ok(()) => {}
            Err(
                error @ (Error::Failed(_)
                | Error::Part(_)
                | Error::NoMatch { .. }
                | Error::TooMuch { .. }),
            ) => {
                self.failed.push((path, error));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What the last part of a path stands for.
    fn pattern(&mut self, path: &[u8], below: &Below) -> Result<(), Error> {
        let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, pattern) = path.split_at(start);
        let listed = if folder.is_empty() { b"." } else { folder };
        let mut found = false;
        for entry in self.list(&Text::from(listed))? {
            let name = entry.name.as_bytes();
            // A name that has such a character in it can be given as it is.
            if name != pattern && !matches(pattern, name) {
                continue;
            }
            let path = Text::from([folder, name].concat());
            match entry.kind {
                EntryKind::Directory if !self.asked.recursive => continue,
                _ => found = true,
            }
            let planned = self.entry(path.clone(), &entry, below, 0);
            self.note(path, planned)?;
        }
        if found { Ok(()) } else { Err(Error::NoMatch { pattern: Text::from(path) }) }
    }

    /// A path as it is: a file, or perhaps a folder.
    fn path(&mut self, path: &OsStr, below: &Below) -> Result<(), Error> {
        let text = Text::from(path.as_bytes());
        let name = base_name(path);
        if self.asked.recursive {
            // The root has no name, and needs none.
            let folder = name.as_ref().map_or(below.clone(), |name| below.join(name.as_os_str()));
            match self.folder(&text, &folder, 0) {
                Err(Error::Failed(failure)) if failure.code == Code::NotADirectory => {}
                planned => return planned,
            }
        }
        let destination = Destination::Below(below.join(name?.as_os_str()));
        self.jobs.push_back(Job::new(text, destination));
        Ok(())
    }

    /// All that is in a folder.
    fn folder(&mut self, path: &Text, below: &Below, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::TooMuch {
                path: path.clone(),
                most: "a hundred folders in each other",
            });
        }
        let entries = self.list(path)?;
        below.make()?;
        for entry in entries {
            let slash: &[u8] = if path.as_bytes().ends_with(b"/") { b"" } else { b"/" };
            let path = Text::from([path.as_bytes(), slash, entry.name.as_bytes()].concat());
            let planned = self.entry(path.clone(), &entry, below, depth);
            self.note(path, planned)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: Text,
        entry: &Entry,
        below: &Below,
        depth: usize,
    ) -> Result<(), Error> {
        let name = entry.name.as_bytes();
        if !entry.has_plain_name() {
            line(format_args!("get: {}: left out, for it is no name", shown(name)));
            return Ok(());
        }
        let below = below.join(OsStr::from_bytes(name));
        match entry.kind {
            EntryKind::File => self.jobs.push_back(Job::new(path, Destination::Below(below))),
            EntryKind::Directory => return self.folder(&path, &below, depth + 1),
            EntryKind::Symlink => line(format_args!("get: {path}: left out, a symbolic link")),
            EntryKind::Other => line(format_args!("get: {path}: left out, not a regular file")),
        }
        Ok(())
    }

    fn list(&mut self, path: &Text) -> Result<Vec<Entry>, Error> {
        let entries = self.fetch.list(path)?;
        self.entries = self.entries.saturating_add(entries.len());
        if self.entries > MOST {
            return Err(Error::TooMuch { path: path.clone(), most: "ten million names in all" });
        }
        Ok(entries)
    }
}

/// Whether a name is one that a pattern stands for.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // At the beginning this would mean all others.
    let escape: &[u8] = if pattern.starts_with(b"!") { b"\\" } else { b"" };
    fast_glob::glob_match([escape, pattern].concat(), name)
}

/// How deep folders are followed into each other.
const DEEPEST: usize = 100;

/// How many names are kept, lest a server fill our memory.
const MOST: usize = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("?", "a", true),
            ("[a-c]x", "bx", true),
            ("[!a]x", "ax", false),
            ("{a,b}*", "bc", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("!a*", "b", false),
            ("!a*", "!ab", true),
            ("*", "目录", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(matches(b"*\xff", b"a\xff"));
    }
}
