//! What both machines share: messages in, a bounded queue of bytes out, pings, and the end.

use core::time::Duration;

use framing::{Encoder, Envelope, Reassembler};
use serde::Serialize;

use crate::clocks::{Clocks, Due, Idles, Input, Output, Scene, Work};
use crate::fault::Fault;
use crate::header::HeaderError;
use crate::machine::{Closed, Deadline, Deadlines, End};
use crate::message::{ClientMessage, Code, Failure, Id, MAX_BODY};
use crate::queue::Queue;
use crate::wire::{Begun, begun, wire};

/// One end of a connection, whichever it is.
#[derive(Debug)]
pub(crate) struct Channel {
    input: Reassembler<Envelope>,
    encoder: Encoder<Envelope>,
    out: Queue,
    /// Where headers are written before their length is known.
    scratch: Vec<u8>,
    clocks: Clocks,
    /// How the peer's bytes ended, once they have.
    end: Option<End>,
    phase: Phase,
    /// Why the connection is over, until the application was told.
    farewell: Option<Closed>,
    /// The pong that waits for the one before it to be written, and where that one ends.
    pong: Option<Id>,
    pong_end: u64,
    /// The last ping that was sent.
    ping: Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Over, but for the last words in the queue.
    Ending,
    /// Over.
    Over,
}

/// What a machine adds to what its channel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Whether a request runs.
    pub(crate) work: Work,
    /// Whether the machine holds as much for its application as it may.
    pub(crate) intake: Intake,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intake {
    Open,
    Full,
}

/// What [`Channel::next`] found.
#[derive(Debug)]
pub(crate) enum Next<M> {
    /// A header, and the length of the body that [`Channel::body`] lends.
    Message(M, usize),
    /// More bytes are needed.
    Dry,
    /// The input has ended between two messages.
    Ended,
}

/// What becomes of output that was not written when the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastWords {
    Flush,
    Drop,
}

/// A message of ours that is over the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Channel {
    pub(crate) fn new(deadlines: Deadlines, idles: Idles, now: Duration) -> Self {
        let (input, encoder) = wire();
        Self {
            input,
            encoder,
            out: Queue::default(),
            scratch: Vec::new(),
            clocks: Clocks::new(deadlines, idles, now),
            end: None,
            phase: Phase::Open,
            farewell: None,
            pong: None,
            pong_end: 0,
            ping: 0,
        }
    }

    // ---- bytes in ----

    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.input.space()
    }

    pub(crate) fn received(&mut self, n: usize, now: Duration, load: Load) {
        self.settle(now, load);
        if n == 0 || self.phase != Phase::Open || self.end.is_some() {
            return;
        }
        self.input.filled(n);
        self.clocks.heard();
        self.settle(now, load);
    }

    pub(crate) fn wants_input(&self, load: Load) -> bool {
        match self.phase {
            Phase::Open => !matches!(self.scene(load).input, Input::Paused | Input::Ended),
            Phase::Ending => self.end.is_none(),
            Phase::Over => false,
        }
    }

    /// Notes the end of the input. False: it had ended before, and was not lost only now.
    pub(crate) fn input_ended(&mut self, end: End, now: Duration, load: Load) -> bool {
        self.settle(now, load);
        let first = self.end.is_none() || (end == End::Loss && self.end != Some(End::Loss));
        if first {
            self.end = Some(end);
            if end == End::Loss {
                self.out.clear();
            }
        }
        first
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    /// The next message, its header read by `parse`.
    pub(crate) fn next<M>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<M, HeaderError>,
    ) -> Result<Next<M>, Fault> {
        let frame = match self.input.next().map_err(Fault::Frame)? {
            Some(frame) => frame,
            None if self.end.is_none() => return Ok(Next::Dry),
            None => {
                return match self.input.finish() {
                    Ok(_) => Ok(Next::Ended),
                    Err(error) => Err(Fault::Truncated(error.offset())),
                };
            }
        };
        let message = parse(Envelope::header(frame.head())).map_err(Fault::Header);
        let body = frame.payload().len();
        self.clocks.message();
        Ok(Next::Message(message?, body))
    }

    /// The body of the message that was last read, until [`next`](Self::next) or
    /// [`space`](Self::space) is called.
    pub(crate) fn body(&self) -> &[u8] {
        self.input.current().map_or(&[], |frame| frame.payload().bytes())
    }

    /// Gives back what a large message made of the input buffer, once nothing is in it. For a peer
    /// that has nothing to ask: it may stay so for minutes.
    pub(crate) fn release_input(&mut self) {
        if self.input.unread().is_empty() && self.input.capacity() > READ_AHEAD {
            self.input.shrink();
        }
    }

    // ---- bytes out ----

    pub(crate) fn output(&self) -> &[u8] {
        self.out.waiting()
    }

    pub(crate) fn sent(&mut self, n: usize, now: Duration, load: Load) {
        self.out.sent(n);
        if n > 0 {
            self.clocks.progress();
        }
        if let Some(id) = self.pong.take() {
            self.answer_ping(id);
        }
        if load.work != Work::Running {
            self.out.release();
        }
        self.settle(now, load);
    }

    /// Queues a message of ours; none where nobody can read it any more.
    pub(crate) fn send(&mut self, header: &impl Serialize, body: &[u8]) -> Result<(), TooLarge> {
        if self.phase != Phase::Open || self.end == Some(End::Loss) {
            return Ok(());
        }
        self.scratch.clear();
        serde_json::to_writer(&mut self.scratch, header).map_err(|_| TooLarge)?;
        let length = body.len().saturating_add(self.scratch.len()).saturating_add(Envelope::HEAD);
        let tail = self.out.tail(length);
        self.encoder.append(&self.scratch, &[body], tail).map_err(|_| TooLarge)
    }

    /// Queues content as a run of messages with the same header.
    pub(crate) fn send_content(&mut self, header: &impl Serialize, bytes: &[u8]) {
        for body in bytes.chunks(MAX_BODY) {
            // Neither half can be too large: the header has no text, and the body was cut.
            let _ = self.send(header, body);
        }
    }

    /// Queues one message with up to `most` bytes of content, which `fill` writes to where they wait, and says how
    /// many there are. Without any there is no message.
    pub(crate) fn send_filled<E>(
        &mut self,
        header: &impl Serialize,
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.scratch.clear();
        // As in `send_content`: there is nothing in the header that could not be written.
        let _ = serde_json::to_writer(&mut self.scratch, header);
        let head = self.scratch.len().saturating_add(Envelope::HEAD);
        let most = most.min(MAX_BODY);
        let lent = self.out.lend(head.saturating_add(most));
        let (front, body) = lent.split_at_mut_checked(head).unwrap_or_default();
        let n = fill(body)?.min(most);
        if n == 0 || self.phase != Phase::Open || self.end == Some(End::Loss) {
            return Ok(n);
        }
        let body = [body.get(..n).unwrap_or_default()];
        if let Ok(message) = self.encoder.encode(&self.scratch, &body) {
            for (to, byte) in front.iter_mut().zip(message.slices().flatten()) {
                *to = *byte;
            }
            self.out.filled(head.saturating_add(n));
        }
        Ok(n)
    }

    /// How much content may be queued now.
    pub(crate) fn room(&self) -> usize {
        match self.phase {
            Phase::Open => HIGH_WATER.saturating_sub(self.out.len()),
            Phase::Ending | Phase::Over => 0,
        }
    }

    /// Whether so much waits to be written that nothing that is answered may be taken in.
    pub(crate) fn is_stalled(&self) -> bool {
        self.out.len() >= STALLED
    }

    // ---- pings ----

    /// Answers a ping, out of turn. One pong at most waits in the queue, and behind it one that
    /// stands for all later pings, so that a peer which never reads gains nothing by pinging.
    pub(crate) fn answer_ping(&mut self, id: Id) {
        if self.out.written() < self.pong_end {
            self.pong = Some(id);
        } else {
            // A pong is never too large, and looks the same from either side.
            let _ = self.send(&ClientMessage::Pong { id }, &[]);
            self.pong_end = self.out.end();
        }
    }

    /// Asks the peer for a sign of life.
    pub(crate) fn send_ping(&mut self) -> Id {
        self.ping = self.ping.saturating_add(1);
        // As a pong.
        let _ = self.send(&ClientMessage::Ping { id: self.ping }, &[]);
        self.ping
    }

    /// Refuses a pong for a ping that was never sent.
    pub(crate) fn check_pong(&self, id: Id) -> Result<(), Failure> {
        if id > self.ping {
            return Err(Failure::new(Code::Protocol, format!("pong {id} without a ping")));
        }
        Ok(())
    }

    // ---- time ----

    pub(crate) fn settle(&mut self, now: Duration, load: Load) {
        let scene = self.scene(load);
        self.clocks.settle(now, scene);
    }

    pub(crate) fn introduced(&mut self) {
        self.clocks.introduced();
    }

    pub(crate) fn deadline(&self, load: Load) -> Option<Duration> {
        match self.phase {
            Phase::Over => None,
            Phase::Ending if self.out.is_empty() => None,
            Phase::Open | Phase::Ending => self.clocks.next(self.scene(load)),
        }
    }

    /// Sends a ping that is due, and tells which deadline the peer let pass.
    pub(crate) fn tick(&mut self, now: Duration, load: Load) -> Option<Deadline> {
        self.settle(now, load);
        if self.phase == Phase::Over {
            return None;
        }
        match self.clocks.due(self.scene(load)) {
            Due::Nothing => None,
            Due::Overdue(deadline) => Some(deadline),
            Due::Ping => {
                self.send_ping();
                self.settle(now, load);
                None
            }
            Due::Hangup => {
                self.out.clear();
                self.phase = Phase::Over;
                None
            }
        }
    }

    fn scene(&self, load: Load) -> Scene {
        let work = if self.phase == Phase::Open { load.work } else { Work::Ending };
        let output = if self.out.is_empty() { Output::Empty } else { Output::Waiting };
        Scene { input: self.input_scene(load), output, work }
    }

    fn input_scene(&self, load: Load) -> Input {
        if self.end.is_some() {
            return Input::Ended;
        }
        let unread = self.input.unread();
        let begun = begun(unread);
        let ahead = begun == Begun::Whole && unread.len() >= READ_AHEAD;
        match begun {
            _ if ahead || load.intake == Intake::Full || self.is_stalled() => Input::Paused,
            Begun::Nothing | Begun::Whole => Input::Clear,
            Begun::Header => Input::InHeader,
            Begun::Body => Input::InBody,
        }
    }

    // ---- the end ----

    /// Ends the connection. Only the first reason counts.
    pub(crate) fn close(&mut self, reason: Closed, last_words: LastWords) {
        if self.phase != Phase::Open {
            return;
        }
        self.farewell = Some(reason);
        self.phase = match last_words {
            LastWords::Flush => Phase::Ending,
            LastWords::Drop => Phase::Over,
        };
        if self.phase == Phase::Over {
            self.out.clear();
        }
    }

    /// Why the connection is over: once.
    pub(crate) fn farewell(&mut self) -> Option<Closed> {
        self.farewell.take()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(crate) fn is_finished(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Ending => self.out.is_empty(),
            Phase::Over => true,
        }
    }
}

/// Content is queued up to here, plus at most one message. A peer that asks for much and reads
/// nothing costs some 1.5 MB in all until it is given up.
const HIGH_WATER: usize = 1024 * 1024;

/// From here on nothing is taken in that would be answered. Lies far enough above the content
/// that a producer who fills the queue never keeps a `cancel` from being read.
const STALLED: usize = HIGH_WATER + 2 * MAX_BODY;

/// Once a whole message waits to be fetched, no more than this is read: what stands behind it, a
/// `cancel` too, waits with it.
const READ_AHEAD: usize = 64 * 1024;
