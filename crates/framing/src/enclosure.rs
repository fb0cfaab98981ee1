//! What stands around a payload: the parts of a frame that a framing makes.

/// What stands around a payload on the wire: `lead`, `prefix[..split]`, `head`, `prefix[split..]`,
/// then the payload, then `trailer`.
///
/// ```text
/// LengthBuilder::u16_be().offset(1).adjust(1).strip(4), prefix CA FE, payload "dat":
///
/// |      CA      |  00 03  |      FE      | d a t |
///  prefix[..1]     head     prefix[1..]             no lead, no trailer
/// ```
///
/// ```
/// use framing::{Cobs, Framing, LengthBuilder, Slip, Trailer};
///
/// let length = LengthBuilder::u16_be().offset(1).adjust(1).strip(4).build()?;
/// let around = length.enclose(b"\xCA\xFE", &[b"dat"])?;
/// assert_eq!((around.head.bytes(), around.split), (&b"\0\x03"[..], 1));
///
/// let around = Slip.enclose(&[], &[b"dat"])?;
/// assert_eq!((around.lead, around.trailer.bytes()), (&[0xC0][..], &[0xC0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use framing::{Inline, Trailer};
///
/// let comma = Trailer::Made(Inline::new(b","));
/// let padding = Trailer::Padding(&[0; 3]);
/// let ending = Trailer::Delimiter(b"\r\n");
/// let bytes = [comma, padding, ending].map(|trailer| trailer.bytes().to_vec());
/// assert_eq!(bytes, [&b","[..], &[0; 3], b"\r\n"]);
/// assert!(Trailer::default().bytes().is_empty());
/// ```
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
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Made(inline) => inline.bytes(),
            Self::Padding(bytes) | Self::Delimiter(bytes) => bytes,
        }
    }
}

impl Default for Trailer<'_> {
    #[inline]
    fn default() -> Self {
        Self::Padding(&[])
    }
}

/// Up to [`Inline::CAPACITY`] bytes, held in place.
///
/// ```
/// use framing::Inline;
///
/// assert_eq!(Inline::new(&300_u16.to_be_bytes()).bytes(), [0x01, 0x2C]);
/// // A number of two digits, written from the back into room for four.
/// assert_eq!(Inline::last(b"\0\x0042", 2).bytes(), b"42");
/// assert_eq!(Inline::first(b"42\0\0", 2).bytes(), b"42");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Inline {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Inline {
    /// The most that fits: enough for the longest head of any framing here, a `Content-Length`
    /// block with a number of 20 digits.
    ///
    /// ```compile_fail
    /// framing::Inline::new(&[0; framing::Inline::CAPACITY + 1]);
    /// ```
    pub const CAPACITY: usize = 40;

    /// Holds a copy of `bytes`; more than the capacity does not compile.
    #[inline]
    pub fn new<const N: usize>(bytes: &[u8; N]) -> Self {
        Self::first(bytes, N)
    }

    /// Holds a copy of the first `length` bytes of `bytes`. An array of more than the capacity does
    /// not compile.
    #[inline]
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
    #[inline]
    pub fn last<const N: usize>(bytes: &[u8; N], length: usize) -> Self {
        let mut front = [0; N];
        let from = bytes.iter().skip(N.saturating_sub(length));
        front.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Self::first(&front, length)
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Default for Inline {
    #[inline]
    fn default() -> Self {
        Self { bytes: [0; Self::CAPACITY], length: 0 }
    }
}

/// A checksum as it stands behind a payload: up to [`Seal::CAPACITY`] bytes, held in place. The
/// default is none.
///
/// ```
/// use framing::Seal;
///
/// assert_eq!(Seal::new(&0xFDA7_02CE_u32.to_be_bytes()).bytes(), [0xFD, 0xA7, 0x02, 0xCE]);
/// assert!(Seal::default().bytes().is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Seal {
    /// The most that fits: a checksum of 64 bits.
    ///
    /// ```compile_fail
    /// framing::Seal::new(&[0; framing::Seal::CAPACITY + 1]);
    /// ```
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
