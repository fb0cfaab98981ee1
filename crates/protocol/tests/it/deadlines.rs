//! Patience, on a clock made of numbers.

use core::time::Duration;

use framing_protocol::client::{self, Client};
use framing_protocol::message::{Code, Command, Exec, Failure};
use framing_protocol::server::{Event, Server, Settings};
use framing_protocol::{Closed, Deadline, Deadlines, End, Machine};

use crate::support::{
    T0, client, client_closed, closed, feed, frame, kinds, said, secs, server, take, tell, unframe,
};

const GET: &str = r#"{"type":"get","id":1,"path":"a"}"#;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Lets time pass as a driver would, which writes nothing and reads nothing, until something
/// closes the connection. Gives when and why.
fn wait(server: &mut Server, until: Duration) -> Option<(Duration, Closed)> {
    while let Some(at) = server.deadline().filter(|at| *at <= until) {
        server.tick(at);
        if let Some(Event::Closed { reason }) = server.poll_event(at) {
            return Some((at, reason));
        }
        assert!(server.deadline() > Some(at), "a tick moves the deadline on");
    }
    None
}

/// Feeds one byte every `step` until the server ends it.
fn dribble(
    server: &mut Server,
    wire: &[u8],
    mut now: Duration,
    step: Duration,
) -> (Duration, Closed) {
    for byte in wire {
        if let Some(end) = wait(server, now) {
            return end;
        }
        feed(server, &[*byte], now);
        assert_eq!(server.poll_event(now), None);
        now += step;
    }
    panic!("it was served");
}

#[test]
fn a_silent_newcomer_is_dropped_after_ten_seconds() {
    let mut server = Server::new(Settings::default(), secs(100));
    let end = wait(&mut server, secs(1000));
    assert_eq!(end, Some((secs(110), Closed::Overdue(Deadline::Hello))));
    assert_eq!(said(&mut server)[0].code(), "timeout");
    assert!(server.is_finished());
}

#[test]
fn a_byte_a_second_dies_by_each_deadline() {
    let hello = frame(r#"{"type":"hello","version":1,"agent":"dribbler"}"#, b"");
    let mut server = Server::new(Settings::default(), T0);
    let (at, reason) = dribble(&mut server, &hello, T0, secs(1));
    assert_eq!((at, reason), (secs(5), Closed::Overdue(Deadline::Header)));

    // Fast enough for the header, too slow for the introduction as a whole.
    let settings = Settings {
        deadlines: Deadlines { header: secs(60), ..Default::default() },
        ..Default::default()
    };
    let mut server = Server::new(settings, T0);
    let (at, reason) = dribble(&mut server, &hello, secs(8), secs(1));
    assert_eq!((at, reason), (secs(10), Closed::Overdue(Deadline::Hello)));

    let mut server = crate::support::server();
    let request = frame(r#"{"type":"upper","id":1}"#, &[b'x'; 1000]);
    let (header, body) = request.split_at(40);
    feed(&mut server, header, secs(50));
    assert_eq!(server.poll_event(secs(50)), None);
    let (at, reason) = dribble(&mut server, body, secs(51), secs(1));
    assert_eq!((at, reason), (secs(80), Closed::Overdue(Deadline::Message)));
    assert_eq!(kinds(&said(&mut server)), ["error"]);
}

#[test]
fn the_clock_of_a_message_starts_anew_with_the_next() {
    let mut server = server();
    let message = frame(r#"{"type":"pong","id":0}"#, b"");
    let stream = message.repeat(20);
    // Each message takes three seconds, and none begins at the edge of a piece.
    let mut now = secs(1);
    for piece in stream.chunks(message.len() / 3) {
        assert_eq!(wait(&mut server, now), None);
        feed(&mut server, piece, now);
        assert_eq!(server.poll_event(now), None);
        now += secs(1);
    }
    assert!(now > secs(60));
}

#[test]
fn a_slow_reader_is_dropped_when_nothing_moves() {
    let mut server = server();
    tell(&mut server, GET, b"");
    server.data(1, &[0; 1000]);
    server.fail(1, Failure::new(Code::Io, ""));
    assert_eq!(server.poll_event(secs(60)), None);
    server.sent(10, secs(70));
    // A write that took nothing is no progress.
    server.sent(0, secs(80));
    let end = wait(&mut server, secs(1000));
    assert_eq!(end, Some((secs(100), Closed::Overdue(Deadline::SlowReader))));
    assert!(server.is_finished() && server.output().is_empty(), "it would not be read");
}

#[test]
fn any_message_keeps_a_slow_reader_alive() {
    let mut server = server();
    tell(&mut server, GET, b"");
    server.data(1, &[0; 1000]);
    let mut now = T0;
    for id in 0..100 {
        let half = now + secs(19);
        now += secs(29);
        // Every second message is the answer to a ping that was never read: bytes are enough.
        assert_eq!(wait(&mut server, half), None, "{now:?}");
        feed(&mut server, &frame(r#"{"type":"pong","id":0}"#, b""), half);
        feed(&mut server, &frame(&format!(r#"{{"type":"ping","id":{id}}}"#), b""), now);
        assert_eq!(server.poll_event(now), None);
    }
    assert!(server.output().len() < 20_000);
}

#[test]
fn a_silent_client_is_asked_three_times_and_given_up() {
    let mut server = server();
    tell(&mut server, GET, b"");
    assert_eq!(server.poll_event(secs(1)), None);
    let mut pings = Vec::new();
    let mut end = None;
    while end.is_none() {
        let at = server.deadline().unwrap();
        end = wait(&mut server, at);
        pings.extend(unframe(&take(&mut server, at)).iter().map(|_| at));
    }
    assert_eq!(pings, [secs(5), secs(10), secs(15)]);
    assert_eq!(end, Some((secs(20), Closed::Overdue(Deadline::Silent))));
    assert!(server.is_finished());
}

#[test]
fn a_pong_or_a_part_of_any_message_is_a_sign_of_life() {
    let mut server = server();
    tell(&mut server, GET, b"");
    let pong = frame(r#"{"type":"pong","id":1}"#, b"");
    let mut now = T0;
    for round in 0..50 {
        now += secs(18);
        assert_eq!(wait(&mut server, now), None);
        assert!(!take(&mut server, now).is_empty(), "pings were sent");
        feed(&mut server, &pong[..10], now);
        assert_eq!(server.poll_event(now), None, "{round}");
        feed(&mut server, &pong[10..], now + secs(1));
        assert_eq!(server.poll_event(now + secs(1)), None);
    }
}

#[test]
fn nothing_is_asked_while_nothing_runs_and_idleness_ends() {
    let mut server = server();
    assert_eq!(wait(&mut server, secs(200)), None);
    assert!(server.output().is_empty());
    feed(&mut server, &frame(r#"{"type":"pong","id":0}"#, b""), secs(200));
    assert_eq!(server.poll_event(secs(200)), None);
    assert_eq!(wait(&mut server, secs(499)), None, "any message ends idleness");
    // A request takes ten minutes; that is not idleness.
    feed(&mut server, &frame(GET, b""), secs(499));
    assert!(matches!(server.poll_event(secs(499)), Some(Event::Get { .. })));
    let mut now = secs(499);
    for _ in 0..200 {
        now += secs(4);
        feed(&mut server, &frame(r#"{"type":"pong","id":0}"#, b""), now);
        assert_eq!(server.poll_event(now), None);
        assert_eq!(wait(&mut server, now), None);
    }
    server.fail(1, Failure::new(Code::Io, ""));
    assert_eq!(server.poll_event(now), None);
    take(&mut server, now);
    let end = wait(&mut server, secs(10_000));
    assert_eq!(end, Some((now + secs(300), Closed::Overdue(Deadline::Idle))));
    assert_eq!(kinds(&said(&mut server)), ["goaway"]);
    assert!(server.is_finished());
}

#[test]
fn a_half_closed_peer_cannot_answer_pings_and_is_not_asked() {
    let mut server = server();
    tell(&mut server, GET, b"");
    server.input_ended(End::Fin, secs(1));
    assert_eq!(wait(&mut server, secs(100_000)), None);
    server.data(1, b"x");
    let end = wait(&mut server, secs(100_000)).expect("it still has to read");
    assert_eq!(end.1, Closed::Overdue(Deadline::SlowReader));
}

#[test]
fn the_last_words_have_a_deadline_too() {
    let mut server = server();
    tell(&mut server, "[]", b"");
    assert!(!server.is_finished());
    let at = server.deadline().unwrap();
    assert_eq!(at, secs(10));
    server.tick(secs(9));
    assert!(!server.is_finished());
    server.tick(at);
    assert!(server.is_finished() && server.output().is_empty());
    assert_eq!(server.deadline(), None);
}

#[test]
fn a_client_gives_up_on_a_server_without_welcome() {
    let mut client = Client::new(client::Settings::default(), T0);
    client.upper(b"a").unwrap();
    take(&mut client, T0);
    while client.deadline().is_some_and(|at| at < secs(10)) {
        let at = client.deadline().unwrap();
        client.tick(at);
    }
    assert_eq!(client.poll_event(secs(9)), None);
    client.tick(secs(10));
    assert_eq!(client_closed(&mut client, secs(10)), Closed::Overdue(Deadline::Hello));
    assert!(client.is_finished());
}

#[test]
fn a_request_long_after_the_last_is_not_late_from_the_start() {
    let mut client = client();
    take(&mut client, T0);
    assert_eq!(client.deadline(), None, "an idle client waits for ever");
    // Nobody told the machine that an hour went by.
    client.upper(b"a").unwrap();
    let now = secs(3600);
    assert!(client.deadline().unwrap() <= now, "it asks for the time");
    client.tick(now);
    assert_eq!(client.poll_event(now), None);
    assert_eq!(kinds(&unframe(&take(&mut client, now))), ["upper"]);
    assert_eq!(client.deadline(), Some(now + secs(5)));
}

#[test]
fn a_paused_client_keeps_itself_alive_and_blames_nobody() {
    let mut client = client();
    client.exec(&Exec::new(Command::Shell("yes".into()))).unwrap();
    take(&mut client, T0);
    let mut wire = frame(r#"{"type":"started","id":1,"pid":1,"window":0}"#, b"");
    wire.extend(frame(r#"{"type":"stdout","id":1}"#, &vec![b'y'; 100_000]).repeat(3));
    feed(&mut client, &wire[..wire.len() - 1], T0);
    assert!(!client.wants_input());
    // `exec | less`: nobody polls for an hour.
    let (mut now, mut pings) = (T0, 0);
    while now < secs(3600) {
        now = client.deadline().unwrap().max(now);
        client.tick(now);
        pings += unframe(&take(&mut client, now)).len();
    }
    assert!((700..=721).contains(&pings), "{pings}");
    assert!(client.poll_event(now).is_some());
    assert!(client.poll_event(now).is_some());
    assert!(client.poll_event(now).is_some());
    assert_eq!(client.poll_event(now), None);
    assert!(client.wants_input());
    client.tick(now + ms(1));
    feed(&mut client, &wire[wire.len() - 1..], now + ms(2));
    assert_eq!(client.poll_event(now + ms(2)), Some(client::Event::Stdout { id: 1 }));
}

#[test]
fn messages_that_were_not_fetched_are_not_late() {
    let mut client = client();
    client.upper(b"a").unwrap();
    take(&mut client, T0);
    feed(&mut client, &frame(r#"{"type":"upper","id":1}"#, b"A"), secs(1));
    for now in 2..300 {
        client.tick(secs(now));
        if now % 4 == 0 {
            feed(&mut client, &frame(r#"{"type":"ping","id":1}"#, b""), secs(now));
        }
        take(&mut client, secs(now));
    }
    assert_eq!(client.poll_event(secs(300)), Some(client::Event::Upper { id: 1 }));
}

#[test]
fn extreme_settings_and_times_do_no_harm() {
    for patience in [Duration::ZERO, Duration::MAX] {
        let deadlines = Deadlines {
            hello: patience,
            header: patience,
            message: patience,
            slow_reader: patience,
            idle: patience,
            ping: patience,
            pings: 0,
            close: patience,
        };
        for now in [T0, Duration::MAX] {
            let settings = Settings { deadlines, ..Default::default() };
            let mut server = Server::new(settings, now);
            feed(&mut server, &[0], now);
            server.poll_event(now);
            server.tick(now);
            server.tick(T0);
            if patience == Duration::ZERO {
                assert!(matches!(closed(&mut server, now), Closed::Overdue(_)));
            }
        }
    }
}

#[test]
fn a_header_that_stops_behind_its_lengths_is_late_as_a_header() {
    for n in [1, 4, 12, 13, 30] {
        let mut server = server();
        let message = frame(r#"{"type":"upper","id":1}"#, b"body");
        feed(&mut server, &message[..n], secs(50));
        assert_eq!(server.poll_event(secs(50)), None);
        let end = wait(&mut server, secs(1000));
        assert_eq!(end, Some((secs(55), Closed::Overdue(Deadline::Header))), "{n}");
    }
}

#[test]
fn a_body_that_never_begins_is_late_as_a_message() {
    let mut server = server();
    let header = r#"{"type":"upper","id":1}"#;
    feed(&mut server, &frame(header, b"body")[..12 + header.len()], secs(50));
    assert_eq!(server.poll_event(secs(50)), None);
    let end = wait(&mut server, secs(1000));
    assert_eq!(end, Some((secs(80), Closed::Overdue(Deadline::Message))));
}

#[test]
fn a_whole_message_that_was_not_fetched_is_not_late() {
    let mut server = server();
    feed(&mut server, &frame(r#"{"type":"upper","id":1}"#, b"body"), secs(50));
    server.tick(secs(100));
    assert_eq!(server.poll_event(secs(100)), Some(Event::Upper { id: 1 }));
}

#[test]
fn a_pause_of_ours_is_not_the_fault_of_a_message_in_progress() {
    let mut server = server();
    let message = frame(r#"{"type":"upper","id":16}"#, b"body");
    tell(&mut server, GET, b"");
    server.data(1, &vec![0; 2 << 20]);
    assert!(!server.wants_input(), "the queue is far over its mark");
    feed(&mut server, &message[..20], secs(1));
    for now in 2..60 {
        // The peer reads, but slowly.
        server.sent(1000, secs(now));
        server.tick(secs(now));
        assert_eq!(server.poll_event(secs(now)), None);
    }
    take(&mut server, secs(60));
    assert!(server.wants_input());
    assert_eq!(wait(&mut server, secs(64)), None);
    feed(&mut server, &message[20..], secs(64));
    server.fail(1, Failure::new(Code::Io, ""));
    assert_eq!(server.poll_event(secs(64)), Some(Event::Upper { id: 16 }));
}

#[test]
fn a_server_that_answers_no_ping_is_given_up() {
    let mut client = client();
    client.ping().unwrap();
    take(&mut client, T0);
    let mut now = T0;
    while let Some(at) = client.deadline() {
        now = at.max(now);
        client.tick(now);
        take(&mut client, now);
    }
    assert_eq!(now, secs(20));
    assert_eq!(client_closed(&mut client, now), Closed::Overdue(Deadline::Silent));
}

#[test]
fn a_read_of_no_bytes_is_no_sign_of_life() {
    let end = |reads: bool| {
        let mut server = server();
        tell(&mut server, GET, b"");
        for now in (1..1000).map(secs) {
            if reads {
                server.received(0, now);
            }
            if let Some(end) = wait(&mut server, now) {
                return end;
            }
        }
        panic!("it is given up");
    };
    assert_eq!(end(true), end(false));
}
