//! Invitations: how a server and a client that never met come to know each other's keys.

use crate::{BadPin, Pin};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use framing_protocol::message::Token;
use std::fmt;
use std::io;
use std::str::FromStr;

/// Where a server is, which key it has, and a secret that it takes once.
///
/// ```text
/// framing://build.example.org:7878/#LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564.b2UgdGhlIHNlY3JldCE
///           server                  its pin, in base64url (RFC 4648)             the token
/// ```
///
/// It is as good as a password until it is redeemed or has expired, so it belongs neither in an argument
/// list nor in a log; only [`Display`](fmt::Display) shows the token.
///
/// ```
/// use framing_transport::{Invitation, Pin, new_token};
///
/// let server = "build.example.org:7878".to_owned();
/// let invitation = Invitation { server, pin: Pin::of_key(b"key"), token: new_token()? };
/// assert_eq!(invitation.to_string().parse(), Ok(invitation));
/// assert!("framing://build.example.org:7878".parse::<Invitation>().is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// `HOST:PORT`.
    pub server: String,
    /// The server's key.
    pub pin: Pin,
    /// The secret.
    pub token: Token,
}

/// What was to be an invitation and is none. What it was is not told: it may be one with a typing error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "that is no invitation: expected framing://HOST:PORT/#... as framing-server invite shows it"
)]
pub struct BadInvitation;

/// What a server keeps of a token.
///
/// ```
/// use framing_transport::{TokenHash, new_token};
///
/// let token = new_token()?;
/// let hash: TokenHash = TokenHash::of(&token).to_string().parse().unwrap();
/// assert!(hash.matches(&token) && !hash.matches(&new_token()?));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(Pin);

/// A fresh secret of 128 bits.
pub fn new_token() -> io::Result<Token> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the system has no randomness"))?;
    Ok(Token::new(URL_SAFE_NO_PAD.encode(bytes)))
}

impl TokenHash {
    /// The hash of a token. It needs no salt: nobody guesses 128 random bits.
    pub fn of(token: &Token) -> Self {
        Self(Pin::of_key(token.as_str().as_bytes()))
    }

    /// Whether it is the hash of that token, in a time that tells nothing of how near it is.
    pub fn matches(&self, token: &Token) -> bool {
        let other = digest(&SHA256, token.as_str().as_bytes());
        verify_slices_are_equal(self.0.bytes(), other.as_ref()).is_ok()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TokenHash {
    type Err = BadPin;

    fn from_str(text: &str) -> Result<Self, BadPin> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, pin, token } = self;
        let pin = URL_SAFE_NO_PAD.encode(pin.bytes());
        write!(f, "{SCHEME}{server}/#{pin}.{}", token.as_str())
    }
}

impl FromStr for Invitation {
    type Err = BadInvitation;

    fn from_str(text: &str) -> Result<Self, BadInvitation> {
        let rest = text.strip_prefix(SCHEME).ok_or(BadInvitation)?;
        let (server, secret) = rest.split_once("/#").ok_or(BadInvitation)?;
        let (pin, token) = secret.split_once('.').ok_or(BadInvitation)?;
        let (host, port) = server.rsplit_once(':').ok_or(BadInvitation)?;
        let plain = |byte: u8| byte.is_ascii_graphic();
        let named = !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok();
        let pin = URL_SAFE_NO_PAD.decode(pin).ok().and_then(|bytes| Pin::of_bytes(&bytes));
        let whole = URL_SAFE_NO_PAD.decode(token).is_ok_and(|bytes| bytes.len() == 16);
        match pin {
            Some(pin) if named && whole => {
                Ok(Self { server: server.to_owned(), pin, token: Token::new(token) })
            }
            _ => Err(BadInvitation),
        }
    }
}

const SCHEME: &str = "framing://";
