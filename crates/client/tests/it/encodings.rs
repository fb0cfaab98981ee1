//! `exec --encoding`: output of old programs, as UTF-8.

use std::io::Read;
use std::process::Stdio;

use crate::support::{World, check, guarded, text};

/// 你好，世界 in GBK, as `printf` has it.
const GREETING: &str = r"\304\343\272\303\243\254\312\300\275\347";

#[test]
fn what_is_said_in_gbk_is_read_in_utf_8() {
    let world = World::new();
    let exec = |args: &[&str]| world.client(&[&["exec"], args].concat()).output().unwrap();
    let output = exec(&["--encoding", "gbk", "printf", &format!(r"{GREETING}\n")]);
    check(&output, 0, "你好，世界\n", &[]);
    let output = exec(&["--encoding", "GB2312", "--shell", &format!("printf '{GREETING}' >&2")]);
    assert_eq!(text(&output.stderr), "你好，世界");
    // Without being asked nothing is touched.
    let output = exec(&["printf", GREETING]);
    assert_eq!(output.stdout, b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7");
    let output = exec(&["--encoding", "raw", "printf", r"\377"]);
    assert_eq!(output.stdout, b"\xff");
}

#[test]
fn characters_that_come_in_pieces_are_whole() {
    let world = World::new();
    let bytes = GREETING.split('\\').skip(1);
    let script = bytes.map(|byte| format!("printf '\\{byte}'")).collect::<Vec<_>>();
    let script = script.join("; sleep 0.01; ");
    let output = world.client(&["exec", "--encoding", "gbk", "--shell", &script]).output().unwrap();
    check(&output, 0, "你好，世界", &[]);
}

#[test]
fn what_it_is_can_be_guessed() {
    let world = World::new();
    let sentence = format!("printf 'name: {}\\n'", GREETING.repeat(8));
    let auto = |line: &str| {
        world.client(&["exec", "--encoding", "auto", "--shell", line]).output().unwrap()
    };
    check(&auto(&sentence), 0, &format!("name: {}\n", "你好，世界".repeat(8)), &[]);
    check(&auto("echo plain; echo grüße"), 0, "plain\ngrüße\n", &[]);
    // Past what is looked at for the guess.
    let long = auto(&format!("for i in $(seq 1 500); do {sentence}; done"));
    check(&long, 0, &format!("name: {}\n", "你好，世界".repeat(8)).repeat(500), &[]);
}

#[test]
fn a_guess_does_not_wait_for_ever() {
    let world = World::new();
    // It goes on only when its first words have been seen here.
    let script = format!(
        "printf 'q: {}'; until [ -e go ]; do sleep 0.05; done; printf '{GREETING}'",
        GREETING.repeat(8)
    );
    let mut exec = world
        .process(&["exec", "--encoding", "auto", "--shell", &script])
        .stdout(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    let mut stdout = exec.stdout.take().unwrap();
    let expected = format!("q: {}", "你好，世界".repeat(8));
    let mut first = vec![0; expected.len()];
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(text(&first), expected);
    std::fs::write(world.there("go"), "").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "你好，世界");
    assert!(exec.wait().unwrap().success());
}

#[test]
fn programs_are_told_the_text() {
    let world = World::new();
    let output = world
        .client(&["exec", "--encoding", "gbk", "--json", "printf", GREETING])
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["stdout"]["text"], "你好，世界");
    let output = world
        .client(&["exec", "--encoding", "auto", "--json-events", "printf", &GREETING.repeat(8)])
        .output()
        .unwrap();
    let said: String = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|event| event["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(said, "你好，世界".repeat(8));
}

#[test]
fn a_label_that_means_nothing_is_refused_with_some_that_do() {
    let world = World::new();
    let output = world.client(&["exec", "--encoding", "klingon", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let said = text(&output.stderr);
    assert!(said.contains("klingon") && said.contains("gbk") && said.contains("auto"), "{said}");
}
