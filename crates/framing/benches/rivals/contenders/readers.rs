//! Those who read by themselves.

use std::io::{BufRead, BufReader, Read};
use std::rc::Rc;

use tungstenite::protocol::frame::FrameSocket;

use crate::contender::Contender;
use crate::stream::{Reads, Stream, WHOLE, Wire};
use crate::visitor::Visitor;

/// The loop that everybody writes: the head, then the body, into a buffer that is used again.
pub(crate) struct ReadExact {
    reader: BufReader<Reads>,
    body: Vec<u8>,
}

impl ReadExact {
    pub(crate) fn new() -> Self {
        Self { reader: BufReader::with_capacity(WHOLE, Reads::default()), body: Vec::new() }
    }
}

impl Contender for ReadExact {
    fn name(&self) -> &'static str {
        "bufread"
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        self.reader.get_mut().restart(stream);
        let mut head = [0; 4];
        while self.reader.read_exact(&mut head).is_ok() {
            self.body.resize(u32::from_be_bytes(head) as usize, 0);
            if self.reader.read_exact(&mut self.body).is_err() {
                break;
            }
            visitor.frame(&self.body);
        }
    }
}

/// The standard library's way to lines.
pub(crate) struct ReadUntil {
    wire: Wire,
    reader: BufReader<Reads>,
    line: Vec<u8>,
}

impl ReadUntil {
    pub(crate) fn new(wire: Wire) -> Self {
        let reader = BufReader::with_capacity(WHOLE, Reads::default());
        Self { wire, reader, line: Vec::new() }
    }
}

impl Contender for ReadUntil {
    fn name(&self) -> &'static str {
        "bufread"
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        self.reader.get_mut().restart(stream);
        loop {
            self.line.clear();
            if self.reader.read_until(b'\n', &mut self.line).expect("it reads") == 0 {
                break;
            }
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            visitor.frame(match self.wire {
                Wire::Crlf => line.strip_suffix(b"\r").unwrap_or(line),
                _ => line,
            });
        }
    }
}

/// `tungstenite`, below its handshake and its messages. Frames are not masked, so that both sides
/// only find where they begin and end.
pub(crate) struct Tungstenite {
    socket: FrameSocket<Reads>,
}

impl Tungstenite {
    pub(crate) fn new() -> Self {
        Self { socket: FrameSocket::new(Reads::default()) }
    }
}

impl Contender for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn wire(&self) -> Wire {
        Wire::WebSocket
    }

    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor) {
        self.socket.get_mut().restart(stream);
        while let Some(frame) = self.socket.read(Some(MOST)).expect("good frames") {
            visitor.frame(frame.payload());
        }
    }
}

/// The limit that the others have by default.
const MOST: usize = 8 << 20;
