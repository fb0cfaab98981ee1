//! Frames of several parts, joined: ONC RPC record marking (RFC 5531, section 11), as a user of the
//! crate would write it.

use std::cell::RefCell;
use std::rc::Rc;

use framing::{
    Config, DecodeErrorKind, Enclosure, EncodeError, Event, Framing, Inline, Limits, Malformed,
    Oversize, Scan,
};

use crate::check::{Item, check};

/// A fragment is a head of four bytes, whose top bit marks the last one, and so many bytes.
#[derive(Clone)]
pub(crate) struct Record;

impl Framing for Record {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let Some(head) = seen.first_chunk() else { return Ok(Scan::Need { total: 4 }) };
        let head = u32::from_be_bytes(*head);
        let body = u64::from(head & !LAST);
        Ok(Scan::Body { head: 4, body, trailer: 0, more: head & LAST == 0 })
    }

    fn enclose(&self, _prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length = u32::try_from(payload.iter().map(|part| part.len()).sum::<usize>()).unwrap();
        let head = Inline::new(&(LAST | length).to_be_bytes());
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

pub(crate) const LAST: u32 = 1 << 31;

pub(crate) fn fragment(last: u32, body: &[u8]) -> Vec<u8> {
    [&(last | u32::try_from(body.len()).unwrap()).to_be_bytes(), body].concat()
}

fn joined(payload: &[u8], offset: u64, discarded: u64, first: &[u8]) -> Item {
    let head = first[..4].to_vec();
    Item::Frame { head, payload: payload.to_vec(), trailer: vec![], offset, discarded }
}

fn config(payload: usize, oversize: Oversize) -> Config<Record> {
    let limits = Limits { payload, parts: 3, ..Limits::default() };
    Config::new(Record).limits(limits).oversize(oversize)
}

#[test]
fn fragments_are_joined_under_every_cut() {
    let first = fragment(0, b"he");
    let wire = [&first[..], &fragment(LAST, b"l")].concat();
    check(&config(8, Oversize::Error), &wire, &[joined(b"hel", 0, 0, &first)]);
    let wire = [&wire[..], &fragment(0, b""), &fragment(0, b"lo"), &fragment(LAST, b"")].concat();
    let second = joined(b"lo", 11, 0, &fragment(0, b""));
    check(&config(8, Oversize::Error), &wire, &[joined(b"hel", 0, 0, &first), second]);
}

#[test]
fn the_limit_is_of_the_joined_payload() {
    let first = fragment(0, b"ab");
    let record = [&first[..], &fragment(0, b"cd"), &fragment(LAST, b"e")].concat();
    let wire = [&record[..], &fragment(LAST, b"ok")].concat();
    let ok = joined(b"ok", 17, 0, &fragment(LAST, b"ok"));
    let error = |kind| Item::Error { kind, offset: 0 };
    let too_long = DecodeErrorKind::TooLong { declared: None, limit: 3 };
    check(&config(3, Oversize::Error), &wire, &[error(too_long)]);
    let skipped = Item::Skipped { offset: 0, declared: None, discarded: 5 };
    check(&config(3, Oversize::Skip), &wire, &[skipped, ok.clone()]);
    let truncated = joined(b"abc", 0, 2, &first);
    check(&config(3, Oversize::Truncate), &wire, &[truncated, ok]);
}

#[test]
fn parts_are_limited_and_an_end_between_them_is_truncation() {
    let wire = [fragment(0, b"a"), fragment(0, b"b"), fragment(0, b"c"), fragment(LAST, b"d")];
    let kind = DecodeErrorKind::TooManyParts { limit: 3 };
    check(&config(8, Oversize::Error), &wire.concat(), &[Item::Error { kind, offset: 0 }]);
    let kind = DecodeErrorKind::Truncated { received: 10 };
    check(&config(8, Oversize::Error), &wire[..2].concat(), &[Item::Error { kind, offset: 0 }]);
}

/// Notes what it learns.
#[derive(Clone, Default)]
struct Learning(Rc<RefCell<Vec<Vec<u8>>>>);

impl Framing for Learning {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        Record.scan(seen, from, eof)
    }

    fn framed(&mut self, head: &[u8]) {
        self.0.borrow_mut().push(head.to_vec());
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let enclosure = Record.enclose(prefix, payload)?;
        Ok(Enclosure { head: enclosure.head, ..Enclosure::default() })
    }
}

#[test]
fn of_a_joined_frame_the_framing_learns_the_first_head() {
    let wire = [fragment(0, b"a"), fragment(0, b"bc"), fragment(LAST, b""), fragment(LAST, b"def")];
    for chunk in [1, 3, 100] {
        let framing = Learning::default();
        let heads = Rc::clone(&framing.0);
        let mut decoder = Config::new(framing).decoder().unwrap();
        for mut piece in wire.concat().chunks(chunk) {
            while decoder.next(&mut piece).unwrap().is_some() {}
        }
        assert_eq!(*heads.borrow(), [&wire[0][..4], &wire[3][..4]], "in chunks of {chunk}");
    }
}

/// A fragment of which two bytes tell the length of all its head: whether it is the last, how much
/// body it has, and as many bytes of no meaning as a head of four has left.
#[derive(Clone)]
struct LongHeads;

impl Framing for LongHeads {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let [last, body, ..] = *seen else { return Ok(Scan::Need { total: 2 }) };
        Ok(Scan::Body { head: 4, body: body.into(), trailer: 0, more: last == 0 })
    }

    fn enclose(&self, _prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn events_take_over_while_the_head_of_a_later_part_is_not_complete() {
    let wire = [&[0, 1, 9, 9, b'a'][..], &[1, 1, 9, 9, b'b']].concat();
    crate::check::same_under_all_cuts(&Config::new(LongHeads), &wire);
    for cut in 5..9 {
        let mut decoder = Config::new(LongHeads).decoder().unwrap();
        assert!(decoder.next(&mut &wire[..cut]).unwrap().is_none());
        let (mut rest, mut events) = (&wire[cut..], Vec::new());
        while let Some(event) = decoder.next_event(&mut rest).unwrap() {
            events.push(match event {
                Event::Begin { head, .. } => format!("begin {}", head.len()),
                Event::Chunk(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Event::End { .. } => "end".to_owned(),
                event @ Event::Skipped { .. } => panic!("{event:?}"),
            });
        }
        assert_eq!(events, ["begin 4", "a", "b", "end"], "after {cut} bytes");
    }
}
