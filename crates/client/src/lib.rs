//! Upper-case echo, remote commands and files over framed messages: the client.
//!
//! The binary is this library behind a command line. [`Session`] is for programs that want the same
//! without starting a process:
//!
//! ```no_run
//! use framing_client::{Session, Target};
//! use framing_transport::Dirs;
//!
//! let mut session = Session::connect(&Target::new("127.0.0.1:7878", Dirs::of_user()?))?;
//! println!("{}", String::from_utf8_lossy(&session.upper("grüße".as_bytes())?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!  args --> run --> echo, exec, get, ls        one small module per command
//!                     |     |    |   |
//!                     |     |    |   part      NAME.part, and when it becomes NAME
//!                     v     v    v
//!                   session                    one connection: request, events, end
//!                     |  \   \
//!                     |   |   target           whom we connect to, and how we know each other (known_hosts)
//!                     |   output               sinks that never make the session wait
//!                     v
//!          framing-transport, framing-protocol
//! ```

mod args;
mod echo;
mod error;
mod exec;
mod get;
mod inspect;
mod known_hosts;
mod ls;
mod output;
mod pair;
mod part;
mod put;
mod report;
mod run;
mod screen;
mod session;
mod target;
mod transfer;

pub use args::Args;
pub use error::{Damage, Error, Status};
pub use exec::ServersError;
pub use known_hosts::KnownHostsError;
pub use output::{Output, Sink};
pub use part::PartError;
pub use run::run;
pub use session::{Attached, Attendant, Download, Order, Session, Source, Upload};
pub use target::Target;

/// The examples of the project's front page are run like any other.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
