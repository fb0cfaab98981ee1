//! Frames over `embedded-io` and `embedded-io-async`: a UART, a radio.
//!
//! Reading into a fixed storage allocates nothing. Writing allocates where a framing stuffs payloads
//! ([`Cobs`](crate::Cobs), [`Slip`](crate::Slip)).

use core::fmt;

use thiserror::Error;

use crate::machine::{Gift, Mode};
use crate::{DecodeError, EncodeError, Encoder, Event, Frame, Framing, Reassembler, Storage};

/// Reads frames from an `embedded_io::Read`, or from an `embedded_io_async::Read` by the methods
/// whose names end in `_async`.
///
/// Bytes are read straight into the storage that frames are lent from.
///
/// ```
/// use framing::{Cobs, EmbeddedReader, Reassembler};
///
/// let uart: &[u8] = b"\x03hi\0\x01\0";
/// let storage = [0; 64];
/// let mut reader = EmbeddedReader::new(uart, Reassembler::with_storage(Cobs, storage)?);
/// assert_eq!(&*reader.next_frame()?.unwrap().payload(), b"hi");
/// assert!(reader.next_frame()?.unwrap().payload().is_empty());
/// assert!(reader.next_frame()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EmbeddedReader<R, F, S> {
    inner: R,
    reassembler: Reassembler<F, S>,
    ended: bool,
}

impl<R, F: Framing, S: Storage> EmbeddedReader<R, F, S> {
    /// Reads into a reassembler.
    pub const fn new(inner: R, reassembler: Reassembler<F, S>) -> Self {
        Self { inner, reassembler, ended: false }
    }

    /// The decoder: what is unread, where in the stream it is, events to accept or skip.
    pub const fn reassembler(&mut self) -> &mut Reassembler<F, S> {
        &mut self.reassembler
    }

    /// The reader, and the reassembler with what was read and not handed out.
    pub fn into_parts(self) -> (R, Reassembler<F, S>) {
        (self.inner, self.reassembler)
    }

    fn took(&mut self, n: usize) {
        self.reassembler.filled(n);
        self.ended = n == 0;
    }
}

#[cfg(feature = "embedded-io")]
impl<R: embedded_io::Read, F: Framing, S: Storage> EmbeddedReader<R, F, S> {
    /// The next frame, lent until the reader is used again; none once the stream has ended between
    /// two frames. Errors of the decoder that are not fatal are told once, and the next call goes on.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_, '_>>, EmbeddedError<R::Error>> {
        let gift = self.gift(Mode::Frames)?;
        self.reassembler.frame(gift).map_err(EmbeddedError::Decode)
    }

    /// The next event of a frame, for bodies that are larger than the storage.
    pub fn next_event(&mut self) -> Result<Option<Event<'_, '_>>, EmbeddedError<R::Error>> {
        let gift = self.gift(Mode::Events)?;
        self.reassembler.event(gift).map_err(EmbeddedError::Decode)
    }

    fn gift(&mut self, mode: Mode) -> Result<Option<Gift>, EmbeddedError<R::Error>> {
        while !self.ended {
            let gift = self.reassembler.advance(mode, false).map_err(EmbeddedError::Decode)?;
            if gift.is_some() {
                return Ok(gift);
            }
            let n = self.inner.read(self.reassembler.space()).map_err(EmbeddedError::Io)?;
            self.took(n);
        }
        self.reassembler.conclude(mode).map_err(EmbeddedError::Decode)
    }
}

#[cfg(feature = "embedded-io-async")]
impl<R: embedded_io_async::Read, F: Framing, S: Storage> EmbeddedReader<R, F, S> {
    /// As `next_frame`. When the future is dropped, nothing that was read is lost.
    pub async fn next_frame_async(
        &mut self,
    ) -> Result<Option<Frame<'_, '_>>, EmbeddedError<R::Error>> {
        let gift = self.gift_async(Mode::Frames).await?;
        self.reassembler.frame(gift).map_err(EmbeddedError::Decode)
    }

    /// As `next_event`. When the future is dropped, nothing that was read is lost.
    pub async fn next_event_async(
        &mut self,
    ) -> Result<Option<Event<'_, '_>>, EmbeddedError<R::Error>> {
        let gift = self.gift_async(Mode::Events).await?;
        self.reassembler.event(gift).map_err(EmbeddedError::Decode)
    }

    async fn gift_async(&mut self, mode: Mode) -> Result<Option<Gift>, EmbeddedError<R::Error>> {
        while !self.ended {
            let gift = self.reassembler.advance(mode, false).map_err(EmbeddedError::Decode)?;
            if gift.is_some() {
                return Ok(gift);
            }
            let space = self.reassembler.space();
            let n = self.inner.read(space).await.map_err(EmbeddedError::Io)?;
            self.took(n);
        }
        self.reassembler.conclude(mode).map_err(EmbeddedError::Decode)
    }
}

impl<R, F, S: Storage> fmt::Debug for EmbeddedReader<R, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedReader")
            .field("reassembler", &self.reassembler)
            .finish_non_exhaustive()
    }
}

/// Writes frames to an `embedded_io::Write`, or by `send_async` to an `embedded_io_async::Write`.
///
/// ```
/// use framing::{Cobs, EmbeddedWriter, Encoder};
///
/// let mut uart = [0; 8];
/// let mut writer = EmbeddedWriter::new(&mut uart[..], Encoder::new(Cobs));
/// writer.send(&[], &[b"hi"])?;
/// assert_eq!(uart[..4], *b"\x03hi\0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EmbeddedWriter<W, F> {
    inner: W,
    encoder: Encoder<F>,
}

impl<W, F: Framing> EmbeddedWriter<W, F> {
    /// Writes what an encoder makes.
    pub const fn new(inner: W, encoder: Encoder<F>) -> Self {
        Self { inner, encoder }
    }

    /// The writer itself.
    pub const fn inner(&mut self) -> &mut W {
        &mut self.inner
    }
}

#[cfg(feature = "embedded-io")]
impl<W: embedded_io::Write, F: Framing> EmbeddedWriter<W, F> {
    /// Writes a frame around the payload `parts`, and flushes; see [`Encoder::encode`].
    pub fn send(
        &mut self,
        prefix: &[u8],
        parts: &[&[u8]],
    ) -> Result<(), EmbeddedWriteError<W::Error>> {
        let frame = self.encoder.encode(prefix, parts).map_err(EmbeddedWriteError::Encode)?;
        for mut slice in frame.slices() {
            while !slice.is_empty() {
                let n = self.inner.write(slice).map_err(EmbeddedWriteError::Io)?;
                slice = rest(slice, n)?;
            }
        }
        self.inner.flush().map_err(EmbeddedWriteError::Io)
    }
}

#[cfg(feature = "embedded-io-async")]
impl<W: embedded_io_async::Write, F: Framing> EmbeddedWriter<W, F> {
    /// As `send`. When the future is dropped, a part of the frame may have been written.
    pub async fn send_async(
        &mut self,
        prefix: &[u8],
        parts: &[&[u8]],
    ) -> Result<(), EmbeddedWriteError<W::Error>> {
        let frame = self.encoder.encode(prefix, parts).map_err(EmbeddedWriteError::Encode)?;
        for mut slice in frame.slices() {
            while !slice.is_empty() {
                let n = self.inner.write(slice).await.map_err(EmbeddedWriteError::Io)?;
                slice = rest(slice, n)?;
            }
        }
        self.inner.flush().await.map_err(EmbeddedWriteError::Io)
    }
}

/// What is left to write: `write_all` would panic where nothing was written.
fn rest<E>(slice: &[u8], written: usize) -> Result<&[u8], EmbeddedWriteError<E>> {
    if written == 0 {
        return Err(EmbeddedWriteError::WriteZero);
    }
    Ok(slice.get(written..).unwrap_or_default())
}

impl<W, F> fmt::Debug for EmbeddedWriter<W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedWriter").finish_non_exhaustive()
    }
}

/// Why no frame was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EmbeddedError<E> {
    /// The reader failed.
    #[error("the reader failed: {0:?}")]
    Io(E),
    /// The peer's bytes are wrong.
    #[error("{0}")]
    Decode(DecodeError),
}

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EmbeddedWriteError<E> {
    /// The writer failed; a part of the frame may have been written.
    #[error("the writer failed: {0:?}")]
    Io(E),
    /// The writer took nothing, which the contract of `embedded-io` does not allow.
    #[error("the writer took nothing")]
    WriteZero,
    /// The frame cannot be encoded; nothing was written.
    #[error("{0}")]
    Encode(EncodeError),
}
