//! The smallest limits under which each framing builds: with them a frame comes through, with one
//! byte less nothing could, and that is said.

use framing::{
    BuildError, Checksum, Chunked, Cobs, Config, ContentLength, Delimited, Envelope, Fixed,
    Framing, Length, LengthBuilder, Limits, Lines, Netstring, Resync, Slip, Spec, Varint,
};

use crate::check::{Item, Mode, run};

/// `wire` is a frame that needs all of `limits`; those that are zero do not matter.
fn smallest<F: Framing + Clone>(framing: F, limits: Limits, wire: &[u8]) {
    let config = Config::new(framing);
    let at = config.clone().limits(limits);
    let items = run(&at, &[wire.len()], wire, Mode::PushFrames);
    assert!(matches!(items[..], [Item::Frame { .. }]), "{items:?}");
    let Limits { head, payload, trailer, parts } = limits;
    let less = [
        (head, Limits { head: head.saturating_sub(1), ..limits }),
        (payload, Limits { payload: payload.saturating_sub(1), ..limits }),
        (trailer, Limits { trailer: trailer.saturating_sub(1), ..limits }),
        (parts, Limits { parts: parts.saturating_sub(1), ..limits }),
    ];
    for (_, less) in less.into_iter().filter(|(limit, _)| *limit > 0) {
        let needed = BuildError::LimitsTooSmall { head, payload: payload as u64 };
        assert_eq!(config.clone().limits(less).decoder().map(drop), Err(needed), "{less:?}");
        assert_eq!(config.clone().limits(less).encoder().map(drop), Err(needed), "{less:?}");
    }
}

const NONE: Limits = Limits { head: 0, payload: 0, trailer: 0, parts: 0 };

#[test]
fn of_lengths() {
    smallest(Length::u8(), Limits { head: 1, ..NONE }, b"\0");
    smallest(Length::u64_le(), Limits { head: 8, ..NONE }, &[0; 8]);
    let behind_a_tag = LengthBuilder::u16_be().offset(1).adjust(2).strip(5).build().unwrap();
    smallest(behind_a_tag, Limits { head: 5, ..NONE }, b"T\0\0..");
    // What is not stripped is payload.
    let kept = LengthBuilder::u16_be().strip(0).build().unwrap();
    smallest(kept, Limits { payload: 2, ..NONE }, b"\0\0");
    smallest(Varint::canonical(), Limits { head: 1, ..NONE }, b"\0");
    for (spec, limits, wire) in [
        ("u32be", Limits { head: 4, ..NONE }, &[0; 4][..]),
        ("u16be,strip=0", Limits { payload: 2, ..NONE }, b"\0\0"),
        ("fixed=3", Limits { payload: 3, ..NONE }, b"abc"),
        ("netstring", Limits { head: 2, trailer: 1, ..NONE }, b"0:,"),
    ] {
        smallest(spec.parse::<Spec>().unwrap().framing().clone(), limits, wire);
    }
}

#[test]
fn of_text() {
    smallest(Netstring, Limits { head: 2, trailer: 1, ..NONE }, b"0:,");
    smallest(Chunked, Limits { head: 5, trailer: 2, parts: 2, ..NONE }, b"0\r\n\r\n");
    let head = b"Content-Length: 0\r\n\r\n";
    smallest(ContentLength::lsp(), Limits { head: head.len(), ..NONE }, head);
    smallest(Lines::crlf(), NONE, b"\r\n");
    smallest(Delimited::new(["::"]).unwrap(), NONE, b"::");
}

#[test]
fn of_the_others() {
    smallest(Fixed::new(3).unwrap(), Limits { payload: 3, ..NONE }, b"abc");
    smallest(Envelope, Limits { head: 12, ..NONE }, &[0; 12]);
    smallest(Slip, Limits { head: 1, payload: 1, ..NONE }, b"a\xC0");
    // CRC-32C of `abc`, and of nothing.
    let sealed = Checksum::crc32c_be(Fixed::new(7).unwrap());
    smallest(sealed, Limits { payload: 3, ..NONE }, b"abc\x36\x4B\x3F\xB7");
    smallest(Checksum::crc32c_be(Fixed::new(4).unwrap()), NONE, &[0; 4]);
    let too_short = Config::new(Checksum::crc32c_be(Fixed::new(3).unwrap())).decoder();
    assert_eq!(too_short.map(drop), Err(BuildError::NoPayload));
    let searched = Resync::at_magic("#!", Length::u8(), 10).unwrap();
    smallest(searched, Limits { head: 3, ..NONE }, b"#!\0");
}

#[test]
fn what_goes_around_a_framing_asks_it() {
    // A trailer that is wrong, under a checksum that is right.
    let sealed = Config::new(Checksum::crc32c_be(Netstring));
    let mut wire = Vec::new();
    sealed.encoder().unwrap().append(&[], &[b"abc"], &mut wire).unwrap();
    assert_eq!(wire.pop(), Some(b','));
    wire.push(b';');
    let items = run(&sealed, &[wire.len()], &wire, Mode::PushFrames);
    assert!(matches!(items[..], [Item::Error { .. }]), "{items:?}");

    // A frame that is lost, inside a checksum.
    let lossy = Config::new(Checksum::crc32c_be(Resync::at_delimiter(Cobs, 100).unwrap()));
    let mut wire = vec![5, 1, 0];
    lossy.encoder().unwrap().append(&[], &[b"abc"], &mut wire).unwrap();
    let items = run(&lossy, &[wire.len()], &wire, Mode::PushFrames);
    let found = |item: &Item| matches!(item, Item::Frame { payload, .. } if payload == b"abc");
    assert!(items.iter().any(found), "{items:?}");

    // A trailer that is wrong, behind a magic number.
    let searched = Config::new(Resync::at_magic("#!", Netstring, 100).unwrap());
    let wire = b"#!3:abc;#!1:x,";
    let items = run(&searched, &[wire.len()], wire, Mode::PushFrames);
    let [Item::Resynced { offset: 0, discarded: 8 }, Item::Frame { payload, .. }] = &items[..]
    else {
        panic!("{items:?}");
    };
    assert_eq!(payload, b"x");
}
