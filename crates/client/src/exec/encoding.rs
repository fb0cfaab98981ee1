//! Output in an encoding of old, as UTF-8.
//!
//! ```text
//! raw     bytes ----------------------------------------------------------> sink
//! LABEL   bytes --> decoder ----------------------------------------------> sink
//! auto    ASCII ----------------------------------------------------------> sink
//!         from the first other byte on: held --(4 KiB, a pause, the end)--> guess --> decoder --> sink
//! ```

use std::io;
use std::os::fd::BorrowedFd;
use std::str::FromStr;
use std::time::{Duration, Instant};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder};

use crate::output::Sink;

/// What a command's output is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes, which pass as they are.
    Raw,
    /// Text, in what it looks like.
    Auto,
    /// Text in this encoding.
    Known(&'static encoding_rs::Encoding),
}

/// A word that names no encoding.
#[derive(Debug, thiserror::Error)]
#[error(
    "no such encoding; try auto, raw, or a label such as gbk, big5, shift_jis, euc-kr, windows-1252, koi8-r, utf-16le"
)]
pub(crate) struct UnknownEncoding;

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(word: &str) -> Result<Self, UnknownEncoding> {
        match word {
            "raw" => Ok(Self::Raw),
            "auto" => Ok(Self::Auto),
            // What only decodes to one U+FFFD, as the web wants it for its safety, helps nobody here.
            label => encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
                .map(Self::Known)
                .ok_or(UnknownEncoding),
        }
    }
}

/// Puts to `sink` in UTF-8 what comes in some encoding, whatever the cuts. What is no text in that encoding
/// becomes U+FFFD.
pub(super) struct Decoded<S> {
    sink: S,
    encoding: Encoding,
    state: State,
}

enum State {
    /// All passes.
    Raw,
    /// All has been ASCII, and that passes.
    Ascii,
    /// Until it can be guessed what it is.
    Held {
        bytes: Vec<u8>,
        guess_at: Instant,
    },
    Decoding(Box<Decoder>),
}

impl<S: Sink> Decoded<S> {
    pub(super) fn new(encoding: Encoding, sink: S) -> Self {
        Self { sink, encoding, state: State::new(encoding) }
    }

    /// Where the text goes.
    pub(super) fn inner(&mut self) -> &mut S {
        &mut self.sink
    }

    pub(super) fn into_inner(self) -> S {
        self.sink
    }

    /// Takes what is held for what it looks like now.
    fn guess(&mut self, more: More) -> io::Result<()> {
        if let State::Held { bytes, .. } = &mut self.state {
            let bytes = std::mem::take(bytes);
            let decoder = guess(&bytes, more).new_decoder_with_bom_removal();
            self.state = State::Decoding(Box::new(decoder));
            self.decode(&bytes, More::Comes)?;
        }
        Ok(())
    }

    fn decode(&mut self, bytes: &[u8], more: More) -> io::Result<()> {
        let State::Decoding(decoder) = &mut self.state else { return Ok(()) };
        let (mut text, mut rest) = (String::new(), bytes);
        loop {
            text.reserve(decoder.max_utf8_buffer_length(rest.len()).unwrap_or(rest.len()));
            let (result, read, _) = decoder.decode_to_string(rest, &mut text, more == More::Ended);
            rest = rest.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                break;
            }
        }
        if text.is_empty() { Ok(()) } else { self.sink.put(text.as_bytes()) }
    }
}

impl State {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Raw => Self::Raw,
            Encoding::Auto => Self::Ascii,
            Encoding::Known(known) => {
                Self::Decoding(Box::new(known.new_decoder_with_bom_removal()))
            }
        }
    }
}

impl<S: Sink> Sink for Decoded<S> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let rest = match &self.state {
            State::Raw => return self.sink.put(bytes),
            State::Decoding(_) => return self.decode(bytes, More::Comes),
            State::Ascii => {
                let ascii = bytes.iter().take_while(|byte| byte.is_ascii()).count();
                let (ascii, rest) = bytes.split_at(ascii);
                if !ascii.is_empty() {
                    self.sink.put(ascii)?;
                }
                rest
            }
            State::Held { .. } => bytes,
        };
        if rest.is_empty() {
            return Ok(());
        }
        if let State::Ascii = self.state {
            self.state = State::Held { bytes: Vec::new(), guess_at: Instant::now() };
        }
        if let State::Held { bytes, guess_at } = &mut self.state {
            bytes.extend_from_slice(rest);
            *guess_at = Instant::now() + PAUSE;
            if bytes.len() >= SAMPLE {
                self.guess(More::Comes)?;
            }
        }
        Ok(())
    }

    fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.sink.waits_for()
    }

    fn is_full(&self) -> bool {
        self.sink.is_full()
    }

    fn drain(&mut self) -> io::Result<()> {
        if let State::Held { guess_at, .. } = self.state
            && guess_at <= Instant::now()
        {
            self.guess(More::Comes)?;
        }
        self.sink.drain()
    }

    fn wakes_at(&self) -> Option<Instant> {
        match self.state {
            State::Held { guess_at, .. } => Some(guess_at),
            _ => self.sink.wakes_at(),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.guess(More::Ended)?;
        self.decode(&[], More::Ended)?;
        self.state = State::new(self.encoding);
        self.sink.end()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }
}

/// Whether anything can come behind a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Comes,
    Ended,
}

/// The likeliest encoding of what begins with a byte that is not ASCII. Only the first [`SAMPLE`] bytes
/// count, so that it does not depend on how they were cut.
fn guess(bytes: &[u8], more: More) -> &'static encoding_rs::Encoding {
    let (sample, more) = match bytes.get(..SAMPLE) {
        Some(sample) => (sample, More::Comes),
        None => (bytes, more),
    };
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(sample) {
        return encoding;
    }
    let is_utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        // A character of which the rest is on its way.
        Err(error) => error.error_len().is_none() && more == More::Comes,
    };
    if is_utf8 {
        return encoding_rs::UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, more == More::Ended);
    detector.guess(None, Utf8Detection::Deny)
}

/// How much has to be there for a guess that nothing hurries.
const SAMPLE: usize = 4096;

/// After so long without anything new a guess is made of what is there: somebody may be waiting for it.
const PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out if `bytes` come in the given pieces.
    fn decoded(encoding: Encoding, pieces: &[&[u8]]) -> String {
        let mut decoded = Decoded::new(encoding, Vec::new());
        for piece in pieces {
            decoded.put(piece).unwrap();
        }
        decoded.end().unwrap();
        String::from_utf8(decoded.into_inner()).unwrap()
    }

    /// Holds whole, in every two pieces, and byte by byte against each other.
    #[track_caller]
    fn check(encoding: Encoding, bytes: &[u8], expected: &str) {
        assert_eq!(decoded(encoding, &[bytes]), expected);
        for cut in 0..=bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(decoded(encoding, &[front, back]), expected, "cut at {cut}");
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(decoded(encoding, &single), expected, "byte by byte");
    }

    #[test]
    fn a_character_is_never_broken_by_a_cut() {
        let text = "粘包：一个包被分成两半 abc。\n".repeat(4);
        let (gbk, _, _) = encoding_rs::GBK.encode(&text);
        check("gbk".parse().unwrap(), &gbk, &text);
        check(Encoding::Auto, &gbk, &text);
        check(Encoding::Auto, text.as_bytes(), &text);
        check("utf-8".parse().unwrap(), text.as_bytes(), &text);
    }

    #[test]
    fn what_is_no_text_is_replaced_also_at_the_end() {
        check("gbk".parse().unwrap(), b"a\xffb\xd5", "a\u{fffd}b\u{fffd}");
        check("utf-8".parse().unwrap(), b"a\xffb\xe4\xbd", "a\u{fffd}b\u{fffd}");
        check("utf-16le".parse().unwrap(), b"\xff\xfea\0\x00\xd8", "a\u{fffd}");
    }

    #[test]
    fn every_encoding_decodes_its_own_whatever_the_cuts() {
        let text = "plain, grüße, привет, שלום, 粘包, こんにちは, 안녕하세요, ok\n";
        let mut seen = std::collections::BTreeSet::new();
        for label in LABELS {
            let Ok(Encoding::Known(encoding)) = label.parse() else { panic!("{label}") };
            seen.insert(encoding.name());
            // What the encoding does not have becomes a reference of the web's, in ASCII.
            let (bytes, output, _) = encoding.encode(text);
            // UTF-16 is not encoded to.
            let bytes = if output == encoding {
                bytes.into_owned()
            } else {
                let unit: fn(u16) -> [u8; 2] =
                    if *label == "utf-16le" { u16::to_le_bytes } else { u16::to_be_bytes };
                text.encode_utf16().flat_map(unit).collect()
            };
            let (expected, _) = encoding.decode_with_bom_removal(&bytes);
            check(Encoding::Known(encoding), &bytes, &expected);
        }
        assert_eq!(seen.len(), LABELS.len(), "no two labels of one encoding");
        for bad in ["", "gbk2", "replacement", "iso-2022-kr", "g b k"] {
            assert!(bad.parse::<Encoding>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ascii_is_not_held_and_the_rest_only_for_a_while() {
        let mut output = Decoded::new(Encoding::Auto, Vec::new());
        output.put(b"plain \xc4").unwrap();
        assert_eq!(output.inner(), b"plain ");
        let due = output.wakes_at().unwrap();
        assert!(due <= Instant::now() + PAUSE);
        output.put(&[0xe3]).unwrap();
        assert!(output.wakes_at().unwrap() >= due, "what is new puts it off");
        std::thread::sleep(output.wakes_at().unwrap().saturating_duration_since(Instant::now()));
        output.drain().unwrap();
        assert!(output.inner().len() > 6 && output.wakes_at().is_none());
        // A long piece is not held at all.
        let mut output = Decoded::new(Encoding::Auto, Vec::new());
        output.put(&encoding_rs::GBK.encode(&"中文".repeat(2000)).0).unwrap();
        assert_eq!(output.wakes_at(), None);
        assert_eq!(output.inner().len(), 12_000);
    }

    /// One label of every encoding that can be asked for.
    const LABELS: &[&str] = &[
        "utf-8",
        "ibm866",
        "iso-8859-2",
        "iso-8859-3",
        "iso-8859-4",
        "iso-8859-5",
        "iso-8859-6",
        "iso-8859-7",
        "iso-8859-8",
        "iso-8859-8-i",
        "iso-8859-10",
        "iso-8859-13",
        "iso-8859-14",
        "iso-8859-15",
        "iso-8859-16",
        "koi8-r",
        "koi8-u",
        "macintosh",
        "windows-874",
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1253",
        "windows-1254",
        "windows-1255",
        "windows-1256",
        "windows-1257",
        "windows-1258",
        "x-mac-cyrillic",
        "gbk",
        "gb18030",
        "big5",
        "euc-jp",
        "iso-2022-jp",
        "shift_jis",
        "euc-kr",
        "utf-16be",
        "utf-16le",
        "x-user-defined",
    ];
}
