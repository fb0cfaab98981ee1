//! One binary for all tests of the crate's public behaviour.
#![allow(
    clippy::cast_possible_wrap,
    clippy::decimal_bitwise_operands,
    clippy::many_single_char_names,
    clippy::match_same_arms,
    clippy::similar_names,
    clippy::single_match_else,
    reason = "tests read better with them"
)]

mod adapters;
mod broken;
mod check;
mod coded;
mod cuts;
#[cfg(not(miri))]
mod differential;
mod edges;
mod encoding;
mod events;
mod formats;
mod generated;
mod handoff;
mod heads;
mod hints;
mod incidents;
mod model;
mod parts;
mod passed_over;
mod printed;
mod promises;
mod properties;
mod protocols;
mod reference;
mod resync;
mod sealed;
mod shapes;
// The verifier's own tests try thousands of cuts; by Miri the others use it with few.
#[cfg(not(miri))]
mod shown;
mod smallest;
mod spec;
mod std_io;
mod storage;
mod vectors;
mod verbs;
#[cfg(not(miri))]
mod verify;
