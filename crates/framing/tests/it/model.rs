//! The decoder against a naive model of it, verb by verb: everything that a call gives, takes and
//! tells must be what the model says.

use framing::{
    Config, DecodeError, DecodeErrorKind, Decoder, Framing, Length, LengthBuilder, Lines, Oversize,
    Unterminated,
};
use proptest::prelude::*;

use crate::generated::cases;

#[derive(Clone, Copy, Debug)]
enum Verb {
    /// `next` with so many bytes of what has not been used yet.
    Next(usize),
    Finish,
    TakeTail,
    Shrink,
    Reset,
}

/// The beginning of a stream as a frame: head, payload and trailer in bytes.
struct Parsed {
    head: usize,
    payload: usize,
    trailer: usize,
    declared: bool,
}

/// What a framing sees in its bytes; with `eof`, at the end of the stream.
type Parse = fn(&[u8], bool) -> Option<Parsed>;

type Given = Result<Option<(Vec<u8>, u64)>, (DecodeErrorKind, u64)>;

struct Naive {
    parse: Parse,
    /// Whether what has no end yet is payload.
    open: bool,
    limit: usize,
    oversize: Oversize,
    held: Vec<u8>,
    offset: u64,
    failed: Option<(DecodeErrorKind, u64)>,
}

impl Naive {
    fn next(&mut self, input: &mut &[u8], eof: bool) -> Given {
        if let Some(error) = self.failed {
            let said = eof || !input.is_empty();
            *input = &[];
            return if said { Err(error) } else { Ok(None) };
        }
        let (held, limit, at) = (self.held.len(), self.limit, self.offset);
        self.held.extend_from_slice(input);
        let all = self.held.len();
        let refuses = matches!(self.oversize, Oversize::Error | Oversize::Stream);
        let parsed = (self.parse)(&self.held, eof);
        let past = parsed.as_ref().map_or(self.certain() > limit, |frame| frame.payload > limit);
        let declared = parsed.as_ref().filter(|frame| frame.declared).map(|f| f.payload as u64);
        if past && refuses {
            return self.fail(DecodeErrorKind::TooLong { declared, limit });
        }
        let total = |frame: &Parsed| frame.head + frame.payload + frame.trailer;
        let Some(frame) = parsed.filter(|frame| total(frame) <= all) else {
            *input = &[];
            if eof && all > 0 {
                return self.fail(DecodeErrorKind::Truncated { received: all as u64 });
            }
            return Ok(None);
        };
        *input = &input[total(&frame) - held..];
        let payload = self.held[frame.head..][..frame.payload.min(limit)].to_vec();
        let discarded = (frame.payload - payload.len()) as u64;
        self.held.clear();
        self.offset += total(&frame) as u64;
        if past && self.oversize == Oversize::Skip {
            let discarded = frame.payload as u64;
            return Err((DecodeErrorKind::Skipped { declared, discarded, limit }, at));
        }
        Ok(Some((payload, discarded)))
    }

    /// Payload bytes before an end that is not in sight.
    fn certain(&self) -> usize {
        if self.open { self.held.len() } else { 0 }
    }

    fn fail(&mut self, kind: DecodeErrorKind) -> Given {
        self.failed = Some((kind, self.offset));
        Err((kind, self.offset))
    }
}

fn told(error: DecodeError) -> (DecodeErrorKind, u64) {
    (error.kind(), error.offset())
}

fn follow<F: Framing + Clone>(config: &Config<F>, mut model: Naive, wire: &[u8], script: &[Verb]) {
    let mut decoder: Decoder<F> = config.decoder().unwrap();
    let mut at = 0;
    for &verb in script {
        let failed = model.failed.is_some();
        match verb {
            Verb::Next(size) => {
                let chunk = &wire[at..wire.len().min(at + size)];
                let (mut given, mut modelled) = (chunk, chunk);
                let got = decoder.next(&mut given).map_err(told);
                let got = got.map(|f| f.map(|f| (f.payload().to_vec(), f.discarded())));
                assert_eq!(got, model.next(&mut modelled, false), "{verb:?} at {at} of {wire:?}");
                if !failed && model.failed.is_some() {
                    modelled = given;
                }
                assert_eq!(given, modelled, "what is left after {verb:?} at {at} of {wire:?}");
                at += chunk.len() - given.len();
                if matches!(got, Ok(None)) && model.failed.is_none() {
                    needs_what_is_missing(&decoder, &model);
                }
            }
            Verb::Finish => {
                let got = decoder.finish().map_err(told);
                let got = got.map(|f| f.map(|f| (f.payload().to_vec(), f.discarded())));
                assert_eq!(got, model.next(&mut &b""[..], true), "{verb:?} at {at} of {wire:?}");
            }
            Verb::TakeTail if !failed => {
                let parsed = (model.parse)(&model.held, false);
                let past = parsed.as_ref().map_or(model.certain(), |frame| frame.payload);
                let kept = parsed.map_or(0, |frame| frame.head) + model.limit;
                let dropped = match model.oversize {
                    Oversize::Skip => past > model.limit,
                    _ => past > model.limit && model.held.len() > kept,
                };
                match decoder.take_tail() {
                    Ok(tail) => {
                        assert_eq!(tail, model.held);
                        assert!(!dropped, "{wire:?}");
                        model.offset += tail.len() as u64;
                        model.held.clear();
                    }
                    Err(_) => assert!(dropped, "{wire:?}"),
                }
            }
            Verb::TakeTail => {}
            Verb::Shrink => decoder.shrink(),
            Verb::Reset => {
                decoder.reset();
                model = Naive { held: Vec::new(), offset: 0, failed: None, ..model };
            }
        }
        assert_eq!(decoder.offset(), model.offset, "{verb:?} at {at} of {wire:?}");
    }
}

fn needs_what_is_missing<F: Framing>(decoder: &Decoder<F>, model: &Naive) {
    let need = decoder.need();
    assert!(need.at_least >= 1);
    match (model.parse)(&model.held, false) {
        Some(frame) => {
            let missing = frame.head + frame.payload + frame.trailer - model.held.len();
            assert_eq!(need.exact, Some(missing as u64));
        }
        None => assert_eq!(need.exact, None),
    }
}

fn byte(seen: &[u8], _: bool) -> Option<Parsed> {
    let &length = seen.first()?;
    Some(Parsed { head: 1, payload: length.into(), trailer: 0, declared: true })
}

/// A byte, a length, a byte more than it says.
fn second_byte(seen: &[u8], _: bool) -> Option<Parsed> {
    let &length = seen.get(1)?;
    Some(Parsed { head: 2, payload: usize::from(length) + 1, trailer: 0, declared: true })
}

fn line(seen: &[u8], _: bool) -> Option<Parsed> {
    let payload = seen.iter().position(|&byte| byte == b'\n')?;
    Some(Parsed { head: 0, payload, trailer: 1, declared: false })
}

fn line_or_rest(seen: &[u8], eof: bool) -> Option<Parsed> {
    let rest = Parsed { head: 0, payload: seen.len(), trailer: 0, declared: false };
    line(seen, eof).or((eof && !seen.is_empty()).then_some(rest))
}

fn verbs() -> impl Strategy<Value = Vec<Verb>> {
    let verb = prop_oneof![
        20 => (0_usize..12).prop_map(Verb::Next),
        2 => Just(Verb::Finish),
        1 => Just(Verb::TakeTail),
        1 => Just(Verb::Shrink),
        1 => Just(Verb::Reset),
    ];
    prop::collection::vec(verb, 0..60)
}

proptest! {
    #![proptest_config(cases(4_000))]
    #[test]
    fn every_verb_does_what_the_model_does(
        wire in prop::collection::vec(prop_oneof![4 => 0_u8..6, 2 => Just(b'\n'), 1 => Just(b'x')], 0..120),
        script in verbs(),
        limit in prop_oneof![0_usize..6, Just(200)],
        oversize in prop::sample::select(crate::cuts::POLICIES.to_vec()),
    ) {
        let model = |parse, open| {
            Naive { parse, open, limit, oversize, held: Vec::new(), offset: 0, failed: None }
        };
        let config = Config::new(Length::u8()).max_payload(limit).oversize(oversize);
        follow(&config, model(byte, false), &wire, &script);
        let framing = LengthBuilder::u8().offset(1).adjust(1).build().unwrap();
        let config = Config::new(framing).max_payload(limit).oversize(oversize);
        // One byte is the smallest payload.
        if limit > 0 {
            follow(&config, model(second_byte, false), &wire, &script);
        }
        let lines = Lines::lf().unterminated(Unterminated::Refuse);
        let config = Config::new(lines).max_payload(limit).oversize(oversize);
        follow(&config, model(line, true), &wire, &script);
        let config = Config::new(Lines::lf()).max_payload(limit).oversize(oversize);
        follow(&config, model(line_or_rest, true), &wire, &script);
    }
}
