//! `get`: a file from the server, whole and checked, or not at all.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use framing_protocol::Closed;
use framing_protocol::message::Text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::SIGXFSZ;

use crate::error::Error;
use crate::output::Output;
use crate::part::{Part, PartError, Place};
use crate::screen::Screen;
use crate::session::{Download, Session};
use crate::target::Target;

/// Fetches `path` to `output`, or to a file of the same name here.
pub(crate) fn run(target: &Target, path: &OsStr, output: Option<&OsStr>) -> Result<(), Error> {
    // A file over the limit of the process shall be an error like a full disk, not a sudden death.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    // First of all, so that nothing is fetched that cannot be put anywhere.
    let destination = Destination::choose(path, output)?;
    let mut session = Session::connect(target)?;
    let path = Text::from(path.as_bytes());
    let download = session.get(&path)?;
    match destination {
        Destination::Stream(mut output) => {
            download.write_to(&mut output)?;
        }
        Destination::File(place) => save(download, place, &path)?,
    }
    Ok(())
}

/// Where the content goes.
#[derive(Debug)]
enum Destination {
    /// Standard output, a device or a FIFO: gets it as it comes.
    Stream(Output),
    /// A file that is not there yet.
    File(Place),
}

impl Destination {
    fn choose(path: &OsStr, output: Option<&OsStr>) -> Result<Self, Error> {
        let Some(output) = output else { return Ok(Self::File(Place::new(base_name(path)?)?)) };
        if output == "-" {
            return Ok(Self::Stream(Output::stdout()?));
        }
        let output = Path::new(output);
        let Ok(kind) = fs::metadata(output).map(|metadata| metadata.file_type()) else {
            return Ok(Self::File(Place::new(output)?));
        };
        if kind.is_dir() {
            Ok(Self::File(Place::new(&output.join(base_name(path)?))?))
        } else if kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
            let open = OpenOptions::new().write(true).open(output);
            let stream = open.and_then(Output::new).map_err(|source| Error::File {
                what: "write to",
                path: output.into(),
                source,
            })?;
            Ok(Self::Stream(stream))
        } else {
            Ok(Self::File(Place::new(output)?))
        }
    }
}

/// The last part of the path that was asked for. What the server calls the file plays no role: it is
/// not the server that chooses where we write.
fn base_name(path: &OsStr) -> Result<&Path, PartError> {
    let name = path.as_bytes().rsplit(|byte| *byte == b'/').find(|name| !name.is_empty());
    match name {
        None | Some(b"." | b"..") => Err(PartError::NoName { path: path.into() }),
        Some(name) => Ok(Path::new(OsStr::from_bytes(name))),
    }
}

/// Downloads to the part file, and gives it its name once it has turned out to be right.
fn save(download: Download<'_>, place: Place, path: &Text) -> Result<(), Error> {
    let mode = download.file().mode.unwrap_or(READABLE);
    let mut part = place.begin(mode)?;
    let bar = progress(path, download.file().total_size);
    let file =
        download.write_to(&mut bar.wrap_write(&mut part)).map_err(|error| name(&part, error))?;
    bar.finish_and_clear();
    part.finish(file.modified)?;
    Ok(())
}

/// Names the file that could not be written, or says that it is not kept.
fn name(part: &Part, error: Error) -> Error {
    match error {
        Error::Sink(source) => Error::File { what: "write", path: part.path(), source },
        Error::Damaged(damage) => PartError::Damaged(damage).into(),
        Error::Closed { server, reason: reason @ (Closed::Lost | Closed::Truncated { .. }) } => {
            Error::Unsaved { server, reason }
        }
        error => error,
    }
}

/// Shows itself on a terminal only.
fn progress(path: &Text, size: u64) -> ProgressBar {
    let screen = io::stderr().is_terminal().then(Screen::stderr).and_then(Result::ok);
    let target = screen.map_or_else(ProgressDrawTarget::hidden, |screen| {
        ProgressDrawTarget::term_like(Box::new(screen))
    });
    let bar = ProgressBar::with_draw_target(Some(size), target);
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar.with_message(path.to_string())
}

const TEMPLATE: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";

/// The permissions of a file whose own are not known, before the umask.
const READABLE: u32 = 0o666;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_name_is_the_last_part_of_what_was_asked_for() {
        let name =
            |path: &str| base_name(OsStr::new(path)).map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(name("a").unwrap(), "a");
        assert_eq!(name("../../etc/passwd").unwrap(), "passwd");
        assert_eq!(name("/a/b c/").unwrap(), "b c");
        assert_eq!(name("目录/文件").unwrap(), "文件");
        for none in ["", "/", ".", "..", "a/..", "a/.", "a/../"] {
            assert!(name(none).is_err(), "{none}");
        }
    }
}
