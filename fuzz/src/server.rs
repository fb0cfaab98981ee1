//! The server's machine against anything.

use std::time::Duration;

use framing_protocol::message::{
    Code, Digest, Entry, EntryKind, Exit, Failure, File, Held, MAX_BODY, Outcome, ServerMessage,
};
use framing_protocol::server::{Event, Server, Settings};

use crate::input::Input;
use crate::protocol::{Heard, Polled, Subject, frame, run};

/// **A server survives any bytes, any verbs and any time.**
///
/// It does not panic; its output is bounded; all that it writes are messages, with nothing behind the
/// error that ends the connection; there is one last event, and nothing after it.
///
/// The input's first byte says whether the client has greeted; then come steps.
pub fn server(data: &[u8]) {
    let mut input = Input::new(data);
    let mut server = Server::new(Settings::default(), Duration::ZERO);
    if input.below(4) != 0 {
        let hello = frame(br#"{"type":"hello","version":1}"#, Vec::new());
        let space = framing_protocol::Machine::space(&mut server);
        space[..hello.len()].copy_from_slice(&hello);
        framing_protocol::Machine::received(&mut server, hello.len(), Duration::ZERO);
    }
    run(&mut server, input);
}

impl Subject for Server {
    fn verb(&mut self, verb: u8, id: u64, size: usize) {
        let total_size = size as u64;
        let file = File::new("f".into(), total_size);
        let entry = Entry::new("e".into(), EntryKind::File, 0);
        let exit = Exit {
            outcome: Outcome::Exited { code: 0 },
            truncated: false,
            duration: Duration::ZERO,
        };
        let content = vec![b'c'; if self.room() > 0 { size } else { 0 }];
        match verb {
            0 => self.upper(id, "TEXT"),
            1 => self.upper(id, &"T".repeat(size)),
            2 => self.fail(id, Failure::new(Code::Io, "m".repeat(size))),
            3 | 4 => self.started(id, 1),
            5 => self.stdout(id, &content),
            6 => self.stderr(id, &content),
            7 => self.stdin_taken(id, size as u64),
            8 => self.exit(id, exit),
            9 => self.file(id, file),
            10 => self.data(id, &content),
            11 => self.file_end(id, Digest::Blake3([0; 32])),
            12 => self.entries(id, &vec![entry; size.min(10)]),
            13 => self.entries_end(id),
            14 if size % 8 == 7 => self.goaway("r"),
            16 => self.ready(id, None),
            17 => {
                let prefix = Digest::Blake3([0; 32]);
                self.ready(id, Some(Held { offset: total_size, prefix }));
            }
            18 | 19 => self.data_taken(id, total_size),
            20 | 21 => self.stored(id),
            22 => self.verifying(id, total_size),
            23 => self.entry(id, entry),
            15 if size % 8 == 7 => self.refuse(Failure::new(Code::Denied, "not here")),
            _ => {}
        }
    }

    fn poll(&mut self, now: Duration) -> Polled {
        let event = self.poll_event(now);
        assert!(self.body().len() <= MAX_BODY);
        match event {
            None => Polled::Nothing,
            Some(Event::Closed { .. }) => Polled::Last,
            Some(Event::Stdin { .. } | Event::Data { .. }) => {
                assert!(!self.body().is_empty());
                Polled::Event
            }
            Some(_) => Polled::Event,
        }
    }

    fn is_heard(header: &[u8]) -> Heard {
        match ServerMessage::parse(header) {
            Ok(ServerMessage::Error { id: None, .. }) => Heard::Farewell,
            Ok(_) => Heard::Message,
            Err(_) => Heard::Nonsense,
        }
    }
}
