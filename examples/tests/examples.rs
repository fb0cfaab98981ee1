//! Every example is run, and says what it should.

#[path = "../asynchronous.rs"]
mod asynchronous;
#[path = "../lines.rs"]
mod lines;
#[path = "../messages.rs"]
mod messages;
#[path = "../own.rs"]
mod own;
#[path = "../quickstart.rs"]
#[expect(dead_code, reason = "its `main` is for cargo")]
mod quickstart;
#[path = "../upgrade.rs"]
mod upgrade;

#[path = "../throughput.rs"]
#[expect(dead_code, reason = "its `main` is for cargo")]
mod throughput;

use framing_server::Supervisor;
use quickstart::{Screen, Style};

/// This very program, which is a supervisor if the test `supervises` is all it is asked for.
fn supervisor() -> Supervisor {
    Supervisor::program("/proc/self/exe").arguments(["supervises", "--exact", "--nocapture"])
}

#[test]
fn supervises() {
    // Asked for among all others it must not pass for a program whose `main` begins with this.
    if std::env::args().next().is_some_and(|name| name == "framing-supervisor") {
        framing_server::supervise_if_asked();
    }
}

#[test]
fn the_quickstart_shows_what_it_says() {
    let mut screen = Screen { out: Vec::new(), style: Style::Plain };
    quickstart::show(&mut screen, Some(supervisor())).unwrap();
    let shown = String::from_utf8(screen.out).unwrap();
    for expected in [
        r#"recv(1024)    "hello你好bye""#,
        "recv(1024)    1024 times 'x'\n",
        "recv(1024)    476 times 'x', then \"the next answer\"\n",
        r#"one lump      ["hello", "你好", "bye"]"#,
        r#"answer        "GRÜSSE, 你好""#,
        r#"stderr        "or is it\n""#,
        "end           Exited { code: 7 }",
        "bytes         5242880",
        "All of it was compared",
    ] {
        assert!(shown.contains(expected), "{expected} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "colour off the terminal");
}

#[test]
fn colour_is_for_titles_only() {
    let mut screen = Screen { out: Vec::new(), style: Style::Colour };
    quickstart::show(&mut screen, Some(supervisor())).unwrap();
    let shown = String::from_utf8(screen.out).unwrap();
    assert_eq!(shown.matches("\x1b[1m").count(), 5);
    assert_eq!(shown.matches("\x1b[0m").count(), 5);
}

#[test]
fn the_throughput_is_measured_on_content_that_is_checked() {
    let mut out = Vec::new();
    throughput::measure(2, 200, &mut out).unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert_eq!(shown.matches("MiB/s").count(), 2, "{shown}");
    assert_eq!(shown.matches("messages/s").count(), 2, "{shown}");
}

/// Each ends with an error, or panics, where something is not as it says.
#[test]
fn the_small_ones_show_what_they_say() {
    asynchronous::main().unwrap();
    lines::main().unwrap();
    messages::main().unwrap();
    own::main().unwrap();
    upgrade::main().unwrap();
}
