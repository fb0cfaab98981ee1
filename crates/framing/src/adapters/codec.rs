//! A framing as the codec of `tokio-util` and of `asynchronous-codec`.

use core::fmt;
use std::boxed::Box;

use bytes::{Bytes, BytesMut};

use crate::{
    BuildError, Config, DecodeError, Decoder, EncodeError, Encoder, Framing, ReadError, WriteError,
};

/// A framing for `tokio_util::codec::Framed` (feature `tokio`) and `asynchronous_codec::Framed`
/// (feature `futures`). What comes out are payloads, what goes in is anything that is bytes.
///
/// A payload that lies whole in what was read shares its memory, and is not copied.
///
/// A frame's head and trailer are dropped; where the head says what a message is, the layout takes
/// `strip(0)`, and payloads come and go with it.
///
/// An error ends the stream, and is told once: what is read later is dropped. A frame that was
/// skipped, or bytes that were passed over, are no error of the stream, which `tokio_util`'s `Framed`
/// would end: they go to [`on_report`](Self::on_report). What was read of an incomplete frame is held
/// by the [decoder](Self::decoder), not by `Framed`'s buffer, so a change of protocol is for a place
/// between two frames.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
/// use framing::{Config, FrameCodec, Length};
/// use futures_util::{SinkExt, StreamExt};
/// use tokio_util::codec::Framed;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (here, there) = tokio::io::duplex(16);
/// let config = Config::new(Length::u16_be());
/// let mut here = Framed::new(here, FrameCodec::new(&config)?);
/// let mut there = Framed::new(there, FrameCodec::new(&config)?);
///
/// here.send("hello").await?;
/// assert_eq!(there.next().await.unwrap()?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FrameCodec<F> {
    decoder: Decoder<F>,
    encoder: Encoder<F>,
    on_report: Box<dyn FnMut(DecodeError) + Send>,
    /// Whether a fatal error was told.
    failed: bool,
    /// Whether the buffer begins with a byte that only keeps it from being empty.
    #[cfg(feature = "futures")]
    marked: bool,
}

impl<F: Framing + Clone> FrameCodec<F> {
    /// Both directions of a configuration.
    pub fn new(config: &Config<F>) -> Result<Self, BuildError> {
        let (decoder, encoder) = (config.decoder()?, config.encoder()?);
        Ok(Self {
            decoder,
            encoder,
            on_report: Box::new(|_| {}),
            failed: false,
            #[cfg(feature = "futures")]
            marked: false,
        })
    }
}

impl<F: Framing> FrameCodec<F> {
    /// Calls `report` with every error that is [not fatal](DecodeError::is_fatal); otherwise they are
    /// passed over.
    ///
    /// ```
    /// use framing::{Config, FrameCodec, Lines, Oversize};
    ///
    /// let config = Config::new(Lines::lf()).max_payload(80).oversize(Oversize::Skip);
    /// let codec = FrameCodec::new(&config)?.on_report(|error| eprintln!("{error}"));
    /// # Ok::<(), framing::BuildError>(())
    /// ```
    #[must_use]
    pub fn on_report(mut self, report: impl FnMut(DecodeError) + Send + 'static) -> Self {
        self.on_report = Box::new(report);
        self
    }

    /// The decoder: where in the stream it is, what it holds.
    pub const fn decoder(&mut self) -> &mut Decoder<F> {
        &mut self.decoder
    }

    fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        loop {
            if self.failed {
                read.clear();
                return Ok(None);
            }
            let mut input = &read[..];
            let found = self.decoder.next(&mut input).map(|frame| {
                frame.map(|frame| match frame.payload().direct() {
                    Some(payload) => Found::Lent {
                        at: payload.as_ptr().addr().saturating_sub(read.as_ptr().addr()),
                        length: payload.len(),
                    },
                    None => Found::Copied(Bytes::copy_from_slice(&frame.payload())),
                })
            });
            let taken = read.split_to(read.len().saturating_sub(input.len()));
            return match found {
                Err(error) => match self.report(error) {
                    Ok(()) => continue,
                    Err(error) => Err(error.into()),
                },
                Ok(None) => Ok(None),
                Ok(Some(Found::Copied(payload))) => Ok(Some(payload)),
                Ok(Some(Found::Lent { at, length })) => {
                    Ok(Some(taken.freeze().slice(at..at.saturating_add(length))))
                }
            };
        }
    }

    fn take_last(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        if let Some(payload) = self.take(read)? {
            return Ok(Some(payload));
        }
        while !self.failed {
            let payload = self
                .decoder
                .finish()
                .map(|frame| frame.map(|frame| Bytes::copy_from_slice(&frame.payload())));
            match payload {
                Err(error) => self.report(error)?,
                Ok(payload) => return Ok(payload),
            }
        }
        Ok(None)
    }

    /// Whether decoding goes on.
    fn report(&mut self, error: DecodeError) -> Result<(), DecodeError> {
        if error.is_fatal() {
            self.failed = true;
            return Err(error);
        }
        (self.on_report)(error);
        Ok(())
    }

    fn put(&self, payload: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
        let parts = [payload];
        let frame = self.encoder.encode(&[], &parts)?;
        out.reserve(usize::try_from(frame.remaining()).unwrap_or(0));
        for slice in frame.slices() {
            out.extend_from_slice(slice);
        }
        Ok(())
    }
}

/// A payload in what was read.
enum Found {
    Lent { at: usize, length: usize },
    Copied(Bytes),
}

impl<F> fmt::Debug for FrameCodec<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCodec").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}

#[cfg(feature = "tokio")]
impl<F: Framing> tokio_util::codec::Decoder for FrameCodec<F> {
    type Item = Bytes;
    type Error = ReadError;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        self.take(read)
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        self.take_last(read)
    }
}

#[cfg(feature = "tokio")]
impl<F: Framing, P: AsRef<[u8]>> tokio_util::codec::Encoder<P> for FrameCodec<F> {
    type Error = WriteError;

    fn encode(&mut self, payload: P, out: &mut BytesMut) -> Result<(), WriteError> {
        Ok(self.put(payload.as_ref(), out)?)
    }
}

#[cfg(feature = "futures")]
impl<F: Framing> asynchronous_codec::Decoder for FrameCodec<F> {
    type Item = Bytes;
    type Error = ReadError;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        self.unmark(read);
        let payload = self.take(read)?;
        if payload.is_none() && !self.failed && !self.decoder.is_between_frames() {
            // Of an empty buffer `decode_eof` is not asked, and a cut frame would be a clean end.
            read.extend_from_slice(&[0]);
            self.marked = true;
        }
        Ok(payload)
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        self.unmark(read);
        self.take_last(read)
    }
}

#[cfg(feature = "futures")]
impl<F> FrameCodec<F> {
    /// What was read since stands behind the mark.
    fn unmark(&mut self, read: &mut BytesMut) {
        if core::mem::take(&mut self.marked) {
            drop(read.split_to(1.min(read.len())));
        }
    }
}

#[cfg(feature = "futures")]
impl<F: Framing> asynchronous_codec::Encoder for FrameCodec<F> {
    type Item<'p> = &'p [u8];
    type Error = WriteError;

    fn encode(&mut self, payload: &[u8], out: &mut BytesMut) -> Result<(), WriteError> {
        Ok(self.put(payload, out)?)
    }
}
