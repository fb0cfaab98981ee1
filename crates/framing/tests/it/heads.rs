//! Heads that come in pieces: they are not scanned again before they are as long as was asked for, and
//! then nothing of them is passed over.

use framing::{
    Chunked, Config, ContentLength, DecodeError, Decoder, Enclosure, EncodeError, Framing,
    Malformed, Need, Reassembler, Scan, Storage,
};

fn read<F: Framing, S: Storage>(owned: &mut Reassembler<F, S>, bytes: &[u8]) {
    owned.space()[..bytes.len()].copy_from_slice(bytes);
    owned.filled(bytes.len());
}

/// Eight digits, of which it looks only at those that it was not shown before; a byte of payload.
#[derive(Clone, Debug)]
struct Digits;

impl Framing for Digits {
    fn scan(&self, seen: &[u8], from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let new = seen.iter().take(8).skip(from);
        if let Some(at) = new.clone().position(|byte| !byte.is_ascii_digit()) {
            return Err(Malformed::at(from + at, "not a digit"));
        }
        if seen.len() < 8 {
            return Ok(Scan::Need { total: 8 });
        }
        Ok(Scan::Body { head: 8, body: 1, trailer: 0, more: false })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn p1_no_byte_of_a_head_counts_as_seen_that_was_not_shown() {
    let wire = b"1zz45678P";
    let expected = Decoder::new(Digits).next(&mut &wire[..]).unwrap_err();
    // Whatever is asked between two reads.
    for between in 0..3 {
        for (first, second) in
            (1..8).flat_map(|first| (first..8).map(move |second| (first, second)))
        {
            let mut owned = Config::new(Digits).reserve_declared().reassembler().unwrap();
            let mut error: Option<DecodeError> = None;
            for piece in [&wire[..first], &wire[first..second], &wire[second..]] {
                read(&mut owned, piece);
                match between {
                    0 => {}
                    1 => owned.shrink(),
                    _ => error = error.or(owned.next_event().err()),
                }
                error = error.or(owned.next().err());
            }
            assert_eq!(error, Some(expected), "{first}, {second}, {between}");
        }
    }
}

#[test]
fn p1_a_field_that_was_waited_for_is_read_from_its_start() {
    let wire = b"A: b\r\n\r\nContent-Length: 3\r\n\r\nyes";
    let expected = Decoder::new(ContentLength::lsp()).next(&mut &wire[..]).unwrap_err();
    let mut owned = Config::new(ContentLength::lsp()).reserve_declared().reassembler().unwrap();
    let mut error = None;
    for piece in [&wire[..4], &wire[4..14], &wire[14..]] {
        read(&mut owned, piece);
        owned.shrink();
        error = error.or(owned.next().err());
    }
    assert_eq!(error, Some(expected));
}

#[test]
fn p1_a_storage_that_is_full_in_the_middle_of_a_head_tells_its_fault_under_every_cut() {
    let error = |pieces: &[&[u8]]| {
        let mut owned = Config::new(Chunked).reassembler_in([0_u8; 16]).unwrap();
        for piece in [&b"b\r\nabcdefghijk"[..], b"\r\n"] {
            read(&mut owned, piece);
            assert!(owned.next().unwrap().is_none());
        }
        let mut errors = pieces.iter().filter_map(|piece| {
            read(&mut owned, piece);
            owned.next().err()
        });
        errors.next().unwrap()
    };
    assert_eq!(error(&[b"\0", b"\n"]), error(&[b"\0\n"]));
}

/// Two bytes of head, then a payload up to a bar.
#[derive(Clone, Debug)]
struct Barred;

impl Barred {
    fn find(seen: &[u8], head: usize) -> Scan {
        match seen[head..].iter().position(|&byte| byte == b'|') {
            Some(n) => Scan::Until { payload: head..head + n, total: head + n + 1 },
            None => Scan::Open { head, safe: seen.len() },
        }
    }
}

impl Framing for Barred {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(if seen.len() < 2 { Scan::Need { total: 2 } } else { Self::find(seen, 2) })
    }

    fn resume(&self, seen: &[u8], _eof: bool) -> Result<Scan, Malformed> {
        Ok(Self::find(seen, 0))
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Ok(Enclosure::default())
    }
}

#[test]
fn p10_behind_a_head_that_came_in_pieces_an_open_end_is_never_exact() {
    let mut owned = Reassembler::new(Barred);
    for piece in [&b"h"[..], b"ix"] {
        read(&mut owned, piece);
        assert!(owned.next().unwrap().is_none());
    }
    assert_eq!(owned.need(), Need { at_least: 1, exact: None });
}
