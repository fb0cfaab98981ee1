//! The contenders, by what they do.

mod codecs;
mod floor;
mod ours;
mod readers;

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod lines;
