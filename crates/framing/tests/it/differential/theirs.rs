//! Drives the decoders of others over the chunks of a stream.

use asynchronous_codec::Decoder as FuturesDecoder;
use bytes::BytesMut;
use tokio_util::codec::Decoder as TokioDecoder;
use wire_codec::framing::{Framer, StreamDecoder};

use super::Item;

/// Whether a decoder of theirs goes on after an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFault {
    Ends,
    GoesOn,
}

/// As `FramedRead` of `tokio-util` does, to the end of the stream.
pub(super) fn tokio<D: TokioDecoder<Item: AsRef<[u8]>>>(
    mut codec: D,
    chunks: &[&[u8]],
    after: AfterFault,
) -> Vec<Item> {
    let (mut items, mut buffer) = (Vec::new(), BytesMut::new());
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        if !drain(&mut items, chunks, after, || codec.decode(&mut buffer)) {
            return items;
        }
    }
    drain(&mut items, chunks, after, || codec.decode_eof(&mut buffer));
    items
}

/// As `FramedRead` of `asynchronous-codec` does, for which bytes that are left are an error.
pub(super) fn futures<D: FuturesDecoder<Item: AsRef<[u8]>>>(
    mut codec: D,
    chunks: &[&[u8]],
    after: AfterFault,
) -> Vec<Item> {
    let (mut items, mut buffer) = (Vec::new(), BytesMut::new());
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        if !drain(&mut items, chunks, after, || codec.decode(&mut buffer)) {
            return items;
        }
    }
    if drain(&mut items, chunks, after, || codec.decode_eof(&mut buffer)) && !buffer.is_empty() {
        items.push(Item::Fault);
    }
    items
}

/// As `wire-codec` shows it: the caller owns the buffer, and knows what is left in it.
pub(super) fn wire<F: Framer>(framer: F, chunks: &[&[u8]]) -> Vec<Item> {
    let (mut items, mut buffer) = (Vec::new(), Vec::new());
    let mut decoder = StreamDecoder::new(framer);
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match decoder.decode(&buffer) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    let consumed = frame.consumed();
                    items.push(super::frame(frame.payload()));
                    buffer.drain(..consumed);
                }
                Err(_) => {
                    items.push(Item::Fault);
                    return items;
                }
            }
        }
    }
    if !buffer.is_empty() {
        items.push(Item::Fault);
    }
    items
}

/// Takes all there is; says whether the decoder goes on. No decoder has more items than the stream
/// has bytes, unless it gives out frames for nothing.
fn drain<T: AsRef<[u8]>, E>(
    items: &mut Vec<Item>,
    chunks: &[&[u8]],
    after: AfterFault,
    mut next: impl FnMut() -> Result<Option<T>, E>,
) -> bool {
    let most = 2 + chunks.iter().map(|chunk| chunk.len()).sum::<usize>();
    while items.len() < most {
        match next() {
            Ok(None) => return true,
            Ok(Some(item)) => items.push(super::frame(item)),
            Err(_) => {
                items.push(Item::Fault);
                if after == AfterFault::Ends {
                    return false;
                }
            }
        }
    }
    false
}
