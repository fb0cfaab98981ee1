//! The machines over a bare connection, beside `sendfile`.

use crate::Done;
use crate::large::{GB, SIZE, make};
use crate::measure::cpu;
use crate::servers::Servers;
use framing_protocol::Machine;
use framing_protocol::client::{self, Client, Event as Answer};
use framing_protocol::message::{self, Digest, Get, Id, MAX_BODY};
use framing_protocol::server::{Event, Server, Settings};
use framing_transport::{Link, PollFd, Stream, poll};
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

type Sent = Result<(), Box<dyn Error + Send + Sync>>;

/// Moves the whole file over the first connection to the second.
type Way = fn(TcpStream, TcpStream, &Path) -> Sent;

pub(crate) fn run(servers: &Servers, rounds: usize) -> Done {
    let path = servers.root.join("loopback");
    make(&path)?;
    let ways: [(&str, Way); 2] = [("machines", machines), ("sendfile", sendfile)];
    let mut samples = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        for ((_, way), samples) in ways.iter().zip(&mut samples) {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let to = TcpStream::connect(listener.local_addr()?)?;
            let (from, _) = listener.accept()?;
            let (start, before) = (Instant::now(), cpu(std::process::id())?.all());
            way(from, to, &path).map_err(|error| error.to_string())?;
            let clock = start.elapsed().as_secs_f64();
            samples.push((clock, cpu(std::process::id())?.all() - before));
        }
    }
    println!("\nloopback, 1 GiB {:>12} {:>14}", "GB/s", "CPU: both");
    for ((name, _), samples) in ways.iter().zip(&mut samples) {
        samples.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (clock, cpu) = samples[samples.len() / 2];
        println!("{name:<20} {:>7.2} {cpu:>14.2}", GB / clock);
    }
    Ok(())
}

fn sendfile(from: TcpStream, mut to: TcpStream, path: &Path) -> Sent {
    std::thread::scope(|scope| {
        scope.spawn(move || -> Sent {
            let file = File::open(path)?;
            while rustix::fs::sendfile(&from, &file, None, 1 << 30)? > 0 {}
            Ok(())
        });
        let mut block = vec![0; MAX_BODY];
        while Read::read(&mut to, &mut block)? > 0 {}
        Ok(())
    })
}

fn machines(from: TcpStream, to: TcpStream, path: &Path) -> Sent {
    for stream in [&from, &to] {
        stream.set_nonblocking(true)?;
    }
    std::thread::scope(|scope| {
        let serving = scope.spawn(move || serve(from, path));
        fetch(to)?;
        serving.join().map_err(|_| "the server panicked")?
    })
}

/// A server that can only send one file.
fn serve(stream: TcpStream, path: &Path) -> Sent {
    let settings = Settings { roles: vec!["files".into()], ..Settings::default() };
    let mut link = Link::new(stream, Server::new(settings, Duration::ZERO));
    let mut file = File::open(path)?;
    let mut asked: Option<Id> = None;
    while !link.is_finished() {
        let now = link.now();
        while let Some(event) = link.machine().poll_event(now) {
            if let Event::Get { id, .. } = event {
                asked = Some(id);
                link.machine().file(id, message::File::new("file".into(), SIZE));
            }
        }
        if let Some(id) = asked {
            while link.machine().room() > 0 {
                let read = |space: &mut [u8]| Read::read(&mut file, space);
                if link.machine().data_from(id, MAX_BODY, read)? == 0 {
                    link.machine().file_end(id, Digest::Blake3([0; 32]));
                    asked = None;
                    break;
                }
            }
        }
        // What was written may have made room, of which no descriptor tells.
        link.flush();
        let produces = asked.is_some() && link.machine().room() > 0;
        turn(&mut link, produces.then_some(Duration::ZERO))?;
    }
    Ok(())
}

/// A client that takes all of it, and leaves.
fn fetch(stream: TcpStream) -> Sent {
    let mut link = Link::new(stream, Client::new(client::Settings::default(), Duration::ZERO));
    let mut bytes = 0;
    while !link.is_finished() {
        let now = link.now();
        while let Some(event) = link.machine().poll_event(now) {
            match event {
                Answer::Welcome { .. } => {
                    link.machine().get(&Get::new("file".into()))?;
                }
                Answer::Data { .. } => bytes += link.machine().body().len() as u64,
                Answer::FileEnd { .. } => link.machine().close(),
                _ => {}
            }
        }
        link.flush();
        turn(&mut link, None)?;
    }
    if bytes == SIZE { Ok(()) } else { Err(format!("{bytes} bytes have come").into()) }
}

fn turn<M: Machine, S: Stream>(link: &mut Link<M, S>, patience: Option<Duration>) -> Sent {
    let (interest, timeout) = (link.interest(), patience.or(link.timeout()));
    let mut descriptors = [PollFd::new(&*link, interest)];
    let polled = if link.watches() { &mut descriptors[..] } else { &mut [][..] };
    poll(polled, timeout)?;
    let readiness = descriptors[0].revents();
    link.ready(readiness);
    Ok(())
}
