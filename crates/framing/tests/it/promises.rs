//! The contract's promises about decoding that are not about cuts, each by its number.

use std::cell::Cell;
use std::rc::Rc;

use framing::{
    BuildError, Chunked, Config, DecodeErrorKind, Decoder, EncodeError, Encoder, Envelope, Framing,
    Length, LengthBuilder, Limits, Lines, Malformed, Oversize, Reassembler, Scan,
};

use crate::check::effort;

const HEAD: usize = 4;

pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Encoder::new(Length::u32_be()).append(&[], &[payload], &mut wire).unwrap();
    wire
}

/// What a head that claims `length` bytes looks like.
pub(crate) fn claim(length: u32) -> [u8; HEAD] {
    length.to_be_bytes()
}

/// Reads all of `bytes`; the answer is the count of frames.
fn fill<F: Framing>(owned: &mut Reassembler<F>, mut bytes: &[u8]) -> usize {
    let mut frames = 0;
    while !bytes.is_empty() {
        let n = std::io::Read::read(&mut bytes, owned.space()).unwrap();
        owned.filled(n);
        while owned.next().unwrap().is_some() {
            frames += 1;
        }
    }
    frames
}

#[test]
fn p2_a_frame_that_lies_whole_in_the_chunk_is_not_copied() {
    let wire = [frame(b"one"), frame(b""), frame(&[7; 1000])].concat();
    let mut decoder = Decoder::new(Length::u32_be());
    let mut input = &wire[..];
    while let Some(frame) = decoder.next(&mut input).unwrap() {
        let direct = frame.payload().direct().expect("lent from the chunk");
        assert!(wire.as_ptr_range().contains(&direct.as_ptr()));
    }
    assert_eq!(decoder.stats().copied_bytes, 0);
}

#[test]
fn p2_a_split_head_costs_only_the_copy_of_the_head() {
    let wire = frame(b"the body lies whole in the next chunk");
    for cut in 1..=HEAD {
        let mut decoder = Decoder::new(Length::u32_be());
        assert!(decoder.next(&mut &wire[..cut]).unwrap().is_none());
        let frame = decoder.next(&mut &wire[cut..]).unwrap().unwrap();
        assert_eq!(frame.payload().direct(), Some(&wire[HEAD..]), "cut at {cut}");
        assert_eq!(frame.head(), &wire[..HEAD]);
        assert_eq!(decoder.stats().copied_bytes, HEAD as u64);
    }
    let mut wire = Vec::new();
    Encoder::new(Envelope).append(b"header", &[b"body"], &mut wire).unwrap();
    for cut in 1..=Envelope::HEAD + 6 {
        let mut decoder = Decoder::new(Envelope);
        assert!(decoder.next(&mut &wire[..cut]).unwrap().is_none());
        let frame = decoder.next(&mut &wire[cut..]).unwrap().unwrap();
        assert!(frame.payload().direct().is_some(), "cut at {cut}");
        assert_eq!(Envelope::header(frame.head()), b"header");
        assert_eq!(decoder.stats().copied_bytes, (Envelope::HEAD + 6) as u64);
    }
}

#[test]
fn p2_a_straddling_line_is_copied_once_and_the_next_is_lent() {
    let mut decoder = Decoder::new(Lines::lenient());
    assert!(decoder.next(&mut &b"half\r"[..]).unwrap().is_none());
    let mut input: &[u8] = b" a line\r\nwhole\r\n";
    assert_eq!(&*decoder.next(&mut input).unwrap().unwrap().payload(), b"half\r a line");
    let whole = decoder.next(&mut input).unwrap().unwrap();
    assert_eq!(whole.payload().direct(), Some(&b"whole"[..]));
    assert!(decoder.stats().copied_bytes <= b"half\r a line\r\n".len() as u64 + 1);
}

#[test]
fn p3_a_claimed_length_reserves_nothing() {
    let limits = Limits { payload: usize::MAX / 4, ..Limits::default() };
    let config = Config::new(Length::u32_be()).limits(limits);
    let mut push = config.decoder().unwrap();
    let mut owned = config.reassembler().unwrap();
    let mut received = 0;
    let mut feed = |mut bytes: &[u8]| {
        received += bytes.len();
        assert!(fill(&mut owned, bytes) == 0);
        assert!(push.next(&mut bytes).unwrap().is_none());
        assert!(push.stats().capacity <= 2 * received, "{:?} of {received}", push.stats());
        assert!(owned.capacity() <= (2 * received).max(8 << 10), "{}", owned.capacity());
    };
    let most = u32::try_from(limits.payload).unwrap_or(u32::MAX);
    feed(&claim(most));
    for _ in 0..effort(500, 20_000, 20_000) {
        feed(&[1; 7]);
    }
}

#[test]
fn p3_shrink_gives_back_what_is_not_in_use_and_keeps_what_is_held() {
    let wire = frame(&vec![1; 1 << 20]);
    let mut push = Decoder::new(Length::u32_be());
    let mut owned = Reassembler::new(Length::u32_be());
    for mut chunk in wire.chunks(1 << 12) {
        fill(&mut owned, chunk);
        while push.next(&mut chunk).unwrap().is_some() {}
    }
    for begun in [&b""[..], b"\0\0\x01\0begun"] {
        assert!(push.next(&mut &*begun).unwrap().is_none());
        fill(&mut owned, begun);
        push.shrink();
        owned.shrink();
        assert!(push.stats().capacity < 1 << 10, "{:?}", push.stats());
        assert!(owned.capacity() < 1 << 14, "{}", owned.capacity());
    }
    assert_eq!(owned.unread(), b"\0\0\x01\0begun");
    let rest = [b'.'; 0x100 - 5];
    let payload = [b"begun", &rest[..]].concat();
    assert_eq!(&*push.next(&mut &rest[..]).unwrap().unwrap().payload(), payload);
    assert_eq!(fill(&mut owned, &rest), 1);
}

#[test]
fn a_payload_is_its_bytes_wherever_they_lie() {
    let wire = [frame(b"one"), frame(b"two")].concat();
    let mut decoder = Decoder::new(Length::u32_be());
    let mut first = &wire[..9];
    let one = decoder.next(&mut first).unwrap().unwrap();
    assert_eq!(AsRef::<[u8]>::as_ref(&one.payload()), b"one");
    assert!(decoder.next(&mut first).unwrap().is_none());
    let mut second = &wire[9..];
    let two = decoder.next(&mut second).unwrap().unwrap();
    assert_eq!(AsRef::<[u8]>::as_ref(&two.payload()), b"two");
}

#[test]
fn p3_of_a_frame_that_is_skipped_nothing_is_held() {
    fn held<F: Framing + Clone>(framing: F, within: &[u8], past: &[u8]) {
        let config = Config::new(framing).max_payload(100).oversize(Oversize::Skip);
        let (mut push, mut owned) = (config.decoder().unwrap(), config.reassembler().unwrap());
        let mut feed = |mut chunk: &[u8]| {
            assert_eq!(fill(&mut owned, chunk), 0);
            assert!(push.next(&mut chunk).unwrap().is_none());
            (format!("{push:?}"), format!("{owned:?}"))
        };
        let (pushed, read) = feed(within);
        assert!(pushed.ends_with("held: 90, .. }") && read.ends_with("held: 90, .. }"), "{pushed}");
        let (pushed, read) = feed(past);
        assert!(pushed.ends_with("held: 0, .. }") && read.ends_with("held: 0, .. }"), "{pushed}");
    }
    held(Lines::lf(), &[b'x'; 90], &[b'x'; 20]);
    let part = [&b"55\r\n"[..], &[b'x'; 0x55], b"\r\n"].concat();
    held(Chunked, &part[..part.len() - 1], b"\n55\r\nxxx");
}

#[test]
fn p3_capacity_is_given_back_after_64_small_frames() {
    let size = effort(1 << 16, 1 << 20, 1 << 20);
    let big = frame(&vec![1; size]);
    let small = frame(&[2; 100]);
    let mut push = Decoder::new(Length::u32_be());
    let mut owned = Reassembler::new(Length::u32_be());
    let mut feed = |wire: &[u8]| {
        for mut chunk in wire.chunks(60) {
            fill(&mut owned, chunk);
            while push.next(&mut chunk).unwrap().is_some() {}
        }
        (push.stats().capacity, owned.capacity())
    };
    let (push_peak, owned_peak) = feed(&big);
    assert!(push_peak >= size && owned_peak >= size);
    let mut last = (0, 0);
    for _ in 0..70 {
        last = feed(&small);
    }
    assert!(last.0 <= 4096 && last.1 <= 8 << 10, "{last:?}");
}

#[test]
fn p4_limits_that_no_buffer_can_hold_do_not_build() {
    let limits = Limits { payload: usize::MAX / 2, ..Limits::default() };
    let config = Config::new(Length::u32_be()).limits(limits);
    assert_eq!(config.decoder().unwrap_err(), BuildError::LimitsOverflow);
    assert_eq!(config.encoder().unwrap_err(), BuildError::LimitsOverflow);
    assert_eq!(config.reassembler().unwrap_err(), BuildError::LimitsOverflow);
}

#[test]
fn p4_the_limit_is_of_what_is_handed_out() {
    // A field that counts the whole frame, of which only the payload is limited.
    let framing = LengthBuilder::u16_be().includes_head().build().unwrap();
    let config = Config::new(framing).max_payload(3);
    let mut fits: &[u8] = b"\0\x05abc";
    assert_eq!(&*config.decoder().unwrap().next(&mut fits).unwrap().unwrap().payload(), b"abc");
    let mut past: &[u8] = b"\0\x06abcd";
    let error = config.decoder().unwrap().next(&mut past).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: Some(4), limit: 3 });
    assert_eq!(past, b"\0\x06abcd", "a fatal error leaves the input unread");
}

#[test]
fn p5_truncation_is_told_from_a_clean_end() {
    for (wire, clean) in [
        (&b""[..], true),
        (b"\0\0\0\0", true),
        (b"\0\0\0\x01", false),
        (b"\0\0", false),
        (b"\0\0\0\x02a", false),
        (b"\0\0\0\x01a", true),
        // Past the limit of 3, while it is skipped.
        (b"\0\0\0\x05abcd", false),
    ] {
        let config = Config::new(Length::u32_be()).max_payload(3).oversize(Oversize::Skip);
        let mut decoder = config.decoder().unwrap();
        let mut input = wire;
        while decoder.next(&mut input).unwrap().is_some() {}
        let end = decoder.finish();
        if clean {
            assert!(end.unwrap().is_none(), "{wire:?}");
        } else {
            let received = wire.len() as u64;
            assert_eq!(end.unwrap_err().kind(), DecodeErrorKind::Truncated { received });
        }
    }
}

#[test]
fn p6_an_empty_chunk_is_no_end_and_no_error() {
    let mut decoder = Decoder::new(Lines::lf());
    for _ in 0..3 {
        assert!(decoder.next(&mut &b""[..]).unwrap().is_none());
        assert!(decoder.next(&mut &b"x"[..]).unwrap().is_none());
    }
    assert_eq!(&*decoder.next(&mut &b"\n"[..]).unwrap().unwrap().payload(), b"xxx");
}

#[test]
fn p7_reset_heals() {
    let mut decoder = Config::new(Length::u32_be()).max_payload(3).decoder().unwrap();
    let error = decoder.next(&mut &claim(4)[..]).unwrap_err();
    assert!(error.is_fatal());
    assert_eq!(decoder.next(&mut &b"x"[..]).unwrap_err(), error);
    decoder.reset();
    assert_eq!(decoder.offset(), 0);
    assert_eq!(&*decoder.next(&mut &frame(b"ok")[..]).unwrap().unwrap().payload(), b"ok");
}

#[test]
fn p7_a_failed_reassembler_drops_what_arrives_and_always_has_space() {
    let mut owned = Config::new(Length::u32_be()).max_payload(3).reassembler().unwrap();
    owned.space()[..HEAD].copy_from_slice(&claim(4));
    owned.filled(HEAD);
    let error = owned.next().unwrap_err();
    for _ in 0..100 {
        let n = owned.space().len();
        assert!(n > 0);
        owned.filled(n);
        assert_eq!(owned.next().unwrap_err(), error);
    }
    assert_eq!(owned.unread(), claim(4), "what had arrived is kept");
}

/// Counts the bytes that the inner framing was shown and had not seen before.
struct Counting<F> {
    inner: F,
    examined: Rc<Cell<usize>>,
    calls: Rc<Cell<usize>>,
}

impl<F: Framing> Framing for Counting<F> {
    fn scan(&self, seen: &[u8], from: usize, eof: bool) -> Result<Scan, Malformed> {
        self.calls.set(self.calls.get() + 1);
        let scan = self.inner.scan(seen, from, eof)?;
        let end = match &scan {
            Scan::Until { total, .. } => *total,
            Scan::Open { .. } => seen.len(),
            Scan::Need { .. } | Scan::Gap { .. } | Scan::Body { .. } => seen.len().min(HEAD),
        };
        self.examined.set(self.examined.get() + end.saturating_sub(from));
        Ok(scan)
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<framing::Enclosure<'_>, EncodeError> {
        Ok(framing::Enclosure::default())
    }
}

fn examined<F: Framing>(inner: F, wire: &[u8], chunk: usize) -> usize {
    let (examined, calls) = (Rc::new(Cell::new(0)), Rc::default());
    let mut decoder = Decoder::new(Counting { inner, examined: Rc::clone(&examined), calls });
    for mut chunk in wire.chunks(chunk) {
        while decoder.next(&mut chunk).unwrap().is_some() {}
    }
    examined.get()
}

#[test]
fn p8_work_is_linear_under_every_feeding() {
    let line = [vec![b'x'; effort(1_000, 50_000, 50_000)], b"\r\n".to_vec()].concat();
    let frames =
        (0..effort(50, 1000, 1000)).flat_map(|n| frame(&vec![0; n % 20])).collect::<Vec<_>>();
    for chunk in [1, 2, 3, 7, 1000] {
        let chunks = |wire: &[u8]| wire.len().div_ceil(chunk);
        let n = examined(Lines::lenient(), &line, chunk);
        // Twice for the delimiter of two bytes, and once at each border.
        assert!(n <= 2 * line.len() + 2 * chunks(&line), "{n} in chunks of {chunk}");
        let n = examined(Length::u32_be(), &frames, chunk);
        assert!(n <= 2 * frames.len() + HEAD * chunks(&frames), "{n} in chunks of {chunk}");
    }
}

#[test]
fn p8_a_byte_of_a_line_is_examined_once() {
    let line = [vec![b'x'; effort(1_000, 50_000, 50_000)], b"\n".to_vec()].concat();
    for chunk in [1, 7, 1000, 100_000] {
        assert_eq!(examined(Lines::lf(), &line, chunk), line.len(), "in chunks of {chunk}");
    }
}

/// A head of two bytes, then a line. It counts the bytes that it is shown, and looks at all of them.
struct Tagged {
    shown: Rc<Cell<usize>>,
}

impl Tagged {
    fn line(&self, seen: &[u8], head: usize) -> Scan {
        self.shown.set(self.shown.get() + seen.len());
        match seen.iter().position(|&byte| byte == b'\n') {
            Some(end) => Scan::Until { payload: head..end, total: end + 1 },
            None if seen.len() < head => Scan::Need { total: head },
            None => Scan::Open { head, safe: seen.len() },
        }
    }
}

impl Framing for Tagged {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(self.line(seen, 2))
    }

    fn resume(&self, seen: &[u8], _eof: bool) -> Result<Scan, Malformed> {
        Ok(self.line(seen, 0))
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<framing::Enclosure<'_>, EncodeError> {
        Ok(framing::Enclosure::default())
    }
}

#[test]
fn p8_an_open_payload_is_shown_once_in_every_mode() {
    let wire = [&b"##"[..], &vec![b'x'; effort(300, 5_000, 5_000)], b"\n"].concat();
    for chunk in [1, 7, 64, wire.len()] {
        for (mode, (owned, events)) in
            [(false, false), (false, true), (true, false), (true, true)].into_iter().enumerate()
        {
            let shown = Rc::new(Cell::new(0));
            let framing = || Tagged { shown: Rc::clone(&shown) };
            let (mut push, mut reassembler) =
                (Decoder::new(framing()), Reassembler::new(framing()));
            shown.set(0);
            for mut chunk in wire.chunks(chunk) {
                if owned {
                    reassembler.space()[..chunk.len()].copy_from_slice(chunk);
                    reassembler.filled(chunk.len());
                }
                while match (owned, events) {
                    (false, false) => push.next(&mut chunk).unwrap().is_some(),
                    (false, true) => push.next_event(&mut chunk).unwrap().is_some(),
                    (true, false) => reassembler.next().unwrap().is_some(),
                    (true, true) => reassembler.next_event().unwrap().is_some(),
                } {}
            }
            let n = shown.get();
            // A head that was split is shown again.
            assert!(n <= wire.len() + 32, "{n} of {} in chunks of {chunk}, {mode}", wire.len());
        }
    }
}

#[test]
fn p8_a_held_back_byte_does_not_make_the_next_chunk_go_byte_by_byte() {
    let (examined, calls) = (Rc::default(), Rc::new(Cell::new(0)));
    let inner = Lines::lenient();
    let mut decoder = Decoder::new(Counting { inner, examined, calls: Rc::clone(&calls) });
    assert!(decoder.next(&mut &b"x\r"[..]).unwrap().is_none());
    let rest = [vec![b'\r'; 10_000], b"\n".to_vec()].concat();
    let frame = decoder.next(&mut &rest[..]).unwrap().unwrap();
    assert_eq!(frame.payload().len(), 10_001);
    assert!(calls.get() < 10, "{} scans for one line in two chunks", calls.get());
}

#[test]
fn a_flood_of_empty_frames_costs_no_memory() {
    let flood = vec![0; effort(2 << 10, 64 << 10, 64 << 10)];
    let mut decoder = Decoder::new(Length::u32_be());
    let mut frames = 0;
    for chunk in 0..160 {
        // Odd sizes, so that heads are split.
        let mut input = &flood[..flood.len() - chunk % 3];
        while let Some(frame) = decoder.next(&mut input).unwrap() {
            assert!(frame.payload().is_empty());
            frames += 1;
        }
    }
    assert!(frames >= 160 * (flood.len() / HEAD - 1) && decoder.stats().capacity == 0);
}
