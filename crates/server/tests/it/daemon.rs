//! The binary, running.

use crate::caller::home;
use crate::processes::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

pub(crate) fn binary() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("framing-server"));
    at_home(&mut command);
    command
}

/// A shell line that runs the binary, which is its `$0`.
pub(crate) fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(binary().get_program());
    at_home(&mut command);
    command
}

/// Keeps what the tests start away from the home of whoever runs them.
fn at_home(command: &mut Command) {
    command.env_remove("FRAMING_LISTEN").env_remove("FRAMING_ROOT");
    for directory in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(directory, home());
    }
}

/// A running binary, which does not outlive its test.
pub(crate) struct Daemon {
    pub(crate) process: Child,
    pub(crate) addresses: Vec<SocketAddr>,
    /// What it says on stderr, as it comes.
    pub(crate) said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts the command, which is to listen on so many addresses.
    pub(crate) fn start(command: &mut Command, addresses: usize) -> Self {
        Self::start_with_stderr(command, addresses, Stdio::piped())
    }

    /// The same with a stderr that may be somebody else's.
    pub(crate) fn start_with_stderr(
        command: &mut Command,
        addresses: usize,
        stderr: Stdio,
    ) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut address = || -> SocketAddr {
            let line = lines.next().expect("the server says where it listens").unwrap();
            line.strip_prefix("listening on ").expect(&line).parse().unwrap()
        };
        let addresses = (0..addresses).map(|_| address()).collect();
        let said = Arc::new(Mutex::new(String::new()));
        let ear = Arc::clone(&said);
        let listener = process.stderr.take().map(|stderr| {
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines() {
                    ear.lock().unwrap().push_str(&(line.unwrap() + "\n"));
                }
            })
        });
        Self { process, addresses, said, listener }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Waits for the end: the exit code and what was said on stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        wait_until("the server ends", || self.process.try_wait().unwrap().is_some());
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        let said = self.said.lock().unwrap().clone();
        (self.process.wait().unwrap().code(), said)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
