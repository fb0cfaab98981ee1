//! Pins: how a peer's key is named, compared and written down.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a public key, by which we know a peer: of the `SubjectPublicKeyInfo` of its
/// certificate, in DER (RFC 7469, section 2.4, pins the same bytes).
///
/// ```
/// use framing_transport::Pin;
///
/// let pin: Pin = "SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564".parse()?;
/// assert_eq!(pin.to_string(), "SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564");
/// assert!("SHA256:LCa0a2j/xo".parse::<Pin>().is_err());
/// # Ok::<(), framing_transport::BadPin>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin([u8; 32]);

/// What was to be a pin and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no pin: expected SHA256: and 43 characters of base64")]
pub struct BadPin {
    /// What it was.
    pub text: String,
}

impl Pin {
    /// The pin of a public key, given as its `SubjectPublicKeyInfo` in DER.
    pub fn of_key(key: &[u8]) -> Self {
        let mut pin = [0; 32];
        pin.copy_from_slice(digest(&SHA256, key).as_ref());
        Self(pin)
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pin {
    type Err = BadPin;

    fn from_str(text: &str) -> Result<Self, BadPin> {
        let decoded = text.strip_prefix(PREFIX).and_then(|code| STANDARD_NO_PAD.decode(code).ok());
        let pin = decoded.and_then(|bytes| bytes.try_into().ok());
        pin.map(Self).ok_or_else(|| BadPin { text: text.to_owned() })
    }
}

const PREFIX: &str = "SHA256:";
