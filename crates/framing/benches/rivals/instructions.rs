//! Instructions per frame, which no neighbour on the machine disturbs: by `callgrind`, which runs
//! this program again, once for some passes and once for twice as many, so that all that is not a
//! pass goes out of the difference.

use std::env;
use std::process::Command;

use crate::rows::{Row, Task, To};
use crate::stream::{Chunk, Payload, Wire};
use crate::timing::Race;

pub(crate) fn print(wanted: impl Fn(&str) -> bool) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("rivals: instructions are counted by valgrind, which is not installed");
        std::process::exit(2);
    }
    println!("{:<24}{:<24}{:>8}", "", "instructions per frame", "floor");
    for (at, (row, contenders)) in cases().into_iter().enumerate() {
        let name = row.name();
        if !wanted(&name) {
            continue;
        }
        let floor = per_frame(at, "floor");
        for contender in contenders {
            let count = per_frame(at, contender);
            println!("{name:<40}{contender:<20}{count:>10.1}{floor:>10.1}");
        }
    }
}

/// What the program does when it is run again.
pub(crate) fn repeat(case: &str, contender: &str, passes: &str) {
    let (row, _) = cases()[case.parse::<usize>().expect("a case")];
    let frames = Race::new(&row).repeat(contender, passes.parse().expect("a number"));
    println!("{frames}");
}

fn cases() -> Vec<(Row, &'static [&'static str])> {
    let row = |task, payload| Row { task, payload };
    let decode = |chunk, payload| row(Task::Decode(chunk), payload);
    let four: &[_] = &["framing/push", "framing/owned", "framing/events", "framing/spec"];
    let lines = |wire| row(Task::Lines(wire, Chunk::Whole), Payload::All(64));
    vec![
        (decode(Chunk::Whole, Payload::All(64)), four),
        (decode(Chunk::Whole, Payload::Mixed), four),
        (decode(Chunk::Mtu, Payload::Mixed), four),
        (decode(Chunk::OneByte, Payload::All(64)), four),
        (decode(Chunk::Whole, Payload::All(1 << 20)), four),
        (lines(Wire::Lf), four),
        (lines(Wire::Crlf), &["framing/push", "framing/strict"]),
        (lines(Wire::AnyOf(b"\n;,")), &["framing/push"]),
        (row(Task::Lines(Wire::Lf, Chunk::OneByte), Payload::All(64)), four),
        (row(Task::Encode(To::Buffer), Payload::All(64)), &["framing/append", "framing/spec"]),
        (row(Task::Encode(To::Vectored), Payload::All(64)), &["framing/encode", "framing/spec"]),
        (decode(Chunk::OneByte, Payload::All(0)), four),
    ]
}

fn per_frame(case: usize, contender: &str) -> f64 {
    let (few, frames) = count(case, contender, PASSES);
    let (many, _) = count(case, contender, 2 * PASSES);
    #[allow(clippy::cast_precision_loss, reason = "far less than 2^52")]
    let per_frame = (many - few) as f64 / (PASSES * frames) as f64;
    per_frame
}

/// All instructions of so many passes, and the frames of one.
fn count(case: usize, contender: &str, passes: usize) -> (u64, usize) {
    let program = env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--repeat", &case.to_string(), contender, &passes.to_string()])
        .output()
        .expect("valgrind runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.expect("what callgrind counted");
    let frames = String::from_utf8_lossy(&output.stdout);
    (count.trim().parse().expect("a count"), frames.trim().parse().expect("a count"))
}

const PASSES: usize = 2;
