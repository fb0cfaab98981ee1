//! What has become of each file.

use std::io::{self, Write};
use std::time::Instant;

use framing_protocol::message::{Digest, Text};
use indicatif::HumanBytes;
use serde::Serialize;

use super::Verb;
use crate::error::{Error, Status};
use crate::report;

/// Tells of each file as it ends, and of all at the end.
#[derive(Debug)]
pub(crate) struct Report {
    /// Which command it is of.
    verb: Verb,
    json: bool,
    all: usize,
    failed: usize,
    bytes: u64,
    began: Instant,
    first: Option<Status>,
    /// The only one that was asked for is told of by whoever asked.
    alone: Option<Error>,
}

/// A file, for programs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told<'a> {
    /// What was asked for.
    pub(crate) path: Text,
    /// What it is called here, if it was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) saved_as: Option<Text>,
    /// What it is called there, if it was put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stored_as: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    /// `saved`, `streamed`, `stored` or `failed`.
    pub(crate) outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Report {
    /// Of one file that a command moves; in JSON, too.
    pub(crate) fn new(verb: Verb, json: bool) -> Self {
        let began = Instant::now();
        Self { verb, json, all: 1, failed: 0, bytes: 0, began, first: None, alone: None }
    }

    /// There are so many files.
    pub(crate) fn expect(&mut self, files: usize) {
        self.all = files;
    }

    /// One is whole.
    pub(crate) fn done(&mut self, told: &Told<'_>) {
        self.bytes = self.bytes.saturating_add(told.size.unwrap_or(0));
        self.tell(told);
    }

    /// One cannot be had.
    pub(crate) fn failed(&mut self, path: &Text, error: Error) {
        self.left_out(path, Some(&error));
        if self.all == 1 && self.alone.is_none() {
            self.alone = Some(error);
        } else if !error.is_quiet() {
            report::line(format_args!("{}: {path}: {error}", self.verb));
        }
    }

    /// One has not come over, for a reason that is told elsewhere.
    pub(crate) fn left_out(&mut self, path: &Text, error: Option<&Error>) {
        self.failed += 1;
        if let Some(error) = error {
            self.first.get_or_insert_with(|| error.status());
        }
        let error = error.map(ToString::to_string);
        self.tell(&Told { path: path.clone(), outcome: "failed", error, ..Told::default() });
    }

    fn tell(&self, told: &Told<'_>) {
        if self.json {
            let mut line = serde_json::to_vec(told).unwrap_or_default();
            line.push(b'\n');
            // Whoever does not listen wants the files all the same.
            let _ = io::stdout().write_all(&line);
        }
    }

    /// Says how many files have come over, where many were asked for.
    pub(crate) fn sum_up(&self) {
        report::line(format_args!(
            "{}: {} of {} files, {} in {:.1} s",
            self.verb,
            self.all.saturating_sub(self.failed),
            self.all,
            HumanBytes(self.bytes),
            self.began.elapsed().as_secs_f64()
        ));
    }

    /// The error of all that have not come over, if any has not.
    pub(crate) fn end(self) -> Result<(), Error> {
        match (self.alone, self.first) {
            (Some(error), _) => Err(error),
            (None, Some(first)) => {
                let Self { verb, failed, all, .. } = self;
                Err(Error::Incomplete { what: verb.failed(), failed, all, first })
            }
            (None, None) => Ok(()),
        }
    }
}
