//! Decoding, for whoever works on it: `cargo bench -p framing --bench decode`. Beside others, and by
//! ratios that another machine shows too: the bench `rivals`.

#![allow(missing_docs, reason = "what `criterion_group!` makes has none")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use framing::{Decoder, Delimited, Encoder, Event, Framing, Length, Lines, Netstring, Reassembler};

fn lengths(criterion: &mut Criterion) {
    for size in [0, 64, 1 << 10, 64 << 10] {
        let wire = wire(Length::u32_be(), size);
        let mut group = criterion.benchmark_group(format!("decode/u32be/{size}"));
        group.throughput(Throughput::Bytes(wire.len() as u64));
        group.bench_function("push", |b| {
            let mut decoder = Decoder::new(Length::u32_be());
            b.iter(|| push(&mut decoder, &wire));
        });
        group.bench_function("owned", |b| {
            let mut reassembler = Reassembler::new(Length::u32_be());
            b.iter(|| owned(&mut reassembler, &wire));
        });
        group.bench_function("events", |b| {
            let mut decoder = Decoder::new(Length::u32_be());
            b.iter(|| events(&mut decoder, &wire));
        });
    }
}

fn delimiters(criterion: &mut Criterion) {
    pushed(criterion, "lines", &Lines::lf());
    let set = Delimited::new(["\n", ";", ","]).expect("delimiters");
    pushed(criterion, "delimited", &set);
    pushed(criterion, "netstring", &Netstring);
}

fn pushed<F: Framing + Clone>(criterion: &mut Criterion, name: &str, framing: &F) {
    let wire = wire(framing.clone(), 64);
    let mut group = criterion.benchmark_group(format!("decode/{name}/64"));
    group.throughput(Throughput::Bytes(wire.len() as u64));
    group.bench_function("push", |b| {
        let mut decoder = Decoder::new(framing.clone());
        b.iter(|| push(&mut decoder, &wire));
    });
}

/// About 64 KiB of frames.
fn wire<F: Framing>(framing: F, size: usize) -> Vec<u8> {
    let encoder = Encoder::new(framing);
    let mut wire = Vec::new();
    while wire.len() < 64 << 10 {
        encoder.append(&[], &[&vec![b'x'; size]], &mut wire).expect("it fits");
    }
    wire
}

fn push<F: Framing>(decoder: &mut Decoder<F>, mut chunk: &[u8]) {
    while let Some(frame) = decoder.next(&mut chunk).expect("good frames") {
        black_box(&*frame.payload());
    }
}

fn owned<F: Framing>(reassembler: &mut Reassembler<F>, mut wire: &[u8]) {
    while !wire.is_empty() {
        let space = reassembler.space();
        let (now, later) = wire.split_at(wire.len().min(space.len()));
        space[..now.len()].copy_from_slice(now);
        reassembler.filled(now.len());
        wire = later;
        while let Some(frame) = reassembler.next().expect("good frames") {
            black_box(&*frame.payload());
        }
    }
}

fn events<F: Framing>(decoder: &mut Decoder<F>, mut chunk: &[u8]) {
    while let Some(event) = decoder.next_event(&mut chunk).expect("good frames") {
        if let Event::Chunk(piece) = event {
            black_box(&*piece);
        }
    }
}

criterion_group!(benches, lengths, delimiters);
criterion_main!(benches);
