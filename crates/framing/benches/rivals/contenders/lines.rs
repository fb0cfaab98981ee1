//! Who decodes lines, and what ends at one of several bytes.

use framing::{Config, Delimited, Framing, Lines, Spec};
use tokio_util::codec::{AnyDelimiterCodec, LinesCodec};

use super::codecs::{Futures, Tokio, WireCodec};
use super::floor::{Collect, Search};
use super::ours::{Events, Owned, Push};
use super::readers::ReadUntil;
use crate::contender::Run;
use crate::stream::{Chunk, Wire};

/// All of them, the floor first.
pub(crate) fn all(wire: Wire, chunk: Chunk) -> Vec<Box<dyn Run>> {
    let floor: Box<dyn Run> = match chunk {
        Chunk::Whole | Chunk::Mtu => Box::new(Search(wire)),
        Chunk::OneByte => Box::new(Collect::over(wire)),
    };
    let mut all = vec![floor];
    match wire {
        Wire::Lf => {
            all.extend(ours(wire, &Config::new(Lines::lf()), "lines"));
            all.push(Box::new(Tokio::new("tokio-util", wire, LinesCodec::new())));
            all.push(any_delimiter(wire, b"\n"));
            let framer = wire_codec::framing::Delimited::bounded(b"\n").expect("a delimiter");
            all.push(Box::new(WireCodec::new(wire, framer)));
            all.push(Box::new(Futures::new(wire, asynchronous_codec::LinesCodec)));
            all.push(Box::new(ReadUntil::new(wire)));
        }
        Wire::Crlf => {
            all.extend(ours(wire, &Config::new(Lines::lenient()), "crlf"));
            let strict = Config::new(Lines::crlf());
            all.push(Box::new(Push::new("framing/strict", wire, &strict)));
            all.push(Box::new(Tokio::new("tokio-util", wire, LinesCodec::new())));
            let framer = wire_codec::framing::Delimited::bounded(b"\r\n").expect("a delimiter");
            all.push(Box::new(WireCodec::new(wire, framer)));
            all.push(Box::new(ReadUntil::new(wire)));
        }
        Wire::AnyOf(set) => {
            let framing = Delimited::new(set.iter().map(|&byte| [byte])).expect("bytes");
            let hex: Vec<String> = set.iter().map(|byte| format!("0x{byte:02x}")).collect();
            let spec = format!("delimiter={}", hex.join("|"));
            all.extend(ours(wire, &Config::new(framing), &spec));
            all.push(any_delimiter(wire, set));
        }
        Wire::U32 | Wire::U64 | Wire::Varint | Wire::WebSocket => unreachable!("no lines"),
    }
    all
}

fn ours<F: Framing + Clone + 'static>(
    wire: Wire,
    config: &Config<F>,
    spec: &str,
) -> Vec<Box<dyn Run>> {
    let spec = spec.parse::<Spec>().expect("a spec").config();
    vec![
        Box::new(Push::new("framing/push", wire, config)),
        Box::new(Owned::new(wire, config)),
        Box::new(Events::new(wire, config)),
        Box::new(Push::new("framing/spec", wire, &spec)),
    ]
}

fn any_delimiter(wire: Wire, set: &[u8]) -> Box<dyn Run> {
    let codec = AnyDelimiterCodec::new(set.to_vec(), set[..1].to_vec());
    Box::new(Tokio::new("tokio-util/any", wire, codec))
}
