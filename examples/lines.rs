//! Lines over TCP, with the standard library alone: a server that answers each line in reverse.
//!
//! `cargo run --example lines`

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::thread;

use framing::{Config, FrameReader, FrameWriter, Lines, Oversize};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // A line of more than 80 bytes is dropped and told, not gathered.
    let config = Config::new(Lines::lenient()).max_payload(80).oversize(Oversize::Skip);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> Result<usize, Box<dyn Error + Send + Sync>> {
        let (socket, _) = listener.accept()?;
        let mut reader = FrameReader::over(socket.try_clone()?, config.reassembler()?);
        let mut writer = FrameWriter::over(socket, config.encoder()?);
        let mut skipped = 0;
        loop {
            match reader.next_frame() {
                Ok(Some(line)) => {
                    let reversed: Vec<u8> = line.payload().iter().rev().copied().collect();
                    writer.send(&[], &[&reversed])?;
                    writer.flush()?;
                }
                Ok(None) => return Ok(skipped),
                Err(framing::ReadError::Decode(error)) if !error.is_fatal() => skipped += 1,
                Err(error) => return Err(error.into()),
            }
        }
    });

    let socket = TcpStream::connect(address)?;
    let mut reader = FrameReader::new(socket.try_clone()?, Lines::lenient());
    let mut writer = FrameWriter::new(socket.try_clone()?, Lines::lenient());
    for (line, answer) in [("stressed", "desserts"), ("", ""), ("drawer", "reward")] {
        writer.send(&[], &[line.as_bytes()])?;
        writer.flush()?;
        let frame = reader.next_frame()?.ok_or("the server has left")?;
        println!("{line:?} -> {:?}", std::str::from_utf8(&frame.payload())?);
        assert_eq!(&*frame.payload(), answer.as_bytes());
    }
    writer.send(&[], &[&[b'x'; 1000]])?;
    writer.flush()?;
    socket.shutdown(std::net::Shutdown::Write)?;
    let skipped =
        server.join().map_err(|_| "the server has panicked")?.map_err(|e| e.to_string())?;
    assert_eq!(skipped, 1);
    Ok(())
}
