//! A refused length whose bytes speak for themselves says so, whatever the cuts.

use framing::{
    Config, ContentLength, Decoder, Envelope, Framing, Hint, Length, LengthBuilder, Varint,
};

fn hint<F: Framing + Clone>(framing: &F, wire: &[u8]) -> Option<Hint> {
    let hints: Vec<_> = (0..wire.len())
        .map(|cut| {
            let mut decoder = Decoder::new(framing.clone());
            let (mut front, mut back) = wire.split_at(cut);
            let error =
                decoder.next(&mut front).map(drop).and_then(|()| decoder.next(&mut back).map(drop));
            let error = error.expect_err("the length is past every limit");
            assert_eq!(decoder.finish().unwrap_err(), error, "the error is kept with its hint");
            error.hint()
        })
        .collect();
    assert!(hints.iter().all(|hint| *hint == hints[0]), "{hints:?}");
    hints[0]
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    let u32_be = Length::u32_be();
    assert_eq!(hint(&u32_be, b"HTTP/1.1 400"), Some(Hint::Http(*b"HTTP")));
    assert_eq!(hint(&Length::u64_be(), b"GET / HTTP/1.1"), Some(Hint::Http(*b"GET ")));
    assert_eq!(hint(&u32_be, b"SSH-2.0-x"), Some(Hint::Ssh));
    assert_eq!(hint(&u32_be, b"\x16\x03\x01\x02\0\x01\0"), Some(Hint::Tls));
    assert_eq!(hint(&u32_be, b"EHLO there"), Some(Hint::Text(*b"EHLO")));
    assert_eq!(hint(&u32_be, b"\xFF\xFF\xFF\xFFx"), None);
    assert_eq!(hint(&Envelope, b"POST / HTTP/1.1"), Some(Hint::Http(*b"POST")));
    assert_eq!(hint(&Varint::canonical(), b"\xFF\xFF\xFF\xFF\x0F"), None);
}

#[test]
fn the_other_byte_order_is_proposed_if_it_fits() {
    assert_eq!(hint(&Length::u32_be(), b"\x05\0\0\0hello"), Some(Hint::OtherByteOrder(5)));
    assert_eq!(hint(&Length::u32_le(), b"\0\0\x01\x02hello"), Some(Hint::OtherByteOrder(258)));
    assert_eq!(hint(&Length::u64_le(), b"\0\0\0\0\0\0\0\x07"), Some(Hint::OtherByteOrder(7)));
    let adjusted = LengthBuilder::u32_be().adjust(1).build().unwrap();
    let later = [&crate::parts::fragment(0, b"a")[..], b"HTTP"].concat();
    assert_eq!(hint(&crate::parts::Record, &later), None, "it is no beginning of a stream");
    let part = hint(&crate::parts::Record, b"\x05\0\0\0hello");
    assert_eq!(part, None, "of a part nobody knows how long the frame is");
    let beyond = LengthBuilder::u32_be().adjust(1 << 30).build().unwrap();
    assert_eq!(hint(&beyond, b"\0\0\0\x05hello"), None, "in its own order it is refused, too");
    assert_eq!(hint(&adjusted, b"\x05\0\0\0hello"), None, "the field alone is not the length");
}

#[test]
fn the_text_of_the_error_asks_the_question() {
    let mut decoder = Config::new(Length::u32_be()).max_payload(1000).decoder().unwrap();
    let error = decoder.next(&mut &b"HTTP/1.1"[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the frame's payload of 1213486160 bytes is longer than the limit of 1000 bytes (at byte 0 \
         of the stream); it begins with ASCII \"HTTP\": is the peer speaking HTTP?"
    );
}

/// A head of text looks like text, which says nothing.
#[test]
fn framings_of_text_give_no_hint() {
    for (framing, mut wire) in [
        (ContentLength::http(), &b"GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\n"[..]),
        (ContentLength::lsp(), b"Content-Length: 4\r\n\r\n"),
    ] {
        let mut decoder = Config::new(framing).max_payload(3).decoder().unwrap();
        assert_eq!(decoder.next(&mut wire).unwrap_err().hint(), None);
    }
}

#[test]
fn each_hint_has_its_words() {
    let ascii = |text: &str, question: &str| format!("it begins with ASCII \"{text}\": {question}");
    for (hint, words) in [
        (Hint::Http(*b"GET "), ascii("GET ", "is the peer speaking HTTP?")),
        (Hint::Text(*b"a\tb\n"), ascii("a\\tb\\n", "is the peer speaking a protocol of text?")),
        (Hint::Ssh, "it begins like an SSH banner: is the peer speaking SSH?".to_owned()),
        (Hint::Tls, "it begins like a TLS record: is the peer speaking TLS?".to_owned()),
        (Hint::OtherByteOrder(5), "in the other byte order the length would be 5".to_owned()),
    ] {
        assert_eq!(hint.to_string(), words);
    }
}
