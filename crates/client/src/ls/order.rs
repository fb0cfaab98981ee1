//! In which order entries are shown.

use std::cmp::Reverse;

use framing_protocol::message::Entry;

use crate::args::Sort;

/// Gives entries on as they come, or all at once at the end where their order is another one than the server's.
#[derive(Debug)]
pub(super) struct Order {
    sort: Sort,
    reverse: bool,
    /// How many are given on together, at least.
    at_once: usize,
    held: Vec<Entry>,
}

impl Order {
    pub(super) fn new(sort: Sort, reverse: bool, at_once: usize) -> Self {
        Self { sort, reverse, at_once, held: Vec::new() }
    }

    /// Takes what has come, none at the end, and gives what can be shown.
    pub(super) fn next(&mut self, entries: Option<Vec<Entry>>) -> Vec<Entry> {
        let as_they_come = self.sort == Sort::Name && !self.reverse;
        let Some(entries) = entries else { return self.sorted() };
        self.held.extend(entries);
        if as_they_come && self.held.len() >= self.at_once {
            std::mem::take(&mut self.held)
        } else {
            Vec::new()
        }
    }

    /// How many wait.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    fn sorted(&mut self) -> Vec<Entry> {
        let mut entries = std::mem::take(&mut self.held);
        match self.sort {
            // They come by name, and what is equal stays as it is.
            Sort::Name => {}
            Sort::Size => entries.sort_by_key(|entry| Reverse(entry.size)),
            Sort::Time => entries.sort_by_key(|entry| Reverse(entry.modified)),
        }
        if self.reverse {
            entries.reverse();
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use framing_protocol::message::EntryKind;

    use super::*;

    #[test]
    fn by_name_they_are_shown_as_they_come_and_otherwise_at_the_end() {
        let entry = |name: &str, size, modified| Entry {
            modified: Some(modified),
            ..Entry::new(name.into(), EntryKind::File, size)
        };
        let entries = [entry("a", 2, 30), entry("b", 3, 10), entry("c", 1, 20), entry("d", 1, 20)];
        let (first, rest) = entries.split_at(2);
        for (sort, reverse, expected) in [
            (Sort::Name, false, ["ab", "cd", ""]),
            (Sort::Name, true, ["", "", "dcba"]),
            (Sort::Size, false, ["", "", "bacd"]),
            (Sort::Size, true, ["", "", "dcab"]),
            (Sort::Time, false, ["", "", "acdb"]),
            (Sort::Time, true, ["", "", "bdca"]),
        ] {
            let mut order = Order::new(sort, reverse, 1);
            let mut shown = |entries: Option<&[Entry]>| {
                let ready = order.next(entries.map(<[Entry]>::to_vec));
                ready.iter().map(|entry| entry.name.to_string()).collect::<String>()
            };
            assert_eq!([shown(Some(first)), shown(Some(rest)), shown(None)], expected, "{sort:?}");
        }
        let mut order = Order::new(Sort::Name, false, 3);
        let counts = [Some(first), Some(rest), Some(first), None];
        let counts = counts.map(|entries| order.next(entries.map(<[Entry]>::to_vec)).len());
        assert_eq!(counts, [0, 4, 0, 2]);
    }
}
