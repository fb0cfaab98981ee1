//! `h11`: bodies with a `Content-Length`, and bodies in chunks. Both sides are told of the end.

use framing::{Chunked, Config, ContentLength, DecodeErrorKind, Decoder, Framing};
use proptest::prelude::*;
use serde_json::json;

use super::deviation::Deviation;
use super::python::Python;
use super::{
    Difference, End, Item, Ours, Then, chunks, compare, cuts, damage, frame, ours, property, shown,
};

/// A line of a head, how it ends, and the body behind it.
#[derive(Clone, Debug)]
struct Message {
    start: &'static str,
    fields: Vec<(String, &'static str)>,
    body: Vec<u8>,
}

/// Mostly the first of these, and some of the others.
fn mostly(
    right: &'static str,
    wrong: &'static [&'static str],
) -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just(right), 1 => prop::sample::select(wrong)]
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let start = mostly(
        "POST / HTTP/1.1",
        &["POST  / HTTP/1.1", "POST /", "\x01", "", " ", "PUT /a HTTP/1.1"],
    );
    let host = mostly("Host: a", &["Host: a\r\nHost: b", "X: a"]);
    let other = mostly(
        "X: y",
        &[
            "X:",
            "X:\tz ",
            "X: a\x01b",
            "X : y",
            ": y",
            " folded",
            "\tfolded",
            "X: \x7F",
            "X: \u{e9}",
            "X: a\0b",
            "X: a\x0Bb",
            "x",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip",
        ],
    );
    let length = mostly(
        "Content-Length: N",
        &[
            "content-length:N",
            "Content-Length:\t N \t",
            "Content-Length: 0N",
            "Content-Length: N, N",
            "Content-Length: N\r\nContent-Length: N",
            "Content-Length: N\r\nContent-Length: 1",
            "Content-Length: +N",
            "Content-Length: Nx",
            "Content-Length: N N",
            "Content-Length:",
            "Y: z",
            "Content-Length: 9999999",
            "Content-Length: 18446744073709551616",
        ],
    );
    let ending = || prop_oneof![40 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")];
    let others = prop::collection::vec((other, ending()), 0..3);
    let body = prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..20);
    let message = (start, (host, ending()), others, (length, ending()), body).prop_map(
        |(start, host, others, length, body): (_, _, Vec<_>, _, Vec<u8>)| {
            let mut fields = vec![host];
            fields.extend(others);
            fields.push(length);
            let number = body.len().to_string();
            let filled = |(line, ending): (&str, _)| (line.replace('N', &number), ending);
            Message { start, fields: fields.into_iter().map(filled).collect(), body }
        },
    );
    prop::collection::vec(message, 0..5)
}

impl Message {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.start).into_bytes();
        for (line, ending) in &self.fields {
            bytes.extend(line.as_bytes());
            bytes.extend(ending.as_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

const LIMIT: usize = 1_000_000;

fn excuse_message(wire: &[u8], met: &Difference<'_>) -> Option<(Deviation, Then)> {
    let lines = head(&wire[met.at..]);
    let last = lines.len().saturating_sub(1);
    let fields = lines.get(1..last).unwrap_or_default();
    let named = |name: &str| -> Vec<&[u8]> {
        let starts = |line: &&[u8]| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        };
        fields.iter().copied().filter(starts).collect()
    };
    let lengths = named("content-length:");
    let is_control = |byte: &u8| *byte < b' ' && *byte != b'\t' || *byte == 0x7F;
    let any = |test: &dyn Fn(&[u8]) -> bool| fields.iter().any(|line| test(line));
    let reasons = if met.ours == Some(&Item::Fault) {
        vec![
            (lines.iter().any(|line| !line.ends_with(b"\r")), Deviation::LfEndsALine),
            (any(&|line| line.starts_with(b" ") || line.starts_with(b"\t")), Deviation::FoldedLine),
            (!named("transfer-encoding:").is_empty(), Deviation::TransferEncoding),
            (
                lengths.len() > 1 || lengths.iter().any(|line| line.contains(&b',')),
                Deviation::RepeatedLength,
            ),
            (lengths.is_empty(), Deviation::NoLength),
            (
                any(&|line| line.strip_suffix(b"\r").unwrap_or(line).iter().any(is_control)),
                Deviation::ControlCharacter,
            ),
        ]
    } else {
        let start = lines.first().copied().unwrap_or_default();
        let right =
            start.starts_with(b"POST / HTTP/1.1\r") || start.starts_with(b"PUT /a HTTP/1.1\r");
        let fault = met.theirs == Some(&Item::Fault);
        vec![(fault && (!right || named("host:").len() != 1), Deviation::MeaningOfTheHead)]
    };
    let reason = reasons.into_iter().find(|(holds, _)| *holds)?;
    Some((reason.1, Then::Stop))
}

/// The lines of a head as `h11` sees them, without the LF, the empty one with them.
fn head(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let empty = lines.iter().position(|line| line.is_empty() || *line == b"\r");
    lines.truncate(empty.map_or(lines.len(), |empty| empty + 1));
    lines
}

#[test]
fn h11_content_length() {
    let Some(python) = Python::start("h11") else { return };
    let config = Config::new(ContentLength::http()).max_payload(LIMIT);
    let strategy = (messages(), damage(), [cuts(), cuts()]);
    property("h11 Content-Length", 1_000, strategy, |(messages, damage, cuts)| {
        let wire = messages.iter().flat_map(Message::bytes).collect();
        let wire = damage.apply(wire);
        let mine = ours(&config, &chunks(&wire, &cuts[0]), End::Told);
        let others = python.receive("h11", &json!({}), &chunks(&wire, &cuts[1])).items;
        compare(&mine, &others, |difference| excuse_message(&wire, difference))
    });
}

#[test]
fn h11_bodies_both_ways() {
    let Some(python) = Python::start("h11") else { return };
    let payloads = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6);
    property("h11 sends", 300, (payloads, cuts()), |(payloads, cuts)| {
        let all = [frame(payloads.concat())];
        let wire = python.send("h11", &json!({}), &payloads);
        let config = Config::new(ContentLength::http());
        prop_assert_eq!(&ours(&config, &chunks(&wire, &cuts), End::Told).items, &all);
        let wire = python.send("h11-chunked", &json!({}), &payloads);
        let config = Config::new(Chunked);
        prop_assert_eq!(&ours(&config, &chunks(&wire, &cuts), End::Told).items, &all);

        let body = payloads.concat();
        let mut mine = Vec::new();
        config.encoder().unwrap().append(&[], &[&body], &mut mine).unwrap();
        let theirs = python.receive("h11-chunked", &json!({}), &chunks(&mine, &cuts));
        prop_assert_eq!((&theirs.items[..], theirs.rest), (&all[..], 0));
        let config = Config::new(ContentLength::http());
        let mut mine = Vec::new();
        let head = b"POST / HTTP/1.1\r\nHost: a\r\n";
        config.encoder().unwrap().append(head, &[&body], &mut mine).unwrap();
        prop_assert_eq!(python.receive("h11", &json!({}), &chunks(&mine, &cuts)).items, all);
        Ok(Vec::new())
    });
}

/// One body in chunks, and what follows it.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let size = mostly(
        "N",
        &[
            "000N",
            "0000000000000000000N",
            "00000000000000000000000N",
            "N ",
            "N\t",
            "N;ext=1",
            "N ;e",
            "N;a=\x01",
            "N;a=\rb",
            "N;a=\nb",
            "0xN",
            "",
            "-N",
            "+N",
            "g",
            "N,",
            " N",
            "FFFFFFFFFFFFFFFF",
            "1FFFFFFFFFFFFFFFF",
        ],
    );
    let data = prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 1..30);
    let ending = mostly("\r\n", &["\n", "\r", ""]);
    let behind = mostly("\r\n", &["\n", "\r", "", "x\r\n"]);
    let chunk = (size, ending, data, behind).prop_map(|(size, ending, data, behind)| {
        let size = size.replace('N', &format!("{:x}", data.len()));
        [size.as_bytes(), ending.as_bytes(), &data, behind.as_bytes()].concat()
    });
    let last =
        mostly("0\r\n", &["000\r\n", "0;e\r\n", "0 \r\n", "0\n", "00000000000000000000\r\n"]);
    let field = mostly(
        "X: y\r\n",
        &["X:\r\n", "X : y\r\n", " folded\r\n", "X: a\x01\r\n", "X: y\n", "x\r\n", "X: a\rb\r\n"],
    );
    let fields = prop::collection::vec(field, 0..3).prop_map(|fields| fields.concat());
    let end = mostly("\r\n", &["\n", ""]);
    let rest = prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..9);
    (prop::collection::vec(chunk, 0..5), last, fields, end, rest).prop_map(
        |(chunks, last, fields, end, rest)| {
            let end = [last.as_bytes(), fields.as_bytes(), end.as_bytes(), &rest].concat();
            [chunks.concat(), end].concat()
        },
    )
}

/// Our first body only; theirs has but one. Then where our error is.
fn first_body(wire: &[u8], cuts: &[f64]) -> (Ours, Option<usize>) {
    let config = Config::new(Chunked);
    let mut mine = ours(&config, &chunks(wire, cuts), End::Told);
    mine.items.truncate(1);
    let (mut decoder, mut rest) = (Decoder::new(Chunked), wire);
    let place = decoder.next(&mut rest).err().and_then(|error| {
        let malformed = matches!(error.kind(), DecodeErrorKind::Malformed(_));
        malformed.then(|| usize::try_from(error.offset()).unwrap())
    });
    (mine, place)
}

fn excuse_chunks(wire: &[u8], place: Option<usize>, rest: u64) -> Option<Deviation> {
    let Some(at) = place else {
        // We wait for the CRLF of an empty line, which to them was there.
        let taken = &wire[..wire.len() - usize::try_from(rest).ok()?];
        let before = taken.strip_suffix(b"\n")?;
        let before = before.strip_suffix(b"\r").unwrap_or(before).strip_suffix(b"\n")?;
        return (taken.ends_with(b"\n\n") || !before.ends_with(b"\r"))
            .then_some(Deviation::LfEndsALine);
    };
    let start = wire[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |lf| lf + 1);
    let end = at + wire[at..].iter().position(|&byte| byte == b'\n')?;
    let line = &wire[start..end];
    let Some(line) = line.strip_suffix(b"\r") else { return Some(Deviation::LfEndsALine) };
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let behind = &line[digits..];
    let is_control = |byte: &u8| *byte < b' ' && *byte != b'\t' || *byte == 0x7F;
    if (17..=20).contains(&digits) {
        return Some(Deviation::DigitsOfASize);
    }
    if digits > 0 && !behind.is_empty() && behind.iter().all(|byte| b" \t".contains(byte)) {
        return Some(Deviation::BlankAfterASize);
    }
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Some(Deviation::FoldedLine);
    }
    let value = behind.starts_with(b";") || line.contains(&b':');
    (value && line.iter().any(is_control)).then_some(Deviation::ControlCharacter)
}

#[test]
fn h11_chunked() {
    let Some(python) = Python::start("h11") else { return };
    let strategy = (bodies(), damage(), [cuts(), cuts()]);
    property("h11 chunked", 1_000, strategy, |(wire, damage, cuts)| {
        let wire = damage.apply(wire);
        if wire.is_empty() {
            // To them the head has begun a body, and to us nothing has.
            return Ok(Vec::new());
        }
        let (mine, place) = first_body(&wire, &cuts[0]);
        let theirs = python.receive("h11-chunked", &json!({}), &chunks(&wire, &cuts[1]));
        let met = compare(&mine, &theirs.items, |met| {
            let refused = met.ours == Some(&Item::Fault) && met.theirs != met.ours;
            let deviation = refused.then(|| excuse_chunks(&wire, place, theirs.rest))??;
            Some((deviation, Then::Stop))
        })?;
        if met.is_empty() && mine.items[0] != Item::Fault {
            prop_assert_eq!(mine.ends[0] as u64 + theirs.rest, wire.len() as u64);
        }
        Ok(met)
    });
}

#[test]
fn h11_deviations() {
    let Some(python) = Python::start("h11") else { return };
    let fault = || vec![Item::Fault];
    let both = |framing: &dyn Fn(&[u8]) -> Vec<Item>, peer: &str, wire: &[u8]| {
        (framing(wire), python.receive(peer, &json!({}), &[wire]).items)
    };
    let decoded = |wire: &[u8]| first(&Config::new(ContentLength::http()).max_payload(9), wire);
    for (deviation, fields, mine, others) in [
        (Deviation::LfEndsALine, "Host: a\nContent-Length: 1\r\n", fault(), vec![frame("b")]),
        (
            Deviation::FoldedLine,
            "Host: a\r\n b\r\nContent-Length: 1\r\n",
            fault(),
            vec![frame("b")],
        ),
        (
            Deviation::RepeatedLength,
            "Host: a\r\nContent-Length: 1, 1\r\n",
            fault(),
            vec![frame("b")],
        ),
        (
            Deviation::RepeatedLength,
            "Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
            fault(),
            vec![frame("b")],
        ),
        (
            Deviation::ControlCharacter,
            "Host: a\x01\r\nContent-Length: 1\r\n",
            fault(),
            vec![frame("b")],
        ),
        (Deviation::MeaningOfTheHead, "Content-Length: 1\r\n", vec![frame("b")], fault()),
    ] {
        let wire = ["POST / HTTP/1.1\r\n", fields, "\r\nb"].concat();
        let met = both(&decoded, "h11", wire.as_bytes());
        assert_eq!(met, (mine, others), "{deviation:?}");
    }
    for (deviation, wire, others) in [
        (Deviation::NoLength, "POST / HTTP/1.1\r\nHost: a\r\n\r\n", frame("")),
        (
            Deviation::TransferEncoding,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nb\r\n0\r\n\r\n",
            frame("b"),
        ),
        (
            Deviation::NoLimit,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
            frame("0123456789"),
        ),
    ] {
        let met = both(&decoded, "h11", wire.as_bytes());
        assert_eq!(met, (fault(), vec![others]), "{deviation:?}");
    }

    for (deviation, wire) in [
        (Deviation::DigitsOfASize, "00000000000000001\r\nb\r\n0\r\n\r\n"),
        (Deviation::BlankAfterASize, "1 \r\nb\r\n0\r\n\r\n"),
        (Deviation::ControlCharacter, "1;\x01\r\nb\r\n0\r\n\r\n"),
        (Deviation::LfEndsALine, "1\r\nb\r\n0\r\nX: y\n\r\n"),
        (Deviation::FoldedLine, "1\r\nb\r\n0\r\nX: y\r\n z\r\n\r\n"),
    ] {
        let (mine, place) = first_body(wire.as_bytes(), &[]);
        let theirs = python.receive("h11-chunked", &json!({}), &[wire.as_bytes()]);
        shown(deviation, &mine, &fault(), &theirs.items, &[frame("b")]);
        assert_eq!(excuse_chunks(wire.as_bytes(), place, theirs.rest), Some(deviation));
    }
}

fn first<F: Framing + Clone>(config: &Config<F>, wire: &[u8]) -> Vec<Item> {
    ours(config, &[wire], End::Told).items
}
