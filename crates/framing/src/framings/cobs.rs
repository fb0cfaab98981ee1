//! Consistent overhead byte stuffing.

use alloc::vec::Vec;

use memchr::memchr;

use crate::{Decoded, Enclosure, EncodeError, Framing, Malformed, Scan, Trailer};

/// COBS (S. Cheshire, M. Baker: Consistent Overhead Byte Stuffing, IEEE/ACM Transactions on
/// Networking 7, 1999): zeros are taken out of the payload, so that a zero ends the frame.
///
/// ```text
/// payload:         11 22 00 33
/// wire:      | 03 | 11 22 | 02 | 33 | 00 |
///             code          code      delimiter
/// ```
///
/// A code is one more than the bytes up to the next zero of the payload, which it then stands for;
/// `FF` stands for 254 bytes without a zero behind them. Beside the delimiter, one byte is added,
/// and one more for each further 254 bytes begun at most.
///
/// ```text
/// (empty):              | 01 | 00 |
/// 00:                   | 01 | 01 | 00 |
/// 253 bytes 22, then 0: | FE | 253 bytes 22 | 01 | 00 |
/// 254 bytes 22:         | FF | 254 bytes 22 | 00 |         a code 01 before the 00 is read as well
/// 255 bytes 22:         | FF | 254 bytes 22 | 02 | 22 | 00 |
/// ```
///
/// A zero where a frame could begin is fill, as many senders write it to clear the line, and is
/// dropped. A zero before the bytes that a code promises is malformed.
///
/// ```text
/// | 00 00 | 02 33 00 |            fill, then a frame of 33
/// | 03 33 00 |                    malformed: two bytes were promised
/// ```
///
/// ```
/// use framing::{Cobs, Decoder, Encoder};
///
/// let mut wire = Vec::new();
/// Encoder::new(Cobs).append(&[], &[&[0x11, 0x22, 0, 0x33]], &mut wire)?;
/// assert_eq!(wire, [3, 0x11, 0x22, 2, 0x33, 0]);
///
/// let mut chunk = &wire[..];
/// let mut decoder = Decoder::new(Cobs);
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), [0x11, 0x22, 0, 0x33]);
/// assert_eq!(&*decoder.next(&mut &[0, 0, 2, 0x33, 0][..])?.unwrap().payload(), [0x33]);
/// assert!(Decoder::new(Cobs).next(&mut &[3, 0x33, 0][..]).is_err());
///
/// let coded = |payload: &[u8]| {
///     let mut wire = Vec::new();
///     Encoder::new(Cobs).append(&[], &[payload], &mut wire).map(|()| wire)
/// };
/// assert_eq!((coded(&[])?, coded(&[0])?), (vec![1, 0], vec![1, 1, 0]));
/// let zero_last = [&[0x22; 253][..], &[0]].concat();
/// assert_eq!(coded(&zero_last)?, [&[0xFE][..], &[0x22; 253], &[1, 0]].concat());
/// assert_eq!(coded(&[0x22; 254])?, [&[0xFF][..], &[0x22; 254], &[0]].concat());
/// assert_eq!(coded(&[0x22; 255])?, [&[0xFF][..], &[0x22; 254], &[2, 0x22, 0]].concat());
///
/// let longer = [&[0xFF][..], &[0x22; 254], &[1, 0]].concat();
/// assert_eq!(&*decoder.next(&mut &longer[..])?.unwrap().payload(), [0x22; 254]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cobs;

impl Framing for Cobs {
    fn scan(&self, seen: &[u8], from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(super::up_to(DELIMITER, seen, from))
    }

    // The delimiter is never fill here, since a payload goes on.
    fn resume(&self, seen: &[u8], _eof: bool) -> Result<Scan, Malformed> {
        Ok(super::up_to_next(DELIMITER, seen, 0))
    }

    fn transforms(&self) -> bool {
        true
    }

    // The carry is the bytes that the block still has, and `ZERO` where a zero follows it, if
    // anything does.
    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        let mut block = usize::try_from(*carry & REST).unwrap_or(0);
        if coded.is_empty() {
            return match block {
                0 => Ok(Decoded { read: 0, plain: 0..0 }),
                _ => Err(Malformed::at(0, "the delimiter comes before the end of a COBS block")),
            };
        }
        let mut zero = *carry & ZERO > 0;
        let (mut read, mut write, mut start) = (0_usize, 0_usize, 0_usize);
        while let Some(&code) = coded.get(read) {
            if block > 0 {
                let n = block.min(coded.len().saturating_sub(read));
                let end = read.saturating_add(n);
                if read != write {
                    coded.copy_within(read..end, write);
                }
                (read, write) = (end, write.saturating_add(n));
                block = block.saturating_sub(n);
                continue;
            }
            if zero {
                super::put(coded, write, 0);
                write = write.saturating_add(1);
            }
            read = read.saturating_add(1);
            if write == start {
                // Nothing is there yet that would have to move.
                (start, write) = (read, read);
            }
            block = usize::from(code.saturating_sub(1));
            zero = code != FULL;
        }
        let rest = u32::try_from(block).unwrap_or(0);
        *carry = if zero { rest | ZERO } else { rest };
        Ok(Decoded { read, plain: start..write })
    }

    fn encode(&self, payload: &[&[u8]], out: &mut Vec<u8>) {
        let mut block = Block::open(out);
        for mut part in payload.iter().copied() {
            while let Some(&first) = part.first() {
                if block.length == LONGEST {
                    block.close(out);
                    block = Block::open(out);
                }
                let room = LONGEST.saturating_sub(block.length);
                let window = part.get(..room).unwrap_or(part);
                let run = if first == 0 { 0 } else { memchr(0, window).unwrap_or(window.len()) };
                let (bytes, rest) = part.split_at_checked(run).unwrap_or((part, &[]));
                out.extend_from_slice(bytes);
                block.length = block.length.saturating_add(run);
                part = rest;
                if block.length < LONGEST
                    && let Some((0, rest)) = part.split_first()
                {
                    block.close(out);
                    block = Block::open(out);
                    part = rest;
                }
            }
        }
        block.close(out);
    }

    fn enclose(&self, prefix: &[u8], _payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        Ok(Enclosure { trailer: Trailer::Delimiter(&[DELIMITER]), ..Enclosure::default() })
    }
}

/// The block that is written: its code, which is known at its end, then its bytes.
struct Block {
    /// Where its code stands.
    at: usize,
    length: usize,
}

impl Block {
    fn open(out: &mut Vec<u8>) -> Self {
        let at = out.len();
        out.push(0);
        Self { at, length: 0 }
    }

    fn close(self, out: &mut [u8]) {
        let code = u8::try_from(self.length.saturating_add(1)).unwrap_or(FULL);
        super::put(out, self.at, code);
    }
}

const DELIMITER: u8 = 0;

/// The code of a block that no zero follows.
const FULL: u8 = 0xFF;

/// The bytes of such a block.
const LONGEST: usize = 254;

/// In the carry.
const REST: u32 = 0xFF;
const ZERO: u32 = 0x100;
