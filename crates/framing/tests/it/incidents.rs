//! What went wrong elsewhere, each as a named test.

use framing::{
    Config, ContentLength, DecodeErrorKind, Decoder, Delimited, EncodeError, Encoder, Framing,
    Length, LengthBuilder, Limits, Lines, Netstring, Oversize, Reassembler, Varint,
};

use crate::check::effort;

/// tokio#333: a head of four bytes made the decoder reserve the maximum.
#[test]
fn tokio_333_a_head_alone_reserves_nothing() {
    let limits = Limits { payload: 1 << 30, ..Limits::default() };
    let mut decoder = Config::new(Length::u32_be()).limits(limits).decoder().unwrap();
    assert!(decoder.next(&mut &[0x3F, 0xFF, 0xFF, 0xFF][..]).unwrap().is_none());
    assert_eq!(decoder.stats().capacity, 0);
}

/// tokio#4815: the limit was checked before the adjustment.
#[test]
fn tokio_4815_the_limit_is_checked_after_the_adjustment() {
    let framing = LengthBuilder::u8().adjust(-1).build().unwrap();
    let config = Config::new(framing).max_payload(3);
    let mut input: &[u8] = b"\x04abc";
    assert_eq!(&*config.decoder().unwrap().next(&mut input).unwrap().unwrap().payload(), b"abc");
    let framing = LengthBuilder::u8().adjust(1).build().unwrap();
    let config = Config::new(framing).max_payload(3);
    let error = config.decoder().unwrap().next(&mut &b"\x03abcd"[..]).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: Some(4), limit: 3 });
}

/// tokio#5080, sqlx, diesel: the encoder cut the length to the field, and payload became frames.
#[test]
fn tokio_5080_a_length_is_never_cut_to_its_field() {
    let payload = vec![0; 65_536];
    let error = Encoder::new(Length::u16_be()).append(&[], &[&payload], &mut Vec::new());
    assert_eq!(error, Err(EncodeError::LengthOverflow { length: 65_536, min: 0, max: 65_535 }));
}

/// tokio#1483, #3555, #7011: while a long line was discarded the error came again and again, or the
/// line after it was lost.
#[test]
fn tokio_1483_a_long_line_is_reported_once_and_the_next_line_comes() {
    let wire = [&[b'x'; 50][..], b"\nnext\n"].concat();
    for chunk in 1..=wire.len() {
        let config = Config::new(Lines::lf()).max_payload(10).oversize(Oversize::Skip);
        let mut decoder = config.decoder().unwrap();
        let (mut errors, mut lines) = (0, Vec::new());
        for mut input in wire.chunks(chunk) {
            loop {
                match decoder.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(line)) => lines.push(line.payload().to_vec()),
                    Err(error) => {
                        assert!(!error.is_fatal());
                        errors += 1;
                    }
                }
            }
        }
        assert_eq!((errors, &lines[..]), (1, &[b"next".to_vec()][..]), "in chunks of {chunk}");
    }
}

/// A delimiter of which half had arrived was lost when the rest of a long frame was discarded.
#[test]
fn half_a_delimiter_survives_the_discarding() {
    let framing = Delimited::new(["--end--"]).unwrap();
    let wire = b"far too long--end--ok--end--";
    for cut in 0..wire.len() {
        let config = Config::new(framing.clone()).max_payload(4).oversize(Oversize::Skip);
        let mut decoder = config.decoder().unwrap();
        let mut frames = Vec::new();
        for mut input in [&wire[..cut], &wire[cut..]] {
            loop {
                match decoder.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(frame)) => frames.push(frame.payload().to_vec()),
                    Err(error) => assert!(!error.is_fatal()),
                }
            }
        }
        assert_eq!(frames, [b"ok"], "cut at {cut}");
    }
}

/// netty#17549: a varint split after its third byte, with a length that is a multiple of 2 MiB.
#[test]
fn netty_17549_a_varint_whose_low_bits_are_zero_may_be_split() {
    let wire = [0x80, 0x80, 0x80, 0x01];
    for cut in 0..=wire.len() {
        let mut decoder = Decoder::new(Varint::canonical());
        for mut input in [&wire[..cut], &wire[cut..]] {
            assert!(decoder.next(&mut input).unwrap().is_none());
        }
        assert_eq!(decoder.need().exact, Some(2 << 20), "cut at {cut}");
    }
}

/// tokio#7344: a buffer that one large frame had blown up was kept for ever.
#[test]
fn tokio_7344_a_buffer_shrinks_again() {
    let mut reassembler = Reassembler::new(Length::u32_be());
    let mut feed = |size: u32| {
        let mut wire = size.to_be_bytes().to_vec();
        wire.resize(4 + size as usize, 7);
        let mut rest = &wire[..];
        while !rest.is_empty() {
            let n = std::io::Read::read(&mut rest, reassembler.space()).unwrap();
            reassembler.filled(n);
            while reassembler.next().unwrap().is_some() {}
        }
        reassembler.capacity()
    };
    let large = effort(1 << 15, 1 << 20, 1 << 20);
    assert!(feed(large) >= large as usize);
    let after: Vec<usize> = (0..70).map(|_| feed(10)).collect();
    assert!(after[60] >= large as usize && after[69] <= 8 << 10, "{after:?}");
}

/// tungstenite, twisted#6356, netty#759: everything was read again at every chunk.
#[test]
fn twisted_6356_a_head_fed_byte_by_byte_is_not_read_again_from_its_start() {
    use framing::{Enclosure, Framing, Malformed, Scan};
    use std::{cell::Cell, rc::Rc};

    /// Counts the bytes between the hint and the end.
    struct Hinted(ContentLength, Rc<Cell<usize>>);
    impl Framing for Hinted {
        fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
            self.1.set(self.1.get() + seen.len() - from);
            self.0.scan(seen, from, eof)
        }
        fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
            Ok(Enclosure::default())
        }
    }
    let head = format!("X: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(effort(300, 5_000, 5_000)));
    let examined = Rc::new(Cell::new(0));
    let mut decoder = Decoder::new(Hinted(ContentLength::lsp(), Rc::clone(&examined)));
    let mut frames = 0;
    for byte in head.as_bytes() {
        frames += usize::from(decoder.next(&mut &[*byte][..]).unwrap().is_some());
    }
    assert_eq!(frames, 1);
    assert!(examined.get() <= 2 * head.len(), "{} of {}", examined.get(), head.len());
}

/// netty#13088: of CR, LF and CRLF, a CRLF that was split ended two frames.
#[test]
fn netty_13088_a_split_crlf_ends_one_frame() {
    let framing = Delimited::new(["\r", "\n", "\r\n"]).unwrap();
    for cut in 0..=5 {
        let (front, back) = b"a\r\nb\n".split_at(cut);
        assert_eq!(payloads(framing.clone(), [front, back]), [b"a", b"b"], "cut at {cut}");
    }
}

/// A connection cut after the head, before the body, was taken for a clean end.
#[test]
fn an_end_after_the_head_is_no_clean_end() {
    let mut decoder = Decoder::new(Length::u32_be());
    assert!(decoder.next(&mut &b"\0\0\0\x05"[..]).unwrap().is_none());
    let error = decoder.finish().unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Truncated { received: 4 });
}

/// A netstring was cut at the first comma of its payload.
#[test]
fn a_netstring_may_hold_commas() {
    assert_eq!(payloads(Netstring, [&b"5:a,b,c"[..], b",1:,,"]), [&b"a,b,c"[..], b","]);
}

/// `Content-Length: 12junk` was read as 12, so that two parties saw two bodies.
#[test]
fn content_length_12junk_is_refused() {
    for head in ["12junk", "12 13", "12,12", "0x12", "+12", "12.0", "1 2"] {
        let head = format!("Content-Length: {head}\r\n\r\n");
        let error = Decoder::new(ContentLength::lsp()).next(&mut head.as_bytes()).unwrap_err();
        assert!(matches!(error.kind(), DecodeErrorKind::Malformed(_)), "{head:?}: {error}");
    }
}

fn payloads<F: Framing>(framing: F, chunks: [&[u8]; 2]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(framing);
    let mut payloads = Vec::new();
    for mut chunk in chunks {
        while let Some(frame) = decoder.next(&mut chunk).unwrap() {
            payloads.push(frame.payload().to_vec());
        }
    }
    assert!(decoder.finish().unwrap().is_none());
    payloads
}
