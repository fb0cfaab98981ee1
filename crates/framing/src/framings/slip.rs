//! SLIP: packets on a serial line.

use alloc::vec::Vec;

use memchr::{memchr, memchr2};

use super::payload_length;
use crate::{
    BuildError, Decoded, Enclosure, EncodeError, Framing, Limits, Malformed, Scan, Trailer,
};

/// SLIP (RFC 1055): a byte `END` ends a packet; where the packet holds one, two others stand for it.
///
/// ```text
/// payload:          11 C0 22 DB
/// wire:      | C0 | 11 DB DC 22 DB DD | C0 |
///             END      = C0     = DB   END
/// ```
///
/// As in the RFC's own program, an `END` is written before a packet too, which ends whatever noise
/// came before it, and packets of no bytes are dropped when read. So the encoder refuses an empty
/// payload. An escape that is followed by neither `DC` nor `DD` is malformed.
///
/// ```text
/// | C0 C0 | 11 C0 |        fill, then a packet of 11
/// | 11 DB 22 C0 |          malformed at the third byte
/// ```
///
/// ```
/// use framing::{Decoder, EncodeError, Encoder, Slip};
///
/// let mut wire = Vec::new();
/// Encoder::new(Slip).append(&[], &[&[0x11, 0xC0, 0x22, 0xDB]], &mut wire)?;
/// assert_eq!(wire, [0xC0, 0x11, 0xDB, 0xDC, 0x22, 0xDB, 0xDD, 0xC0]);
///
/// let mut chunk = &wire[..];
/// let mut decoder = Decoder::new(Slip);
/// assert_eq!(&*decoder.next(&mut chunk)?.unwrap().payload(), [0x11, 0xC0, 0x22, 0xDB]);
/// assert_eq!(&*decoder.next(&mut &[0xC0, 0xC0, 0x11, 0xC0][..])?.unwrap().payload(), [0x11]);
///
/// let mut decoder = Decoder::new(Slip);
/// assert_eq!(decoder.next(&mut &[0x11, 0xDB, 0x22, 0xC0][..]).unwrap_err().offset(), 2);
/// assert_eq!(Encoder::new(Slip).append(&[], &[], &mut wire), Err(EncodeError::Empty));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slip;

impl Framing for Slip {
    fn scan(&self, seen: &[u8], from: usize, _eof: bool) -> Result<Scan, Malformed> {
        Ok(super::up_to(END, seen, from))
    }

    fn resume(&self, seen: &[u8], _eof: bool) -> Result<Scan, Malformed> {
        Ok(super::up_to_next(END, seen, 0))
    }

    fn transforms(&self) -> bool {
        true
    }

    // The carry is one after an escape, whose meaning the next byte tells.
    fn decode(&self, carry: &mut u32, coded: &mut [u8]) -> Result<Decoded, Malformed> {
        let mut escaped = *carry > 0;
        if coded.is_empty() && escaped {
            return Err(Malformed::at(0, "a SLIP packet ends after an escape"));
        }
        let (mut read, mut write) = (0_usize, 0_usize);
        while let Some(&byte) = coded.get(read) {
            if escaped {
                let plain = match byte {
                    ESCAPED_END => END,
                    ESCAPED_ESCAPE => ESCAPE,
                    _ if read == 0 => {
                        return Err(Malformed::at(0, "a SLIP escape is followed by another byte"));
                    }
                    _ => break,
                };
                super::put(coded, write, plain);
                (read, write) = (read.saturating_add(1), write.saturating_add(1));
                escaped = false;
                continue;
            }
            let rest = coded.get(read..).unwrap_or_default();
            let run = memchr(ESCAPE, rest).unwrap_or(rest.len());
            escaped = run < rest.len();
            let end = read.saturating_add(run);
            if read != write {
                coded.copy_within(read..end, write);
            }
            (read, write) = (end.saturating_add(usize::from(escaped)), write.saturating_add(run));
        }
        *carry = u32::from(escaped);
        Ok(Decoded { read, plain: 0..write })
    }

    fn encode(&self, payload: &[&[u8]], out: &mut Vec<u8>) {
        for mut rest in payload.iter().copied() {
            while let Some(at) = memchr2(END, ESCAPE, rest) {
                let (run, behind) = rest.split_at_checked(at).unwrap_or((rest, &[]));
                let end = behind.first() == Some(&END);
                out.extend_from_slice(run);
                out.extend_from_slice(&[ESCAPE, if end { ESCAPED_END } else { ESCAPED_ESCAPE }]);
                rest = behind.get(1..).unwrap_or_default();
            }
            out.extend_from_slice(rest);
        }
    }

    fn check(&self, limits: &Limits) -> Result<(), BuildError> {
        if limits.head == 0 || limits.payload == 0 {
            return Err(BuildError::LimitsTooSmall { head: 1, payload: 1 });
        }
        Ok(())
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        super::no_prefix(prefix)?;
        if payload_length(payload) == 0 {
            return Err(EncodeError::Empty);
        }
        let trailer = Trailer::Delimiter(&[END]);
        Ok(Enclosure { lead: &[END], trailer, ..Enclosure::default() })
    }
}

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
const ESCAPED_END: u8 = 0xDC;
const ESCAPED_ESCAPE: u8 = 0xDD;
