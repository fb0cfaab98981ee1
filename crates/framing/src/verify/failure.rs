//! A cut that shows that something is wrong, for a person to read and a test to repeat.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::{self, Display};

use super::item::Bytes;
use super::stream::Expected;
use super::{Item, Mode};
use crate::{BuildError, EncodeError};

/// What is wrong, and the smallest cut that was found to show it.
///
/// Its text is for a person, over several lines. With [`run`](super::run) it can be repeated:
/// `run(&config, &failure.chunks(), failure.mode())`.
pub struct Failure(Box<Inner>);

struct Inner {
    what: What,
    stream: Vec<u8>,
    ends: Vec<usize>,
    mode: Mode,
}

pub(super) enum What {
    /// The configuration does not build.
    Build(BuildError),
    /// The encoder does not take a payload.
    Refused { payload: Vec<u8>, error: EncodeError },
    /// The whole stream does not yield what it should.
    Unexpected { expected: Vec<Expected>, got: Vec<Item> },
    /// Frames are complete, and not given where the stream ends behind them.
    Waits { complete: Vec<Item>, given: Vec<Item> },
    /// A payload in two parts, the first of so many bytes, is encoded in another way than as a whole.
    Parted { payload: Vec<u8>, at: usize, wire: Vec<u8>, parted: Vec<u8> },
    /// A cut changes what comes out.
    Cut { whole: Vec<Item>, cut: Vec<Item> },
    /// A way of reading does not give what another one does.
    Ways { other: Mode, reference: Vec<Item>, items: Vec<Item> },
    /// A cut changes `offset()`, or the way of reading does.
    Offset { cut: Vec<(usize, u64)>, bytewise: Vec<(usize, u64)> },
    /// The decoder broke a promise.
    Broken(&'static str),
    /// The framing broke its own contract in a way that the decoder saw.
    Lied(&'static str),
    /// The framing panicked, with these words.
    Panicked(String),
}

impl Failure {
    pub(super) fn new(what: What, stream: &[u8], ends: &[usize], mode: Mode) -> Self {
        let (stream, ends) = (stream.to_vec(), ends.to_vec());
        Self(Box::new(Inner { what, stream, ends, mode }))
    }

    /// The stream, cut as it was fed.
    pub fn chunks(&self) -> Vec<&[u8]> {
        let starts = core::iter::once(0).chain(self.0.ends.iter().copied());
        starts.zip(&self.0.ends).map(|(start, &end)| &self.0.stream[start..end]).collect()
    }

    /// The way of reading that shows it.
    pub const fn mode(&self) -> Mode {
        self.0.mode
    }

    pub(super) fn stream(&self) -> &[u8] {
        &self.0.stream
    }

    pub(super) fn ends(&self) -> &[usize] {
        &self.0.ends
    }
}

impl core::error::Error for Failure {}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.what {
            What::Build(error) => return write!(f, "the configuration does not build: {error}"),
            What::Refused { payload, error } => {
                return write!(f, "the encoder refuses {}: {error}", Bytes(payload));
            }
            What::Parted { payload, at, wire, parted } => {
                let [payload, wire, parted] = [payload, wire, parted].map(|bytes| Bytes(bytes));
                return write!(
                    f,
                    "the encoder depends on the parts of a payload\n  {payload}: {wire}\n  \
                     the same in two parts, of which the first has {at} bytes: {parted}"
                );
            }
            What::Unexpected { expected, got } => {
                f.write_str("the stream does not yield what it should")?;
                two_lists(f, ("expected", expected), ("got", got), Expected::is)?;
            }
            What::Waits { complete, given } => {
                f.write_str("a complete frame waits for bytes behind it")?;
                two_lists(f, ("complete", complete), ("given", given), PartialEq::eq)?;
            }
            What::Cut { whole, cut } => {
                f.write_str("what a stream yields depends on how it is cut")?;
                two_lists(f, ("whole", whole), ("cut", cut), PartialEq::eq)?;
            }
            What::Ways { other, reference, items } => {
                f.write_str("two ways of reading do not give the same")?;
                list(f, &alloc::format!("{other:?}"), reference)?;
                list(f, &alloc::format!("{:?}", self.0.mode), items)?;
            }
            What::Offset { cut, bytewise } => {
                f.write_str("offset() depends on how the stream is cut or read")?;
                for (end, offset) in cut {
                    let same = bytewise.iter().find(|(at, _)| at == end);
                    if let Some((_, expected)) = same.filter(|(_, expected)| expected != offset) {
                        write!(f, "\n  after {end} bytes: {offset}, byte by byte {expected}")?;
                    }
                }
            }
            What::Broken(promise) => write!(f, "the decoder broke a promise: {promise}")?,
            What::Lied(how) => write!(f, "the framing broke its contract: {how}")?,
            What::Panicked(words) => write!(f, "the framing panicked: {words}")?,
        }
        let mode = self.0.mode;
        write!(f, "\n  again: framing::verify::run(&config, &[")?;
        for (i, chunk) in self.chunks().into_iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}b\"{}\"", chunk.escape_ascii())?;
        }
        write!(f, "], framing::verify::Mode::{mode:?})")
    }
}

impl Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(payload) => write!(f, "frame: {}", Bytes(payload)),
            Self::Item(item) => item.fmt(f),
        }
    }
}

/// Two lists side by side, from their first difference on.
fn two_lists<A: Display, B: Display>(
    f: &mut fmt::Formatter<'_>,
    (left, lefts): (&str, &[A]),
    (right, rights): (&str, &[B]),
    are_same: impl Fn(&A, &B) -> bool,
) -> fmt::Result {
    let pairs = lefts.iter().zip(rights);
    let same = pairs.take_while(|(left, right)| are_same(left, right)).count();
    if same > 0 {
        write!(f, "\n  the first {same} are the same; then")?;
    }
    list(f, left, lefts.get(same..).unwrap_or_default())?;
    list(f, right, rights.get(same..).unwrap_or_default())
}

fn list<T: Display>(f: &mut fmt::Formatter<'_>, name: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return write!(f, "\n  {name}: nothing");
    }
    for item in items.iter().take(LISTED) {
        write!(f, "\n  {name}: {item}")?;
    }
    match items.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => write!(f, "\n  {name}: and {more} more"),
    }
}

/// So many items of a list are shown.
const LISTED: usize = 5;
