//! A `put` among other requests: what waits behind it must not keep its content from being read.

use core::time::Duration;

use framing_protocol::client::{self, Client};
use framing_protocol::message::{Code, Digest, Failure, MAX_BODY, PIPELINE, Put};
use framing_protocol::server::{self, Server};
use framing_protocol::{Closed, Deadline, Id, Machine};

use crate::support::{T0, closed, kinds, said, secs, server, take, tell, unframe};

const DIGEST: Digest = Digest::Blake3([0; 32]);

fn put(id: u64) -> String {
    format!(r#"{{"type":"put","id":{id},"path":"a"}}"#)
}

fn upper(id: u64) -> String {
    format!(r#"{{"type":"upper","id":{id}}}"#)
}

fn begin(id: u64) -> String {
    format!(r#"{{"type":"begin","id":{id}}}"#)
}

fn data(id: u64) -> String {
    format!(r#"{{"type":"data","id":{id}}}"#)
}

fn end(id: u64) -> String {
    format!(r#"{{"type":"file_end","id":{id},"digest":"{DIGEST}"}}"#)
}

#[test]
fn bodies_that_wait_behind_a_file_do_not_stop_it() {
    let mut server = server();
    tell(&mut server, &put(1), b"");
    for id in 2..=PIPELINE as u64 {
        assert!(server.wants_input());
        let event = tell(&mut server, &upper(id), &vec![u8::try_from(id).unwrap(); MAX_BODY]);
        assert_eq!(event, None);
    }
    server.ready(1, None);
    for (header, body) in [(begin(1), &b""[..]), (data(1), b"content"), (end(1), b"")] {
        assert!(server.wants_input(), "{header}");
        assert!(tell(&mut server, &header, body).is_some(), "{header}");
    }
    assert!(!server.wants_input(), "all of the file has come: what waits is enough");
    server.stored(1);
    for id in 2..=PIPELINE as u64 {
        assert_eq!(server.poll_event(T0), Some(server::Event::Upper { id }));
        assert!(server.body().iter().all(|byte| u64::from(*byte) == id));
        assert_eq!(server.body().len(), MAX_BODY);
        server.upper(id, "");
    }
    assert_eq!(server.poll_event(T0), None);
}

#[test]
fn what_waits_behind_a_file_is_bounded_by_the_pipeline() {
    let mut server = server();
    tell(&mut server, &put(1), b"");
    for id in 2..=PIPELINE as u64 {
        tell(&mut server, &upper(id), b"");
    }
    let event = tell(&mut server, &upper(17), b"");
    assert!(matches!(event, Some(server::Event::Closed { reason: Closed::Violation(_) })));
}

#[test]
fn a_command_that_waits_behind_a_file_does_not_stop_it() {
    let mut server = server();
    tell(&mut server, &put(1), b"");
    server.ready(1, None);
    assert_eq!(tell(&mut server, r#"{"type":"exec","id":2,"argv":["a"]}"#, b""), None);
    for (header, body) in [(begin(1), &b""[..]), (data(1), b"content"), (end(1), b"")] {
        assert!(tell(&mut server, &header, body).is_some(), "{header}");
    }
    server.stored(1);
    assert!(matches!(server.poll_event(T0), Some(server::Event::Exec { id: 2, .. })));
    let event = tell(&mut server, &put(3), b"");
    assert!(matches!(event, Some(server::Event::Closed { reason: Closed::Violation(_) })));
}

#[test]
fn what_belongs_to_a_file_before_its_turn_is_a_violation_but_to_cancel_it_is_not() {
    let waits = || {
        let mut server = server();
        tell(&mut server, &put(1), b"");
        assert_eq!(tell(&mut server, &put(2), b""), None);
        server.ready(1, None);
        server.ready(2, None);
        assert_eq!(kinds(&said(&mut server)), ["ready"]);
        server
    };
    for early in [begin(2), data(2), end(2)] {
        let event = tell(&mut waits(), &early, b"");
        let Some(server::Event::Closed { reason: Closed::Violation(failure) }) = event else {
            panic!("{early}: {event:?}")
        };
        assert_eq!(failure.code, Code::Protocol);
    }
    let mut server = waits();
    assert_eq!(tell(&mut server, r#"{"type":"cancel","id":2}"#, b""), None);
    let error = said(&mut server);
    assert_eq!((error[0].id(), error[0].code()), (Some(2), "cancelled"));
    for late in [begin(2), data(2), end(2)] {
        assert_eq!(tell(&mut server, &late, b""), None, "{late}");
    }
    assert!(tell(&mut server, &begin(1), b"").is_some(), "the first goes on");
}

#[test]
fn a_server_that_goes_away_takes_the_files_that_it_accepted() {
    let mut server = server();
    tell(&mut server, &put(1), b"");
    server.ready(1, None);
    tell(&mut server, &begin(1), b"");
    tell(&mut server, &put(2), b"");
    server.goaway("drain");
    let goaway = said(&mut server);
    assert_eq!(goaway.last().unwrap().header["last_id"], 2);
    assert_eq!(tell(&mut server, &put(3), b""), None, "it was not accepted");
    assert_eq!(tell(&mut server, &begin(3), b""), None);
    assert_eq!(tell(&mut server, &data(3), b"void"), None);
    for id in [1, 2] {
        if id == 2 {
            assert!(matches!(server.poll_event(T0), Some(server::Event::Put { id: 2, .. })));
            server.ready(2, None);
            assert!(tell(&mut server, &begin(2), b"").is_some());
        }
        assert_eq!(tell(&mut server, &data(id), b"d"), Some(server::Event::Data { id }));
        assert!(tell(&mut server, &end(id), b"").is_some());
        server.stored(id);
    }
    assert_eq!(closed(&mut server, T0), Closed::GoneAway);
    assert_eq!(kinds(&said(&mut server)), ["stored", "ready", "stored"]);
    assert!(server.is_finished());

    // One that fails makes place for the end, too.
    let mut server = crate::support::server();
    tell(&mut server, &put(1), b"");
    server.goaway("drain");
    server.fail(1, Failure::new(Code::Io, ""));
    assert_eq!(closed(&mut server, T0), Closed::GoneAway);
}

#[test]
fn a_client_that_stops_in_mid_upload_is_asked_and_given_up() {
    let mut server = server();
    tell(&mut server, &put(1), b"");
    server.ready(1, None);
    tell(&mut server, &begin(1), b"");
    said(&mut server);
    let mut pings = 0;
    let mut now = T0;
    while let Some(at) = server.deadline().filter(|_| !server.is_finished()) {
        now = at.max(now);
        server.tick(now);
        pings += unframe(&take(&mut server, now)).len();
    }
    assert_eq!((pings, now), (3, secs(20)));
    assert_eq!(closed(&mut server, now), Closed::Overdue(Deadline::Silent));
}

/// What is sent of each file.
const SIZE: usize = 300_000;

/// A client that asks for files and upper cases in turn, as deep as it may, and a server that takes its time: it looks
/// at nothing but every `pace`th turn.
fn pipelined(pace: usize, cut: usize) {
    let mut client = Client::new(client::Settings::default(), T0);
    let mut server = Server::new(server::Settings::default(), T0);
    let (mut asked, mut got, mut taken) = (0_u64, Vec::new(), 0);
    let mut sending: Option<(Id, usize)> = None;
    let total = 3 * PIPELINE as u64;
    for turn in 0.. {
        assert!(turn < 3_000_000, "stuck: {got:?} of {asked} were answered");
        while asked < total {
            let result = if asked.is_multiple_of(3) {
                client.put(&Put { size: Some(SIZE as u64), ..Put::new("a".into()) })
            } else {
                client.upper(&vec![b'u'; MAX_BODY])
            };
            let Ok(id) = result else { break };
            asked = id;
        }
        while let Some(event) = client.poll_event(T0) {
            match event {
                client::Event::Ready { id, .. } => {
                    client.begin(id, 0).unwrap();
                    sending = Some((id, SIZE));
                }
                client::Event::Upper { id } | client::Event::Stored { id } => got.push(id),
                _ => {}
            }
        }
        if let Some((id, left)) = &mut sending {
            *left -= client.data(*id, &vec![b'd'; *left]).unwrap();
            if *left == 0 {
                client.file_end(*id, DIGEST).unwrap();
                sending = None;
            }
        }
        if turn % pace == 0 {
            while let Some(event) = server.poll_event(T0) {
                match event {
                    server::Event::Upper { id } => server.upper(id, "U"),
                    server::Event::Put { id, .. } => {
                        server.ready(id, None);
                        taken = 0;
                    }
                    server::Event::Data { id } => {
                        taken += server.body().len();
                        server.data_taken(id, server.body().len() as u64);
                    }
                    server::Event::FileEnd { id, .. } => {
                        assert_eq!(taken, SIZE);
                        server.stored(id);
                    }
                    _ => {}
                }
            }
        }
        carry(&mut client, &mut server, cut, T0);
        carry(&mut server, &mut client, cut, T0);
        if got.len() as u64 == total {
            break;
        }
    }
    assert!(got.into_iter().eq(1..=total));
}

fn carry(from: &mut impl Machine, to: &mut impl Machine, n: usize, now: Duration) {
    if to.wants_input() {
        let space = to.space();
        let n = n.min(space.len()).min(from.output().len());
        space[..n].copy_from_slice(&from.output()[..n]);
        to.received(n, now);
        from.sent(n, now);
    }
}

#[test]
fn a_deep_pipeline_of_files_and_large_bodies_comes_to_its_end() {
    for (pace, cut) in [(1, usize::MAX), (1, 10_000), (1000, 100_000), (7, 1500)] {
        pipelined(pace, cut);
    }
}
