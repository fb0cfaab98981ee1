//! One server asked: a thread connects, runs the command, and tells how it ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use framing_protocol::message::{Exec, Exit, Outcome, Stdin};
use framing_transport::{Dirs, Waker};

use super::encoding::{Decoded, Encoding};
use super::hosts::Host;
use super::json::{Event, Events, Kept, line};
use super::outcome::{End, How};
use super::prefix::Prefixed;
use super::signals;
use crate::args::Args;
use crate::error::{Error, hint_of_outcome};
use crate::output::{Shared, Sink};
use crate::report;
use crate::session::{Attached, Attendant, Order, Session};
use crate::target::Target;

/// What is done at every server, by threads that share it.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) args: Args,
    pub(super) exec: Exec,
    pub(super) encoding: Encoding,
    pub(super) form: Form,
    pub(super) hosts: Vec<Host>,
    pub(super) began: Instant,
    /// How many hosts have been taken up.
    pub(super) taken: AtomicUsize,
    pub(super) stdout: Shared,
    pub(super) stderr: Shared,
    /// Woken for every end.
    pub(super) told: Waker,
}

/// What becomes of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It passes, as if the command ran here.
    Plain,
    /// Every line says which server it is from.
    Lines,
    /// One object when the command has ended.
    Json,
    /// A JSON object for every piece.
    Events,
}

impl Work {
    /// The next server that nobody has taken up.
    pub(super) fn next(&self) -> Option<(usize, &Host)> {
        let index = self.taken.fetch_add(1, Ordering::Relaxed);
        self.hosts.get(index).map(|host| (index, host))
    }

    /// Runs the command there, and tells how it ended, unless the host was given up.
    pub(super) fn ask(&self, host: &Host) -> Option<End> {
        if host.is_given_up() {
            return None;
        }
        let began = Instant::now();
        let args = self.args.asking(&host.server);
        let mut stdout =
            Decoded::new(self.encoding, self.destination(host, "stdout", &self.stdout));
        let mut stderr =
            Decoded::new(self.encoding, self.destination(host, "stderr", &self.stderr));
        let mut companion = Companion { work: self, host, pid: None, input: None };
        let result = self.run(host, &mut stdout, &mut stderr, &mut companion);
        let Companion { pid, input, .. } = companion;
        let how = match result {
            Ok(exit) => How::Exit(exit),
            Err(Error::Interrupted) => How::Cancelled { signal: signals::INT.number },
            Err(error) => How::Failed(error),
        };
        let (duration, hint) = match &how {
            How::Exit(exit) => (exit.duration, hint_of_outcome(&exit.outcome, &args)),
            How::Failed(error) => (began.elapsed(), error.hint(&args)),
            How::Cancelled { .. } => (began.elapsed(), None),
        };
        let mut end = End { server: host.server.clone(), how, pid, input, duration, hint };
        if !host.delivering() {
            return None;
        }
        if let Err(error) = self.deliver(&end, stdout.into_inner(), stderr.into_inner()) {
            // Whatever else it was, nobody can be told of it.
            end.how = How::Failed(Error::Sink(error));
        }
        Some(end)
    }

    fn run(
        &self,
        host: &Host,
        stdout: &mut Decoded<Destination>,
        stderr: &mut Decoded<Destination>,
        companion: &mut Companion<'_>,
    ) -> Result<Exit, Error> {
        let connected = self.target(&host.server).and_then(|target| Session::connect(&target));
        let result = connected.and_then(|mut session| {
            if host.is_given_up() {
                return Err(Error::Interrupted);
            }
            let input = io::stdin();
            let stdin = (self.exec.stdin == Stdin::Piped).then(|| input.as_fd());
            session.run(&self.exec, Attached { stdout, stderr, stdin, attendant: companion })
        });
        // Also if it never came to a session, which would have said so.
        companion.ended();
        let exit = result?;
        if let (Outcome::Detached, Some(pid), Form::Plain | Form::Lines) =
            (&exit.outcome, companion.pid, self.form)
        {
            let output = stdout.inner();
            let told = output.put(format!("{pid}\n").as_bytes());
            told.and_then(|()| output.finish()).map_err(Error::Sink)?;
        }
        Ok(exit)
    }

    /// Where one stream of the command at `host` goes, if `output` is what we have for it.
    fn destination(&self, host: &Host, name: &'static str, output: &Shared) -> Destination {
        match self.form {
            Form::Plain => Destination::Plain(output.clone()),
            Form::Lines => Destination::Lines(Prefixed::new(&host.server, output.clone())),
            Form::Json => Destination::Kept(Kept::default()),
            // Events of both streams are data.
            Form::Events => {
                Destination::Events(Events::new(&host.server, name, self.stdout.clone()))
            }
        }
    }

    /// The server, with the keys of this user. Of several servers none may ask whether to trust its key: one
    /// question would stand between the lines of the others, and none says which key it is about.
    fn target(&self, server: &str) -> Result<Target, Error> {
        let target = Target::new(server, Dirs::of_user()?);
        Ok(if self.hosts.len() == 1 { target.asking() } else { target })
    }

    /// Writes how it ended for programs, with what was kept of its output, and waits until it is written.
    fn deliver(&self, end: &End, stdout: Destination, stderr: Destination) -> io::Result<()> {
        let line = match (self.form, stdout, stderr) {
            (Form::Json, Destination::Kept(stdout), Destination::Kept(stderr)) => {
                line(&end.record(None, Some([stdout.stream(), stderr.stream()])))
            }
            (Form::Events, ..) => line(&end.record(Some(EXIT), None)),
            _ => return Ok(()),
        };
        self.stdout.clone().put(&line)?;
        self.stdout.finish_until(None)
    }

    /// The same for a host that was given up: of its output nothing is known, and nobody waits.
    pub(super) fn deliver_given_up(&self, end: &End) -> io::Result<()> {
        let nothing = Kept::default();
        let line = match self.form {
            Form::Json => line(&end.record(None, Some([nothing.stream(), nothing.stream()]))),
            Form::Events => line(&end.record(Some(EXIT), None)),
            Form::Plain | Form::Lines => return Ok(()),
        };
        self.stdout.clone().put(&line)
    }
}

/// Looks after a command on behalf of its host.
struct Companion<'w> {
    work: &'w Work,
    host: &'w Host,
    pid: Option<u32>,
    input: Option<io::Error>,
}

impl Attendant for Companion<'_> {
    fn started(&mut self, pid: u32) -> io::Result<()> {
        self.pid = Some(pid);
        self.host.started();
        if self.work.form != Form::Events {
            return Ok(());
        }
        let server = &self.host.server;
        let event = Event { server, what: "started", pid: Some(pid), content: None };
        self.work.stdout.clone().put(&line(&event))
    }

    fn input_failed(&mut self, error: io::Error) {
        if let Form::Plain | Form::Lines = self.work.form {
            let told = report::text(format_args!(
                "exec: {}; the command finds the end of its input",
                Error::Input(io::Error::from(error.kind()))
            ));
            // Not being able to complain is no reason to stop.
            let _ = self.work.stderr.clone().put(told.as_bytes());
        }
        self.input = Some(error);
    }

    fn ended(&mut self) {
        self.host.ended();
    }

    fn wakes_on(&self) -> Option<BorrowedFd<'_>> {
        Some(self.host.waker.as_fd())
    }

    fn order(&mut self) -> Option<Order> {
        self.host.order()
    }
}

/// Where the text of one stream goes.
#[derive(Debug)]
enum Destination {
    Plain(Shared),
    Lines(Prefixed),
    Kept(Kept),
    Events(Events),
}

impl Destination {
    fn sink(&self) -> &dyn Sink {
        match self {
            Self::Plain(sink) => sink,
            Self::Lines(sink) => sink,
            Self::Kept(sink) => sink,
            Self::Events(sink) => sink,
        }
    }

    fn sink_mut(&mut self) -> &mut dyn Sink {
        match self {
            Self::Plain(sink) => sink,
            Self::Lines(sink) => sink,
            Self::Kept(sink) => sink,
            Self::Events(sink) => sink,
        }
    }
}

impl Sink for Destination {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink_mut().put(bytes)
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.sink().waits_for()
    }

    fn is_full(&self) -> bool {
        self.sink().is_full()
    }

    fn drain(&mut self) -> io::Result<()> {
        self.sink_mut().drain()
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.sink().wakes_at()
    }

    fn end(&mut self) -> io::Result<()> {
        self.sink_mut().end()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink_mut().finish()
    }
}

/// The last event.
const EXIT: &str = "exit";
