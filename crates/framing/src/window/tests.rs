use alloc::{format, rc::Rc, vec, vec::Vec};
use core::cell::Cell;
use core::ops::Range;

use super::Window;
use crate::stash::Growth;
use crate::storage::{Memory, Storage};
use crate::{Chunked, Config, Framing, Limits, Netstring, Oversize, Reassembler};

/// Counts the bytes that are moved in it.
struct Counted<S> {
    inner: S,
    moved: Rc<Cell<usize>>,
}

impl<S: Storage> Storage for Counted<S> {}

impl<S: Storage> Memory for Counted<S> {
    const GROWS: bool = S::GROWS;

    fn bytes(&self) -> &[u8] {
        self.inner.bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.inner.bytes_mut()
    }

    fn shift(&mut self, from: Range<usize>, to: usize) {
        self.moved.set(self.moved.get() + from.len());
        self.inner.shift(from, to);
    }

    fn resize(&mut self, held: Range<usize>, size: usize) {
        self.moved.set(self.moved.get() + held.len());
        self.inner.resize(held, size);
    }
}

/// How many bytes are moved when `wire` is read in chunks. Every frame has `payload`.
fn moved<F: Framing + Clone>(
    config: &Config<F>,
    storage: impl Storage,
    wire: &[u8],
    chunk: usize,
    payload: &[u8],
) -> usize {
    let moved = Rc::new(Cell::new(0));
    let storage = Counted { inner: storage, moved: Rc::clone(&moved) };
    let mut owned = config.reassembler_in(storage).unwrap();
    let (mut rest, mut frames) = (wire, 0);
    while !rest.is_empty() {
        let space = owned.space();
        let n = space.len().min(rest.len()).min(chunk);
        space[..n].copy_from_slice(&rest[..n]);
        owned.filled(n);
        rest = &rest[n..];
        while let Some(frame) = owned.next().unwrap() {
            assert!(&*frame.payload() == payload, "frame {frames} in chunks of {chunk}");
            frames += 1;
        }
    }
    assert_eq!(frames, 3);
    moved.get()
}

/// A large part, then many small ones, then a large one; and all of it behind them again.
fn parts(size: usize) -> (Vec<u8>, Vec<u8>) {
    let (large, small) = (vec![b'x'; size], vec![b'y'; size]);
    let mut wire = format!("{size:x}\r\n").into_bytes();
    wire.extend([&large[..], b"\r\n"].concat());
    wire.extend(b"1\r\ny\r\n".repeat(size));
    wire.extend(format!("{size:x}\r\n").bytes());
    wire.extend([&large[..], b"\r\n0\r\n\r\n"].concat());
    (wire.repeat(3), [&large[..], &small, &large].concat())
}

#[test]
fn to_join_parts_takes_linear_time() {
    let limits = Limits { parts: usize::MAX, ..Limits::default() };
    let config = Config::new(Chunked).limits(limits);
    // Miri would take minutes for the long ones.
    let sizes: &[usize] = if cfg!(miri) { &[20] } else { &[1_000, 2_000, 4_000, 40_000] };
    for &size in sizes {
        let (wire, payload) = parts(size);
        for chunk in [1, 7, 1_000, wire.len()] {
            // Each byte once to join, once or twice to grow, once to the front.
            let n = moved(&config, Vec::new(), &wire, chunk, &payload);
            assert!(n <= 2 * wire.len(), "{n} of {} in chunks of {chunk}", wire.len());
            // All is there at once, in front of much that is not looked at yet.
            let n = moved(&config, vec![0; wire.len()], &wire, chunk, &payload);
            assert!(n <= 3 * payload.len(), "{n} of {} in chunks of {chunk}", payload.len());
            for room in [16, payload.len()] {
                let storage = &mut vec![0; payload.len() + room][..];
                let n = moved(&config, storage, &wire, chunk, &payload);
                assert!(n <= wire.len(), "{n} of {} in chunks of {chunk}", wire.len());
            }
        }
    }
}

#[test]
fn what_a_truncated_frame_drops_moves_nothing_but_its_end() {
    let config = Config::new(Netstring).max_payload(1_000).oversize(Oversize::Truncate);
    let payload = vec![b'x'; 1_000];
    let size = if cfg!(miri) { 1_500 } else { 100_000 };
    let wire = format!("{size}:{},", "x".repeat(size)).repeat(3).into_bytes();
    for chunk in [1, 7, 100, size] {
        let n = moved(&config, &mut [0; 1_200][..], &wire, chunk, &payload);
        assert!(n <= 3 * 1_200, "{n} in chunks of {chunk}");
    }
}

#[test]
fn nothing_is_moved_where_it_need_not_be() {
    let moved = Rc::new(Cell::new(0));
    let storage = Counted { inner: vec![0; 100], moved: Rc::clone(&moved) };
    let mut window = Window::new(storage, 1, Growth::Declared);
    window.filled(30);
    window.consume(10);
    window.enough = Some(20);
    assert_eq!(window.space().len(), 70, "what is held would fill the smaller buffer");
    window.enough = None;
    window.expect(90);
    assert_eq!(moved.get(), 0, "it fits behind what was consumed");
    window.expect(91);
    assert_eq!((moved.get(), window.space().len()), (20, 80));

    window.initial = window.capacity();
    for _ in 0..100 {
        window.note(20);
    }
    assert_eq!(window.enough, None, "it never becomes smaller than at the beginning");
}

#[test]
fn unread_is_contiguous_in_the_midst_of_joining() {
    let wire = b"2\r\nab\r\n3;long=extension\r\ncde\r\n0\r\n\r\n";
    // What is left of each beginning of the wire: the heads of later parts go when complete.
    let left: &[(usize, &[u8])] = &[
        (6, b"2\r\nab\r"),
        (7, b"2\r\nab"),
        (8, b"2\r\nab3"),
        (22, b"2\r\nab3;long=extensio"),
        (26, b"2\r\nabc"),
        (30, b"2\r\nabcde"),
    ];
    for &(end, unread) in left {
        for chunk in 1..end {
            let mut owned = Reassembler::new(Chunked);
            for piece in wire[..end].chunks(chunk) {
                owned.space()[..piece.len()].copy_from_slice(piece);
                owned.filled(piece.len());
                assert!(owned.next().unwrap().is_none());
            }
            assert_eq!(owned.unread(), unread, "{end} in chunks of {chunk}");
        }
    }
    let mut failed = Reassembler::new(Chunked);
    let bad = b"2\r\nab\r\n3\r\ncde\r\nxyz\n";
    failed.space()[..bad.len()].copy_from_slice(bad);
    failed.filled(bad.len());
    assert!(failed.next().is_err());
    assert_eq!(failed.unread(), b"2\r\nabcdexyz\n");
}
