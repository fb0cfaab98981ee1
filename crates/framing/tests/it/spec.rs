//! Framings by a line of text: what each spec is, what is printed, and where a wrong one is wrong.

use framing::{
    BigEndian, BuildError, Checksum, Chunked, Cobs, Config, ContentLength, Delimited, Envelope,
    Fixed, Framing, Length, LengthBuilder, Lines, LittleEndian, Netstring, Oversize, Slip, Spec,
    SpecErrorKind, Varint,
};
use proptest::prelude::*;

use crate::check::{Item, Mode, run};
use crate::cuts::for_each_string;

fn spec(text: &str) -> Spec {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The same frames, and the same encoding, as the framing that has a type of its own.
fn same<F: Framing + Clone>(text: &str, framing: F, alphabet: &[u8], length: u32) {
    assert_eq!(spec(text).to_string(), text);
    let (by_text, by_type) =
        (spec(text).config().max_payload(3), Config::new(framing).max_payload(3));
    for_each_string(alphabet, length, |wire| {
        for mode in [Mode::PushFrames, Mode::OwnedEvents] {
            let ends = [wire.len() / 2, wire.len()];
            let ends = &ends[usize::from(wire.len() < 2)..];
            assert_eq!(
                run(&by_text, ends, wire, mode),
                run(&by_type, ends, wire, mode),
                "{text}, {mode:?} of {wire:?}"
            );
        }
        let (Ok(a), Ok(b)) = (by_text.encoder(), by_type.encoder()) else { panic!("{text}") };
        let (prefix, payload) = wire.split_at(wire.len() / 2);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        assert_eq!(
            a.append(prefix, &[payload], &mut first),
            b.append(prefix, &[payload], &mut second)
        );
        assert_eq!(first, second);
    });
}

#[test]
fn a_spec_is_the_framing_of_its_type() {
    let b = b"\x00\x01\x02\xFF";
    same("u8", Length::u8(), b, 5);
    same("i8", LengthBuilder::u8().signed().build().unwrap(), b, 5);
    same("u16be", Length::u16_be(), b, 6);
    same("u16le", Length::u16_le(), b, 6);
    same("u24be", Length::u24_be(), b"\x00\x01", 9);
    same("u24le", Length::u24_le(), b"\x00\x01", 9);
    same("u32be", Length::u32_be(), b"\x00\x01", 10);
    same("u32le", Length::u32_le(), b"\x00\x01", 10);
    same("u64be", Length::u64_be(), b"\x00\x01", 10);
    same("u64le", Length::u64_le(), b"\x00\x01", 10);
    same("u40be", LengthBuilder::<BigEndian, 5>::new().build().unwrap(), b"\x00\x01", 10);
    same("u48le", LengthBuilder::<LittleEndian, 6>::new().build().unwrap(), b"\x00\x01", 10);
    let signed = LengthBuilder::<BigEndian, 7>::new().signed().build().unwrap();
    same("i56be", signed, b"\x00\x80", 10);
    let all = LengthBuilder::u16_be().offset(1).adjust(-1).strip(4).build().unwrap();
    same("u16be,offset=1,adjust=-1,strip=4", all, b"\x00\x01\x02\x05", 7);
    let kept = LengthBuilder::u8().offset(1).strip(0).build().unwrap();
    same("u8,offset=1,strip=0", kept, b, 5);
    let t = b"\r\na;";
    same("lines", Lines::lf(), t, 6);
    same("crlf", Lines::lenient(), t, 6);
    same("crlf,strict", Lines::crlf(), t, 6);
    same("delimiter=0x0d0a", Delimited::new(["\r\n"]).unwrap(), t, 6);
    same("delimiter=0x3b|0x0d0a,keep", Delimited::new([";", "\r\n"]).unwrap().keep(), t, 6);
    same("varint", Varint::canonical(), b"\x00\x01\x80\x81", 6);
    same("varint,lenient", Varint::lenient(), b"\x00\x01\x80\x81", 6);
    same("fixed=3", Fixed::new(3).unwrap(), b"ab", 7);
    same("netstring", Netstring, b"01:,", 6);
    same("content-length", ContentLength::lsp(), b"\r\n:C", 4);
    same("content-length,http", ContentLength::http(), b"\r\n:C", 4);
    same("chunked", Chunked, b"01\r\n", 6);
    same("cobs", Cobs, b"\x00\x01\x02\xFF", 6);
    same("slip", Slip, b"\xC0\xDB\xDC\xDD", 6);
    same("envelope", Envelope, b"\x00\x01", 12);
}

#[test]
fn the_limit_and_the_policy_are_in_the_configuration() {
    for (text, max, wire) in
        [("u8,max=2", 2, b"\x03abc"), ("u8,max=2,oversize=skip", 2, b"\x03abc")]
    {
        let by_type = Config::new(Length::u8()).max_payload(max);
        let policy = if text.contains("skip") { Oversize::Skip } else { Oversize::Error };
        let (by_type, by_spec) = (by_type.oversize(policy), spec(text).config());
        for mode in [Mode::PushFrames, Mode::PushEvents, Mode::OwnedFrames, Mode::OwnedEvents] {
            let expected = run(&by_type, &[1, 4], wire, mode);
            assert_eq!(run(&by_spec, &[1, 4], wire, mode), expected, "{text}");
        }
    }
    let exactly = |text, payload: usize, fits| {
        let encoder = spec(text).config().encoder().unwrap();
        assert_eq!(encoder.encode(&[], &[&vec![0; payload]]).is_ok(), fits, "{text}, {payload}");
    };
    exactly("u32be,max=2KiB", 2048, true);
    exactly("u32be,max=2KiB", 2049, false);
    exactly("u32be,max=1MiB", (1 << 20) + 1, false);
}

#[test]
fn what_is_printed_is_the_shortest_form_and_gives_the_same() {
    for (given, printed) in [
        ("u16be,strip=2", "u16be"),
        ("u16be,offset=0,adjust=0", "u16be"),
        ("u16be,adjust=+4,offset=02", "u16be,offset=2,adjust=4"),
        ("u16be,max=1024", "u16be,max=1KiB"),
        ("u16be,oversize=truncate,max=2048KiB", "u16be,max=2MiB,oversize=truncate"),
        ("u16be,max=1GiB,oversize=stream", "u16be,max=1GiB,oversize=stream"),
        ("lines,max=0", "lines,max=0"),
        ("lines,oversize=error,max=1500", "lines,max=1500,oversize=error"),
        ("delimiter=0x0D0A|0x0A", "delimiter=0x0d0a|0x0a"),
        ("delimiter=0x0a|0x0d0a", "delimiter=0x0a|0x0d0a"),
        ("delimiter=0x61|0x62|0x6162|0x62", "delimiter=0x62|0x6162|0x61"),
    ] {
        assert_eq!(spec(given).to_string(), printed, "{given}");
        assert_eq!(spec(printed), spec(given));
        assert_eq!(spec(printed).to_string(), printed);
    }
    let native = if cfg!(target_endian = "big") { "i24be" } else { "i24le" };
    assert_eq!(spec("i24ne").to_string(), native);
}

/// Fifty and more wrong ones: each with the part that is to blame, between the bars.
#[test]
fn a_wrong_spec_says_which_part_of_it_is_wrong() {
    use SpecErrorKind::*;
    for (text, kind) in [
        ("||", Missing),
        ("u16be,||", Missing),
        ("u16be,||,max=1", Missing),
        ("|=4|", Missing),
        ("|16be|", UnknownFraming),
        ("|U16BE|", UnknownFraming),
        ("|u|", UnknownFraming),
        ("|ubc|", UnknownFraming),
        ("|length|", UnknownFraming),
        ("|line|", UnknownFraming),
        ("| lines|", Blank),
        ("crlf,| strict|", Blank),
        ("|u16 be|", Blank),
        ("u16be,| |", Missing),
        ("|max=4|", UnknownFraming),
        ("|http|", UnknownFraming),
        ("|u7be|", Width),
        ("|u0be|", Width),
        ("|u12|", Width),
        ("|u72be|", Width),
        ("|u128le|", Width),
        ("|i99999999999999999999be|", Width),
        ("|u16|", ByteOrder),
        ("|u16BE|", ByteOrder),
        ("|u16eb|", ByteOrder),
        ("|u16bee|", ByteOrder),
        ("|u8be|", OneByte),
        ("|u8le|", OneByte),
        ("|i8ne|", OneByte),
        ("|u32be |", Blank),
        ("u16be,|ofset=2|", UnknownOption),
        ("u16be,| offset=2|", Blank),
        ("u16be,|foo|", UnknownOption),
        ("lines,|offset=2|", WrongOption),
        ("u16be,|strict|", WrongOption),
        ("u16be,|keep|", WrongOption),
        ("varint,|strict|", WrongOption),
        ("cobs,max=4,|lenient|", WrongOption),
        ("content-length,|keep|", WrongOption),
        ("u16be,offset=1,|offset=1|", Twice),
        ("lines,max=1,oversize=skip,|max=2|", Twice),
        ("crlf,strict,|strict|", Twice),
        ("|u16be=4|", Value),
        ("|lines=3|", Value),
        ("crlf,|strict=yes|", Value),
        ("delimiter=0x0a,|keep=1|", Value),
        ("u16be,offset=|x|", Number),
        ("u16be,offset=|-1|", Number),
        ("u16be,offset=|+1|", Number),
        ("u16be,offset=|1KiB|", Number),
        ("u16be,strip=|99999999999999999999|", Number),
        ("fixed=|four|", Number),
        ("u16be,adjust=|--1|", SignedNumber),
        ("u16be,adjust=|1.5|", SignedNumber),
        ("u16be,adjust=|9223372036854775808|", SignedNumber),
        ("u16be,max=|1MB|", Size),
        ("u16be,max=|KiB|", Size),
        ("u16be,max=|-1|", Size),
        ("u16be,|max=1 KiB|", Blank),
        ("u16be,max=|99999999999GiB|", Size),
        ("delimiter=|0d0a|", Hexadecimal),
        ("delimiter=|0x0|", Hexadecimal),
        ("delimiter=|0x|", Hexadecimal),
        ("delimiter=|0x0d0a\\|0xzz|", Hexadecimal),
        ("delimiter=|\\r\\n|", Hexadecimal),
        ("delimiter=|0x+1|", Hexadecimal),
        ("lines,oversize=|drop|", Policy),
        ("lines,oversize=|Skip|", Policy),
        ("|fixed=0|", Build(BuildError::EmptyFrame)),
        ("|delimiter=0x61\\|0x616263|", Build(BuildError::LookAhead)),
    ] {
        let plain = text.replace("\\|", "\u{1}");
        let [before, part, _] = plain.split('|').collect::<Vec<_>>()[..] else { panic!("{text}") };
        let wrong = plain.replace('|', "").replace('\u{1}', "|");
        let error = wrong.parse::<Spec>().expect_err(&wrong);
        assert_eq!(error.kind(), kind, "{wrong}");
        assert_eq!(error.at(), before.len()..before.len() + part.len(), "{wrong}: {error}");
    }
}

#[test]
fn a_spec_that_lacks_a_value_or_cannot_be_built_says_where() {
    let no_value = |kind| matches!(kind, SpecErrorKind::NoValue(_));
    for text in [
        "u16be,|offset|",
        "u16be,|offset=|",
        "u16be,|adjust|",
        "lines,|max|",
        "|fixed|",
        "|delimiter|",
        "|delimiter=|",
        "lines,|oversize=|",
    ] {
        let [before, part, _] = text.split('|').collect::<Vec<_>>()[..] else { panic!("{text}") };
        let wrong = text.replace('|', "");
        let error = wrong.parse::<Spec>().expect_err(&wrong);
        assert!(no_value(error.kind()), "{wrong}: {error}");
        assert_eq!(error.at(), before.len()..before.len() + part.len(), "{wrong}: {error}");
    }
    let is_refused = |text: &str, part: &str| {
        let error = text.parse::<Spec>().expect_err(text);
        assert!(matches!(error.kind(), SpecErrorKind::Build(_)), "{text}: {error}");
        assert_eq!(&text[error.at()], part, "{text}: {error}");
    };
    for (text, part) in [
        ("u16be,offset=2,strip=3", "strip=3"),
        ("u16be,max=1,adjust=-70000", "adjust=-70000"),
        ("u8,strip=1000", "strip=1000"),
        ("u8,offset=5,strip=99999999", "strip=99999999"),
        ("u8,adjust=-1000,strip=0", "adjust=-1000"),
    ] {
        is_refused(text, part);
    }
    let mut large = vec![format!("offset={}", usize::MAX), format!("strip={}", usize::MAX)];
    if usize::BITS == 64 {
        large.extend([format!("offset={}", i64::MAX), format!("adjust={}", i64::MIN)]);
    }
    for part in large {
        is_refused(&format!("u16be,{part}"), &part);
    }
}

#[test]
#[cfg(feature = "serde")]
fn in_a_configuration_file_it_is_a_string() {
    let parsed: Spec = serde_json::from_str("\"u16be,max=64KiB\"").unwrap();
    assert_eq!(parsed, spec("u16be,max=64KiB"));
    assert_eq!(serde_json::to_string(&parsed).unwrap(), "\"u16be,max=64KiB\"");
    let error = serde_json::from_str::<Spec>("\"u16be,ofset=2\"").unwrap_err().to_string();
    assert!(error.contains("bytes 6 to 13"), "{error}");
    assert!(serde_json::from_str::<Spec>("4").unwrap_err().to_string().contains("spec"));
}

/// A spec with any of its options, which need not fit each other.
pub(crate) fn any_spec() -> impl Strategy<Value = String> {
    let option = |name: &'static str, range: std::ops::Range<i64>| {
        prop::option::of(range)
            .prop_map(move |n| n.map_or(String::new(), |n| format!(",{name}={n}")))
    };
    let length = (
        prop::sample::select(vec!["u", "i"]),
        prop_oneof![
            Just("8".to_owned()),
            (2_usize..=8, prop::sample::select(vec!["be", "le", "ne"]))
                .prop_map(|(bytes, order)| format!("{}{order}", bytes * 8))
        ],
        option("offset", 0..9),
        option("adjust", -20..20),
        option("strip", 0..30),
    )
        .prop_map(|(sign, field, offset, adjust, strip)| {
            format!("{sign}{field}{strip}{offset}{adjust}")
        });
    let hex = prop::collection::vec(any::<u8>(), 1..3).prop_map(|bytes| {
        bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}"))
    });
    let delimiter = (prop::collection::vec(hex, 1..4), prop::sample::select(vec!["", ",keep"]))
        .prop_map(|(list, keep)| format!("delimiter={}{keep}", list.join("|")));
    let other = prop::sample::select(vec![
        "lines",
        "crlf",
        "crlf,strict",
        "varint",
        "varint,lenient",
        "fixed=7",
        "netstring",
        "content-length",
        "content-length,http",
        "chunked",
        "cobs",
        "slip",
        "envelope",
    ])
    .prop_map(str::to_owned);
    let max = prop::option::of((0_usize..3000, prop::sample::select(vec!["", "KiB", "MiB"])));
    let oversize = prop::sample::select(vec![
        "",
        ",oversize=error",
        ",oversize=skip",
        ",oversize=truncate",
        ",oversize=stream",
    ]);
    (prop_oneof![length, delimiter, other], oversize, max).prop_map(|(framing, oversize, max)| {
        let max = max.map_or(String::new(), |(n, unit)| format!(",max={n}{unit}"));
        format!("{framing}{oversize}{max}")
    })
}

proptest! {
    #[test]
    fn every_spec_that_parses_is_printed_and_parsed_again(text in any_spec()) {
        if let Ok(parsed) = text.parse::<Spec>() {
            let printed = parsed.to_string();
            prop_assert_eq!(printed.parse::<Spec>().unwrap(), parsed, "{} from {}", printed, text);
            prop_assert!(printed.len() <= text.len() + 2, "{} from {}", printed, text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z0-9=,|x+-]{0,30}|\\PC{0,20}") {
        if let Err(error) = text.parse::<Spec>() {
            prop_assert!(text.get(error.at()).is_some(), "{}", error);
        }
    }
}

/// The lines of the page on choosing a framing, each on bytes of its protocol.
#[test]
fn the_specs_of_known_protocols_take_their_frames() {
    for (text, wire, payload) in [
        ("u16be", &b"\0\x02hi"[..], &b"hi"[..]),
        ("u16be,offset=3", b"\x17\x03\x03\0\x02hi", b"hi"),
        ("u32be,offset=1,adjust=-4", b"Q\0\0\0\x0Dselect 1\0", b"select 1\0"),
        ("u24le,adjust=1,strip=4", b"\x01\0\0\0\x0E", b"\x0E"),
        ("u32be,offset=1", b"\0\0\0\0\x02hi", b"hi"),
        ("i32be", b"\0\0\0\x02hi", b"hi"),
        ("u24be,adjust=6,strip=9", b"\0\0\x02\0\x01\0\0\0\x01hi", b"hi"),
        ("varint", b"\x02hi", b"hi"),
        ("crlf", b"{}\n", b"{}"),
        ("crlf,strict", b"EHLO there\r\n", b"EHLO there"),
        ("delimiter=0x0d0a", b"+PONG\r\n", b"+PONG"),
        ("content-length", b"Content-Length: 2\r\n\r\n{}", b"{}"),
        ("chunked", b"2\r\nhi\r\n0\r\n\r\n", b"hi"),
    ] {
        let items = run(&spec(text).config(), &[1, wire.len()], wire, Mode::PushFrames);
        let [Item::Frame { payload: got, .. }] = &items[..] else { panic!("{text}: {items:?}") };
        assert_eq!(got, payload, "{text}");
        let page = include_str!("../../src/choosing.md");
        assert!(page.contains(&format!("`{text}`")), "{text} is not on the page");
    }
}

/// Inside another framing the one of a spec is as good as its type.
#[test]
fn the_framing_of_a_spec_can_be_wrapped() {
    let payloads = [&b"hi"[..], b""];
    for text in ["u16be", "cobs", "netstring"] {
        let framing = Checksum::crc32c_be(spec(text).framing().clone());
        let config = Config::new(framing);
        let mut wire = Vec::new();
        for payload in payloads {
            config.encoder().unwrap().append(&[], &[payload], &mut wire).unwrap();
        }
        let items = run(&config, &[wire.len()], &wire, Mode::PushFrames);
        let got: Vec<_> = items
            .iter()
            .map(|item| match item {
                Item::Frame { payload, .. } => &payload[..],
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(got, payloads, "{text}");
    }
}
