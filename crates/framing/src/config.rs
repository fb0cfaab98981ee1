//! One configuration, from which the decoder, the reassembler and the encoder are built.

use crate::{BuildError, Decoder, Encoder, Framing, Limits, Oversize, Reassembler, Recovery};

/// A framing with its limits: built once, used by both directions.
///
/// ```
/// use framing::{BuildError, Config, Length, LengthBuilder, Limits, Oversize};
///
/// let config = Config::new(Length::u16_be())
///     .limits(Limits { head: 64, ..Limits::default() })
///     .max_payload(3)
///     .oversize(Oversize::Skip)
///     .capacity(4096);
/// let (encoder, mut decoder) = (config.encoder()?, config.decoder()?);
/// let mut reassembler = config.reassembler()?;
/// assert!(reassembler.space().len() >= 4096);
///
/// let mut wire = Vec::new();
/// assert!(encoder.append(&[], &[b"four"], &mut wire).is_err(), "our own peer would skip it");
/// assert!(decoder.next(&mut &b"\0\x04four"[..]).is_err_and(|error| !error.is_fatal()));
/// encoder.append(&[], &[b"two"], &mut wire)?;
/// assert_eq!(&*decoder.next(&mut &wire[..])?.unwrap().payload(), b"two");
///
/// // What could decode or encode nothing does not build.
/// let kept = LengthBuilder::u16_be().strip(0).build()?;
/// let error = Config::new(kept).max_payload(1).decoder().unwrap_err();
/// assert_eq!(error, BuildError::LimitsTooSmall { head: 0, payload: 2 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config<F> {
    pub(crate) framing: F,
    pub(crate) limits: Limits,
    pub(crate) oversize: Oversize,
    pub(crate) capacity: usize,
}

impl<F: Framing> Config<F> {
    /// The framing with the default limits; a frame past them is an error.
    pub fn new(framing: F) -> Self {
        Self {
            framing,
            limits: Limits::default(),
            oversize: Oversize::default(),
            capacity: INITIAL_CAPACITY,
        }
    }

    /// Sets all limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`Limits::payload`], in bytes.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.limits.payload = bytes;
        self
    }

    /// Chooses what becomes of a frame past the limit.
    #[must_use]
    pub fn oversize(mut self, oversize: Oversize) -> Self {
        self.oversize = oversize;
        self
    }

    /// Sets the size in bytes of a new [`Reassembler`]'s buffer, 8 KiB otherwise. It grows with
    /// what arrives, and comes back to this.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }
}

impl<F: Framing + Clone> Config<F> {
    /// A decoder for chunks that somebody else owns.
    pub fn decoder(&self) -> Result<Decoder<F>, BuildError> {
        self.check()?;
        Ok(Decoder::build(self.clone()))
    }

    /// A decoder with a buffer of its own to read into.
    pub fn reassembler(&self) -> Result<Reassembler<F>, BuildError> {
        self.check()?;
        Ok(Reassembler::build(self.clone()))
    }

    /// An encoder that refuses what these decoders would refuse.
    pub fn encoder(&self) -> Result<Encoder<F>, BuildError> {
        self.check()?;
        Ok(Encoder::build(self.clone()))
    }

    fn check(&self) -> Result<(), BuildError> {
        self.limits.check()?;
        if self.oversize == Oversize::Truncate && self.framing.seal(0).len() > 0 {
            return Err(BuildError::TruncatedChecksum);
        }
        if self.oversize != Oversize::Error
            && matches!(self.framing.recovery(), Some(Recovery::ByteByByte { .. }))
        {
            return Err(BuildError::ResyncPolicy);
        }
        self.framing.check(&self.limits)
    }
}

const INITIAL_CAPACITY: usize = 8 << 10;
