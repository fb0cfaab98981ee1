//! Upper-case echo, remote commands and files over framed messages: the client.
//!
//! The binary is this library behind a command line. [`Session`] is for programs that want the same
//! without starting a process:
//!
//! ```no_run
//! let mut session = framing_client::Session::connect("127.0.0.1:7878")?;
//! println!("{}", String::from_utf8_lossy(&session.upper("grüße".as_bytes())?));
//! # Ok::<(), framing_client::Error>(())
//! ```
//!
//! ```text
//!  args --> run --> echo, exec, get, ls        one small module per command
//!                     |     |    |   |
//!                     |     |    |   part      NAME.part, and when it becomes NAME
//!                     v     v    v
//!                   session                    one connection: request, events, end
//!                     |  \
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
mod ls;
mod output;
mod part;
mod report;
mod run;
mod screen;
mod session;

pub use args::Args;
pub use error::{Damage, Error, Status};
pub use output::{Output, Sink};
pub use part::PartError;
pub use run::run;
pub use session::{Download, Session};

/// The examples of the project's front page are run like any other.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
