//! What is told of a transfer while it goes on.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use framing_protocol::message::Text;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Verb;
use crate::args::Reports;
use crate::report;
use crate::screen::Screen;

/// How far it is, for whoever wants to know.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Which command it is of.
    verb: Verb,
    form: Form,
    files: usize,
    number: usize,
    name: Option<Text>,
    bytes: u64,
    total: u64,
    /// When it was last told, and how much there was then.
    told: Instant,
    then: u64,
}

#[derive(Debug)]
enum Form {
    Bar(ProgressBar),
    Lines,
    Json,
    Nothing,
}

impl Progress {
    /// In the form that is wanted.
    pub(crate) fn new(verb: Verb, wanted: Reports) -> Self {
        let form = match wanted {
            Reports::Never => Form::Nothing,
            Reports::Json => Form::Json,
            Reports::Auto if !io::stderr().is_terminal() => Form::Lines,
            Reports::Auto | Reports::Always => bar().map_or(Form::Lines, Form::Bar),
        };
        let told = Instant::now();
        Self { verb, form, files: 1, number: 0, name: None, bytes: 0, total: 0, told, then: 0 }
    }

    /// There are so many files.
    pub(crate) fn expect(&mut self, files: usize) {
        self.files = files;
    }

    /// A file begins, or goes on, at `from`.
    pub(crate) fn begin(&mut self, path: &Text, from: u64, total: u64) {
        if self.name.as_ref() != Some(path) {
            self.number += 1;
            self.name = Some(path.clone());
        }
        (self.bytes, self.then, self.total) = (from, from, total);
        if let Form::Bar(bar) = &self.form {
            bar.reset();
            bar.set_length(total);
            bar.set_position(from);
            // What was there before has not come at any speed.
            bar.reset_eta();
            bar.set_message(self.title());
        }
    }

    /// So much more has come over.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Form::Bar(bar) = &self.form {
            bar.inc(bytes);
        }
    }

    /// Takes the bar away, so that something else can be said.
    pub(crate) fn clear(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }

    /// When it has something to tell.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.told.checked_add(self.every()?)
    }

    /// Tells it, if it is time to.
    pub(crate) fn tick(&mut self, now: Instant) {
        let Some(every) = self.every() else { return };
        let since = now.saturating_duration_since(self.told);
        if since < every {
            return;
        }
        let rate = rate(self.bytes.saturating_sub(self.then), since);
        match self.form {
            Form::Lines => report::line(format_args!(
                "{}: {}: {} of {}, {}/s",
                self.verb,
                self.title(),
                HumanBytes(self.bytes),
                HumanBytes(self.total),
                HumanBytes(rate)
            )),
            Form::Json => {
                let Some(file) = &self.name else { return };
                report::json(&Told { file, bytes: self.bytes, total: self.total, rate });
            }
            Form::Bar(_) | Form::Nothing => {}
        }
        (self.told, self.then) = (now, self.bytes);
    }

    fn every(&self) -> Option<Duration> {
        match self.form {
            Form::Lines => Some(Duration::from_secs(10)),
            Form::Json => Some(Duration::from_secs(1)),
            Form::Bar(_) | Form::Nothing => None,
        }
    }

    fn title(&self) -> String {
        let name = self.name.as_ref().map(ToString::to_string).unwrap_or_default();
        match self.files {
            0 | 1 => name,
            files => format!("{name} ({} of {files})", self.number),
        }
    }
}

/// What a program is told.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a Text,
    bytes: u64,
    total: u64,
    /// Bytes a second, since this was last told.
    rate: u64,
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let milliseconds = time.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / milliseconds).unwrap_or(u64::MAX)
}

/// A bar on standard error.
fn bar() -> Option<ProgressBar> {
    let screen = Screen::stderr().ok()?;
    let target = ProgressDrawTarget::term_like(Box::new(screen));
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    Some(bar)
}

const TEMPLATE: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
