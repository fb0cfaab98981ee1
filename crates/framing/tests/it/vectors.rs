//! The language-neutral vectors of `tests/vectors`, replayed: whole, and under the cuts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use framing::verify::{Stream, Tried, Verifier};
use framing::{AnyFraming, Config, Spec};
use serde::Deserialize;

use crate::check::{Item, Mode, effort, is_sampled, run};

/// As `tests/vectors/README.md` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    framing: Spec,
    stream: Hex,
    frames: Vec<Hex>,
    skipped: Option<Vec<Skipped>>,
    error: Option<Fault>,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Skipped {
    offset: u64,
    declared: Option<u64>,
    discarded: u64,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Fault {
    kind: String,
    offset: u64,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(try_from = "String")]
struct Hex(Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
        let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        bytes.collect::<Option<_>>().map(Hex).ok_or(format!("{text} is not hexadecimal"))
    }
}

macro_rules! replayed {
    ($($framing:ident)*) => {
        const FILES: &[&str] = &[$(stringify!($framing)),*];

        $(
            #[test]
            fn $framing() {
                replay(stringify!($framing));
            }
        )*
    };
}

replayed! {
    length varint delimited lines fixed netstring content_length chunked cobs slip envelope
}

fn replay(framing: &str) {
    let (mut tried, vectors, mut longer) = (Tried::default(), read(framing), 0);
    for vector in vectors.iter().filter(|_| is_sampled()) {
        // A stream of 24 bytes has eight million cuts: a few of these are enough.
        longer += u32::from((21..=24).contains(&vector.stream.0.len()));
        let exhaustive = effort(6, 14, if longer <= 4 { 24 } else { 20 });
        let config = vector.framing.clone().config();
        let whole = run(&config, &[vector.stream.0.len()], &vector.stream.0, Mode::PushFrames);
        vector.is_met_by(whole);
        tried += under_cuts(&config, &vector.stream.0, exhaustive);
    }
    eprintln!("{framing}: {} vectors, {tried}", vectors.len());
}

/// A stream of hundreds of bytes has too many cuts into three for every day.
fn under_cuts(config: &Config<AnyFraming>, stream: &[u8], exhaustive: usize) -> Tried {
    let pieces = if stream.len() <= 50 { effort(2, 4, 4) } else { 3 };
    let verifier = Verifier::new(config).exhaustive(exhaustive).pieces(pieces);
    if !cfg!(miri) && stream.len() <= effort(20, 50, usize::MAX) {
        return verifier
            .verify([Stream::any(stream)])
            .unwrap_or_else(|failure| panic!("{failure}"));
    }
    let mut tried = Tried::default();
    if cfg!(miri) && stream.len() > 100 {
        return tried; // byte by byte it would take minutes
    }
    let places = if cfg!(miri) { 2 } else { PLACES };
    for cut in (1..stream.len()).step_by((stream.len() / places).max(1)) {
        tried += verifier.cut(stream, &[cut]).unwrap_or_else(|failure| panic!("{failure}"));
    }
    tried
}

/// At so many places the longer ones are cut in two.
const PLACES: usize = 10;

impl Vector {
    fn is_met_by(&self, items: Vec<Item>) {
        let (mut frames, mut skipped, mut error) = (Vec::new(), Vec::new(), None);
        for item in items {
            match item {
                Item::Frame { payload, .. } => frames.push(Hex(payload)),
                Item::Skipped { offset, declared, discarded } => {
                    skipped.push(Skipped { offset, declared, discarded });
                }
                Item::Error { kind, offset } => {
                    error = Some(Fault { kind: kind.name().to_owned(), offset });
                }
                other => panic!("{}: {other:?}", self.name),
            }
        }
        assert_eq!((&frames, &error), (&self.frames, &self.error), "{}", self.name);
        assert_eq!(skipped, *self.skipped.as_deref().unwrap_or_default(), "{}", self.name);
    }
}

#[test]
fn the_catalogue_is_whole() {
    let mut names = BTreeSet::new();
    let (mut all, mut negative) = (0, 0);
    for framing in FILES {
        let vectors = read(framing);
        let between = vectors.iter().filter(|vector| (15..=20).contains(&vector.stream.0.len()));
        assert!(between.count() <= 4, "{framing}: every cut of these is tried in a long run");
        assert!(vectors.len() >= if *framing == "length" { 150 } else { 60 }, "{framing}");
        all += vectors.len();
        negative += vectors.iter().filter(|vector| vector.error.is_some()).count();
        names.extend(vectors.into_iter().map(|vector| vector.name));
    }
    assert_eq!(names.len(), all, "names are unique");
    assert!(all >= 1500 && negative >= 900, "{all} vectors, {negative} negative");
    let there = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let json = there.filter(|path| path.extension().is_some_and(|is| is == "json"));
    assert_eq!(json.count(), FILES.len(), "every file is replayed");
}

/// The expectations are not our own decoder's: one in another language, which shares nothing with
/// it, comes to the same.
#[cfg(not(miri))] // it starts no program
#[test]
fn a_decoder_in_another_language_agrees() {
    use std::io::ErrorKind;
    use std::process::Command;

    let output = match Command::new("python3").arg(folder().join("check.py")).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: there is no python3 here to run check.py");
            return;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn read(framing: &str) -> Vec<Vector> {
    let path = folder().join(framing).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{framing}: {error}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}
