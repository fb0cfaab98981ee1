//! Lines on stderr.

use framing_protocol::message::Escaped;
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// One line about something that went wrong, in which nothing that a peer said can end the line or
/// reach the terminal as a control sequence.
///
/// It only waits to be written: a stderr that nobody reads stops the thread that writes, and never
/// one that watches over a command.
pub(crate) fn line(what: impl Display) {
    LOG.push(text(what));
}

/// Gives the lines that wait a short time to be written.
pub(crate) fn flush() {
    LOG.flush();
}

static LOG: LazyLock<Arc<Log>> = LazyLock::new(|| Log::start(io::stderr()));

#[derive(Default)]
struct Log {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The first one stays until it is written.
    lines: VecDeque<String>,
    /// How many found no place since the last one that did.
    lost: u64,
}

impl Log {
    /// A log with a thread that writes to `out`, and ends with the process.
    fn start(out: impl Write + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let writer = Arc::clone(&log);
        // A system without place for one more thread has other troubles than an unwritten log.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || writer.write(out));
        log
    }

    fn push(&self, line: String) {
        let mut queue = self.queue();
        if queue.lines.len() >= LINES {
            queue.lost = queue.lost.saturating_add(1);
            return;
        }
        if queue.lost > 0 {
            let lost = text(format_args!("{} lines were lost here", queue.lost));
            queue.lines.push_back(lost);
            queue.lost = 0;
        }
        queue.lines.push_back(line);
        self.changed.notify_all();
    }

    fn write(&self, mut out: impl Write) {
        loop {
            let queue = self.changed.wait_while(self.queue(), |queue| queue.lines.is_empty());
            let line = queue.unwrap_or_else(PoisonError::into_inner).lines.front().cloned();
            // A stderr that is closed must not take the server down.
            let _ = out.write_all(line.unwrap_or_default().as_bytes());
            self.queue().lines.pop_front();
            self.changed.notify_all();
        }
    }

    fn flush(&self) {
        let waits = |queue: &mut Queue| !queue.lines.is_empty();
        let _ = self.changed.wait_timeout_while(self.queue(), LAST_WORDS, waits);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole line, so that it is written at once and never mixed with another.
fn text(what: impl Display) -> String {
    let mut line = format!("framing-server: {}", Escaped(what.to_string().as_bytes()));
    if let Some((end, _)) = line.char_indices().nth(LENGTH) {
        line.truncate(end);
        line.push_str("...");
    }
    line.push('\n');
    line
}

/// How many lines may wait.
const LINES: usize = 256;

/// How many characters of a line are written.
const LENGTH: usize = 1024;

/// How long a server that ends waits for its last lines to be written.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Passes on each write, once it is allowed to.
    struct Gate {
        leave: Receiver<()>,
        writes: Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.leave.recv();
            let _ = self.writes.send(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_written_at_once_escaped_and_of_bounded_length() {
        let (open, leave) = channel();
        let (writes, written) = channel();
        drop(open);
        let log = Log::start(Gate { leave, writes });
        log.push(text("a\n\x1b[31mb"));
        assert_eq!(written.recv().unwrap(), "framing-server: a\\u{a}\\u{1b}[31mb\n");
        log.push(text("ü".repeat(100_000)));
        let line = written.recv().unwrap();
        assert!(line.ends_with("ü...\n") && line.chars().count() == LENGTH + 4, "{line}");
    }

    #[test]
    fn a_full_stderr_holds_nobody_up_and_what_was_lost_is_counted() {
        let (open, leave) = channel();
        let (writes, written) = channel();
        let log = Log::start(Gate { leave, writes });
        for n in 0..LINES + 7 {
            log.push(text(n));
        }
        // Comes back although nothing can be written.
        log.flush();
        open.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), text(0));
        // One has left the queue once the next is under way.
        open.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), text(1));
        log.push(text("next"));
        drop(open);
        let rest: Vec<String> = written.iter().take(LINES).collect();
        assert_eq!(rest[LINES - 3], text(LINES - 1));
        assert_eq!(rest[LINES - 2..], [text("7 lines were lost here"), text("next")]);
    }
}
