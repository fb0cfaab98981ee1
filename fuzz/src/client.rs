//! The client's machine against anything.

use std::time::Duration;

use framing_protocol::client::{Client, Event, Settings};
use framing_protocol::message::{
    ClientMessage, Command, Digest, Exec, Get, MAX_BODY, MAX_HEADER, Put, Stdin,
};

use crate::input::Input;
use crate::protocol::{Heard, Polled, Subject, frame, run};

/// **A client survives any bytes, any verbs and any time.**
///
/// As [`server`](crate::server()). Its first event is the `welcome`, unless it is the last one.
///
/// The input's first byte says whether the server has greeted; then come steps.
pub fn client(data: &[u8]) {
    let mut input = Input::new(data);
    let mut client =
        Greeted { client: Client::new(Settings::default(), Duration::ZERO), yet: false };
    if input.below(4) != 0 {
        let welcome = frame(br#"{"type":"welcome","version":1}"#, Vec::new());
        let space = framing_protocol::Machine::space(&mut client);
        space[..welcome.len()].copy_from_slice(&welcome);
        framing_protocol::Machine::received(&mut client, welcome.len(), Duration::ZERO);
    }
    run(&mut client, input);
}

/// More than a header may have.
const LARGE: usize = 2 * MAX_HEADER;

/// With whether it has its welcome.
struct Greeted {
    client: Client,
    yet: bool,
}

impl Subject for Greeted {
    fn verb(&mut self, verb: u8, id: u64, size: usize) {
        let client = &mut self.client;
        let command = || Command::Shell("a".into());
        let argv = |length| Command::Argv(vec!["a".repeat(length).into()]);
        let piped = Exec { stdin: Stdin::Piped, ..Exec::new(command()) };
        let resumed = Put { size: Some(9), resume: true, ..Put::new("a".into()) };
        let before = client.credit(id);
        match verb {
            0..=2 => drop(client.upper(&vec![b'u'; size])),
            3 => drop(client.exec(&piped)),
            4 => drop(client.exec(&Exec::new(argv(size % LARGE)))),
            5 => drop(client.get(&Get::new("a".into()))),
            6 => drop(client.list(&"a".into())),
            7 => drop(client.ping()),
            8..=10 => {
                let room = client.room();
                if let Ok(taken) = client.stdin(id, &vec![b's'; size]) {
                    assert_eq!(taken, size.min(before).min(room));
                    assert_eq!(client.credit(id), before - taken);
                }
            }
            11 => client.stdin_end(id),
            12 => client.signal(id, "INT"),
            13 => client.cancel(id),
            14 if size % 8 == 7 => client.close(),
            15 => drop(client.put(&resumed)),
            16 => drop(client.put(&Put::new("a".repeat(size % LARGE).as_str().into()))),
            17 | 18 => drop(client.begin(id, if size == 5 { 5 } else { 0 })),
            19..=21 => {
                let room = client.room();
                if let Ok(taken) = client.data(id, &vec![b'd'; size]) {
                    assert_eq!(taken, size.min(before).min(room));
                    assert_eq!(client.credit(id), before - taken);
                }
            }
            22 => drop(client.file_end(id, Digest::Blake3([0; 32]))),
            23 => drop(client.stat(&"a".into())),
            _ => {}
        }
    }

    fn poll(&mut self, now: Duration) -> Polled {
        let event = self.client.poll_event(now);
        assert!(self.client.body().len() <= MAX_BODY);
        match event {
            None => return Polled::Nothing,
            Some(Event::Closed { .. }) => return Polled::Last,
            Some(Event::Welcome { .. }) => assert!(!self.yet, "welcome comes once"),
            Some(event) => assert!(self.yet, "{event:?} before the welcome"),
        }
        self.yet = true;
        Polled::Event
    }

    fn is_heard(header: &[u8]) -> Heard {
        if ClientMessage::parse(header).is_ok() { Heard::Message } else { Heard::Nonsense }
    }
}

/// All but the verbs and the events is the client's own.
impl framing_protocol::Machine for Greeted {
    fn space(&mut self) -> &mut [u8] {
        self.client.space()
    }

    fn received(&mut self, n: usize, now: Duration) {
        self.client.received(n, now);
    }

    fn wants_input(&self) -> bool {
        self.client.wants_input()
    }

    fn input_ended(&mut self, end: framing_protocol::End, now: Duration) {
        self.client.input_ended(end, now);
    }

    fn output(&self) -> &[u8] {
        self.client.output()
    }

    fn sent(&mut self, n: usize, now: Duration) {
        self.client.sent(n, now);
    }

    fn deadline(&self) -> Option<Duration> {
        self.client.deadline()
    }

    fn tick(&mut self, now: Duration) {
        self.client.tick(now);
    }

    fn is_finished(&self) -> bool {
        self.client.is_finished()
    }
}
