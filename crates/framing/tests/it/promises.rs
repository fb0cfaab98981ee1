//! The contract's promises that are not about cuts, each by its number in the crate's contract.

use std::cell::Cell;
use std::rc::Rc;

use framing::{
    BuildError, Config, DecodeErrorKind, Decoder, EncodeError, Encoder, Envelope, Event, Framing,
    Length, LengthBuilder, Limits, Lines, Malformed, Oversize, Reassembler, Scan,
};

const HEAD: usize = 4;

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Encoder::new(Length::u32_be()).append(&[], &[payload], &mut wire).unwrap();
    wire
}

/// What a head that claims `length` bytes looks like.
fn claim(length: u32) -> [u8; HEAD] {
    length.to_be_bytes()
}

/// Reads all of `bytes`; the answer is the count of frames.
fn fill<F: Framing>(owned: &mut Reassembler<F>, mut bytes: &[u8]) -> usize {
    let mut frames = 0;
    while !bytes.is_empty() {
        let n = std::io::Read::read(&mut bytes, owned.space()).unwrap();
        owned.filled(n);
        while owned.next().unwrap().is_some() {
            frames += 1;
        }
    }
    frames
}

#[test]
fn p2_a_frame_that_lies_whole_in_the_chunk_is_not_copied() {
    let wire = [frame(b"one"), frame(b""), frame(&[7; 1000])].concat();
    let mut decoder = Decoder::new(Length::u32_be());
    let mut input = &wire[..];
    while let Some(frame) = decoder.next(&mut input).unwrap() {
        let direct = frame.payload().direct().expect("lent from the chunk");
        assert!(wire.as_ptr_range().contains(&direct.as_ptr()));
    }
    assert_eq!(decoder.stats().copied_bytes, 0);
}

#[test]
fn p2_a_split_head_costs_only_the_copy_of_the_head() {
    let wire = frame(b"the body lies whole in the next chunk");
    for cut in 1..=HEAD {
        let mut decoder = Decoder::new(Length::u32_be());
        assert!(decoder.next(&mut &wire[..cut]).unwrap().is_none());
        let frame = decoder.next(&mut &wire[cut..]).unwrap().unwrap();
        assert_eq!(frame.payload().direct(), Some(&wire[HEAD..]), "cut at {cut}");
        assert_eq!(frame.head(), &wire[..HEAD]);
        assert_eq!(decoder.stats().copied_bytes, HEAD as u64);
    }
    let mut wire = Vec::new();
    Encoder::new(Envelope).append(b"header", &[b"body"], &mut wire).unwrap();
    for cut in 1..=Envelope::HEAD + 6 {
        let mut decoder = Decoder::new(Envelope);
        assert!(decoder.next(&mut &wire[..cut]).unwrap().is_none());
        let frame = decoder.next(&mut &wire[cut..]).unwrap().unwrap();
        assert!(frame.payload().direct().is_some(), "cut at {cut}");
        assert_eq!(Envelope::header(frame.head()), b"header");
        assert_eq!(decoder.stats().copied_bytes, (Envelope::HEAD + 6) as u64);
    }
}

#[test]
fn p2_a_straddling_line_is_copied_once_and_the_next_is_lent() {
    let mut decoder = Decoder::new(Lines::lenient());
    assert!(decoder.next(&mut &b"half\r"[..]).unwrap().is_none());
    let mut input: &[u8] = b" a line\r\nwhole\r\n";
    assert_eq!(&*decoder.next(&mut input).unwrap().unwrap().payload(), b"half\r a line");
    let whole = decoder.next(&mut input).unwrap().unwrap();
    assert_eq!(whole.payload().direct(), Some(&b"whole"[..]));
    assert!(decoder.stats().copied_bytes <= b"half\r a line\r\n".len() as u64 + 1);
}

#[test]
fn p3_a_claimed_length_reserves_nothing() {
    let limits = Limits { payload: usize::MAX / 4, ..Limits::default() };
    let config = Config::new(Length::u32_be()).limits(limits);
    let mut push = config.decoder().unwrap();
    let mut owned = config.reassembler().unwrap();
    let mut received = 0;
    let mut feed = |mut bytes: &[u8]| {
        received += bytes.len();
        assert!(fill(&mut owned, bytes) == 0);
        assert!(push.next(&mut bytes).unwrap().is_none());
        assert!(push.stats().capacity <= 2 * received, "{:?} of {received}", push.stats());
        assert!(owned.capacity() <= (2 * received).max(8 << 10), "{}", owned.capacity());
    };
    feed(&claim(u32::MAX));
    for _ in 0..20_000 {
        feed(&[1; 7]);
    }
}

#[test]
fn p3_capacity_is_given_back_after_64_small_frames() {
    let big = frame(&[1; 1 << 20]);
    let small = frame(&[2; 100]);
    let mut push = Decoder::new(Length::u32_be());
    let mut owned = Reassembler::new(Length::u32_be());
    let mut feed = |wire: &[u8]| {
        for mut chunk in wire.chunks(60) {
            fill(&mut owned, chunk);
            while push.next(&mut chunk).unwrap().is_some() {}
        }
        (push.stats().capacity, owned.capacity())
    };
    let (push_peak, owned_peak) = feed(&big);
    assert!(push_peak >= 1 << 20 && owned_peak >= 1 << 20);
    let mut last = (0, 0);
    for _ in 0..70 {
        last = feed(&small);
    }
    assert!(last.0 <= 4096 && last.1 <= 8 << 10, "{last:?}");
}

#[test]
fn p4_limits_that_no_buffer_can_hold_do_not_build() {
    let limits = Limits { payload: usize::MAX / 2, ..Limits::default() };
    let config = Config::new(Length::u32_be()).limits(limits);
    assert_eq!(config.decoder().unwrap_err(), BuildError::LimitsOverflow);
    assert_eq!(config.encoder().unwrap_err(), BuildError::LimitsOverflow);
    assert_eq!(config.reassembler().unwrap_err(), BuildError::LimitsOverflow);
}

#[test]
fn p4_the_limit_is_of_what_is_handed_out() {
    // A field that counts the whole frame, of which only the payload is limited.
    let framing = LengthBuilder::u16_be().includes_head().build().unwrap();
    let config = Config::new(framing).max_payload(3);
    let mut fits: &[u8] = b"\0\x05abc";
    assert_eq!(&*config.decoder().unwrap().next(&mut fits).unwrap().unwrap().payload(), b"abc");
    let mut past: &[u8] = b"\0\x06abcd";
    let error = config.decoder().unwrap().next(&mut past).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: Some(4), limit: 3 });
    assert_eq!(past, b"\0\x06abcd", "a fatal error leaves the input unread");
}

#[test]
fn p5_truncation_is_told_from_a_clean_end() {
    for (wire, clean) in [
        (&b""[..], true),
        (b"\0\0\0\0", true),
        (b"\0\0\0\x01", false),
        (b"\0\0", false),
        (b"\0\0\0\x02a", false),
        (b"\0\0\0\x01a", true),
        // Past the limit of 3, while it is skipped.
        (b"\0\0\0\x05abcd", false),
    ] {
        let config = Config::new(Length::u32_be()).max_payload(3).oversize(Oversize::Skip);
        let mut decoder = config.decoder().unwrap();
        let mut input = wire;
        while decoder.next(&mut input).unwrap().is_some() {}
        let end = decoder.finish();
        if clean {
            assert!(end.unwrap().is_none(), "{wire:?}");
        } else {
            let received = wire.len() as u64;
            assert_eq!(end.unwrap_err().kind(), DecodeErrorKind::Truncated { received });
        }
    }
}

#[test]
fn p6_an_empty_chunk_is_no_end_and_no_error() {
    let mut decoder = Decoder::new(Lines::lf());
    for _ in 0..3 {
        assert!(decoder.next(&mut &b""[..]).unwrap().is_none());
        assert!(decoder.next(&mut &b"x"[..]).unwrap().is_none());
    }
    assert_eq!(&*decoder.next(&mut &b"\n"[..]).unwrap().unwrap().payload(), b"xxx");
}

#[test]
fn p7_reset_heals() {
    let mut decoder = Config::new(Length::u32_be()).max_payload(3).decoder().unwrap();
    let error = decoder.next(&mut &claim(4)[..]).unwrap_err();
    assert!(error.is_fatal());
    assert_eq!(decoder.next(&mut &b"x"[..]).unwrap_err(), error);
    decoder.reset();
    assert_eq!(decoder.offset(), 0);
    assert_eq!(&*decoder.next(&mut &frame(b"ok")[..]).unwrap().unwrap().payload(), b"ok");
}

#[test]
fn p7_a_failed_reassembler_drops_what_arrives_and_always_has_space() {
    let mut owned = Config::new(Length::u32_be()).max_payload(3).reassembler().unwrap();
    owned.space()[..HEAD].copy_from_slice(&claim(4));
    owned.filled(HEAD);
    let error = owned.next().unwrap_err();
    for _ in 0..100 {
        let n = owned.space().len();
        assert!(n > 0);
        owned.filled(n);
        assert_eq!(owned.next().unwrap_err(), error);
    }
    assert_eq!(owned.unread(), claim(4), "what had arrived is kept");
}

/// Counts the bytes that the inner framing was shown and had not seen before.
struct Counting<F> {
    inner: F,
    examined: Rc<Cell<usize>>,
}

impl<F: Framing> Framing for Counting<F> {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        let scan = self.inner.scan(seen, from, eof)?;
        let end = match &scan {
            Scan::Until { total, .. } => *total,
            Scan::Open { .. } => seen.len(),
            Scan::Need { .. } | Scan::Body { .. } => seen.len().min(HEAD),
        };
        self.examined.set(self.examined.get() + end.saturating_sub(from));
        Ok(scan)
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<framing::Enclosure<'_>, EncodeError> {
        Ok(framing::Enclosure::default())
    }
}

fn examined<F: Framing>(inner: F, wire: &[u8], chunk: usize) -> usize {
    let examined = Rc::new(Cell::new(0));
    let mut decoder = Decoder::new(Counting { inner, examined: Rc::clone(&examined) });
    for mut chunk in wire.chunks(chunk) {
        while decoder.next(&mut chunk).unwrap().is_some() {}
    }
    examined.get()
}

#[test]
fn p8_work_is_linear_under_every_feeding() {
    let line = [&[b'x'; 50_000][..], b"\r\n"].concat();
    let frames = (0..1000).flat_map(|n| frame(&vec![0; n % 20])).collect::<Vec<_>>();
    for chunk in [1, 2, 3, 7, 1000] {
        let chunks = |wire: &[u8]| wire.len().div_ceil(chunk);
        let n = examined(Lines::lenient(), &line, chunk);
        // Twice for the delimiter of two bytes, and once at each border.
        assert!(n <= 2 * line.len() + 2 * chunks(&line), "{n} in chunks of {chunk}");
        let n = examined(Length::u32_be(), &frames, chunk);
        assert!(n <= 2 * frames.len() + HEAD * chunks(&frames), "{n} in chunks of {chunk}");
    }
}

#[test]
fn p11_a_body_larger_than_memory_streams_without_buffering() {
    let limits = Limits { payload: 1 << 30, ..Limits::default() };
    let mut decoder = Config::new(Length::u32_be()).limits(limits).decoder().unwrap();
    let chunk = vec![b'x'; 64 << 10];
    let size = 256 << 20;
    let mut head: &[u8] = &claim(size);
    assert!(matches!(
        decoder.next_event(&mut head).unwrap(),
        Some(Event::Begin { body: Some(body), offset: 0, .. }) if body == size.into()
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
fn p11_after_begin_the_frame_is_accepted_skipped_or_left() {
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
                                decoder.accept();
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
fn p11_next_in_mid_body_skips_the_rest_and_events_take_over_a_frame_half_gathered() {
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
fn p12_the_encoder_refuses_what_the_decoder_would() {
    fn refused<F: Framing + Clone>(
        config: Config<F>,
        prefix: &[u8],
        payload: &[u8],
    ) -> EncodeError {
        let mut out = b"before".to_vec();
        let error = config.encoder().unwrap().append(prefix, &[payload], &mut out).unwrap_err();
        assert_eq!(out, b"before", "nothing is written");
        for cut in 0..=payload.len() {
            let parts = [&payload[..cut], &payload[cut..]];
            let encoder = config.encoder().unwrap();
            assert_eq!(encoder.encode(prefix, &parts).map(drop), Err(error), "in two parts");
        }
        error
    }
    let too_long = EncodeError::TooLong { length: 4, limit: 3 };
    assert_eq!(refused(Config::new(Length::u8()).max_payload(3), b"", b"abcd"), too_long);
    assert_eq!(
        refused(Config::new(Length::u8()), b"", &[0; 256]),
        EncodeError::LengthOverflow { length: 256, min: 0, max: 255 }
    );
    let signed = LengthBuilder::u8().signed().build().unwrap();
    assert_eq!(
        refused(Config::new(signed), b"", &[0; 128]),
        EncodeError::LengthOverflow { length: 128, min: 0, max: 127 }
    );
    let odd = EncodeError::Prefix { expected: 0, given: 1 };
    assert_eq!(refused(Config::new(Length::u8()), b"x", b""), odd);
    let own = LengthBuilder::u8().strip(0).build().unwrap();
    assert_eq!(
        refused(Config::new(own), b"", b"\x03ab"),
        EncodeError::LengthMismatch { length: 3 }
    );
    let at = |at| EncodeError::Delimiter { at };
    assert_eq!(refused(Config::new(Lines::lf()), b"", b"a\nb"), at(1));
    assert_eq!(refused(Config::new(Lines::lenient()), b"", b"ab\r"), at(2));
    assert_eq!(refused(Config::new(Lines::crlf()), b"", b"ab\r"), at(2));
    assert_eq!(refused(Config::new(Lines::crlf()), b"", b"\nab"), at(0));
    let limits = Limits { head: 13, ..Limits::default() };
    assert_eq!(
        refused(Config::new(Envelope).limits(limits), b"hh", b""),
        EncodeError::HeadTooLong { length: 14, limit: 13 }
    );
}

#[test]
fn p12_configurations_without_a_payload_do_not_build() {
    let strip_inside = LengthBuilder::u16_be().offset(1).strip(2).build().unwrap_err();
    assert_eq!(strip_inside, BuildError::StripInsideField { strip: 2, start: 1, end: 3 });
    let nothing = LengthBuilder::u8().adjust(-256).build().unwrap_err();
    assert_eq!(nothing, BuildError::NoPayload);
    assert!(LengthBuilder::u8().adjust(-255).build().is_ok());
    assert!(LengthBuilder::u8().offset(usize::MAX).build().is_err());
    assert!(LengthBuilder::u8().adjust(i64::MIN).includes_head().build().is_err());
}

#[test]
fn p13_the_payload_is_borrowed_and_the_cursor_survives_partial_writes() {
    let encoder = Encoder::new(LengthBuilder::u16_be().offset(1).strip(4).build().unwrap());
    let parts = [&b"hello"[..], b"", b", world"];
    let whole = b"A\0\x0dBhello, world"; // 12 payload bytes and the B follow the field
    let frame = encoder.encode(b"AB", &parts).unwrap();
    let borrowed: Vec<*const u8> = frame.slices().map(<[u8]>::as_ptr).collect();
    assert!(borrowed.contains(&parts[0].as_ptr()) && borrowed.contains(&parts[2].as_ptr()));
    for step in 1..=whole.len() {
        let mut frame = encoder.encode(b"AB", &parts).unwrap();
        let mut sent = Vec::new();
        while frame.remaining() > 0 {
            let mut slices = [std::io::IoSlice::new(&[]); 3];
            let used = frame.io_slices(&mut slices);
            let bytes: Vec<u8> =
                slices[..used].iter().flat_map(|slice| slice.to_vec()).take(step).collect();
            frame.advance(bytes.len());
            sent.extend(bytes);
        }
        assert_eq!(sent, whole, "{step} bytes at a time");
    }
}

#[test]
fn a_flood_of_empty_frames_costs_no_memory() {
    let flood = [0; 64 << 10];
    let mut decoder = Decoder::new(Length::u32_be());
    let mut frames = 0;
    for chunk in 0..160 {
        // Odd sizes, so that heads are split.
        let mut input = &flood[..flood.len() - chunk % 3];
        while let Some(frame) = decoder.next(&mut input).unwrap() {
            assert!(frame.payload().is_empty());
            frames += 1;
        }
    }
    assert!(frames > 2_600_000 - 160 && decoder.stats().capacity == 0);
}
