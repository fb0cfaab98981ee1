//! What the contenders are given: payloads, the same as a stream, and where its chunks end.

use std::io::Read;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use fastrand::Rng;

/// How long the payloads of a row are, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    All(usize),
    /// Any length up to 511, each as likely as the others: constant sizes flatter everyone.
    Mixed,
}

/// How the stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// What a read of a busy socket gives.
    Whole,
    /// Any length from the smallest to the largest segment that is usual on Ethernet (RFC 9293,
    /// section 3.7.1).
    Mtu,
    OneByte,
}

/// How payloads stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wire {
    U32,
    U64,
    Varint,
    /// Unmasked binary frames, as a server sends them (RFC 6455, section 5.2).
    WebSocket,
    Lf,
    Crlf,
    /// A byte of the set ends a payload, now this and now that.
    AnyOf(&'static [u8]),
}

/// What a contender turns a stream into, which it is verified against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Payloads,
    /// Payloads with what stands around them.
    Frames,
    /// The stream as it is, for those who only copy.
    Stream,
}

pub(crate) struct Stream {
    pub(crate) payloads: Vec<Bytes>,
    pub(crate) wire: Vec<u8>,
    frames: Vec<Range<usize>>,
    /// How long each chunk is.
    chunks: Vec<u32>,
}

impl Payload {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Mixed => "mixed 0-511".to_owned(),
            Self::All(n) if n >= 1 << 20 => format!("{} MiB", n >> 20),
            Self::All(n) if n >= 1 << 10 => format!("{} KiB", n >> 10),
            Self::All(n) => n.to_string(),
        }
    }

    /// Payloads of about so many bytes in all, and at least one; in letters, so that none of the
    /// bytes that end lines is among them.
    pub(crate) fn make(self, total: usize) -> Vec<Bytes> {
        let mut random = Rng::with_seed(7);
        let mut payloads = Vec::new();
        let mut made = 0;
        while made < total || payloads.is_empty() {
            let length = match self {
                Self::All(n) => n,
                Self::Mixed => random.usize(0..512),
            };
            // So that an empty payload counts.
            made += length + 4;
            let bytes: Vec<u8> = (0..length).map(|_| random.u8(b'A'..=b'z')).collect();
            // Lent for ever, a clone costs nothing: those whose encoders own payloads need one.
            payloads.push(Bytes::from_static(bytes.leak()));
        }
        payloads
    }
}

impl Chunk {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Whole => "64 KiB",
            Self::Mtu => "MTU",
            Self::OneByte => "1 byte",
        }
    }

    /// Cuts so many bytes.
    fn cut(self, mut rest: usize) -> Vec<u32> {
        let mut random = Rng::with_seed(11);
        let mut chunks = Vec::new();
        while rest > 0 {
            let n = match self {
                Self::Whole => WHOLE,
                Self::Mtu => random.usize(536..=1460),
                Self::OneByte => 1,
            };
            let n = n.min(rest);
            rest -= n;
            chunks.push(u32::try_from(n).expect("small"));
        }
        chunks
    }
}

impl Wire {
    /// Appends a frame, by hand: the contenders are held against this.
    fn write(self, payload: &[u8], random: &mut Rng, wire: &mut Vec<u8>) {
        let length = payload.len();
        let short = u16::try_from(length);
        let narrow = u32::try_from(length).expect("small");
        match self {
            Self::U32 => wire.extend(narrow.to_be_bytes()),
            Self::U64 => wire.extend(u64::from(narrow).to_be_bytes()),
            Self::Varint => {
                let mut room = unsigned_varint::encode::u32_buffer();
                wire.extend_from_slice(unsigned_varint::encode::u32(narrow, &mut room));
            }
            Self::WebSocket => match (u8::try_from(length), short) {
                (Ok(tiny @ 0..=125), _) => wire.extend([0x82, tiny]),
                (_, Ok(short)) => wire.extend([&[0x82, 126], &short.to_be_bytes()[..]].concat()),
                _ => wire.extend([&[0x82, 127], &u64::from(narrow).to_be_bytes()[..]].concat()),
            },
            Self::Lf | Self::Crlf | Self::AnyOf(_) => {}
        }
        wire.extend_from_slice(payload);
        match self {
            Self::Lf => wire.push(b'\n'),
            Self::Crlf => wire.extend(b"\r\n"),
            Self::AnyOf(set) => wire.extend(random.choice(set)),
            Self::U32 | Self::U64 | Self::Varint | Self::WebSocket => {}
        }
    }
}

impl Stream {
    pub(crate) fn new(payloads: &[Bytes], wire: Wire, chunk: Chunk) -> Self {
        let mut random = Rng::with_seed(13);
        let (mut bytes, mut frames) = (Vec::new(), Vec::new());
        for payload in payloads {
            let start = bytes.len();
            wire.write(payload, &mut random, &mut bytes);
            frames.push(start..bytes.len());
        }
        let chunks = chunk.cut(bytes.len());
        Self { payloads: payloads.to_vec(), wire: bytes, frames, chunks }
    }

    /// One chunk, which is no frame.
    #[allow(dead_code, reason = "`memory` takes it")]
    pub(crate) fn only(bytes: Vec<u8>) -> Self {
        let chunks = Chunk::Whole.cut(bytes.len());
        Self { payloads: Vec::new(), wire: bytes, frames: Vec::new(), chunks }
    }

    /// The chunks, one after the other.
    #[inline]
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.wire[..];
        self.chunks.iter().map(move |&n| {
            let (chunk, behind) = rest.split_at(n as usize);
            rest = behind;
            chunk
        })
    }

    /// What a contender is to give.
    pub(crate) fn expected(&self, gives: Gives) -> Vec<&[u8]> {
        match gives {
            Gives::Payloads => self.payloads.iter().map(|payload| &payload[..]).collect(),
            Gives::Frames => self.frames.iter().map(|range| &self.wire[range.clone()]).collect(),
            Gives::Stream => vec![&self.wire],
        }
    }
}

/// The chunks as what a socket gives, for those who read by themselves.
#[derive(Default)]
pub(crate) struct Reads {
    stream: Option<Rc<Stream>>,
    /// The chunk that is read, where it begins, and how much of it was.
    chunk: usize,
    start: usize,
    read: usize,
}

impl Reads {
    pub(crate) fn restart(&mut self, stream: &Rc<Stream>) {
        *self = Self { stream: Some(Rc::clone(stream)), ..Self::default() };
    }
}

impl Read for Reads {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let Some(stream) = &self.stream else { return Ok(0) };
        let Some(&length) = stream.chunks.get(self.chunk) else { return Ok(0) };
        let end = self.start + length as usize;
        let rest = &stream.wire[self.start + self.read..end];
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        if self.start + self.read == end {
            (self.chunk, self.start, self.read) = (self.chunk + 1, end, 0);
        }
        Ok(n)
    }
}

/// What is read at once.
pub(crate) const WHOLE: usize = 64 << 10;
