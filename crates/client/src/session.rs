//! One connection to a server, asked for one thing after another.
//!
//! A [`Session`] is the blocking face of the client's machine: each method sends a request and waits
//! for its end, and keeps the connection alive (pings, deadlines) and the content flowing into its
//! [`Sink`]s meanwhile, none of which can hold up the other.
//!
//! ```no_run
//! use framing_client::{Session, Target};
//! use framing_protocol::message::{Command, Exec};
//! use framing_transport::Dirs;
//!
//! let target = Target::new("127.0.0.1:7878", Dirs::of_user()?);
//! let mut session = Session::connect(&target)?;
//! assert_eq!(session.upper(b"sticky")?, b"STICKY");
//!
//! let mut file = Vec::new();
//! session.get(&"notes/today.txt".into())?.write_to(&mut file)?;
//!
//! let (mut out, mut err) = (Vec::new(), Vec::new());
//! let exit = session.exec(&Exec::new(Command::Argv(vec!["date".into()])), &mut out, &mut err)?;
//! println!("{:?} after {:?}", exit.outcome, exit.duration);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attached;
mod download;
mod patience;
mod upload;

use std::os::fd::BorrowedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use framing_protocol::Closed;
use framing_protocol::client::{Client, Event, Refused, Settings};
use framing_protocol::message::{Code, Entry, Exec, Exit, Failure, Id, Text, Token};
use framing_transport::{Link, Pin, PollFd, PollFlags, TlsStream, poll};

pub use attached::{Attached, Attendant, Order};
pub use download::Download;
pub(crate) use patience::{Interrupt, Patience};
pub use upload::{Source, Upload};

use crate::error::Error;
use crate::output::Sink;
use crate::target::Target;

/// One connection, on which the server has bidden us welcome.
#[derive(Debug)]
pub struct Session {
    link: Link<Client, TlsStream>,
    target: Target,
    patience: Patience,
    /// The requests for files that nobody waits for yet, and those of them that have failed already.
    ahead: Vec<(Id, Option<Failure>)>,
}

impl Session {
    /// Connects to a server and waits for its welcome.
    ///
    /// A server that has too much to do ends connections of clients that it does not know yet, so a
    /// connection that ends before the welcome is tried three times more.
    pub fn connect(target: &Target) -> Result<Self, Error> {
        let mut pauses = PAUSES.iter();
        loop {
            match Self::attempt(target) {
                Err(error) if error.is_turned_away() => match pauses.next() {
                    Some(pause) => sleep(*pause),
                    None => return Err(error),
                },
                connected => return connected,
            }
        }
    }

    fn attempt(target: &Target) -> Result<Self, Error> {
        Self::greet(target, target.open()?, Settings::default())
    }

    /// Redeems an invitation of the server that has the key `pin`, under a name for us, and tells what we may
    /// do there from now on.
    pub(crate) fn pair(
        target: &Target,
        pin: Pin,
        token: &Token,
        name: &str,
    ) -> Result<Vec<String>, Error> {
        let settings = Settings { pairing: true, ..Settings::default() };
        let mut session = Self::greet(target, target.open_expecting(pin)?, settings)?;
        let id = session.ask(|machine| machine.pair(token, name))?;
        loop {
            if let Event::Paired { roles, .. } = session.event_of(id, &mut [])? {
                return Ok(roles);
            }
        }
    }

    /// Introduces us, and waits for the welcome.
    fn greet(target: &Target, stream: TlsStream, settings: Settings) -> Result<Self, Error> {
        let link = Link::new(stream, Client::new(settings, Duration::ZERO));
        let (target, patience) = (target.clone(), Patience::default());
        let mut session = Self { link, target, patience, ahead: Vec::new() };
        loop {
            match session.event(&mut []) {
                Ok(Event::Welcome { .. }) => return Ok(session),
                Ok(_) => {}
                Err(error) => return Err(before_welcome(error)),
            }
        }
    }

    /// Which server it is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Has `text`, which must be UTF-8, answered in upper case.
    pub fn upper(&mut self, text: &[u8]) -> Result<Vec<u8>, Error> {
        let id = self.ask(|machine| machine.upper(text))?;
        self.event_of(id, &mut [])?;
        Ok(self.body().to_vec())
    }

    /// Runs a command to its end, without input; its output goes to the sinks as it comes.
    /// [`Session::run`] has input and signals too.
    pub fn exec(
        &mut self,
        exec: &Exec,
        stdout: &mut dyn Sink,
        stderr: &mut dyn Sink,
    ) -> Result<Exit, Error> {
        self.run(exec, Attached { stdout, stderr, stdin: None, attendant: &mut () })
    }

    /// Lists a folder: `show` makes of each entry what `sink` is given, in the server's order.
    pub fn list(
        &mut self,
        path: &Text,
        sink: &mut dyn Sink,
        mut show: impl FnMut(&Entry) -> Vec<u8>,
    ) -> Result<(), Error> {
        self.list_by(path, sink, &mut |entries| {
            Ok(entries.unwrap_or_default().iter().flat_map(&mut show).collect())
        })
    }

    /// The same with as many entries at a time as come, and none at the end.
    pub(crate) fn list_by(
        &mut self,
        path: &Text,
        sink: &mut dyn Sink,
        show: &mut dyn FnMut(Option<Vec<Entry>>) -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        let id = self.ask(|machine| machine.list(path))?;
        loop {
            let entries = match self.event_of(id, &mut [sink])? {
                Event::Entries { .. } => Some(Entry::lines(self.body()).collect::<Result<_, _>>()?),
                Event::EntriesEnd { .. } => None,
                _ => continue,
            };
            let is_end = entries.is_none();
            sink.put(&show(entries)?).map_err(Error::Sink)?;
            if is_end {
                break;
            }
        }
        self.finish(&mut [sink])
    }

    /// Asks what is known of a path itself. A symbolic link is not followed.
    pub fn stat(&mut self, path: &Text) -> Result<Entry, Error> {
        let id = self.ask(|machine| machine.stat(path))?;
        loop {
            if let Event::Entry { entry, .. } = self.event_of(id, &mut [])? {
                return Ok(entry);
            }
        }
    }

    /// Measures one round trip, from our machine to the server's and back.
    pub fn ping(&mut self) -> Result<Duration, Error> {
        let start = Instant::now();
        let id = self.ask(Client::ping)?;
        loop {
            if self.event(&mut [])? == (Event::Pong { id }) {
                return Ok(start.elapsed());
            }
        }
    }

    /// Sends an `upper` without waiting for the answer. [`Refused`] tells when too many are on their
    /// way already.
    pub(crate) fn ask_upper(&mut self, text: &[u8]) -> Result<Id, Refused> {
        self.link.machine().upper(text)
    }

    /// The error of a request. A server that goes away answers requests by one, and is gone for all
    /// that could still be asked.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        match failure.code {
            Code::ShuttingDown => self.closed(Closed::Refused(failure)),
            _ => Error::Failed(failure),
        }
    }

    /// The error of a verb.
    pub(crate) fn refused(&self, refused: Refused) -> Error {
        match refused {
            Refused::GoingAway => self.closed(Closed::GoneAway),
            Refused::Closed => self.closed(Closed::Lost),
            refused => Error::Refused(refused),
        }
    }

    fn closed(&self, reason: Closed) -> Error {
        Error::Closed { server: self.target.server().to_owned(), reason }
    }

    /// What has happened already, without waiting.
    pub(crate) fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        let now = self.link.now();
        match self.link.machine().poll_event(now) {
            Some(Event::Closed { reason }) => Err(self.closed(reason)),
            event => Ok(event),
        }
    }

    /// The body of the last event.
    pub(crate) fn body(&mut self) -> &[u8] {
        self.link.machine().body()
    }

    /// One turn of the loop: writes what is to be written, waits until the socket, a sink or one of
    /// `watch` is ready or time is up, and reads. Says whether the input can be read.
    pub(crate) fn turn(
        &mut self,
        watch: Watch<'_>,
        sinks: &mut [&mut dyn Sink],
    ) -> Result<Input, Error> {
        self.link.flush();
        let interest = self.link.interest();
        // Asked once, for others may empty a queue that is shared.
        let waiting: Vec<_> = sinks.iter().filter_map(|sink| sink.waits_for()).collect();
        // Once the connection is over only the sinks are worth waiting for.
        let only_sinks = !waiting.is_empty() && self.link.is_finished();
        let ours = if only_sinks { None } else { self.link.timeout() };
        let theirs = sinks.iter().filter_map(|sink| sink.wakes_at()).min();
        let theirs = theirs.into_iter().chain(watch.until).min();
        let theirs = theirs.map(|at| at.saturating_duration_since(Instant::now()));
        let mut polled = Vec::with_capacity(3 + sinks.len());
        // Otherwise it must stay out, or a hang-up would end every wait at once.
        if self.link.watches() {
            polled.push(PollFd::new(&self.link, interest));
        }
        let others = polled.len();
        let readable = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        polled.extend(watch.input.map(readable));
        polled.extend(watch.waker.map(readable));
        polled
            .extend(waiting.into_iter().map(|sink| PollFd::from_borrowed_fd(sink, PollFlags::OUT)));
        poll(&mut polled, ours.into_iter().chain(theirs).min())?;

        let ready = |index: usize| polled.get(index).map_or(PollFlags::empty(), PollFd::revents);
        let socket = if others > 0 { ready(0) } else { PollFlags::empty() };
        let input_ready = watch.input.is_some() && !ready(others).is_empty();
        drop(polled);
        self.link.ready(socket);
        for sink in sinks {
            sink.drain().map_err(Error::Sink)?;
        }
        Ok(if input_ready { Input::Ready } else { Input::NotReady })
    }

    /// Sends a request. It may have to wait for the end of an earlier one that was given up.
    fn ask(&mut self, verb: impl Fn(&mut Client) -> Result<Id, Refused>) -> Result<Id, Error> {
        loop {
            match verb(self.link.machine()) {
                Err(refused) if refused.is_temporary() => {
                    self.event(&mut [])?;
                }
                asked => return asked.map_err(|refused| self.refused(refused)),
            }
        }
    }

    /// Tells the server that nobody waits for the end of a request.
    fn give_up(&mut self, id: Id) {
        self.link.machine().cancel(id);
        self.link.flush();
    }

    /// Waits for the next event. None is fetched while a sink is full, and that in turn stops the
    /// reading: so the slowest of all readers sets the pace.
    fn event(&mut self, sinks: &mut [&mut dyn Sink]) -> Result<Event, Error> {
        let patience = self.patience.clone();
        let mut silent = Instant::now();
        loop {
            patience.check_interrupt()?;
            if sinks.iter().any(|sink| sink.is_full()) {
                // It is not the server that is waited for.
                silent = Instant::now();
            } else if let Some(event) = self.poll_event()? {
                return Ok(event);
            }
            let until = patience.end(silent)?;
            let watch = Watch { input: None, waker: patience.waker(), until };
            self.turn(watch, sinks)?;
        }
    }

    /// Waits for the next event that belongs to a request. What is still on its way for an earlier
    /// one that was given up is passed over.
    fn event_of(&mut self, id: Id, sinks: &mut [&mut dyn Sink]) -> Result<Event, Error> {
        let error = loop {
            match self.event(sinks) {
                Ok(Event::Error { id: failed, failure }) if failed == id => {
                    break self.failed(failure);
                }
                Ok(Event::Error { id: failed, failure }) => {
                    if let Some((_, early)) = self.ahead.iter_mut().find(|(id, _)| *id == failed) {
                        *early = Some(failure);
                    }
                }
                Ok(event) if request_of(&event) == Some(id) => return Ok(event),
                Ok(_) => {}
                Err(error @ Error::Closed { .. }) => break error,
                Err(error) => return Err(error),
            }
        };
        // What came before that has come all the same.
        self.finish(sinks)?;
        Err(error)
    }

    /// Waits until the sinks have handed on everything, and keeps the connection alive meanwhile.
    fn finish(&mut self, sinks: &mut [&mut dyn Sink]) -> Result<(), Error> {
        sinks.iter_mut().try_for_each(|sink| sink.end()).map_err(Error::Sink)?;
        let patience = self.patience.clone();
        while sinks.iter().any(|sink| sink.waits_for().is_some()) && !self.link.is_finished() {
            patience.check_interrupt()?;
            let watch = Watch { waker: patience.waker(), ..Watch::default() };
            self.turn(watch, sinks)?;
        }
        sinks.iter_mut().try_for_each(|sink| sink.finish()).map_err(Error::Sink)
    }
}

/// What [`Session::turn`] waits for beside the socket and the sinks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watch<'a> {
    /// Something to read.
    pub(crate) input: Option<BorrowedFd<'a>>,
    /// Something that only has to end the wait.
    pub(crate) waker: Option<BorrowedFd<'a>>,
    /// When the wait ends in any case.
    pub(crate) until: Option<Instant>,
}

/// Whether [`Session::turn`] found input to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Ready,
    NotReady,
}

/// Who breaks the protocol before the welcome does not speak it, except for a server of another
/// version; and one that just ends the connection may have had no place for it.
fn before_welcome(error: Error) -> Error {
    match error {
        Error::Closed { server, reason: Closed::Lost | Closed::Clean } => {
            Error::NoWelcome { server }
        }
        Error::Closed { server, reason: Closed::Violation(failure) }
            if failure.code != Code::Version =>
        {
            Error::Stranger { server, failure }
        }
        error => error,
    }
}

/// The request that an event belongs to.
fn request_of(event: &Event) -> Option<Id> {
    match *event {
        Event::Upper { id }
        | Event::Started { id, .. }
        | Event::Stdout { id }
        | Event::Stderr { id }
        | Event::Window { id }
        | Event::Exit { id, .. }
        | Event::Verifying { id, .. }
        | Event::File { id, .. }
        | Event::Data { id }
        | Event::FileEnd { id, .. }
        | Event::Entries { id }
        | Event::EntriesEnd { id }
        | Event::Entry { id, .. }
        | Event::Ready { id, .. }
        | Event::Stored { id }
        | Event::Paired { id, .. } => Some(id),
        _ => None,
    }
}

/// How long to wait before each further attempt to be welcomed.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];
