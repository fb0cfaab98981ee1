//! How fast it is: a download beside a bare copy through a socket, and echo, one at a time and
//! pipelined.
//!
//! `cargo run --release --example throughput [MIB]` (1024 otherwise). The contenders take turns in
//! one process, and the medians are compared: on a shared machine only ratios mean something.
//! Everything that arrives is checked.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use framing_client::{Session, Target};
use framing_protocol::client::{Client, Event, Refused, Settings};
use framing_server::{Options, Server};
use framing_transport::{Dirs, Link, PollFd, connect, local_server, poll, secure};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mib = std::env::args().nth(1).map_or(Ok(1024), |mib| mib.parse())?;
    measure(mib, 20_000, &mut io::stdout().lock())
}

/// Measures downloads of `mib` MiB and `messages` echoes.
pub(crate) fn measure(mib: usize, messages: u32, out: &mut impl Write) -> Outcome<()> {
    let root = tempfile::tempdir()?;
    let path = root.path().join("content");
    write_content(&path, mib)?;
    let keys = tempfile::tempdir()?;
    let dirs = Dirs::within(keys.path().join("keys"));
    let server = Server::bind(Options {
        listen: vec!["127.0.0.1:0".to_owned()],
        root: Some(root.path().to_owned()),
        ..Options::new(dirs.clone())
    })?;
    let running = server.spawn()?;
    let address = running.addresses()[0];
    let target = Target::new(address.to_string(), dirs.clone());

    let (mut bare, mut framed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare_copy(&path, mib)?);
        framed.push(download(&target, mib)?);
    }
    let (bare, framed) = (median(&mut bare), median(&mut framed));
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |time: Duration| mib as f64 / time.as_secs_f64();
    writeln!(out, "{mib} MiB over loopback, median of {ROUNDS} rounds")?;
    writeln!(out, "  bare copy            {:6.0} MiB/s", rate(bare))?;
    writeln!(out, "  get, BLAKE3 twice    {:6.0} MiB/s", rate(framed))?;
    writeln!(out, "  ratio of times       {:6.2}", framed.as_secs_f64() / bare.as_secs_f64())?;

    let (mut plain, mut encrypted) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.push(connections(address, None)?);
        encrypted.push(connections(address, Some(&dirs))?);
    }
    let cost =
        |times: &mut Vec<Duration>| median(times).as_secs_f64() * 1e6 / f64::from(CONNECTIONS);
    writeln!(out, "one connection, of {CONNECTIONS} one after the other")?;
    writeln!(out, "  TCP                  {:6.0} µs", cost(&mut plain))?;
    writeln!(out, "  TCP and TLS          {:6.0} µs", cost(&mut encrypted))?;

    let (mut single, mut pipelined) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        single.push(ping_pong(&target, messages)?);
        pipelined.push(pipeline(address, &dirs, messages)?);
    }
    let rate = |time: Duration| f64::from(messages) / time.as_secs_f64();
    writeln!(out, "{messages} echoes of {} bytes, one connection", MESSAGE.len())?;
    writeln!(out, "  one at a time        {:6.0} messages/s", rate(median(&mut single)))?;
    writeln!(out, "  pipelined            {:6.0} messages/s", rate(median(&mut pipelined)))?;
    running.stop()?;
    Ok(())
}

/// What `cat FILE > SOCKET` would do; the kernel moves the bytes.
fn bare_copy(path: &Path, mib: usize) -> Outcome<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut file = File::open(path)?;
    thread::scope(|scope| {
        let sender = scope.spawn(move || io::copy(&mut file, &mut listener.accept()?.0));
        let start = Instant::now();
        let mut socket = TcpStream::connect(address)?;
        let mut block = vec![0; BLOCK];
        let mut received = 0;
        loop {
            match socket.read(&mut block)? {
                0 => break,
                n => received += n,
            }
        }
        let took = start.elapsed();
        sender.join().map_err(|_| "the sender panicked")??;
        expect(received == mib << 20, "the bare copy is whole")?;
        Ok(took)
    })
}

fn download(target: &Target, mib: usize) -> Outcome<Duration> {
    let start = Instant::now();
    let mut session = Session::connect(target)?;
    // Checks length and digest.
    let file = session.get(&"content".into())?.write_to(&mut io::sink())?;
    expect(file.total_size == (mib as u64) << 20, "the download is whole")?;
    Ok(start.elapsed())
}

/// Connects again and again; to those that are given keys, with a handshake.
fn connections(server: SocketAddr, dirs: Option<&Dirs>) -> Outcome<Duration> {
    let (address, patience) = (server.to_string(), Duration::from_secs(5));
    let start = Instant::now();
    for _ in 0..CONNECTIONS {
        let stream = connect(&address, patience)?;
        if let Some(dirs) = dirs {
            let (identity, pin) =
                local_server(dirs, server)?.ok_or("the server is not announced")?;
            secure(stream, &address, &identity, Some(pin), patience)?;
        }
    }
    Ok(start.elapsed())
}

fn ping_pong(target: &Target, messages: u32) -> Outcome<Duration> {
    let mut session = Session::connect(target)?;
    let start = Instant::now();
    for _ in 0..messages {
        expect(session.upper(MESSAGE)? == ANSWER, "an answer is right")?;
    }
    Ok(start.elapsed())
}

/// As many requests on their way as the protocol allows.
fn pipeline(server: SocketAddr, dirs: &Dirs, messages: u32) -> Outcome<Duration> {
    let (identity, pin) = local_server(dirs, server)?.ok_or("the server is not announced")?;
    let (server, patience) = (server.to_string(), Duration::from_secs(5));
    let stream = connect(&server, patience)?;
    let stream = secure(stream, &server, &identity, Some(pin), patience)?;
    let mut link = Link::new(stream, Client::new(Settings::default(), Duration::ZERO));
    let start = Instant::now();
    let (mut asked, mut answered) = (0, 0);
    while answered < messages {
        while asked < messages {
            match link.machine().upper(MESSAGE) {
                Ok(_) => asked += 1,
                Err(Refused::PipelineFull) => break,
                Err(refused) => return Err(refused.into()),
            }
        }
        link.flush();
        let mut socket = [PollFd::new(&link, link.interest())];
        poll(&mut socket, link.timeout())?;
        let ready = socket[0].revents();
        link.ready(ready);
        let now = link.now();
        while let Some(event) = link.machine().poll_event(now) {
            match event {
                Event::Upper { .. } => {
                    expect(link.machine().body() == ANSWER, "an answer is right")?;
                    answered += 1;
                }
                Event::Welcome { .. } => {}
                other => return Err(format!("unexpected: {other:?}").into()),
            }
        }
    }
    Ok(start.elapsed())
}

/// Bytes that no two places of which are alike.
fn write_content(path: &Path, mib: usize) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let mut source = blake3::Hasher::new().finalize_xof();
    let mut block = vec![0; 1 << 20];
    for _ in 0..mib {
        source.fill(&mut block);
        file.write_all(&block)?;
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn expect(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
}

const MESSAGE: &[u8] = b"ten bytes.";
const ANSWER: &[u8] = b"TEN BYTES.";
/// How many connections are measured together.
const CONNECTIONS: u32 = 100;

const ROUNDS: usize = 5;
const BLOCK: usize = 256 << 10;
