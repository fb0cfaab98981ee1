//! The server, talked to by the real client machine and by raw sockets.

mod abuse;
mod admission;
mod binary;
mod caller;
mod caps;
mod daemon;
mod descriptors;
mod echo;
mod exec;
mod exec_end;
mod exec_odd;
mod faults;
mod get;
mod guests;
mod limits;
mod list;
mod log;
mod named;
mod processes;
mod put;
mod python;
mod resume;
mod stop;
mod storms;
mod supervision;
