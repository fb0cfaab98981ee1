//! A framing of one's own: Redis' bulk strings, `$5\r\nhello\r\n`, in one function each way.
//!
//! `cargo run --example own`

use std::error::Error;

use framing::{Config, Decoder, Enclosure, EncodeError, Framing, Inline, Malformed, Scan, Trailer};

/// `$`, the length in decimal, CRLF, so many bytes, CRLF.
#[derive(Clone)]
struct BulkString;

impl Framing for BulkString {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        for (at, byte) in seen.iter().enumerate() {
            match (at, byte) {
                (0, b'$') | (1..=10, b'0'..=b'9') => {}
                (0, _) => return Err(Malformed::at(0, "a bulk string begins with $")),
                (2.., b'\r') => {
                    let Some(b'\n') = seen.get(at + 1) else {
                        return match seen.get(at + 1) {
                            None => Ok(Scan::Need { total: at + 2 }),
                            Some(_) => Err(Malformed::at(at + 1, "CR without LF")),
                        };
                    };
                    let digits = seen[1..at].iter();
                    let body = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
                    return Ok(Scan::Body { head: at + 2, body, trailer: 2, more: false });
                }
                _ => return Err(Malformed::at(at, "the length is not a number of ten digits")),
            }
        }
        // The shortest head is `$0` and CRLF.
        Ok(Scan::Need { total: (seen.len() + 1).max(4) })
    }

    fn trailer(&self, trailer: &[u8]) -> Result<(), Malformed> {
        match trailer {
            b"\r\n" => Ok(()),
            _ => Err(Malformed::at(0, "the string is longer than it says")),
        }
    }

    fn enclose(&self, _prefix: &[u8], parts: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut head = [0; 13];
        let text = format!("${length}\r\n");
        let overflow =
            EncodeError::LengthOverflow { length: length as u64, min: 0, max: 9_999_999_999 };
        head.get_mut(..text.len()).ok_or(overflow)?.copy_from_slice(text.as_bytes());
        let head = Inline::first(&head, text.len());
        Ok(Enclosure { head, trailer: Trailer::Padding(b"\r\n"), ..Enclosure::default() })
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::new(BulkString).max_payload(512);
    let mut wire = Vec::new();
    for payload in [&b"hello"[..], b"", b"any\r\nbytes"] {
        config.encoder()?.append(&[], &[payload], &mut wire)?;
    }
    assert!(wire.starts_with(b"$5\r\nhello\r\n$0\r\n\r\n"));
    for size in 1..=wire.len() {
        let mut decoder = config.decoder()?;
        let payloads = wire.chunks(size).try_fold(Vec::new(), |mut payloads, mut chunk| {
            while let Some(frame) = decoder.next(&mut chunk)? {
                payloads.push(frame.payload().to_vec());
            }
            Ok::<_, framing::DecodeError>(payloads)
        })?;
        assert_eq!(payloads, [&b"hello"[..], b"", b"any\r\nbytes"]);
    }

    let error = Decoder::new(BulkString).next(&mut &b"$5\r\nhello, world"[..]).unwrap_err();
    println!("{error}");
    assert_eq!(error.offset(), 9);
    Ok(())
}
