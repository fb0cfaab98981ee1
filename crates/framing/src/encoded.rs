//! A frame that is to be sent without a copy.

use alloc::vec::Vec;

use crate::framings::payload_length;
use crate::{Enclosure, Inline, Seal};

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

/// Which of the slices is the made head.
const HEAD: usize = 2;

/// What stands around a payload.
#[derive(Clone, Debug)]
pub(crate) struct Around<'a> {
    /// The prefix bytes before and after the made head.
    pub(crate) before: &'a [u8],
    pub(crate) after: &'a [u8],
    pub(crate) enclosure: Enclosure<'a>,
}

/// The payload as it stands on the wire.
#[derive(Clone, Debug)]
pub(crate) enum Body<'a> {
    Plain { parts: &'a [&'a [u8]], seal: Seal },
    Coded(Vec<u8>),
}

impl Around<'_> {
    #[inline]
    pub(crate) fn head(&self) -> [&[u8]; 4] {
        [self.enclosure.lead, self.before, self.enclosure.head.bytes(), self.after]
    }

    #[inline]
    pub(crate) fn trailer(&self) -> &[u8] {
        self.enclosure.trailer.bytes()
    }

    #[inline]
    pub(crate) fn length(&self) -> u64 {
        let Self { before, after, enclosure } = self;
        let made = enclosure.lead.len().saturating_add(enclosure.head.bytes().len());
        let given = before.len().saturating_add(after.len());
        made.saturating_add(given).saturating_add(self.trailer().len()) as u64
    }
}

impl Body<'_> {
    /// The borrowed parts, and what is held here and follows them.
    #[inline]
    fn slices(&self) -> (&[&[u8]], &[u8]) {
        match self {
            Self::Plain { parts, seal } => (parts, seal.bytes()),
            Self::Coded(bytes) => (&[], bytes),
        }
    }
}

impl<'a> Encoded<'a> {
    /// A frame of a head and a payload.
    #[inline]
    pub(crate) fn plain(head: Inline, parts: &'a [&'a [u8]], total: u64) -> Self {
        let around = Around {
            before: &[],
            after: &[],
            enclosure: Enclosure { head, ..Enclosure::default() },
        };
        let payload = Body::Plain { parts, seal: Seal::default() };
        Self { around, payload, at: HEAD, offset: 0, remaining: total }
    }

    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub(crate) fn new(around: Around<'a>, payload: Body<'a>) -> Self {
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
    #[inline]
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (mut at, mut skip, mut left) = (self.at, self.offset, self.remaining);
        core::iter::from_fn(move || {
            while left > 0 {
                let slice = self.slice(at)?;
                at = at.saturating_add(1);
                let rest = slice.get(core::mem::take(&mut skip)..)?;
                if !rest.is_empty() {
                    left = left.saturating_sub(rest.len() as u64);
                    return Some(rest);
                }
            }
            None
        })
    }

    /// One slice of all that the frame is made of, of which some may be empty. To make a list of
    /// them for each would cost more than all else.
    #[inline]
    fn slice(&self, at: usize) -> Option<&[u8]> {
        let Around { before, after, enclosure } = &self.around;
        let at = match at {
            0 => return Some(enclosure.lead),
            1 => return Some(before),
            HEAD => return Some(enclosure.head.bytes()),
            3 => return Some(after),
            _ => at.saturating_sub(4),
        };
        let (parts, held) = self.payload.slices();
        match at.checked_sub(parts.len()) {
            None => parts.get(at).copied(),
            Some(0) => Some(held),
            Some(1) => Some(enclosure.trailer.bytes()),
            Some(_) => None,
        }
    }

    /// Moves on to the next byte that is not sent.
    #[inline]
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
    #[allow(clippy::inline_always)]
    #[inline(always)]
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
