//! Promises 9 and 10: going on with another framing loses nothing; `need` tells what is missing.

use framing::{
    Chunked, Config, Decoder, Delimited, Envelope, Event, Framing, Length, LengthBuilder, Lines,
    MidFrame, Need, Netstring, Oversize, Reassembler, Varint,
};

use crate::check::for_each_cut;

/// LSP to raw, STARTTLS, an upgrade: two lines, then frames with a length, then raw bytes.
#[test]
fn p9_a_stream_that_changes_its_framing_loses_nothing_under_any_cut() {
    let wire = b"a\r\nSTART\r\n\0\x02bc\0\x01dRAW";
    for_each_cut(wire.len(), |ends| {
        let mut lines = Decoder::new(Lines::lenient());
        let mut frames: Option<Decoder<Length<framing::BigEndian, 2>>> = None;
        let (mut got, mut raw, mut start) = (Vec::new(), Vec::new(), 0);
        for &end in ends {
            let mut input = &wire[start..end];
            start = end;
            if frames.is_none() {
                while let Some(line) = lines.next(&mut input).unwrap() {
                    got.push(line.payload().to_vec());
                    if &*line.payload() == b"START" {
                        assert_eq!(
                            lines.take_tail(),
                            Ok(&b""[..]),
                            "all that follows is in the input"
                        );
                        frames = Some(Decoder::new(Length::u16_be()));
                        break;
                    }
                }
            }
            if let Some(frames) = &mut frames {
                while got.len() < 4
                    && let Some(frame) = frames.next(&mut input).unwrap()
                {
                    got.push(frame.payload().to_vec());
                }
            }
            if got.len() == 4 {
                raw.extend_from_slice(input);
            }
        }
        assert_eq!(got, [&b"a"[..], b"START", b"bc", b"d"], "cut at {ends:?}");
        assert_eq!(raw, b"RAW");
    });
}

/// At every cut of a frame, and every cut of what came before it.
fn tails<F: Framing + Clone>(framing: &F, wire: &[u8]) {
    for cut in 1..wire.len() {
        for split in 1..=cut {
            let mut decoder = Decoder::new(framing.clone());
            for mut chunk in [&wire[..split], &wire[split..cut]] {
                assert!(decoder.next(&mut chunk).unwrap().is_none());
            }
            assert_eq!(decoder.take_tail(), Ok(&wire[..cut]));
            assert_eq!(decoder.offset(), cut as u64);
            let mut again = wire;
            assert!(decoder.next(&mut again).unwrap().is_some(), "a new frame begins behind it");
        }
    }
}

#[test]
fn p9_the_tail_of_an_unfinished_frame_is_what_arrived() {
    let mut envelope = Vec::new();
    framing::Encoder::new(Envelope).append(b"header", &[b"body"], &mut envelope).unwrap();
    tails(&Envelope, &envelope);
    tails(&Length::u16_be(), b"\0\x05hello");
    tails(&Lines::lenient(), b"hel\rlo\r\n");
    tails(&Netstring, b"5:hello,");
}

#[test]
fn p9_in_mid_skip_and_mid_stream_there_is_no_tail() {
    let config = Config::new(Length::u8()).max_payload(2);
    let mut skipping = config.clone().oversize(Oversize::Skip).decoder().unwrap();
    assert!(skipping.next(&mut &b"\x05abc"[..]).unwrap().is_none());
    assert_eq!(skipping.take_tail(), Err(MidFrame));
    let mut streaming = config.decoder().unwrap();
    assert!(matches!(streaming.next_event(&mut &b"\x02a"[..]), Ok(Some(Event::Begin { .. }))));
    assert_eq!(streaming.take_tail(), Err(MidFrame));
    let mut failed = config.decoder().unwrap();
    let mut input: &[u8] = b"\x05abc";
    assert!(failed.next(&mut input).is_err());
    assert_eq!((failed.take_tail(), input), (Ok(&b""[..]), &b"\x05abc"[..]), "unread input stays");
    assert_eq!(&*failed.next(&mut &b"\x01x"[..]).unwrap().unwrap().payload(), b"x");
}

#[test]
fn p9_a_reassembler_switches_with_its_buffer_and_its_offset() {
    let wire = b"START\r\n\0\x02bc";
    for cut in 7..=wire.len() {
        let mut lines = Reassembler::new(Lines::lenient());
        lines.space()[..cut].copy_from_slice(&wire[..cut]);
        lines.filled(cut);
        assert_eq!(&*lines.next().unwrap().unwrap().payload(), b"START");
        assert_eq!(lines.unread(), &wire[7..cut]);
        let mut frames = lines.switch(Length::u16_be()).unwrap();
        assert_eq!(frames.offset(), 7);
        frames.space()[..wire.len() - cut].copy_from_slice(&wire[cut..]);
        frames.filled(wire.len() - cut);
        let frame = frames.next().unwrap().unwrap();
        assert_eq!((&*frame.payload(), frame.offset()), (&b"bc"[..], 7));
    }
    let mut streaming = Reassembler::new(Length::u8());
    streaming.space()[..2].copy_from_slice(b"\x02a");
    streaming.filled(2);
    assert!(matches!(streaming.next_event(), Ok(Some(Event::Begin { .. }))));
    let mut back = streaming.switch(Lines::lf()).expect_err("in mid-stream");
    assert!(matches!(back.next_event(), Ok(Some(Event::Chunk(_)))), "it goes on as it was");
}

/// After every prefix of a frame: one byte less than `at_least` completes nothing, `exact` does.
fn needs<F: Framing + Clone>(framing: &F, wire: &[u8]) {
    for cut in 0..wire.len() {
        let fed = |more: usize| {
            let mut push = Decoder::new(framing.clone());
            let mut owned = Reassembler::new(framing.clone());
            let mut need = push.need();
            for mut chunk in [&wire[..cut], &wire[cut..cut + more]] {
                owned.space()[..chunk.len()].copy_from_slice(chunk);
                owned.filled(chunk.len());
                let frame = push.next(&mut chunk).unwrap().is_some();
                assert_eq!(owned.next().unwrap().is_some(), frame);
                if frame {
                    return None;
                }
                need = push.need();
                assert_eq!(need, owned.need(), "{cut} + {more} of {wire:?}");
            }
            Some(need)
        };
        let Some(Need { at_least, exact }) = fed(0) else { panic!("{cut} of {wire:?}") };
        let left = wire.len() - cut;
        assert!((1..=left).contains(&at_least), "{at_least} of {left} at {cut} of {wire:?}");
        assert!(fed(at_least - 1).is_some(), "{cut} + {at_least} - 1 of {wire:?}");
        if let Some(exact) = exact {
            assert_eq!(exact, left as u64);
            assert!(fed(left).is_none());
        }
    }
}

#[test]
fn p10_need_is_a_lower_bound_and_exact_once_the_head_is_known() {
    needs(&Length::u32_be(), b"\0\0\0\x03abc");
    needs(&LengthBuilder::u16_be().offset(1).strip(5).adjust(2).build().unwrap(), b"x\0\x03abcde");
    needs(&Lines::crlf(), b"abc\r\n");
    needs(&Varint::canonical(), &[&b"\x82\x01"[..], &[7; 130]].concat());
    needs(&Netstring, b"3:abc,");
    needs(&Delimited::new(["--", "\0"]).unwrap(), b"a-b--");
    needs(&crate::parts::Record, &[0, 0, 0, 2, 1, 2, 0x80, 0, 0, 1, 3]);
    let mut skipping =
        Config::new(Length::u8()).max_payload(1).oversize(Oversize::Skip).decoder().unwrap();
    assert!(skipping.next(&mut &b"\x05ab"[..]).unwrap().is_none());
    assert_eq!(skipping.need(), Need { at_least: 3, exact: Some(3) });
}

#[test]
fn p10_reading_exactly_what_is_needed_gives_a_direct_frame() {
    let mut decoder = Decoder::new(Length::u32_be());
    assert!(decoder.next(&mut &b"\0\0\0\x03"[..]).unwrap().is_none());
    let Need { exact: Some(exact), .. } = decoder.need() else { panic!() };
    let mut buffer = vec![0; usize::try_from(exact).unwrap()];
    std::io::Read::read_exact(&mut &b"abcdef"[..], &mut buffer).unwrap();
    let frame = decoder.next(&mut &buffer[..]).unwrap().unwrap();
    assert_eq!(frame.payload().direct(), Some(&b"abc"[..]));
}

#[test]
fn p9_parts_that_are_joined_already_are_no_tail() {
    let mut decoder = Decoder::new(Chunked);
    assert!(decoder.next(&mut &b"2\r\nab"[..]).unwrap().is_none());
    assert_eq!(decoder.take_tail(), Ok(&b"2\r\nab"[..]), "nothing is dropped yet");
    assert!(decoder.next(&mut &b"2\r\nab\r\n"[..]).unwrap().is_none());
    assert_eq!(decoder.take_tail(), Err(MidFrame));
    assert_eq!(&*decoder.next(&mut &b"0\r\n\r\n"[..]).unwrap().unwrap().payload(), b"ab");
}

#[test]
fn p10_after_a_fatal_error_nothing_is_needed() {
    let config = Config::new(Length::u8()).max_payload(2);
    let (mut decoder, mut owned) = (config.decoder().unwrap(), config.reassembler().unwrap());
    assert!(decoder.next(&mut &b"\x03"[..]).is_err());
    owned.space()[..1].copy_from_slice(b"\x03");
    owned.filled(1);
    assert!(owned.next().is_err());
    for need in [decoder.need(), owned.need()] {
        assert_eq!(need, Need { at_least: 0, exact: None });
    }
}

#[test]
fn the_frame_that_is_lent_can_be_looked_at_again_until_the_next_call() {
    let mut owned = Reassembler::new(Length::u8());
    assert!(owned.current().is_none());
    owned.space()[..6].copy_from_slice(b"\x02hi\x02yo");
    owned.filled(6);
    for (payload, offset) in [(b"hi", 0), (b"yo", 3)] {
        assert!(owned.next().unwrap().is_some());
        for _ in 0..2 {
            let frame = owned.current().unwrap();
            assert_eq!((frame.head(), frame.offset()), (&b"\x02"[..], offset));
            assert_eq!(frame.payload().as_ref(), payload);
        }
    }
    assert!(owned.next().unwrap().is_none());
    assert!(owned.current().is_none());
}
