//! [`Hasher`]: computes the digests that the messages carry.

use crate::message::{Digest, DigestKind};
use sha2::Digest as _;

/// Computes a [`Digest`] of either kind, piece by piece. With the feature `hasher`.
///
/// ```
/// use framing_protocol::Hasher;
/// use framing_protocol::message::DigestKind;
///
/// let mut hasher = Hasher::new(DigestKind::Md5);
/// hasher.update(b"sticky ");
/// hasher.update(b"packets");
/// assert_eq!(hasher.finish().to_string(), "md5:d17d7e3d7214afd3163dadea0d1a7237");
/// ```
#[derive(Debug, Clone)]
pub struct Hasher(State);

/// BLAKE3's state is some two kilobytes, which whatever waits with one need not have in itself.
#[derive(Debug, Clone)]
enum State {
    Blake3(Box<blake3::Hasher>),
    Sha256(sha2::Sha256),
    Md5(md5::Md5),
}

impl Hasher {
    /// One that has seen nothing yet.
    pub fn new(kind: DigestKind) -> Self {
        Self(match kind {
            DigestKind::Blake3 => State::Blake3(Box::default()),
            DigestKind::Sha256 => State::Sha256(sha2::Sha256::new()),
            DigestKind::Md5 => State::Md5(md5::Md5::new()),
        })
    }

    /// Which kind of digest it computes.
    pub fn kind(&self) -> DigestKind {
        match &self.0 {
            State::Blake3(_) => DigestKind::Blake3,
            State::Sha256(_) => DigestKind::Sha256,
            State::Md5(_) => DigestKind::Md5,
        }
    }

    /// Takes what comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Blake3(hasher) => {
                hasher.update(bytes);
            }
            State::Sha256(hasher) => hasher.update(bytes),
            State::Md5(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all that it has seen; it can go on.
    pub fn finish(&self) -> Digest {
        match &self.0 {
            State::Blake3(hasher) => Digest::Blake3(*hasher.finalize().as_bytes()),
            State::Sha256(hasher) => Digest::Sha256(hasher.clone().finalize().into()),
            State::Md5(hasher) => Digest::Md5(hasher.clone().finalize().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of RFC 1321, FIPS 180-4 and the test vectors of BLAKE3.
    #[test]
    fn the_digests_are_those_of_their_standards() {
        for (kind, bytes, digest) in [
            (DigestKind::Md5, "", "md5:d41d8cd98f00b204e9800998ecf8427e"),
            (DigestKind::Md5, "message digest", "md5:f96b697d7cb7938d525a2f31aaf161d0"),
            (
                DigestKind::Sha256,
                "abc",
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                DigestKind::Blake3,
                "",
                "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            ),
        ] {
            let mut hasher = Hasher::new(kind);
            for piece in bytes.as_bytes().chunks(3) {
                hasher.update(piece);
                hasher.finish();
            }
            assert_eq!((hasher.finish().to_string().as_str(), hasher.kind()), (digest, kind));
        }
    }
}
