//! Promises 12 and 13: what the encoder refuses, and what it borrows.

use framing::{
    BuildError, Chunked, Config, Delimited, Enclosure, EncodeError, Encoder, Envelope, Framing,
    Inline, Length, LengthBuilder, Limits, Lines, Malformed, Scan, Seal, Trailer,
};

#[test]
fn p12_the_encoder_refuses_what_the_decoder_would() {
    fn refused<F: Framing + Clone>(
        config: &Config<F>,
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
    assert_eq!(refused(&Config::new(Length::u8()).max_payload(3), b"", b"abcd"), too_long);
    assert_eq!(
        refused(&Config::new(Length::u8()), b"", &[0; 256]),
        EncodeError::LengthOverflow { length: 256, min: 0, max: 255 }
    );
    let signed = LengthBuilder::u8().signed().build().unwrap();
    assert_eq!(
        refused(&Config::new(signed), b"", &[0; 128]),
        EncodeError::LengthOverflow { length: 128, min: 0, max: 127 }
    );
    let odd = EncodeError::Prefix { expected: 0, given: 1 };
    assert_eq!(refused(&Config::new(Length::u8()), b"x", b""), odd);
    let own = LengthBuilder::u8().strip(0).build().unwrap();
    assert_eq!(
        refused(&Config::new(own), b"", b"\x03ab"),
        EncodeError::LengthMismatch { length: 3 }
    );
    let at = |at| EncodeError::Delimiter { at };
    assert_eq!(refused(&Config::new(Lines::lf()), b"", b"a\nb"), at(1));
    assert_eq!(refused(&Config::new(Lines::lenient()), b"", b"ab\r"), at(2));
    assert_eq!(refused(&Config::new(Lines::crlf()), b"", b"ab\r"), at(2));
    assert_eq!(refused(&Config::new(Lines::crlf()), b"", b"\nab"), at(0));
    let limits = Limits { head: 13, ..Limits::default() };
    assert_eq!(
        refused(&Config::new(Envelope).limits(limits), b"hh", b""),
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

/// A byte that is the length, and as many bytes of padding behind the payload as `padding` has.
#[derive(Clone)]
struct Padded {
    padding: &'static [u8],
}

impl Framing for Padded {
    fn scan(&self, seen: &[u8], _: usize, _: bool) -> Result<Scan, Malformed> {
        let Some(&length) = seen.first() else { return Ok(Scan::Need { total: 1 }) };
        let trailer = self.padding.len();
        Ok(Scan::Body { head: 1, body: length.into(), trailer, more: false })
    }

    fn enclose(&self, _: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length = payload.iter().map(|part| part.len()).sum::<usize>();
        let head = Inline::new(&[u8::try_from(length).unwrap()]);
        Ok(Enclosure { head, trailer: Trailer::Padding(self.padding), ..Enclosure::default() })
    }
}

#[test]
fn p12_a_head_and_a_trailer_may_be_as_long_as_their_limits() {
    let write = |limits: Limits| {
        let config = Config::new(Padded { padding: b"..." }).limits(limits);
        let mut wire = Vec::new();
        config.encoder().unwrap().append(&[], &[b"dat"], &mut wire).map(|()| wire)
    };
    let limits = |head, trailer| Limits { head, trailer, ..Limits::default() };
    assert_eq!(write(limits(1, 3)).unwrap(), b"\x03dat...");
    assert_eq!(write(limits(1, 2)), Err(EncodeError::TrailerTooLong { length: 3, limit: 2 }));
    assert_eq!(write(limits(0, 3)), Err(EncodeError::HeadTooLong { length: 1, limit: 0 }));

    // A delimiter is no trailer that anybody could make longer.
    let config = Config::new(Delimited::new(["==="]).unwrap()).limits(limits(0, 0));
    let mut wire = Vec::new();
    config.encoder().unwrap().append(&[], &[b"dat"], &mut wire).unwrap();
    assert_eq!(wire, b"dat===");
}

#[test]
fn what_a_framing_does_not_say_it_does_not_have() {
    let plain = Padded { padding: b"" };
    assert_eq!(plain.digest(7, b"piece"), 7);
    assert_eq!(plain.seal(7), Seal::default());
}

#[test]
fn the_size_of_a_chunk_is_written_in_lower_case() {
    for (size, line) in [(9, "9"), (10, "a"), (15, "f"), (16, "10"), (0xabc, "abc")] {
        let mut wire = Vec::new();
        Encoder::new(Chunked).append(&[], &[&vec![b'.'; size]], &mut wire).unwrap();
        assert!(wire.starts_with(format!("{line}\r\n.").as_bytes()), "{size}");
    }
}

#[test]
fn p13_a_frame_that_goes_out_chunk_by_chunk_is_the_same() {
    let encoder = Encoder::new(LengthBuilder::u16_be().offset(1).strip(4).build().unwrap());
    for step in 1..=16 {
        let mut frame = encoder.encode(b"AB", &[b"hello", b"", b", world"]).unwrap();
        let mut sent = Vec::new();
        while !frame.chunk().is_empty() {
            let n = frame.chunk().len().min(step);
            sent.extend_from_slice(&frame.chunk()[..n]);
            frame.advance(n);
        }
        assert_eq!((&sent[..], frame.remaining()), (&b"A\0\x0dBhello, world"[..], 0));
    }
}
