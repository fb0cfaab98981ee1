//! TLS 1.3 with pinned keys on both sides, as a [`Stream`].
//!
//! ```text
//! TLS 1.3 only | ALPN framing/1 | both sides show a self-signed P-256 certificate | no tickets, no 0-RTT
//! AES-128-GCM first, then AES-256-GCM and ChaCha20-Poly1305, all of which both sides take
//! ```
//!
//! There is no certificate authority, and dates and names mean nothing: a peer is its public key. The
//! client takes one key only, and tells which it met otherwise. The server takes any key, whose owner
//! proves by the handshake's signature that it has it: what such a client may do is decided by the
//! application, before it reads a byte of it, so that a client that is turned away can be told why.

mod records;
mod stream;
mod verify;

use crate::{Identity, Pin};
use records::Tls;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use verify::{AnyKey, OneKey};

pub use stream::TlsStream;

/// The server's side: makes of accepted connections encrypted ones, for any number of them.
#[derive(Debug, Clone)]
pub struct TlsAcceptor(Arc<ServerConfig>);

/// What went wrong in TLS: a peer that speaks something else, or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(#[from] rustls::Error);

impl TlsAcceptor {
    /// One that proves to be `identity`.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        let provider = verify::provider();
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(AnyKey::new(provider)))
            .with_single_cert(vec![identity.certificate()], identity.key())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A ticket would let a client in by what it was when it got it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config)))
    }

    /// Begins the handshake of a connection that was accepted. It goes on with what is read and written.
    /// Whoever else holds the stream can end it from elsewhere.
    pub fn accept(&self, stream: Arc<TcpStream>) -> Result<TlsStream, TlsError> {
        let tls = UnbufferedServerConnection::new(Arc::clone(&self.0))?;
        Ok(TlsStream::new(stream, Tls::Server(tls.into()))?)
    }
}

/// The client's side: begins the handshake with a server that proves to have the key `server`. Which
/// key it met instead, if that is why it fails, [`TlsStream::refused`] tells.
pub(crate) fn open(
    stream: TcpStream,
    identity: &Identity,
    server: Option<Pin>,
) -> Result<TlsStream, TlsError> {
    let provider = verify::provider();
    let verifier = Arc::new(OneKey::new(Arc::clone(&provider), server));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
        .with_client_auth_cert(vec![identity.certificate()], identity.key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    // It would tell whoever listens what kind of server this is, and no server here needs it.
    config.enable_sni = false;
    let name = ServerName::try_from(NAME).map_err(|_| rustls::Error::EncryptError)?;
    let tls = UnbufferedClientConnection::new(Arc::new(config), name)?;
    Ok(TlsStream::expecting(Arc::new(stream), Tls::Client(tls.into()), verifier)?)
}

/// The pin of the key that a certificate carries.
pub(crate) fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, rustls::Error> {
    let certificate = ParsedCertificate::try_from(certificate)?;
    Ok(Pin::of_key(&certificate.subject_public_key_info()))
}

/// Whether the certificate carries the public half of the key.
pub(crate) fn belong_together(
    certificate: &CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
) -> Result<(), rustls::Error> {
    let provider = verify::provider();
    CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), &provider).map(|_| ())
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The name in every certificate.
pub(crate) const NAME: &str = "framing";

/// What both sides must say they speak (RFC 7301).
const ALPN: &[u8] = b"framing/1";
