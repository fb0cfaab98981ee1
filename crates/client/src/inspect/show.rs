//! What is printed of frames and faults.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use framing::{DecodeError, Frame};
use unicode_width::UnicodeWidthChar;

use super::Form;
use super::raw::{ROW, Raw, Row};
use crate::error::Error;
use crate::report;

/// Prints frames in one form.
pub(crate) struct Show<W> {
    out: W,
    form: Form,
    look: Look,
}

/// How text looks where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Escape sequences: of offsets, of heads, and what ends them.
    colours: [&'static str; 3],
    /// How much of a payload is shown.
    extent: Extent,
}

#[derive(Clone, Copy, Debug)]
enum Extent {
    /// So many of its bytes.
    Bytes(usize),
    /// What fits a line of so many columns.
    Columns(usize),
}

impl Look {
    /// As it suits a terminal, if that is what `out` is.
    pub(crate) fn of(out: &(impl AsFd + IsTerminal)) -> Self {
        if !out.is_terminal() {
            return Self { colours: [""; 3], extent: Extent::Bytes(PREVIEW) };
        }
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let colours = if plain { [""; 3] } else { ["\x1b[2m", "\x1b[36m", "\x1b[0m"] };
        let size = rustix::termios::tcgetwinsize(out).map(|size| usize::from(size.ws_col));
        let columns = size.ok().filter(|columns| *columns > 0).unwrap_or(USUAL_WIDTH);
        Self { colours, extent: Extent::Columns(columns) }
    }
}

impl<W: Write> Show<W> {
    pub(crate) fn new(out: W, form: Form, look: Look) -> Self {
        Self { out, form, look }
    }

    /// Prints a frame; `cut` is what was cut off it, as far as that is known.
    pub(crate) fn frame(&mut self, frame: &Frame<'_, '_>, cut: &[u8]) -> Result<(), Error> {
        let (offset, payload) = (frame.offset(), frame.payload());
        match self.form {
            Form::Json => {
                let (head, payload) = (Hex(frame.head()), Hex(&payload));
                let (cut, trailer) = (Hex(cut), Hex(frame.trailer()));
                writeln!(
                    self.out,
                    "{{\"offset\":{offset},\"head\":\"{head}\",\"payload\":\"{payload}\",\
                     \"trailer\":\"{cut}{trailer}\"}}"
                )
            }
            Form::Text => {
                let Look { colours: [dim, bright, plain], extent } = self.look;
                let (place, head) = (format!("{offset:>10}"), short(frame.head()));
                let extent = match extent {
                    Extent::Columns(columns) => {
                        let taken = place.len() + head.len() + 2 * GAP.len();
                        Extent::Columns(columns.saturating_sub(taken))
                    }
                    bytes @ Extent::Bytes(_) => bytes,
                };
                let payload = text(&payload, frame.discarded(), extent);
                writeln!(self.out, "{dim}{place}{plain}{GAP}{bright}{head}{plain}{GAP}{payload}")
            }
        }
        .map_err(Error::Sink)
    }

    /// What was passed over without an end of it all.
    pub(crate) fn report(&mut self, error: DecodeError) -> Result<(), Error> {
        match self.form {
            Form::Json => self.json(error),
            Form::Text => {
                let [dim, _, plain] = self.look.colours;
                writeln!(self.out, "{dim}{:>10}{plain}{GAP}{}", error.offset(), error.kind())
                    .map_err(Error::Sink)
            }
        }
    }

    /// Where and why the capture does not parse.
    pub(crate) fn fault(&mut self, error: DecodeError, raw: &Raw) -> Result<(), Error> {
        if self.form == Form::Json {
            return self.json(error);
        }
        // What was found so far comes first.
        self.flush()?;
        report::line(format_args!("inspect: {error}"));
        for line in dump(raw, error.offset()) {
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

/// The bytes before the fault and around it, and a mark under it.
fn dump(raw: &Raw, fault: u64) -> Vec<String> {
    let row = raw.row(fault);
    let Some(at) = usize::try_from(fault - row.offset).ok().filter(|&at| at < row.bytes.len())
    else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if let Some(before) = row.offset.checked_sub(1).filter(|&before| before >= raw.frame()) {
        lines.push(hexadecimal(raw.row(before)));
    }
    lines.push(hexadecimal(row));
    let place = match raw.frame() {
        frame if frame == fault => String::new(),
        frame => format!(", in the frame at byte {frame}"),
    };
    let column = format!("{:>10} ", row.offset).len() + 3 * at + 1;
    lines.push(format!("{}^^ byte {fault}{place}", " ".repeat(column)));
    lines
}

fn hexadecimal(row: Row<'_>) -> String {
    let mut line = format!("{:>10} ", row.offset);
    for column in 0..ROW {
        let _ = match row.bytes.get(column) {
            Some(byte) => write!(line, " {byte:02x}"),
            None => write!(line, "   "),
        };
    }
    let readable = row.bytes.iter().map(|&byte| match byte {
        b' '..=b'~' => char::from(byte),
        _ => '.',
    });
    line.push_str(GAP);
    line.extend(readable);
    line
}

/// Bytes in hexadecimal, without a copy of them all.
struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
        let mut digits = [[0; 2]; 512];
        self.0.chunks(digits.len()).try_for_each(|piece| {
            for (pair, byte) in digits.iter_mut().zip(piece) {
                *pair = [digit(byte >> 4), digit(*byte)];
            }
            let text = digits[..piece.len()].as_flattened();
            f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
        })
    }
}

/// A head, as far as it fits a column.
fn short(head: &[u8]) -> String {
    let readable = |&byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n');
    let text = if !head.is_empty() && head.iter().all(readable) {
        format!("\"{}\"", head.escape_ascii())
    } else {
        Hex(head).to_string()
    };
    match text.char_indices().nth(COLUMN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => format!("{text:<12}"),
    }
}

/// A payload: in quotes if it can be read, in hexadecimal otherwise, and no more than fits; then how
/// much more there is.
fn text(payload: &[u8], cut: u64, extent: Extent) -> String {
    let past = match cut {
        0 => String::new(),
        bytes => format!(" + {bytes} bytes past the limit"),
    };
    let (bytes, columns) = match extent {
        Extent::Bytes(bytes) => (bytes, usize::MAX),
        // The longest character that takes no more than a column has four bytes.
        Extent::Columns(columns) => (columns.saturating_mul(4), columns),
    };
    let whole = preview(payload, bytes, columns.saturating_sub(past.len()));
    if whole.bytes == payload.len() {
        return whole.text + &past;
    }
    let rest = format!("... ({} bytes){past}", payload.len());
    let room = columns.saturating_sub(rest.len()).max(NARROWEST);
    preview(payload, bytes, room).text + &rest
}

/// The beginning of a payload, and how many bytes of it that is.
struct Preview {
    text: String,
    bytes: usize,
}

fn preview(payload: &[u8], most: usize, columns: usize) -> Preview {
    let start = &payload[..payload.len().min(most)];
    let Some(readable) = readable(start, payload.len()) else {
        let bytes = start.len().min(columns / 2);
        return Preview { text: Hex(&start[..bytes]).to_string(), bytes };
    };
    let mut preview = Preview { text: "\"".into(), bytes: 0 };
    let mut used = "\"\"".len();
    for c in readable.chars() {
        let drawn = if c == '\'' { c.to_string() } else { c.escape_debug().to_string() };
        used += drawn.chars().filter_map(char::width).sum::<usize>();
        if used > columns {
            break;
        }
        preview.text.push_str(&drawn);
        preview.bytes += c.len_utf8();
    }
    preview.text.push('"');
    preview
}

/// The text that a payload of `length` bytes begins with, if `start` is that of one.
fn readable(start: &[u8], length: usize) -> Option<&str> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // Its last character is cut.
        Err(error) if error.error_len().is_none() && start.len() < length => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let control = |c: char| c.is_control() && !"\r\n\t".contains(c);
    (!text.chars().any(control)).then_some(text)
}

/// Between two columns.
const GAP: &str = "  ";

/// Characters of a head before it is cut.
const COLUMN: usize = 40;

/// Bytes of a payload that are shown where no terminal sets a limit.
const PREVIEW: usize = 64;

/// Of a terminal that does not know, in columns.
const USUAL_WIDTH: usize = 80;

/// What a payload is given even on the narrowest terminal, in columns.
const NARROWEST: usize = 8;
