//! Frames and events by turns, as the caller decides at each frame.

use framing::{DecodeErrorKind, Event, Frame, Framing};

use crate::choice::{KINDS, Settings, Visit, choose};
use crate::input::{Input, Sizes, tried};
use crate::subject::Subject;

/// **What a caller sees depends on what it decides for each frame, never on the cuts.**
///
/// For each frame of any stream the caller takes it whole, streams it, or, once it has begun, accepts
/// or skips it. Both decoders, under different cuts, must give it the same.
///
/// The input is as that of [`decode_any_spec`](crate::decode_any_spec), with the decisions before the
/// stream: their number, then two bits of a byte each. What is left of the kind chooses the decoder and
/// the cuts that are held against pushing byte by byte.
pub fn modes(data: &[u8]) {
    let Some((&[kind, limit, policy, seed], rest)) = data.split_first_chunk() else { return };
    let mut input = Input::new(rest);
    let settings = Settings::read(kind, limit, policy, &mut input);
    let count = 1 + input.below(16);
    let decisions = (0..count).map(|_| input.pick(&DECISIONS)).collect();
    choose(kind, input, Modes { settings, decisions, seed, way: kind / KINDS });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Whole,
    Stream,
    Accept,
    Skip,
}

const DECISIONS: [Decision; 4] =
    [Decision::Whole, Decision::Stream, Decision::Accept, Decision::Skip];

struct Modes {
    settings: Settings,
    decisions: Vec<Decision>,
    seed: u8,
    way: u8,
}

impl Visit for Modes {
    fn visit<F: Framing + Clone>(self, framing: F, mut input: Input<'_>) {
        let config = self.settings.config(framing);
        let Ok(decoder) = config.decoder() else { return };
        let stream = input.rest();
        let push = || Subject::Push(config.decoder().expect("it has built"), &[]);
        let owned = || Subject::Owned(config.reassembler().expect("a decoder has built"));
        let run = |subject, largest| {
            let sizes = Sizes::up_to(self.seed, largest);
            Run { subject, decisions: &self.decisions, at: 0, seen: Vec::new() }.of(stream, sizes)
        };
        let bytewise = run(Subject::Push(decoder, &[]), 1);
        for way in tried(Way::ALL, self.way) {
            let other = match way {
                Way::PushedWhole => Run::whole(push(), &self.decisions, stream),
                Way::Pushed => run(push(), 9),
                Way::OwnedBytewise => run(owned(), 1),
                Way::Owned => run(owned(), 40),
            };
            assert_eq!(bytewise, other, "pushed byte by byte, and {way:?}");
        }
    }
}

/// What is held against pushing byte by byte.
#[derive(Clone, Copy, Debug)]
enum Way {
    PushedWhole,
    Pushed,
    OwnedBytewise,
    Owned,
}

impl Way {
    const ALL: [Self; 4] = [Self::PushedWhole, Self::Pushed, Self::OwnedBytewise, Self::Owned];
}

#[derive(Debug, PartialEq)]
enum Seen {
    Frame { head: Vec<u8>, payload: Vec<u8>, trailer: Vec<u8>, offset: u64, discarded: u64 },
    Begin { head: Vec<u8>, body: Option<u64>, offset: u64 },
    Accepted(bool),
    Data(Vec<u8>),
    End { trailer: Vec<u8>, discarded: u64 },
    Skipped { offset: u64, declared: Option<u64>, discarded: u64 },
    Error { kind: DecodeErrorKind, offset: u64 },
}

/// What the caller is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Streaming,
    Accepted,
    Failed,
}

struct Run<'w, 'd, F> {
    subject: Subject<'w, F>,
    decisions: &'d [Decision],
    /// The number of the frame.
    at: usize,
    seen: Vec<Seen>,
}

impl<'w, 'd, F: Framing> Run<'w, 'd, F> {
    fn whole(subject: Subject<'w, F>, decisions: &'d [Decision], stream: &'w [u8]) -> Vec<Seen> {
        let sizes = Sizes::up_to(0, 1);
        let mut rest = stream;
        let mut run = Self { subject, decisions, at: 0, seen: Vec::new() };
        run.subject.feed(&mut rest, stream.len());
        run.of(rest, sizes)
    }

    fn of(mut self, mut rest: &'w [u8], mut sizes: Sizes) -> Vec<Seen> {
        let (mut state, mut finishing) = (State::Between, false);
        loop {
            let next = self.step(state, finishing);
            match next {
                Some(State::Failed) => return self.seen,
                Some(next) => state = next,
                None if finishing => return self.seen,
                None if rest.is_empty() => finishing = true,
                None => self.subject.feed(&mut rest, sizes.next()),
            }
        }
    }

    /// One call. None: there is no more for now.
    fn step(&mut self, state: State, finishing: bool) -> Option<State> {
        let decision = self.decisions[self.at % self.decisions.len()];
        let whole = match state {
            State::Between | State::Failed => decision == Decision::Whole,
            State::Accepted => true,
            State::Streaming => false,
        };
        let (seen, next) = if whole {
            match self.subject.next(finishing) {
                Ok(None) => return None,
                Ok(Some(frame)) => (Seen::of_frame(&frame), State::Between),
                Err(error) => Seen::of_error(error),
            }
        } else {
            match self.subject.next_event(finishing) {
                Ok(None) => return None,
                Ok(Some(Event::Chunk(piece))) => {
                    assert!(!piece.is_empty(), "an empty chunk is never given");
                    if let Some(Seen::Data(data)) = self.seen.last_mut() {
                        data.extend_from_slice(&piece);
                        return Some(State::Streaming);
                    }
                    (Seen::Data(piece.to_vec()), State::Streaming)
                }
                Ok(Some(event)) => Seen::of_event(&event),
                Err(error) => Seen::of_error(error),
            }
        };
        let began = matches!(seen, Seen::Begin { .. });
        // What is passed over between frames is none.
        let ended = next == State::Between
            && !matches!(seen, Seen::Error { kind: DecodeErrorKind::Resynced { .. }, .. });
        self.at += usize::from(ended);
        self.seen.push(seen);
        Some(if began { self.decide(decision) } else { next })
    }

    fn decide(&mut self, decision: Decision) -> State {
        match decision {
            Decision::Whole | Decision::Stream => State::Streaming,
            Decision::Accept => {
                let accepted = self.subject.accept().is_ok();
                self.seen.push(Seen::Accepted(accepted));
                if accepted { State::Accepted } else { State::Streaming }
            }
            Decision::Skip => {
                self.subject.skip();
                self.at += 1;
                State::Between
            }
        }
    }
}

impl Seen {
    fn of_frame(frame: &Frame<'_, '_>) -> Self {
        Self::Frame {
            head: frame.head().to_vec(),
            payload: frame.payload().to_vec(),
            trailer: frame.trailer().to_vec(),
            offset: frame.offset(),
            discarded: frame.discarded(),
        }
    }

    fn of_event(event: &Event<'_, '_>) -> (Self, State) {
        match *event {
            Event::Begin { head, body, offset } => {
                (Self::Begin { head: head.to_vec(), body, offset }, State::Streaming)
            }
            Event::Chunk(piece) => (Self::Data(piece.to_vec()), State::Streaming),
            Event::End { trailer, discarded } => {
                (Self::End { trailer: trailer.to_vec(), discarded }, State::Between)
            }
            Event::Skipped { offset, declared, discarded } => {
                (Self::Skipped { offset, declared, discarded }, State::Between)
            }
        }
    }

    fn of_error(error: framing::DecodeError) -> (Self, State) {
        let state = if error.is_fatal() { State::Failed } else { State::Between };
        (Self::Error { kind: error.kind(), offset: error.offset() }, state)
    }
}
