//! Sockets, streams that misbehave, and a toy machine.

mod connect;
mod link;
mod listeners;
mod tls;
mod toy;
