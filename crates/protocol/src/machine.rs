//! What both machines offer to whatever moves their bytes, how a connection ends, and how patient
//! they are.

use core::time::Duration;

use crate::message::Failure;

/// A protocol machine as its driver sees it.
///
/// The driver owns the socket and the clock. It reads into [`space`](Machine::space) while
/// [`wants_input`](Machine::wants_input), writes what [`output`](Machine::output) shows, calls
/// [`tick`](Machine::tick) when [`deadline`](Machine::deadline) has come, and closes the socket
/// when [`is_finished`](Machine::is_finished). After `received`, `sent`, `input_ended` and `tick`
/// the application polls the machine's events until there are none: input may have waited in the
/// machine for room in the output.
///
/// Every `now` is the time since one start that the caller chose, and never goes back.
pub trait Machine {
    /// Where to read bytes into; never empty. Lends out the buffer of the last event's body.
    fn space(&mut self) -> &mut [u8];

    /// Says that `n` bytes were read into [`space`](Machine::space). Bytes that come after the
    /// connection has failed are dropped.
    fn received(&mut self, n: usize, now: Duration);

    /// Whether to read from the socket. False is back-pressure: events were not fetched, or the
    /// peer does not read its answers. Stays true while a failed connection says its last words,
    /// since a socket closed over unread input would cut them off.
    fn wants_input(&self) -> bool;

    /// Says that no more bytes will come, and in which manner they ended. Only the first call
    /// counts, but that a loss counts at any time: then the other direction is broken, too.
    fn input_ended(&mut self, end: End, now: Duration);

    /// The bytes to write now, contiguous; empty when there is nothing to say.
    fn output(&self) -> &[u8];

    /// Says that the first `n` bytes of [`output`](Machine::output) were written.
    fn sent(&mut self, n: usize, now: Duration);

    /// When [`tick`](Machine::tick) must be called at the latest; a time that has passed means now.
    fn deadline(&self) -> Option<Duration>;

    /// Sends pings that are due and ends a connection whose peer overran a deadline.
    fn tick(&mut self, now: Duration);

    /// Whether the connection is over and every last byte written: close the socket.
    fn is_finished(&self) -> bool;
}

/// How the peer's bytes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A bare TCP FIN: anybody on the path may have sent it. The server takes it for
    /// [`End::Authenticated`] unless an `exec` runs or waits, which makes it [`End::Loss`].
    Fin,
    /// An end that the peer vouched for (TLS `close_notify`): replies finish, then the connection
    /// closes. With a `put` of which not all has come, and which was not cancelled, it is [`End::Loss`].
    Authenticated,
    /// A reset, a read error, or a peer that is gone: everything ends at once and nothing more is
    /// written.
    Loss,
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// Everything asked was answered, and one side then ended the connection.
    #[error("the connection was closed")]
    Clean,
    /// The connection broke, or the peer ended it while a request was unanswered.
    #[error("the connection was lost")]
    Lost,
    /// The bytes ended in the middle of a message.
    #[error("the connection ended in the middle of a message that began at byte {offset}")]
    Truncated {
        /// Where in the peer's stream the unfinished message began.
        offset: u64,
    },
    /// The peer let a deadline pass.
    #[error("{0}")]
    Overdue(Deadline),
    /// The peer broke the protocol. A server has told it so.
    #[error("the peer broke the protocol: {0}")]
    Violation(Failure),
    /// The server turned the client away: [`Server::refuse`](crate::server::Server::refuse) on its
    /// side, an `error` without id on the client's.
    #[error("the server ended the connection: {0}")]
    Refused(Failure),
    /// This server said `goaway` and has answered everything it had accepted.
    #[error("this server is going away")]
    GoneAway,
}

/// Which deadline the peer let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Deadline {
    /// The `hello` or `welcome` was not complete in time.
    #[error("the peer did not introduce itself in time")]
    Hello,
    /// A message was begun and its header did not follow in time.
    #[error("the peer did not finish the header of a message in time")]
    Header,
    /// A message was begun and not completed in time.
    #[error("the peer did not finish a message in time")]
    Message,
    /// The peer read nothing for too long.
    #[error("the peer stopped reading")]
    SlowReader,
    /// The peer was silent and answered no ping.
    #[error("the peer no longer answers")]
    Silent,
    /// No request ran for too long.
    #[error("the connection was idle for too long")]
    Idle,
}

/// The patience of a machine. All are absolute or since the last whole message: none can be drawn
/// out by one byte at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From the start of the connection to the complete `hello` or `welcome`. 10 s.
    pub hello: Duration,
    /// From the first byte of a message to the end of its header. 5 s.
    pub header: Duration,
    /// From the first byte of a message to its last. 30 s.
    pub message: Duration,
    /// Without progress of the output and without any message from the peer. 30 s.
    pub slow_reader: Duration,
    /// Server only: without a request running and without any message from the peer. 5 min.
    pub idle: Duration,
    /// Silence before a ping, and between two, while a request runs. 5 s.
    pub ping: Duration,
    /// How many pings in a row may go unanswered. 3.
    pub pings: u32,
    /// How long the last words of a connection that is ending may take. 10 s.
    pub close: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            header: Duration::from_secs(5),
            message: Duration::from_secs(30),
            slow_reader: Duration::from_secs(30),
            idle: Duration::from_secs(5 * 60),
            ping: Duration::from_secs(5),
            pings: 3,
            close: Duration::from_secs(10),
        }
    }
}
