//! The rows of the table.

use crate::contender::Run;
use crate::contenders::{decode, encode, lines};
use crate::stream::{Chunk, Payload, Wire};

/// What is asked for, of which payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) task: Task,
    pub(crate) payload: Payload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Decode(Chunk),
    Lines(Wire, Chunk),
    Encode(To),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Buffer,
    Vectored,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    All,
    Quick,
}

impl Row {
    pub(crate) const fn group(&self) -> &'static str {
        match self.task {
            Task::Decode(_) => "decode",
            Task::Lines(..) => "lines",
            Task::Encode(_) => "encode",
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}, {}", self.group(), self.payload(), self.chunk())
    }

    pub(crate) fn payload(&self) -> String {
        let name = self.payload.name();
        match self.task {
            Task::Lines(Wire::Lf, _) => format!("{name} LF"),
            Task::Lines(Wire::Crlf, _) => format!("{name} CRLF"),
            Task::Lines(Wire::AnyOf(set), _) => format!("{name} any of {}", set.len()),
            _ => name,
        }
    }

    pub(crate) const fn chunk(&self) -> &'static str {
        match self.task {
            Task::Decode(chunk) | Task::Lines(_, chunk) => chunk.name(),
            Task::Encode(To::Buffer) => "buffer",
            Task::Encode(To::Vectored) => "vectored",
        }
    }

    pub(crate) const fn cut(&self) -> Chunk {
        match self.task {
            Task::Decode(chunk) | Task::Lines(_, chunk) => chunk,
            Task::Encode(_) => Chunk::Whole,
        }
    }

    /// Bytes of payload for one pass: less than the caches nearest to a core hold, where the
    /// payloads are not larger, as what is read again and again into the same buffer is.
    pub(crate) const fn total(&self) -> usize {
        match (self.cut(), self.payload) {
            (Chunk::OneByte, _) => 64 << 10,
            (_, Payload::All(LARGE)) => 4 * LARGE,
            _ => 512 << 10,
        }
    }

    /// Who takes part, the floor first.
    pub(crate) fn contenders(&self) -> Vec<Box<dyn Run>> {
        match self.task {
            Task::Decode(chunk) => decode::all(self.payload, chunk),
            Task::Lines(wire, chunk) => lines::all(wire, chunk),
            Task::Encode(To::Buffer) => encode::into_a_buffer(),
            Task::Encode(To::Vectored) => encode::vectored(),
        }
    }
}

pub(crate) fn all(extent: Extent) -> Vec<Row> {
    let (payloads, texts) = match extent {
        Extent::All => (&PAYLOADS[..], &TEXTS[..]),
        Extent::Quick => (&FEW_PAYLOADS[..], &FEW_TEXTS[..]),
    };
    let mut rows = Vec::new();
    for chunk in [Chunk::Whole, Chunk::Mtu, Chunk::OneByte] {
        rows.extend(payloads.iter().map(|&payload| Row { task: Task::Decode(chunk), payload }));
    }
    for to in [To::Buffer, To::Vectored] {
        rows.extend(payloads.iter().map(|&payload| Row { task: Task::Encode(to), payload }));
    }
    for chunk in [Chunk::Whole, Chunk::Mtu, Chunk::OneByte] {
        for wire in [Wire::Lf, Wire::Crlf, THREE, FIVE] {
            let task = Task::Lines(wire, chunk);
            let mixed = [Payload::Mixed];
            let texts = if chunk == Chunk::Whole { texts } else { &mixed };
            rows.extend(texts.iter().map(|&payload| Row { task, payload }));
        }
    }
    rows
}

/// Some of which are larger than those caches.
const LARGE: usize = 1 << 20;

const PAYLOADS: [Payload; 8] = [
    Payload::All(0),
    Payload::All(16),
    Payload::All(64),
    Payload::All(256),
    Payload::All(1 << 10),
    Payload::All(16 << 10),
    Payload::All(1 << 20),
    Payload::Mixed,
];

const FEW_PAYLOADS: [Payload; 5] = [
    Payload::All(0),
    Payload::All(64),
    Payload::All(1 << 10),
    Payload::All(1 << 20),
    Payload::Mixed,
];

const TEXTS: [Payload; 4] = [Payload::All(16), Payload::All(64), Payload::All(256), Payload::Mixed];

const FEW_TEXTS: [Payload; 2] = [Payload::All(64), Payload::Mixed];

const THREE: Wire = Wire::AnyOf(b"\n;,");

const FIVE: Wire = Wire::AnyOf(b"\n;,\0|");
