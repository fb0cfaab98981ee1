//! The wire protocol of `framing-server` and `framing-client`, version 1, as two state machines
//! that know no socket and no clock: bytes and verbs go in, events and bytes come out.
//!
//! Every message, in both directions, has one shape:
//!
//! ```text
//! +----------------+----------------+---------------------+------------------------+
//! | header length  |  body length   |  header             |  body                  |
//! |    u32 BE      |    u64 BE      |  JSON object, UTF-8 |  raw bytes             |
//! +----------------+----------------+---------------------+------------------------+
//!       4 bytes         8 bytes        <= 64 KiB             <= 256 KiB
//! ```
//!
//! The header's `type` names the message; [`message`] lists all of them with every field. Long
//! content travels as a run of messages, so that an `error`, a `pong` or a `cancel` can always
//! come between two of them.
//!
//! * [`server::Server`] is the machine of the side that answers,
//! * [`client::Client`] of the side that asks,
//! * [`Machine`] is what both offer to whatever moves the bytes (a socket, a pipe, a test),
//! * [`Deadlines`] are the patience of either; time is an argument, a [`Duration`] since any start
//!   that the caller keeps for the life of the connection.
//!
//! # A conversation without a socket
//!
//! ```
//! use core::time::Duration;
//! use framing_protocol::{Machine, client, client::Client, server, server::Server};
//!
//! /// Carries what `from` has to say over to `to`.
//! fn carry(from: &mut impl Machine, to: &mut impl Machine, now: Duration) {
//!     while !from.output().is_empty() {
//!         let space = to.space();
//!         let n = space.len().min(from.output().len());
//!         space[..n].copy_from_slice(&from.output()[..n]);
//!         to.received(n, now);
//!         from.sent(n, now);
//!     }
//! }
//!
//! let now = Duration::ZERO;
//! let mut server = Server::new(server::Settings::default(), now);
//! let mut client = Client::new(client::Settings::default(), now);
//! let id = client.upper(b"sticky").unwrap();          // goes out right behind the hello
//!
//! carry(&mut client, &mut server, now);
//! assert_eq!(server.poll_event(now), Some(server::Event::Upper { id }));
//! let text = std::str::from_utf8(server.body()).unwrap().to_uppercase();
//! server.upper(id, &text);
//!
//! carry(&mut server, &mut client, now);
//! assert!(matches!(client.poll_event(now), Some(client::Event::Welcome { .. })));
//! assert_eq!(client.poll_event(now), Some(client::Event::Upper { id }));
//! assert_eq!(client.body(), b"STICKY");
//! ```
//!
//! [`Duration`]: core::time::Duration

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod channel;
pub mod client;
mod clocks;
mod fault;
#[cfg(feature = "hasher")]
mod hasher;
mod header;
mod machine;
pub mod message;
mod queue;
pub mod server;
mod wire;

#[cfg(feature = "hasher")]
pub use hasher::Hasher;
pub use header::HeaderError;
pub use machine::{Closed, Deadline, Deadlines, End, Machine};
pub use message::Id;
