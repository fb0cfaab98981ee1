//! Any stream, any cuts, any limits and policies: every decoder and mode agrees, nothing panics.
//!
//! The body is a test of `framing`, which also runs on the stable compiler.
#![no_main]

#[path = "../../crates/framing/tests/it/check.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod check;
#[path = "../../crates/framing/tests/it/fuzz_body.rs"]
mod fuzz_body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_body::split(data));
