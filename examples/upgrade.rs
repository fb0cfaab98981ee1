//! A protocol that changes its framing in mid-stream: lines, until one asks for binary frames.
//!
//! `cargo run --example upgrade`

use std::error::Error;

use framing::{Encoder, Length, Lines, Reassembler};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut wire = b"HELLO\r\nUPGRADE\r\n".to_vec();
    Encoder::new(Length::u16_be()).append(&[], &[b"\0\r\n\xFF any bytes"], &mut wire)?;

    // However the stream is cut, and however much was read too early.
    for size in 1..=wire.len() {
        let mut chunks = wire.chunks(size);
        let mut lines = Reassembler::new(Lines::crlf());
        let mut heard = Vec::new();
        while heard.last().is_none_or(|line| line != b"UPGRADE") {
            match lines.next()? {
                Some(line) => heard.push(line.payload().to_vec()),
                None => read(&mut lines, chunks.next().ok_or("the stream has ended")?),
            }
        }
        assert_eq!(heard, [&b"HELLO"[..], b"UPGRADE"]);

        // Where the change makes a connection secure, `lines.unread()` would have to be empty.
        let mut frames = lines.switch(Length::u16_be()).map_err(|_| "in mid-frame")?;
        loop {
            if let Some(frame) = frames.next()? {
                assert_eq!(&*frame.payload(), b"\0\r\n\xFF any bytes");
                break;
            }
            read(&mut frames, chunks.next().ok_or("the stream has ended")?);
        }
    }
    println!("lines, then frames, under {} cuts", wire.len());
    Ok(())
}

/// What a read from a socket does.
fn read<F: framing::Framing>(into: &mut Reassembler<F>, bytes: &[u8]) {
    into.space()[..bytes.len()].copy_from_slice(bytes);
    into.filled(bytes.len());
}
