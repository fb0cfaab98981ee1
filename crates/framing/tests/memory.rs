//! Promise 3 by a counting allocator: memory follows bytes received, never bytes promised.
//!
//! A binary of its own, with one test: the counters see every thread of the process.

use std::alloc::System;

use framing::{
    Checksum, Chunked, Cobs, Config, ContentLength, Delimited, Envelope, Framing, Length, Limits,
    Lines, Netstring, Resync, Slip, Varint,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn hostile_heads_cost_what_arrives() {
    let every = |head: &[u8]| [head, &[b'x'; 9_000]].concat();
    hostile(Length::u32_be(), &every(&[0xFF; 4]));
    hostile(Length::u64_le(), &every(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F]));
    hostile(Varint::lenient(), &every(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]));
    hostile(Netstring, &every(b"1000000000000000000:"));
    hostile(ContentLength::lsp(), &every(b"Content-Length: 1000000000000000000\r\n\r\n"));
    hostile(Chunked, &every(b"ffffffffffffff\r\n"));
    hostile(Delimited::new(["\r\n", "\0"]).unwrap(), &every(b""));
    hostile(Lines::lenient(), &every(b""));
    hostile(Cobs, &[&[0xFF][..], &[b'x'; 254]].concat().repeat(36));
    hostile(Slip, &b"\xDB\xDC".repeat(4_500));
    hostile(Slip, &[0xC0; 9_000]);
    hostile(Checksum::crc32c_be(Length::u32_be()), &every(&[0xFF; 4]));
    hostile(Checksum::crc32c_be(Cobs), &every(b""));
    hostile(
        Resync::at_magic(b"x", Length::u64_be(), 1 << 20).unwrap(),
        &every(&[b'x', 0x1F, 0xFF, 0xFF, 0xFF]),
    );
    hostile(Envelope, &every(&[0, 0, 0x10, 0, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]));
}

/// At no point does a decoder hold more than twice what it received and 4 KiB.
fn hostile<F: Framing + Clone>(framing: F, wire: &[u8]) {
    let limits = Limits { payload: usize::MAX / 4, ..Limits::default() };
    let config = Config::new(framing).limits(limits).capacity(1024);
    for chunk in [1, 7, 100, 5_000] {
        let region = Region::new(ALLOCATOR);
        let mut push = config.decoder().unwrap();
        let mut received = 0;
        for mut piece in wire.chunks(chunk) {
            received += piece.len();
            assert!(push.next(&mut piece).unwrap().is_none());
            bounded(&region, received, chunk);
        }
        drop(push);

        let region = Region::new(ALLOCATOR);
        let mut owned = config.reassembler().unwrap();
        let mut received = 0;
        while received < wire.len() {
            let space = owned.space();
            let n = chunk.min(space.len()).min(wire.len() - received);
            space[..n].copy_from_slice(&wire[received..received + n]);
            owned.filled(n);
            received += n;
            assert!(owned.next().unwrap().is_none());
            bounded(&region, received, chunk);
        }
    }
}

fn bounded(region: &Region<'_, System>, received: usize, chunk: usize) {
    let stats = region.change();
    let held = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated);
    assert!(held <= 2 * received + 4096, "{held} for {received} in chunks of {chunk}");
}
