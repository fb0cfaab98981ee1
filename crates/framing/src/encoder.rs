//! The encoder: payloads in, the pieces of a frame out, the payload still borrowed.

use alloc::vec::Vec;

use crate::framings::payload_length;
use crate::{Config, Enclosure, EncodeError, Framing, Limits, Seal, Trailer};

/// Makes frames that the decoder of the same configuration gives back as they were.
///
/// Whatever that decoder would refuse, split or change is an [`EncodeError`], and nothing is
/// written. All of a payload is needed at once, in as many slices as it lies in: what is larger is
/// sent as several frames.
///
/// ```
/// use framing::{EncodeError, Encoder, Length, LengthBuilder};
///
/// let encoder = Encoder::new(Length::u32_be());
/// let mut wire = Vec::new();
/// encoder.append(&[], &[b"hello"], &mut wire)?;
/// assert_eq!(wire, b"\0\0\0\x05hello");
///
/// // Head bytes that are not the length are the prefix; a payload may come in parts.
/// let encoder = Encoder::new(LengthBuilder::u16_be().offset(1).build()?);
/// let mut wire = Vec::new();
/// encoder.append(b"Q", &[b"select ", b"1"], &mut wire)?;
/// assert_eq!(wire, b"Q\0\x08select 1");
/// let refused = encoder.append(b"", &[b"select 1"], &mut wire);
/// assert_eq!(refused, Err(EncodeError::Prefix { expected: 1, given: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder<F> {
    framing: F,
    limits: Limits,
}

impl<F: Framing> Encoder<F> {
    /// An encoder with the default [`Limits`]. See [`Config::encoder`] for others.
    pub fn new(framing: F) -> Self {
        Self { framing, limits: Limits::default() }
    }

    pub(crate) fn build(config: Config<F>) -> Self {
        Self { framing: config.framing, limits: config.limits }
    }

    /// A frame around the payload `parts`, which follow each other without a gap. `prefix` are the
    /// head bytes that are not the length, for framings that have such. Nothing is copied, but by a
    /// framing that [transforms](Framing::transforms).
    pub fn encode<'a>(
        &'a self,
        prefix: &'a [u8],
        parts: &'a [&'a [u8]],
    ) -> Result<Encoded<'a>, EncodeError> {
        self.sealed(parts, |all, seal| {
            let around = self.around(prefix, all)?;
            let payload = if self.framing.transforms() {
                let mut coded = Vec::new();
                self.framing.encode(all, &mut coded);
                Body::Coded(coded)
            } else {
                Body::Plain { parts, seal }
            };
            Ok(Encoded::new(around, payload))
        })
    }

    /// Appends a whole frame to `out`: head and payload in one piece, which below some 4 KiB is
    /// cheaper to send than several. On an error `out` is unchanged.
    pub fn append(
        &self,
        prefix: &[u8],
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.sealed(parts, |all, _| {
            let around = self.around(prefix, all)?;
            let total = around.length().saturating_add(payload_length(all));
            out.reserve(usize::try_from(total).unwrap_or(0));
            for slice in around.head() {
                out.extend_from_slice(slice);
            }
            // Where payloads are not transformed, this appends them as they are.
            self.framing.encode(all, out);
            out.extend_from_slice(around.trailer());
            Ok(())
        })
    }

    /// Calls `f` with the payload as the framing takes it: with its checksum, if it has one.
    fn sealed<R>(
        &self,
        parts: &[&[u8]],
        f: impl FnOnce(&[&[u8]], Seal) -> Result<R, EncodeError>,
    ) -> Result<R, EncodeError> {
        let length = payload_length(parts);
        if length > self.limits.payload as u64 {
            return Err(EncodeError::TooLong { length, limit: self.limits.payload });
        }
        let width = self.framing.seal(0).len();
        if width == 0 {
            return f(parts, Seal::default());
        }
        let sum = parts.iter().fold(0, |sum, part| self.framing.digest(sum, part));
        let seal = self.framing.seal(sum);
        if seal.len() != width {
            return Err(EncodeError::BrokenFraming("its checksums differ in length"));
        }
        let all: Vec<&[u8]> = parts.iter().copied().chain([seal.bytes()]).collect();
        // The framing counts the checksum, the caller does not.
        f(&all, seal).map_err(|error| match error {
            EncodeError::LengthOverflow { length, min, max } => {
                let [length, min, max] =
                    [length, min, max].map(|bytes| bytes.saturating_sub(width as u64));
                EncodeError::LengthOverflow { length, min, max }
            }
            error => error,
        })
    }

    fn around<'a>(
        &'a self,
        prefix: &'a [u8],
        payload: &[&[u8]],
    ) -> Result<Around<'a>, EncodeError> {
        let enclosure = self.framing.enclose(prefix, payload)?;
        let made = enclosure.lead.len().saturating_add(enclosure.head.bytes().len());
        let head = prefix.len().saturating_add(made);
        if head > self.limits.head {
            return Err(EncodeError::HeadTooLong { length: head, limit: self.limits.head });
        }
        let trailer = enclosure.trailer.bytes().len();
        let delimiter = matches!(enclosure.trailer, Trailer::Delimiter(_));
        if trailer > self.limits.trailer && !delimiter {
            let limit = self.limits.trailer;
            return Err(EncodeError::TrailerTooLong { length: trailer, limit });
        }
        let (before, after) = prefix
            .split_at_checked(enclosure.split)
            .ok_or(EncodeError::BrokenFraming("it splits the prefix behind its end"))?;
        Ok(Around { before, after, enclosure })
    }
}

/// A frame on its way out, and how much of it is sent.
///
/// ```text
/// slices():     | 00 00 00 0C | h e l l o , _ | w o r l d |
/// advance(6):                     | l l o , _ | w o r l d |
/// ```
///
/// ```
/// use std::io::Write;
/// use framing::{Encoder, Length};
///
/// let encoder = Encoder::new(Length::u32_be());
/// let parts = [&b"hello, "[..], b"world"];
/// let mut frame = encoder.encode(&[], &parts)?;
/// frame.advance(6);
/// assert_eq!(frame.slices().collect::<Vec<_>>(), [&b"llo, "[..], b"world"]);
/// assert_eq!(frame.remaining(), 10);
///
/// // A socket may take less than it is given.
/// let mut frame = encoder.encode(&[], &parts)?;
/// let mut socket = Vec::new();
/// loop {
///     let Some(slice) = frame.slices().next() else { break };
///     let sent = socket.write(slice)?;
///     frame.advance(sent);
/// }
/// assert_eq!(socket, b"\0\0\0\x0chello, world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoded<'a> {
    around: Around<'a>,
    payload: Body<'a>,
    /// The slice that goes on, of all there are, and how much of it is sent.
    at: usize,
    offset: usize,
    remaining: u64,
}

/// What stands around a payload.
#[derive(Clone, Debug)]
struct Around<'a> {
    /// The prefix bytes before and after the made head.
    before: &'a [u8],
    after: &'a [u8],
    enclosure: Enclosure<'a>,
}

/// The payload as it stands on the wire.
#[derive(Clone, Debug)]
enum Body<'a> {
    Plain { parts: &'a [&'a [u8]], seal: Seal },
    Coded(Vec<u8>),
}

impl Around<'_> {
    fn head(&self) -> [&[u8]; 4] {
        [self.enclosure.lead, self.before, self.enclosure.head.bytes(), self.after]
    }

    fn trailer(&self) -> &[u8] {
        self.enclosure.trailer.bytes()
    }

    fn length(&self) -> u64 {
        payload_length(&self.head()).saturating_add(self.trailer().len() as u64)
    }
}

impl Body<'_> {
    /// The borrowed parts, and what is held here and follows them.
    fn slices(&self) -> (&[&[u8]], &[u8]) {
        match self {
            Self::Plain { parts, seal } => (parts, seal.bytes()),
            Self::Coded(bytes) => (&[], bytes),
        }
    }
}

impl<'a> Encoded<'a> {
    fn new(around: Around<'a>, payload: Body<'a>) -> Self {
        let (parts, held) = payload.slices();
        let length = payload_length(parts).saturating_add(held.len() as u64);
        let remaining = around.length().saturating_add(length);
        let mut frame = Self { around, payload, at: 0, offset: 0, remaining };
        frame.skip_empty();
        frame
    }
}

impl Encoded<'_> {
    /// Bytes that are not sent yet.
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The bytes that are not sent yet, in order; no slice is empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut offset = self.offset;
        (self.at..).map_while(|at| self.slice(at)).filter_map(move |slice| {
            let skip = core::mem::take(&mut offset);
            slice.get(skip..).filter(|rest| !rest.is_empty())
        })
    }

    /// One slice of all that the frame is made of, of which some may be empty.
    fn slice(&self, at: usize) -> Option<&[u8]> {
        let head = self.around.head();
        let (parts, after) = self.payload.slices();
        let behind = match at.checked_sub(head.len()) {
            None => return head.get(at).copied(),
            Some(at) => match at.checked_sub(parts.len()) {
                None => return parts.get(at).copied(),
                Some(at) => at,
            },
        };
        [after, self.around.trailer()].get(behind).copied()
    }

    /// Moves on to the next byte that is not sent.
    fn skip_empty(&mut self) {
        while self.slice(self.at).is_some_and(|slice| slice.len() <= self.offset) {
            self.at = self.at.saturating_add(1);
            self.offset = 0;
        }
    }

    /// The next bytes that are not sent yet, as many as lie together; none once all are sent. For
    /// writers that take one slice at a time.
    ///
    /// ```
    /// # use framing::{Encoder, Length};
    /// # let mut wire = Vec::new();
    /// let encoder = Encoder::new(Length::u8());
    /// let mut frame = encoder.encode(&[], &[b"hello"])?;
    /// while !frame.chunk().is_empty() {
    ///     wire.push(frame.chunk()[0]); // a writer that takes a byte at a time
    ///     frame.advance(1);
    /// }
    /// assert_eq!(wire, b"\x05hello");
    /// # Ok::<(), framing::EncodeError>(())
    /// ```
    pub fn chunk(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    /// Fills `slices` from the front with what is not sent yet, for a vectored write. Returns how
    /// many were used; fewer than the frame needs is no error, but another write.
    ///
    /// ```
    /// # use std::io::{IoSlice, Write};
    /// # use framing::{Encoder, Length};
    /// let encoder = Encoder::new(Length::u32_be());
    /// let parts = [&b"hello, "[..], b"world"];
    /// let mut frame = encoder.encode(&[], &parts)?;
    /// let mut socket = Vec::new();
    /// while frame.remaining() > 0 {
    ///     let mut slices = [IoSlice::new(&[]); 8];
    ///     let used = frame.io_slices(&mut slices);
    ///     let sent = socket.write_vectored(&slices[..used])?;
    ///     frame.advance(sent);
    /// }
    /// assert_eq!(socket, b"\0\0\0\x0chello, world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn io_slices<'s>(&'s self, slices: &mut [std::io::IoSlice<'s>]) -> usize {
        let mut used = 0_usize;
        for (to, from) in slices.iter_mut().zip(self.slices()) {
            *to = std::io::IoSlice::new(from);
            used = used.saturating_add(1);
        }
        used
    }

    /// Notes that `n` more bytes are sent.
    pub fn advance(&mut self, n: usize) {
        let mut n = usize::try_from(self.remaining).map_or(n, |remaining| n.min(remaining));
        self.remaining = self.remaining.saturating_sub(n as u64);
        while let Some(slice) = self.slice(self.at).filter(|_| n > 0) {
            let step = n.min(slice.len().saturating_sub(self.offset));
            n = n.saturating_sub(step);
            self.offset = self.offset.saturating_add(step);
            self.skip_empty();
        }
    }
}
