//! The bodies of the fuzz targets: each takes any bytes, makes of them what it needs, and panics
//! where a property does not hold.
//!
//! A body neither knows nor needs a fuzzer: `tests/replay.rs` runs all of them on the stable compiler,
//! over the inputs that fuzzing found worth keeping and over some at random.

mod choice;
mod client;
mod conversation;
mod decode_any_spec;
mod header;
mod hostile_limits;
mod input;
mod modes;
mod protocol;
mod round_trip;
mod server;
mod spec;
mod subject;
mod turning;
mod verbs;

pub use client::client;
pub use conversation::conversation;
pub use decode_any_spec::decode_any_spec;
pub use header::header;
pub use hostile_limits::hostile_limits;
pub use modes::modes;
pub use round_trip::round_trip;
pub use server::server;
pub use spec::spec;
pub use verbs::verbs;

/// Makes a body the target of a fuzzer. Without one the program runs the body once for each file
/// that it is given, as a debugger likes it.
#[macro_export]
macro_rules! target {
    ($body:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| ($body)(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            let body: fn(&[u8]) = $body;
            for file in std::env::args_os().skip(1) {
                body(&std::fs::read(file)?);
            }
            Ok(())
        }
    };
}
