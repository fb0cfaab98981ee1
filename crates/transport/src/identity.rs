//! Who we are: a key, and a certificate that only carries it.

use crate::private::{Exposed, create_private, read_private};
use crate::{Pin, tls};
use aws_lc_rs::hmac;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::path::{Path, PathBuf};

/// A P-256 key and the self-signed certificate that carries it: valid for the one name `framing`, in
/// which nothing else means anything. It is the key that is pinned.
///
/// On disk it is one PEM file with both, as `openssl`, `curl --cert` and Python's `ssl` take it.
///
/// ```
/// use framing_transport::Identity;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("client.pem");
/// let identity = Identity::load_or_create(&path)?;
/// assert_eq!(Identity::load_or_create(&path)?.pin(), identity.pin(), "it stays the same");
/// assert!(identity.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    certificate_pem: String,
    pin: Pin,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] Exposed),
    /// The file holds no key and certificate that belong together.
    #[error(
        "{path:?} holds no usable identity ({reason}); restore it, or move it away and start again: \
         a new one is made, which peers do not know yet"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no randomness, or no memory.
    #[error("cannot make a key: {reason}")]
    Generate {
        /// What went wrong.
        reason: String,
    },
}

impl Identity {
    /// The identity in the file, which is made if it is not there. When two programs make it at the same
    /// time, both get the one that was first.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        if let Some(identity) = Self::load(path)? {
            return Ok(identity);
        }
        let pem =
            generate().map_err(|error| IdentityError::Generate { reason: error.to_string() })?;
        match create_private(path, &pem) {
            Err(Exposed::Io { source, .. })
                if source.kind() == std::io::ErrorKind::AlreadyExists => {}
            written => written?,
        }
        let unusable = || unusable(path, "it is gone again");
        Self::load(path)?.ok_or_else(unusable)
    }

    /// The identity in the file; none if there is no file.
    pub fn load(path: &Path) -> Result<Option<Self>, IdentityError> {
        let Some(pem) = read_private(path)? else { return Ok(None) };
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| unusable(path, &format!("its private key: {error}")))?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| unusable(path, &format!("its certificate: {error}")))?;
        let pin = tls::pin_of(&certificate)
            .and_then(|pin| tls::belong_together(&certificate, &key).map(|()| pin))
            .map_err(|error| unusable(path, &error.to_string()))?;
        Ok(Some(Self { certificate, key, certificate_pem: only_certificate(&pem), pin }))
    }

    /// The name of its key.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// The certificate, for peers that want it in a file: it is no secret.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A secret for another purpose, which only this identity has and which does not tell its key.
    pub fn secret_for(&self, purpose: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.secret_der());
        let tag = hmac::sign(&key, purpose.as_bytes());
        let mut secret = [0; 32];
        secret.copy_from_slice(tag.as_ref());
        secret
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.pin).finish()
    }
}

/// A fresh key and its certificate, in PEM.
fn generate() -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new([tls::NAME.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, tls::NAME);
    let certificate = params.self_signed(&key)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

/// What of the file is no secret.
fn only_certificate(pem: &str) -> String {
    let lines = pem.lines().skip_while(|line| *line != BEGIN);
    let end = |lines: &mut bool, line| {
        let goes_on = *lines;
        *lines = line != END;
        goes_on.then_some(line)
    };
    lines.scan(true, end).flat_map(|line| [line, "\n"]).collect()
}

fn unusable(path: &Path, reason: &str) -> IdentityError {
    IdentityError::Unusable { path: path.to_owned(), reason: reason.to_owned() }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
