//! Twisted's receivers. They are not told of the stream's end, nor are we here.

use byteorder::ByteOrder;
use framing::{BigEndian, Config, Delimited, Framing, Length, Netstring};
use proptest::prelude::*;
use serde_json::json;

use super::deviation::Deviation;
use super::python::Python;
use super::{
    Difference, End, Item, Then, chunks, compare, cuts, damage, frame, hex, nothing, ours,
    property, shown,
};

/// What both write is the same.
fn stream<F: Framing + Clone>(
    python: &Python,
    peer: &str,
    config: &Config<F>,
    payloads: &[Vec<u8>],
) -> Result<Vec<u8>, TestCaseError> {
    let mut mine = Vec::new();
    for payload in payloads {
        config
            .clone()
            .max_payload(70_000)
            .encoder()
            .unwrap()
            .append(&[], &[payload], &mut mine)
            .unwrap();
    }
    prop_assert_eq!(&mine, &python.send(peer, &json!({}), payloads));
    Ok(mine)
}

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![prop::sample::select(b"019:,\n".to_vec()), any::<u8>()];
    prop::collection::vec(prop::collection::vec(byte, 0..40), 0..6)
}

fn lengths<const W: usize>(peer: &str, framing: Length<BigEndian, W>)
where
    Length<BigEndian, W>: Framing + Clone,
{
    let Some(python) = Python::start("twisted") else { return };
    let strategy = (payloads(), 0_usize..60, damage(), [cuts(), cuts()]);
    property(peer, 400, strategy, |(payloads, max, damage, cuts)| {
        let config = Config::new(framing).max_payload(max);
        let wire = damage.apply(stream(&python, peer, &config, &payloads)?);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::NotTold);
        let limit = json!({ "limit": max });
        let others = python.receive(peer, &limit, &chunks(&wire, &cuts[1])).items;
        compare(&mine, &others, nothing)
    });
}

#[test]
fn twisted_int32_strings() {
    lengths("Int32StringReceiver", Length::u32_be());
}

#[test]
fn twisted_int16_strings() {
    lengths("Int16StringReceiver", Length::u16_be());
}

fn excuse_netstring(wire: &[u8], max: usize, met: &Difference<'_>) -> Option<(Deviation, Then)> {
    let rest = &wire[met.at..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fault = Some(&Item::Fault);
    if met.ours.is_none() && met.theirs == fault && digits == rest.len() {
        let number: u128 = std::str::from_utf8(rest).ok()?.parse().ok()?;
        return (number > max as u128).then_some((Deviation::DigitsBeforeTheColon, Then::Stop));
    }
    let newline = digits > 0 && &rest[digits..] == b"\n";
    (met.ours == fault && met.theirs.is_none() && newline)
        .then_some((Deviation::NewlineAfterDigits, Then::Stop))
}

#[test]
fn twisted_netstrings() {
    let Some(python) = Python::start("twisted") else { return };
    let tail = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(prop::sample::select(b"0123:,\n".to_vec()), 0..6),
    ];
    // Twisted takes the logarithm of its limit.
    let strategy = (payloads(), tail, 1_usize..60, damage(), [cuts(), cuts()]);
    property("NetstringReceiver", 600, strategy, |(payloads, tail, max, damage, cuts)| {
        let config = Config::new(Netstring).max_payload(max);
        let mut wire = damage.apply(stream(&python, "NetstringReceiver", &config, &payloads)?);
        wire.extend(tail);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::NotTold);
        let limit = json!({ "limit": max });
        let others = python.receive("NetstringReceiver", &limit, &chunks(&wire, &cuts[1])).items;
        compare(&mine, &others, |difference| excuse_netstring(&wire, max, difference))
    });
}

fn excuse_lines(
    wire: &[u8],
    delimiter: &[u8],
    max: usize,
    met: &Difference<'_>,
) -> Option<(Deviation, Then)> {
    let rest = &wire[met.at..];
    let found = rest.windows(delimiter.len()).any(|window| window == delimiter);
    let pending = !found && (max + 1..max + delimiter.len()).contains(&rest.len());
    (pending && met.ours == Some(&Item::Fault) && met.theirs.is_none())
        .then_some((Deviation::LateLimit, Then::Stop))
}

#[test]
fn twisted_lines() {
    let Some(python) = Python::start("twisted") else { return };
    let letters = |range| prop::collection::vec(prop::sample::select(b"\r\n\na".to_vec()), range);
    let delimiter = prop_oneof![Just(b"\r\n".to_vec()), letters(1..4)];
    let wire = prop::collection::vec(prop::sample::select(b"\r\n\r\naabcdef".to_vec()), 0..60);
    let strategy = (delimiter, wire, letters(0..5), 0_usize..20, [cuts(), cuts()]);
    property("LineReceiver", 600, strategy, |(delimiter, wire, text, max, cuts)| {
        let config = Config::new(Delimited::new([&delimiter]).unwrap()).max_payload(max);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::NotTold);
        let settings = json!({ "limit": max, "delimiter": hex(&delimiter) });
        let others = python.receive("LineReceiver", &settings, &chunks(&wire, &cuts[1])).items;
        let mut met = compare(&mine, &others, |met| excuse_lines(&wire, &delimiter, max, met))?;

        let config = config.max_payload(1_000);
        let mut mine = Vec::new();
        let others = python.send("LineReceiver", &settings, std::slice::from_ref(&text));
        if config.encoder().unwrap().append(&[], &[&text], &mut mine).is_ok() {
            prop_assert_eq!(mine, others);
        } else {
            let settings = json!({ "limit": 1_000, "delimiter": hex(&delimiter) });
            let back = python.receive("LineReceiver", &settings, &[&others]).items;
            prop_assert_ne!(back, [frame(text)]);
            met.push(Deviation::DelimiterWritten);
        }
        Ok(met)
    });
}

#[test]
fn twisted_deviations() {
    let Some(python) = Python::start("twisted") else { return };
    let config = Config::new(Netstring).max_payload(99);
    for (wire, deviation, mine, others) in [
        (b"100", Deviation::DigitsBeforeTheColon, vec![], vec![Item::Fault]),
        (b"12\n", Deviation::NewlineAfterDigits, vec![Item::Fault], vec![]),
    ] {
        let theirs = python.receive("NetstringReceiver", &json!({ "limit": 99 }), &[wire]).items;
        shown(deviation, &ours(&config, &[wire], End::NotTold), &mine, &theirs, &others);
    }

    let config = Config::new(Delimited::new(["\r\n"]).unwrap()).max_payload(3);
    let mine = ours(&config, &[b"abcd"], End::NotTold);
    let theirs = python.receive("LineReceiver", &json!({ "limit": 3 }), &[b"abcd"]).items;
    shown(Deviation::LateLimit, &mine, &[Item::Fault], &theirs, &[]);

    let wire = python.send("LineReceiver", &json!({}), &[b"a\r\nb".to_vec()]);
    let theirs = python.receive("LineReceiver", &json!({ "limit": 9 }), &[&wire]).items;
    assert_eq!(theirs, [frame("a"), frame("b")], "{:?}", Deviation::DelimiterWritten);
    let encoder = config.encoder().unwrap();
    assert!(encoder.append(&[], &[b"a\r\nb"], &mut Vec::new()).is_err());
}

/// The greatest length of two bytes, and one more.
#[test]
fn twisted_and_we_write_the_same_longest_string() {
    let Some(python) = Python::start("twisted") else { return };
    let config = Config::new(Length::u16_be());
    let wire = stream(&python, "Int16StringReceiver", &config, &[vec![7; 65_535]]).unwrap();
    assert_eq!(BigEndian::read_u16(&wire), 65_535);
    let limit = json!({ "limit": 65_535 });
    let theirs = python.receive("Int16StringReceiver", &limit, &[&wire]).items;
    assert_eq!(ours(&config, &[&wire], End::NotTold).items, theirs);
}
