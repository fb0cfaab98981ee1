//! What decoders allocate, by a counting allocator: for each frame of a stream, and for one head that
//! claims as much as its decoder lets it.
//!
//! `cargo bench -p framing --bench memory`; apart from `rivals`, where counting would cost time.

#[allow(dead_code, reason = "those of `rivals`, which does more with them")]
#[path = "rivals/contender.rs"]
mod contender;
#[allow(dead_code, reason = "as above")]
#[path = "rivals/contenders/mod.rs"]
mod contenders;
#[allow(dead_code, reason = "as above")]
#[path = "rivals/stream.rs"]
mod stream;
#[allow(dead_code, reason = "as above")]
#[path = "rivals/visitor.rs"]
mod visitor;

use std::alloc::System;
use std::rc::Rc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

use contender::Run;
use contenders::decode;
use stream::{Chunk, Payload, Stream, Wire};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let rows = [
        (Payload::All(64), Chunk::Whole),
        (Payload::Mixed, Chunk::Mtu),
        (Payload::Mixed, Chunk::OneByte),
        (Payload::All(1 << 20), Chunk::Whole),
    ];
    println!("bytes and allocations per frame, once the buffers have grown");
    for (payload, chunk) in rows {
        println!("\n{}, {}", payload.name(), chunk.name());
        for mut contender in decode::ours().into_iter().chain(decode::theirs()) {
            per_frame(&mut *contender, payload, chunk);
        }
    }
    println!("\nbytes allocated for a head alone, and what it claims");
    for mut contender in decode::ours().into_iter().chain(decode::theirs()) {
        hostile(&mut *contender);
    }
}

fn per_frame(contender: &mut dyn Run, payload: Payload, chunk: Chunk) {
    let payloads = payload.make(512 << 10);
    let stream = Rc::new(Stream::new(&payloads, contender.wire(), chunk));
    contender.run(&stream, 2);
    let region = Region::new(ALLOCATOR);
    contender.run(&stream, PASSES);
    let Stats { allocations, reallocations, bytes_allocated, .. } = region.change();
    #[allow(clippy::cast_precision_loss, reason = "far less than 2^52")]
    let each = |n: usize| n as f64 / (PASSES * payloads.len()) as f64;
    let (bytes, times) = (each(bytes_allocated), each(allocations + reallocations));
    println!("{:<20}{bytes:>14.2}{times:>10.4}", contender.name());
}

/// Of a buffer that grows in place only the growth is counted: what is printed is what was held at
/// most.
fn hostile(contender: &mut dyn Run) {
    let name = contender.name();
    let claim = most(name);
    let head = match contender.wire() {
        Wire::U64 => u64::from(claim).to_be_bytes().to_vec(),
        Wire::Varint => {
            unsigned_varint::encode::u32(claim, &mut unsigned_varint::encode::u32_buffer()).to_vec()
        }
        Wire::WebSocket => [&[0x82, 127][..], &u64::from(claim).to_be_bytes()].concat(),
        _ => claim.to_be_bytes().to_vec(),
    };
    let stream = Rc::new(Stream::only(head));
    let region = Region::new(ALLOCATOR);
    contender.run(&stream, 1);
    println!("{name:<20}{:>14}{claim:>14}", region.change().bytes_allocated);
}

/// The largest claim it takes by default, in bytes.
fn most(contender: &str) -> u32 {
    match contender {
        "unsigned-varint" => 128 << 20,
        "asynchronous-codec" => u32::MAX,
        // It takes any, and clears what it allocates.
        "bufread" => 256 << 20,
        _ => 8 << 20,
    }
}

const PASSES: usize = 4;
