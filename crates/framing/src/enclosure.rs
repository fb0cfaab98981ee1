//! What stands around a payload: the parts of a frame that a framing makes.

/// What stands around a payload on the wire: `lead`, `prefix[..split]`, `head`, `prefix[split..]`,
/// then the payload, then `trailer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Enclosure<'f> {
    /// What begins every frame, such as a magic number.
    pub lead: &'f [u8],
    /// The bytes that the framing makes, usually the length.
    pub head: Inline,
    /// How many of the caller's prefix bytes stand before `head`.
    pub split: usize,
    /// What follows the payload.
    pub trailer: Trailer<'f>,
}

/// Bytes after a payload.
#[derive(Clone, Copy, Debug)]
pub enum Trailer<'f> {
    /// Made for this payload, such as a checksum.
    Made(Inline),
    /// Bytes that mean nothing.
    Padding(&'f [u8]),
    /// What ends the payload; no limit applies to it.
    Delimiter(&'f [u8]),
}

impl Trailer<'_> {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Made(inline) => inline.bytes(),
            Self::Padding(bytes) | Self::Delimiter(bytes) => bytes,
        }
    }
}

impl Default for Trailer<'_> {
    fn default() -> Self {
        Self::Padding(&[])
    }
}

/// Up to [`Inline::CAPACITY`] bytes, held in place.
#[derive(Clone, Copy, Debug)]
pub struct Inline {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Inline {
    /// The most that fits: enough for the longest head of any framing here, a `Content-Length`
    /// block with a number of 20 digits.
    pub const CAPACITY: usize = 40;

    /// Holds a copy of `bytes`; more than the capacity does not compile.
    pub fn new<const N: usize>(bytes: &[u8; N]) -> Self {
        Self::first(bytes, N)
    }

    /// Holds a copy of the first `length` bytes of `bytes`. An array of more than the capacity does
    /// not compile.
    pub fn first<const N: usize>(bytes: &[u8; N], length: usize) -> Self {
        const { assert!(N <= Self::CAPACITY) };
        let mut inline = Self::default();
        for (to, from) in inline.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        inline.length = length.min(N);
        inline
    }

    /// Holds a copy of the last `length` bytes of `bytes`: for numbers, which are written from the
    /// back.
    pub fn last<const N: usize>(bytes: &[u8; N], length: usize) -> Self {
        let mut front = [0; N];
        let from = bytes.iter().skip(N.saturating_sub(length));
        front.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Self::first(&front, length)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Default for Inline {
    fn default() -> Self {
        Self { bytes: [0; Self::CAPACITY], length: 0 }
    }
}

/// A checksum as it stands behind a payload: up to [`Seal::CAPACITY`] bytes, held in place. The
/// default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Seal {
    /// The most that fits: a checksum of 64 bits.
    pub const CAPACITY: usize = 8;

    /// Holds a copy of `bytes`; more than the capacity does not compile.
    #[inline]
    pub fn new<const N: usize>(bytes: &[u8; N]) -> Self {
        const { assert!(N <= Self::CAPACITY) };
        let mut seal = Self { length: N, ..Self::default() };
        seal.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        seal
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}
