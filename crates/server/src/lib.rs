//! A server of framed messages: upper-case echo, remote commands, files.
//!
//! The binary is thin, and so is this library: the wire and its rules live in `framing-protocol`,
//! sockets in `framing-transport`. What is here is policy, files and child processes. It embeds in
//! four lines:
//!
//! ```
//! use framing_server::{Options, Server};
//! use framing_transport::Dirs;
//!
//! # let dir = tempfile::tempdir()?;
//! # let keys = dir.path().join("keys");
//! // Where the server's key is kept, and who may connect. `Dirs::of_user()` is what the binary takes.
//! let options = Options::new(Dirs::within(keys));
//! let server = Server::bind(Options { listen: vec!["127.0.0.1:0".into()], ..options })?;
//! println!("listening on {}", server.addresses()[0]);
//! let running = server.spawn()?;
//! // ... clients come and go ...
//! running.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!   accept loop (serve) --thread per connection--> loop of one connection (connection)
//!     | registry: who is connected                   | gate: who gets in (clients, roles)
//!                                                    | poll: socket, child's pipes, child's exit, stop
//!                                                    +-- upper
//!                                                    +-- exec      (policy, plan, execution, supervisor)
//!                                                    +-- get, put, list (sending, receiving, listing, root)
//! ```
//!
//! Linux only: `openat2` keeps paths below the root, a `pidfd` tells a child's exit.

mod args;
mod audit;
mod clients;
mod config;
mod connection;
mod descriptors;
mod execution;
mod gate;
mod invites;
mod keys;
mod limits;
mod listing;
mod lock;
mod log;
mod options;
mod plan;
mod policy;
mod receiving;
mod registry;
mod roles;
mod root;
mod sending;
mod serve;
mod signal_names;
mod signals;
mod sources;
mod supervisor;
mod work;

pub use args::{Args, Job, KeysJob};
pub use clients::{BadLine, Client, Clients, ClientsError, ClientsFile, Fault, NotAdmitted};
pub use config::ConfigError;
pub use descriptors::raise_descriptor_limit;
pub use invites::invite;
pub use limits::Limits;
pub use options::{DEFAULT_LISTEN, Options};
pub use policy::{Caps, ExecPolicy, NamedCommand, PolicyError};
pub use roles::{BadRole, Role, Roles};
pub use root::RootError;
pub use serve::{Error, Reloader, Running, Server, Stopper};
pub use signals::{reload_on_signal, stop_on_signals, survive_file_limit};
pub use supervisor::{Supervisor, supervise_if_asked};
