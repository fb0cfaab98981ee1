//! Server and client against each other.

mod put;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use framing_protocol::client::{self, Client};
use framing_protocol::message::{
    Code, Command, Digest, Entry, EntryKind, Exec, Exit, Failure, File, Get, MAX_BODY, Outcome,
    Stdin,
};
use framing_protocol::server::{self, Server};
use framing_protocol::{Closed, Deadlines, End, Id, Machine};

use crate::input::Input;
use put::{Bringing, Storing};

/// **What is asked is answered, in order and in full, whatever the cuts, the delays and the verbs;
/// then both sides end cleanly.**
///
/// The server upper-cases, sends files and listings, stores files, of some of which it has a part, and runs
/// a command that writes what it reads. The client asks for these, by ones and in a pipeline, cancels some,
/// and pings.
///
/// The input is steps, a byte and what belongs to it each: so many bytes go over in one direction, an
/// application polls or says something, time passes.
pub fn conversation(data: &[u8]) {
    let mut input = Input::new(data);
    let mut pair = Pair::new();
    while !input.is_empty() {
        pair.step(&mut input);
    }
    pair.end();
}

/// Patience without end, but for pings.
const DEADLINES: Deadlines = Deadlines {
    hello: Duration::MAX,
    header: Duration::MAX,
    message: Duration::MAX,
    slow_reader: Duration::MAX,
    idle: Duration::MAX,
    ping: Duration::from_secs(5),
    pings: u32::MAX,
    close: Duration::MAX,
};

struct Pair {
    client: Client,
    server: Server,
    asking: Asking,
    serving: Serving,
    now: Duration,
}

impl Pair {
    fn new() -> Self {
        let client = client::Settings { deadlines: DEADLINES, ..client::Settings::default() };
        let server = server::Settings { deadlines: DEADLINES, ..server::Settings::default() };
        Self {
            client: Client::new(client, Duration::ZERO),
            server: Server::new(server, Duration::ZERO),
            asking: Asking::default(),
            serving: Serving::default(),
            now: Duration::ZERO,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=2 => {
                let n = 1 + input.size();
                carry(&mut self.client, &mut self.server, n, self.now);
            }
            3..=5 => {
                let n = 1 + input.size();
                carry(&mut self.server, &mut self.client, n, self.now);
            }
            6 | 7 => self.asking.poll(&mut self.client, self.now),
            8 | 9 => self.serving.poll(&mut self.server, self.now),
            10 => drop(self.serving.produce(&mut self.server, 1 + input.size())),
            11..=14 => self.asking.ask(&mut self.client, input),
            _ => {
                self.now += Duration::from_millis(input.word() as u64);
                self.client.tick(self.now);
                self.server.tick(self.now);
            }
        }
    }

    /// Everything goes on until nothing moves, then the client closes.
    fn end(mut self) {
        self.settle();
        self.asking.end_input(&mut self.client);
        self.settle();
        assert!(self.asking.open.is_empty(), "unanswered: {:?}", self.asking.open);
        assert!(self.asking.pings.is_empty(), "no pong: {:?}", self.asking.pings);
        self.client.close();
        self.settle();
        assert!(self.client.is_finished());
        assert_eq!(self.asking.closed, Some(Closed::Clean));
        self.server.input_ended(End::Authenticated, self.now);
        self.settle();
        assert!(self.server.is_finished());
        assert_eq!(self.serving.closed, Some(Closed::Clean));
    }

    fn settle(&mut self) {
        loop {
            self.asking.poll(&mut self.client, self.now);
            self.serving.poll(&mut self.server, self.now);
            let moved = [
                self.serving.produce(&mut self.server, 100_000),
                self.asking.send(&mut self.client, usize::MAX),
                carry(&mut self.client, &mut self.server, usize::MAX, self.now),
                carry(&mut self.server, &mut self.client, usize::MAX, self.now),
            ];
            if !moved.contains(&true) {
                return;
            }
        }
    }
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

/// Bytes that tell where they belong.
fn content(length: usize) -> &'static [u8] {
    static LONGEST: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(1 << 19).collect());
    &LONGEST[..length]
}

/// The server's application.
#[derive(Default)]
struct Serving {
    /// The greatest id so far: requests come in order.
    newest: Id,
    /// What is still to be sent of the active download.
    sending: Option<(Id, &'static [u8])>,
    /// Input of the command that was not taken yet, and whether it has ended.
    taken: Vec<u8>,
    running: Option<Id>,
    ended: bool,
    storing: Option<Storing>,
    closed: Option<Closed>,
}

impl Serving {
    fn poll(&mut self, server: &mut Server, now: Duration) {
        while let Some(event) = server.poll_event(now) {
            assert_eq!(self.closed, None, "an event after the last");
            self.answer(server, event);
        }
    }

    fn request(&mut self, id: Id) {
        assert!(id > self.newest, "requests come in order");
        self.newest = id;
    }

    fn answer(&mut self, server: &mut Server, event: server::Event) {
        match event {
            server::Event::Upper { id } => {
                self.request(id);
                let body = server.body().to_vec();
                match std::str::from_utf8(&body) {
                    Ok(text) => server.upper(id, &text.to_uppercase()),
                    Err(_) => server.fail(id, Failure::new(Code::NotUtf8, "")),
                }
            }
            server::Event::Pair { id, name, .. } => {
                self.request(id);
                server.paired(id, vec![name]);
            }
            server::Event::List { id, path } => {
                self.request(id);
                for entries in entries(length_in(path.as_bytes())).chunks(7) {
                    server.entries(id, entries);
                }
                server.entries_end(id);
            }
            server::Event::Stat { id, path } => {
                self.request(id);
                server.entry(id, Entry::new(path, EntryKind::File, 0));
            }
            server::Event::Get { id, get } => {
                self.request(id);
                let content = content(length_in(get.path.as_bytes()));
                server.file(id, File::new(get.path, content.len() as u64));
                self.sending = Some((id, content));
            }
            server::Event::Put { id, put } => {
                self.request(id);
                self.storing = Some(Storing::new(id, &put));
            }
            server::Event::Begin { id, offset } => self.storing().begin(id, offset),
            server::Event::Data { id } => self.storing().data(id, server.body()),
            server::Event::FileEnd { id, digest } => self.storing().end(id, digest),
            server::Event::Exec { id, .. } => {
                self.request(id);
                server.started(id, 42);
                (self.running, self.ended) = (Some(id), false);
                self.taken.clear();
            }
            server::Event::Stdin { id } => {
                assert_eq!(self.running, Some(id));
                assert!(!server.body().is_empty() && !self.ended);
                self.taken.extend_from_slice(server.body());
            }
            server::Event::StdinEnd { id } => {
                assert_eq!(self.running, Some(id));
                self.ended = true;
            }
            server::Event::Signal { id, name } => {
                assert_eq!((self.running, &*name), (Some(id), "INT"));
                server.stderr(id, b"!");
            }
            server::Event::Cancel { id } => {
                server.fail(id, Failure::new(Code::Cancelled, "as asked"));
                (self.sending, self.running, self.storing) = (None, None, None);
            }
            server::Event::Closed { reason } => self.closed = Some(reason),
        }
    }

    fn storing(&mut self) -> &mut Storing {
        self.storing.as_mut().expect("a file is being stored")
    }

    /// Goes on with what runs, if there is room. False: there is nothing to do.
    fn produce(&mut self, server: &mut Server, n: usize) -> bool {
        if server.room() == 0 {
            return false;
        }
        if let Some((id, rest)) = &mut self.sending {
            let (id, piece) = (*id, &rest[..n.min(rest.len())]);
            *rest = &rest[piece.len()..];
            if piece.is_empty() {
                self.sending = None;
                server.file_end(id, Digest::Blake3([9; 32]));
            } else {
                server.data(id, piece);
            }
            return true;
        }
        if let Some(storing) = &mut self.storing {
            let done = storing.is_done();
            let said = storing.produce(server, n);
            self.storing.take_if(|_| done);
            return said;
        }
        let Some(id) = self.running else { return false };
        if !self.taken.is_empty() {
            let n = n.min(self.taken.len());
            server.stdout(id, &self.taken[..n]);
            server.stdin_taken(id, n as u64);
            self.taken.drain(..n);
            return true;
        }
        if self.ended {
            self.running = None;
            let outcome = Outcome::Exited { code: 7 };
            server.exit(id, Exit { outcome, truncated: false, duration: Duration::ZERO });
        }
        self.ended
    }
}

fn length_in(path: &[u8]) -> usize {
    std::str::from_utf8(path).expect("it is digits").parse().expect("it is digits")
}

fn entries(count: usize) -> Vec<Entry> {
    let entry = |n: usize| {
        let name = n.to_string().into();
        Entry::new(name, EntryKind::File, n as u64)
    };
    (0..count).map(entry).collect()
}

/// A request that is not answered, and what has come of it.
#[derive(Debug)]
struct Open {
    wanted: Wanted,
    got: Vec<u8>,
    cancelled: bool,
}

#[derive(Debug)]
enum Wanted {
    Upper(Vec<u8>),
    Stat(usize),
    List(usize),
    Get(usize),
    /// What was sent, what is still to be sent, and whether the end was said.
    Exec {
        sent: usize,
        rest: &'static [u8],
        signals: usize,
        ended: bool,
    },
    Put(Bringing),
}

/// The client's application.
#[derive(Default)]
struct Asking {
    open: BTreeMap<Id, Open>,
    pings: Vec<Id>,
    welcome: bool,
    closed: Option<Closed>,
}

impl Asking {
    fn ask(&mut self, client: &mut Client, input: &mut Input<'_>) {
        let choice = input.below(20);
        let (asked, wanted) = match choice {
            0..=3 => {
                let length = input.below(32);
                let body = [input.take(length), &vec![b'x'; input.size()]].concat();
                (client.upper(&body), Wanted::Upper(body))
            }
            4 | 5 => {
                let count = input.below(12);
                if count == 11 {
                    (client.stat(&count.to_string().into()), Wanted::Stat(count))
                } else {
                    (client.list(&count.to_string().into()), Wanted::List(count))
                }
            }
            6 | 7 => {
                let length = input.size();
                (client.get(&Get::new(length.to_string().into())), Wanted::Get(length))
            }
            8 | 9 => {
                let piped = Exec { stdin: Stdin::Piped, ..Exec::new(Command::Shell("cat".into())) };
                let rest = content(input.size());
                let wanted = Wanted::Exec { sent: 0, rest, signals: 0, ended: false };
                (client.exec(&piped), wanted)
            }
            16.. => {
                let (asked, bringing) = Bringing::ask(client, input);
                (asked, Wanted::Put(bringing))
            }
            _ => return self.say(client, choice, input),
        };
        match asked {
            Ok(id) => {
                let open = Open { wanted, got: Vec::new(), cancelled: false };
                assert!(self.open.insert(id, open).is_none(), "ids are new");
            }
            Err(client::Refused::TooLarge) => {
                assert!(matches!(wanted, Wanted::Upper(body) if body.len() > MAX_BODY));
            }
            Err(refused) => assert!(refused.is_temporary(), "{refused}"),
        }
    }

    /// What belongs to a request, or to none.
    fn say(&mut self, client: &mut Client, choice: usize, input: &mut Input<'_>) {
        let nth = input.below(16);
        let Some((&id, open)) = self.open.iter_mut().nth(nth) else {
            self.pings.extend(client.ping());
            return;
        };
        match (choice, &mut open.wanted) {
            (10, _) => {
                client.cancel(id);
                open.cancelled = true;
            }
            (11, Wanted::Exec { signals, .. }) => {
                client.signal(id, "INT");
                *signals += 1;
            }
            (12, Wanted::Exec { rest: [], ended, .. }) => {
                client.stdin_end(id);
                *ended = true;
            }
            (13, _) => self.pings.extend(client.ping()),
            _ => drop(self.send(client, 1 + input.size())),
        }
    }

    /// Sends up to `n` bytes of input, or of a file. False: there is none, or no credit.
    fn send(&mut self, client: &mut Client, n: usize) -> bool {
        for (&id, open) in &mut self.open {
            if let Wanted::Put(bringing) = &mut open.wanted
                && bringing.send(client, id, n)
            {
                return true;
            }
            let Wanted::Exec { sent, rest, ended: false, .. } = &mut open.wanted else { continue };
            let taken = client.stdin(id, &rest[..n.min(rest.len())]).expect("it takes input");
            *sent += taken;
            *rest = &rest[taken..];
            return taken > 0;
        }
        false
    }

    fn end_input(&mut self, client: &mut Client) {
        for (&id, open) in &mut self.open {
            if let Wanted::Exec { ended, rest, .. } = &mut open.wanted {
                assert!(rest.is_empty(), "there is always credit again");
                client.stdin_end(id);
                *ended = true;
            }
        }
    }

    fn poll(&mut self, client: &mut Client, now: Duration) {
        while let Some(event) = client.poll_event(now) {
            assert_eq!(self.closed, None, "an event after the last");
            assert!(self.welcome || matches!(event, client::Event::Welcome { .. }));
            self.hear(client.body(), event);
        }
    }

    fn hear(&mut self, body: &[u8], event: client::Event) {
        match event {
            client::Event::Welcome { .. } => self.welcome = true,
            client::Event::Started { id, pid: 42 } => {
                assert!(matches!(self.open[&id].wanted, Wanted::Exec { .. }));
            }
            client::Event::Stdout { id }
            | client::Event::Data { id }
            | client::Event::Entries { id } => {
                self.open.get_mut(&id).expect("it is open").got.extend_from_slice(body);
            }
            client::Event::Window { id } => assert!(self.open.contains_key(&id)),
            client::Event::Stderr { id } => {
                assert_eq!(body, b"!");
                let Wanted::Exec { signals, .. } = &mut self.open.get_mut(&id).unwrap().wanted
                else {
                    panic!("no command")
                };
                *signals -= 1;
            }
            client::Event::File { id, file } => {
                let Wanted::Get(length) = self.open[&id].wanted else { panic!("no file") };
                assert_eq!(file.total_size, length as u64);
            }
            client::Event::Verifying { id, bytes: 1 } => self.bringing(id).verifying(),
            client::Event::Ready { id, held } => self.bringing(id).ready(held),
            client::Event::Entry { id, entry } => {
                let got = entry.name.as_bytes();
                self.open.get_mut(&id).expect("it is open").got.extend_from_slice(got);
                self.answered(id);
            }
            client::Event::Upper { id } => {
                self.open.get_mut(&id).expect("it is open").got.extend_from_slice(body);
                self.answered(id);
            }
            client::Event::FileEnd { id, .. }
            | client::Event::EntriesEnd { id }
            | client::Event::Stored { id }
            | client::Event::Exit { id, .. } => self.answered(id),
            client::Event::Error { id, failure } => self.failed(id, &failure),
            client::Event::Pong { id } => {
                assert!(self.pings.contains(&id));
                self.pings.retain(|ping| *ping > id);
            }
            client::Event::Closed { reason } => self.closed = Some(reason),
            other => panic!("{other:?}"),
        }
    }

    fn bringing(&mut self, id: Id) -> &mut Bringing {
        match &mut self.open.get_mut(&id).expect("it is open").wanted {
            Wanted::Put(bringing) => bringing,
            wanted => panic!("no file: {wanted:?}"),
        }
    }

    fn answered(&mut self, id: Id) {
        let (first, _) = self.open.first_key_value().expect("it is open");
        assert_eq!(*first, id, "answers come in order");
        let open = self.open.remove(&id).expect("it is open");
        match open.wanted {
            Wanted::Upper(body) => {
                let text = std::str::from_utf8(&body).expect("the server could read it");
                assert_eq!(open.got, text.to_uppercase().as_bytes());
            }
            Wanted::Get(length) => assert!(open.got == content(length)),
            Wanted::Stat(name) => assert_eq!(open.got, name.to_string().as_bytes()),
            Wanted::List(count) => {
                let got: Vec<Entry> = Entry::lines(&open.got).collect::<Result<_, _>>().unwrap();
                assert_eq!(got, entries(count));
            }
            Wanted::Put(bringing) => bringing.stored(),
            // A signal that comes before the command runs may be all that is kept of several.
            Wanted::Exec { sent, ended, .. } => assert!(ended && open.got == content(sent)),
        }
    }

    fn failed(&mut self, id: Id, failure: &Failure) {
        let open = self.open.remove(&id).expect("it is open");
        match (&failure.code, open.wanted) {
            (Code::Cancelled, _) => assert!(open.cancelled),
            (Code::NotUtf8, Wanted::Upper(body)) => assert!(std::str::from_utf8(&body).is_err()),
            (Code::TooLarge, Wanted::Upper(body)) => {
                let text = String::from_utf8(body).expect("the server could read it");
                assert!(text.to_uppercase().len() > MAX_BODY);
            }
            (code, wanted) => panic!("{code:?}: {failure} of {wanted:?}"),
        }
    }
}
