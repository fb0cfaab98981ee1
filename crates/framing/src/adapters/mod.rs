//! The core at hand where bytes are read and written. Each adapter is a few lines over it, behind a
//! feature of its own.

#[cfg(any(feature = "tokio", feature = "futures"))]
pub(crate) mod codec;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub(crate) mod embedded;
#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(feature = "std")]
pub(crate) mod std_io;
