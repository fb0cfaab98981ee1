//! The real binary against the real server, and against servers that lie.

mod echo;
mod encodings;
mod exec;
mod exec_input;
mod exec_json;
mod exec_signals;
mod get;
mod guess;
mod hints;
mod inspect;
mod lies;
mod ls;
mod many;
mod output;
mod prompt;
mod session;
mod support;
mod trust;
mod usage;
