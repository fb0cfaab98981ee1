//! `inspect`: the frames in a captured stream, and the place where it goes wrong.

mod guess;
mod show;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};

use framing::{AnyFraming, Decoder, Frame, Spec};

use crate::error::{Error, Status};
use show::Show;

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
    let stdout = io::stdout();
    let colours = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let mut show = Show::new(BufWriter::new(stdout.lock()), form, colours);
    let decoder = spec.config().decoder().map_err(Error::Unbuildable)?;
    let parsed = Inspector { decoder, raw: Raw::default() }.run(&mut capture, &mut show)?;
    show.flush()?;
    Ok(if parsed { Status::OK } else { Status::INTEGRITY })
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
        crate::report::line(format_args!("inspect: no framing is likely for this capture"));
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

struct Inspector {
    decoder: Decoder<AnyFraming>,
    raw: Raw,
}

/// What was read and belongs to no frame yet: what a frame was made of can be told only once its end
/// is known.
#[derive(Default)]
struct Raw {
    bytes: Vec<u8>,
    /// How many of them belong to frames that are done with.
    done: usize,
    /// Offset in the capture of the first that does not.
    offset: u64,
}

/// A frame, apart from the decoder.
pub(crate) struct Found {
    offset: u64,
    head: Vec<u8>,
    payload: Vec<u8>,
    trailer: Vec<u8>,
}

impl Inspector {
    /// Whether the capture parses to its end.
    fn run(mut self, capture: &mut dyn Read, show: &mut Show<impl Write>) -> Result<bool, Error> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            let n = match capture.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                n => n.map_err(Error::Capture)?,
            };
            let mut input = &chunk[..n];
            self.raw.add(input);
            loop {
                let next =
                    if n == 0 { self.decoder.finish() } else { self.decoder.next(&mut input) };
                let found = next.map(|frame| frame.map(Found::new));
                match found {
                    Ok(Some(found)) => {
                        let end = self.decoder.offset();
                        show.frame(&found.with_trailer(self.raw.until(end)))?;
                    }
                    Ok(None) if n == 0 => return Ok(true),
                    Ok(None) => break,
                    Err(error) if error.is_fatal() => {
                        show.fault(error, self.raw.rest(), self.raw.offset)?;
                        return Ok(false);
                    }
                    Err(error) => {
                        show.report(error)?;
                        self.raw.until(self.decoder.offset());
                    }
                }
            }
        }
    }
}

impl Raw {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.done));
        self.bytes.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    /// Takes what lies before `end`.
    fn until(&mut self, end: u64) -> &[u8] {
        let from = self.done;
        let n = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        self.done = from.saturating_add(n).min(self.bytes.len());
        self.offset = end;
        &self.bytes[from..self.done]
    }
}

impl Found {
    fn new(frame: Frame<'_, '_>) -> Self {
        Self {
            offset: frame.offset(),
            head: frame.head().to_vec(),
            payload: frame.payload().to_vec(),
            trailer: frame.trailer().to_vec(),
        }
    }

    /// All that stands behind the payload in the capture, the part that was cut off included; but of
    /// payloads that stand there in another form, or in parts.
    fn with_trailer(mut self, raw: &[u8]) -> Self {
        let shown = self.head.len() + self.payload.len();
        let as_it_stands = raw.len() >= shown
            && raw.starts_with(&self.head)
            && raw[self.head.len()..].starts_with(&self.payload)
            && raw.ends_with(&self.trailer);
        if as_it_stands && raw.len() - shown >= self.trailer.len() {
            self.trailer = raw[shown..].to_vec();
        }
        self
    }
}

/// The most that is guessed about, in bytes.
const GUESSABLE: usize = 64 << 20;
