//! This crate beside everybody else who frames, and beside the floor: what a hand-written walk over
//! the same bytes takes.
//!
//! ```text
//! cargo bench -p framing --bench rivals                    the whole table, two minutes
//! cargo bench -p framing --bench rivals -- --quick         fewer rows and rounds, under a minute
//! cargo bench -p framing --bench rivals -- --json          one JSON array instead of tables
//! cargo bench -p framing --bench rivals -- --chart         some rows as a picture, in SVG
//! cargo bench -p framing --bench rivals -- --instructions  counts, by valgrind
//! cargo bench -p framing --bench rivals -- MTU             only what has this in its name
//! ```
//!
//! Look at ratios: times are of this machine and this hour. All contenders of a row run by turns in
//! one process, round by round, on a clock that counts what the thread ran, where there is one.
//! Before that each has given every frame, and every byte of it was compared. While the clock runs
//! the length, the first and the last byte of each are added up, for all alike.
//!
//! Chunks are reads of 64 KiB, of random sizes up to that of a packet (MTU), or of one byte. `floor` is
//! the hand-written walk, `memcpy` only copies the bytes, `by hand` decodes as one writes it for oneself;
//! `spec` is a framing chosen at run time, `strict` refuses bare CR and LF, `u64`, `varint` and
//! `websocket` are this crate's own framings that some rivals have for their only one; `bufread` is `BufReader`
//! with `read_exact`, or `read_until` for lines. Where a payload is copied by others, the ratio to a floor
//! that does not touch it says little: compare the contenders.

mod chart;
mod contender;
mod contenders;
mod instructions;
mod report;
mod rows;
mod socket;
mod stream;
mod timing;
mod visitor;

use std::env;

use report::Cell;
use rows::Extent;
use timing::{Effort, Race};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--repeat", case, contender, passes] = arguments[..] {
        return instructions::repeat(case, contender, passes);
    }
    let (flags, names): (Vec<&str>, Vec<&str>) =
        arguments.into_iter().partition(|argument| argument.starts_with("--"));
    let known = ["--bench", "--quick", "--json", "--chart", "--instructions"];
    if let Some(unknown) = flags.iter().find(|flag| !known.contains(flag)) {
        refuse(&format!(
            "what is `{unknown}`? There are --quick, --json, --chart and --instructions, and parts of rows' \
             names such as MTU"
        ));
    }
    let wanted = |name: &str| names.iter().all(|part| name.contains(part));
    if flags.contains(&"--instructions") {
        return instructions::print(wanted);
    }
    let extent = if flags.contains(&"--quick") { Extent::Quick } else { Extent::All };
    if flags.contains(&"--chart") && !names.is_empty() {
        refuse("for a chart all rows are needed: give no names of rows");
    }
    if !wanted(socket::NAME) && !rows::all(extent).iter().any(|row| wanted(&row.name())) {
        refuse(&format!(
            "no row has {names:?} in its name; there are rows such as `decode 64, MTU`"
        ));
    }
    // Run as a test it has no time, but may show that all contenders are right.
    let timed = flags.contains(&"--bench");
    let cells = measure(extent, timed, wanted);
    if flags.contains(&"--json") {
        println!("{}", serde_json::to_string_pretty(&cells).expect("numbers and names"));
    } else if flags.contains(&"--chart") {
        match chart::svg(&cells) {
            Some(svg) => print!("{svg}"),
            None => refuse("for a chart all rows are needed, and time: run it by cargo bench"),
        }
    } else {
        println!("{}", report::table(&cells));
    }
}

fn refuse(why: &str) -> ! {
    eprintln!("rivals: {why}");
    std::process::exit(2);
}

fn measure(extent: Extent, timed: bool, wanted: impl Fn(&str) -> bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for row in rows::all(extent).into_iter().filter(|row| wanted(&row.name())) {
        let (payload, chunk) = (row.payload(), row.chunk());
        eprintln!("{}", row.name());
        let mut race = Race::new(&row);
        race.verify();
        if timed {
            let measured = race.run(Effort::of(extent));
            let cell = |one| Cell::new(row.group(), &payload, chunk, one);
            cells.extend(measured.into_iter().map(cell));
        }
    }
    if timed && wanted(socket::NAME) {
        cells.extend(socket::cells(extent));
    }
    cells
}
