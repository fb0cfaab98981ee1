//! Where a reassembler keeps its bytes.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use crate::window::front;

/// The memory of a [`Reassembler`](crate::Reassembler), chosen when it is made.
///
/// | storage | size | a frame that does not fit |
/// |---|---|---|
/// | `Vec<u8>` | follows the bytes received | makes it grow, within the limits |
/// | `[u8; N]` | fixed, a part of the reassembler | is a fatal [`TooLong`](crate::DecodeErrorKind::TooLong) |
/// | `&mut [u8]` | fixed, somebody else's | is a fatal [`TooLong`](crate::DecodeErrorKind::TooLong) |
///
/// With a fixed storage nothing is allocated once the reassembler is built. A frame that declares
/// its length is refused as soon as its head is read, others when the storage is full. A frame fits
/// if head, payload, checksum and trailer do; of a frame in parts one head beside the joined
/// payload, of a frame that is truncated one byte more, which is read and dropped again and again. A
/// delimiter that another one begins with must fit with the byte behind it, which decides. For
/// events no more than a head, a part of a delimiter, or a checksum and the byte or trailer behind
/// it has to.
///
/// Under [`Resync`](crate::Resync) what does not fit is passed over, as are other frames that cannot
/// be right: let [`Limits::payload`](crate::Limits::payload) be no more than what fits, or good
/// frames that are too large are taken for noise. Behind a magic number a frame must fit whole, for
/// events too.
///
/// The trait is sealed: there are no other storages.
///
/// ```
/// use framing::{DecodeErrorKind, Length, Reassembler};
///
/// let mut reassembler = Reassembler::with_storage(Length::u8(), [0; 8])?;
/// reassembler.space()[..3].copy_from_slice(b"\x02hi");
/// reassembler.filled(3);
/// assert_eq!(&*reassembler.next()?.unwrap().payload(), b"hi");
///
/// // Nine bytes of a frame never fit eight.
/// reassembler.space().copy_from_slice(b"\x08too lon");
/// reassembler.filled(8);
/// let error = reassembler.next().unwrap_err();
/// assert_eq!(error.kind(), DecodeErrorKind::TooLong { declared: Some(8), limit: 7 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Storage: Memory {}

impl Storage for Vec<u8> {}
impl<const N: usize> Storage for [u8; N] {}
impl Storage for &mut [u8] {}

/// What the window does with a storage. It cannot be named outside of this crate.
pub trait Memory {
    /// Whether it can change its size.
    const GROWS: bool;

    /// All of it.
    fn bytes(&self) -> &[u8];

    /// All of it.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Makes all of it usable.
    fn open(&mut self) {}

    /// Copies a range of bytes to another place, which may overlap.
    fn shift(&mut self, from: Range<usize>, to: usize) {
        self.bytes_mut().copy_within(from, to);
    }

    /// Becomes `size` bytes that begin with the `held` ones, where it can change its size.
    fn resize(&mut self, held: Range<usize>, size: usize) {
        let _ = (held, size);
    }
}

impl Memory for Vec<u8> {
    const GROWS: bool = true;

    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn open(&mut self) {
        self.resize(self.capacity(), 0);
    }

    fn resize(&mut self, held: Range<usize>, size: usize) {
        let mut storage = vec![0; size];
        let held = self.get(held).unwrap_or_default();
        let (held, _) = front(held, size);
        storage.split_at_mut(held.len()).0.copy_from_slice(held);
        *self = storage;
    }
}

impl<const N: usize> Memory for [u8; N] {
    const GROWS: bool = false;

    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Memory for &mut [u8] {
    const GROWS: bool = false;

    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}
