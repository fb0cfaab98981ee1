//! The prompt, on a terminal of the test's own.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use rustix::event::{PollFd, PollFlags, poll};

use crate::support::{PATIENCE, World, code, terminal};

/// A terminal with the client in it.
struct Terminal {
    keyboard: File,
    screen: File,
    client: Child,
    seen: String,
}

impl Terminal {
    fn new(world: &World, args: &[&str]) -> Self {
        let (keyboard, slave) = terminal();
        let open = || Stdio::from(slave.try_clone().unwrap());
        let client = world
            .process(args)
            .env("TERM", "xterm")
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap();
        let screen = keyboard.try_clone().unwrap();
        Self { keyboard, screen, client, seen: String::new() }
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `expected` is on the screen, and forgets what was there up to it.
    fn wait_for(&mut self, expected: &str) {
        while !self.seen.contains(expected) {
            let mut bytes = [0; 1024];
            let mut polled = [PollFd::new(&self.screen, PollFlags::IN)];
            let ready = poll(&mut polled, Some(&PATIENCE.try_into().unwrap())).unwrap();
            assert!(ready > 0, "{expected:?} does not come: {:?}", self.seen);
            let n = self.screen.read(&mut bytes).unwrap_or(0);
            assert!(n > 0, "the client ended, and {expected:?} did not come: {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        let end = self.seen.find(expected).unwrap() + expected.len();
        self.seen.drain(..end);
    }

    fn code(mut self) -> Option<i32> {
        self.client.wait().unwrap().code()
    }
}

#[test]
fn lines_are_answered_the_empty_one_too_until_the_end_of_input() {
    let world = World::new();
    let mut terminal = Terminal::new(&world, &["echo"]);
    terminal.wait_for("> ");
    terminal.type_in("hello\r");
    terminal.wait_for("\nHELLO\r\n");
    terminal.wait_for("> ");
    terminal.type_in("\r");
    terminal.wait_for("\n\r\n");
    terminal.wait_for("> ");
    // The key for "upwards" brings back the last line.
    terminal.type_in("\x1b[A!\r");
    terminal.wait_for("\nHELLO!\r\n");
    terminal.wait_for("> ");
    terminal.type_in("\x04");
    assert_eq!(terminal.code(), Some(0));
    let history = std::fs::read_to_string(world.here(".local/state/framing/echo-history")).unwrap();
    assert!(history.contains("hello\nhello!"), "{history}");
}

#[test]
fn an_interrupt_at_the_prompt_is_130() {
    let world = World::new();
    let mut terminal = Terminal::new(&world, &["echo"]);
    terminal.wait_for("> ");
    terminal.type_in("\x03");
    assert_eq!(terminal.code(), Some(130));
}

#[test]
fn a_server_that_died_is_told_at_the_next_line() {
    let world = World::new();
    let mut terminal = Terminal::new(&world, &["echo"]);
    terminal.wait_for("> ");
    let _here = world.stop();
    terminal.type_in("hello\r");
    terminal.wait_for("connecting again");
    terminal.wait_for("cannot connect");
    terminal.wait_for("hint: start a server there (from FRAMING_SERVER): framing-server --listen");
    assert_eq!(terminal.code(), Some(3));
}

#[test]
fn names_and_answers_cannot_drive_the_terminal() {
    let world = World::new();
    std::fs::write(world.there("a\x1b[2Jb"), "").unwrap();
    let mut terminal = Terminal::new(&world, &["ls"]);
    terminal.wait_for("a\\u{1b}[2Jb\r\n");
    assert_eq!(terminal.code(), Some(0));
    let mut terminal = Terminal::new(&world, &["echo", "a\x1b]0;b\x07"]);
    terminal.wait_for("A\\u{1b}]0;B\\u{7}\r\n");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn a_download_shows_its_progress_on_a_terminal() {
    let world = World::new();
    std::fs::write(world.there("file"), vec![0; 64 << 20]).unwrap();
    let mut terminal = Terminal::new(&world, &["get", "file"]);
    terminal.wait_for("64.00 MiB");
    terminal.wait_for("eta");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn a_download_does_not_wait_for_a_terminal_that_is_stopped() {
    let world = World::new();
    std::fs::write(world.there("file"), vec![0; 64 << 20]).unwrap();
    let (mut keyboard, slave) = terminal();
    // Ctrl-S
    keyboard.write_all(b"\x13").unwrap();
    let get = world.process(&["get", "file"]).stdin(Stdio::null()).stderr(slave).spawn().unwrap();
    assert_eq!(code(get), Some(0));
    assert_eq!(std::fs::metadata(world.here("file")).unwrap().len(), 64 << 20);
}
