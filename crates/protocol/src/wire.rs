//! The framing of version 1, and how far a message has come that is not whole.

use byteorder::{BigEndian, ByteOrder as _};
use framing::{Config, Encoder, Envelope, Limits, Oversize, Reassembler};

use crate::message::{MAX_BODY, MAX_HEADER};

/// How much of a message stands at the front of the unread bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    Nothing,
    Header,
    Body,
    Whole,
}

/// The framing tells a message only once it is whole; the deadlines also care about its header.
pub(crate) fn begun(unread: &[u8]) -> Begun {
    if unread.is_empty() {
        return Begun::Nothing;
    }
    let Some((header, body)) = unread.get(..4).zip(unread.get(4..Envelope::HEAD)) else {
        return Begun::Header;
    };
    let head = u64::from(BigEndian::read_u32(header)).saturating_add(Envelope::HEAD as u64);
    let whole = head.saturating_add(BigEndian::read_u64(body));
    match unread.len() as u64 {
        length if length < head => Begun::Header,
        length if length < whole => Begun::Body,
        _ => Begun::Whole,
    }
}

/// The framing of version 1, for both directions.
#[allow(clippy::expect_used, reason = "the limits are constants far below what is refused")]
pub(crate) fn wire() -> (Reassembler<Envelope>, Encoder<Envelope>) {
    let head = MAX_HEADER.saturating_add(Envelope::HEAD);
    let limits = Limits { head, payload: MAX_BODY, ..Limits::default() };
    let config = Config::new(Envelope).limits(limits).oversize(Oversize::Error);
    let built = config.reassembler().and_then(|input| Ok((input, config.encoder()?)));
    built.expect("the limits of version 1 build")
}
