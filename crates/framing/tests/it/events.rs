//! Promise 11: any size streams, and the caller decides after `Begin`.

use framing::{Chunked, Config, Decoder, Event, Length, Limits};

use crate::promises::{claim, frame};

#[test]
fn a_body_larger_than_memory_streams_without_buffering() {
    let limits = Limits { payload: 1 << 30, ..Limits::default() };
    let mut decoder = Config::new(Length::u32_be()).limits(limits).decoder().unwrap();
    let chunk = vec![b'x'; 64 << 10];
    let size = 256 << 20;
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
            event => panic!("{event:?}"),
        });
    }
    assert_eq!(events, ["begin 0", "a", "b", "end", "begin 17", "c", "end"]);

    // Begun as events, the rest of it is not wanted as a frame.
    let mut decoder = Decoder::new(Chunked);
    let mut input = first;
    while decoder.next_event(&mut input).unwrap().is_some() {}
    let mut input = rest;
    let frame = decoder.next(&mut input).unwrap().unwrap();
    assert_eq!((&*frame.payload(), frame.offset()), (&b"c"[..], 17));
}
