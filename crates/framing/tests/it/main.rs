//! One binary for all tests of the crate's public behaviour.

mod check;
mod cuts;
mod fuzz_body;
mod parts;
mod promises;
mod properties;
mod reference;
