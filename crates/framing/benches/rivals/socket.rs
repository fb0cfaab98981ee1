//! Encoding through a socket of this machine: the CPU that the writer's thread takes, the kernel's
//! work for it included, to copy head and payload together or to write them from where they lie.

use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use bytes::{Bytes, BytesMut};
use cpu_time::ThreadTime;
use framing::{Encoder, FrameWriter, Length};
use tokio_util::codec::LengthDelimitedCodec;

use crate::report::Cell;
use crate::rows::Extent;
use crate::stream::{Chunk, Gives, Payload, Stream, Wire};
use crate::timing::{Effort, Measured};

/// What these rows are called together.
pub(crate) const NAME: &str = "encode, socket";

pub(crate) fn cells(extent: Extent) -> Vec<Cell> {
    let sizes: &[usize] = match extent {
        Extent::All => &[64, 256, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 64 << 10, 1 << 20],
        Extent::Quick => &[64, 1 << 10, 4 << 10, 16 << 10, 1 << 20],
    };
    let mut cells = Vec::new();
    for (chunk, batch) in [("socket", 1), ("socket, 16 at once", 16)] {
        for &size in sizes {
            let payload = Payload::All(size);
            let measured = measure(&payload.make(0)[0], batch, Effort::of(extent));
            let name = payload.name();
            cells.extend(measured.into_iter().map(|one| Cell::new("encode", &name, chunk, one)));
        }
    }
    cells
}

fn measure(payload: &Bytes, batch: usize, effort: Effort) -> Vec<Measured> {
    for how in HOWS {
        verify(how, payload, batch);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let socket = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    socket.set_nodelay(true).expect("an option");
    let (mut peer, _) = listener.accept().expect("connected");
    let reader = thread::spawn(move || {
        let mut room = vec![0; 1 << 20];
        while peer.read(&mut room).expect("it is written to") > 0 {}
    });
    let mut senders: Vec<Sender<&TcpStream>> =
        HOWS.iter().map(|how| Sender::new(*how, &socket, &socket)).collect();
    let mut measured: Vec<Measured> =
        HOWS.iter().map(|how| Measured::of(how.name(), effort.rounds)).collect();
    // A system call costs about as much as these bytes.
    let frames = ((24 << 20) / (payload.len() + (8 << 10))).next_multiple_of(batch);
    for round in 0..effort.rounds {
        for turn in 0..HOWS.len() {
            let at = (round + turn) % HOWS.len();
            let start = ThreadTime::now();
            for frame in 1..=frames {
                senders[at].send(payload, frame % batch == 0);
            }
            let took = start.elapsed().as_secs_f64() * 1e9;
            #[allow(clippy::cast_precision_loss, reason = "far less than 2^52")]
            measured[at].ns.push(took / frames as f64);
        }
        let floor = measured[0].ns[round];
        for one in &mut measured {
            one.ratio.push(one.ns[round] / floor);
        }
    }
    drop(senders);
    drop(socket);
    reader.join().expect("the reader");
    measured
}

/// What is sent is what it should be.
fn verify(how: How, payload: &Bytes, batch: usize) {
    let stream = Stream::new(&vec![payload.clone(); 2 * batch], Wire::U32, Chunk::Whole);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut sender = Sender::new(how, &mut one, &mut other);
    for frame in 1..=2 * batch {
        sender.send(payload, frame % batch == 0);
    }
    drop(sender);
    let sent = [one, other].concat();
    assert!(sent == stream.expected(Gives::Frames).concat(), "{} differs", how.name());
}

#[derive(Clone, Copy, Debug)]
enum How {
    ByHand,
    Append,
    Vectored,
    Writer,
    Tokio,
}

const HOWS: [How; 5] = [How::ByHand, How::Append, How::Vectored, How::Writer, How::Tokio];

impl How {
    const fn name(self) -> &'static str {
        match self {
            Self::ByHand => "floor",
            Self::Append => "framing/append",
            Self::Vectored => "framing/encode",
            Self::Writer => "framing/writer",
            Self::Tokio => "tokio-util",
        }
    }
}

struct Sender<W> {
    how: How,
    out: W,
    writer: FrameWriter<W, Length<framing::BigEndian, 4>>,
    encoder: Encoder<Length<framing::BigEndian, 4>>,
    codec: LengthDelimitedCodec,
    buffer: Vec<u8>,
    bytes: BytesMut,
}

impl<W: Write> Sender<W> {
    /// The writer has an end of its own.
    fn new(how: How, out: W, writers: W) -> Self {
        Self {
            how,
            out,
            writer: FrameWriter::new(writers, Length::u32_be()),
            encoder: Encoder::new(Length::u32_be()),
            codec: LengthDelimitedCodec::new(),
            buffer: Vec::new(),
            bytes: BytesMut::new(),
        }
    }

    /// Sends a frame; at the end of a batch nothing may wait.
    fn send(&mut self, payload: &Bytes, ends_batch: bool) {
        let Self { how, out, writer, encoder, codec, buffer, bytes } = self;
        match how {
            How::ByHand => {
                let length = u32::try_from(payload.len()).expect("small");
                buffer.extend_from_slice(&length.to_be_bytes());
                buffer.extend_from_slice(payload);
            }
            How::Append => encoder.append(&[], &[payload], buffer).expect("it fits"),
            How::Tokio => {
                let payload = payload.clone();
                tokio_util::codec::Encoder::encode(codec, payload, bytes).expect("it fits");
            }
            How::Writer => {
                writer.send(&[], &[payload]).expect("it is sent");
                if ends_batch {
                    writer.flush().expect("it is sent");
                }
            }
            // By itself, whatever the batch: what the writer does with large ones.
            How::Vectored => {
                let parts = [&payload[..]];
                let mut frame = encoder.encode(&[], &parts).expect("it fits");
                while frame.remaining() > 0 {
                    let mut slices = [IoSlice::new(&[]); 2];
                    let used = frame.io_slices(&mut slices);
                    let sent = out.write_vectored(&slices[..used]).expect("it is sent");
                    frame.advance(sent);
                }
            }
        }
        if ends_batch {
            // Only one of them holds anything.
            out.write_all(buffer).expect("it is sent");
            out.write_all(bytes).expect("it is sent");
            buffer.clear();
            bytes.clear();
        }
    }
}
