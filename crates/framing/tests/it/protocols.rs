//! The protocols of the field, each as a user of the crate would write it: a few lines, whole,
//! under every cut, and back.

use framing::{
    Config, Decoder, Enclosure, EncodeError, Framing, Inline, LengthBuilder, Malformed, Scan,
    Trailer,
};

use crate::check::{Item, Mode, run, same_under_all_cuts};

fn length(payload: &[&[u8]]) -> usize {
    payload.iter().map(|part| part.len()).sum()
}

fn prefix<const N: usize>(given: &[u8]) -> Result<&[u8; N], EncodeError> {
    given.try_into().map_err(|_| EncodeError::Prefix { expected: N, given: given.len() })
}

/// Head and payload of every frame, after every cut was tried.
fn frames<F: Framing + Clone>(framing: F, wire: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let config = Config::new(framing);
    same_under_all_cuts(&config, wire);
    let run = run(&config, &[wire.len()], wire, Mode::PushFrames);
    run.into_iter()
        .map(|item| match item {
            Item::Frame { head, payload, .. } => (head, payload),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn wire<F: Framing + Clone>(framing: F, sent: &[(&[u8], &[u8])]) -> Vec<u8> {
    let encoder = Config::new(framing).encoder().unwrap();
    let mut wire = Vec::new();
    for (prefix, payload) in sent {
        encoder.append(prefix, &[payload], &mut wire).unwrap();
    }
    wire
}

/// Flag byte, u32 length, message (<https://github.com/grpc/grpc>, PROTOCOL-HTTP2).
#[test]
fn grpc() {
    let grpc = LengthBuilder::u32_be().offset(1).build().unwrap();
    let wire = wire(grpc, &[(b"\0", b"message"), (b"\x01", b"")]);
    assert_eq!(wire, b"\0\0\0\0\x07message\x01\0\0\0\0");
    assert_eq!(frames(grpc, &wire)[0], (b"\0\0\0\0\x07".to_vec(), b"message".to_vec()));
}

/// A signed i32 length; a negative one is an error.
#[test]
fn kafka() {
    let kafka = LengthBuilder::u32_be().signed().build().unwrap();
    assert_eq!(frames(kafka, b"\0\0\0\x02hi")[0].1, b"hi");
    assert!(Decoder::new(kafka).next(&mut &b"\xFF\xFF\xFF\xFF"[..]).is_err());
}

/// A u24 length, then type, flags and stream: six more bytes of head (RFC 9113, section 4.1).
#[test]
fn http2() {
    let http2 = LengthBuilder::u24_be().adjust(6).strip(9).build().unwrap();
    let wire = wire(http2, &[(b"\x01\x04\0\0\0\x01", b"headers")]);
    assert_eq!(wire, b"\0\0\x07\x01\x04\0\0\0\x01headers");
    assert_eq!(frames(http2, &wire)[0].1, b"headers");
}

/// A tag, then a length that counts itself; the first message of a client has no tag.
#[derive(Clone, Default)]
struct Postgres {
    started: bool,
}

impl Framing for Postgres {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let tag = usize::from(self.started);
        let Some(field) = seen.get(tag..).and_then(|rest| rest.first_chunk()) else {
            return Ok(Scan::Need { total: tag + 4 });
        };
        let length = u32::from_be_bytes(*field).checked_sub(4);
        let body = length.ok_or(Malformed::at(tag, "the length does not count itself"))?;
        Ok(Scan::Body { head: tag + 4, body: body.into(), trailer: 0, more: false })
    }

    fn framed(&mut self, _head: &[u8]) {
        self.started = true;
    }

    fn reset(&mut self) {
        self.started = false;
    }

    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let field = u32::try_from(length(payload) + 4).expect("bounded by the limits");
        let head = Inline::new(&field.to_be_bytes());
        Ok(Enclosure { head, split: prefix.len(), ..Enclosure::default() })
    }
}

#[test]
fn postgresql() {
    let wire =
        wire(Postgres::default(), &[(b"", b"\0\x03\0\0"), (b"Q", b"select 1\0"), (b"X", b"")]);
    let got = frames(Postgres::default(), &wire);
    assert_eq!(got[0], (b"\0\0\0\x08".to_vec(), b"\0\x03\0\0".to_vec()));
    assert_eq!(got[1], (b"Q\0\0\0\x0d".to_vec(), b"select 1\0".to_vec()));
    assert_eq!(got[2].1, b"");
}

/// A length of 7, 16 or 64 bits, and the client's mask behind it (RFC 6455, section 5.2). The head
/// holds the mask; who wants the plain payload applies it.
#[derive(Clone)]
struct WebSocket;

impl Framing for WebSocket {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let &[_, second, ref rest @ ..] = seen else { return Ok(Scan::Need { total: 2 }) };
        let (extended, body) = match second & 0x7F {
            126 => (2, rest.first_chunk().map(|field| u64::from(u16::from_be_bytes(*field)))),
            127 => (8, rest.first_chunk().map(|field| u64::from_be_bytes(*field))),
            short => (0, Some(short.into())),
        };
        let Some(body) = body else { return Ok(Scan::Need { total: 2 + extended }) };
        if extended > 0 && body < [126, 1 << 16][usize::from(extended == 8)] {
            return Err(
                Malformed::at(2, "the length is not in its shortest form").needing(2 + extended)
            );
        }
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        Ok(Scan::Body { head: 2 + extended + mask, body, trailer: 0, more: false })
    }

    /// The prefix is the first byte, and the mask if there is one.
    fn enclose(&self, prefix: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        let masked = if prefix.len() == 5 { 0x80 } else { 0 };
        let length = length(payload);
        let head = match u8::try_from(length) {
            Ok(short @ 0..=125) => Inline::new(&[masked | short]),
            _ => match u16::try_from(length) {
                Ok(field) => {
                    let [a, b] = field.to_be_bytes();
                    Inline::new(&[masked | 126, a, b])
                }
                Err(_) => {
                    let [a, b, c, d, e, f, g, h] = (length as u64).to_be_bytes();
                    Inline::new(&[masked | 127, a, b, c, d, e, f, g, h])
                }
            },
        };
        Ok(Enclosure { head, split: 1, ..Enclosure::default() })
    }
}

#[test]
fn websocket() {
    let mask = *b"mask";
    let masked: Vec<u8> = b"hello".iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
    let prefix = [&[0x82][..], &mask].concat();
    let got = frames(WebSocket, &wire(WebSocket, &[(&prefix, &masked), (b"\x81", b"plain")]));
    let key = got[0].0.last_chunk::<4>().unwrap();
    let plain: Vec<u8> = got[0].1.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
    assert_eq!((&plain[..], &got[1].1[..]), (&b"hello"[..], &b"plain"[..]));
    for (size, head) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let wire = wire(WebSocket, &[(b"\x82", &vec![7; size])]);
        let mut chunk = &wire[..];
        let mut decoder = Decoder::new(WebSocket);
        let frame = decoder.next(&mut chunk).unwrap().unwrap();
        assert_eq!((frame.head().len(), frame.payload().len()), (head, size));
    }
}

/// A fixed byte, then the length as a varint of up to four bytes (MQTT 5.0, section 2.1).
#[derive(Clone)]
struct Mqtt;

impl Framing for Mqtt {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let mut body = 0;
        for (at, byte) in seen.iter().enumerate().skip(1) {
            body |= u64::from(byte & 0x7F) << (7 * (at - 1));
            if *byte < 0x80 {
                return Ok(Scan::Body { head: at + 1, body, trailer: 0, more: false });
            }
            if at == 4 {
                return Err(Malformed::at(at, "the length has more than four bytes"));
            }
        }
        Ok(Scan::Need { total: seen.len().max(1) + 1 })
    }

    fn enclose(&self, given: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        prefix::<1>(given)?;
        let mut rest = length(payload);
        let (mut bytes, mut width) = ([0; 4], 0);
        loop {
            bytes[width] = u8::try_from(rest & 0x7F).unwrap();
            rest >>= 7;
            width += 1;
            if rest == 0 {
                break;
            }
            bytes[width - 1] |= 0x80;
        }
        Ok(Enclosure { head: Inline::first(&bytes, width), split: 1, ..Enclosure::default() })
    }
}

#[test]
fn mqtt() {
    let long = vec![b'x'; 200];
    let wire = wire(Mqtt, &[(b"\xC0", b""), (b"\x30", &long)]);
    assert_eq!(wire[..5], *b"\xC0\0\x30\xC8\x01");
    assert_eq!(frames(Mqtt, &wire)[1].1, long);
}

/// Eight bytes of head, the content, and padding whose length stands in the head (`FastCGI` 1.0,
/// section 3.3). Written with padding to a multiple of eight.
#[derive(Clone)]
struct FastCgi;

impl Framing for FastCgi {
    fn scan(&self, seen: &[u8], _from: usize, _eof: bool) -> Result<Scan, Malformed> {
        let Some(&[_, _, _, _, a, b, padding, _]) = seen.first_chunk() else {
            return Ok(Scan::Need { total: 8 });
        };
        let body = u16::from_be_bytes([a, b]).into();
        Ok(Scan::Body { head: 8, body, trailer: padding.into(), more: false })
    }

    /// The prefix is version, type and request.
    fn enclose(&self, given: &[u8], payload: &[&[u8]]) -> Result<Enclosure<'_>, EncodeError> {
        prefix::<4>(given)?;
        let length = length(payload);
        let [a, b] = u16::try_from(length)
            .map_err(|_| EncodeError::LengthOverflow {
                length: length as u64,
                min: 0,
                max: 65_535,
            })?
            .to_be_bytes();
        let padding = length.next_multiple_of(8) - length;
        let head = Inline::new(&[a, b, u8::try_from(padding).unwrap(), 0]);
        let trailer = Trailer::Padding(&[0; 8][..padding]);
        Ok(Enclosure { head, split: 4, trailer, ..Enclosure::default() })
    }
}

#[test]
fn fastcgi() {
    let wire = wire(FastCgi, &[(b"\x01\x06\0\x01", b"hello"), (b"\x01\x03\0\x01", b"8 bytes!")]);
    assert_eq!(wire.len(), 16 + 16);
    assert_eq!(frames(FastCgi, &wire)[0].1, b"hello");
}
