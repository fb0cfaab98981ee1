//! What is printed of frames and faults.

use std::fmt::Write as _;
use std::io::Write;

use framing::DecodeError;

use super::{Form, Found};
use crate::error::Error;
use crate::report;

/// Prints frames in one form.
pub(crate) struct Show<W> {
    out: W,
    form: Form,
    /// Escape sequences: of offsets, of heads, and what ends them.
    colours: [&'static str; 3],
}

impl<W: Write> Show<W> {
    pub(crate) fn new(out: W, form: Form, colours: bool) -> Self {
        let colours = if colours { ["\x1b[2m", "\x1b[36m", "\x1b[0m"] } else { [""; 3] };
        Self { out, form, colours }
    }

    pub(crate) fn frame(&mut self, frame: &Found) -> Result<(), Error> {
        let Found { offset, head, payload, trailer } = frame;
        let line = match self.form {
            Form::Json => format!(
                "{{\"offset\":{offset},\"head\":\"{}\",\"payload\":\"{}\",\"trailer\":\"{}\"}}",
                hex(head),
                hex(payload),
                hex(trailer)
            ),
            Form::Text => {
                let [dim, bright, plain] = self.colours;
                let (head, payload) = (short(head), text(payload));
                format!("{dim}{offset:>10}{plain}  {bright}{head}{plain}  {payload}")
            }
        };
        writeln!(self.out, "{}", line.trim_end()).map_err(Error::Sink)
    }

    /// What was passed over without an end of it all.
    pub(crate) fn report(&mut self, error: DecodeError) -> Result<(), Error> {
        match self.form {
            Form::Json => self.json(error),
            Form::Text => {
                let [dim, _, plain] = self.colours;
                writeln!(self.out, "{dim}{:>10}{plain}  {}", error.offset(), error.kind())
                    .map_err(Error::Sink)
            }
        }
    }

    /// Where and why the capture does not parse; `raw` is what is known of it from `start` on.
    pub(crate) fn fault(
        &mut self,
        error: DecodeError,
        raw: &[u8],
        start: u64,
    ) -> Result<(), Error> {
        if self.form == Form::Json {
            return self.json(error);
        }
        // What was found so far comes first.
        self.flush()?;
        report::line(format_args!("inspect: {error}"));
        for line in dump(raw, start, error.offset()) {
            report::line(format_args!("inspect: {line}"));
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Sink)
    }

    fn json(&mut self, error: DecodeError) -> Result<(), Error> {
        let (kind, offset) = (error.kind().name(), error.offset());
        let message = serde_json::Value::String(error.to_string());
        writeln!(self.out, "{{\"error\":\"{kind}\",\"offset\":{offset},\"message\":{message}}}")
            .map_err(Error::Sink)
    }
}

/// The bytes around the fault, and a mark under it.
fn dump(raw: &[u8], start: u64, fault: u64) -> Vec<String> {
    let at = usize::try_from(fault.saturating_sub(start)).unwrap_or(usize::MAX);
    if at >= raw.len() {
        return Vec::new();
    }
    let first = at / ROW * ROW;
    let row = &raw[first..raw.len().min(first + ROW)];
    let bytes: String = row.iter().fold(String::new(), |mut line, byte| {
        let _ = write!(line, " {byte:02x}");
        line
    });
    let readable: String = row
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' })
        .collect();
    let place = format!("{:>10} ", start + first as u64);
    let mark = " ".repeat(place.len() + 3 * (at - first) + 1);
    vec![format!("{place}{bytes:<48}  {readable}"), format!("{mark}^^ byte {fault}")]
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A head, as far as it fits a column.
fn short(head: &[u8]) -> String {
    let readable = |&byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n');
    let text = if !head.is_empty() && head.iter().all(readable) {
        format!("\"{}\"", head.escape_ascii())
    } else {
        hex(head)
    };
    match text.char_indices().nth(COLUMN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => format!("{text:<12}"),
    }
}

/// A payload: in quotes if it can be read, in hexadecimal otherwise, and no more than fits a line.
fn text(payload: &[u8]) -> String {
    let readable = |text: &&str| !text.chars().any(|c| c.is_control() && !"\r\n\t".contains(c));
    let whole = match std::str::from_utf8(payload).ok().filter(readable) {
        Some(text) => format!("{text:?}"),
        None => hex(payload),
    };
    match whole.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}... ({} bytes)", &whole[..end], payload.len()),
        None => whole,
    }
}

/// Bytes of a row of the dump.
const ROW: usize = 16;

/// Characters of a head, and of a payload, before they are cut.
const COLUMN: usize = 40;
const LINE: usize = 100;
