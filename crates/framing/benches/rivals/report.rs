//! What is printed.

use std::fmt::Write;

use serde::Serialize;

use crate::timing::Measured;

/// What one contender took for one row; minimum, median and maximum of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) group: &'static str,
    pub(crate) payload: String,
    pub(crate) chunk: &'static str,
    pub(crate) contender: &'static str,
    /// Nanoseconds per frame.
    pub(crate) ns: [f64; 3],
    /// Over the floor of the row.
    pub(crate) ratio: [f64; 3],
}

impl Cell {
    pub(crate) fn new(
        group: &'static str,
        payload: &str,
        chunk: &'static str,
        one: Measured,
    ) -> Self {
        let Measured { contender, ns, ratio } = one;
        let (ns, ratio) = (spread(ns), spread(ratio));
        Self { group, payload: payload.to_owned(), chunk, contender, ns, ratio }
    }
}

/// Tables: one for each way of cutting, payloads from left to right.
pub(crate) fn table(cells: &[Cell]) -> String {
    let mut text = String::new();
    for (group, chunk) in distinct(cells, |cell| (cell.group, cell.chunk)) {
        let cells: Vec<&Cell> =
            cells.iter().filter(|cell| (cell.group, cell.chunk) == (group, chunk)).collect();
        // As many columns as fit a screen.
        for payloads in distinct(&cells, |cell| &cell.payload).chunks(4) {
            let _ = writeln!(text, "\n{group}, {chunk}: ns per frame, over the floor (from-to)");
            let _ = write!(text, "{:<20}", "");
            for payload in payloads {
                let _ = write!(text, "{payload:>32}");
            }
            text.push('\n');
            for contender in distinct(&cells, |cell| cell.contender) {
                let in_row = |payload: &String| {
                    cells
                        .iter()
                        .find(|cell| cell.contender == contender && cell.payload == *payload)
                };
                if !payloads.iter().any(|payload| in_row(payload).is_some()) {
                    continue;
                }
                let _ = write!(text, "{contender:<20}");
                for payload in payloads {
                    let cell = in_row(payload).map_or_else(String::new, |cell| shown(cell));
                    let _ = write!(text, "{cell:>32}");
                }
                text.push('\n');
            }
        }
    }
    text
}

fn shown(Cell { ns: [_, ns, _], ratio: [least, median, most], .. }: &Cell) -> String {
    format!("{} {:>6} ({}-{})", short(*ns), short(*median), short(*least), short(*most))
}

/// As many digits as say something.
fn short(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Minimum, median, maximum.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

/// In the order of their first appearance.
fn distinct<'c, T, K: PartialEq>(cells: &'c [T], key: impl Fn(&'c T) -> K) -> Vec<K> {
    let mut keys = Vec::new();
    for cell in cells {
        let key = key(cell);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}
