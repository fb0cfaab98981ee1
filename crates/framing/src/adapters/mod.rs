//! The core at hand where bytes are read and written. Each adapter is a few lines over it, behind a
//! feature of its own.

#[cfg(feature = "std")]
pub(crate) mod std_io;
