//! The table as a picture: for some rows, what each contender takes over the floor. One SVG for light
//! and dark pages.

use std::fmt::Write;

use crate::report::Cell;

/// Group, chunk, payload, and what the row is called.
const ROWS: [[&str; 4]; 4] = [
    [
        "decode",
        "64 KiB",
        "mixed 0-511",
        "Decode u32 frames of 0 to 511 bytes, read 64 KiB at a time",
    ],
    ["decode", "MTU", "mixed 0-511", "The same, read in packets of random size"],
    ["lines", "64 KiB", "mixed 0-511 LF", "Lines of 0 to 511 bytes, read 64 KiB at a time"],
    ["encode", "buffer", "mixed 0-511", "Encode u32 frames of 0 to 511 bytes into a buffer"],
];

/// Ours that are shown; of the others all are.
const OURS: [&str; 3] = ["framing/push", "framing/owned", "framing/append"];

/// In pixels.
const WIDTH: f64 = 760.0;
const LINE: f64 = 22.0;
const NAMES: f64 = 170.0;
const NUMBERS: f64 = 70.0;

/// A longer bar is cut off here, as its number says.
const LONGEST: f64 = 10.0;

/// None where a row was not measured.
pub(crate) fn svg(cells: &[Cell]) -> Option<String> {
    let (mut bars, mut y) = (String::new(), 0.0);
    for [group, chunk, payload, title] in ROWS {
        let of_row =
            |cell: &&Cell| (cell.group, cell.chunk, &*cell.payload) == (group, chunk, payload);
        let mut row: Vec<&Cell> =
            cells.iter().filter(of_row).filter(|cell| is_shown(cell)).collect();
        row.sort_by(|a, b| a.ratio[1].total_cmp(&b.ratio[1]));
        if row.is_empty() {
            return None;
        }
        y += 1.5 * LINE;
        writeln!(bars, r#"<text class="title" x="0" y="{y}">{title}</text>"#).ok()?;
        y += 0.5 * LINE;
        for cell in row {
            bar(&mut bars, y, cell)?;
            y += LINE;
        }
    }
    y += 1.2 * LINE;
    let told = "time per frame over a hand-written walk of the same bytes: shorter is faster";
    writeln!(bars, r#"<text x="0" y="{y}">{told}</text>"#).ok()?;
    let height = y + 0.5 * LINE;
    Some(format!("{HEAD} viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">{STYLE}{bars}</svg>\n"))
}

fn is_shown(Cell { contender, .. }: &Cell) -> bool {
    let other = !contender.starts_with("framing/") && !["floor", "memcpy"].contains(contender);
    other || OURS.contains(contender)
}

fn bar(
    bars: &mut String,
    y: f64,
    Cell { contender, ratio: [_, ratio, _], .. }: &Cell,
) -> Option<()> {
    let most = WIDTH - NAMES - NUMBERS;
    let width = ratio.min(LONGEST) / LONGEST * most;
    let class = if contender.starts_with("framing/") { "ours" } else { "theirs" };
    let (middle, height, after) = (y + 0.7 * LINE, 0.7 * LINE, NAMES + width + 6.0);
    let top = y + 0.15 * LINE;
    writeln!(
        bars,
        r#"<text class="name" x="{before}" y="{middle:.1}">{contender}</text><rect class="{class}" x="{NAMES}" y="{top:.1}" width="{width:.1}" height="{height:.1}" rx="2"/><text x="{after:.1}" y="{middle:.1}">{ratio:.1}{cut}</text>"#,
        before = NAMES - 8.0,
        cut = if *ratio > LONGEST { " …" } else { "" },
    )
    .ok()
}

const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg""#;

const STYLE: &str = r"<title>Time per frame, beside other implementations</title><style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.name { text-anchor: end }
.ours { fill: #0969da }
.theirs { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .ours { fill: #4493f8 }
  .theirs { fill: #6e7681 }
}
</style>
";
