//! Encoding, for whoever works on it: `cargo bench -p framing --bench encode`. Beside others, and by
//! ratios that another machine shows too: the bench `rivals`.

#![allow(missing_docs, reason = "what `criterion_group!` makes has none")]

use std::hint::black_box;
use std::io::IoSlice;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use framing::{Encoder, Framing, Length, Lines, Netstring};

fn lengths(criterion: &mut Criterion) {
    for size in [0, 64, 1 << 10, 64 << 10] {
        frames(criterion, &format!("encode/u32be/{size}"), Length::u32_be(), size);
    }
    frames(criterion, "encode/lines/64", Lines::lf(), 64);
    frames(criterion, "encode/netstring/64", Netstring, 64);
}

fn frames<F: Framing>(criterion: &mut Criterion, name: &str, framing: F, size: usize) {
    let encoder = Encoder::new(framing);
    let payload = vec![b'x'; size];
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(size as u64));
    group.bench_function("into a buffer", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            encoder.append(&[], &[&payload], &mut out).expect("it fits");
            black_box(&out);
        });
    });
    group.bench_function("vectored", |b| {
        b.iter(|| {
            let parts = [&payload[..]];
            let frame = encoder.encode(&[], &parts).expect("it fits");
            let mut slices = [IoSlice::new(&[]); 4];
            let used = frame.io_slices(&mut slices);
            black_box(&slices[..used]);
        });
    });
}

criterion_group!(benches, lengths);
criterion_main!(benches);
