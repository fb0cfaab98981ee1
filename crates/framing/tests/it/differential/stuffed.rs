//! COBS and SLIP: `cobs`, `wire-codec`, `slip-codec`.

use std::collections::BTreeMap;

use framing::{Cobs, Config, EncodeError, Encoder, Resync, Slip};
use proptest::prelude::*;
use slip_codec::{SlipDecoder, SlipEncoder, SlipError};
use wire_codec::WriteBuf;

use super::deviation::Deviation;
use super::{
    End, Item, Then, chunks, compare, cuts, damage, frame, nothing, ours, property, shown,
};

/// Runs around the lengths at which COBS begins another block, and zeros between them.
fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let length = prop_oneof![6 => 0_usize..6, 1 => 252_usize..257, 1 => 507_usize..511];
    let run = (length, 1_u8..=255, 0_usize..3)
        .prop_map(|(length, byte, zeros)| [vec![byte; length], vec![0; zeros]].concat());
    let payload = prop::collection::vec(run, 0..4).prop_map(|runs| runs.concat());
    prop::collection::vec(payload, 0..6)
}

/// Zeros before a frame, here and there.
fn fill() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![12 => Just(0_usize), 1 => 1_usize..4], 6)
}

fn encoded<F: framing::Framing>(framing: F, payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut wire = Vec::new();
    Encoder::new(framing).append(&[], &[payload], &mut wire).map(|()| wire)
}

fn cobs(limit: usize, chunks: &[&[u8]]) -> Vec<Item> {
    let mut decoder = cobs::CobsDecoderOwned::new(limit);
    let (mut items, mut unfinished) = (Vec::new(), false);
    for chunk in chunks {
        for &byte in *chunk {
            // A zero where no frame has begun is fill.
            unfinished |= byte != 0;
            match decoder.feed(byte) {
                Ok(None) => {}
                Ok(Some(length)) => {
                    items.push(frame(&decoder.dest()[..length]));
                    unfinished = false;
                }
                Err(_) => {
                    items.push(Item::Fault);
                    return items;
                }
            }
        }
    }
    if unfinished {
        items.push(Item::Fault);
    }
    items
}

#[test]
fn cobs_frames() {
    let limit = prop_oneof![0_usize..12, Just(254_usize), 12_usize..2_000];
    let strategy = (payloads(), fill(), limit, damage(), [cuts(), cuts()]);
    property("cobs", 1_500, strategy, |(payloads, fill, limit, damage, cuts)| {
        let mut wire = Vec::new();
        for (payload, fill) in payloads.iter().zip(fill) {
            let mine = encoded(Cobs, payload).unwrap();
            let theirs = cobs::encode_vec(payload);
            prop_assert_eq!(&mine[..mine.len() - 1], &theirs, "of {:?}", payload);
            wire.extend(vec![0; fill]);
            wire.extend(mine);
        }
        let wire = damage.apply(wire);
        let config = Config::new(Cobs).max_payload(limit);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        compare(&mine, &cobs(limit, &chunks(&wire, &cuts[1])), nothing)
    });
}

/// Theirs are functions of one block; the stream is cut at its zeros for them.
fn wire_codec(wire: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut blocks: Vec<&[u8]> = wire.split(|&byte| byte == 0).collect();
    let unfinished = blocks.pop().is_some_and(|rest| !rest.is_empty());
    for block in blocks {
        let mut storage = vec![0; block.len()];
        let mut plain = WriteBuf::new(&mut storage);
        if wire_codec::cobs::decode(block, &mut plain).is_err() {
            items.push(Item::Fault);
            return items;
        }
        items.push(frame(plain.written()));
    }
    if unfinished {
        items.push(Item::Fault);
    }
    items
}

#[test]
fn wire_codec_cobs() {
    let strategy = (payloads(), fill(), damage(), cuts());
    property("wire-codec cobs", 1_500, strategy, |(payloads, fill, damage, cuts)| {
        let mut wire = Vec::new();
        for (payload, fill) in payloads.iter().zip(fill) {
            let mine = encoded(Cobs, payload).unwrap();
            let mut storage = vec![0; payload.len() + 16];
            let mut theirs = WriteBuf::new(&mut storage);
            wire_codec::cobs::encode(payload, &mut theirs).unwrap();
            prop_assert_eq!(&mine[..mine.len() - 1], theirs.written(), "of {:?}", payload);
            wire.extend(vec![0; fill]);
            wire.extend(mine);
        }
        let wire = damage.apply(wire);
        let mine = ours(&Config::new(Cobs), &chunks(&wire, &cuts), End::Told);
        compare(&mine, &wire_codec(&wire), |met| {
            let fill = wire.get(met.at) == Some(&0) && met.theirs == Some(&Item::Fault);
            fill.then_some((Deviation::EmptyBlock, Then::Stop))
        })
    });
}

/// Each item with the end of its packet: behind its `END`, or where the stream ends.
fn slip(chunks: &[&[u8]]) -> Packets {
    let (mut decoder, mut packets, mut packet) = (SlipDecoder::new(), Packets::new(), Vec::new());
    let wire = chunks.concat();
    let mut at = 0;
    let mut open = false;
    for &chunk in chunks {
        let mut rest = chunk;
        loop {
            let outcome = decoder.decode(&mut rest, &mut packet);
            let read = at + chunk.len() - rest.len();
            let end = packet_end(&wire, read);
            match outcome {
                Ok(_) => {
                    packets.insert(end, frame(std::mem::take(&mut packet)));
                }
                Err(SlipError::EndOfStream) => break,
                Err(_) => {
                    packets.insert(end, Item::Fault);
                    packet.clear();
                }
            }
        }
        at += chunk.len();
        open = chunk.last().map_or(open, |&byte| byte != END);
    }
    if open {
        packets.insert(at, Item::Fault);
    }
    packets
}

/// Of the packet whose byte before `read` was read last.
fn packet_end(wire: &[u8], read: usize) -> usize {
    let last = read.saturating_sub(1);
    let end = wire[last..].iter().position(|&byte| byte == END);
    end.map_or(wire.len(), |end| last + end + 1)
}

/// Both go on behind a packet that is wrong.
fn slip_ours(wire: &[u8], cuts: &[f64]) -> Packets {
    let config = Config::new(Resync::at_delimiter(Slip, 1 << 20).unwrap());
    let ours = ours(&config, &chunks(wire, cuts), End::Told);
    let count = ours.items.len();
    let packets: Packets = ours.ends.into_iter().zip(ours.items).collect();
    assert_eq!(packets.len(), count, "one item for each packet");
    packets
}

type Packets = BTreeMap<usize, Item>;

/// Whether the packet at `start` stands behind one that ends in an escape.
fn behind_an_escape(wire: &[u8], start: usize) -> bool {
    let Some(before) = wire[..start].strip_suffix(&[END]) else { return false };
    let packet = before.rsplit(|&byte| byte == END).next().unwrap_or_default();
    let mut escaped = false;
    for &byte in packet {
        if escaped && byte != 0xDC && byte != 0xDD {
            return false;
        }
        escaped = !escaped && byte == ESCAPE;
    }
    escaped && wire.get(start) != Some(&END)
}

/// Packet by packet, for a packet that one side loses must not be taken for the next.
fn compare_packets(
    wire: &[u8],
    ours: Packets,
    mut theirs: Packets,
) -> Result<Vec<Deviation>, TestCaseError> {
    let (mut met, mut start) = (Vec::new(), 0);
    for (end, mine) in ours {
        match theirs.remove(&end) {
            Some(other) => prop_assert_eq!(mine, other, "the packet that ends at {}", end),
            None if behind_an_escape(wire, start) => met.push(Deviation::EndAfterAnEscape),
            None => return Err(TestCaseError::fail(format!("they lack {mine:?} at {end}"))),
        }
        start = end;
    }
    prop_assert!(theirs.is_empty(), "only they have {theirs:?}");
    Ok(met)
}

#[test]
fn slip_packets() {
    let byte = prop_oneof![
        3 => prop::sample::select(vec![END, ESCAPE, 0xDC, 0xDD]),
        2 => any::<u8>(),
    ];
    let payloads = prop::collection::vec(prop::collection::vec(byte.clone(), 0..20), 0..6);
    let noise = prop::collection::vec(byte, 0..12);
    let strategy = (payloads, noise, damage(), [cuts(), cuts()]);
    property("slip-codec", 2_000, strategy, |(payloads, noise, damage, cuts)| {
        let mut met = Vec::new();
        let mut wire = noise;
        for payload in &payloads {
            let mut theirs = Vec::new();
            SlipEncoder::new(true).encode(payload, &mut theirs).unwrap();
            match encoded(Slip, payload) {
                Ok(mine) => prop_assert_eq!(&mine, &theirs),
                Err(error) => {
                    prop_assert!(error == EncodeError::Empty && payload.is_empty());
                    met.push(Deviation::EmptyPacketWritten);
                }
            }
            wire.extend(theirs);
        }
        let wire = damage.apply(wire);
        let mine = slip_ours(&wire, &cuts[0]);
        let theirs = slip(&chunks(&wire, &cuts[1]));
        met.extend(compare_packets(&wire, mine, theirs)?);
        Ok(met)
    });
}

#[test]
fn a_block_without_a_byte_is_fill() {
    let mine = ours(&Config::new(Cobs), &[b"\0\x02a\0"], End::Told);
    let theirs = wire_codec(b"\0\x02a\0");
    shown(Deviation::EmptyBlock, &mine, &[frame("a")], &theirs, &[Item::Fault]);
}

#[test]
fn an_end_is_an_end_behind_an_escape_too() {
    let wire = b"a\xDB\xC0b\xC0c\xC0";
    let (mine, theirs) = (slip_ours(wire, &[]), slip(&[wire]));
    assert_eq!(mine, Packets::from([(3, Item::Fault), (5, frame("b")), (7, frame("c"))]));
    assert_eq!(theirs, Packets::from([(3, Item::Fault), (7, frame("c"))]));
    let met = compare_packets(wire, mine, theirs).unwrap();
    assert_eq!(met, [Deviation::EndAfterAnEscape]);
}

#[test]
fn a_packet_without_a_byte_is_not_written() {
    let mut theirs = Vec::new();
    SlipEncoder::new(true).encode(b"", &mut theirs).unwrap();
    assert_eq!((&theirs[..], slip(&[&theirs])), (&[END, END][..], Packets::new()));
    assert_eq!(encoded(Slip, b""), Err(EncodeError::Empty), "{:?}", Deviation::EmptyPacketWritten);
}

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
