//! Promise 11: any size streams, and the caller decides after `Begin`.

use framing::{
    Chunked, Cobs, Config, DecodeErrorKind, Decoder, Envelope, Event, Framing, Length, Limits,
    Lines, Oversize, Reassembler,
};

use crate::check::effort;
use crate::promises::{claim, frame};

#[test]
fn a_body_larger_than_memory_streams_without_buffering() {
    let limits = Limits { payload: 1 << 30, ..Limits::default() };
    let mut decoder = Config::new(Length::u32_be()).limits(limits).decoder().unwrap();
    let chunk = vec![b'x'; 64 << 10];
    let size = effort(1 << 20, 256 << 20, 256 << 20);
    let mut head: &[u8] = &claim(size);
    assert!(matches!(
        decoder.next_event(&mut head).unwrap(),
        Some(Event::Begin { body: Some(body), offset: 0, .. }) if body == u64::from(size)
    ));
    let mut received = 0;
    while received < size as usize {
        let mut input = &chunk[..];
        while let Some(event) = decoder.next_event(&mut input).unwrap() {
            match event {
                Event::Chunk(bytes) => {
                    assert!(bytes.direct().is_some());
                    received += bytes.len();
                }
                Event::End { .. } => assert_eq!(received, size as usize),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((decoder.stats().copied_bytes, decoder.stats().capacity), (0, 0));
}

#[test]
fn a_line_that_was_accepted_can_still_be_skipped_while_it_is_gathered() {
    let wire = b"unwanted\nwanted\n";
    for (begun, gathered) in [(2, 3), (1, 7), (5, 6)] {
        let mut decoder = Decoder::new(Lines::lf());
        let begin = decoder.next_event(&mut &wire[..begun]).unwrap();
        assert!(matches!(begin, Some(Event::Begin { .. })));
        decoder.accept().unwrap();
        assert!(decoder.next(&mut &wire[..gathered]).unwrap().is_none());
        decoder.skip();
        let mut rest = &wire[gathered..];
        assert_eq!(&*decoder.next(&mut rest).unwrap().unwrap().payload(), b"wanted");
    }
}

#[test]
fn after_begin_the_frame_is_accepted_skipped_or_left() {
    let wire = [frame(b"first"), frame(b"second"), frame(b"third"), frame(b"fourth")].concat();
    for cut in 1..wire.len() {
        let mut decoder = Decoder::new(Length::u32_be());
        let mut got = Vec::new();
        let mut frames = 0;
        let mut accepted = false;
        for mut input in [&wire[..cut], &wire[cut..]] {
            loop {
                if accepted {
                    let Some(frame) = decoder.next(&mut input).unwrap() else { break };
                    got.push(frame.payload().to_vec());
                    accepted = false;
                    continue;
                }
                match decoder.next_event(&mut input).unwrap() {
                    None => break,
                    Some(Event::Begin { .. }) => {
                        frames += 1;
                        match frames {
                            1 | 4 => {
                                decoder.accept().unwrap();
                                accepted = true;
                            }
                            2 => decoder.skip(),
                            _ => {}
                        }
                    }
                    Some(Event::Chunk(bytes)) => {
                        assert_eq!(frames, 3);
                        got.push(bytes.to_vec());
                    }
                    Some(Event::End { .. }) => assert_eq!(frames, 3),
                    Some(Event::Skipped { .. }) => {
                        panic!("a frame skipped by hand is not reported")
                    }
                }
            }
        }
        assert!(decoder.finish().unwrap().is_none());
        assert_eq!(got.concat(), b"firstthirdfourth", "cut at {cut}");
    }
}

#[test]
fn next_in_mid_body_skips_the_rest_and_events_take_over_a_frame_half_gathered() {
    let wire = [frame(b"first"), frame(b"second")].concat();
    for cut in 1..wire.len() {
        // Begin, then whole frames: the first is skipped.
        let mut decoder = Decoder::new(Length::u32_be());
        let mut got = Vec::new();
        let mut begun = false;
        for mut input in [&wire[..cut], &wire[cut..]] {
            if !begun {
                begun = decoder.next_event(&mut input).unwrap().is_some();
            }
            while begun && let Some(frame) = decoder.next(&mut input).unwrap() {
                got.push(frame.payload().to_vec());
            }
        }
        assert_eq!(got, [b"second"], "cut at {cut}");

        // Whole frames until the cut, then events: nothing is lost.
        let mut decoder = Decoder::new(Length::u32_be());
        let mut got = Vec::new();
        let mut input = &wire[..cut];
        while let Some(frame) = decoder.next(&mut input).unwrap() {
            got.extend_from_slice(&frame.payload());
        }
        let mut input = &wire[cut..];
        while let Some(event) = decoder.next_event(&mut input).unwrap() {
            if let Event::Chunk(bytes) = event {
                got.extend_from_slice(&bytes);
            }
        }
        assert_eq!(got, b"firstsecond", "cut at {cut}");
    }
}

#[test]
fn events_and_frames_take_over_from_each_other_between_two_parts() {
    let (first, rest) = (&b"1\r\na\r\n"[..], &b"1\r\nb\r\n0\r\n\r\n1\r\nc\r\n0\r\n\r\n"[..]);
    let mut decoder = Decoder::new(Chunked);
    assert!(decoder.next(&mut &*first).unwrap().is_none());
    let (mut input, mut events) = (rest, Vec::new());
    while let Some(event) = decoder.next_event(&mut input).unwrap() {
        events.push(match event {
            Event::Begin { offset, .. } => format!("begin {offset}"),
            Event::Chunk(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Event::End { .. } => "end".to_owned(),
            event @ Event::Skipped { .. } => panic!("{event:?}"),
        });
    }
    assert_eq!(events, ["begin 0", "a", "b", "end", "begin 17", "c", "end"]);

    // What was kept is handed out at once, not only when the next part comes.
    let mut decoder = Decoder::new(Chunked);
    assert!(decoder.next(&mut &*first).unwrap().is_none());
    assert!(matches!(decoder.next_event(&mut &[][..]).unwrap(), Some(Event::Begin { .. })));
    let kept = decoder.next_event(&mut &[][..]).unwrap();
    assert!(matches!(kept, Some(Event::Chunk(bytes)) if &*bytes == b"a"));

    // Begun as events, the rest of it is not wanted as a frame.
    let mut decoder = Decoder::new(Chunked);
    let mut input = first;
    while decoder.next_event(&mut input).unwrap().is_some() {}
    let mut input = rest;
    let frame = decoder.next(&mut input).unwrap().unwrap();
    assert_eq!((&*frame.payload(), frame.offset()), (&b"c"[..], 17));
}

/// What the events of `wire` are, fed in pieces of `chunk` bytes, by both decoders.
fn events<F: Framing + Clone>(config: &Config<F>, wire: &[u8], chunk: usize) -> Vec<String> {
    fn told(event: &Event<'_, '_>) -> String {
        match event {
            Event::Begin { .. } => "begin".to_owned(),
            Event::Chunk(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Event::End { .. } => "end".to_owned(),
            Event::Skipped { discarded, .. } => format!("skipped {discarded}"),
        }
    }
    let (mut push, mut owned): (Decoder<F>, Reassembler<F>) =
        (config.decoder().unwrap(), config.reassembler().unwrap());
    let (mut pushed, mut read) = (Vec::new(), Vec::new());
    for mut piece in wire.chunks(chunk) {
        owned.space()[..piece.len()].copy_from_slice(piece);
        owned.filled(piece.len());
        loop {
            match owned.next_event() {
                Ok(Some(event)) => read.push(told(&event)),
                Ok(None) => break,
                Err(error) => {
                    read.push(error.kind().name().to_owned());
                    break;
                }
            }
        }
        while !piece.is_empty() {
            match push.next_event(&mut piece) {
                Ok(Some(event)) => pushed.push(told(&event)),
                Ok(None) => {}
                Err(error) => {
                    pushed.push(error.kind().name().to_owned());
                    piece = &[];
                }
            }
        }
    }
    // A frame may end without another byte.
    while let Ok(Some(event)) = push.next_event(&mut &[][..]) {
        pushed.push(told(&event));
    }
    assert_eq!(pushed, read, "in chunks of {chunk}");
    pushed
}

#[test]
fn where_no_length_is_known_the_payload_up_to_the_limit_is_given_and_then_the_refusal() {
    fn given<F: Framing + Clone>(framing: &F, wire: &[u8], after: &str) {
        for (oversize, refusal) in [
            (Oversize::Error, "too_long"),
            (Oversize::Skip, "skipped 6"),
            (Oversize::Truncate, "end"),
        ] {
            let config = Config::new(framing.clone()).max_payload(3).oversize(oversize);
            for chunk in [1, 2, 4, wire.len()] {
                let events = events(&config, wire, chunk);
                let refused = events.iter().position(|event| event == refusal).unwrap();
                let (first, rest) = events.split_at(refused);
                assert_eq!((first[0].as_str(), first[1..].concat()), ("begin", "abc".to_owned()));
                let next = rest[1..].concat();
                if oversize == Oversize::Error {
                    assert_eq!(
                        next.trim_end_matches("too_long"),
                        "",
                        "it is said again, and no more"
                    );
                } else {
                    assert_eq!(next, after);
                }
            }
        }
    }
    given(&Lines::lf(), b"abcdef\nx\n", "beginxend");
    given(&Cobs, b"\x07abcdef\0\x02x\0", "beginxend");
}

#[test]
fn whole_frames_take_over_before_the_head_is_complete_and_have_their_limit() {
    let config = Config::new(Envelope).max_payload(5).oversize(Oversize::Stream);
    let wire = |body: u8| {
        let lengths = [0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, body];
        [&lengths[..], b"hdr", &vec![b'x'; body.into()]].concat()
    };
    for (body, fits) in [(0, true), (5, true), (6, false)] {
        let wire = wire(body);
        let mut decoder = config.decoder().unwrap();
        assert!(
            decoder.next_event(&mut &wire[..12]).unwrap().is_none(),
            "its head is not complete"
        );
        match decoder.next(&mut &wire[12..]) {
            Ok(Some(frame)) => assert!(fits && frame.payload().len() == usize::from(body)),
            Err(error) => {
                let kind = DecodeErrorKind::TooLong { declared: Some(body.into()), limit: 5 };
                assert!(!fits && error.kind() == kind, "{error:?}");
            }
            Ok(None) => panic!("it is all there"),
        }
    }
}
