//! `inspect`: the frames in a captured stream, and the place where it goes wrong.

mod guess;
mod raw;
mod show;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;

use framing::{DecodeError, Decoder, Framing, Oversize, Spec};

use crate::error::{Error, Status, hint_of_fault, hint_of_inspect};
use crate::report;
use guess::{Broken, Ranking};
use raw::Raw;
use show::{Look, Show};

/// How frames are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A table for people, in colours on a terminal.
    Text,
    /// A JSON object a line.
    Json,
}

/// Lists the frames of the capture. The answer is how it ended: where it does not parse, that is
/// shown and no failure of ours.
pub(crate) fn run(spec: Spec, file: Option<&OsStr>, form: Form) -> Result<Status, Error> {
    let mut capture = Capture::open(file)?;
    let (text, oversize) = (spec.to_string(), spec.oversize());
    let decoder = spec.config().decoder().map_err(Error::Unbuildable)?;
    // What was cut off a frame is shown in JSON, and in no other case is a frame needed once more.
    let raw = if form == Form::Json && oversize == Oversize::Truncate {
        Raw::of_frames()
    } else {
        Raw::of_faults()
    };
    let stdout = io::stdout();
    let look = Look::of(&stdout);
    let mut show = Show::new(BufWriter::new(stdout.lock()), form, look);
    let fault = inspect(decoder, raw, &mut capture, &mut show)?;
    show.flush()?;
    let Some(fault) = fault else { return Ok(Status::OK) };
    if let Some(next) = hint_of_fault(&fault, &text).filter(|_| form == Form::Text) {
        report::hint(&next);
    }
    Ok(Status::INTEGRITY)
}

/// Ranks the framings under which all of the capture parses.
pub(crate) fn guess(file: Option<&OsStr>) -> Result<Status, Error> {
    let mut capture = Vec::new();
    let most = (GUESSABLE as u64).saturating_add(1);
    let mut input = Capture::open(file)?;
    let read = input.source.by_ref().take(most).read_to_end(&mut capture);
    read.map_err(|source| input.failed(source))?;
    if capture.len() > GUESSABLE {
        return Err(Error::TooLargeToGuess { limit: GUESSABLE });
    }
    let Ranking { likely, weak, broken } = guess::ranked(&capture);
    let mut out = BufWriter::new(io::stdout().lock());
    for guess in &likely {
        writeln!(out, "{guess}").map_err(Error::Sink)?;
    }
    for guess in &weak {
        writeln!(out, "{guess}  (weak)").map_err(Error::Sink)?;
    }
    out.flush().map_err(Error::Sink)?;
    if !likely.is_empty() {
        return Ok(Status::OK);
    }
    match broken {
        _ if capture.is_empty() => report::line(format_args!("inspect: the capture is empty")),
        Some(Broken { spec, frames, offset }) => {
            report::line(format_args!(
                "inspect: no framing is likely for all of the capture; {spec} is for the \
                 first {frames} frames, up to byte {offset}"
            ));
            report::hint(&format!("see what is wrong there: {}", hint_of_inspect(&spec, file)));
        }
        None if !weak.is_empty() => {
            report::line(format_args!(
                "inspect: no framing is likely: the capture tells too little"
            ));
        }
        None => report::line(format_args!("inspect: no framing is likely for this capture")),
    }
    Ok(Status::INTEGRITY)
}

/// A capture, and what it is called.
struct Capture {
    source: Box<dyn Read>,
    path: Option<PathBuf>,
}

impl Capture {
    fn open(file: Option<&OsStr>) -> Result<Self, Error> {
        let Some(name) = file.filter(|name| *name != "-") else {
            if io::stdin().is_terminal() {
                report::line(format_args!("inspect: the capture is what is typed, up to Ctrl-D"));
            }
            return Ok(Self { source: Box::new(io::stdin()), path: None });
        };
        let path = PathBuf::from(name);
        match File::open(name) {
            Ok(file) => Ok(Self { source: Box::new(file), path: Some(path) }),
            Err(source) => Err(Error::File { what: "read", path, source }),
        }
    }

    /// What it says of a failure to read it.
    fn failed(&self, source: io::Error) -> Error {
        match &self.path {
            Some(path) => Error::File { what: "read", path: path.clone(), source },
            None => Error::Capture(source),
        }
    }
}

/// Shows the frames of the capture, and why it does not parse to its end, if so.
fn inspect<F: Framing>(
    mut decoder: Decoder<F>,
    mut raw: Raw,
    capture: &mut Capture,
    show: &mut Show<impl Write>,
) -> Result<Option<DecodeError>, Error> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        // A capture that is still being made may have nothing more to say for hours.
        show.flush()?;
        let n = match capture.source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            n => n.map_err(|source| capture.failed(source))?,
        };
        let mut input = &chunk[..n];
        raw.add(input);
        loop {
            let next = if n == 0 { decoder.finish() } else { decoder.next(&mut input) };
            match next {
                Ok(Some(frame)) => {
                    show.frame(&frame, raw.cut_off(&frame, input.len()))?;
                    raw.frame_ends(input.len());
                }
                Ok(None) if n == 0 => return Ok(None),
                Ok(None) => break,
                Err(error) if error.is_fatal() => {
                    show.fault(error, &raw)?;
                    return Ok(Some(error));
                }
                Err(error) => {
                    show.report(error)?;
                    raw.frame_ends(input.len());
                }
            }
        }
    }
}

/// The most that is guessed about, in bytes.
const GUESSABLE: usize = 64 << 20;
