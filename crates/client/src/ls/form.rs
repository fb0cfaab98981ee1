//! How entries are shown.

use std::io::Write as _;
use std::os::fd::AsFd;

use framing_protocol::message::{Entry, EntryKind, Text};
use indicatif::HumanBytes;
use serde::Serialize;
use time::OffsetDateTime;
use unicode_width::UnicodeWidthStr;

use crate::output::Audience;

/// In which form.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A name a line.
    Names { look: Look },
    /// As many columns as fit, each from the top down.
    Columns { look: Look, width: usize },
    /// Permissions, size, time and name.
    Long { look: Look, human: bool },
    /// Names that end in NUL.
    Null,
    /// An object a line.
    Json,
}

/// What the reader makes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) is_terminal: bool,
    pub(super) is_coloured: bool,
}

impl Form {
    /// How many entries are to be shown at once, if there are so many: columns are made of those that stand together.
    pub(super) fn at_once(self) -> usize {
        if let Self::Columns { .. } = self { AT_ONCE } else { 1 }
    }

    /// What stands above what is in a folder, if there are several.
    pub(super) fn title(self, path: &Text, begun: bool) -> Option<Vec<u8>> {
        let look = match self {
            Self::Names { look } | Self::Columns { look, .. } | Self::Long { look, .. } => look,
            Self::Null | Self::Json => return None,
        };
        let mut title = if begun { b"\n".to_vec() } else { Vec::new() };
        title.extend_from_slice(&look.audience().show(path.as_bytes()));
        title.extend_from_slice(b":\n");
        Some(title)
    }

    /// Entries of the folder at `path`.
    pub(super) fn show(self, path: &Text, entries: &[Entry]) -> Vec<u8> {
        match self {
            Self::Names { look } => lines(entries, |entry, line| line.extend(look.name(entry))),
            Self::Columns { look, width } => columns(entries, look, width),
            Self::Long { look, human } => lines(entries, |entry, line| {
                let _ = write!(line, "{}  ", permissions(entry));
                let human = human.then(|| HumanBytes(entry.size).to_string());
                let size = human.unwrap_or_else(|| entry.size.to_string());
                let _ = write!(line, "{size:>12}  ");
                let _ = write!(line, "{}  ", when(entry.modified, Exactness::Minutes));
                line.extend(look.name(entry));
            }),
            Self::Null => {
                let ended = |entry: &Entry| [&joined(path, &entry.name), &b"\0"[..]].concat();
                entries.iter().flat_map(ended).collect()
            }
            Self::Json => {
                entries.iter().flat_map(|entry| json(&join(path, &entry.name), entry)).collect()
            }
        }
    }
}

impl Look {
    fn audience(self) -> Audience {
        if self.is_terminal { Audience::Terminal } else { Audience::Program }
    }

    /// The name, and what shows its kind.
    fn name(self, entry: &Entry) -> Vec<u8> {
        let name = self.audience().show(entry.name.as_bytes());
        let (colour, mark): (_, &[u8]) = match entry.kind {
            EntryKind::File => ("", b""),
            EntryKind::Directory if name.ends_with(b"/") => (BLUE, b""),
            EntryKind::Directory => (BLUE, b"/"),
            EntryKind::Symlink => (CYAN, b"@"),
            EntryKind::Other => (YELLOW, b"?"),
        };
        // A program that reads names wants no more than it has always had.
        let mark = if self.is_terminal || mark == b"/" { mark } else { b"" };
        match colour {
            "" => [&*name, mark].concat(),
            _ if !self.is_coloured => [&*name, mark].concat(),
            colour => [colour.as_bytes(), &*name, PLAIN.as_bytes(), mark].concat(),
        }
    }

    /// How many columns of the screen it takes.
    fn width(self, entry: &Entry) -> usize {
        let plain = Self { is_coloured: false, ..self };
        String::from_utf8_lossy(&plain.name(entry)).width()
    }
}

fn lines(entries: &[Entry], show: impl Fn(&Entry, &mut Vec<u8>)) -> Vec<u8> {
    let mut shown = Vec::new();
    for entry in entries {
        show(entry, &mut shown);
        shown.push(b'\n');
    }
    shown
}

/// As many columns as there is place for.
fn columns(entries: &[Entry], look: Look, width: usize) -> Vec<u8> {
    let widths: Vec<usize> = entries.iter().map(|entry| look.width(entry)).collect();
    let most = (width / (1 + GAP)).clamp(1, widths.len().max(1));
    let (rows, columns) =
        (1..=most).rev().find_map(|columns| fit(&widths, columns, width)).unwrap_or_default();
    let mut shown = Vec::new();
    for row in 0..rows {
        let mut behind = 0;
        for (column, wide) in columns.iter().enumerate() {
            let Some(entry) = entries.get(column * rows + row) else { break };
            shown.extend(std::iter::repeat_n(b' ', behind));
            shown.extend(look.name(entry));
            behind = wide + GAP - widths[column * rows + row];
        }
        shown.push(b'\n');
    }
    shown
}

/// How many rows there are with so many columns, and how wide these are, if they fit; a single one always does.
fn fit(widths: &[usize], columns: usize, width: usize) -> Option<(usize, Vec<usize>)> {
    let rows = widths.len().div_ceil(columns);
    let wide: Vec<usize> = widths
        .chunks(rows.max(1))
        .map(|column| column.iter().copied().max().unwrap_or(0))
        .collect();
    let all = wide.iter().sum::<usize>() + GAP * wide.len().saturating_sub(1);
    (all <= width || columns == 1).then_some((rows, wide))
}

/// As `ls -l` has it.
fn permissions(entry: &Entry) -> String {
    let kind = match entry.kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Other => '?',
    };
    let Some(mode) = entry.mode else { return format!("{kind}?????????") };
    let mut shown = String::from(kind);
    for (shift, special, with, without) in
        [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let bits = mode >> shift;
        shown.push(if bits & 4 != 0 { 'r' } else { '-' });
        shown.push(if bits & 2 != 0 { 'w' } else { '-' });
        shown.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => with,
            (false, true) => without,
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    shown
}

#[derive(Debug, Clone, Copy)]
enum Exactness {
    Minutes,
    Seconds,
}

/// A time of the world, so that it is the same wherever it is read.
fn when(modified: Option<i64>, exactness: Exactness) -> String {
    let time = modified.map(OffsetDateTime::from_unix_timestamp);
    let Some(Ok(time)) = time else { return format!("{:16}", "?") };
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let day = format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}", u8::from(month));
    match exactness {
        Exactness::Minutes => day,
        Exactness::Seconds => format!("{day}:{second:02}"),
    }
}

/// An entry for programs.
#[derive(Serialize)]
struct Told<'a> {
    path: &'a Text,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// The object of an entry, as a line.
pub(super) fn json(path: &Text, entry: &Entry) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Told { path, entry }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// All that is known of an entry, for people.
pub(super) fn record(path: &Text, entry: &Entry) -> Vec<u8> {
    let kind = match entry.kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "symbolic link",
        EntryKind::Other => "something else",
    };
    let mode = entry.mode.map_or_else(|| "?".to_owned(), |mode| format!("{mode:04o}"));
    let size = match entry.kind {
        EntryKind::File => format!("{} bytes", entry.size),
        _ => "-".to_owned(),
    };
    format!(
        "{path}\n  kind      {kind}\n  size      {size}\n  mode      {mode} ({})\n  modified  {} UTC\n",
        permissions(entry),
        when(entry.modified, Exactness::Seconds).trim_end()
    )
    .into_bytes()
}

/// The path of what is called `name` in the folder at `path`; of the root, and of nothing, the name alone.
pub(super) fn join(path: &Text, name: &Text) -> Text {
    Text::from(joined(path, name))
}

fn joined(path: &Text, name: &Text) -> Vec<u8> {
    match path.as_bytes() {
        b"" | b"." | b"./" => name.as_bytes().to_vec(),
        path if path.ends_with(b"/") => [path, name.as_bytes()].concat(),
        path => [path, b"/", name.as_bytes()].concat(),
    }
}

/// How wide a terminal is, in columns.
pub(super) fn width(terminal: impl AsFd) -> usize {
    let size = rustix::termios::tcgetwinsize(terminal).map(|size| usize::from(size.ws_col));
    size.ok().filter(|columns| *columns > 0).unwrap_or(USUAL_WIDTH)
}

const BLUE: &str = "\x1b[1;34m";
const CYAN: &str = "\x1b[36m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// How many entries are put into columns together, at least.
const AT_ONCE: usize = 10_000;

/// Columns between two names.
const GAP: usize = 2;

/// Of a terminal that does not know.
const USUAL_WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { is_terminal: true, is_coloured: false };

    fn entry(name: &str, kind: EntryKind) -> Entry {
        Entry::new(name.into(), kind, 0)
    }

    #[test]
    fn columns_go_down_and_then_across_and_fit() {
        let names = ["a", "bb", "ccc", "目录", "e", "f"];
        let entries: Vec<_> = names.iter().map(|name| entry(name, EntryKind::File)).collect();
        let shown = |width| String::from_utf8(columns(&entries, LOOK, width)).unwrap();
        assert_eq!(shown(80), "a  bb  ccc  目录  e  f\n");
        assert_eq!(shown(22), "a  bb  ccc  目录  e  f\n");
        assert_eq!(shown(21), "a   ccc   e\nbb  目录  f\n");
        assert_eq!(shown(10), "a    目录\nbb   e\nccc  f\n");
        assert_eq!(shown(3), "a\nbb\nccc\n目录\ne\nf\n");
        assert!(columns(&[], LOOK, 80).is_empty());
        for width in 1..100 {
            for line in shown(width).lines() {
                assert!(line.width() <= width || !line.contains(' '), "{width}: {line}");
            }
        }
    }

    #[test]
    fn permissions_are_as_everybody_writes_them() {
        for (kind, mode, expected) in [
            (EntryKind::File, Some(0o644), "-rw-r--r--"),
            (EntryKind::Directory, Some(0o1777), "drwxrwxrwt"),
            (EntryKind::Directory, Some(0o1770), "drwxrwx--T"),
            (EntryKind::File, Some(0o4755), "-rwsr-xr-x"),
            (EntryKind::File, Some(0o2644), "-rw-r-Sr--"),
            (EntryKind::Symlink, Some(0o777), "lrwxrwxrwx"),
            (EntryKind::Other, None, "??????????"),
        ] {
            assert_eq!(permissions(&Entry { mode, ..entry("a", kind) }), expected);
        }
    }

    #[test]
    fn times_of_all_ages() {
        for (modified, expected) in [
            (Some(0), "1970-01-01 00:00:00"),
            (Some(-1), "1969-12-31 23:59:59"),
            (Some(1_764_590_399), "2025-12-01 11:59:59"),
            (Some(i64::MAX), "?"),
            (None, "?"),
        ] {
            assert_eq!(when(modified, Exactness::Seconds).trim_end(), expected);
        }
    }

    #[test]
    fn a_terminal_sees_kinds_and_no_control_characters() {
        let coloured = Look { is_coloured: true, ..LOOK };
        for (name, kind, shown, in_colour) in [
            ("a\x1b[2J", EntryKind::File, r"a\u{1b}[2J", r"a\u{1b}[2J"),
            ("d", EntryKind::Directory, "d/", "\x1b[1;34md\x1b[0m/"),
            ("d/", EntryKind::Directory, "d/", "\x1b[1;34md/\x1b[0m"),
            ("l", EntryKind::Symlink, "l@", "\x1b[36ml\x1b[0m@"),
            ("o", EntryKind::Other, "o?", "\x1b[33mo\x1b[0m?"),
        ] {
            let entry = entry(name, kind);
            assert_eq!(String::from_utf8(LOOK.name(&entry)).unwrap(), shown);
            assert_eq!(String::from_utf8(coloured.name(&entry)).unwrap(), in_colour);
        }
    }
}
