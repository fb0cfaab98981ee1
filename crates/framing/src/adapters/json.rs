//! Payloads that are JSON.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{EncodeError, Encoder, Frame, Framing};

/// Typed frames (feature `json`).
impl<'d, 'c: 'd> Frame<'d, 'c> {
    /// The payload as a value, which may borrow from it.
    ///
    /// ```
    /// use framing::{ContentLength, Decoder, Encoder};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct Request<'r> {
    ///     id: u64,
    ///     method: &'r str,
    /// }
    ///
    /// let mut wire = Vec::new();
    /// let request = Request { id: 1, method: "initialize" };
    /// Encoder::new(ContentLength::lsp()).append_json(&[], &request, &mut wire)?;
    /// assert_eq!(wire, b"Content-Length: 30\r\n\r\n{\"id\":1,\"method\":\"initialize\"}");
    ///
    /// let mut decoder = Decoder::new(ContentLength::lsp());
    /// let mut chunk = &wire[..];
    /// let frame = decoder.next(&mut chunk)?.unwrap();
    /// assert_eq!(frame.json::<Request>()?, request);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn json<T: Deserialize<'d>>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.payload().bytes())
    }
}

/// Typed frames (feature `json`).
impl<F: Framing> Encoder<F> {
    /// Appends a frame whose payload is `value` as JSON; see [`Frame::json`] and
    /// [`append`](Self::append). On an error `out` is unchanged.
    pub fn append_json<T: Serialize + ?Sized>(
        &self,
        prefix: &[u8],
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), JsonError> {
        let payload = serde_json::to_vec(value)?;
        Ok(self.append(prefix, &[&payload], out)?)
    }
}

/// Why a value was not encoded.
#[derive(Debug, Error)]
pub enum JsonError {
    /// It is not JSON, such as a map whose keys are no strings.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Its JSON cannot be a frame.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
