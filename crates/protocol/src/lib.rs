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

pub mod client;
mod header;
mod machine;
pub mod message;
pub mod server;

pub use header::HeaderError;
pub use machine::{Closed, Deadline, Deadlines, End, Machine};
pub use message::Id;
