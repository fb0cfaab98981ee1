//! The progress bar's way to a terminal that may be stopped, or slow.

use std::fmt::Write as _;
use std::io;
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;

use crate::output::{Output, Sink};

/// Standard error as a screen that is never waited for: what does not fit into it now is not drawn.
#[derive(Debug)]
pub(crate) struct Screen(Mutex<Canvas>);

impl Screen {
    /// The screen behind standard error; one that is no terminal is of the usual width.
    pub(crate) fn stderr() -> io::Result<Self> {
        Ok(Self(Mutex::new(Canvas { output: Output::stderr()?, frame: String::new() })))
    }

    fn move_cursor(&self, n: usize, direction: char) -> io::Result<()> {
        // To a terminal 0 means 1.
        if n == 0 { Ok(()) } else { self.draw(format_args!("\x1b[{n}{direction}")) }
    }

    fn draw(&self, piece: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.canvas(|canvas| canvas.frame.write_fmt(piece).map_err(io::Error::other))
    }

    fn canvas<T>(&self, work: impl FnOnce(&mut Canvas) -> T) -> T {
        // A frame that a panic has left half drawn is no harm.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The output, and what will be on it.
#[derive(Debug)]
struct Canvas {
    output: Output,
    /// What has been drawn since the last flush.
    frame: String,
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        let size = rustix::termios::tcgetwinsize(io::stderr()).map(|size| size.ws_col);
        size.ok().filter(|columns| *columns > 0).unwrap_or(USUAL_WIDTH)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.draw(format_args!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(format_args!("\r\x1b[2K"))
    }

    /// Shows the frame whole, or not at all if the one before it has not got through yet.
    fn flush(&self) -> io::Result<()> {
        self.canvas(|canvas| {
            let frame = std::mem::take(&mut canvas.frame);
            canvas.output.drain()?;
            match canvas.output.waits_for() {
                None => canvas.output.put(frame.as_bytes()),
                Some(_) => Ok(()),
            }
        })
    }
}

/// Of a terminal that does not know.
const USUAL_WIDTH: u16 = 80;
