//! What `get` and `put` have in common: how files are moved, and how patiently.

use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use framing_protocol::message::DigestKind;

use super::exec::duration;

/// What was asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Transfer {
    /// Do not go on with what an earlier try left, but begin anew
    #[arg(long)]
    pub(crate) no_resume: bool,

    /// How often to connect again after a lost connection, each time a little later, before giving up;
    /// counted anew whenever something has come over
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) retries: u32,

    /// Take a connection for lost if nothing of the file comes over for so long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub(crate) stall_timeout: Duration,

    /// Move no more than so many bytes a second, such as 10MiB
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub(crate) limit_rate: Option<u64>,

    /// Which digest of the whole file both sides are to compute
    #[arg(long, value_name = "KIND", value_enum, default_value = "blake3")]
    digest: Kind,

    /// How to tell on standard error how far it is: as a bar on a terminal and as a line every ten seconds
    /// elsewhere (auto), always as such, not at all, or as a JSON object a second
    #[arg(long, value_name = "HOW", value_enum, default_value = "auto")]
    pub(crate) progress: Reports,
}

impl Transfer {
    /// Which digest to ask for.
    pub(crate) fn digest(&self) -> DigestKind {
        match self.digest {
            Kind::Blake3 => DigestKind::Blake3,
            Kind::Sha256 => DigestKind::Sha256,
            Kind::Md5 => DigestKind::Md5,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Blake3,
    Sha256,
    Md5,
}

/// How to tell how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reports {
    Auto,
    Always,
    Never,
    Json,
}

/// Bytes a second.
fn rate(text: &str) -> Result<u64, BadRate> {
    let ByteSize(rate) = text.parse().map_err(|_| BadRate)?;
    if rate == 0 { Err(BadRate) } else { Ok(rate) }
}

/// What is no rate.
#[derive(Debug, thiserror::Error)]
#[error("this is a number of bytes above 0, such as 500KiB or 10MiB")]
struct BadRate;
