//! Lines and delimiters: `tokio-util`, `wire-codec`, `asynchronous-codec`.

use bytes::BytesMut;
use framing::{Config, Delimited, Framing, Lines, Oversize};
use proptest::prelude::*;
use tokio_util::codec::{AnyDelimiterCodec, Encoder, LinesCodec};
use wire_codec::WriteBuf;
use wire_codec::framing::Framer;

use super::deviation::Deviation;
use super::theirs::{self, AfterFault};
use super::{
    Difference, End, Item, Then, chunks, compare, cuts, frame, nothing, ours, property, shown,
};

/// What text is made of, and now and then what is none.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let text =
        vec!["\n", "\r\n", "\r", "\n", "a", "bc", ";", ",", "\0", "\u{e9}", "a longer piece"];
    let piece = prop_oneof![
        60 => prop::sample::select(text).prop_map(str::as_bytes),
        1 => Just(&b"\xFF"[..]),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// Some of which hold a delimiter.
fn strings() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        20 => prop::sample::select(vec!["a", "bc", "\u{e9}", " "]),
        1 => prop::sample::select(vec!["\n", "\r", "\r\n", ";", ",", "\0"]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn limits() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..12, 12_usize..60]
}

fn lenient(max: usize) -> Config<Lines> {
    Config::new(Lines::lenient()).max_payload(max).oversize(Oversize::Skip)
}

fn excuse_lines(wire: &[u8], max: usize, met: &Difference<'_>) -> Option<(Deviation, Then)> {
    let rest = &wire[met.at..];
    let Some(Item::Frame(mine)) = met.ours else { return None };
    let end = rest.iter().position(|&byte| byte == b'\n');
    let raw = end.map_or(rest, |end| &rest[..end]);
    let stripped = raw.strip_suffix(b"\r").unwrap_or(raw);
    match (end, met.theirs) {
        (Some(_), Some(Item::Fault)) if raw.len() > max && stripped.len() <= max => {
            Some((Deviation::LimitCountsTheCr, Then::Go))
        }
        (_, Some(Item::Fault)) if std::str::from_utf8(stripped).is_err() => {
            Some((Deviation::NotUtf8, Then::Go))
        }
        (None, None) if raw == b"\r" && mine == raw => {
            Some((Deviation::LastCrWithoutLf, Then::WithoutOurs))
        }
        (None, Some(Item::Frame(other))) if mine == raw && raw != stripped && other == stripped => {
            Some((Deviation::LastCrWithoutLf, Then::Go))
        }
        _ => None,
    }
}

#[test]
fn tokio_lines() {
    let strategy = (pieces(), limits(), strings(), [cuts(), cuts()]);
    property("tokio-util LinesCodec", 3_000, strategy, |(wire, max, text, cuts)| {
        let mine = ours(&lenient(max), &chunks(&wire, &cuts[0]), End::Told);
        let codec = LinesCodec::new_with_max_length(max);
        let others = theirs::tokio(codec, &chunks(&wire, &cuts[1]), AfterFault::GoesOn);
        let mut met = compare(&mine, &others, |difference| excuse_lines(&wire, max, difference))?;
        met.extend(written(&lenient(1_000), &text, LinesCodec::new())?);
        Ok(met)
    });
}

/// What both encoders write is the same, and read back by both; what ours refuses, theirs writes,
/// and does not read back.
fn written<F, C>(
    config: &Config<F>,
    text: &str,
    codec: C,
) -> Result<Option<Deviation>, TestCaseError>
where
    F: Framing + Clone,
    C: for<'a> Encoder<&'a str> + tokio_util::codec::Decoder<Item: AsRef<[u8]>> + Clone,
{
    let (mut mine, mut others) = (Vec::new(), BytesMut::new());
    let refused = config.encoder().unwrap().append(&[], &[text.as_bytes()], &mut mine).is_err();
    prop_assert!(codec.clone().encode(text, &mut others).is_ok());
    let back = theirs::tokio(codec, &[&others], AfterFault::GoesOn);
    if refused {
        prop_assert_ne!(back, [frame(text)]);
        return Ok(Some(Deviation::DelimiterWritten));
    }
    prop_assert_eq!(&mine, &others);
    prop_assert_eq!(&back, &[frame(text)]);
    prop_assert_eq!(&ours(config, &[&mine], End::Told).items, &back);
    Ok(None)
}

#[test]
fn tokio_any_delimiter() {
    let delimiters = prop::collection::vec(prop::sample::select(b"\r\n;,\0".to_vec()), 1..6);
    let strategy = (pieces(), delimiters, limits(), strings(), [cuts(), cuts()]);
    property("tokio-util AnyDelimiterCodec", 3_000, strategy, |(wire, set, max, text, cuts)| {
        let framing = Delimited::new(set.iter().map(|&byte| [byte])).unwrap();
        let config = Config::new(framing).max_payload(max).oversize(Oversize::Skip);
        let written_one = set[..1].to_vec();
        let codec = AnyDelimiterCodec::new_with_max_length(set.clone(), written_one.clone(), max);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::tokio(codec, &chunks(&wire, &cuts[1]), AfterFault::GoesOn);
        let mut met = compare(&mine, &others, |met| {
            let rest = &wire[met.at..];
            let unterminated = !rest.is_empty() && !rest.iter().any(|byte| set.contains(byte));
            let cut_short = met.ours == Some(&Item::Fault) && met.theirs == Some(&frame(rest));
            (unterminated && cut_short).then_some((Deviation::UnterminatedLast, Then::Go))
        })?;
        let config = config.max_payload(1_000);
        met.extend(written(&config, &text, AnyDelimiterCodec::new(set, written_one))?);
        Ok(met)
    });
}

#[test]
fn wire_codec_delimiters() {
    let letters = |range| prop::collection::vec(prop::sample::select(b"aab".to_vec()), range);
    let letter = prop::sample::select(b"aaabbc".to_vec());
    let wire = prop::collection::vec(letter, 0..60);
    let strategy = (letters(1..5), wire, letters(0..8), limits(), [cuts(), cuts()]);
    property("wire-codec Delimited", 3_000, strategy, |(delimiter, wire, text, max, cuts)| {
        let config = Config::new(Delimited::new([&delimiter]).unwrap()).max_payload(max);
        let framer = wire_codec::framing::Delimited::new(&delimiter).unwrap().with_max_payload(max);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::wire(framer, &chunks(&wire, &cuts[1]));
        let met = compare(&mine, &others, nothing)?;

        let mut storage = [0; 20];
        let (mut mine, mut others) = (Vec::new(), WriteBuf::new(&mut storage));
        let refused = config.encoder().unwrap().append(&[], &[&text], &mut mine).is_err();
        prop_assert_eq!(refused, framer.write_frame(&text, &mut others).is_err());
        prop_assert_eq!(mine, others.written());
        Ok(met)
    });
}

/// Their lines keep the LF.
#[test]
fn asynchronous_codec_lines() {
    use asynchronous_codec::{Encoder as _, LinesCodec};

    let ending = prop_oneof![3 => Just("\n"), 1 => Just("")];
    let text = (strings(), ending).prop_map(|(text, ending)| text + ending);
    let strategy = (pieces(), text, [cuts(), cuts()]);
    property("asynchronous-codec LinesCodec", 2_000, strategy, |(wire, text, cuts)| {
        let config = Config::new(Delimited::new(["\n"]).unwrap().keep());
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = theirs::futures(LinesCodec, &chunks(&wire, &cuts[1]), AfterFault::GoesOn);
        let mut met = compare(&mine, &others, |met| {
            let Some(Item::Frame(line)) = met.ours else { return None };
            let refused = std::str::from_utf8(line).is_err() && met.theirs == Some(&Item::Fault);
            refused.then_some((Deviation::NotUtf8, Then::Go))
        })?;

        let (mut mine, mut others) = (Vec::new(), BytesMut::new());
        LinesCodec.encode(text.clone(), &mut others).unwrap();
        prop_assert_eq!(&others, text.as_bytes());
        match config.encoder().unwrap().append(&[], &[text.as_bytes()], &mut mine) {
            Ok(()) => prop_assert_eq!(mine, others),
            Err(_) => {
                let back = theirs::futures(LinesCodec, &[&others], AfterFault::GoesOn);
                prop_assert_ne!(back, [frame(&text)]);
                let whole = text.ends_with('\n');
                let written = Deviation::DelimiterWritten;
                met.push(if whole { written } else { Deviation::NoEndingWritten });
            }
        }
        Ok(met)
    });
}

#[test]
fn a_cr_before_lf_counts_only_there() {
    let both = |wire: &[u8], max| {
        let codec = LinesCodec::new_with_max_length(max);
        let theirs = theirs::tokio(codec, &[wire], AfterFault::GoesOn);
        (ours(&lenient(max), &[wire], End::Told), theirs)
    };
    let (mine, theirs) = both(b"abc\r\nd\n", 3);
    let deviation = Deviation::LimitCountsTheCr;
    shown(deviation, &mine, &[frame("abc"), frame("d")], &theirs, &[Item::Fault, frame("d")]);
    let (mine, theirs) = both(b"a\r", 9);
    shown(Deviation::LastCrWithoutLf, &mine, &[frame("a\r")], &theirs, &[frame("a")]);
    let (mine, theirs) = both(b"\r", 9);
    shown(Deviation::LastCrWithoutLf, &mine, &[frame("\r")], &theirs, &[]);
    let (mine, theirs) = both(b"\xFF\na\n", 9);
    let theirs_expected = [Item::Fault, frame("a")];
    shown(Deviation::NotUtf8, &mine, &[frame(b"\xFF"), frame("a")], &theirs, &theirs_expected);
}

#[test]
fn what_is_behind_the_last_delimiter_was_cut_short() {
    let config = Config::new(Delimited::new([";"]).unwrap());
    let codec = AnyDelimiterCodec::new(b";".to_vec(), b";".to_vec());
    let mine = ours(&config, &[b"a;b"], End::Told);
    let theirs = theirs::tokio(codec, &[b"a;b"], AfterFault::GoesOn);
    let deviation = Deviation::UnterminatedLast;
    shown(deviation, &mine, &[frame("a"), Item::Fault], &theirs, &[frame("a"), frame("b")]);
}

#[test]
fn a_payload_that_holds_the_delimiter_is_not_written() {
    for text in ["a\nb", "a\r"] {
        let mut theirs = BytesMut::new();
        LinesCodec::new().encode(text, &mut theirs).unwrap();
        let back = theirs::tokio(LinesCodec::new(), &[&theirs], AfterFault::Ends);
        assert_ne!(back, [frame(text)], "{:?}", Deviation::DelimiterWritten);
        let encoder = lenient(9).encoder().unwrap();
        assert!(encoder.append(&[], &[text.as_bytes()], &mut Vec::new()).is_err());
    }
}

#[test]
fn a_line_that_keeps_its_ending_has_one() {
    use asynchronous_codec::{Encoder as _, LinesCodec};

    let mut theirs = BytesMut::new();
    LinesCodec.encode("a".into(), &mut theirs).unwrap();
    LinesCodec.encode("b\n".into(), &mut theirs).unwrap();
    let back = theirs::futures(LinesCodec, &[&theirs], AfterFault::Ends);
    assert_eq!(back, [frame("ab\n")], "{:?}", Deviation::NoEndingWritten);
    let config = Config::new(Delimited::new(["\n"]).unwrap().keep());
    assert!(config.encoder().unwrap().append(&[], &[b"a"], &mut Vec::new()).is_err());
}
