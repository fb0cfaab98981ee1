//! What no decoder can be faster than, and what a person would write.

use std::rc::Rc;

use memchr::{memchr, memchr_iter, memchr3_iter};

use crate::contender::Contender;
use crate::stream::{Gives, Stream, WHOLE, Wire};
use crate::visitor::Visitor;

/// Reads the length and slices, over the whole stream at once.
pub(crate) struct Walk;

impl Contender for Walk {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        let mut rest = &stream.wire[..];
        while let Some((head, behind)) = rest.split_first_chunk() {
            let (payload, behind) = behind.split_at(u32::from_be_bytes(*head) as usize);
            visitor.frame(payload);
            rest = behind;
        }
    }
}

/// Looks for what ends a line, over the whole stream at once.
pub(crate) struct Search(pub(crate) Wire);

impl Contender for Search {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn wire(&self) -> Wire {
        self.0
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        let wire = &stream.wire[..];
        match self.0 {
            Wire::Lf => {
                let mut rest = wire;
                while let Some(at) = memchr(b'\n', rest) {
                    visitor.frame(&rest[..at]);
                    rest = &rest[at + 1..];
                }
            }
            Wire::Crlf => {
                let mut rest = wire;
                while let Some(at) = memchr(b'\n', rest) {
                    let line = &rest[..at];
                    visitor.frame(line.strip_suffix(b"\r").unwrap_or(line));
                    rest = &rest[at + 1..];
                }
            }
            Wire::AnyOf(&[a]) => lines(wire, memchr_iter(a, wire), visitor),
            Wire::AnyOf(&[a, b, c]) => lines(wire, memchr3_iter(a, b, c, wire), visitor),
            Wire::AnyOf(set) => {
                let mut table = [false; 256];
                for &byte in set {
                    table[usize::from(byte)] = true;
                }
                let at = wire.iter().enumerate().filter(|(_, byte)| table[usize::from(**byte)]);
                lines(wire, at.map(|(at, _)| at), visitor);
            }
            Wire::U32 | Wire::U64 | Wire::Varint | Wire::WebSocket => {
                unreachable!("no lines")
            }
        }
    }
}

fn lines(wire: &[u8], ends: impl Iterator<Item = usize>, visitor: &mut impl Visitor) {
    let mut start = 0;
    for end in ends {
        visitor.frame(&wire[start..end]);
        start = end + 1;
    }
}

/// Copies each chunk to where the last one was: what a decoder with a buffer of its own cannot do
/// without.
#[derive(Default)]
pub(crate) struct Memcpy {
    room: Vec<u8>,
}

impl Contender for Memcpy {
    fn name(&self) -> &'static str {
        "memcpy"
    }

    fn gives(&self) -> Gives {
        Gives::Stream
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        self.room.resize(WHOLE, 0);
        for chunk in stream.chunks() {
            let room = &mut self.room[..chunk.len()];
            room.copy_from_slice(chunk);
            visitor.piece(room);
        }
        visitor.end();
    }
}

/// Collects chunks that are too small to hold a frame: the floor where each has one byte.
pub(crate) struct Collect {
    wire: Wire,
    held: Vec<u8>,
}

impl Collect {
    pub(crate) const fn over(wire: Wire) -> Self {
        Self { wire, held: Vec::new() }
    }
}

impl Contender for Collect {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn gives(&self) -> Gives {
        Gives::Stream
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for chunk in stream.chunks() {
            self.held.extend_from_slice(chunk);
            if self.held.len() >= WHOLE {
                visitor.piece(&self.held);
                self.held.clear();
            }
        }
        visitor.piece(&self.held);
        self.held.clear();
        visitor.end();
    }
}

/// A decoder of u32 lengths as one writes it for oneself: right, and without a limit.
#[derive(Default)]
pub(crate) struct ByHand {
    held: Vec<u8>,
}

impl Contender for ByHand {
    fn name(&self) -> &'static str {
        "by hand"
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for mut chunk in stream.chunks() {
            while !self.held.is_empty() {
                let total = match self.held.first_chunk() {
                    None => 4,
                    Some(head) => 4 + u32::from_be_bytes(*head) as usize,
                };
                let n = (total - self.held.len()).min(chunk.len());
                self.held.extend_from_slice(&chunk[..n]);
                chunk = &chunk[n..];
                if self.held.len() < total {
                    break;
                }
                if let Some((head, payload)) = self.held.split_first_chunk()
                    && payload.len() == u32::from_be_bytes(*head) as usize
                {
                    visitor.frame(payload);
                    self.held.clear();
                }
            }
            while let Some((head, behind)) = chunk.split_first_chunk() {
                let length = u32::from_be_bytes(*head) as usize;
                let Some((payload, behind)) = behind.split_at_checked(length) else { break };
                visitor.frame(payload);
                chunk = behind;
            }
            self.held.extend_from_slice(chunk);
        }
    }
}
