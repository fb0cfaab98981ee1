//! What a connection holds, by a counting allocator. A binary of its own, with one test: the counters
//! see every thread of the process.

use std::alloc::System;
use std::time::Duration;

use framing_protocol::Machine as _;
use framing_protocol::message::{Code, Failure, MAX_BODY};
use framing_protocol::server::{Server, Settings};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_queue_is_kept_for_the_request_that_fills_it_and_no_longer() {
    let region = Region::new(ALLOCATOR);
    let mut server = Server::new(Settings::default(), Duration::ZERO);
    tell(&mut server, br#"{"type":"hello","version":1,"agent":"test"}"#);
    tell(&mut server, br#"{"type":"get","id":1,"path":"a"}"#);
    let content = vec![0; MAX_BODY];
    for round in 0..10 {
        let before = region.change();
        while server.room() > 0 {
            server.data(1, &content);
        }
        write_all(&mut server);
        let made = region.change().bytes_allocated - before.bytes_allocated;
        assert!(round == 0 || made == 0, "{made} bytes were allocated in round {round}");
    }
    drop(content);
    assert!(held(&region) > MAX_BODY, "it is kept while the request runs");
    server.fail(1, Failure::new(Code::Io, ""));
    write_all(&mut server);
    assert!(held(&region) < 128 * 1024, "{} bytes are held when idle", held(&region));
}

fn tell(server: &mut Server, header: &[u8]) {
    let head = u32::try_from(header.len()).unwrap().to_be_bytes();
    let message = [&head[..], &[0; 8], header].concat();
    server.space()[..message.len()].copy_from_slice(&message);
    server.received(message.len(), Duration::ZERO);
    server.poll_event(Duration::ZERO);
}

fn write_all(server: &mut Server) {
    while !server.output().is_empty() {
        server.sent(server.output().len().min(100_000), Duration::ZERO);
    }
}

fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}
