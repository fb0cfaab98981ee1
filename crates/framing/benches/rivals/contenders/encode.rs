//! Who encodes.

use std::hint::black_box;
use std::io::IoSlice;
use std::ops::Deref;
use std::rc::Rc;

use asynchronous_codec::LengthCodec;
use bytes::{Bytes, BytesMut};
use framing::{Encoder, Framing, Length, Spec};
use tokio_util::codec::LengthDelimitedCodec;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use unsigned_varint::codec::UviBytes;
use wire_codec::WriteBuf;
use wire_codec::framing::{Endian, Framer, LengthPrefixed, LengthWidth};

use crate::contender::{Contender, Run};
use crate::stream::{Gives, Stream, WHOLE, Wire};
use crate::visitor::Visitor;

/// Frames one behind the other in a buffer, which is emptied where it would be written. The floor
/// first.
pub(crate) fn into_a_buffer() -> Vec<Box<dyn Run>> {
    let plain = Encoder::new(Length::u32_be());
    let spec = run_time();
    let mut tokio = LengthDelimitedCodec::new();
    let mut uvi = <UviBytes>::default();
    vec![
        buffer("floor", Wire::U32, Gives::Frames, |payload, out: &mut Vec<u8>| {
            out.extend_from_slice(&length(payload).to_be_bytes());
            out.extend_from_slice(payload);
        }),
        buffer("memcpy", Wire::U32, Gives::Payloads, |payload, out: &mut Vec<u8>| {
            out.extend_from_slice(payload);
        }),
        buffer("framing/append", Wire::U32, Gives::Frames, move |payload, out| {
            plain.append(&[], &[payload], out).expect("it fits");
        }),
        buffer("framing/spec", Wire::U32, Gives::Frames, move |payload, out| {
            spec.append(&[], &[payload], out).expect("it fits");
        }),
        buffer("tokio-util", Wire::U32, Gives::Frames, move |payload, out: &mut BytesMut| {
            tokio_util::codec::Encoder::encode(&mut tokio, payload.clone(), out).expect("it fits");
        }),
        Box::new(WireCodec::default()),
        buffer("asynchronous-codec", Wire::U64, Gives::Frames, |payload, out: &mut BytesMut| {
            let payload = payload.clone();
            asynchronous_codec::Encoder::encode(&mut LengthCodec, payload, out).expect("it fits");
        }),
        buffer("unsigned-varint", Wire::Varint, Gives::Frames, move |payload, out| {
            tokio_util::codec::Encoder::encode(&mut uvi, payload.clone(), out).expect("it fits");
        }),
        buffer("tungstenite", Wire::WebSocket, Gives::Frames, |payload, out: &mut Vec<u8>| {
            let frame = Frame::message(payload.clone(), OpCode::Data(Data::Binary), true);
            frame.format(out).expect("it fits");
        }),
    ]
}

/// Heads beside payloads that stay where they are, as slices for a vectored write. The floor first.
pub(crate) fn vectored() -> Vec<Box<dyn Run>> {
    vec![
        Box::new(HeadByHand),
        Box::new(Slices { name: "framing/encode", encoder: Encoder::new(Length::u32_be()) }),
        Box::new(Slices { name: "framing/spec", encoder: run_time() }),
    ]
}

fn run_time() -> Encoder<framing::AnyFraming> {
    "u32be".parse::<Spec>().expect("a spec").config().encoder().expect("it builds")
}

fn length(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).expect("small")
}

/// Encodes into `B` by a function.
struct Buffered<B, E> {
    name: &'static str,
    wire: Wire,
    gives: Gives,
    encode: E,
    out: B,
}

trait Buffer: Default + Deref<Target = [u8]> {
    fn empty(&mut self);
}

impl Buffer for Vec<u8> {
    #[inline]
    fn empty(&mut self) {
        self.clear();
    }
}

impl Buffer for BytesMut {
    #[inline]
    fn empty(&mut self) {
        self.clear();
    }
}

fn buffer<B: Buffer + 'static>(
    name: &'static str,
    wire: Wire,
    gives: Gives,
    encode: impl FnMut(&Bytes, &mut B) + 'static,
) -> Box<dyn Run> {
    Box::new(Buffered { name, wire, gives, encode, out: B::default() })
}

impl<B: Buffer, E: FnMut(&Bytes, &mut B)> Contender for Buffered<B, E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn gives(&self) -> Gives {
        self.gives
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for payload in &stream.payloads {
            let at = self.out.len();
            (self.encode)(payload, &mut self.out);
            visitor.frame(&self.out[at..]);
            if self.out.len() >= WHOLE {
                self.out.empty();
            }
        }
    }
}

/// `wire-codec` writes into room that the caller has.
#[derive(Default)]
struct WireCodec {
    room: Vec<u8>,
    at: usize,
}

impl Contender for WireCodec {
    fn name(&self) -> &'static str {
        "wire-codec"
    }

    fn gives(&self) -> Gives {
        Gives::Frames
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        let framer = LengthPrefixed::bounded(LengthWidth::U32, Endian::Big);
        let largest = stream.payloads.iter().map(Bytes::len).max().unwrap_or(0);
        self.room.resize(self.room.len().max(WHOLE + 4 + largest), 0);
        for payload in &stream.payloads {
            let mut out = WriteBuf::new(&mut self.room[self.at..]);
            framer.write_frame(payload, &mut out).expect("it fits");
            let frame = out.into_written();
            visitor.frame(frame);
            self.at += frame.len();
            if self.at >= WHOLE {
                self.at = 0;
            }
        }
    }
}

struct HeadByHand;

impl Contender for HeadByHand {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn gives(&self) -> Gives {
        Gives::Frames
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for payload in &stream.payloads {
            let head = length(payload).to_be_bytes();
            hand_over(&[IoSlice::new(&head), IoSlice::new(payload)], visitor);
        }
    }
}

struct Slices<F> {
    name: &'static str,
    encoder: Encoder<F>,
}

impl<F: Framing> Contender for Slices<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn gives(&self) -> Gives {
        Gives::Frames
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        for payload in &stream.payloads {
            let parts = [&payload[..]];
            let frame = self.encoder.encode(&[], &parts).expect("it fits");
            let mut slices = [IoSlice::new(&[]); 2];
            let used = frame.io_slices(&mut slices);
            hand_over(&slices[..used], visitor);
        }
    }
}

/// As to a system call, for which the slices must lie in memory.
#[inline]
fn hand_over(slices: &[IoSlice<'_>], visitor: &mut impl Visitor) {
    for slice in black_box(slices) {
        visitor.piece(slice);
    }
    visitor.end();
}
