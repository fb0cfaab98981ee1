//! The shell around the protocol machines: sockets, `poll`, and nothing that knows a message.
//!
//! ```text
//!            poll()                 Machine (framing-protocol, no I/O, no clock)
//!              |                    +----------------------------------+
//!   ready() ---+--> read -------->  | space() / received()             | --> events to the app
//!   flush() ------> write <-------  | output() / sent()                | <-- verbs of the app
//!   timeout() <--- the clock ---->  | deadline() / tick()              |
//!                                   +----------------------------------+
//! ```
//!
//! * [`Link`] is one connection: a [`Stream`], a machine and the clock of both.
//! * [`Stream`] is the seam where an encrypted stream takes the place of a bare [`TcpStream`].
//! * [`connect`] opens a client's stream, [`Listeners`] accept a server's.
//! * [`poll`] waits for descriptors, and [`Waker`] ends the wait from elsewhere.
//!
//! Linux only: the server above needs `openat2`, `pidfd` and `eventfd` in any case.
//!
//! One turn of an application's loop reads what is there, handles every event, and only then
//! writes, so that a batch of requests costs one write and not one for each reply:
//!
//! ```no_run
//! use framing_protocol::client::Client;
//! use framing_transport::{Link, PollFd, connect, poll};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stream = connect("localhost:7878", Duration::from_secs(10))?;
//! let mut link = Link::new(stream, Client::new(Default::default(), Duration::ZERO));
//! while !link.is_finished() {
//!     let now = link.now();
//!     while let Some(event) = link.machine().poll_event(now) {
//!         println!("{event:?}");
//!     }
//!     link.flush();
//!     let (interest, timeout) = (link.interest(), link.timeout());
//!     let mut descriptors = [PollFd::new(&link, interest)];
//!     // A descriptor that is not watched leaves the set: a hang-up would wake the loop for ever.
//!     let polled = if link.watches() { &mut descriptors[..] } else { &mut [][..] };
//!     poll(polled, timeout)?;
//!     let revents = descriptors[0].revents();
//!     link.ready(revents);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`TcpStream`]: std::net::TcpStream

mod connect;
mod dirs;
mod identity;
mod invitation;
mod link;
mod listeners;
mod local;
mod pin;
mod poll;
mod private;
mod stream;
mod tls;
mod waker;

pub use connect::{Attempt, ConnectError, connect, secure};
pub use dirs::{Dirs, NoHome};
pub use identity::{Identity, IdentityError};
pub use invitation::{BadInvitation, Invitation, TokenHash, new_token};
pub use link::Link;
pub use listeners::{Accepted, ListenError, Listeners};
pub use local::{LocalTrust, local_server, running_servers};
pub use pin::{BadPin, Pin};
pub use poll::{PollFd, PollFlags, poll};
pub use private::{Exposed, read_private, umask, write_private};
pub use stream::Stream;
pub use tls::{TlsAcceptor, TlsError, TlsStream};
pub use waker::Waker;
