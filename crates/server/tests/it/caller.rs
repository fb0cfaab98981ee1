//! A blocking client of one connection, and servers to call.

use framing_protocol::client::{Client, Event, Settings};
use framing_protocol::message::{Command, Digest, Entry, Exec, Exit, Failure, File, Get, Text};
use framing_protocol::{Deadlines, Id};
use framing_server::{ExecPolicy, Options, Running, Server, Supervisor};
use framing_transport::{
    Dirs, Link, PollFd, Stream, TlsStream, connect, local_server, poll, secure,
};
use std::net::{Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing here takes long: this only bounds a test that would hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a free port that runs any command and shell line, and serves `root`.
pub(crate) fn open_server(root: &Path) -> Running {
    start(Options { root: Some(root.to_owned()), exec: anything(), ..options() })
}

/// The home of all servers and callers of these tests.
static HOME: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// What the binary is to take for the user's directories: `$XDG_CONFIG_HOME` and its like.
pub(crate) fn home() -> PathBuf {
    HOME.path().to_owned()
}

/// Where everybody's keys are.
pub(crate) fn dirs() -> Dirs {
    Dirs::within(home().join("framing"))
}

/// The defaults.
pub(crate) fn options() -> Options {
    let supervisor = Some(Supervisor::program(env!("CARGO_BIN_EXE_framing-server")));
    Options { supervisor, ..Options::new(dirs()) }
}

/// An encrypted connection, as the server's own user, on which nothing was said.
fn encrypted(address: SocketAddr) -> TlsStream {
    let server = address.to_string();
    let stream = connect(&server, PATIENCE).unwrap();
    let (identity, pin) = local_server(&dirs(), address).unwrap().expect("it was announced");
    secure(stream, &server, &identity, Some(pin), PATIENCE).unwrap()
}

/// The same, which waits for what is read.
pub(crate) fn raw(address: SocketAddr) -> TlsStream {
    let stream = encrypted(address);
    stream.tcp().set_nonblocking(false).unwrap();
    stream.tcp().set_read_timeout(Some(PATIENCE)).unwrap();
    stream.tcp().set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A server with these options on a free port.
pub(crate) fn start(options: Options) -> Running {
    let options = Options { listen: vec!["127.0.0.1:0".to_owned()], ..options };
    Server::bind(options).unwrap().spawn().unwrap()
}

/// Any command and any shell line.
pub(crate) fn anything() -> ExecPolicy {
    ExecPolicy { any: true, shell: true, ..ExecPolicy::default() }
}

/// One connection, used one request at a time.
pub(crate) struct Caller {
    link: Link<Client, TlsStream>,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) exit: Exit,
}

impl Caller {
    pub(crate) fn new(server: &Running) -> Self {
        Self::at(server.addresses()[0])
    }

    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::unwelcomed(address).welcomed()
    }

    /// One that never sends a ping, which would wake a server that had forgotten its work.
    pub(crate) fn without_pings(server: &Running) -> Self {
        let deadlines = Deadlines { ping: 100 * PATIENCE, ..Deadlines::default() };
        let settings = Settings { deadlines, ..Settings::default() };
        Self::with(server.addresses()[0], settings).welcomed()
    }

    /// A connection that has said `hello` and not waited for an answer.
    pub(crate) fn unwelcomed(address: SocketAddr) -> Self {
        Self::with(address, Settings::default())
    }

    fn with(address: SocketAddr, settings: Settings) -> Self {
        let machine = Client::new(settings, Duration::ZERO);
        Self { link: Link::new(encrypted(address), machine) }
    }

    /// One that calls as somebody else.
    pub(crate) fn over(link: Link<Client, TlsStream>) -> Self {
        Self { link }
    }

    fn welcomed(mut self) -> Self {
        match self.next() {
            (Event::Welcome { .. }, _) => self,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn client(&mut self) -> &mut Client {
        self.link.machine()
    }

    /// Writes what there is to say.
    pub(crate) fn flush(&mut self) {
        self.link.flush();
    }

    /// The next event with its body.
    pub(crate) fn next(&mut self) -> (Event, Vec<u8>) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.poll() {
                return event;
            }
            assert!(Instant::now() < until, "the server says nothing");
            self.turn(PATIENCE);
        }
    }

    /// The next event, if it is there already.
    pub(crate) fn poll(&mut self) -> Option<(Event, Vec<u8>)> {
        let now = self.link.now();
        let event = self.link.machine().poll_event(now)?;
        Some((event, self.link.machine().body().to_vec()))
    }

    /// Writes, waits for the socket, reads once.
    pub(crate) fn turn(&mut self, patience: Duration) {
        self.link.flush();
        let interest = self.link.interest();
        let timeout = self.link.timeout().map_or(patience, |timeout| timeout.min(patience));
        let mut descriptors = [PollFd::new(&self.link, interest)];
        let polled = if self.link.watches() { &mut descriptors[..] } else { &mut [][..] };
        poll(polled, Some(timeout)).unwrap();
        let revents = descriptors[0].revents();
        self.link.ready(revents);
    }

    /// Hangs up as a client does that is gone: what it has not read is lost.
    pub(crate) fn hang_up(self) {
        drop(self);
    }

    /// Says farewell, and stays to listen.
    pub(crate) fn half_close(mut self) -> Self {
        self.flush();
        let (mut stream, machine) = self.link.into_parts();
        stream.close_write().unwrap();
        Self { link: Link::new(stream, machine) }
    }

    /// Hangs up by a reset, as a machine does that has forgotten the connection.
    pub(crate) fn reset(self) {
        let (mut stream, _) = self.link.into_parts();
        stream.abandon().unwrap();
    }

    /// Sends a FIN without a farewell, as anybody on the way could, and stays to listen.
    pub(crate) fn cut(&mut self) {
        self.flush();
        self.link.stream().tcp().shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) fn upper(&mut self, text: &[u8]) -> Result<String, Failure> {
        let asked = self.client().upper(text).unwrap();
        match self.next() {
            (Event::Upper { id }, body) if id == asked => Ok(String::from_utf8(body).unwrap()),
            (Event::Error { id, failure }, _) if id == asked => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn exec(&mut self, exec: &Exec) -> Result<Ran, Failure> {
        let id = self.client().exec(exec).unwrap();
        self.finish(id)
    }

    pub(crate) fn argv<A: Into<Text> + Clone>(&mut self, argv: &[A]) -> Result<Ran, Failure> {
        self.exec(&argv_of(argv))
    }

    pub(crate) fn shell(&mut self, line: &str) -> Result<Ran, Failure> {
        self.exec(&Exec::new(Command::Shell(line.into())))
    }

    /// Waits for the end of a command, gathering what it prints.
    pub(crate) fn finish(&mut self, asked: Id) -> Result<Ran, Failure> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        loop {
            match self.next() {
                (Event::Started { .. } | Event::Window { .. }, _) => {}
                (Event::Stdout { id }, body) if id == asked => out.extend(body),
                (Event::Stderr { id }, body) if id == asked => err.extend(body),
                (Event::Exit { id, exit }, _) if id == asked => return Ok(Ran { out, err, exit }),
                (Event::Error { id, failure }, _) if id == asked => return Err(failure),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Starts a shell line and waits until it has printed a whole line, which is given.
    pub(crate) fn begin(&mut self, exec: &Exec) -> (Id, u32, String) {
        let asked = self.client().exec(exec).unwrap();
        let (mut leader, mut out) = (0, Vec::new());
        while !out.ends_with(b"\n") {
            match self.next() {
                (Event::Started { pid, .. }, _) => leader = pid,
                (Event::Stdout { .. }, body) => out.extend(body),
                other => panic!("{other:?}"),
            }
        }
        (asked, leader, String::from_utf8(out).unwrap())
    }

    pub(crate) fn get(&mut self, path: &Text) -> Result<(File, Vec<u8>), Failure> {
        let asked = self.client().get(&Get::new(path.clone())).unwrap();
        self.receive(asked)
    }

    /// Waits for the whole of a file and checks its size and digest.
    pub(crate) fn receive(&mut self, asked: Id) -> Result<(File, Vec<u8>), Failure> {
        let (mut announced, mut content) = (None, Vec::new());
        loop {
            match self.next() {
                (Event::File { id, file }, _) if id == asked => announced = Some(file),
                (Event::Data { id }, body) if id == asked => content.extend(body),
                (Event::FileEnd { id, digest }, _) if id == asked => {
                    let file = announced.expect("announced before it ends");
                    assert_eq!(file.total_size, content.len() as u64);
                    assert_eq!(digest, Digest::Blake3(*blake3::hash(&content).as_bytes()));
                    return Ok((file, content));
                }
                (Event::Error { id, failure }, _) if id == asked => return Err(failure),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn stat(&mut self, path: &str) -> Result<Entry, Failure> {
        let asked = self.client().stat(&path.into()).unwrap();
        match self.next() {
            (Event::Entry { id, entry }, _) if id == asked => Ok(entry),
            (Event::Error { id, failure }, _) if id == asked => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn list(&mut self, path: &str) -> Result<Vec<Entry>, Failure> {
        let asked = self.client().list(&path.into()).unwrap();
        let mut entries = Vec::new();
        loop {
            match self.next() {
                (Event::Entries { id }, body) if id == asked => {
                    entries.extend(Entry::lines(&body).map(Result::unwrap));
                }
                (Event::EntriesEnd { id }, _) if id == asked => return Ok(entries),
                (Event::Error { id, failure }, _) if id == asked => return Err(failure),
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) fn argv_of<A: Into<Text> + Clone>(argv: &[A]) -> Exec {
    Exec::new(Command::Argv(argv.iter().cloned().map(Into::into).collect()))
}

pub(crate) fn shell_of(line: &str) -> Exec {
    Exec::new(Command::Shell(line.into()))
}

/// Asserts that the server still does its work for somebody new.
pub(crate) fn serves_the_next(server: &Running) {
    assert_eq!(Caller::new(server).upper("straße".as_bytes()).unwrap(), "STRASSE");
}
