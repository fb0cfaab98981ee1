//! What goes in comes out.

use framing::verify::{Item, Mode, run};
use framing::{EncodeError, Encoded, Encoder, Framing};

use crate::choice::{KINDS, Settings, Visit, choose};
use crate::input::{Input, Sizes, ends, tried};

/// **What an encoder takes comes back as it was; what it refuses leaves no trace.**
///
/// And a frame that is written in pieces of any size, as [`Encoded::advance`] counts them, has the
/// bytes of one that is appended.
///
/// The input is as that of [`decode_any_spec`](crate::decode_any_spec), then, for each payload, its
/// length, where it is split into parts, and its bytes; the last of them may be of any length. The
/// prefix is made of the seed, as long as the framing wants it. What is left of the kind chooses the way
/// of reading.
pub fn round_trip(data: &[u8]) {
    let Some((&[kind, limit, policy, seed], rest)) = data.split_first_chunk() else { return };
    let mut input = Input::new(rest);
    // What is past the limits is refused: the policy never matters.
    let settings = Settings::read(kind, limit.saturating_mul(2), policy & !3, &mut input);
    choose(kind, input, RoundTrip { settings, seed, way: kind / KINDS });
}

struct RoundTrip {
    settings: Settings,
    seed: u8,
    way: u8,
}

impl Visit for RoundTrip {
    fn visit<F: Framing + Clone>(self, framing: F, mut input: Input<'_>) {
        let config = self.settings.config(framing.clone());
        let Ok(encoder) = config.encoder() else {
            assert!(config.decoder().is_err(), "both build, or none");
            return;
        };
        let mut wire = b"before".to_vec();
        let (mut sent, mut number) = (Vec::new(), self.seed);
        while !input.is_empty() && sent.len() < 64 {
            let (length, split) = (input.byte(), input.byte());
            let payload = if length == 0xFF { input.rest() } else { input.take(length.into()) };
            let (front, back) = payload.split_at(usize::from(split).min(payload.len()));
            let parts = [front, b"", back];
            number = number.wrapping_add(1);
            if let Ok(prefix) = append(&encoder, &parts, number, &mut wire) {
                sent.push(Sent { payload, prefix, frame: wire.len() });
            }
        }
        let wire = &wire[b"before".len()..];
        let mut start = 0;
        let chunks: Vec<&[u8]> = ends(wire.len(), self.seed)
            .into_iter()
            .map(|end| &wire[std::mem::replace(&mut start, end)..end])
            .collect();
        let modes = [Mode::PushFrames, Mode::OwnedEvents, Mode::OwnedFrames, Mode::PushEvents];
        for mode in tried(modes, self.way) {
            let items = run(&config, &chunks, mode).expect("the encoder has built").items;
            match mode {
                Mode::PushFrames | Mode::OwnedFrames => frames(&framing, wire, &sent, &items),
                _ => events(&sent, items),
            }
        }
    }
}

struct Sent<'p> {
    payload: &'p [u8],
    prefix: Vec<u8>,
    /// Where the frame ends in what was written.
    frame: usize,
}

/// Appends, and writes in pieces; both come to the same. Gives the prefix.
fn append<F: Framing>(
    encoder: &Encoder<F>,
    parts: &[&[u8]],
    number: u8,
    wire: &mut Vec<u8>,
) -> Result<Vec<u8>, EncodeError> {
    let before = wire.len();
    let untouched = |wire: &[u8]| wire.len() == before && wire.starts_with(b"before");
    let mut prefix: Vec<u8> = vec![number; usize::from(number % 4)];
    let mut appended = encoder.append(&prefix, parts, wire);
    if let Err(EncodeError::Prefix { expected, .. }) = appended {
        assert!(untouched(wire));
        prefix = vec![number; expected.min(1 << 16)];
        appended = encoder.append(&prefix, parts, wire);
    } else if appended.is_err() && !prefix.is_empty() {
        assert!(untouched(wire));
        prefix.clear();
        appended = encoder.append(&prefix, parts, wire);
    }
    match (appended, encoder.encode(&prefix, parts)) {
        (Ok(()), Ok(frame)) => {
            in_pieces(frame, number, &wire[before..]);
            Ok(prefix)
        }
        (Err(error), Err(same)) => {
            assert_eq!(error, same);
            assert!(untouched(wire), "what is refused leaves no trace");
            Err(error)
        }
        (appended, frame) => panic!("{appended:?}, {frame:?}"),
    }
}

/// What remains is always the rest of the frame.
fn in_pieces(mut encoded: Encoded<'_>, seed: u8, frame: &[u8]) {
    let mut sizes = Sizes::up_to(seed, 1 << (seed % 8));
    let mut rest = frame;
    while encoded.remaining() > 0 {
        assert_eq!(rest.len() as u64, encoded.remaining());
        assert!(rest.starts_with(encoded.chunk()));
        let mut unseen = rest;
        for slice in encoded.slices() {
            assert!(!slice.is_empty());
            unseen = unseen.strip_prefix(slice).expect("the slices are what is appended");
        }
        assert!(unseen.is_empty());
        let n = sizes.next();
        rest = &rest[n.min(rest.len())..];
        encoded.advance(n);
    }
    assert!(rest.is_empty() && encoded.chunk().is_empty());
}

fn frames<F: Framing>(framing: &F, wire: &[u8], sent: &[Sent<'_>], items: &[Item]) {
    assert_eq!(items.len(), sent.len(), "{items:?}");
    let plain = !framing.transforms() && framing.seal(0).bytes().is_empty();
    let head_is_first = plain && head_is_first(framing);
    let mut begin = 0;
    for (item, sent) in items.iter().zip(sent) {
        let Item::Frame { head, payload, trailer, discarded: 0, .. } = item else {
            panic!("{item:?}")
        };
        assert_eq!(payload, sent.payload);
        let end = sent.frame - b"before".len();
        if head_is_first {
            assert_eq!([&head[..], payload, trailer].concat(), wire[begin..end]);
            prefix_came(framing, head, sent);
        }
        begin = end;
    }
}

fn events(sent: &[Sent<'_>], items: Vec<Item>) {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for item in items {
        match item {
            Item::Begin { .. } => pieces.push(Vec::new()),
            Item::Data(data) => pieces.last_mut().expect("a frame has begun").extend(data),
            Item::End { discarded: 0, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(pieces.iter().eq(sent.iter().map(|sent| sent.payload)), "{pieces:?}");
}

/// A frame of several parts has more on the wire than one head and one trailer.
fn head_is_first<F: Framing>(framing: &F) -> bool {
    let around = framing.enclose(&[], &[b"x"]);
    let head = around.as_ref().map(|around| around.head.bytes());
    !matches!(head, Ok([b'0'..=b'9' | b'a'..=b'f', .., b'\r', b'\n']))
}

/// The caller's own bytes of the head, around those of the framing. (A header block is written anew.)
fn prefix_came<F: Framing>(framing: &F, head: &[u8], sent: &Sent<'_>) {
    let Ok(around) = framing.enclose(&sent.prefix, &[sent.payload]) else { return };
    let (before, after) = sent.prefix.split_at(around.split);
    let all = [around.lead, before, around.head.bytes(), after].concat();
    assert!(all == head || all.is_empty() || head.is_empty(), "{head:?} of {all:?}");
}
