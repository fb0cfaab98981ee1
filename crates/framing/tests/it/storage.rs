//! Promise 3 where it is chosen otherwise: storages that do not grow, and room for what a head
//! declares. That a fixed storage gives the same under every cut is a part of `check`.

use framing::{
    BuildError, Chunked, Config, DecodeErrorKind, Decoder, Envelope, Event, Fixed, Framing, Length,
    Limits, Lines, Netstring, Oversize, Reassembler, Storage,
};

use crate::check::{effort, is_sampled};
use crate::promises::{claim, frame};

const POLICIES: [Oversize; 4] =
    [Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream];

/// Reads as much of `bytes` as there is space for; the answer is how much that was.
fn read<F: Framing, S: Storage>(owned: &mut Reassembler<F, S>, mut bytes: &[u8]) -> usize {
    let n = std::io::Read::read(&mut bytes, owned.space()).unwrap();
    owned.filled(n);
    n
}

/// Reads all of `bytes`, and takes all frames. The answer is the last frame's payload, or the error.
fn last<F: Framing, S: Storage>(
    owned: &mut Reassembler<F, S>,
    mut bytes: &[u8],
) -> Result<Vec<u8>, DecodeErrorKind> {
    let mut payload = Vec::new();
    while !bytes.is_empty() {
        let n = read(owned, bytes);
        assert!(n > 0);
        bytes = &bytes[n..];
        while let Some(frame) = owned.next().map_err(|error| error.kind())? {
            payload = frame.payload().to_vec();
        }
    }
    Ok(payload)
}

#[test]
fn p3_a_fixed_storage_stays_as_it_is_and_a_frame_that_does_not_fit_is_fatal_under_every_policy() {
    for oversize in POLICIES {
        let config = Config::new(Length::u32_be()).oversize(oversize);
        let mut memory = [0; 104];
        let mut owned = config.reassembler_in(&mut memory[..]).unwrap();
        for size in [100, 0, 1, 99] {
            for _ in 0..effort(5, 100, 100) {
                assert_eq!(last(&mut owned, &frame(&vec![7; size])), Ok(vec![7; size]));
                assert_eq!(owned.capacity(), 104);
            }
        }
        owned.shrink();
        let error = last(&mut owned, &frame(&[7; 101])).unwrap_err();
        assert_eq!(error, DecodeErrorKind::TooLong { declared: Some(101), limit: 100 });
        assert_eq!(owned.capacity(), 104);
    }
}

#[test]
fn p4_limits_below_the_storage_work_as_ever() {
    let wire = [frame(&[1; 1000]), frame(b"ok")].concat();
    for (oversize, first) in [(Oversize::Skip, None), (Oversize::Truncate, Some(vec![1; 10]))] {
        let config = Config::new(Length::u32_be()).max_payload(10).oversize(oversize);
        let mut owned = config.reassembler_in([0; 15]).unwrap();
        let (mut rest, mut got, mut skipped) = (&wire[..], Vec::new(), 0);
        while !rest.is_empty() {
            rest = &rest[read(&mut owned, rest)..];
            loop {
                match owned.next() {
                    Ok(None) => break,
                    Ok(Some(frame)) => got.push(frame.payload().to_vec()),
                    Err(error) => {
                        assert!(!error.is_fatal());
                        skipped += 1;
                    }
                }
            }
        }
        assert_eq!(skipped, i32::from(first.is_none()));
        assert_eq!(got, first.into_iter().chain([b"ok".to_vec()]).collect::<Vec<_>>());
    }
}

/// Payloads of up to the limit that the error tells fit such a storage, longer ones do not.
fn tells_what_fits<F: Framing + Clone>(framing: &F, sizes: std::ops::Range<usize>) {
    let config = Config::new(framing.clone());
    let wire = |length: usize| {
        let mut wire = Vec::new();
        config.encoder().unwrap().append(&[], &[&vec![b'x'; length]], &mut wire).unwrap();
        wire
    };
    for size in sizes.filter(|_| is_sampled()) {
        let fed = |length| {
            last(&mut config.reassembler_in(&mut vec![0; size][..]).unwrap(), &wire(length))
        };
        let Err(DecodeErrorKind::TooLong { limit, .. }) = fed(90) else { panic!("{size}") };
        assert_eq!(fed(limit), Ok(vec![b'x'; limit]), "in {size}");
        for length in limit + 1..90 {
            assert!(
                matches!(fed(length), Err(DecodeErrorKind::TooLong { .. })),
                "{length} in {size}"
            );
        }
    }
}

#[test]
fn p4_the_limit_that_is_told_is_what_would_have_fitted() {
    tells_what_fits(&Length::u8(), 1..90);
    tells_what_fits(&Length::u64_le(), 8..90);
    tells_what_fits(&Lines::lf(), 1..90);
    // Heads of two digits, as that of the frame which did not fit.
    tells_what_fits(&Netstring, 14..90);
}

/// A byte of what is dropped or joined behind the payload has to fit, too.
#[test]
fn p4_the_limit_that_is_told_leaves_room_for_what_is_behind_the_payload() {
    let config = Config::new(Length::u8()).max_payload(20).oversize(Oversize::Truncate);
    let told = |wire: &[u8]| last(&mut config.reassembler_in([0; 10]).unwrap(), wire);
    let limit = |wire: &[u8]| match told(wire) {
        Err(DecodeErrorKind::TooLong { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(&[&[20][..], &[b'x'; 20]].concat()), 9);
    assert_eq!(limit(&[&[30][..], &[b'x'; 30]].concat()), 8, "the rest is dropped byte by byte");
    let fits = Config::new(Length::u8()).max_payload(8).oversize(Oversize::Truncate);
    let wire = [&[30][..], &[b'x'; 30]].concat();
    let mut owned = fits.reassembler_in([0; 10]).unwrap();
    assert_eq!(last(&mut owned, &wire), Ok(vec![b'x'; 8]));
}

#[test]
fn the_frame_that_was_given_last_is_there_until_something_changes() {
    let mut owned = Reassembler::new(Length::u8());
    assert_eq!(read(&mut owned, b"\x03one\x03two"), 8);
    assert!(owned.current().is_none());
    for payload in [b"one", b"two"] {
        let given = owned.next().unwrap().unwrap().payload().as_ptr();
        let current = owned.current().unwrap();
        assert_eq!((&*current.payload(), current.payload().as_ptr()), (&payload[..], given));
    }
    assert!(owned.next().unwrap().is_none());
    assert!(owned.current().is_none());
}

#[test]
fn a_storage_in_which_no_frame_fits_does_not_build() {
    let too_small = |needed| Some(BuildError::StorageTooSmall { needed });
    assert_eq!(Reassembler::with_storage(Lines::lf(), [0; 0]).err(), too_small(1));
    assert_eq!(Reassembler::with_storage(Length::u32_be(), [0; 3]).err(), too_small(4));
    assert!(Reassembler::with_storage(Length::u32_be(), [0; 4]).is_ok());
    assert!(Reassembler::with_storage(Lines::lf(), &mut [0; 1][..]).is_ok());
    // A vector grows.
    let mut owned = Reassembler::with_storage(Length::u32_be(), Vec::new()).unwrap();
    assert_eq!(last(&mut owned, &frame(b"grows")), Ok(b"grows".to_vec()));
    let large = Fixed::new(9 << 20).unwrap();
    let error = Reassembler::with_storage(large, [0; 4]).err();
    assert!(matches!(error, Some(BuildError::LimitsTooSmall { .. })), "{error:?}");
}

#[test]
fn there_is_no_space_only_where_frames_were_not_taken_or_do_not_fit() {
    let mut owned = Reassembler::with_storage(Length::u8(), [0; 6]).unwrap();
    assert_eq!(read(&mut owned, b"\x01a\x01b\x04abcd"), 6);
    assert_eq!(owned.space().len(), 0, "full of frames that were not taken");
    assert!(owned.next().unwrap().is_some());
    assert_eq!(owned.space().len(), 2, "what was lent is free");
    assert!(owned.next().unwrap().is_some());
    assert!(owned.next().unwrap().is_none());
    assert_eq!(owned.space().len(), 4);
    assert_eq!(read(&mut owned, b"bcd\x06abcdef"), 4);
    assert!(owned.next().unwrap().is_some());
    let error = owned.next().expect_err("the head says already that it does not fit");
    assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: Some(6), limit: 5 });
    assert_eq!(owned.unread(), b"\x06");
    assert_eq!(owned.offset(), 9);

    owned.filled(6);
    assert_eq!(owned.next().unwrap_err(), error, "what arrives after an error is dropped");
    assert_eq!(owned.finish().unwrap_err(), error);
    assert_eq!(owned.unread(), b"\x06");
    owned.reset();
    assert_eq!((owned.space().len(), owned.offset()), (6, 0));
    assert_eq!(last(&mut owned, b"\x05again"), Ok(b"again".to_vec()));

    let mut lines = Reassembler::with_storage(Lines::lf(), [0; 6]).unwrap();
    assert_eq!(read(&mut lines, b"abcdef\n"), 6);
    assert_eq!(lines.space().len(), 0, "full of a line that does not fit");
    let error = lines.next().unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: None, limit: 5 });
}

#[test]
fn whether_a_frame_fits_does_not_depend_on_who_asks() {
    for called in [false, true] {
        for (wire, fits) in [(b"abcd", false), (b"abc\n", true)] {
            let mut owned = Reassembler::with_storage(Lines::lf(), [0; 4]).unwrap();
            read(&mut owned, wire);
            if called {
                assert_eq!(owned.next().is_ok(), fits);
            }
            assert_eq!(owned.finish().is_ok(), fits, "{wire:?}");
        }
    }
}

#[test]
fn events_need_room_only_for_what_is_not_payload() {
    let mut owned = Reassembler::with_storage(Length::u32_be(), [0; 4]).unwrap();
    let (wire, mut at, mut got) = (frame(&[9; 1000]), 0, 0);
    while at < wire.len() {
        at += read(&mut owned, &wire[at..]);
        while let Some(event) = owned.next_event().unwrap() {
            if let Event::Chunk(bytes) = event {
                got += bytes.len();
            }
        }
    }
    assert_eq!(got, 1000);
}

#[test]
fn p9_a_switch_keeps_the_storage() {
    let mut memory = *b"________";
    let mut lines = Reassembler::with_storage(Lines::lf(), &mut memory[..]).unwrap();
    assert_eq!(read(&mut lines, b"GO\n\x05abcde"), 8);
    assert_eq!(&*lines.next().unwrap().unwrap().payload(), b"GO");
    let mut frames = lines.switch(Length::u8()).unwrap();
    assert!(frames.next().unwrap().is_none());
    assert_eq!((frames.capacity(), frames.offset(), frames.space().len()), (8, 3, 3));
    assert_eq!(last(&mut frames, b"e"), Ok(b"abcde".to_vec()));
    assert!(frames.switch(Envelope).is_err(), "every head is larger than this storage");
    assert_ne!(memory, *b"________", "it was read into the caller's memory");
}

#[test]
fn p3_a_vector_is_used_with_its_capacity_and_comes_back_to_it() {
    let mut owned =
        Reassembler::with_storage(Length::u32_be(), Vec::with_capacity(20_000)).unwrap();
    let initial = owned.capacity();
    assert!(initial >= 20_000 && owned.space().len() == initial);
    last(&mut owned, &frame(&vec![1; 100_000])).unwrap();
    assert!(owned.capacity() > 100_000);
    for _ in 0..70 {
        last(&mut owned, &frame(&[1; 100])).unwrap();
    }
    assert_eq!(owned.capacity(), initial);
}

#[test]
fn p3_declared_room_is_reserved_at_once_and_only_within_the_limits() {
    let limit = effort(1 << 14, 1 << 20, 1 << 20);
    let config = Config::new(Length::u32_be()).max_payload(limit).reserve_declared();
    let mut push = config.decoder().unwrap();
    let mut owned = config.reassembler().unwrap();
    let head = claim(limit.try_into().unwrap());
    assert!(push.next(&mut &head[..]).unwrap().is_none());
    assert_eq!(push.stats().capacity, 0, "the body may yet come whole");
    assert_eq!(last(&mut owned, &head), Ok(vec![]));
    assert_eq!((owned.capacity(), owned.space().len()), (4 + limit, limit));
    for piece in vec![7; limit - 1].chunks(29) {
        assert!(push.next(&mut &piece[..]).unwrap().is_none());
        assert_eq!(last(&mut owned, piece), Ok(vec![]));
        assert!([0, 4 + limit].contains(&push.stats().capacity), "{:?}", push.stats());
        assert_eq!(owned.capacity(), 4 + limit);
    }
    assert_eq!(push.next(&mut &[7][..]).unwrap().unwrap().payload().len(), limit);
    assert_eq!(last(&mut owned, &[7]).unwrap().len(), limit);
    assert_eq!((push.stats().capacity, owned.capacity()), (4 + limit, 4 + limit));
}

/// What the decoders hold after these bytes, 100 at a time, of which no frame comes.
fn reserved<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> (usize, usize) {
    let mut push = config.decoder().unwrap();
    let mut owned = config.reassembler().unwrap();
    for mut piece in wire.chunks(100) {
        let _ = last(&mut owned, piece);
        while push.next(&mut piece).is_ok_and(|frame| frame.is_some()) {}
    }
    (push.stats().capacity, owned.capacity())
}

#[test]
fn p3_past_the_limit_nothing_is_reserved_for_what_is_dropped() {
    let wire = [&claim(u32::MAX)[..], &[7; 500]].concat();
    for (oversize, expected) in
        [(Oversize::Error, 0), (Oversize::Skip, 0), (Oversize::Truncate, 1004)]
    {
        let config = Config::new(Length::u32_be()).max_payload(1000).oversize(oversize);
        let config = config.capacity(104).reserve_declared();
        assert_eq!(reserved(&config, &wire), (expected, expected.max(104)), "{oversize:?}");
    }
}

#[test]
fn p3_what_declares_no_length_of_its_own_grows_as_ever() {
    let limits = Limits { parts: usize::MAX, ..Limits::default() };
    let parts = Config::new(Chunked).limits(limits).reserve_declared();
    let chunked = [b"7fffff\r\n".to_vec(), vec![b'x'; 3000]].concat();
    let lines = Config::new(Lines::lf()).reserve_declared();
    let line = vec![b'x'; 3000];
    let small = b"1\r\nx\r\n".repeat(1000);
    for (push, owned) in [
        reserved(&parts.clone().capacity(64), &chunked),
        reserved(&parts.capacity(64), &small),
        reserved(&lines.capacity(64), &line),
    ] {
        assert!(push <= 2 * chunked.len() && owned <= 2 * chunked.len(), "{push} {owned}");
    }
}

#[test]
fn p3_declared_room_comes_back_like_any_other() {
    let config = Config::new(Length::u32_be()).reserve_declared();
    let mut owned = config.reassembler().unwrap();
    let mut push: Decoder<_> = config.decoder().unwrap();
    let mut feed = |wire: &[u8]| {
        last(&mut owned, wire).unwrap();
        for mut piece in wire.chunks(60) {
            while push.next(&mut piece).unwrap().is_some() {}
        }
        (push.stats().capacity, owned.capacity())
    };
    assert_eq!(feed(&frame(&vec![1; 100_000])), (100_004, 100_004));
    let mut held = (0, 0);
    for _ in 0..70 {
        held = feed(&frame(&[1; 200]));
    }
    assert!(held.0 <= 400 && held.1 <= 8 << 10, "{held:?}");
}

#[test]
fn p3_room_for_a_declared_frame_is_made_again_after_a_shrink() {
    let config = Config::new(Length::u32_be()).reserve_declared();
    let wire = frame(&[7; 1000]);
    let (mut push, mut owned) = (config.decoder().unwrap(), config.reassembler().unwrap());
    let begun = &wire[..40];
    assert!(push.next(&mut &begun[..]).unwrap().is_none());
    read(&mut owned, begun);
    assert!(owned.next().unwrap().is_none());
    push.shrink();
    owned.shrink();
    assert_eq!((push.stats().capacity, owned.capacity()), (40, 40));
    assert!(push.next(&mut &wire[40..41]).unwrap().is_none());
    assert!(owned.next().unwrap().is_none());
    assert_eq!((push.stats().capacity, owned.capacity()), (1004, 1004));
}

#[test]
fn p3_events_reserve_nothing() {
    let config = Config::new(Length::u32_be()).capacity(64).reserve_declared();
    let mut owned = config.reassembler().unwrap();
    for piece in frame(&[7; 1000]).chunks(50) {
        assert_eq!(read(&mut owned, piece), piece.len());
        while owned.next_event().unwrap().is_some() {}
        assert_eq!(owned.capacity(), 64);
    }
}

#[test]
fn p3_the_rest_of_a_declared_frame_can_always_be_read_at_once() {
    let config = Config::new(Length::u32_be()).capacity(100).reserve_declared();
    let mut owned = config.reassembler().unwrap();
    // In one read: a frame, and the beginning of one of `size` bytes. The answer is the capacity.
    let mut declare = |before: &[u8], size: usize| {
        let begun = [before, &claim(size.try_into().unwrap()), &[7; 20]].concat();
        last(&mut owned, &begun).unwrap();
        let rest = size - 20;
        assert!(owned.space().len() >= rest, "{} of {rest}", owned.space().len());
        assert_eq!(last(&mut owned, &vec![7; rest]), Ok(vec![7; size]));
        owned.capacity()
    };
    // Behind the first frame it does not fit, though there is space.
    assert_eq!(declare(&frame(&[1; 10]), 90), 100);
    // What is enough for many small frames is not for a large one that comes with the last of them.
    assert_eq!(declare(&[], 10_000), 10_004);
    for _ in 0..63 {
        assert_eq!(declare(&[], 50), 10_004);
    }
    assert_eq!(declare(&frame(b""), 9_000), 10_004);
}
