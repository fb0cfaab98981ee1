//! Which files are meant, and what they will be called.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use framing_protocol::message::Text;

use super::job::Job;
use crate::args;
use crate::error::{Error, shown};
use crate::report::line;
use crate::transfer::Report;

/// The files, and what each is called below the place where they go.
#[derive(Debug, Default)]
pub(super) struct Plan {
    files: VecDeque<(PathBuf, OsString)>,
    failed: Vec<(Text, Error)>,
}

impl Plan {
    /// Finds all files that were asked for. Of what cannot be read the report is told.
    pub(super) fn make(asked: &args::Put, report: &mut Report) -> Result<Self, Error> {
        let mut plan = Self::default();
        if asked.is_stream() {
            return Ok(plan);
        }
        for path in &asked.paths {
            let path = Path::new(path);
            let planned = base_name(path).and_then(|name| plan.path(path, name, asked));
            if let Err(error) = planned {
                if !asked.is_several() {
                    return Err(error);
                }
                plan.failed.push((Text::from(path.as_os_str().as_bytes()), error));
            }
        }
        report.expect(plan.files.len() + plan.failed.len());
        for (path, error) in plan.failed.drain(..) {
            report.failed(&path, error);
        }
        Ok(plan)
    }

    /// A path as it was given: a link is followed.
    fn path(&mut self, path: &Path, name: &OsStr, asked: &args::Put) -> Result<(), Error> {
        let failed = |source: io::Error| Error::File { what: "read", path: path.into(), source };
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            self.files.push_back((path.into(), name.into()));
            return Ok(());
        }
        if !asked.recursive {
            return Err(Error::Folder { path: path.into() });
        }
        // What is in `.` goes where it was asked for, and not into a folder of that name.
        let name = if matches!(name.as_bytes(), b"." | b"..") { OsStr::new("") } else { name };
        self.folder(path, name)
    }

    /// All that is in a folder, by name.
    fn folder(&mut self, path: &Path, name: &OsStr) -> Result<(), Error> {
        let failed = |source: io::Error| Error::File { what: "read", path: path.into(), source };
        let mut entries =
            fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, below) = (entry.path(), join(name, &entry.file_name()));
            let kind = entry.file_type().map_err(failed)?;
            let why = match () {
                () if entry.file_name().as_bytes().starts_with(b".") => "hidden",
                () if kind.is_symlink() => "a symbolic link",
                () if kind.is_dir() => {
                    if let Err(error) = self.folder(&path, &below) {
                        self.failed.push((Text::from(path.as_os_str().as_bytes()), error));
                    }
                    continue;
                }
                () if kind.is_file() => {
                    self.files.push_back((path, below));
                    continue;
                }
                () => "not a regular file",
            };
            line(format_args!("put: {}: left out, {why}", shown(path.as_os_str().as_bytes())));
        }
        Ok(())
    }

    /// What is to be done, with the names that the files will have there.
    pub(super) fn jobs(self, asked: &args::Put) -> VecDeque<Job> {
        let to = asked.to.as_deref();
        if asked.is_stream() {
            return VecDeque::from([Job::new(None, to.unwrap_or_default())]);
        }
        let folder = to.unwrap_or_default();
        let is_folder = to.is_none_or(|to| asked.is_several() || args::is_folder(to));
        let job = |(path, name): (PathBuf, OsString)| {
            let below = join(folder, &name);
            if is_folder {
                Job::new(Some(path), &below)
            } else {
                Job::new(Some(path), folder).or(below)
            }
        };
        self.files.into_iter().map(job).collect()
    }
}

/// The last part of a path here.
fn base_name(path: &Path) -> Result<&OsStr, Error> {
    let bytes = path.as_os_str().as_bytes();
    match bytes.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty()) {
        Some(name) => Ok(OsStr::from_bytes(name)),
        None if bytes.is_empty() => Err(Error::File {
            what: "read",
            path: path.into(),
            source: io::ErrorKind::NotFound.into(),
        }),
        // The root of all.
        None => Ok(OsStr::new("")),
    }
}

fn join(folder: &OsStr, name: &OsStr) -> OsString {
    let mut path = folder.to_owned();
    if !path.is_empty() && !path.as_bytes().ends_with(b"/") && !name.is_empty() {
        path.push("/");
    }
    path.push(name);
    path
}
