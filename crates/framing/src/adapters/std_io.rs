//! Frames over `std::io`.

use alloc::vec::Vec;
use core::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

use thiserror::Error;

use crate::framings::payload_length;
use crate::machine::{Gift, Mode};
use crate::{
    DecodeError, EncodeError, Encoded, Encoder, Event, Frame, Framing, Reassembler, Storage,
};

/// Reads frames from a [`Read`].
///
/// Bytes are read straight into the buffer that frames are lent from: a `BufReader` around the
/// reader would only copy them once more. An interrupted read is repeated. One that would block or
/// times out is an error that loses nothing: the next call goes on.
///
/// ```
/// use framing::{FrameReader, Length};
///
/// let socket: &[u8] = b"\0\0\0\x05hello\0\0\0\x02yo";
/// let mut reader = FrameReader::new(socket, Length::u32_be());
/// let mut messages = Vec::new();
/// while let Some(frame) = reader.next_frame()? {
///     messages.push(frame.payload().to_vec());
/// }
/// assert_eq!(messages, [&b"hello"[..], b"yo"]);
/// # Ok::<(), framing::ReadError>(())
/// ```
pub struct FrameReader<R, F, S = Vec<u8>> {
    inner: R,
    reassembler: Reassembler<F, S>,
    ended: bool,
}

impl<R: Read, F: Framing> FrameReader<R, F> {
    /// Reads with the default [`Limits`](crate::Limits). See [`over`](Self::over) for others.
    pub fn new(inner: R, framing: F) -> Self {
        Self::over(inner, Reassembler::new(framing))
    }
}

impl<R: Read, F: Framing, S: Storage> FrameReader<R, F, S> {
    /// Reads into a reassembler, which may hold bytes already.
    ///
    /// ```
    /// use framing::{Config, FrameReader, Lines};
    ///
    /// let config = Config::new(Lines::lenient()).max_payload(1000);
    /// let mut reader = FrameReader::over(std::io::stdin(), config.reassembler()?);
    /// # Ok::<(), framing::BuildError>(())
    /// ```
    pub const fn over(inner: R, reassembler: Reassembler<F, S>) -> Self {
        Self { inner, reassembler, ended: false }
    }

    /// The next frame, lent until the reader is used again; none once the stream has ended between
    /// two frames.
    ///
    /// A [`DecodeError`] that is [not fatal](DecodeError::is_fatal) is told once, and the next call
    /// goes on.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_, '_>>, ReadError> {
        while !self.ended {
            if self.reassembler.next()?.is_some() {
                return Ok(self.reassembler.current());
            }
            self.ended = self.read()? == 0;
        }
        Ok(self.reassembler.finish()?)
    }

    /// The next event of a frame, for bodies that need not be held in memory; none once the stream
    /// has ended between two frames. As [`Decoder::next_event`](crate::Decoder::next_event).
    pub fn next_event(&mut self) -> Result<Option<Event<'_, '_>>, ReadError> {
        let gift = self.gift()?;
        Ok(self.reassembler.event(gift)?)
    }

    /// The frames' payloads, each in a `Vec` of its own: up to the end, or to an error that ends it.
    ///
    /// ```
    /// use framing::{FrameReader, Lines};
    ///
    /// let reader = FrameReader::new(&b"one\ntwo\n"[..], Lines::lf());
    /// let lines = reader.payloads().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(lines, [b"one", b"two"]);
    /// # Ok::<(), framing::ReadError>(())
    /// ```
    pub const fn payloads(self) -> Payloads<R, F, S> {
        Payloads { reader: self, failed: false }
    }

    /// The decoder: what is unread, where in the stream it is, events to accept or skip.
    pub const fn reassembler(&mut self) -> &mut Reassembler<F, S> {
        &mut self.reassembler
    }

    /// The reader, and the reassembler with what was read and not handed out.
    pub fn into_parts(self) -> (R, Reassembler<F, S>) {
        (self.inner, self.reassembler)
    }

    fn gift(&mut self) -> Result<Option<Gift>, ReadError> {
        while !self.ended {
            let gift = self.reassembler.advance(Mode::Events, false)?;
            if gift.is_some() {
                return Ok(gift);
            }
            self.ended = self.read()? == 0;
        }
        Ok(self.reassembler.conclude(Mode::Events)?)
    }

    fn read(&mut self) -> io::Result<usize> {
        loop {
            match self.inner.read(self.reassembler.space()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(n) => {
                    self.reassembler.filled(n);
                    return Ok(n);
                }
            }
        }
    }
}

/// The payloads of a [`FrameReader`], from [`FrameReader::payloads`].
///
/// Errors of frames that are not fatal, and reads that would block or time out, are items too, and
/// more may follow.
pub struct Payloads<R, F, S = Vec<u8>> {
    reader: FrameReader<R, F, S>,
    failed: bool,
}

impl<R: Read, F: Framing, S: Storage> Iterator for Payloads<R, F, S> {
    type Item = Result<Vec<u8>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let payload = self.reader.next_frame().map(|frame| Some(frame?.payload().to_vec()));
        self.failed = payload.as_ref().is_err_and(ReadError::ends);
        payload.transpose()
    }
}

impl<R, F, S: Storage> fmt::Debug for FrameReader<R, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader")
            .field("reassembler", &self.reassembler)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<R, F, S: Storage> fmt::Debug for Payloads<R, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payloads").field("reader", &self.reader).finish_non_exhaustive()
    }
}

/// Why no frame was read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The reader failed. One that would block, or timed out, may be asked again.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer's bytes are wrong.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl ReadError {
    /// Whether nothing can be read after it.
    fn ends(&self) -> bool {
        match self {
            Self::Io(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Self::Decode(error) => error.is_fatal(),
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Decode(error) => Self::new(ErrorKind::InvalidData, error),
        }
    }
}

/// Writes frames to a [`Write`].
///
/// Small frames are gathered, head and payload together, and written in one piece; large ones go
/// out as they lie, by vectored writes. Nothing is on its way for sure before [`flush`](Self::flush),
/// which is best called once for a batch of frames. Interrupted and short writes go on.
///
/// Over a writer that would block, frames are taken and wait, up to 64 KiB and the frame that goes
/// past them. From there on [`send`](Self::send) gives the error and takes nothing, so that a peer
/// that does not read costs no more memory than that; [`unsent`](Self::unsent) tells how much waits,
/// and `flush` gives the error until all is out. So with a non-blocking socket: flush whenever it is
/// writable and something waits, and send a frame again only if `send` did not take it.
///
/// Whatever the error, what was taken is kept, and the stream stays whole as long as the writer
/// itself lost nothing.
///
/// ```
/// use framing::{FrameWriter, Length};
///
/// let mut writer = FrameWriter::new(Vec::new(), Length::u16_be());
/// writer.send(&[], &[b"hello, ", b"world"])?;
/// writer.send(&[], &[])?;
/// writer.flush()?;
/// assert_eq!(writer.into_inner(), b"\0\x0Chello, world\0\0");
/// # Ok::<(), framing::WriteError>(())
/// ```
pub struct FrameWriter<W, F> {
    inner: W,
    encoder: Encoder<F>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are written.
    written: usize,
    /// An error of a frame that was taken, to be told by the next call that writes.
    failure: Option<io::Error>,
}

impl<W: Write, F: Framing> FrameWriter<W, F> {
    /// Writes with the default [`Limits`](crate::Limits). See [`over`](Self::over) for others.
    pub fn new(inner: W, framing: F) -> Self {
        Self::over(inner, Encoder::new(framing))
    }

    /// Writes what an encoder makes.
    pub const fn over(inner: W, encoder: Encoder<F>) -> Self {
        Self { inner, encoder, buffer: Vec::new(), written: 0, failure: None }
    }

    /// Sends a frame around the payload `parts`; see [`Encoder::encode`].
    ///
    /// After an error the frame was not taken, and nothing of it is written: it may be sent again. That
    /// the writer failed in the midst of a frame is told by the next call that writes.
    pub fn send(&mut self, prefix: &[u8], parts: &[&[u8]]) -> Result<(), WriteError> {
        if self.unsent() >= FULL {
            self.make_room()?;
        }
        let Self { inner, encoder, buffer, written, failure } = self;
        if payload_length(parts) < LARGE {
            return Ok(encoder.append(prefix, parts, buffer)?);
        }
        let mut frame = encoder.encode(prefix, parts)?;
        told(failure)?;
        blocked(write_out(inner, buffer, written))?;
        if buffer.is_empty() {
            *failure = blocked(write_frame(inner, &mut frame)).err();
        }
        frame.slices().for_each(|slice| buffer.extend_from_slice(slice));
        Ok(())
    }

    /// Writes all that waits, and flushes the writer.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.write_buffer()?;
        Ok(self.inner.flush()?)
    }

    /// Bytes of frames that wait to be written.
    pub fn unsent(&self) -> usize {
        self.buffer.len().saturating_sub(self.written)
    }

    /// The writer itself.
    pub const fn inner(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The writer, without what waits.
    pub fn into_inner(self) -> W {
        self.inner
    }

    fn make_room(&mut self) -> io::Result<()> {
        match self.write_buffer() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.unsent() < BACKLOG => {
                Ok(())
            }
            written => written,
        }
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        told(&mut self.failure)?;
        write_out(&mut self.inner, &mut self.buffer, &mut self.written)
    }
}

impl<W, F> fmt::Debug for FrameWriter<W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsent = self.buffer.len().saturating_sub(self.written);
        f.debug_struct("FrameWriter").field("unsent", &unsent).finish_non_exhaustive()
    }
}

/// Why a frame was not sent.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The writer failed, or would block.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The frame cannot be encoded; nothing of it was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) => error,
            WriteError::Encode(error) => Self::new(ErrorKind::InvalidInput, error),
        }
    }
}

/// Empties the buffer, as far as the writer takes it. What is written is dropped once it is half of
/// the buffer, so that one that never runs empty does not grow, and moving the rest stays linear.
fn write_out(inner: &mut impl Write, buffer: &mut Vec<u8>, written: &mut usize) -> io::Result<()> {
    let mut outcome = Ok(());
    while let Some(rest) = buffer.get(*written..).filter(|rest| !rest.is_empty()) {
        match progress(inner.write(rest)) {
            Ok(n) => *written = written.saturating_add(n).min(buffer.len()),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    if *written >= buffer.len().saturating_sub(*written) {
        buffer.drain(..*written);
        *written = 0;
    }
    outcome
}

fn write_frame(inner: &mut impl Write, frame: &mut Encoded<'_>) -> io::Result<()> {
    while frame.remaining() > 0 {
        let mut slices = [IoSlice::new(&[]); 16];
        let used = frame.io_slices(&mut slices);
        let sent = progress(inner.write_vectored(slices.get(..used).unwrap_or_default()))?;
        frame.advance(sent);
    }
    Ok(())
}

/// How much one write took: an interrupted one nothing.
fn progress(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Ok(0) => Err(ErrorKind::WriteZero.into()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
        written => written,
    }
}

/// An error that was kept, once.
fn told(failure: &mut Option<io::Error>) -> io::Result<()> {
    failure.take().map_or(Ok(()), Err)
}

/// What a writer does not take now waits.
fn blocked(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        written => written,
    }
}

/// Payloads from here on are not copied into the buffer: a copy costs less than one more slice
/// below it, and more above.
const LARGE: u64 = 16 << 10;

/// A buffer that holds so much is written before another frame is taken.
const FULL: usize = 32 << 10;

/// While so much waits for a writer that would block, no frame is taken.
const BACKLOG: usize = 64 << 10;
