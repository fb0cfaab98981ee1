//! The library, as an embedder uses it.

use std::io::{self, Write};
use std::time::Duration;

use framing_client::{Error, Session};
use framing_protocol::message::{Command, Exec, Outcome};

use crate::support::{World, target, text};

fn argv(argv: &[&str]) -> Exec {
    Exec::new(Command::Argv(argv.iter().map(|arg| (*arg).into()).collect()))
}

/// Takes nothing, as a full disk does.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn one_connection_serves_for_everything() {
    let world = World::new();
    std::fs::write(world.there("file"), "content").unwrap();
    let mut session = Session::connect(&target(&world.address())).unwrap();
    assert_eq!(session.target().server(), world.address());
    assert_eq!(session.upper(b"").unwrap(), b"");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exec = argv(&["sh", "-c", "echo out; echo err >&2; exit 3"]);
    let exit = session.exec(&exec, &mut out, &mut err).unwrap();
    assert_eq!(exit.outcome, Outcome::Exited { code: 3 });
    assert_eq!((text(&out).as_str(), text(&err).as_str()), ("out\n", "err\n"));
    let mut names = Vec::new();
    session.list(&".".into(), &mut names, |entry| entry.name.as_bytes().to_vec()).unwrap();
    assert_eq!(names, b"file");
    let mut content = Vec::new();
    let file = session.get(&"file".into()).unwrap().write_to(&mut content).unwrap();
    assert_eq!((file.total_size, &*content), (7, &b"content"[..]));
    assert!(session.ping().unwrap() > Duration::ZERO);
    let missing = session.get(&"missing".into()).unwrap_err();
    assert!(missing.to_string().contains("missing"), "{missing}");
    assert_eq!(text(&session.upper("grüße".as_bytes()).unwrap()), "GRÜSSE");
}

#[test]
fn a_download_that_was_given_up_is_no_hindrance() {
    let world = World::new();
    let content: Vec<u8> = (0..=250).cycle().take(5 << 20).collect();
    std::fs::write(world.there("file"), &content).unwrap();
    let mut session = Session::connect(&target(&world.address())).unwrap();
    let download = session.get(&"file".into()).unwrap();
    assert_eq!(download.file().total_size, 5 << 20);
    drop(download);
    assert_eq!(session.upper(b"a").unwrap(), b"A");
    let error = session.get(&"file".into()).unwrap().write_to(&mut Full).unwrap_err();
    assert!(matches!(error, Error::Sink(_)), "{error}");
    let mut received = Vec::new();
    session.get(&"file".into()).unwrap().write_to(&mut received).unwrap();
    assert!(received == content);
}

#[test]
fn a_command_whose_output_nobody_takes_is_called_off() {
    let world = World::new();
    let mut session = Session::connect(&target(&world.address())).unwrap();
    let endless = argv(&["yes"]);
    let error = session.exec(&endless, &mut Full, &mut io::sink()).unwrap_err();
    assert!(matches!(error, Error::Sink(_)), "{error}");
    // Waits for the end of the command, which comes only because it was called off.
    assert_eq!(session.upper(b"a").unwrap(), b"A");
}

#[test]
fn a_session_whose_server_has_gone_says_so_every_time() {
    let world = World::new();
    let mut session = Session::connect(&target(&world.address())).unwrap();
    let _here = world.stop();
    for _ in 0..3 {
        let error = session.upper(b"a").unwrap_err();
        assert!(matches!(error, Error::Closed { .. }), "{error}");
        assert_eq!(error.status().code(), 3);
    }
}

/// Counts how often it is written to.
#[derive(Default)]
struct Writes(usize);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_names_of_a_list_are_written_together() {
    let world = World::new();
    for name in 0..100 {
        std::fs::write(world.there(name.to_string()), "").unwrap();
    }
    let mut session = Session::connect(&target(&world.address())).unwrap();
    let mut writes = Writes::default();
    session.list(&".".into(), &mut writes, |entry| entry.name.as_bytes().to_vec()).unwrap();
    assert_eq!(writes.0, 1);
}
