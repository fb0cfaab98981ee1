//! The decoders' short cuts do what the machine does without them: whatever is called, on whatever
//! bytes, call by call, with all that a caller can see and what the machine then is.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use proptest::prelude::*;

use crate::{
    Checksum, Chunked, Cobs, Config, ContentLength, DecodeError, Decoder, Delimited, Enclosure,
    EncodeError, Envelope, Event, Fixed, Framing, Length, LengthBuilder, Limits, Lines, Malformed,
    Netstring, Oversize, Reassembler, Resync, Scan, Slip, Spec, Unterminated, Varint,
};

#[derive(Clone, Copy, Debug)]
enum Verb {
    Next,
    Event,
    Accept,
    Skip,
    Shrink,
    Reset,
    Tail,
    Finish,
    FinishEvent,
}

/// A verb, and how many more bytes are there when it is called.
type Script = Vec<(Verb, usize)>;

fn scripts() -> impl Strategy<Value = Script> {
    use Verb::{Accept, Event, Finish, FinishEvent, Next, Reset, Shrink, Skip, Tail};
    let verb = prop_oneof![
        40 => Just(Next),
        15 => Just(Event),
        3 => Just(Accept),
        3 => Just(Skip),
        2 => Just(Shrink),
        1 => Just(Reset),
        1 => Just(Tail),
        1 => Just(Finish),
        1 => Just(FinishEvent),
    ];
    let bytes = prop_oneof![2 => Just(0_usize), 6 => Just(1), 4 => 1..6_usize, 2 => 1..80_usize];
    proptest::collection::vec((verb, bytes), 1..80)
}

/// A tag, a length that counts itself; the first frame has no tag.
#[derive(Clone, Debug, Default)]
struct Postgres {
    started: bool,
}

impl Framing for Postgres {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let tag = usize::from(self.started);
        let Some(&length) = seen.get(tag) else { return Ok(Scan::Need { total: tag + 1 }) };
        let body = length.checked_sub(1).ok_or(Malformed::at(tag, "it counts itself"))?;
        Ok(Scan::Body { head: tag + 1, body: body.into(), trailer: 0, more: false })
    }

    fn framed(&mut self, _head: &[u8]) {
        self.started = true;
    }

    fn reset(&mut self) {
        self.started = false;
    }

    fn enclose(&self, _: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length = payload.iter().map(|part| part.len()).sum::<usize>() + 1;
        let head = crate::Inline::new(&[length.to_le_bytes()[0]]);
        Ok(Enclosure { head, ..Enclosure::default() })
    }
}

/// What a call gave, with the bytes, and whether these lie in the chunk, if there are any.
fn shown<T: Debug>(result: &Result<T, DecodeError>) -> String {
    format!("{result:?}").replace("Gathered([])", "Direct([])")
}

fn push<F: Framing>(decoder: &mut Decoder<F>, verb: Verb, chunk: &mut &[u8]) -> String {
    let shown = match verb {
        Verb::Next => shown(&decoder.next(chunk)),
        Verb::Event => shown(&decoder.next_event(chunk)),
        Verb::Accept => format!("{:?}", decoder.accept()),
        Verb::Skip => format!("{:?}", decoder.skip()),
        Verb::Shrink => format!("{:?}", decoder.shrink()),
        Verb::Reset => format!("{:?}", decoder.reset()),
        Verb::Tail => format!("{:?}", decoder.take_tail()),
        Verb::Finish => shown(&decoder.finish()),
        Verb::FinishEvent => shown(&decoder.finish_event()),
    };
    format!("{shown} {:?} {} {:?} {chunk:?}", decoder.need(), decoder.offset(), decoder.stats())
}

/// As [`push`]. Where the pieces of a payload are divided, and how far the machine has looked when it
/// gives the first, may depend on when it was asked.
fn owned<F: Framing>(decoder: &mut Reassembler<F>, verb: Verb) -> [String; 2] {
    let shown = match verb {
        Verb::Next => {
            let next = shown(&decoder.next());
            format!("{:?} {next}", decoder.current())
        }
        Verb::Event | Verb::FinishEvent => {
            let mut payload = Vec::new();
            loop {
                let event = match verb {
                    Verb::Event => decoder.next_event(),
                    _ => decoder.finish_event(),
                };
                match event {
                    Ok(Some(Event::Chunk(piece))) => payload.extend_from_slice(&piece),
                    other => break format!("{payload:?} {}", shown(&other)),
                }
            }
        }
        Verb::Accept => format!("{:?}", decoder.accept()),
        Verb::Skip => format!("{:?}", decoder.skip()),
        Verb::Shrink => format!("{:?}", decoder.shrink()),
        Verb::Reset => format!("{:?}", decoder.reset()),
        Verb::Tail => String::new(),
        Verb::Finish => shown(&decoder.finish()),
    };
    let need = shown.ends_with("Ok(None)").then(|| decoder.need());
    let offset = decoder.offset();
    let held = format!("{need:?} {offset} {} {:?}", decoder.capacity(), decoder.unread());
    [shown, held]
}

fn same<F: Framing + Clone>(config: &Config<F>, wire: &[u8], script: &Script) {
    let name = core::any::type_name::<F>();
    let mut fast = config.decoder().unwrap();
    let mut slow = config.decoder().unwrap().without_short_cuts();
    let (mut rest, mut chunk) = (wire, 0);
    for (at, &(verb, more)) in script.iter().enumerate() {
        chunk = (chunk + more).min(rest.len());
        let (mut one, mut two) = (&rest[..chunk], &rest[..chunk]);
        let expected = push(&mut slow, verb, &mut one);
        assert_eq!(push(&mut fast, verb, &mut two), expected, "push, call {at}, {name}, {wire:?}");
        (rest, chunk) = (&rest[chunk - one.len()..], one.len());
    }
    assert_eq!(fast.state(), slow.state(), "{name}, {wire:?}");

    let mut fast = config.reassembler().unwrap();
    let mut slow = config.reassembler().unwrap().without_short_cuts();
    let mut rest = wire;
    for (at, &(verb, more)) in script.iter().enumerate() {
        let (now, behind) = rest.split_at(more.min(rest.len()));
        rest = behind;
        for decoder in [&mut fast, &mut slow] {
            let space = decoder.space();
            let n = now.len().min(space.len());
            space[..n].copy_from_slice(&now[..n]);
            decoder.filled(n);
        }
        let ([one, held], [two, also]) = (owned(&mut slow, verb), owned(&mut fast, verb));
        assert_eq!(two, one, "owned, call {at}, {name}, {wire:?}");
        if one.contains("Err(Decode") && !one.contains("Skipped") && !one.contains("Resynced") {
            // What is left of a frame that fails where it is dropped depends on the cuts.
            fast.reset();
            slow.reset();
        } else {
            assert_eq!(also, held, "owned, call {at}, {name}, {wire:?}");
        }
    }
}

fn wire<F: Framing + Clone>(
    config: &Config<F>,
    payloads: &[Vec<u8>],
    noise: &[(usize, u8)],
) -> Vec<u8> {
    let unlimited = config.clone().limits(Limits { payload: 1 << 16, ..Limits::default() });
    let mut wire = Vec::new();
    for payload in payloads {
        // Some framings refuse some payloads.
        let _refused = unlimited.encoder().unwrap().append(&[], &[payload], &mut wire);
    }
    for &(at, byte) in noise {
        if let Some(to) = wire.len().checked_sub(1).map(|most| at.min(most)) {
            wire[to] = byte;
        }
    }
    wire
}

/// One framing, with all that is generic of it put away.
type Case = Box<dyn Fn(&[Vec<u8>], &[(usize, u8)], &Policy, &Script)>;

#[derive(Clone, Debug)]
struct Policy {
    limits: Limits,
    oversize: Oversize,
    declared: bool,
}

fn policies() -> impl Strategy<Value = Policy> {
    let payload = prop_oneof![3 => Just(1_usize << 10), 1 => 0..20_usize];
    let oversize = proptest::sample::select(
        &[Oversize::Error, Oversize::Skip, Oversize::Truncate, Oversize::Stream][..],
    );
    (payload, 4..40_usize, oversize, any::<bool>()).prop_map(
        |(payload, head, oversize, declared)| Policy {
            limits: Limits { payload, head, trailer: 4, parts: 3 },
            oversize,
            declared,
        },
    )
}

fn case<F: Framing + Clone + 'static>(framing: F) -> Case {
    Box::new(move |payloads, noise, policy, script| {
        let config = Config::new(framing.clone()).limits(policy.limits).oversize(policy.oversize);
        let config = if policy.declared { config.reserve_declared() } else { config };
        // A policy that the framing cannot work with is no case.
        if config.decoder().is_ok() {
            same(&config, &wire(&Config::new(framing.clone()), payloads, noise), script);
        }
    })
}

fn cases() -> Vec<Case> {
    let fields = LengthBuilder::u16_be().offset(1).adjust(-3).strip(0).build().unwrap();
    let spec: Spec = "u16le".parse().unwrap();
    vec![
        case(Length::u8()),
        case(Length::u16_be()),
        case(Length::u64_le()),
        case(fields),
        case(spec.config().framing),
        case(Varint::canonical()),
        case(Netstring),
        case(ContentLength::http()),
        case(Chunked),
        case(Envelope),
        case(Fixed::new(3).unwrap()),
        case(Lines::lf()),
        case(Lines::crlf().unterminated(Unterminated::Refuse)),
        case(Lines::lenient()),
        case(Delimited::new(["ab", ";"]).unwrap()),
        case(Delimited::new(["\n"]).unwrap().keep()),
        case(Cobs),
        case(Slip),
        case(Checksum::crc32c_be(Length::u8())),
        case(Resync::at_magic(*b"$", Length::u8(), 100).unwrap()),
        case(Resync::at_delimiter(Lines::lf(), 100).unwrap()),
        case(Postgres::default()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn short_cuts_change_nothing(
        payloads in proptest::collection::vec(proptest::collection::vec(97..123_u8, 0..60), 0..8),
        noise in proptest::collection::vec((0..200_usize, any::<u8>()), 0..3),
        policy in policies(),
        script in scripts(),
    ) {
        for case in cases() {
            case(&payloads, &noise, &policy, &script);
        }
    }
}
