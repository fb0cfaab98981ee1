//! This crate.

use std::rc::Rc;

use framing::{
    Config, Decoder, Enclosure, EncodeError, Event, Framing, Malformed, Reassembler, Scan,
};

use crate::contender::Contender;
use crate::stream::{Stream, WHOLE, Wire};
use crate::visitor::Visitor;

/// Frames lent from the chunks.
pub(crate) struct Push<F> {
    name: &'static str,
    wire: Wire,
    decoder: Decoder<F>,
}

/// Chunks copied into the decoder's own buffer, as reads into it would.
pub(crate) struct Owned<F> {
    wire: Wire,
    reassembler: Reassembler<F>,
}

/// Payloads in pieces.
pub(crate) struct Events<F> {
    wire: Wire,
    decoder: Decoder<F>,
}

impl<F: Framing + Clone> Push<F> {
    pub(crate) fn new(name: &'static str, wire: Wire, config: &Config<F>) -> Self {
        Self { name, wire, decoder: config.decoder().expect("it builds") }
    }
}

impl<F: Framing + Clone> Owned<F> {
    pub(crate) fn new(wire: Wire, config: &Config<F>) -> Self {
        // Room for a chunk behind what is left of the one before.
        let config = config.clone().capacity(2 * WHOLE);
        Self { wire, reassembler: config.reassembler().expect("it builds") }
    }
}

impl<F: Framing + Clone> Events<F> {
    pub(crate) fn new(wire: Wire, config: &Config<F>) -> Self {
        Self { wire, decoder: config.decoder().expect("it builds") }
    }
}

impl<F: Framing> Contender for Push<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for mut chunk in stream.chunks() {
            while let Some(frame) = self.decoder.next(&mut chunk).expect("good frames") {
                visitor.frame(&frame.payload());
            }
        }
    }
}

impl<F: Framing> Contender for Owned<F> {
    fn name(&self) -> &'static str {
        "framing/owned"
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for mut chunk in stream.chunks() {
            while !chunk.is_empty() {
                let space = self.reassembler.space();
                let (now, later) = chunk.split_at(chunk.len().min(space.len()));
                space[..now.len()].copy_from_slice(now);
                self.reassembler.filled(now.len());
                chunk = later;
                while let Some(frame) = self.reassembler.next().expect("good frames") {
                    visitor.frame(&frame.payload());
                }
            }
        }
    }
}

impl<F: Framing> Contender for Events<F> {
    fn name(&self) -> &'static str {
        "framing/events"
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for mut chunk in stream.chunks() {
            while let Some(event) = self.decoder.next_event(&mut chunk).expect("good frames") {
                match event {
                    Event::Chunk(piece) => visitor.piece(&piece),
                    Event::End { .. } => visitor.end(),
                    Event::Begin { .. } | Event::Skipped { .. } => {}
                }
            }
        }
    }
}

/// Frames of WebSocket as a client gets them, as far as where they begin and end: a framing that a
/// user writes.
#[derive(Clone, Copy)]
pub(crate) struct WebSocket;

impl Framing for WebSocket {
    #[inline]
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let &[_, second, ref rest @ ..] = seen else { return Ok(Scan::Need { total: 2 }) };
        let (extended, body) = match second & 0x7F {
            126 => (2, rest.first_chunk().map(|field| u64::from(u16::from_be_bytes(*field)))),
            127 => (8, rest.first_chunk().map(|field| u64::from_be_bytes(*field))),
            short => (0, Some(short.into())),
        };
        let Some(body) = body else { return Ok(Scan::Need { total: 2 + extended }) };
        Ok(Scan::Body { head: 2 + extended, body, trailer: 0, more: false })
    }

    fn enclose(&self, _: &[u8], _: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        Err(EncodeError::BrokenFraming("it only decodes"))
    }
}
