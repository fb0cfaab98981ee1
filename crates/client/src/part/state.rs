//! `NAME.part.state`: what is known of a part file.
//!
//! ```json
//! {"format":"framing-part/1","verified":"00000000000001048576","inode":1234,"size":5242880,
//!  "etag":"...","path":"logs/today","server":"127.0.0.1:7878"}
//! ```
//!
//! It is written over in place, always with the same length. What changes is within its first 512 bytes,
//! which a disk writes whole or not at all; whatever stands there after a power cut, no more is taken from
//! it than what a server then finds to be its own.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

use framing_protocol::message::Text;
use serde::{Deserialize, Serialize};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: Format,
    /// How many bytes of the part file are on disk and as they came: of a fixed width, in digits.
    #[serde(with = "digits")]
    pub(super) verified: u64,
    /// Which file is meant, lest somebody else's file be taken for the part.
    pub(super) inode: u64,
    /// How large the whole was said to be.
    pub(super) size: u64,
    /// What the server called the state of its file.
    pub(super) etag: Option<String>,
    /// What was asked for, and of whom. For people: whether the server's file is the same is told by `etag`
    /// and by the bytes, whatever names lead there.
    path: Text,
    server: String,
}

/// Which program the file is of, and how it is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "framing-part/1")]
    Part1,
}

impl Record {
    /// A part of which nothing is there yet.
    pub(super) fn new(size: u64, etag: Option<String>, path: Text, server: String) -> Self {
        Self { format: Format::Part1, verified: 0, inode: 0, size, etag, path, server }
    }

    /// Says of which file it tells.
    pub(super) fn of(self, part: &File) -> io::Result<Self> {
        Ok(Self { inode: part.metadata()?.ino(), ..self })
    }

    /// What the file says, if it is one that can be read.
    pub(super) fn read(file: &File) -> Option<Self> {
        let mut text = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut text).ok()?;
        if text.len() as u64 > LONGEST {
            return None;
        }
        serde_json::from_slice(&text).ok()
    }

    /// Writes it down, at once.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        if text.len() as u64 > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // The inode is filled in later, and is not to move what stands behind it.
        text.resize(text.len().next_multiple_of(512), b' ');
        file.write_all_at(&text, 0)
    }
}

/// A number in so many digits as the largest has.
mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:020}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// The longest such file, in bytes: names and etags are at most as long as a header of the protocol.
const LONGEST: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_in_one_sector_and_changes_no_length() {
        let file = tempfile::tempfile().unwrap();
        let mut record = Record::new(5, Some("e".repeat(600)), "p".into(), "s".into());
        record.write(&file).unwrap();
        let before = file.metadata().unwrap().len();
        let read = |at: u64| {
            let mut rest = vec![0; 512];
            file.read_exact_at(&mut rest, at).unwrap();
            rest
        };
        let (first, second) = (read(0), read(512));
        record.verified = u64::MAX;
        record.write(&file).unwrap();
        assert_eq!(file.metadata().unwrap().len(), before);
        assert!(read(0) != first && read(512) == second);
        assert_eq!(Record::read(&file), Some(record));
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in ["", "{}", "garbage", r#"{"format":"framing-part/2","verified":"1"}"#, "\0\0\0"]
        {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(text.as_bytes(), 0).unwrap();
            assert_eq!(Record::read(&file), None, "{text}");
        }
        let huge = tempfile::tempfile().unwrap();
        huge.set_len(1 << 40).unwrap();
        assert_eq!(Record::read(&huge), None);
    }
}
