//! The decoders of others, over a buffer that chunks are appended to, as their own readers do.

use std::rc::Rc;

use bytes::BytesMut;
use wire_codec::framing::{Framer, StreamDecoder};

use crate::contender::Contender;
use crate::stream::{Stream, Wire};
use crate::visitor::Visitor;

/// A codec of `tokio-util`.
pub(crate) struct Tokio<D> {
    name: &'static str,
    wire: Wire,
    codec: D,
    buffer: BytesMut,
}

/// A codec of `asynchronous-codec`.
pub(crate) struct Futures<D> {
    wire: Wire,
    codec: D,
    buffer: BytesMut,
}

/// A framer of `wire-codec`, over a buffer of ours, as its documentation shows.
pub(crate) struct WireCodec<F> {
    wire: Wire,
    decoder: StreamDecoder<F>,
    buffer: Vec<u8>,
}

impl<D> Tokio<D> {
    pub(crate) fn new(name: &'static str, wire: Wire, codec: D) -> Self {
        Self { name, wire, codec, buffer: BytesMut::new() }
    }
}

impl<D> Futures<D> {
    pub(crate) fn new(wire: Wire, codec: D) -> Self {
        Self { wire, codec, buffer: BytesMut::new() }
    }
}

impl<F: Framer> WireCodec<F> {
    pub(crate) const fn new(wire: Wire, framer: F) -> Self {
        Self { wire, decoder: StreamDecoder::new(framer), buffer: Vec::new() }
    }
}

impl<D: tokio_util::codec::Decoder<Item: AsRef<[u8]>>> Contender for Tokio<D> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for chunk in stream.chunks() {
            self.buffer.extend_from_slice(chunk);
            while let Some(item) = self.codec.decode(&mut self.buffer).ok().expect("good frames") {
                visitor.frame(item.as_ref());
            }
        }
    }
}

impl<D: asynchronous_codec::Decoder<Item: AsRef<[u8]>>> Contender for Futures<D> {
    fn name(&self) -> &'static str {
        "asynchronous-codec"
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for chunk in stream.chunks() {
            self.buffer.extend_from_slice(chunk);
            while let Some(item) = self.codec.decode(&mut self.buffer).ok().expect("good frames") {
                let item = item.as_ref();
                // Its lines keep their LF.
                let line = if self.wire == Wire::Lf { item.strip_suffix(b"\n") } else { None };
                visitor.frame(line.unwrap_or(item));
            }
        }
    }
}

impl<F: Framer> Contender for WireCodec<F> {
    fn name(&self) -> &'static str {
        "wire-codec"
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for chunk in stream.chunks() {
            self.buffer.extend_from_slice(chunk);
            let mut start = 0;
            while let Some(frame) = self.decoder.decode(&self.buffer[start..]).expect("good frames")
            {
                visitor.frame(frame.payload());
                start += frame.consumed();
            }
            self.buffer.drain(..start);
        }
    }
}
