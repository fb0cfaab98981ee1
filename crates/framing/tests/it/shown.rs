//! What the verifier tries, and what it shows of what it finds.

use std::cell::Cell;
use std::rc::Rc;

use framing::verify::{Item, Stream, Verifier};
use framing::{
    Config, DecodeErrorKind, Enclosure, EncodeError, Framing, Length, Malformed, Netstring, Scan,
};

#[test]
fn an_item_is_a_line() {
    let (head, trailer) = (b"\x02".to_vec(), b"\n".to_vec());
    let none = Vec::new;
    for (item, line) in [
        (
            Item::Frame {
                head: head.clone(),
                payload: b"hi".to_vec(),
                trailer: none(),
                offset: 3,
                discarded: 0,
            },
            "frame at 3: b\"hi\", head b\"\\x02\"",
        ),
        (
            Item::Frame {
                head: none(),
                payload: none(),
                trailer: trailer.clone(),
                offset: 0,
                discarded: 4,
            },
            "frame at 0: b\"\", trailer b\"\\n\", 4 bytes cut off",
        ),
        (Item::Begin { head, body: Some(2), offset: 7 }, "begin at 7, head b\"\\x02\", 2 bytes"),
        (Item::Begin { head: none(), body: None, offset: 7 }, "begin at 7"),
        (Item::Data(b"h\0".to_vec()), "data b\"h\\x00\""),
        (Item::End { trailer, discarded: 0 }, "end, trailer b\"\\n\""),
        (Item::End { trailer: none(), discarded: 1 }, "end, 1 bytes cut off"),
        (
            Item::Skipped { offset: 1, declared: Some(5), discarded: 5 },
            "skipped at 1: 5 bytes, 5 declared",
        ),
        (Item::Skipped { offset: 1, declared: None, discarded: 5 }, "skipped at 1: 5 bytes"),
        (Item::Resynced { offset: 2, discarded: 9 }, "passed over at 2: 9 bytes"),
        (
            Item::Error { kind: DecodeErrorKind::Malformed("why"), offset: 6 },
            &format!("error at 6: {}", DecodeErrorKind::Malformed("why")),
        ),
    ] {
        assert_eq!(item.to_string(), line);
    }
    let long = Item::Data([[b'a'; 50], [b'b'; 50]].concat()).to_string();
    let (front, back) = ("a".repeat(32), "b".repeat(16));
    assert_eq!(long, format!("data b\"{front}\"..b\"{back}\" (100 bytes)"));
}

#[test]
fn lists_are_shown_from_their_first_difference_and_not_to_their_ends() {
    let wire = b"\x01a\x01b\x01c".repeat(4);
    let too_few = Stream::new(&wire).frame(b"a").frame(b"b");
    let failure = Verifier::new(&Config::new(Length::u8())).verify([too_few]).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("the first 2 are the same; then\n  expected: nothing"), "{text}");
    assert!(text.contains("\n  got: and 5 more"), "{text}");
    assert_eq!(format!("{failure:?}"), text, "`unwrap` shows it too");

    let lines = |item: &str| Stream::new(b"\x01a\x01b").item(frame(b"a", 0)).frame(item);
    let failure = Verifier::new(&Config::new(Length::u8())).verify([lines("x")]).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("the first 1 are the same; then\n  expected: frame: b\"x\""), "{text}");
    assert!(text.contains("\n  got: frame at 2: b\"b\", head b\"\\x01\""), "{text}");
}

fn frame(payload: &[u8], offset: u64) -> Item {
    let head = vec![u8::try_from(payload.len()).unwrap()];
    Item::Frame { head, payload: payload.to_vec(), trailer: vec![], offset, discarded: 0 }
}

/// The words of a `Malformed` are not compared when none are given; all else is.
#[test]
fn what_is_malformed_is_compared_by_its_place() {
    let verifier = Verifier::new(&Config::new(Netstring));
    let expect =
        |kind, offset| verifier.verify([Stream::new(b"1:a,x").frame(b"a").error(kind, offset)]);
    assert!(expect(DecodeErrorKind::Malformed(""), 4).is_ok());
    assert!(
        expect(DecodeErrorKind::Malformed("the length of a netstring is not decimal"), 4).is_ok()
    );
    assert!(expect(DecodeErrorKind::Malformed("something else"), 4).is_err());
    assert!(expect(DecodeErrorKind::Malformed(""), 3).is_err());
    assert!(expect(DecodeErrorKind::Checksum, 4).is_err());
    let empty = Stream::new(b"0:").error(DecodeErrorKind::Malformed(""), 0);
    assert!(verifier.verify([empty]).is_err(), "what is cut short is not malformed");
}

#[test]
fn every_cut_into_so_many_pieces_is_tried() {
    let tried = |pieces| {
        let verifier = Verifier::new(&Config::new(Length::u8())).exhaustive(0).pieces(pieces);
        verifier.cuts(b"\x02ab\x02cd").unwrap().cuts
    };
    // Six bytes have five places for a cut: beside those at random, pairs and triples of these.
    let two = tried(2);
    assert_eq!(tried(3) - two, 5 * 4 / 2);
    assert_eq!(tried(4) - two, 5 * 4 / 2 + 5 * 4 * 3 / 6);
    assert_eq!(tried(5), tried(4), "the most");
}

/// Each byte is a frame, until it was cloned so often; then each pair is.
struct Moody {
    clones: Rc<Cell<u32>>,
    body: u64,
    patience: u32,
}

impl Clone for Moody {
    fn clone(&self) -> Self {
        self.clones.set(self.clones.get() + 1);
        let body = if self.clones.get() > self.patience { 2 } else { 1 };
        Self { clones: Rc::clone(&self.clones), body, ..*self }
    }
}

impl Framing for Moody {
    fn scan(&self, _seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(Scan::Body { head: 0, body: self.body, trailer: 0, more: false })
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

/// Whenever it changes, one of the comparisons fails, and says which two ways of reading differ.
#[test]
fn a_framing_that_changes_its_mind_is_found_wherever_it_does() {
    let failure = |patience| {
        let moody = Moody { clones: Rc::default(), body: 1, patience };
        Verifier::new(&Config::new(moody)).cuts(b"abcd").err().map(|failure| failure.to_string())
    };
    let failures: Vec<_> =
        (2..20).map(|patience| failure(patience).expect("it is found")).collect();
    for mode in ["PushEvents", "OwnedFrames", "OwnedEvents", "FixedFrames(", "FixedEvents("] {
        let again = format!("framing::verify::Mode::{mode}");
        assert!(failures.iter().any(|failure| failure.contains(&again)), "{mode}: {failures:?}");
    }
    assert_eq!(failure(u32::MAX), None);
}

/// Zeros before a frame of a byte are fill; a single one it passes over only when more follows.
#[derive(Clone)]
struct Hesitant;

impl Framing for Hesitant {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(match (seen, seen.iter().take_while(|&&byte| byte == 0).count()) {
            ([] | [0], _) => Scan::Need { total: seen.len() + 1 },
            (_, 0) => Scan::Body { head: 0, body: 1, trailer: 0, more: false },
            (_, total) => Scan::Gap { total },
        })
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn an_offset_that_depends_on_the_cuts_is_shown() {
    let failure = Verifier::new(&Config::new(Hesitant)).cuts(b"\0\0\0a").unwrap_err();
    let text = failure.to_string();
    assert!(text.starts_with("offset() depends on how the stream is cut or read\n"), "{text}");
    assert!(text.contains("after 3 bytes: 3, byte by byte 2"), "{text}");
    assert_eq!(failure.chunks().concat(), b"\0\0\0a");
}
