//! A length field of fixed width, then so many bytes.

use core::fmt;
use core::marker::PhantomData;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::layout::{Counts, Layout, Parameters, Sign};
use crate::{BuildError, Enclosure, EncodeError, Framing, Inline, Limits, Malformed, Scan};

/// Frames that begin with their length, in a field of `W` bytes (1 to 8) in the byte order `E`.
///
/// The presets are the plain layout: the field, then as many bytes as it says, which are the
/// payload. So DNS goes over TCP (RFC 1035, section 4.2.2).
///
/// ```text
/// Length::u16_be():   | 00 05 | h e l l o |
///                       head    payload
/// ```
///
/// [`LengthBuilder`] makes all others, also the widths and the byte orders without a name. To name
/// the type in a struct: `Decoder<Length<BigEndian, 2>>`, with [`BigEndian`](crate::BigEndian) from
/// this crate.
///
/// ```
/// use framing::{Decoder, Length};
///
/// let mut chunk: &[u8] = b"\0\x05hello\0\0";
/// let mut decoder = Decoder::new(Length::u16_be());
/// let frame = decoder.next(&mut chunk)?.unwrap();
/// assert_eq!((frame.head(), &*frame.payload()), (&b"\0\x05"[..], &b"hello"[..]));
/// assert!(decoder.next(&mut chunk)?.unwrap().payload().is_empty());
/// # Ok::<(), framing::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Length<E, const W: usize> {
    layout: Layout,
    order: PhantomData<E>,
}

#[doc = include_str!("length.md")]
#[derive(Clone, Copy)]
pub struct LengthBuilder<E, const W: usize> {
    parameters: Parameters,
    order: PhantomData<E>,
}

impl<E: ByteOrder, const W: usize> LengthBuilder<E, W> {
    /// The plain layout, for any byte order and width; a width outside 1 to 8 does not compile.
    ///
    /// ```text
    /// LengthBuilder::<LittleEndian, 6>::new():  | 03 00 00 00 00 00 | d a t |
    /// ```
    ///
    /// ```
    /// # use framing::{Encoder, LengthBuilder, LittleEndian};
    /// let framing = LengthBuilder::<LittleEndian, 6>::new().build()?;
    /// # let mut wire = Vec::new();
    /// Encoder::new(framing).append(&[], &[b"dat"], &mut wire)?;
    /// assert_eq!(wire, b"\x03\0\0\0\0\0dat");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    /// ```compile_fail
    /// framing::LengthBuilder::<framing::BigEndian, 9>::new();
    /// ```
    pub const fn new() -> Self {
        const { assert!(W >= 1 && W <= 8, "a length field has 1 to 8 bytes") };
        Self { parameters: Parameters::plain(W), order: PhantomData }
    }

    /// The field stands `bytes` after the frame's start. What stands before it belongs to the head;
    /// the encoder takes it as the prefix.
    ///
    /// ```text
    /// offset(2):  | AA BB  00 03 | d a t |
    ///                   head      payload
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, Encoder, LengthBuilder};
    /// let framing = LengthBuilder::u16_be().offset(2).build()?;
    /// let mut chunk: &[u8] = b"\xAA\xBB\0\x03dat";
    /// # let mut decoder = Decoder::new(framing);
    /// let frame = decoder.next(&mut chunk)?.unwrap();
    /// assert_eq!((frame.head(), &*frame.payload()), (&b"\xAA\xBB\0\x03"[..], &b"dat"[..]));
    ///
    /// let mut wire = Vec::new();
    /// Encoder::new(framing).append(b"\xAA\xBB", &[b"dat"], &mut wire)?;
    /// assert_eq!(wire, b"\xAA\xBB\0\x03dat");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn offset(mut self, bytes: usize) -> Self {
        self.parameters.offset = bytes;
        self
    }

    /// What is added to the field's value to get the bytes that follow the field.
    ///
    /// ```text
    /// adjust(-1):  | 00 04 | d a t |        the value counts one byte more than there are
    /// adjust(1):   | 00 02 | d a t |        and one byte less
    /// ```
    ///
    /// Values whose sum is negative are the peer's error: there, a value of zero.
    ///
    /// ```
    /// # use framing::{Decoder, LengthBuilder};
    /// let mut more = Decoder::new(LengthBuilder::u16_be().adjust(-1).build()?);
    /// assert_eq!(&*more.next(&mut &b"\0\x04dat"[..])?.unwrap().payload(), b"dat");
    /// let mut less = Decoder::new(LengthBuilder::u16_be().adjust(1).build()?);
    /// assert_eq!(&*less.next(&mut &b"\0\x02dat"[..])?.unwrap().payload(), b"dat");
    /// assert!(more.next(&mut &b"\0\0"[..]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn adjust(mut self, bytes: i64) -> Self {
        self.parameters.adjust = bytes;
        self
    }

    /// The value counts the whole frame, from its first byte, and not only what follows the field.
    ///
    /// ```text
    /// includes_head():            | 00 05 | d a t |
    /// offset(1).includes_head():  | AA  00 06 | d a t |
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, LengthBuilder};
    /// let mut decoder = Decoder::new(LengthBuilder::u16_be().includes_head().build()?);
    /// assert_eq!(&*decoder.next(&mut &b"\0\x05dat"[..])?.unwrap().payload(), b"dat");
    /// assert!(decoder.next(&mut &b"\0\x01"[..]).is_err(), "it does not count its own head");
    ///
    /// let framing = LengthBuilder::u16_be().offset(1).includes_head().build()?;
    /// let mut decoder = Decoder::new(framing);
    /// assert_eq!(&*decoder.next(&mut &b"\xAA\0\x06dat"[..])?.unwrap().payload(), b"dat");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn includes_head(mut self) -> Self {
        self.parameters.counts = Counts::WholeFrame;
        self
    }

    /// How many bytes at the frame's front are its head; the rest is payload. Without it, all up to
    /// the field's end. It cannot end inside the field. Where it ends before the field, the payload
    /// holds the field, and the encoder takes a payload that holds the right one.
    ///
    /// ```text
    /// strip(0):  | 00 03 d a t |      all is payload
    /// strip(3):  | 00 03 d | a t |    the encoder's prefix is d
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, Encoder, LengthBuilder};
    /// let whole = LengthBuilder::u16_be().strip(0).build()?;
    /// let mut decoder = Decoder::new(whole);
    /// assert_eq!(&*decoder.next(&mut &b"\0\x03dat"[..])?.unwrap().payload(), b"\0\x03dat");
    /// let rest = LengthBuilder::u16_be().strip(3).build()?;
    /// let mut decoder = Decoder::new(rest);
    /// assert_eq!(&*decoder.next(&mut &b"\0\x03dat"[..])?.unwrap().payload(), b"at");
    ///
    /// let mut wire = Vec::new();
    /// Encoder::new(whole).append(&[], &[b"\0\x03dat"], &mut wire)?;
    /// Encoder::new(rest).append(b"d", &[b"at"], &mut wire)?;
    /// assert_eq!(wire, b"\0\x03dat\0\x03dat");
    /// assert!(Encoder::new(whole).append(&[], &[b"\0\x04dat"], &mut wire).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn strip(mut self, bytes: usize) -> Self {
        self.parameters.strip = Some(bytes);
        self
    }

    /// The field is a signed number, as Java and Kafka have it: a negative length is the peer's
    /// error, not 4 GiB, and the encoder writes none.
    ///
    /// ```text
    /// signed():  | 00 03 | d a t |
    ///            | FF FF |               -1: refused
    /// ```
    ///
    /// ```
    /// # use framing::{Decoder, LengthBuilder};
    /// let mut decoder = Decoder::new(LengthBuilder::u16_be().signed().build()?);
    /// assert_eq!(&*decoder.next(&mut &b"\0\x03dat"[..])?.unwrap().payload(), b"dat");
    /// let error = decoder.next(&mut &b"\xFF\xFF"[..]).unwrap_err();
    /// assert_eq!(error.to_string(), "the length is negative (at byte 5 of the stream)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn signed(mut self) -> Self {
        self.parameters.sign = Sign::Signed;
        self
    }

    /// Checks the parameters against each other.
    ///
    /// ```
    /// use framing::{BuildError, LengthBuilder};
    ///
    /// let inside = LengthBuilder::u16_be().offset(1).strip(2).build();
    /// assert_eq!(inside, Err(BuildError::StripInsideField { strip: 2, start: 1, end: 3 }));
    /// // A frame has 301 bytes or more, and one byte cannot say so.
    /// let never = LengthBuilder::u8().offset(300).includes_head().build();
    /// assert_eq!(never, Err(BuildError::NoPayload));
    /// ```
    pub fn build(self) -> Result<Length<E, W>, BuildError> {
        Ok(Length { layout: self.parameters.layout()?, order: PhantomData })
    }
}

impl<E: ByteOrder, const W: usize> Default for LengthBuilder<E, W> {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! presets {
    ($($name:ident: $order:ty, $width:literal, $text:literal, $field:literal, $bytes:literal;)*) => {$(
        impl Length<$order, $width> {
            #[doc = concat!("The plain layout with a length of ", $text, ".")]
            ///
            #[doc = concat!("```text\n| ", $field, " | h e l l o |\n```")]
            ///
            /// ```
            /// # use framing::{Encoder, Length};
            /// # let mut wire = Vec::new();
            #[doc = concat!("let encoder = Encoder::new(Length::", stringify!($name), "());")]
            /// encoder.append(&[], &[b"hello"], &mut wire)?;
            #[doc = concat!("assert_eq!(wire, b\"", $bytes, "hello\");")]
            /// # Ok::<(), framing::EncodeError>(())
            /// ```
            pub const fn $name() -> Self {
                Self { layout: Layout::plain($width), order: PhantomData }
            }
        }

        impl LengthBuilder<$order, $width> {
            #[doc = concat!("Begins with a length of ", $text, ", as [`Length::", stringify!($name), "`].")]
            pub const fn $name() -> Self {
                Self::new()
            }
        }
    )*};
}

presets! {
    u8: BigEndian, 1, "one byte, up to 255", "05", r"\x05";
    u16_be: BigEndian, 2, "two bytes, big-endian, up to 65,535", "00 05", r"\0\x05";
    u16_le: LittleEndian, 2, "two bytes, little-endian, up to 65,535", "05 00", r"\x05\0";
    u24_be: BigEndian, 3, "three bytes, big-endian, up to 16 MiB less one", "00 00 05", r"\0\0\x05";
    u24_le: LittleEndian, 3, "three bytes, little-endian, up to 16 MiB less one", "05 00 00", r"\x05\0\0";
    u32_be: BigEndian, 4, "four bytes, big-endian, up to 4 GiB less one", "00 00 00 05", r"\0\0\0\x05";
    u32_le: LittleEndian, 4, "four bytes, little-endian, up to 4 GiB less one", "05 00 00 00", r"\x05\0\0\0";
    u64_be: BigEndian, 8, "eight bytes, big-endian", "00 00 00 00 00 00 00 05", r"\0\0\0\0\0\0\0\x05";
    u64_le: LittleEndian, 8, "eight bytes, little-endian", "05 00 00 00 00 00 00 00", r"\x05\0\0\0\0\0\0\0";
}

impl<E: ByteOrder, const W: usize> Length<E, W> {
    #[inline]
    fn read(field: &[u8; W]) -> u64 {
        match W {
            2 => E::read_u16(field).into(),
            4 => E::read_u32(field).into(),
            8 => E::read_u64(field),
            _ => E::read_uint(field, W),
        }
    }

    /// The value is no larger than the field can hold.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "as said")]
    fn write(value: u64) -> Inline {
        let mut field = [0; W];
        match W {
            2 => E::write_u16(&mut field, value as u16),
            4 => E::write_u32(&mut field, value as u32),
            8 => E::write_u64(&mut field, value),
            _ => E::write_uint(&mut field, value, W),
        }
        Inline::new(&field)
    }
}

impl<E: ByteOrder, const W: usize> Framing for Length<E, W> {
    #[inline]
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        if self.layout.is_plain()
            && let Some(field) = seen.first_chunk::<W>()
        {
            let body = Self::read(field);
            return Ok(Scan::Body { head: W, body, trailer: 0, more: false });
        }
        let field = seen.get(self.layout.offset()..).and_then(|rest| rest.first_chunk::<W>());
        self.layout.scan(field.map(Self::read))
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        self.layout.check(limits)
    }

    #[inline]
    fn plain_head(&self, length: u64) -> Option<Inline> {
        let fits = self.layout.is_plain() && length <= self.layout.most();
        fits.then(|| Self::write(length))
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        self.layout.enclose(prefix, payload, Self::write)
    }
}

impl<E, const W: usize> fmt::Debug for Length<E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Length").field(&self.layout).finish()
    }
}
