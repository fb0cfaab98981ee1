//! One configuration, from which the decoder, the reassembler and the encoder are built.

use alloc::vec::Vec;

use crate::stash::Growth;
use crate::{
    BuildError, Decoder, Encoder, Framing, Limits, Oversize, Reassembler, Recovery, Storage,
};

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
    pub(crate) growth: Growth,
}

impl<F: Framing> Config<F> {
    /// The framing with the default limits; a frame past them is an error.
    pub fn new(framing: F) -> Self {
        Self {
            framing,
            limits: Limits::default(),
            oversize: Oversize::default(),
            capacity: INITIAL_CAPACITY,
            growth: Growth::default(),
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

    /// Reserves room for a frame in one go, as soon as its head has said how long it is. Otherwise
    /// a buffer grows as bytes arrive, to at most twice what it holds.
    ///
    /// It saves large frames the copies of growing, and their decoder up to half of its memory. In
    /// return a head alone costs as much as the limits allow, 8 MiB and more by default: choose
    /// them for what every peer may cost you at once. A [`Decoder`] reserves nothing for a frame of
    /// which it holds no more than 32 bytes, so that one which then comes whole is still lent from
    /// its chunk. Frames that are joined from parts, or end at a delimiter, declare no length of
    /// their own, and grow as ever.
    ///
    /// ```
    /// use framing::{Config, Length};
    ///
    /// let config = Config::new(Length::u32_be()).max_payload(1 << 20).reserve_declared();
    /// let mut reassembler = config.reassembler()?;
    /// reassembler.space()[..4].copy_from_slice(&[0, 0x10, 0, 0]);
    /// reassembler.filled(4);
    /// assert!(reassembler.next()?.is_none());
    /// assert_eq!(reassembler.space().len(), 1 << 20, "the rest can be read at once");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reserve_declared(mut self) -> Self {
        self.growth = Growth::Declared;
        self
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        check(&self.framing, &self.limits, self.oversize)
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
        Ok(Reassembler::build(self.clone(), Vec::new()))
    }

    /// A decoder that reads into `storage`: into an array or a slice, which never grow, so that
    /// nothing is allocated, or into all the capacity of a `Vec`, which grows and comes back to it.
    ///
    /// A fixed storage in which not even what must be seen of any frame fits does not build.
    ///
    /// ```
    /// use framing::{BuildError, Config, Lines};
    ///
    /// let config = Config::new(Lines::lf());
    /// let mut buffer = [0; 64];
    /// let mut reassembler = config.reassembler_in(&mut buffer[..])?;
    /// reassembler.space()[..4].copy_from_slice(b"one\n");
    /// reassembler.filled(4);
    /// assert_eq!(&*reassembler.next()?.unwrap().payload(), b"one");
    ///
    /// let none = config.reassembler_in([0; 0]).unwrap_err();
    /// assert_eq!(none, BuildError::StorageTooSmall { needed: 1 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reassembler_in<S: Storage>(&self, storage: S) -> Result<Reassembler<F, S>, BuildError> {
        self.check()?;
        Reassembler::build_in(self.clone(), storage)
    }

    /// An encoder that refuses what these decoders would refuse.
    pub fn encoder(&self) -> Result<Encoder<F>, BuildError> {
        self.check()?;
        Ok(Encoder::build(self.clone()))
    }
}

/// Whether a decoder can be made of these.
pub(crate) fn check<F: Framing>(
    framing: &F,
    limits: &Limits,
    oversize: Oversize,
) -> Result<(), BuildError> {
    limits.check()?;
    if oversize == Oversize::Truncate && framing.seal(0).len() > 0 {
        return Err(BuildError::TruncatedChecksum);
    }
    if oversize != Oversize::Error
        && matches!(framing.recovery(), Some(Recovery::ByteByByte { .. }))
    {
        return Err(BuildError::ResyncPolicy);
    }
    framing.check(limits)
}

const INITIAL_CAPACITY: usize = 8 << 10;
