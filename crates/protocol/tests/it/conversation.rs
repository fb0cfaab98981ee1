//! Both machines driven against each other through a pipe that cuts where it likes: both
//! applications see the same conversation for every cut.

use core::time::Duration;

use framing_protocol::client::{self, Client};
use framing_protocol::message::{
    Code, Command, Digest, Entry, EntryKind, Exec, Exit, Failure, File, Get, Held, Outcome, Put,
    Stdin,
};
use framing_protocol::server::{self, Server};
use framing_protocol::{End, Id, Machine};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::T0;

/// What an application saw: the event and its body. Neighbours of one stream are joined.
#[derive(Debug, Default, PartialEq, Clone)]
struct Log(Vec<(String, Vec<u8>)>);

impl Log {
    fn note(&mut self, event: String, body: &[u8]) {
        let joins = ["Stdout", "Stderr", "Data", "Stdin {", "Entries {"];
        match self.0.last_mut() {
            Some((last, joined))
                if *last == event && joins.iter().any(|j| event.starts_with(j)) =>
            {
                joined.extend_from_slice(body);
            }
            _ => self.0.push((event, body.to_vec())),
        }
    }

    fn count(&self, event: &str) -> usize {
        self.0.iter().filter(|(seen, _)| seen.starts_with(event)).count()
    }
}

/// A server application: upper, two files, a listing, `cat`, and a file of which it has a part.
#[derive(Default)]
struct ServerApp {
    log: Log,
    /// What is still to be sent of the active download.
    sending: Option<(Id, Vec<u8>)>,
    finished_input: Option<Id>,
}

impl ServerApp {
    fn drive(&mut self, server: &mut Server, now: Duration) {
        loop {
            while let Some(event) = server.poll_event(now) {
                // How much input came at a time, and when its credit, is the pipe's affair.
                self.log.note(format!("{event:?}"), server.body());
                self.answer(server, event);
            }
            if !self.produce(server) {
                return;
            }
        }
    }

    fn answer(&mut self, server: &mut Server, event: server::Event) {
        match event {
            server::Event::Upper { id } => match std::str::from_utf8(server.body()) {
                Ok(text) => {
                    let upper = text.to_uppercase();
                    server.upper(id, &upper);
                }
                Err(_) => server.fail(id, Failure::new(Code::NotUtf8, "not UTF-8")),
            },
            server::Event::List { id, .. } => {
                let entry = |name: &str, size| Entry {
                    name: name.into(),
                    kind: EntryKind::File,
                    size,
                    modified: Some(1),
                    mode: Some(0o644),
                };
                server.entries(id, &[entry("a", 1), entry("b", 2)]);
                server.entries(id, &[entry("c", 3)]);
                server.entries_end(id);
            }
            server::Event::Stat { id, path } => {
                server.entry(id, Entry::new(path, EntryKind::Other, 0));
            }
            server::Event::Get { id, get } if get.path.as_bytes() == b"big" => {
                let content = big_file();
                let file = File::new(get.path, content.len() as u64);
                server.file(id, File { mode: Some(0o600), ..file });
                self.sending = Some((id, content));
            }
            server::Event::Cancel { id } => {
                server.fail(id, Failure::new(Code::Cancelled, "as asked"));
            }
            server::Event::Exec { id, .. } => {
                server.started(id, 42);
                server.stderr(id, b"ready\n");
            }
            server::Event::Stdin { id } => {
                let bytes = server.body().to_vec();
                server.stdout(id, &bytes);
                server.stdin_taken(id, bytes.len() as u64);
            }
            server::Event::Pair { id, name, .. } => server.paired(id, vec![name]),
            server::Event::Signal { id, .. } => server.stderr(id, b"signalled\n"),
            server::Event::StdinEnd { id } => self.finished_input = Some(id),
            server::Event::Put { id, put } if put.resume => {
                server.verifying(id, HELD / 2);
                server.ready(id, Some(Held { offset: HELD, prefix: Digest::Blake3([8; 32]) }));
            }
            server::Event::Put { id, .. } => server.ready(id, None),
            server::Event::Data { id } => server.data_taken(id, server.body().len() as u64),
            server::Event::FileEnd { id, .. } => server.stored(id),
            // Any other path is held open until it is cancelled.
            server::Event::Get { .. }
            | server::Event::Begin { .. }
            | server::Event::Closed { .. } => {}
        }
    }

    /// Sends a piece if there is room. False: nothing to do.
    fn produce(&mut self, server: &mut Server) -> bool {
        if let Some(id) = self.finished_input.take() {
            let outcome = Outcome::Exited { code: 7 };
            server.exit(id, Exit { outcome, truncated: false, duration: Duration::from_millis(1) });
            return true;
        }
        let Some((id, rest)) = &mut self.sending else { return false };
        if server.room() == 0 {
            return false;
        }
        let id = *id;
        let piece: Vec<u8> = rest.drain(..rest.len().min(100_000)).collect();
        if piece.is_empty() {
            self.sending = None;
            server.file_end(id, Digest::Blake3([9; 32]));
        } else {
            server.data(id, &piece);
        }
        true
    }
}

/// A client application that follows a script, each part when the one before is answered.
#[derive(Default)]
struct ClientApp {
    log: Log,
    part: usize,
    ended: usize,
    input: Vec<u8>,
    pong: bool,
    /// The file that is being brought, and what is still to be sent of it.
    bringing: Option<(Id, Vec<u8>)>,
}

impl ClientApp {
    fn drive(&mut self, client: &mut Client, now: Duration) {
        self.script(client);
        while let Some(event) = client.poll_event(now) {
            match &event {
                client::Event::Upper { .. }
                | client::Event::Exit { .. }
                | client::Event::FileEnd { .. }
                | client::Event::EntriesEnd { .. }
                | client::Event::Stored { .. }
                | client::Event::Error { .. } => self.ended += 1,
                client::Event::Pong { .. } => self.pong = true,
                client::Event::Ready { id, held } => {
                    let offset = held.map_or(0, |held| held.offset);
                    client.begin(*id, offset).unwrap();
                    let rest = big_file().split_off(usize::try_from(offset).unwrap());
                    self.bringing = Some((*id, rest));
                }
                _ => {}
            }
            // When credit comes depends on how the input was cut.
            if !matches!(event, client::Event::Window { .. }) {
                self.log.note(format!("{event:?}"), client.body());
            }
            self.script(client);
        }
    }

    fn script(&mut self, client: &mut Client) {
        if let Some((id, rest)) = &mut self.bringing {
            let taken = client.data(*id, rest).unwrap();
            rest.drain(..taken);
            if rest.is_empty() {
                client.file_end(*id, Digest::Blake3([9; 32])).unwrap();
                self.bringing = None;
            }
        }
        match self.part {
            // Everything at once, before the welcome: empty and not, good and bad, and a refusal.
            0 => {
                for body in [&b"one"[..], b"", "stra\u{df}e".as_bytes(), b"\xff", b"last"] {
                    client.upper(body).unwrap();
                }
                client.list(&"".into()).unwrap();
                client.get(&Get::new("big".into())).unwrap();
                client.upper(&vec![b'x'; 70_000]).unwrap();
                self.part = 1;
            }
            // Cancelled while it waits, then while it is active.
            1 if self.ended == 8 => {
                let held = client.get(&Get::new("held".into())).unwrap();
                let waiting = client.upper(b"never seen").unwrap();
                client.cancel(waiting);
                client.cancel(held);
                self.part = 2;
            }
            2 if self.ended == 10 => {
                client.ping().unwrap();
                self.part = 3;
            }
            // A file, the rest of another, and what waits behind them.
            3 if self.pong => {
                let put = Put { size: Some(300_000), ..Put::new("new".into()) };
                client.put(&put).unwrap();
                client.put(&Put { resume: true, ..put }).unwrap();
                client.upper(b"behind them").unwrap();
                self.part = 4;
            }
            4 if self.ended == 13 => {
                let exec = Exec { stdin: Stdin::Piped, ..Exec::new(Command::Shell("cat".into())) };
                let id = client.exec(&exec).unwrap();
                client.signal(id, "USR1");
                self.input = (0..330_000_u32).map(|i| i.to_le_bytes()[0]).collect();
                self.part = 5;
            }
            5 => {
                let id = 14;
                let taken = client.stdin(id, &self.input).unwrap();
                self.input.drain(..taken);
                if self.input.is_empty() {
                    client.stdin_end(id);
                    self.part = 6;
                }
            }
            6 if self.ended == 14 => {
                client.close();
                self.part = 7;
            }
            _ => {}
        }
    }
}

/// What the server has of the second file.
const HELD: u64 = 123_456;

fn big_file() -> Vec<u8> {
    (0..300_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

/// Moves up to `n` bytes. False: there was nothing to move.
fn carry(from: &mut impl Machine, to: &mut impl Machine, n: usize, now: Duration) -> bool {
    if from.output().is_empty() || !to.wants_input() {
        return false;
    }
    let space = to.space();
    let n = n.min(space.len()).min(from.output().len());
    space[..n].copy_from_slice(&from.output()[..n]);
    to.received(n, now);
    from.sent(n, now);
    true
}

/// Runs the conversation through a pipe that moves as many bytes at a time as the cuts say, in
/// turns, the cuts repeated for ever.
fn converse(up: &[usize], down: &[usize]) -> (Log, Log) {
    let mut client = Client::new(client::Settings::default(), T0);
    let mut server = Server::new(server::Settings::default(), T0);
    let (mut asking, mut serving) = (ClientApp::default(), ServerApp::default());
    let (mut up, mut down) = (up.iter().cycle(), down.iter().cycle());
    asking.drive(&mut client, T0);
    loop {
        let asked = carry(&mut client, &mut server, *up.next().unwrap(), T0);
        if asked {
            serving.drive(&mut server, T0);
            asking.drive(&mut client, T0);
        }
        let answered = carry(&mut server, &mut client, *down.next().unwrap(), T0);
        if answered {
            asking.drive(&mut client, T0);
            serving.drive(&mut server, T0);
        }
        if !asked && !answered {
            break;
        }
    }
    assert!(client.is_finished(), "stuck: part {} {:?}", asking.part, asking.log);
    server.input_ended(End::Fin, T0);
    serving.drive(&mut server, T0);
    assert!(server.is_finished());
    (asking.log, serving.log)
}

#[test]
fn the_whole_conversation_is_as_it_should_be() {
    let (asked, served) = converse(&[usize::MAX], &[usize::MAX]);
    let seen: Vec<_> = asked.0.iter().map(|(event, _)| event.split(' ').next().unwrap()).collect();
    assert_eq!(
        seen,
        [
            "Welcome",
            "Upper",
            "Upper",
            "Upper",
            "Error",
            "Upper",
            "Entries",
            "EntriesEnd",
            "File",
            "Data",
            "FileEnd",
            "Upper",
            "Error",
            "Error",
            "Pong",
            "Ready",
            "Stored",
            "Verifying",
            "Ready",
            "Stored",
            "Upper",
            "Started",
            "Stderr",
            "Stdout",
            "Exit",
            "Closed",
        ]
    );
    assert_eq!(asked.0[2].1, b"");
    assert_eq!(asked.0[3].1, "STRASSE".as_bytes());
    assert_eq!(asked.0[9].1, big_file());
    assert_eq!(asked.0[22].1, b"ready\nsignalled\n");
    assert_eq!(asked.0[23].1.len(), 330_000);
    let brought: Vec<_> = served.0.iter().filter(|(event, _)| event.starts_with("Data")).collect();
    let [(_, whole), (_, rest)] = &brought[..] else { panic!("{} pieces", brought.len()) };
    assert_eq!(*whole, big_file());
    assert_eq!(rest[..], big_file()[usize::try_from(HELD).unwrap()..]);
    assert_eq!(served.count("Cancel"), 1, "what was cancelled in the queue was never seen");
    assert_eq!(served.0.last().unwrap().0, "Closed { reason: Clean }");
}

#[test]
fn byte_by_byte_is_the_same_conversation() {
    let whole = converse(&[usize::MAX], &[usize::MAX]);
    assert!(converse(&[1], &[1]) == whole);
    assert!(converse(&[1], &[usize::MAX]) == whole);
    assert!(converse(&[usize::MAX], &[1]) == whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_cut_is_the_same_conversation(up in vec(cut(), 1..40), down in vec(cut(), 1..40)) {
        let whole = converse(&[usize::MAX], &[usize::MAX]);
        prop_assert!(converse(&up, &down) == whole);
    }
}

/// Around heads and headers, around whole messages, and all there is.
fn cut() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 1..20_usize, 3 => 20..200_usize, 4 => 200..300_000_usize, 1 => Just(usize::MAX)]
}
