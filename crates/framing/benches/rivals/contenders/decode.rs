//! Who decodes lengths.

use asynchronous_codec::LengthCodec;
use framing::{Config, Length, Spec, Varint};
use tokio_util::codec::LengthDelimitedCodec;
use unsigned_varint::codec::UviBytes;
use wire_codec::framing::{Endian, LengthPrefixed, LengthWidth};

use super::codecs::{Futures, Tokio, WireCodec};
use super::floor::{ByHand, Collect, Memcpy, Walk};
use super::ours::{Events, Owned, Push, WebSocket};
use super::readers::{ReadExact, Tungstenite};
use crate::contender::Run;
use crate::stream::{Chunk, Payload, Wire};

/// All of them, the floor first. But `tungstenite` clears 128 KiB for every read: byte by byte, a
/// MiB takes it seconds.
pub(crate) fn all(payload: Payload, chunk: Chunk) -> Vec<Box<dyn Run>> {
    let floor: Box<dyn Run> = match chunk {
        Chunk::Whole | Chunk::Mtu => Box::new(Walk),
        Chunk::OneByte => Box::new(Collect::over(Wire::U32)),
    };
    let mut all = vec![floor, Box::new(Memcpy::default()), Box::new(ByHand::default())];
    all.extend(ours());
    all.extend(theirs());
    if (payload, chunk) == (Payload::All(1 << 20), Chunk::OneByte) {
        all.retain(|contender| contender.name() != "tungstenite");
    }
    all
}

/// The last three are for those whose streams differ: the same lengths in eight bytes, as varints,
/// and as WebSocket has them.
pub(crate) fn ours() -> Vec<Box<dyn Run>> {
    let config = Config::new(Length::u32_be());
    let spec = "u32be".parse::<Spec>().expect("a spec").config();
    let (long, varint) = (Config::new(Length::u64_be()), Config::new(Varint::canonical()));
    vec![
        Box::new(Push::new("framing/push", Wire::U32, &config)),
        Box::new(Owned::new(Wire::U32, &config)),
        Box::new(Events::new(Wire::U32, &config)),
        Box::new(Push::new("framing/spec", Wire::U32, &spec)),
        Box::new(Push::new("framing/u64", Wire::U64, &long)),
        Box::new(Push::new("framing/varint", Wire::Varint, &varint)),
        Box::new(Push::new("framing/websocket", Wire::WebSocket, &Config::new(WebSocket))),
    ]
}

pub(crate) fn theirs() -> Vec<Box<dyn Run>> {
    let framer = LengthPrefixed::bounded(LengthWidth::U32, Endian::Big);
    vec![
        Box::new(Tokio::new("tokio-util", Wire::U32, LengthDelimitedCodec::new())),
        Box::new(WireCodec::new(Wire::U32, framer)),
        Box::new(Futures::new(Wire::U64, LengthCodec)),
        Box::new(Tokio::new("unsigned-varint", Wire::Varint, <UviBytes>::default())),
        Box::new(Tungstenite::new()),
        Box::new(ReadExact::new()),
    ]
}
