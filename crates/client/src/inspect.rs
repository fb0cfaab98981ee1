//! `inspect`: the frames in a captured stream, and the place where it goes wrong.

mod guess;
mod raw;
mod show;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use framing::{DecodeError, Decoder, Framing, Spec};

use crate::error::{Error, Status, hint_of_fault};
use crate::report;
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
    let mut capture = open(file)?;
    let text = spec.to_string();
    let decoder = spec.config().decoder().map_err(Error::Unbuildable)?;
    // What was cut off a frame is shown in JSON, and in no other case is a frame needed once more.
    let raw = if form == Form::Json && text.split(',').any(|part| part == "oversize=truncate") {
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
    open(file)?.take(most).read_to_end(&mut capture).map_err(Error::Capture)?;
    if capture.len() > GUESSABLE {
        return Err(Error::TooLargeToGuess { limit: GUESSABLE });
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let ranked = guess::ranked(&capture);
    for guess in &ranked {
        writeln!(out, "{guess}").map_err(Error::Sink)?;
    }
    out.flush().map_err(Error::Sink)?;
    if ranked.is_empty() {
        report::line(format_args!("inspect: no framing is likely for this capture"));
        return Ok(Status::INTEGRITY);
    }
    Ok(Status::OK)
}

fn open(file: Option<&OsStr>) -> Result<Box<dyn Read>, Error> {
    match file {
        None => Ok(Box::new(io::stdin())),
        Some(name) if name == "-" => Ok(Box::new(io::stdin())),
        Some(name) => {
            let source = |source| Error::File { what: "read", path: name.into(), source };
            Ok(Box::new(File::open(name).map_err(source)?))
        }
    }
}

/// Shows the frames of the capture, and why it does not parse to its end, if so.
fn inspect<F: Framing>(
    mut decoder: Decoder<F>,
    mut raw: Raw,
    capture: &mut dyn Read,
    show: &mut Show<impl Write>,
) -> Result<Option<DecodeError>, Error> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        // A capture that is still being made may have nothing more to say for hours.
        show.flush()?;
        let n = match capture.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            n => n.map_err(Error::Capture)?,
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
                    show.fault(error, raw.row(error.offset()))?;
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
