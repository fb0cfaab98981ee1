//! A framing as the codec of `tokio-util` and of `asynchronous-codec`.

use bytes::{Bytes, BytesMut};

use crate::{
    BuildError, Config, DecodeError, Decoder, EncodeError, Encoder, Framing, ReadError, WriteError,
};

/// A framing for `tokio_util::codec::Framed` (feature `tokio`) and `asynchronous_codec::Framed`
/// (feature `futures`). What comes out are payloads, what goes in is anything that is bytes.
///
/// A payload that lies whole in what was read shares its memory, and is not copied.
///
/// After an error, also one that is [not fatal](DecodeError::is_fatal), `tokio_util`'s `Framed` ends
/// the stream; it may be polled again, and goes on if the decoder does. Where frames past the limit
/// are skipped and nobody asks how many, [`quiet`](Self::quiet) passes over such errors. What was
/// read of an incomplete frame is held by the [decoder](Self::decoder), not by `Framed`'s buffer.
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
#[derive(Debug)]
pub struct FrameCodec<F> {
    decoder: Decoder<F>,
    encoder: Encoder<F>,
    reports: Reports,
    /// Whether the buffer begins with a byte that only keeps it from being empty.
    #[cfg(feature = "futures")]
    marked: bool,
}

/// What becomes of errors that are not fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reports {
    Given,
    PassedOver,
}

impl<F: Framing + Clone> FrameCodec<F> {
    /// Both directions of a configuration.
    pub fn new(config: &Config<F>) -> Result<Self, BuildError> {
        let (decoder, encoder) = (config.decoder()?, config.encoder()?);
        Ok(Self {
            decoder,
            encoder,
            reports: Reports::Given,
            #[cfg(feature = "futures")]
            marked: false,
        })
    }
}

impl<F: Framing> FrameCodec<F> {
    /// Errors that are not fatal are passed over.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.reports = Reports::PassedOver;
        self
    }

    /// The decoder: where in the stream it is, what it holds.
    pub const fn decoder(&mut self) -> &mut Decoder<F> {
        &mut self.decoder
    }

    fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, ReadError> {
        loop {
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
                Err(error) if self.passes_over(error) => continue,
                Err(error) => Err(error.into()),
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
        loop {
            let payload = self
                .decoder
                .finish()
                .map(|frame| frame.map(|frame| Bytes::copy_from_slice(&frame.payload())));
            return match payload {
                Err(error) if self.passes_over(error) => continue,
                payload => Ok(payload?),
            };
        }
    }

    fn passes_over(&self, error: DecodeError) -> bool {
        self.reports == Reports::PassedOver && !error.is_fatal()
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
        if payload.is_none() {
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
