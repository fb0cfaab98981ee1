//! Promise 3 by a counting allocator: memory follows bytes received, never bytes promised, but
//! where that is asked for; a storage that does not grow never allocates; a writer whose peer reads
//! slowly keeps a bounded backlog.
//!
//! A binary of its own, with one test: the counters see every thread of the process.

use std::alloc::System;
use std::io::{self, ErrorKind, Write};

use framing::{
    Checksum, Chunked, Cobs, Config, ContentLength, Decoder, Delimited, Envelope, Event,
    FrameWriter, Framing, Length, Limits, Lines, Netstring, Reassembler, Resync, Slip, Varint,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn memory_is_what_was_received_declared_or_given() {
    hostile_heads_cost_what_arrives();
    declared_room_is_allocated_once();
    what_has_no_known_end_doubles();
    fixed_storages_allocate_nothing();
    a_backlog_that_never_empties_does_not_grow();
}

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

fn declared_room_is_allocated_once() {
    let head = 0x10_0000_u32.to_be_bytes();
    let size = 0x10_0000;
    let body = [b'x'; 1000];
    let config = Config::new(Length::u32_be()).reserve_declared();

    let region = Region::new(ALLOCATOR);
    let mut push = config.decoder().unwrap();
    let mut frame = push.next(&mut &head[..]).unwrap();
    let mut received = 0;
    while frame.is_none() {
        let n = body.len().min(size - received);
        received += n;
        frame = push.next(&mut &body[..n]).unwrap();
    }
    let stats = region.change();
    assert_eq!((stats.allocations, stats.reallocations, stats.bytes_allocated), (1, 0, 4 + size));

    let region = Region::new(ALLOCATOR);
    let mut owned = config.clone().capacity(64).reassembler().unwrap();
    owned.space()[..4].copy_from_slice(&head);
    owned.filled(4);
    while owned.next().unwrap().is_none() {
        let n = body.len().min(owned.space().len());
        owned.space()[..n].copy_from_slice(&body[..n]);
        owned.filled(n);
    }
    let stats = region.change();
    let initial = 64;
    assert_eq!((stats.allocations, stats.bytes_allocated), (2, initial + 4 + size));
    assert_eq!((stats.deallocations, stats.bytes_deallocated), (1, initial));
}

/// Reallocating for every chunk may copy all that is held each time.
fn what_has_no_known_end_doubles() {
    let joined = [b"2000\r\n".to_vec(), vec![b'x'; 0x2000], b"\r\n".to_vec()].concat();
    let parts = [joined, b"1\r\ny\r\n".repeat(1000)].concat();
    let region = Region::new(ALLOCATOR);
    let mut lines = Decoder::new(Lines::lf());
    for mut piece in vec![b'x'; 100_000].chunks(7) {
        assert!(lines.next(&mut piece).unwrap().is_none());
    }
    let mut chunked = Decoder::new(Chunked);
    for mut piece in parts.chunks(7) {
        assert!(chunked.next(&mut piece).unwrap().is_none());
    }
    let times = region.change().reallocations;
    assert!(times <= 30, "{times} times");
}

fn fixed_storages_allocate_nothing() {
    fixed(Length::u32_be(), b"\0\0\0\x05hello\0\0\0\0\0\0\0\x01x");
    fixed(Varint::canonical(), b"\x05hello\0\x01x");
    fixed(Netstring, b"5:hello,0:,1:x,");
    fixed(ContentLength::lsp(), b"Content-Length: 5\r\n\r\nhelloX: y\r\ncontent-length:1\r\n\r\nx");
    fixed(Chunked, b"2\r\nhe\r\n3;x\r\nllo\r\n0\r\nA: b\r\n\r\n0\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    fixed(Delimited::new(["\r\n", "\0"]).unwrap(), b"hel\rlo\r\nx\0\0");
    fixed(Lines::lenient(), b"hello\nx\r\n\n");
    fixed(Envelope, &[&[0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 4][..], b"headerbody"].concat());
}

/// Frames, events, a switch, and a frame that does not fit.
fn fixed<F: Framing>(framing: F, wire: &[u8]) {
    let mut memory = [0; 64];
    let region = Region::new(ALLOCATOR);
    let mut owned = Reassembler::with_storage(framing, &mut memory[..]).unwrap();
    let (mut frames, mut chunks) = (0, 0);
    for chunk in [1, 2, 7, 64] {
        let mut rest = wire;
        while !rest.is_empty() {
            let space = owned.space();
            let n = chunk.min(space.len()).min(rest.len());
            let (now, later) = rest.split_at(n);
            space[..n].copy_from_slice(now);
            rest = later;
            owned.filled(n);
            if chunk % 2 == 1 {
                while owned.next().unwrap().is_some() {
                    frames += 1;
                }
            } else {
                while let Some(event) = owned.next_event().unwrap() {
                    chunks += usize::from(matches!(event, Event::Chunk(_)));
                }
            }
        }
    }
    assert!(owned.finish().unwrap().is_none());
    owned.shrink();
    owned.reset();
    let mut owned = owned.switch(Lines::lf()).unwrap();
    owned.space().fill(b'x');
    owned.filled(usize::MAX);
    assert!(owned.next().unwrap_err().is_fatal());
    let stats = region.change();
    assert_eq!((stats.allocations, stats.reallocations), (0, 0));
    assert!(frames > 0 && chunks > 0);
}

fn a_backlog_that_never_empties_does_not_grow() {
    let mut writer = FrameWriter::new(Sluggish { takes: true }, Length::u32_be());
    while writer.send(&[], &[&[7; 96]]).is_ok() {}
    let region = Region::new(ALLOCATOR);
    for _ in 0..100_000 {
        let _ = writer.send(&[], &[&[7; 96]]);
        assert!(writer.unsent() >= 32 << 10, "it is to be a backlog all the time");
    }
    let grown = region.change().bytes_allocated;
    assert!(grown <= 256 << 10, "{grown}");
}

/// Takes fifty bytes, and nothing, by turns.
struct Sluggish {
    takes: bool,
}

impl Write for Sluggish {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.takes = !self.takes;
        if self.takes { Ok(buf.len().min(50)) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
