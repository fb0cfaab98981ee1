//! How long the peer may take: pings and deadlines.
//!
//! A machine's verbs bring no time with them. What they start (a request that runs, output that
//! waits) is therefore stamped by [`Clocks::settle`], which every call that brings the time begins
//! with, so that no deadline begins before its cause.

use core::time::Duration;

use crate::machine::{Deadline, Deadlines};

/// What the machine does at the moment, as far as the clocks care.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// The work of the connection, or its end.
    pub(crate) work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Read, and no message is begun.
    Clear,
    /// Read, and a header is begun.
    InHeader,
    /// Read, and a body is begun.
    InBody,
    /// Not read for now, for our own reasons: no lateness is the peer's fault.
    Paused,
    /// Nothing more can come.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Empty,
    Waiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A request runs.
    Running,
    /// None does.
    Idle,
    /// The connection is over, but for its last words.
    Ending,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    Overdue(Deadline),
    /// The last words took too long.
    Hangup,
}

#[derive(Debug)]
pub(crate) struct Clocks {
    deadlines: Deadlines,
    now: Duration,
    /// Until when the peer must have introduced itself; none once it has.
    hello: Option<Duration>,
    /// Whether idleness has a deadline.
    idles: Idles,
    /// First byte of the message that is not complete.
    begun: Option<Duration>,
    /// Since when output waits without progress and without a message from the peer.
    stalled: Option<Duration>,
    /// Since when nothing was heard while a request runs.
    silent: Option<Duration>,
    /// The last ping after that, and how many.
    pinged: Option<Duration>,
    unanswered: u32,
    /// Since when no request runs.
    idle: Option<Duration>,
    /// Since when only the last words are missing.
    ending: Option<Duration>,
}

/// Whether a machine ends a connection on which nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idles {
    Never,
    UntilDeadline,
}

impl Clocks {
    pub(crate) fn new(deadlines: Deadlines, idles: Idles, now: Duration) -> Self {
        let hello = Some(now.saturating_add(deadlines.hello));
        Self {
            deadlines,
            now,
            hello,
            idles,
            begun: None,
            stalled: None,
            silent: None,
            pinged: None,
            unanswered: 0,
            idle: None,
            ending: None,
        }
    }

    /// Brings the clocks up to `now` and to what has happened since they were last asked.
    pub(crate) fn settle(&mut self, now: Duration, scene: Scene) {
        let now = now.max(self.now);
        self.now = now;
        if scene.work == Work::Ending {
            self.ending.get_or_insert(now);
            return;
        }
        stamp(&mut self.stalled, scene.output == Output::Waiting, now);
        stamp(&mut self.silent, scene.work == Work::Running, now);
        stamp(&mut self.idle, scene.work == Work::Idle, now);
        // After a pause the peer has its full time again.
        let begun = matches!(scene.input, Input::InHeader | Input::InBody);
        stamp(&mut self.begun, begun, now);
    }

    /// Bytes came.
    pub(crate) fn heard(&mut self) {
        self.silent = self.silent.map(|_| self.now);
        self.pinged = None;
        self.unanswered = 0;
    }

    /// A whole message came.
    pub(crate) fn message(&mut self) {
        self.stalled = self.stalled.map(|_| self.now);
        self.idle = self.idle.map(|_| self.now);
    }

    /// The peer took some output.
    pub(crate) fn progress(&mut self) {
        self.stalled = None;
    }

    /// The peer has introduced itself.
    pub(crate) fn introduced(&mut self) {
        self.hello = None;
    }

    /// When [`due`](Self::due) must be asked at the latest.
    pub(crate) fn next(&self, scene: Scene) -> Option<Duration> {
        if scene.work == Work::Ending {
            return Some(self.ending.unwrap_or(self.now).saturating_add(self.deadlines.close));
        }
        let overdue = self.deadlines_of(scene).into_iter().flatten().map(|(at, _)| at);
        overdue.chain(self.next_ping(scene)).min()
    }

    /// What is due; a ping is counted as sent. Asked after [`settle`](Self::settle).
    pub(crate) fn due(&mut self, scene: Scene) -> Due {
        if scene.work == Work::Ending {
            let late = self.next(scene).is_some_and(|at| at <= self.now);
            return if late { Due::Hangup } else { Due::Nothing };
        }
        let passed = self.deadlines_of(scene).into_iter().flatten();
        if let Some((_, deadline)) =
            passed.filter(|(at, _)| *at <= self.now).min_by_key(|(at, _)| *at)
        {
            return Due::Overdue(deadline);
        }
        if self.next_ping(scene).is_none_or(|at| at > self.now) {
            return Due::Nothing;
        }
        if scene.input != Input::Paused {
            if self.unanswered >= self.deadlines.pings {
                return Due::Overdue(Deadline::Silent);
            }
            self.unanswered = self.unanswered.saturating_add(1);
        }
        self.pinged = Some(self.now);
        Due::Ping
    }

    /// All deadlines that run, each with its name.
    fn deadlines_of(&self, scene: Scene) -> [Option<(Duration, Deadline)>; 4] {
        let Deadlines { header, message, slow_reader, idle, .. } = self.deadlines;
        let begun = match scene.input {
            Input::InHeader => Some((header, Deadline::Header)),
            Input::InBody => Some((message, Deadline::Message)),
            Input::Clear | Input::Paused | Input::Ended => None,
        };
        let begun = begun.map(|(limit, name)| (since(self.begun, self.now, limit), name));
        let hello = self.hello.map(|at| (at, Deadline::Hello));
        let stalled = (scene.output == Output::Waiting)
            .then(|| (since(self.stalled, self.now, slow_reader), Deadline::SlowReader));
        let idle = (self.idles == Idles::UntilDeadline && scene.work == Work::Idle)
            .then(|| (since(self.idle, self.now, idle), Deadline::Idle));
        [hello, begun, stalled, idle]
    }

    /// When silence calls for a ping. None while nothing runs, and when nothing more can come.
    fn next_ping(&self, scene: Scene) -> Option<Duration> {
        let wanted = scene.work == Work::Running && scene.input != Input::Ended;
        let last = self.pinged.or(self.silent);
        wanted.then(|| since(last, self.now, self.deadlines.ping))
    }
}

/// Starts the clock where `runs` begins, stops it where it ends.
fn stamp(clock: &mut Option<Duration>, runs: bool, now: Duration) {
    if runs {
        clock.get_or_insert(now);
    } else {
        *clock = None;
    }
}

/// A clock that was started by a verb has no stamp yet: it cannot have begun before now.
fn since(clock: Option<Duration>, now: Duration, limit: Duration) -> Duration {
    clock.unwrap_or(now).saturating_add(limit)
}
