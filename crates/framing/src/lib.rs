//! Message framing over byte streams, without I/O.
//!
//! TCP is a stream: what was sent as two messages may arrive as one piece, and what was sent as
//! one may arrive byte by byte. This crate turns chunks of bytes, however they were cut, into
//! complete frames, and frames into bytes. It reads and writes nothing itself, so it works the
//! same over sockets, serial lines, files and inside other protocols, with or without `std`.
//!
//! ```
//! use framing::{Decoder, Length};
//!
//! let mut decoder = Decoder::new(Length::u32_be());
//! let mut frames = Vec::new();
//! for mut chunk in [&b"\0\0\0\x05he"[..], b"llo\0\0\0\x02y", b"o"] {
//!     while let Some(frame) = decoder.next(&mut chunk)? {
//!         frames.push(frame.payload().to_vec());
//!     }
//! }
//! assert_eq!(frames, [&b"hello"[..], b"yo"]);
//! assert!(decoder.finish()?.is_none(), "the stream ended between two frames");
//! # Ok::<(), framing::DecodeError>(())
//! ```
//!
//! # The parts
//!
//! | you have | you use |
//! |---|---|
//! | chunks that somebody else owns | [`Decoder`]: push a chunk, frames are lent from it |
//! | a socket or a file to read from | [`Reassembler`]: read straight into its buffer, frames are lent from it |
//! | memory of your own, and none to allocate while decoding | [`Reassembler::with_storage`]: an array or a slice, see [`Storage`] |
//! | frames to send | [`Encoder`]: head and trailer made for you, payload borrowed |
//! | a `Read` or a `Write` of `std` | [`FrameReader`], [`FrameWriter`] (feature `std`, on by default) |
//! | `tokio`, or the traits of `futures` | `FrameCodec` (features `tokio`, `futures`) |
//! | a UART or a radio by `embedded-io` | `EmbeddedReader`, `EmbeddedWriter` (features `embedded-io`, `embedded-io-async`) |
//! | a framing named in a configuration file | [`Spec`]: `"u16be,offset=2,max=1MiB"` (with `serde`: feature `serde`) |
//! | messages that are JSON | `Frame::json`, `Encoder::append_json` (feature `json`) |
//! | bodies larger than memory | [`Decoder::next_event`], [`Reassembler::next_event`] |
//! | limits, a policy for frames past them | [`Config`], [`Limits`], [`Oversize`] |
//! | a stream that changes its framing | [`Decoder::take_tail`], [`Reassembler::switch`] |
//! | a protocol with a length in its head | [`LengthBuilder`], with the layouts of a dozen |
//! | a format of your own | [`Framing`]: one function to recognise a frame, one to write it; `verify` to prove it (feature `verify`) |
//!
//! Which framing to take: [`choosing`].
//!
//! A framing is a value; the decoder is the machine that runs it:
//!
//! | framing | a frame is |
//! |---|---|
//! | [`Length`] | a head that holds a length field of 1 to 8 bytes, then so many bytes |
//! | [`Varint`] | a length of variable width, as protobuf writes it, then so many bytes |
//! | [`Netstring`] | a decimal length, a colon, the bytes, a comma |
//! | [`Fixed`] | always the same number of bytes |
//! | [`Delimited`] | bytes up to one of some delimiters of any length |
//! | [`Lines`] | bytes up to LF, LF or CRLF, or strictly CRLF |
//! | [`ContentLength`] | header lines with a `Content-Length`, then the body (LSP, HTTP) |
//! | [`Chunked`] | an HTTP/1.1 chunked body, its chunks joined |
//! | [`Cobs`] | bytes without zeros, up to a zero |
//! | [`Slip`] | bytes without `END`, up to an `END` |
//! | [`Envelope`] | two lengths (32 and 64 bits), a header of opaque bytes, a body |
//!
//! Around them go [`Checksum`] (a CRC-32C behind the payload) and [`Resync`] (on links that lose
//! bytes: frames found again behind a magic number, or at the next delimiter).
//!
//! # Without `std`
//!
//! With `default-features = false` the crate needs `alloc` and nothing else: a program for a bare
//! machine has to name a global allocator. Everything is there but vectored output as
//! `std::io::IoSlice`.
//!
//! # The contract
//!
//! The same bytes give the same frames, events and errors under every cut into chunks. Frames
//! that lie whole in the caller's chunk are lent from it; only payloads that stand in another form
//! on the wire are copied. Memory follows the bytes received, never the bytes that a head promises.
//! Every frame has a limit. The end of the stream
//! is said by [`finish`](Decoder::finish), never by an empty chunk, and an end in mid-frame is an
//! error. Errors by the peer ([`DecodeError`]) carry the offset in the stream and are told apart
//! from our own ([`EncodeError`], [`BuildError`]). No input makes this crate panic. [`contract`]
//! has all of it, with the tests that show it.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;

mod adapters;
mod buffer;
mod config;
#[doc = include_str!("choosing.md")]
#[allow(clippy::doc_markdown, reason = "protocols have such names")]
pub mod choosing {}
#[doc = include_str!("contract.md")]
pub mod contract {}
mod decoder;
mod enclosure;
mod encoded;
mod encoder;
mod error;
mod frame;
mod framing;
mod framings;
mod halves;
mod hint;
mod limits;
mod machine;
mod reassembler;
mod refusal;
#[cfg(test)]
mod short_cuts;
mod spec;
mod stash;
mod storage;
#[cfg(feature = "verify")]
pub mod verify;
mod window;

#[cfg(any(feature = "tokio", feature = "futures"))]
pub use adapters::codec::FrameCodec;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub use adapters::embedded::{EmbeddedError, EmbeddedReader, EmbeddedWriteError, EmbeddedWriter};
#[cfg(feature = "json")]
pub use adapters::json::JsonError;
#[cfg(feature = "std")]
pub use adapters::std_io::{FrameReader, FrameWriter, Payloads, ReadError, WriteError};
pub use byteorder::{BigEndian, LittleEndian, NativeEndian};
pub use config::Config;
pub use decoder::{Decoder, Stats};
pub use enclosure::{Enclosure, Inline, Seal, Trailer};
pub use encoded::Encoded;
pub use encoder::Encoder;
pub use error::{DecodeError, DecodeErrorKind, Malformed};
pub use frame::{Event, Frame, Need, Payload};
pub use framing::{Decoded, Framing, Recovery, Scan};
pub use framings::{
    checksum::Checksum,
    chunked::Chunked,
    cobs::Cobs,
    content_length::ContentLength,
    delimited::Delimited,
    envelope::Envelope,
    fixed::Fixed,
    length::{Length, LengthBuilder},
    lines::{Ending, Lines, Unterminated},
    netstring::Netstring,
    resync::Resync,
    slip::Slip,
    varint::Varint,
};
pub use hint::Hint;
pub use limits::{Limits, Oversize};
pub use reassembler::Reassembler;
pub use refusal::{AcceptError, BuildError, EncodeError, MidFrame};
pub use spec::{AnyFraming, Spec, SpecError, SpecErrorKind};
pub use storage::Storage;
