//! Lines of several servers in one output, each behind the name of its server.

use std::io;
use std::os::fd::BorrowedFd;

use framing_protocol::message::Escaped;
use memchr::memchr;

use super::text::unfinished;
use crate::output::{Shared, Sink};

/// Hands on whole lines only, so that no two servers share one. A line without an end gets one when nothing
/// more comes, and one that is too long to be kept is handed on in pieces, as lines of their own.
#[derive(Debug)]
pub(super) struct Prefixed {
    prefix: String,
    /// A line whose end has not come.
    begun: Vec<u8>,
    output: Shared,
}

impl Prefixed {
    pub(super) fn new(server: &str, output: Shared) -> Self {
        let prefix = format!("{}: ", Escaped(server.as_bytes()));
        Self { prefix, begun: Vec::new(), output }
    }

    /// The next line of what was begun, without its end, and how many bytes it and its end take.
    fn line(&self, from: usize) -> Option<(&[u8], usize)> {
        let rest = self.begun.get(from..)?;
        let window = rest.get(..LONGEST).unwrap_or(rest);
        if let Some(end) = memchr(b'\n', window) {
            return Some((&rest[..end], end + 1));
        }
        // That may be the end of a line that just fits.
        let next = *rest.get(LONGEST)?;
        if next == b'\n' {
            return Some((window, LONGEST + 1));
        }
        let whole = LONGEST - unfinished(window);
        Some((&rest[..whole], whole))
    }
}

impl Sink for Prefixed {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun.extend_from_slice(bytes);
        let (mut lines, mut taken) = (Vec::new(), 0);
        while let Some((line, length)) = self.line(taken) {
            lines.extend_from_slice(self.prefix.as_bytes());
            lines.extend_from_slice(line);
            lines.push(b'\n');
            taken += length;
        }
        self.begun.drain(..taken);
        if lines.is_empty() { Ok(()) } else { self.output.put(&lines) }
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.output.waits_for()
    }

    fn is_full(&self) -> bool {
        self.output.is_full()
    }

    fn drain(&mut self) -> io::Result<()> {
        self.output.drain()
    }

    fn end(&mut self) -> io::Result<()> {
        if self.begun.is_empty() { Ok(()) } else { self.put(b"\n") }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.finish()
    }
}

/// The longest line that is kept together, in bytes.
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;
    use crate::output::Output;

    fn prefixed(pieces: &[&[u8]]) -> String {
        let mut file = tempfile::tempfile().unwrap();
        let output = Shared::new(Output::new(&file).unwrap()).unwrap();
        let mut prefixed = Prefixed::new("a:1", output);
        for piece in pieces {
            prefixed.put(piece).unwrap();
        }
        prefixed.end().unwrap();
        prefixed.finish().unwrap();
        let mut written = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut written).unwrap();
        written
    }

    #[test]
    fn lines_stay_whole_whatever_the_cuts() {
        let text = "one\n\ntwo\r\nlast";
        for cut in 0..=text.len() {
            let (front, back) = text.as_bytes().split_at(cut);
            assert_eq!(prefixed(&[front, back]), "a:1: one\na:1: \na:1: two\r\na:1: last\n");
        }
        assert_eq!(prefixed(&[]), "");
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let fits = "x".repeat(LONGEST);
        assert_eq!(prefixed(&[fits.as_bytes(), b"\ny"]), format!("a:1: {fits}\na:1: y\n"));
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(prefixed(&[long.as_bytes()]), format!("a:1: {fits}\na:1: x\n"));
        // No piece ends in the middle of a character.
        let wide = "中".repeat(LONGEST / 3 + 1);
        let (front, back) = wide.split_at(LONGEST / 3 * 3);
        assert_eq!(prefixed(&[wide.as_bytes()]), format!("a:1: {front}\na:1: {back}\n"));
    }
}
