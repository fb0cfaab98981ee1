//! What the first bytes of a refused frame look like, when they speak for themselves.

use core::fmt;

/// A guess at what went wrong, from the bytes of the head that every frame of the framing has, so
/// that it cannot depend on the cuts. It is a part of the error's text.
///
/// ```text
/// Length::u32_be():  | G  E  T  _  / ...          a length of 1195725856 bytes, or HTTP
///                    | 05 00 00 00 | ...          83886080 bytes, or five of the other byte order
/// ```
///
/// ```
/// use framing::{Decoder, Hint, Length};
///
/// let error = |mut wire: &[u8]| Decoder::new(Length::u32_be()).next(&mut wire).unwrap_err();
/// let hint = |wire: &[u8]| error(wire).hint();
/// assert_eq!(hint(b"GET / HTTP/1.1\r\n"), Some(Hint::Http(*b"GET ")));
/// assert_eq!(hint(b"\x16\x03\x01\x02\0\x01"), Some(Hint::Tls));
/// assert_eq!(hint(b"SSH-2.0-x\r\n"), Some(Hint::Ssh));
/// assert_eq!(hint(b"hello"), Some(Hint::Text(*b"hell")));
/// assert_eq!(hint(b"\x05\0\0\0hello"), Some(Hint::OtherByteOrder(5)));
/// assert_eq!(hint(b"\xFF\xFF\xFF\xFF"), None);
///
/// let text = error(b"\x05\0\0\0hello").to_string();
/// assert!(text.starts_with("the frame's payload of 83886080 bytes is longer than the limit"));
/// assert!(text.ends_with("in the other byte order the length would be 5"));
/// assert!(error(b"GET /").to_string().contains(" of 1195725856 bytes"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// A request or an answer of HTTP/1.
    Http([u8; 4]),
    /// A TLS record: the peer encrypts, we do not.
    Tls,
    /// An SSH banner.
    Ssh,
    /// Letters, digits and blanks: a protocol of text.
    Text([u8; 4]),
    /// Read in the other byte order, the length would be this.
    OtherByteOrder(u64),
}

impl Hint {
    /// Looks at a head whose declared length was refused.
    pub(crate) fn of(head: &[u8], declared: Option<u64>, limit: usize) -> Option<Self> {
        let first = *head.first_chunk::<4>()?;
        let methods: [&[u8; 4]; 9] =
            [b"HTTP", b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"CONN", b"PATC"];
        if methods.contains(&&first) {
            return Some(Self::Http(first));
        }
        if &first == b"SSH-" {
            return Some(Self::Ssh);
        }
        // Handshake or alert, version 3.x (RFC 8446, section 5.1).
        if let [0x15 | 0x16, 0x03, 0..=4, _] = first {
            return Some(Self::Tls);
        }
        if first.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')) {
            return Some(Self::Text(first));
        }
        let big = fold(head.iter());
        let little = fold(head.iter().rev());
        let swapped = match declared? {
            declared if declared == big => little,
            declared if declared == little => big,
            _ => return None,
        };
        (swapped <= limit as u64).then_some(Self::OtherByteOrder(swapped))
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ascii = |f: &mut fmt::Formatter<'_>, bytes: &[u8; 4], question: &str| {
            write!(f, "it begins with ASCII \"{}\": {question}", bytes.escape_ascii())
        };
        match self {
            Self::Http(bytes) => ascii(f, bytes, "is the peer speaking HTTP?"),
            Self::Ssh => f.write_str("it begins like an SSH banner: is the peer speaking SSH?"),
            Self::Tls => f.write_str("it begins like a TLS record: is the peer speaking TLS?"),
            Self::Text(bytes) => ascii(f, bytes, "is the peer speaking a protocol of text?"),
            Self::OtherByteOrder(length) => {
                write!(f, "in the other byte order the length would be {length}")
            }
        }
    }
}

fn fold<'b>(bytes: impl Iterator<Item = &'b u8>) -> u64 {
    bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
