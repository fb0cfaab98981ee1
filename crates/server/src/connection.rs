//! The loop of one connection.

mod admission;

use crate::audit::Audit;
use crate::execution::Execution;
use crate::gate::Gate;
use crate::listing::{self, Listing};
use crate::plan::Plan;
use crate::receiving::{self, Guest, Intake, Receiving};
use crate::registry::Pass;
use crate::root::Root;
use crate::sending::Sending;
use crate::serve::Visitor;
use crate::supervisor::Supervisors;
use crate::work::{Progress, Work};
use crate::{ExecPolicy, log, signal_names};
use admission::Standing;
use framing_protocol::message::{Code, Exec, Failure, MAX_BODY, Put, Token};
use framing_protocol::server::{Event, Server as Protocol, Settings};
use framing_protocol::{Closed, Id};
use framing_transport::{Link, PollFd, PollFlags, TlsAcceptor, TlsStream, Waker, poll};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What every connection of a server may use.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) gate: Gate,
    pub(crate) root: Option<Root>,
    /// What makes the names of states of files.
    pub(crate) etag_key: [u8; 32],
    /// None where no files are taken.
    pub(crate) intake: Option<Intake>,
    pub(crate) exec: ExecPolicy,
    /// None where nobody could watch over commands, or none are run.
    pub(crate) supervisors: Option<Supervisors>,
    pub(crate) grace: Duration,
    pub(crate) settings: Settings,
}

/// Serves one client until it leaves, and says how it ended unless somebody had to be there to see.
pub(crate) fn serve(
    visitor: Visitor<'_>,
    services: &Services,
    stop: &Waker,
) -> io::Result<Option<Closed>> {
    let Visitor { stream, peer, pass } = visitor;
    let stream = services.acceptor.accept(stream).map_err(io::Error::other)?;
    let protocol = Protocol::new(services.settings.clone(), Duration::ZERO);
    let link = Link::new(stream, protocol);
    Connection {
        link,
        services,
        peer,
        pass,
        standing: Standing::Unproved,
        work: Work::None,
        closed: None,
        leaving: None,
    }
    .run(stop)
}

struct Connection<'s> {
    link: Link<Protocol, TlsStream>,
    services: &'s Services,
    peer: SocketAddr,
    pass: Pass<'s>,
    standing: Standing,
    work: Work<'s>,
    closed: Option<Closed>,
    /// Once the server is stopping: when it waits for this client no longer.
    leaving: Option<Instant>,
}

impl Connection<'_> {
    fn run(mut self, stop: &Waker) -> io::Result<Option<Closed>> {
        loop {
            self.admit();
            self.handle_events();
            self.advance();
            self.link.flush();
            // What was written may have made place for requests that waited in the machine.
            let busy = self.handle_events() || self.produces();
            let abandoned = self.leaving.is_some_and(|until| until <= Instant::now());
            if self.link.is_finished() || abandoned {
                return self.end();
            }
            let patience = if busy { Some(Duration::ZERO) } else { self.patience() };
            self.wait(stop, patience)?;
        }
    }

    /// How it ended; as an error, if the peer does not speak TLS as we do.
    fn end(self) -> io::Result<Option<Closed>> {
        if self.came_to_nothing() {
            self.pass.failed();
        }
        match self.link.trouble() {
            Some(trouble) if is_tls(trouble) => Err(io::Error::other(trouble.to_string())),
            _ => Ok(self.closed),
        }
    }

    /// Waits for the socket, the command and the end of the server, each only where it matters.
    fn wait(&mut self, stop: &Waker, patience: Option<Duration>) -> io::Result<()> {
        let room = self.link.machine().room();
        let interest = self.link.interest();
        let listens = if self.leaving.is_none() { PollFlags::IN } else { PollFlags::empty() };
        let mut set = vec![PollFd::new(stop, listens)];
        let watches = self.link.watches();
        if watches {
            set.push(PollFd::new(&self.link, interest));
        }
        self.work.watch(room, &mut set);
        poll(&mut set, patience)?;
        let stopped = !set[0].revents().is_empty();
        let readiness = if watches { set[1].revents() } else { PollFlags::empty() };
        self.link.ready(readiness);
        if stopped {
            self.leave();
        }
        Ok(())
    }

    fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        let command = self.work.timeout(now);
        let leaving = self.leaving.map(|until| until.saturating_duration_since(now));
        [self.link.timeout(), command, leaving].into_iter().flatten().min()
    }

    /// Whether the work goes on without waiting for anything.
    fn produces(&mut self) -> bool {
        self.work.produces(self.link.machine().room())
    }

    fn advance(&mut self) {
        if self.work.advance(self.link.machine()) == Progress::Done {
            self.work = Work::None;
        }
    }

    /// Handles all events there are, and says whether there were any.
    fn handle_events(&mut self) -> bool {
        let mut handled = false;
        loop {
            let now = self.link.now();
            let Some(event) = self.link.machine().poll_event(now) else { return handled };
            self.handle(event);
            handled = true;
        }
    }

    fn handle(&mut self, event: Event) {
        if let Some((id, failure)) = self.forbidden(&event) {
            match &event {
                Event::Exec { exec, .. } => self.audit(exec).failed(&failure),
                Event::Put { put, .. } => receiving::refused(&self.who(), put, &failure),
                _ => {}
            }
            self.link.machine().fail(id, failure);
            return;
        }
        let Services { root, etag_key, .. } = self.services;
        let protocol = self.link.machine();
        match event {
            Event::Upper { id }
            | Event::Exec { id, .. }
            | Event::Get { id, .. }
            | Event::Put { id, .. }
            | Event::List { id, .. }
            | Event::Stat { id, .. }
            | Event::Pair { id, .. }
                if self.leaving.is_some() =>
            {
                protocol.fail(id, shutting_down());
            }
            Event::Upper { id } => upper(id, protocol),
            Event::Exec { id, exec } => self.start(id, &exec),
            Event::Get { id, get } => {
                self.work = Sending::start(id, root.as_ref(), get, etag_key, protocol)
                    .map_or(Work::None, |sending| Work::File(Box::new(sending)));
            }
            Event::Put { id, put } => self.take_in(id, &put),
            Event::Begin { offset, .. } => {
                self.receive(|receiving, protocol| receiving.begin(offset, protocol));
            }
            Event::Data { .. } => self.receive(Receiving::data),
            Event::FileEnd { digest, .. } => {
                self.receive(|receiving, protocol| receiving.end(digest, protocol));
            }
            Event::List { id, path } => {
                self.work = Listing::start(id, root.as_ref(), &path, protocol)
                    .map_or(Work::None, Work::Directory);
            }
            Event::Stat { id, path } => listing::look(id, root.as_ref(), &path, protocol),
            Event::Pair { id, token, name } => self.pair(id, &token, &name),
            Event::Stdin { .. } => {
                if let Work::Command(execution) = &mut self.work {
                    execution.stdin(protocol.body());
                }
            }
            Event::StdinEnd { .. } => {
                if let Work::Command(execution) = &mut self.work {
                    execution.stdin_end();
                }
            }
            Event::Signal { name, .. } => {
                if let Work::Command(execution) = &self.work
                    && let Some(signal) = signal_names::named(&name)
                {
                    execution.signal(signal);
                }
            }
            Event::Cancel { id } => {
                if let Work::Command(execution) = &mut self.work {
                    // It answers when it has ended.
                    execution.end(Failure::new(Code::Cancelled, "cancelled"));
                } else {
                    self.work = Work::None;
                    protocol.fail(id, Failure::new(Code::Cancelled, "cancelled"));
                }
            }
            Event::Closed { reason } => {
                // Whatever runs has nobody left to run for: dropping a command kills it.
                self.work = Work::None;
                self.closed = Some(reason);
            }
        }
    }

    /// Makes ready for a file that the client brings.
    fn take_in(&mut self, id: Id, put: &Put) {
        let (who, client) = (self.who(), self.link.stream().peer());
        let Services { root, intake, .. } = self.services;
        let protocol = self.link.machine();
        let (Some(root), Some(intake)) = (root, intake) else {
            let failure = receiving::closed();
            receiving::refused(&who, put, &failure);
            protocol.fail(id, failure);
            return;
        };
        self.work = Receiving::start(id, put, &Guest { who, client }, (root, intake), protocol)
            .map_or(Work::None, |receiving| Work::Upload(Box::new(receiving)));
    }

    /// Goes on with the file that the client brings.
    fn receive(&mut self, go_on: impl FnOnce(&mut Receiving, &mut Protocol) -> Progress) {
        if let Work::Upload(receiving) = &mut self.work
            && go_on(receiving, self.link.machine()) == Progress::Done
        {
            self.work = Work::None;
        }
    }

    /// Redeems an invitation.
    fn pair(&mut self, id: Id, token: &Token, name: &str) {
        // It is known, or nothing could have been said.
        let Some(pin) = self.link.stream().peer() else { return };
        let protocol = self.link.machine();
        match self.services.gate.redeem(token, name, pin) {
            Ok(client) => {
                log::line(format_args!("{}: paired: {client}", self.peer));
                protocol.paired(id, client.roles.words());
            }
            Err(failure) => {
                log::line(format_args!("{}: not paired: {failure} ({pin})", self.peer));
                if failure.code == Code::Unauthorized {
                    self.pass.failed();
                }
                protocol.fail(id, failure);
            }
        }
    }

    /// What will be told of a command in the log.
    fn audit(&self, exec: &Exec) -> Audit {
        Audit::new(self.who(), exec)
    }

    /// What the log calls the client.
    fn who(&self) -> String {
        match self.link.stream().peer() {
            Some(pin) => format!("{}: {}", self.peer, self.services.gate.name(pin)),
            None => self.peer.to_string(),
        }
    }

    fn start(&mut self, id: Id, exec: &Exec) {
        let Services { root, exec: policy, supervisors, grace, .. } = self.services;
        let mut audit = self.audit(exec);
        let protocol = self.link.machine();
        let plan = Plan::new(exec, policy, root.as_ref(), *grace).and_then(|plan| {
            let supervisors = supervisors.as_ref().ok_or_else(unsupervised)?;
            Ok((plan, supervisors))
        });
        self.work = match plan {
            Ok((plan, supervisors)) => Execution::start(id, plan, audit, supervisors, protocol)
                .map_or(Work::None, |execution| Work::Command(Box::new(execution))),
            Err(failure) => {
                audit.failed(&failure);
                protocol.fail(id, failure);
                Work::None
            }
        };
    }

    /// The server is stopping: ends what runs and says so.
    fn leave(&mut self) {
        let mut patience = LEAVING;
        if let Work::Command(execution) = &mut self.work {
            // It answers when it has ended.
            execution.end(shutting_down());
            patience += self.services.grace;
        }
        let id = self.work.passive();
        self.leaving = Some(Instant::now() + patience);
        let protocol = self.link.machine();
        if let Some(id) = id {
            self.work = Work::None;
            protocol.fail(id, shutting_down());
        }
        protocol.goaway("the server is shutting down");
    }
}

fn upper(id: Id, protocol: &mut Protocol) {
    match std::str::from_utf8(protocol.body()).map(str::to_uppercase) {
        Ok(text) if text.len() <= MAX_BODY => protocol.upper(id, &text),
        Ok(text) => {
            let message =
                format!("the answer would have {} bytes, {MAX_BODY} is the most", text.len());
            protocol.fail(id, Failure::new(Code::TooLarge, message).hint("send the text in parts"));
        }
        Err(error) => {
            let message = format!("the text is not UTF-8 from byte {} on", error.valid_up_to());
            protocol.fail(id, Failure::new(Code::NotUtf8, message));
        }
    }
}

/// Whether the bytes were wrong, or the peer said that ours are.
fn is_tls(trouble: &io::Error) -> bool {
    matches!(trouble.kind(), io::ErrorKind::InvalidData | io::ErrorKind::PermissionDenied)
}

fn busy() -> Failure {
    let failure = Failure::new(Code::Busy, "too many clients are connected to this server");
    failure.hint("try again later")
}

/// Nothing is run that nobody watches over.
fn unsupervised() -> Failure {
    let failure = Failure::new(Code::Denied, "this server has nothing to supervise commands with");
    failure.hint(
        "in the program that embeds it: call framing_server::supervise_if_asked() first in main, or name \
         a program that does in Options::supervisor",
    )
}

fn shutting_down() -> Failure {
    Failure::new(Code::ShuttingDown, "the server is shutting down")
}

/// How long a stopping server waits for a client to read its last words.
const LEAVING: Duration = Duration::from_millis(500);
