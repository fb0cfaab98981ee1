//! A server of framed messages: upper-case echo, remote commands, files.
//!
//! The binary is thin, and so is this library: the wire and its rules live in `framing-protocol`,
//! sockets in `framing-transport`. What is here is policy, files and child processes. It embeds in
//! four lines:
//!
//! ```
//! use framing_server::{Options, Server};
//!
//! let server = Server::bind(Options { listen: vec!["127.0.0.1:0".into()], ..Options::default() })?;
//! println!("listening on {}", server.addresses()[0]);
//! let running = server.spawn()?;
//! // ... clients come and go ...
//! running.stop()?;
//! # Ok::<(), framing_server::Error>(())
//! ```
//!
//! ```text
//!   accept loop (serve) --thread per connection--> loop of one connection (connection)
//!                                                    | poll: socket, child's pipes, child's exit, stop
//!                                                    +-- upper
//!                                                    +-- exec      (execution, child, environment)
//!                                                    +-- get, list (sending, listing, root)
//! ```
//!
//! Linux only: `openat2` keeps paths below the root, a `pidfd` tells a child's exit.

mod args;
mod child;
mod connection;
mod descriptors;
mod environment;
mod execution;
mod listing;
mod log;
mod options;
mod root;
mod sending;
mod serve;
mod signal_names;
mod signals;

pub use args::Args;
pub use descriptors::raise_descriptor_limit;
pub use options::{DEFAULT_LISTEN, ExecPolicy, Options};
pub use root::RootError;
pub use serve::{Error, Running, Server, Stopper};
pub use signals::stop_on_signals;
