//! Verbs in any order: whatever a caller does, every frame is handed out whole, in pieces, or
//! dropped because the caller said so, and none is lost or doubled.

use framing::{
    AcceptError, Checksum, Cobs, Config, DecodeErrorKind, Decoder, Envelope, Event, Frame, Framing,
    Length, LengthBuilder, Lines, Oversize, Reassembler, Unterminated,
};
use proptest::prelude::*;

use crate::parts::{Record, fragment};

#[derive(Clone, Copy, Debug)]
enum Verb {
    Next,
    Event,
    Accept,
    Skip,
    Shrink,
}

/// What the caller holds of the frame in progress.
#[derive(Default)]
struct Begun {
    bytes: Vec<u8>,
    accepted: bool,
    dropped: bool,
}

/// Either decoder, fed from the same chunks.
enum Either<F> {
    Push(Decoder<F>),
    Owned(Reassembler<F>),
}

/// Follows what comes out, and holds it against the payloads that went in.
struct Follower<'p> {
    payloads: &'p [Vec<u8>],
    limit: usize,
    at: usize,
    begun: Option<Begun>,
}

impl Follower<'_> {
    /// The payload as it is handed out.
    fn expected(&self) -> &[u8] {
        let payload = &self.payloads[self.at];
        &payload[..payload.len().min(self.limit)]
    }

    fn frame(&mut self, frame: &Frame<'_, '_>) {
        if self.begun.take().is_some_and(|begun| !begun.accepted) {
            self.at += 1;
        }
        assert_eq!(&*frame.payload(), self.expected());
        self.at += 1;
    }

    fn event(&mut self, event: &Event<'_, '_>) {
        match event {
            Event::Begin { .. } => {
                if let Some(begun) = self.begun.replace(Begun::default()) {
                    assert!(begun.dropped, "a frame was begun before the last one ended");
                    self.at += 1;
                }
            }
            Event::Chunk(bytes) => {
                assert!(!bytes.is_empty());
                let begun = self.begun.as_mut().expect("a chunk belongs to a frame");
                assert!(!begun.dropped);
                begun.bytes.extend_from_slice(bytes);
            }
            Event::End { .. } => {
                let begun = self.begun.take().expect("what ends has begun");
                assert!(!begun.dropped);
                assert_eq!(begun.bytes, self.expected());
                self.at += 1;
            }
            Event::Skipped { .. } => panic!("nothing is skipped here"),
        }
    }
}

fn follow<F: Framing>(
    mut decoder: Either<F>,
    wire: &[u8],
    payloads: &[Vec<u8>],
    limit: usize,
    script: &[(Verb, usize)],
) {
    let mut follower = Follower { payloads, limit, at: 0, begun: None };
    let mut verbs = script.iter().cycle();
    let (mut chunk, mut rest) = (&wire[..0], wire);
    let mut finishing = false;
    loop {
        let &(verb, size) = verbs.next().unwrap();
        let given = match verb {
            Verb::Next => {
                if let Some(begun) = follower.begun.as_mut().filter(|begun| !begun.accepted) {
                    begun.dropped = true;
                }
                let frame = match &mut decoder {
                    Either::Push(push) if finishing => push.finish().unwrap(),
                    Either::Push(push) => push.next(&mut chunk).unwrap(),
                    Either::Owned(owned) if finishing => owned.finish().unwrap(),
                    Either::Owned(owned) => owned.next().unwrap(),
                };
                frame.map(|frame| follower.frame(&frame)).is_some()
            }
            Verb::Event => {
                if let Some(begun) = follower.begun.as_mut() {
                    begun.accepted = false;
                }
                let event = match &mut decoder {
                    Either::Push(push) if finishing => push.finish_event().unwrap(),
                    Either::Push(push) => push.next_event(&mut chunk).unwrap(),
                    Either::Owned(owned) if finishing => owned.finish_event().unwrap(),
                    Either::Owned(owned) => owned.next_event().unwrap(),
                };
                event.map(|event| follower.event(&event)).is_some()
            }
            Verb::Accept => {
                let accepted = match &mut decoder {
                    Either::Push(push) => push.accept(),
                    Either::Owned(owned) => owned.accept(),
                };
                match (accepted, &mut follower.begun) {
                    (Ok(()), Some(begun)) => {
                        assert!(begun.bytes.is_empty() && !begun.dropped);
                        begun.accepted = true;
                    }
                    (Ok(()), None) => panic!("nothing to accept"),
                    (Err(error), _) => assert_eq!(error, AcceptError::NotAtBegin),
                }
                continue;
            }
            Verb::Skip => {
                match &mut decoder {
                    Either::Push(push) => push.skip(),
                    Either::Owned(owned) => owned.skip(),
                }
                if let Some(begun) = &mut follower.begun {
                    (begun.dropped, begun.accepted) = (true, false);
                }
                continue;
            }
            Verb::Shrink => {
                match &mut decoder {
                    Either::Push(push) => push.shrink(),
                    Either::Owned(owned) => owned.shrink(),
                }
                continue;
            }
        };
        if given {
            continue;
        }
        assert!(chunk.is_empty(), "nothing more, and the input is not used up");
        if finishing {
            break;
        }
        finishing = rest.is_empty();
        match &mut decoder {
            Either::Push(_) => (chunk, rest) = rest.split_at(size.min(rest.len())),
            Either::Owned(owned) => {
                let n = std::io::Read::read(&mut rest.take_at_most(size), owned.space()).unwrap();
                owned.filled(n);
                rest = &rest[n..];
            }
        }
    }
    if let Some(begun) = follower.begun {
        assert!(begun.dropped);
        follower.at += 1;
    }
    assert_eq!(follower.at, payloads.len(), "every frame is accounted for");
}

trait TakeAtMost {
    fn take_at_most(&self, n: usize) -> &[u8];
}

impl TakeAtMost for [u8] {
    fn take_at_most(&self, n: usize) -> &[u8] {
        &self[..n.min(self.len())]
    }
}

fn both<F: Framing + Clone>(
    framing: F,
    limit: Option<usize>,
    wire: &[u8],
    payloads: &[Vec<u8>],
    script: &[(Verb, usize)],
) {
    let config = Config::new(framing).capacity(16);
    let config = match limit {
        Some(limit) => config.max_payload(limit).oversize(Oversize::Truncate),
        None => config,
    };
    let limit = limit.unwrap_or(usize::MAX);
    follow(Either::Push(config.decoder().unwrap()), wire, payloads, limit, script);
    follow(Either::Owned(config.reassembler().unwrap()), wire, payloads, limit, script);
}

fn encoded<F: Framing + Clone>(framing: F, prefix: &[u8], payloads: &[Vec<u8>]) -> Vec<u8> {
    let encoder = Config::new(framing).encoder().unwrap();
    let mut wire = Vec::new();
    for payload in payloads {
        encoder.append(prefix, &[payload], &mut wire).unwrap();
    }
    wire
}

fn scripts() -> impl Strategy<Value = Vec<(Verb, usize)>> {
    let verb = prop_oneof![
        5 => Just(Verb::Next),
        5 => Just(Verb::Event),
        1 => Just(Verb::Accept),
        1 => Just(Verb::Skip),
        1 => Just(Verb::Shrink),
    ];
    // The last verb makes progress, or a script of nothing else would not end.
    prop::collection::vec((verb, 1_usize..40), 0..30).prop_map(|mut script| {
        script.push((Verb::Event, 7));
        script
    })
}

proptest! {
    #[test]
    fn no_order_of_verbs_loses_or_doubles_a_frame(
        payloads in prop::collection::vec(
            prop::collection::vec(prop::sample::select(b"\rab".to_vec()), 0..40), 0..6),
        limit in prop_oneof![Just(None), (0_usize..20).prop_map(Some)],
        script in scripts(),
    ) {
        let long_head = LengthBuilder::u16_be().offset(1).strip(5).build().unwrap();
        let wire = encoded(long_head, b"abc", &payloads);
        both(long_head, limit, &wire, &payloads, &script);
        both(Envelope, limit, &encoded(Envelope, b"header", &payloads), &payloads, &script);
        let lines = Lines::lf().unterminated(Unterminated::Refuse);
        both(lines, limit, &encoded(lines, b"", &payloads), &payloads, &script);
        both(Cobs, limit, &encoded(Cobs, b"", &payloads), &payloads, &script);
        let sealed = Checksum::crc32c_be(Length::u16_le());
        both(sealed, None, &encoded(sealed, b"", &payloads), &payloads, &script);
        let sealed = Checksum::crc32c_le(Cobs);
        both(sealed, None, &encoded(sealed, b"", &payloads), &payloads, &script);
        let parts: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| {
                let (front, back) = payload.split_at(payload.len() / 2);
                [fragment(0, front), fragment(crate::parts::LAST, back)].concat()
            })
            .collect();
        both(Record, limit, &parts, &payloads, &script);
    }
}

#[test]
fn a_frame_past_the_limit_that_is_streamed_cannot_be_accepted_and_goes_on() {
    let config = Config::new(LengthBuilder::u8().build().unwrap()).max_payload(2);
    let mut decoder = config.oversize(Oversize::Stream).decoder().unwrap();
    let mut input: &[u8] = b"\x03abc\x01x";
    assert_eq!(decoder.accept(), Err(AcceptError::NotAtBegin));
    assert!(matches!(decoder.next_event(&mut input).unwrap(), Some(Event::Begin { .. })));
    assert_eq!(decoder.accept(), Err(AcceptError::TooLong { limit: 2 }));
    let Some(Event::Chunk(bytes)) = decoder.next_event(&mut input).unwrap() else { panic!() };
    assert_eq!(&*bytes, b"abc");
    assert_eq!(decoder.accept(), Err(AcceptError::NotAtBegin));
    assert_eq!(&*decoder.next(&mut input).unwrap().unwrap().payload(), b"x");
}

#[test]
fn accepting_a_frame_without_a_declared_length_does_not_depend_on_the_cuts() {
    let config = Config::new(Lines::lf()).max_payload(2).oversize(Oversize::Stream);
    for cut in 1..=5 {
        let mut decoder = config.decoder().unwrap();
        let (mut chunk, rest) = b"long\n".split_at(cut);
        assert!(matches!(decoder.next_event(&mut chunk).unwrap(), Some(Event::Begin { .. })));
        assert_eq!(decoder.accept(), Ok(()), "whether the end is in sight or not");
        let next = decoder.next(&mut chunk).map(|frame| frame.is_some());
        let next = next.and_then(|_| decoder.next(&mut { rest }).map(|frame| frame.is_some()));
        let kind = DecodeErrorKind::TooLong { declared: None, limit: 2 };
        assert_eq!(next.unwrap_err().kind(), kind, "cut at {cut}");
    }
}

#[test]
fn whole_frames_after_events_that_have_not_begun_find_the_limit() {
    let framing = LengthBuilder::u8().strip(2).build().unwrap();
    let config = Config::new(framing).max_payload(2).oversize(Oversize::Stream);
    let mut decoder = config.decoder().unwrap();
    assert!(decoder.next_event(&mut &b"\x04"[..]).unwrap().is_none());
    let error = decoder.next(&mut &b"h"[..]).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: Some(3), limit: 2 });
}

#[test]
fn the_rest_of_a_chunk_may_come_in_smaller_pieces() {
    let mut decoder = Decoder::new(Lines::lf());
    let whole: &[u8] = b"abcdef\n";
    let mut got = Vec::new();
    assert!(matches!(decoder.next_event(&mut { whole }).unwrap(), Some(Event::Begin { .. })));
    for mut piece in whole.chunks(3) {
        while let Some(event) = decoder.next_event(&mut piece).unwrap() {
            if let Event::Chunk(bytes) = event {
                got.extend_from_slice(&bytes);
            }
        }
    }
    assert_eq!(got, b"abcdef");
}

/// Where its end is in sight it is known to be too long, and must not be gathered.
#[test]
fn a_frame_past_the_limit_without_a_declared_length_is_accepted_and_refused_by_next() {
    for (oversize, kind) in [
        (Oversize::Error, DecodeErrorKind::TooLong { declared: None, limit: 2 }),
        (Oversize::Skip, DecodeErrorKind::Skipped { declared: None, discarded: 4, limit: 2 }),
    ] {
        let config = Config::new(Lines::lf()).max_payload(2).oversize(oversize);
        for cut in 1..=5 {
            let mut decoder = config.decoder().unwrap();
            let (mut chunk, mut rest) = b"long\n".split_at(cut);
            assert!(matches!(decoder.next_event(&mut chunk).unwrap(), Some(Event::Begin { .. })));
            assert_eq!(decoder.accept(), Ok(()));
            let next = decoder.next(&mut chunk).map(|frame| assert!(frame.is_none()));
            let next = next.and_then(|()| decoder.next(&mut rest).map(|_| ()));
            assert_eq!(next.unwrap_err().kind(), kind, "cut at {cut}");
        }
    }
}

/// What was seen of a payload, and then not shown again, is waited for.
#[test]
fn the_rest_of_a_chunk_whose_end_is_not_in_sight_may_come_later() {
    for cut in 0..=6 {
        let mut decoder = Decoder::new(Lines::lf());
        let mut got = Vec::new();
        let seen = decoder.next_event(&mut &b"abcdef"[..]).unwrap();
        assert!(matches!(seen, Some(Event::Begin { .. })));
        assert!(decoder.next_event(&mut &b""[..]).unwrap().is_none());
        let (first, second) = b"abcdef\n".split_at(cut);
        for mut piece in [first, b"", second] {
            while let Some(event) = decoder.next_event(&mut piece).unwrap() {
                if let Event::Chunk(bytes) = event {
                    got.extend_from_slice(&bytes);
                }
            }
        }
        assert_eq!(got, b"abcdef", "cut at {cut}");
    }
}
