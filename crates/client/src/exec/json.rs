//! The output of a command for programs that read JSON: kept for one object at the end, or an event for each
//! piece as it comes.

use std::io;
use std::os::fd::BorrowedFd;

use serde::Serialize;

use super::text::{Content, unfinished};
use crate::output::{Shared, Sink};

/// What is kept of one stream.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    total: u64,
}

/// One stream of a command, as the object at the end has it.
#[derive(Debug, Serialize)]
pub(super) struct Stream<'a> {
    /// How many bytes there were, decoded if they were, and whether they are here or not.
    bytes: u64,
    #[serde(flatten)]
    content: Content<'a>,
    /// Only the beginning is here.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    cut: bool,
}

impl Kept {
    pub(super) fn stream(&self) -> Stream<'_> {
        let cut = self.total > self.bytes.len() as u64;
        // A text stays one where it is cut.
        let whole = self.bytes.len() - if cut { unfinished(&self.bytes) } else { 0 };
        Stream { bytes: self.total, content: Content::from(&self.bytes[..whole]), cut }
    }
}

impl Sink for Kept {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = MOST.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.total += bytes.len() as u64;
        Ok(())
    }
}

/// Writes an event for each piece of a stream. A character that is cut is held back until the rest of it
/// comes, or text would look like none.
#[derive(Debug)]
pub(super) struct Events {
    server: String,
    name: &'static str,
    held: Vec<u8>,
    output: Shared,
}

/// A line of `--json-events` beside the last one.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    pub(super) server: &'a str,
    #[serde(rename = "event")]
    pub(super) what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<u32>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Content<'a>>,
}

impl Events {
    /// Events that are called `name`.
    pub(super) fn new(server: &str, name: &'static str, output: Shared) -> Self {
        Self { server: server.to_owned(), name, held: Vec::new(), output }
    }

    fn tell(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let content = Some(Content::from(bytes));
        let event = Event { server: &self.server, what: self.name, pid: None, content };
        self.output.put(&line(&event))
    }
}

impl Sink for Events {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut piece = std::mem::take(&mut self.held);
        piece.extend_from_slice(bytes);
        self.held = piece.split_off(piece.len() - unfinished(&piece));
        self.tell(&piece)
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
        let held = std::mem::take(&mut self.held);
        self.tell(&held)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.finish()
    }
}

/// A value on a line of its own. Those that there are have a place in JSON, all of them.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// How much of each stream is kept, in bytes.
const MOST: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pieces: &[&[u8]]) -> String {
        let mut kept = Kept::default();
        for piece in pieces {
            kept.put(piece).unwrap();
        }
        serde_json::to_string(&kept.stream()).unwrap()
    }

    #[test]
    fn a_stream_is_kept_up_to_a_limit_and_counted_past_it() {
        assert_eq!(kept(&[]), r#"{"bytes":0,"text":""}"#);
        assert_eq!(kept(&[b"\xe4\xb8", b"\xad"]), r#"{"bytes":3,"text":"中"}"#);
        assert_eq!(kept(&[b"\xe4\xb8"]), r#"{"bytes":2,"base64":"5Lg="}"#);
        let full = "x".repeat(MOST);
        assert_eq!(kept(&[full.as_bytes()]), format!(r#"{{"bytes":{MOST},"text":"{full}"}}"#));
        // The limit lies within a character, of which nothing is shown.
        let (almost, total) = ("x".repeat(MOST - 2), MOST + 1);
        assert_eq!(
            kept(&[almost.as_bytes(), "中".as_bytes()]),
            format!(r#"{{"bytes":{total},"text":"{almost}","cut":true}}"#)
        );
    }
}
