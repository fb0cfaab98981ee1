//! Other implementations that are written in Python: a child that answers requests, see `peer.py`.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Item, hex};

/// A child, ended when it is dropped.
pub(super) struct Python {
    child: Child,
    requests: RefCell<ChildStdin>,
    answers: Receiver<String>,
}

/// What a peer made of a stream.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) items: Vec<Item>,
    /// Bytes behind the only frame that was asked for.
    pub(super) rest: u64,
}

impl Python {
    /// None, with a notice, where Python or the package is not there.
    pub(super) fn start(package: &str) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/differential/peer.py");
        let mut command = Command::new("python3");
        command.args([script, package]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                eprintln!("skipped: nothing is compared with {package}: python3: {error}");
                return None;
            }
        };
        let requests = RefCell::new(child.stdin.take().unwrap());
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = channel();
        // Reads are bounded by waiting for this thread, which ends with the child.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let python = Self { child, requests, answers };
        let hello = python.answer();
        if let Some(missing) = hello["missing"].as_str() {
            eprintln!("skipped: nothing is compared with {package}: {missing}");
            return None;
        }
        eprintln!("compared with {package} {}", hello["version"]);
        Some(python)
    }

    pub(super) fn receive(&self, peer: &str, settings: &Value, chunks: &[&[u8]]) -> Answer {
        let chunks: Vec<String> = chunks.iter().map(|chunk| hex(chunk)).collect();
        let mut request = json!({ "peer": peer, "chunks": chunks });
        request.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap());
        let answer = self.ask(&request);
        let frames = answer["frames"].as_array().unwrap();
        let mut items: Vec<Item> = frames.iter().map(|frame| super::frame(unhex(frame))).collect();
        if !answer["fault"].is_null() {
            items.push(Item::Fault);
        }
        Answer { items, rest: answer["rest"].as_u64().unwrap() }
    }

    /// What the peer writes for these payloads.
    pub(super) fn send(&self, peer: &str, settings: &Value, payloads: &[Vec<u8>]) -> Vec<u8> {
        let payloads: Vec<String> = payloads.iter().map(|payload| hex(payload)).collect();
        let mut request = json!({ "peer": peer, "send": payloads });
        request.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap());
        unhex(&self.ask(&request)["wire"])
    }

    fn ask(&self, request: &Value) -> Value {
        writeln!(self.requests.borrow_mut(), "{request}").unwrap();
        self.answer()
    }

    fn answer(&self) -> Value {
        let line = self.answers.recv_timeout(DEADLINE).expect("the child answers");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks(2).map(|pair| digit(pair[0]).unwrap() << 4 | digit(pair[1]).unwrap()).collect()
}

/// It only bounds the test: an answer takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(60);
