//! What has become of each file.

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use framing_protocol::message::{Digest, Text};
use indicatif::HumanBytes;
use serde::Serialize;

use super::job::Saved;
use crate::error::{Error, Status};
use crate::report;

/// Tells of each file as it ends, and of all at the end.
#[derive(Debug)]
pub(super) struct Report {
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
#[derive(Serialize)]
struct Told<'a> {
    path: &'a Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_as: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// `saved`, `streamed` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Report {
    /// Of one file; in JSON, too.
    pub(super) fn new(json: bool) -> Self {
        let began = Instant::now();
        Self { json, all: 1, failed: 0, bytes: 0, began, first: None, alone: None }
    }

    /// There are so many files.
    pub(super) fn expect(&mut self, files: usize) {
        self.all = files;
    }

    /// One is whole.
    pub(super) fn saved(&mut self, path: &Text, saved: &Saved) {
        self.bytes = self.bytes.saturating_add(saved.size);
        let name = |path: &Path| Text::from(path.as_os_str().as_encoded_bytes());
        self.tell(&Told {
            path,
            saved_as: saved.path.as_deref().map(name),
            size: Some(saved.size),
            digest: Some(saved.digest),
            resumed_from: Some(saved.resumed_from),
            seconds: Some(saved.seconds),
            outcome: if saved.path.is_some() { "saved" } else { "streamed" },
            error: None,
        });
    }

    /// One cannot be had.
    pub(super) fn failed(&mut self, path: &Text, error: Error) {
        self.left_out(path, Some(&error));
        if self.all == 1 && self.alone.is_none() {
            self.alone = Some(error);
        } else if !error.is_quiet() {
            report::line(format_args!("get: {path}: {error}"));
        }
    }

    /// One has not come, for a reason that is told elsewhere.
    pub(super) fn left_out(&mut self, path: &Text, error: Option<&Error>) {
        self.failed += 1;
        if let Some(error) = error {
            self.first.get_or_insert_with(|| error.status());
        }
        self.tell(&Told {
            path,
            saved_as: None,
            size: None,
            digest: None,
            resumed_from: None,
            seconds: None,
            outcome: "failed",
            error: error.map(ToString::to_string),
        });
    }

    fn tell(&self, told: &Told<'_>) {
        if self.json {
            let mut line = serde_json::to_vec(told).unwrap_or_default();
            line.push(b'\n');
            // Whoever does not listen wants the files all the same.
            let _ = io::stdout().write_all(&line);
        }
    }

    /// Says how many files have come, where many were asked for.
    pub(super) fn sum_up(&self) {
        report::line(format_args!(
            "get: {} of {} files, {} in {:.1} s",
            self.all.saturating_sub(self.failed),
            self.all,
            HumanBytes(self.bytes),
            self.began.elapsed().as_secs_f64()
        ));
    }

    /// The error of all that have not come, if any has not.
    pub(super) fn end(self) -> Result<(), Error> {
        match (self.alone, self.first) {
            (Some(error), _) => Err(error),
            (None, Some(first)) => {
                Err(Error::Incomplete { failed: self.failed, all: self.all, first })
            }
            (None, None) => Ok(()),
        }
    }
}
