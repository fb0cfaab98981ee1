//! One protocol machine against a peer, an application and a clock, none of which keeps to any rule.

use std::time::Duration;

use framing_protocol::{End, Machine};

use crate::input::Input;

/// All messages of both sides, `@` for the id.
const MESSAGES: [&str; 44] = [
    r#"{"type":"hello","version":1}"#,
    r#"{"type":"welcome","version":1,"agent":"t","roles":["echo"],"limits":{"header":65536}}"#,
    r#"{"type":"upper","id":@}"#,
    r#"{"type":"exec","id":@,"argv":["a"],"stdin":"piped"}"#,
    r#"{"type":"exec","id":@,"shell":"a","env":{"A":{"b64":"/w=="}},"timeout_ms":5}"#,
    r#"{"type":"stdin","id":@}"#,
    r#"{"type":"stdin_end","id":@}"#,
    r#"{"type":"signal","id":@,"name":"INT"}"#,
    r#"{"type":"get","id":@,"path":"a"}"#,
    r#"{"type":"list","id":@,"path":"a"}"#,
    r#"{"type":"stat","id":@,"path":"a"}"#,
    r#"{"type":"entry","id":@,"name":"a","kind":"file","size":3}"#,
    r#"{"type":"cancel","id":@}"#,
    r#"{"type":"ping","id":@}"#,
    r#"{"type":"pong","id":@}"#,
    r#"{"type":"started","id":@,"pid":1,"window":1000}"#,
    r#"{"type":"started","id":@,"pid":1,"window":18446744073709551615}"#,
    r#"{"type":"stdout","id":@}"#,
    r#"{"type":"stderr","id":@}"#,
    r#"{"type":"window","id":@,"bytes":1000}"#,
    r#"{"type":"window","id":@,"bytes":18446744073709551615}"#,
    r#"{"type":"exit","id":@,"outcome":"exited","code":0,"duration_ms":1}"#,
    r#"{"type":"file","id":@,"filename":"a","total_size":3}"#,
    r#"{"type":"file","id":@,"filename":"a","total_size":18446744073709551615}"#,
    r#"{"type":"data","id":@}"#,
    r#"{"type":"file_end","id":@,"digest":"blake3:0000000000000000000000000000000000000000000000000000000000000000"}"#,
    r#"{"type":"entries","id":@}"#,
    r#"{"type":"entries_end","id":@}"#,
    r#"{"type":"error","id":@,"code":"io","message":"m"}"#,
    r#"{"type":"error","code":"io","message":"m"}"#,
    r#"{"type":"goaway","reason":"r","last_id":@}"#,
    r#"{"type":"put","id":@,"path":"a"}"#,
    r#"{"type":"put","id":@,"path":"a","size":9,"resume":true}"#,
    r#"{"type":"begin","id":@}"#,
    r#"{"type":"begin","id":@,"offset":5}"#,
    r#"{"type":"verifying","id":@,"bytes":3}"#,
    r#"{"type":"ready","id":@,"window":1000}"#,
    r#"{"type":"ready","id":@,"offset":5,"prefix":"blake3:0000000000000000000000000000000000000000000000000000000000000000","window":18446744073709551615}"#,
    r#"{"type":"stored","id":@,"digest":"blake3:0000000000000000000000000000000000000000000000000000000000000000"}"#,
    r#"{"type":"pair","id":@,"token":"t","name":"n"}"#,
    r#"{"type":"paired","id":@,"roles":["echo"]}"#,
    r#"{"type":"teleport","id":@}"#,
    r#"{"type":"teleport"}"#,
    r#"{"type":"upper"}"#,
];

/// What those begin with that may carry a body.
const WITH_BODY: [&str; 6] = [
    r#"{"type":"upper"#,
    r#"{"type":"stdin""#,
    r#"{"type":"stdout"#,
    r#"{"type":"stderr"#,
    r#"{"type":"data"#,
    r#"{"type":"entries""#,
];

/// A machine with its verbs and events.
pub(crate) trait Subject: Machine {
    /// The application says something.
    fn verb(&mut self, verb: u8, id: u64, size: usize);
    /// Polls once: whether there was an event, and whether it was the last one.
    fn poll(&mut self, now: Duration) -> Polled;
    /// Whether the peer would take this header.
    fn is_heard(header: &[u8]) -> Heard;
}

pub(crate) enum Polled {
    Nothing,
    Event,
    Last,
}

/// What a peer makes of a message.
#[derive(PartialEq, Eq)]
pub(crate) enum Heard {
    Message,
    /// It ends the connection.
    Farewell,
    Nonsense,
}

/// Reads steps from the input, and takes them.
pub(crate) fn run<S: Subject>(machine: &mut S, mut input: Input<'_>) {
    let mut run = Run { machine, now: Duration::ZERO, over: false, ended: false, said: Vec::new() };
    while !input.is_empty() {
        run.step(&mut input);
    }
    run.end();
}

struct Run<'m, S> {
    machine: &'m mut S,
    now: Duration,
    /// The last event was given.
    over: bool,
    /// The peer's bytes have ended.
    ended: bool,
    /// All that the machine has written.
    said: Vec<u8>,
}

impl<S: Subject> Run<'_, S> {
    fn step(&mut self, input: &mut Input<'_>) {
        let was_finished = self.machine.is_finished();
        match input.below(16) {
            0..=4 => {
                let message = message(input);
                self.feed(&message);
            }
            5 => {
                let length = input.byte();
                self.feed(input.take(length.into()));
            }
            6 => {
                let length = input.below(128);
                let header = input.take(length);
                let body = input.byte();
                self.feed(&frame(header, vec![b'b'; body.into()]));
            }
            7 => {
                let message = message(input);
                self.feed(&message[..input.below(64).min(message.len())]);
            }
            8..=10 => {
                let (verb, id) = (input.byte() % 24, id(input));
                self.machine.verb(verb, id, input.size());
            }
            11 => {
                let n = input.size() * 8;
                self.write(n);
            }
            12 | 13 => {
                for _ in 0..=input.below(4) {
                    self.poll();
                }
            }
            14 => {
                self.now += Duration::from_millis(input.word() as u64);
                self.machine.tick(self.now);
            }
            _ => {
                let end = input.pick(&[End::Fin, End::Authenticated, End::Loss]);
                // Mostly the connection goes on.
                if input.below(4) == 0 {
                    self.machine.input_ended(end, self.now);
                    self.ended = true;
                }
            }
        }
        assert!(self.machine.output().len() < 6 << 20, "too much waits to be written");
        assert!(!self.machine.space().is_empty());
        if was_finished {
            assert!(self.machine.is_finished(), "what is over stays over");
            assert!(self.machine.output().is_empty() && self.machine.deadline().is_none());
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.machine.wants_input() {
            let space = self.machine.space();
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            self.machine.received(n, self.now);
            bytes = &bytes[n..];
        }
    }

    fn write(&mut self, n: usize) {
        let n = n.min(self.machine.output().len());
        self.said.extend_from_slice(&self.machine.output()[..n]);
        self.machine.sent(n, self.now);
    }

    fn poll(&mut self) -> bool {
        match self.machine.poll(self.now) {
            Polled::Nothing => false,
            _ if self.over => panic!("an event after the last"),
            Polled::Event => true,
            Polled::Last => {
                self.over = true;
                true
            }
        }
    }

    /// Lets it come to its end: the peer is gone, all is written that can be. Where its bytes ended in
    /// another manner before, requests may wait for answers that nobody gives.
    fn end(mut self) {
        self.machine.input_ended(End::Loss, self.now);
        for _ in 0..MOST_EVENTS {
            self.write(usize::MAX);
            if !self.poll() {
                break;
            }
        }
        assert!(self.over || self.ended, "a connection that is lost has a last event");
        self.write(usize::MAX);
        if self.over {
            assert!(self.machine.is_finished() && self.machine.output().is_empty());
            self.machine.verb(0, 1, 1);
            assert!(self.machine.output().is_empty() && !self.poll(), "verbs are void");
        }
        self.reads_well();
    }

    /// What was said is messages that the peer understands; nothing follows the one that ends it.
    fn reads_well(&self) {
        let mut said = &self.said[..];
        let mut over = false;
        while let Some((head, rest)) = said.split_first_chunk::<12>() {
            let header = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let body = u64::from_be_bytes(*head.last_chunk().expect("it has twelve bytes"));
            let body = usize::try_from(body).expect("a body is short");
            // The last message may be cut off where the connection ended.
            let (Some(header), true) = (rest.get(..header), rest.len() >= header + body) else {
                return;
            };
            assert!(!over, "something follows the error that ends the connection");
            let heard = S::is_heard(header);
            assert!(heard != Heard::Nonsense, "{}", header.escape_ascii());
            over = heard == Heard::Farewell;
            said = &rest[header.len() + body..];
        }
    }
}

/// More are never held.
const MOST_EVENTS: usize = 1 << 16;

fn id(input: &mut Input<'_>) -> u64 {
    u64::from(input.byte() % 12)
}

fn message(input: &mut Input<'_>) -> Vec<u8> {
    let message = input.pick(&MESSAGES);
    let header = message.replace('@', &id(input).to_string());
    let takes_body = WITH_BODY.iter().any(|kind| header.starts_with(kind));
    let size = if takes_body { input.size() } else { usize::from(input.byte() == 13) };
    frame(header.as_bytes(), vec![b'b'; size.min(256 * 1024 + 1)])
}

pub(crate) fn frame(header: &[u8], body: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(header.len()).expect("a header is short");
    let mut wire = length.to_be_bytes().to_vec();
    wire.extend((body.len() as u64).to_be_bytes());
    wire.extend_from_slice(header);
    wire.extend(body);
    wire
}
