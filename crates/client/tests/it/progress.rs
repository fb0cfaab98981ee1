//! What is told of a download on its way, and how fast it may go.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::resume::put;
use crate::support::{World, check, code, guarded, terminal, text};

#[test]
fn a_program_is_told_every_second() {
    let world = World::new();
    put(&world, "file", 5 << 20, 1);
    let args = ["get", "file", "--progress", "json", "--limit-rate", "2MiB"];
    let output = world.client(&args).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    let told: Vec<Value> =
        text(&output.stderr).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!((1..=3).contains(&told.len()), "{told:?}");
    let mut before = 0;
    for told in &told {
        let bytes = told["bytes"].as_u64().unwrap();
        assert!(bytes > before && told["file"] == "file" && told["total"] == 5 << 20, "{told}");
        let rate = told["rate"].as_u64().unwrap();
        assert!(((1 << 20)..=(4 << 20)).contains(&rate), "{told}");
        before = bytes;
    }
}

#[test]
fn it_is_no_faster_than_wanted() {
    let world = World::new();
    let content = put(&world, "file", 4 << 20, 1);
    let start = Instant::now();
    let args = ["get", "file", "--limit-rate", "2MiB", "-o", "-"];
    let output = world.client(&args).output().unwrap();
    let time = start.elapsed();
    assert!(output.stdout == content);
    // The last piece is not waited for.
    assert!(time > Duration::from_millis(1600) && time < Duration::from_secs(10), "{time:?}");
    for rate in ["0", "fast", "-1"] {
        let output =
            world.client(&["get", "file", &format!("--limit-rate={rate}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{rate}");
    }
}

#[test]
fn a_bar_is_for_a_terminal_or_for_whoever_asks_for_it() {
    let world = World::new();
    put(&world, "file", 1 << 20, 1);
    let get = |progress: &str, stderr: Stdio| {
        let args = ["get", "file", "--overwrite", "--progress", progress, "--limit-rate", "2MiB"];
        let get = world.process(&args).stderr(stderr).spawn().unwrap();
        guarded(get)
    };
    for (progress, is_drawn) in [("auto", true), ("always", true), ("never", false)] {
        let (mut screen, slave) = terminal();
        assert_eq!(code(get(progress, slave.into())), Some(0));
        let mut drawn = Vec::new();
        // Ends with an error once nobody has the other end any more.
        let _ = screen.read_to_end(&mut drawn);
        assert_eq!(text(&drawn).contains("1.00 MiB"), is_drawn, "{progress}: {}", text(&drawn));
    }
    for (progress, is_drawn) in [("auto", false), ("always", true), ("never", false)] {
        let output = get(progress, Stdio::piped()).wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(text(&output.stderr).contains("1.00 MiB"), is_drawn, "{progress}");
    }
}

#[test]
fn a_line_is_told_every_ten_seconds_where_there_is_no_terminal() {
    if std::env::var_os("FRAMING_LONG").is_none() {
        return;
    }
    let world = World::new();
    put(&world, "file", 12 << 20, 1);
    let output = world.client(&["get", "file", "--limit-rate", "1MiB"]).output().unwrap();
    check(&output, 0, "", &["framing-client: get: file: ", "MiB of 12.00 MiB, "]);
    assert_eq!(text(&output.stderr).lines().count(), 1);
}
