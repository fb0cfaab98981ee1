//! Messages with a length over TCP, and a body that is larger than anybody wants to hold: streamed.
//!
//! `cargo run --example messages`

use std::error::Error;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use framing::{Config, Event, FrameReader, FrameWriter, Length, Oversize};

const BODY: usize = 64 << 20;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let sender = thread::spawn(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut socket = TcpStream::connect(address)?;
        let mut writer = FrameWriter::new(&socket, Length::u32_be());
        writer.send(&[], &[b"a message in ", b"two parts"])?;
        writer.send(&[], &[])?;
        writer.flush()?;
        // A frame that nobody holds: its head, then what belongs to it, as it comes.
        socket.write_all(&u32::try_from(BODY)?.to_be_bytes())?;
        let block = vec![7; 64 << 10];
        for _ in 0..BODY / block.len() {
            socket.write_all(&block)?;
        }
        Ok(())
    });

    let (socket, _) = listener.accept()?;
    // Whole messages up to 1 MiB; larger ones only piece by piece.
    let config = Config::new(Length::u32_be()).max_payload(1 << 20).oversize(Oversize::Stream);
    let mut reader = FrameReader::over(socket, config.reassembler()?);
    let message = reader.next_frame()?.ok_or("no message")?;
    assert_eq!(&*message.payload(), b"a message in two parts");
    assert!(
        reader.next_frame()?.ok_or("no message")?.payload().is_empty(),
        "an empty message is one"
    );

    let (mut received, mut sum) = (0, 0_u64);
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Begin { body, .. } => assert_eq!(body, Some(BODY as u64)),
            Event::Chunk(bytes) => {
                received += bytes.len();
                sum += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
            }
            Event::End { .. } => break,
            Event::Skipped { .. } => unreachable!("nothing is skipped under Oversize::Stream"),
        }
    }
    assert_eq!((received, sum), (BODY, 7 * BODY as u64));
    let held = reader.reassembler().capacity();
    assert!(held <= 64 << 10, "{held} bytes were held for it");
    println!("{BODY} bytes in one frame, {held} bytes held");
    sender.join().map_err(|_| "the sender has panicked")?.map_err(|e| e.to_string())?;
    Ok(())
}
