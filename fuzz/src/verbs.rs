//! Calls in any order.

use framing::{AcceptError, Config, Event, Frame, Framing, Oversize};

use crate::choice::{Settings, Visit, choose};
use crate::input::Input;
use crate::subject::Subject;

/// **Whatever a caller does, no frame is lost or doubled; a decoder that has failed repeats it, and
/// `reset` heals it.**
///
/// A stream of frames is read by calls in any order: frames, events, `accept`, `skip`, `shrink`, and
/// `take_tail` or `switch`. Each frame comes whole, in pieces, or not because the caller said so. Then
/// come bytes of any kind after a `reset`, and after another one the frames again.
///
/// The input is a kind of framing, a limit, a policy (its second bit chooses the decoder) and the
/// number of payloads; the limits and the spec, for the kinds that have one; the payloads, each behind
/// its length; the bytes of any kind behind their length; and the calls, a byte each.
pub fn verbs(data: &[u8]) {
    let Some((&[kind, limit, policy, count], rest)) = data.split_first_chunk() else { return };
    let mut input = Input::new(rest);
    let mut settings = Settings::read(kind, limit, policy & 8, &mut input);
    if policy & 1 == 0 {
        settings.limits.payload = LARGE;
    } else {
        settings.oversize = Oversize::Truncate;
    }
    choose(kind, input, Verbs { settings, owned: policy & 2 != 0, count: count % 8 });
}

/// No payload here is longer.
const LARGE: usize = 256;

struct Verbs {
    settings: Settings,
    owned: bool,
    count: u8,
}

impl Visit for Verbs {
    fn visit<F: Framing + Clone>(self, framing: F, mut input: Input<'_>) {
        let Self { mut settings, owned, count } = self;
        let config = settings.config(framing.clone()).capacity(16);
        let Ok(decoder) = config.decoder() else { return };
        let limit = settings.limits.payload;
        // What is past the limit is to be truncated, not refused.
        settings.limits.payload = LARGE;
        settings.oversize = Oversize::Error;
        let Ok(encoder) = settings.config(framing.clone()).encoder() else { return };
        let (mut wire, mut payloads) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let length = input.below(64);
            let payload = input.take(length);
            if encoder.append(&[], &[payload], &mut wire).is_ok() {
                payloads.push(payload);
            }
        }
        let length = input.below(128);
        let noise = input.take(length);
        let subject = if owned {
            Subject::Owned(config.reassembler().expect("a decoder has built"))
        } else {
            Subject::Push(decoder, &[])
        };
        let mut session = Session { config: &config, framing: &framing, input };
        let mut subject = session.follow(subject, &wire, &payloads, limit);
        subject.reset();
        session.survive(&mut subject, noise);
        subject.reset();
        session.follow(subject, &wire, &payloads, limit);
    }
}

enum Verb {
    Event,
    Next,
    Accept,
    Skip,
    Shrink,
    HandOff,
}

struct Session<'s, F> {
    config: &'s Config<F>,
    framing: &'s F,
    /// The calls.
    input: Input<'s>,
}

impl<F: Framing + Clone> Session<'_, F> {
    fn verb(&mut self) -> Verb {
        match self.input.below(16) {
            0..=5 => Verb::Event,
            6..=10 => Verb::Next,
            11 => Verb::Accept,
            12 => Verb::Skip,
            13 => Verb::Shrink,
            _ => Verb::HandOff,
        }
    }

    fn follow<'w>(
        &mut self,
        mut subject: Subject<'w, F>,
        wire: &'w [u8],
        payloads: &[&[u8]],
        limit: usize,
    ) -> Subject<'w, F> {
        let mut follower = Follower { payloads, limit, at: 0, begun: None };
        let (mut rest, mut finishing) = (wire, false);
        loop {
            let found = match self.verb() {
                Verb::Next => {
                    follower.turn_to_frames();
                    let frame = subject.next(finishing).expect("nothing is wrong with the stream");
                    frame.map(|frame| follower.frame(&frame)).is_some()
                }
                Verb::Event => {
                    follower.turn_to_events();
                    let event = subject.next_event(finishing);
                    let event = event.expect("nothing is wrong with the stream");
                    event.map(|event| follower.event(&event)).is_some()
                }
                Verb::Accept => {
                    follower.accept(subject.accept());
                    true
                }
                Verb::Skip => {
                    subject.skip();
                    follower.skip();
                    true
                }
                Verb::Shrink => {
                    subject.shrink();
                    true
                }
                Verb::HandOff if finishing => true,
                Verb::HandOff => {
                    let given = wire.len() - rest.len();
                    let handed;
                    (subject, handed) =
                        subject.hand_off(self.config, self.framing.clone(), &wire[..given]);
                    if let Some(again) = handed {
                        rest = &wire[given - again..];
                        follower.hand_off();
                    }
                    true
                }
            };
            if found {
                continue;
            }
            if finishing {
                follower.done();
                return subject;
            }
            finishing = rest.is_empty();
            if !finishing {
                subject.feed(&mut rest, 1 + self.input.below(40));
            }
        }
    }

    /// Bytes of any kind: no more than that it ends, and that an error stays.
    fn survive<'w>(&mut self, subject: &mut Subject<'w, F>, noise: &'w [u8]) {
        let (mut rest, mut finishing) = (noise, false);
        loop {
            let found = match self.verb() {
                Verb::Next => subject.next(finishing).map(|frame| frame.is_some()),
                Verb::Accept => {
                    let _ = subject.accept();
                    continue;
                }
                Verb::Skip => {
                    subject.skip();
                    continue;
                }
                Verb::Shrink => {
                    subject.shrink();
                    continue;
                }
                Verb::Event | Verb::HandOff => {
                    subject.next_event(finishing).map(|event| event.is_some())
                }
            };
            match found {
                Err(error) if error.is_fatal() => {
                    assert_eq!(subject.next(true).map(|_| ()), Err(error));
                    subject.skip();
                    assert_eq!(subject.accept(), Err(AcceptError::NotAtBegin));
                    assert_eq!(subject.next_event(true).map(|_| ()), Err(error));
                    return;
                }
                Ok(false) if finishing => return,
                Ok(false) => {
                    finishing = rest.is_empty();
                    subject.feed(&mut rest, 1 + self.input.below(40));
                }
                Ok(true) | Err(_) => {}
            }
        }
    }
}

/// What the caller holds of the frame in progress.
#[derive(Default)]
struct Begun {
    bytes: Vec<u8>,
    accepted: bool,
    dropped: bool,
}

/// Holds what comes out against the payloads that went in.
struct Follower<'p> {
    payloads: &'p [&'p [u8]],
    limit: usize,
    at: usize,
    begun: Option<Begun>,
}

impl Follower<'_> {
    /// The payload as it is handed out.
    fn expected(&self) -> &[u8] {
        let payload = self.payloads[self.at];
        &payload[..payload.len().min(self.limit)]
    }

    fn turn_to_frames(&mut self) {
        if let Some(begun) = self.begun.as_mut().filter(|begun| !begun.accepted) {
            begun.dropped = true;
        }
    }

    fn turn_to_events(&mut self) {
        if let Some(begun) = &mut self.begun {
            begun.accepted = false;
        }
    }

    fn frame(&mut self, frame: &Frame<'_, '_>) {
        if self.begun.take().is_some_and(|begun| !begun.accepted) {
            self.at += 1;
        }
        assert_eq!(&*frame.payload(), self.expected());
        assert_eq!(
            frame.discarded(),
            (self.payloads[self.at].len() - frame.payload().len()) as u64
        );
        self.at += 1;
    }

    fn event(&mut self, event: &Event<'_, '_>) {
        match event {
            Event::Begin { .. } => {
                if let Some(begun) = self.begun.replace(Begun::default()) {
                    assert!(begun.dropped, "a frame was begun before the last one ended");
                    self.at += 1;
                }
            }
            Event::Chunk(bytes) => {
                assert!(!bytes.is_empty());
                let begun = self.begun.as_mut().expect("a chunk belongs to a frame");
                assert!(!begun.dropped);
                begun.bytes.extend_from_slice(bytes);
            }
            Event::End { .. } => {
                let begun = self.begun.take().expect("what ends has begun");
                assert!(!begun.dropped);
                assert_eq!(begun.bytes, self.expected());
                self.at += 1;
            }
            Event::Skipped { .. } => panic!("nothing is skipped here"),
        }
    }

    fn accept(&mut self, accepted: Result<(), AcceptError>) {
        match (accepted, &mut self.begun) {
            (Ok(()), Some(begun)) => {
                assert!(begun.bytes.is_empty() && !begun.dropped);
                begun.accepted = true;
            }
            (Ok(()), None) => panic!("there was nothing to accept"),
            (Err(error), _) => assert_eq!(error, AcceptError::NotAtBegin),
        }
    }

    fn skip(&mut self) {
        if let Some(begun) = &mut self.begun {
            (begun.dropped, begun.accepted) = (true, false);
        }
    }

    fn hand_off(&mut self) {
        if let Some(begun) = self.begun.take() {
            assert!(begun.dropped, "a frame of which something was handed out is in progress");
            self.at += 1;
        }
    }

    fn done(mut self) {
        if let Some(begun) = self.begun.take() {
            assert!(begun.dropped);
            self.at += 1;
        }
        assert_eq!(self.at, self.payloads.len(), "every frame is accounted for");
    }
}
