//! Servers and clients that are killed at any moment, and connections that are cut: the download gets there,
//! and what was certain is not sent again.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use framing_client::Session;
use framing_protocol::Hasher;
use framing_protocol::message::{DigestKind, Get, Resume};
use framing_server::{Options, Server};
use framing_transport::{Dirs, local_server};
use serde_json::Value;
use tempfile::TempDir;

use crate::resume::{content, put, verified, wait_for};
use crate::support::{World, check, dirs, guarded, names, options_within, process, target, text};

/// The folder that a server in a process of its own serves.
pub(crate) const ROOT: &str = "FRAMING_TEST_ROOT";
const LISTEN: &str = "FRAMING_TEST_LISTEN";
const HOME: &str = "FRAMING_TEST_HOME";

/// Serves until it is killed.
pub(crate) fn serve(root: PathBuf) {
    let home = std::env::var_os(HOME).unwrap();
    let listen = vec![std::env::var(LISTEN).unwrap()];
    let dirs = Dirs::within(home);
    let options = Options { listen, root: Some(root), writable: true, ..options_within(dirs) };
    let _server = Server::bind(options).unwrap().spawn().unwrap();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// A server that can be killed, and started again where it was.
pub(crate) struct Mortal {
    pub(crate) process: Option<Child>,
    address: String,
    pub(crate) root: TempDir,
    pub(crate) here: TempDir,
}

impl Mortal {
    pub(crate) fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let (root, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut server = Self { process: None, address, root, here };
        server.start();
        server
    }

    pub(crate) fn start(&mut self) {
        let mut server = Command::new("/proc/self/exe");
        server.args(["serving", "--exact", "--nocapture"]);
        server
            .env(ROOT, self.root.path())
            .env(LISTEN, &self.address)
            .env(HOME, dirs().config().unwrap());
        server.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(server.spawn().unwrap());
        wait_for("the server", || TcpStream::connect(&self.address).is_ok());
        // It listens a moment before clients can know its key.
        let address = self.address.parse().unwrap();
        wait_for("its key", || matches!(local_server(&dirs(), address), Ok(Some(_))));
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn get(&self, args: &[&str]) -> Command {
        self.client(&[&["get", "file"], args].concat())
    }

    pub(crate) fn client(&self, args: &[&str]) -> Command {
        let mut client = process(&self.address, self.here.path(), args);
        client.stdout(Stdio::piped()).stderr(Stdio::piped());
        client
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How large a file is that is killed for, and how fast it may come: some two seconds.
pub(crate) fn transfer() -> (usize, &'static str) {
    if std::env::var_os("FRAMING_LONG").is_some() { (256 << 20, "96MiB") } else { (LARGE, RATE) }
}

/// Some few rounds, or many.
pub(crate) fn rounds() -> u32 {
    if std::env::var_os("FRAMING_LONG").is_some() { 100 } else { 4 }
}

/// Moments that look like chance, in milliseconds, below `most`.
pub(crate) fn moments(most: u64) -> impl Iterator<Item = Duration> {
    let mut state = u64::from(std::process::id()) | 1;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((state >> 33) % most)
    })
}

const SIZE: usize = 4 << 20;

/// More than all buffers on the way hold, so that the end of the server is not behind the end of the file.
pub(crate) const LARGE: usize = 32 << 20;

/// Takes two seconds for that.
pub(crate) const RATE: &str = "16MiB";

#[test]
fn a_client_that_is_killed_at_any_moment_goes_on_and_gets_it_right() {
    let world = World::new();
    let (size, rate) = transfer();
    let content = put(&world, "file", size, 1);
    let mut moments = moments(900);
    let mut kills = 0;
    for round in 0.. {
        if kills >= rounds() {
            break;
        }
        let mut certain = 0;
        loop {
            let mut get = world.process(&["get", "file", "--json", "--limit-rate", rate]);
            let mut get = guarded(get.stdout(Stdio::piped()).spawn().unwrap());
            thread::sleep(moments.next().unwrap());
            let _ = get.kill();
            let output = get.wait_with_output().unwrap();
            if world.here("file").exists() {
                if output.status.success() {
                    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
                    assert!(told["resumed_from"].as_u64().unwrap() >= certain, "{told}: {certain}");
                }
                break;
            }
            // Never less than before: nothing that was certain is thrown away.
            let now = verified(&world, "file");
            assert!(now >= certain, "round {round}: {now} after {certain}");
            certain = now;
            kills += 1;
            assert!(kills < 1000, "it gets nowhere");
        }
        assert!(fs::read(world.here("file")).unwrap() == content, "round {round}");
        // It may have been killed between its last steps; the names left go with the next download.
        let output = world.client(&["get", "file", "--overwrite"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(fs::read(world.here("file")).unwrap() == content, "round {round}");
        assert_eq!(world.files_here(), ["file"]);
        fs::remove_file(world.here("file")).unwrap();
    }
}

#[test]
fn a_server_that_is_killed_at_any_moment_is_waited_for() {
    let mut server = Mortal::new();
    let (size, rate) = transfer();
    let content = content(size, 2);
    fs::write(server.root.path().join("file"), &content).unwrap();
    let mut moments = moments(900);
    for round in 0..rounds() {
        let get = server.get(&["--limit-rate", rate, "--json"]).spawn().map(guarded).unwrap();
        thread::sleep(moments.next().unwrap() + Duration::from_millis(100));
        server.kill();
        server.start();
        let output = get.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "round {round}: {said}");
        assert!(said.contains("trying again in 1 s (1 of 5)"), "round {round}: {said}");
        assert!(!said.contains("starting over"), "round {round}: {said}");
        assert!(fs::read(server.here.path().join("file")).unwrap() == content, "round {round}");
        assert_eq!(names(server.here.path()), ["file"]);
        fs::remove_file(server.here.path().join("file")).unwrap();
    }
}

#[test]
fn a_server_that_does_not_come_back_is_given_up_and_the_part_stays() {
    let mut server = Mortal::new();
    fs::write(server.root.path().join("file"), content(LARGE, 2)).unwrap();
    let get = server.get(&["--limit-rate", RATE, "--retries", "1"]).spawn().map(guarded).unwrap();
    wait_for("a part", || server.here.path().join("file.part.state").exists());
    thread::sleep(Duration::from_millis(500));
    server.kill();
    let output = get.wait_with_output().unwrap();
    let said = ["trying again in 1 s (1 of 1)", "file.part keeps ", "start a server there"];
    check(&output, 3, "", &said);
    assert_eq!(names(server.here.path()), ["file.part", "file.part.state"]);
}

/// What standard output was given cannot be taken back.
#[test]
fn a_stream_goes_on_behind_what_was_handed_on_or_is_an_error() {
    let mut server = Mortal::new();
    let file = server.root.path().join("file");
    for (seed, code) in [(3, 0), (4, 7)] {
        let content = content(LARGE, 3);
        fs::write(&file, &content).unwrap();
        let get = server.get(&["--limit-rate", RATE, "-o", "-"]).spawn().map(guarded).unwrap();
        let mut get = get;
        let mut stdout = get.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut received = Vec::new();
            stdout.read_to_end(&mut received).map(|_| received)
        });
        thread::sleep(Duration::from_millis(500));
        server.kill();
        // The same bytes in a new file are as good.
        fs::write(&file, self::content(LARGE, seed)).unwrap();
        server.start();
        let output = get.wait_with_output().unwrap();
        let received = reader.join().unwrap().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        if code == 0 {
            assert!(received == content, "{} bytes", received.len());
        } else {
            assert!(said.contains("has changed since its beginning was written"), "{said}");
            assert!(received.len() < LARGE && content.starts_with(&received));
        }
    }
}

/// A server that keeps the connection, answers pings, and sends nothing more.
#[test]
fn a_transfer_that_stalls_is_ended() {
    let mut server = Mortal::new();
    fs::write(server.root.path().join("file"), content(LARGE, 2)).unwrap();
    let args = ["--limit-rate", RATE, "--retries", "0", "--stall-timeout", "700ms"];
    let get = server.get(&args).spawn().map(guarded).unwrap();
    wait_for("a part", || server.here.path().join("file.part.state").exists());
    let stopped = rustix::process::Pid::from_child(server.process.as_ref().unwrap());
    // What is on its way already comes all the same.
    rustix::process::kill_process(stopped, rustix::process::Signal::STOP).unwrap();
    let output = get.wait_with_output().unwrap();
    server.kill();
    check(&output, 8, "", &["nothing of it has come for 0.7 s", "file.part keeps "]);
}

#[test]
fn an_embedder_goes_on_with_what_it_has() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    let mut session = Session::connect(&target(&world.address())).unwrap();
    for kind in [DigestKind::Blake3, DigestKind::Sha256] {
        let mut hasher = Hasher::new(kind);
        let mut have = content[..100_001].to_vec();
        hasher.update(&have);
        let resume = Resume { offset: 100_001, etag: None, prefix: hasher.finish() };
        let get = Get { resume: Some(resume), digest: kind, ..Get::new("file".into()) };
        let download = session.download(&get).unwrap();
        assert_eq!(download.file().offset, 100_001);
        download.go_on(&mut hasher, &mut have).unwrap();
        assert!(have == content);
    }
}
