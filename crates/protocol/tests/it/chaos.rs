//! Anything in any order: nothing panics, bounds hold, and a connection that is over stays over.

use core::time::Duration;

use framing_protocol::client::{self, Client};
use framing_protocol::message::{
    Code, Command, Digest, DigestKind, Entry, EntryKind, Exec, Exit, Failure, File, Get, Held,
    Outcome, Put, Stdin,
};
use framing_protocol::server::{self, Server};
use framing_protocol::{End, Machine};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{WELCOME, feed, frame};

#[derive(Debug, Clone)]
enum Step {
    /// One of the messages below, with this id and body length.
    Message(usize, u64, usize),
    Garbage(Vec<u8>),
    /// Part of a message.
    Part(usize, usize),
    Verb(u8, u64, usize),
    Sent(usize),
    Poll(usize),
    Pass(u64),
    End(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![3 => 0..20_usize, 1 => 0..300_000_usize];
    prop_oneof![
        12 => (0..MESSAGES.len(), 0..12_u64, length.clone()).prop_map(|(m, id, n)| Step::Message(m, id, n)),
        1 => vec(any::<u8>(), 0..50).prop_map(Step::Garbage),
        1 => (0..MESSAGES.len(), 0..40_usize).prop_map(|(m, n)| Step::Part(m, n)),
        12 => (0..23_u8, 0..12_u64, length).prop_map(|(verb, id, n)| Step::Verb(verb, id, n)),
        4 => (0..2_000_000_usize).prop_map(Step::Sent),
        6 => (0..5_usize).prop_map(Step::Poll),
        3 => (0..20_u64).prop_map(Step::Pass),
        1 => (0..3_u8).prop_map(Step::End),
    ]
}

/// All messages of both sides, `@` for the id.
const MESSAGES: [&str; 41] = [
    r#"{"type":"hello","version":1}"#,
    WELCOME,
    r#"{"type":"upper","id":@}"#,
    r#"{"type":"exec","id":@,"argv":["a"],"stdin":"piped"}"#,
    r#"{"type":"exec","id":@,"shell":"a"}"#,
    r#"{"type":"stdin","id":@}"#,
    r#"{"type":"stdin_end","id":@}"#,
    r#"{"type":"signal","id":@,"name":"INT"}"#,
    r#"{"type":"get","id":@,"path":"a"}"#,
    r#"{"type":"put","id":@,"path":"a","digest":"md5"}"#,
    r#"{"type":"put","id":@,"path":"a","size":9,"resume":true}"#,
    r#"{"type":"begin","id":@}"#,
    r#"{"type":"begin","id":@,"offset":5}"#,
    r#"{"type":"file_end","id":@,"digest":"md5:00000000000000000000000000000000"}"#,
    r#"{"type":"ready","id":@,"window":1000}"#,
    r#"{"type":"ready","id":@,"offset":5,"prefix":"md5:00000000000000000000000000000000","window":9}"#,
    r#"{"type":"stored","id":@,"digest":"md5:00000000000000000000000000000000"}"#,
    r#"{"type":"verifying","id":@,"bytes":7}"#,
    r#"{"type":"list","id":@,"path":"a"}"#,
    r#"{"type":"stat","id":@,"path":"a"}"#,
    r#"{"type":"entry","id":@,"name":"a","kind":"file","size":3}"#,
    r#"{"type":"cancel","id":@}"#,
    r#"{"type":"ping","id":@}"#,
    r#"{"type":"pong","id":@}"#,
    r#"{"type":"started","id":@,"pid":1,"window":1000}"#,
    r#"{"type":"started","id":@,"pid":1,"window":18446744073709551615}"#,
    r#"{"type":"stdout","id":@}"#,
    r#"{"type":"stderr","id":@}"#,
    r#"{"type":"window","id":@,"bytes":1000}"#,
    r#"{"type":"exit","id":@,"outcome":"exited","code":0,"duration_ms":1}"#,
    r#"{"type":"file","id":@,"filename":"a","total_size":3}"#,
    r#"{"type":"file","id":@,"filename":"a","total_size":18446744073709551615}"#,
    r#"{"type":"data","id":@}"#,
    r#"{"type":"entries","id":@}"#,
    r#"{"type":"entries_end","id":@}"#,
    r#"{"type":"error","id":@,"code":"io","message":"m"}"#,
    r#"{"type":"goaway","reason":"r","last_id":@}"#,
    r#"{"type":"teleport","id":@}"#,
    r#"{"type":"teleport"}"#,
    r#"{"type":"upper"}"#,
    r#"{"type":"error","code":"io","message":"m"}"#,
];

fn message(index: usize, id: u64, body: usize) -> Vec<u8> {
    let header = MESSAGES[index].replace('@', &id.to_string());
    // Most messages take no body; give them one only now and then.
    let takes_body = ["upper", "stdin\"", "stdout", "stderr", "data", "entries\""];
    let body =
        if takes_body.iter().any(|kind| header.contains(kind)) || body == 13 { body } else { 0 };
    frame(&header, &vec![b'b'; body.min(256 * 1024)])
}

fn server_verb(server: &mut Server, verb: u8, id: u64, n: usize) {
    let file = File::new("f".into(), n as u64);
    let entry = Entry::new("e".into(), EntryKind::File, 0);
    let outcome = Outcome::Exited { code: 0 };
    let exit = Exit { outcome, truncated: false, duration: Duration::ZERO };
    let content = vec![b'c'; if server.room() > 0 { n } else { 0 }];
    match verb {
        0 | 1 => server.upper(id, "TEXT"),
        2 => server.fail(id, Failure::new(Code::Io, "m")),
        3 | 4 => server.started(id, 1),
        5 => server.stdout(id, &content),
        6 => server.stderr(id, &content),
        7 => server.stdin_taken(id, n as u64),
        8 => server.exit(id, exit),
        9 => server.file(id, file),
        10 => server.data(id, &content),
        11 => server.file_end(id, Digest::Blake3([0; 32])),
        12 => server.entries(id, &vec![entry; n.min(10)]),
        13 => server.entries_end(id),
        14 if n == 7 => server.goaway("r"),
        15 => server.ready(id, Some(Held { offset: n as u64, prefix: Digest::Md5([0; 16]) })),
        16 => server.ready(id, Some(Held { offset: 5, prefix: Digest::Blake3([0; 32]) })),
        17 | 18 => server.data_taken(id, n as u64),
        19 => server.stored(id),
        20 => server.verifying(id, n as u64),
        21 => server.entry(id, entry),
        _ => {}
    }
}

fn client_verb(client: &mut Client, verb: u8, id: u64, n: usize) {
    let stdin = Exec { stdin: Stdin::Piped, ..Exec::new(Command::Shell("a".into())) };
    match verb {
        0..=2 => drop(client.upper(&vec![b'u'; n])),
        3 => drop(client.exec(&stdin)),
        4 => drop(client.exec(&Exec::new(Command::Argv(vec![])))),
        5 => drop(client.get(&Get::new("a".into()))),
        6 => drop(client.list(&"a".into())),
        7 => drop(client.ping()),
        8..=10 => drop(client.stdin(id, &vec![b's'; n])),
        11 => client.stdin_end(id),
        12 => client.signal(id, "INT"),
        13 => client.cancel(id),
        14 if n == 7 => client.close(),
        15 => drop(client.put(&Put { digest: DigestKind::Md5, ..Put::new("a".into()) })),
        16 => drop(client.put(&Put { size: Some(9), resume: true, ..Put::new("a".into()) })),
        17 => drop(client.begin(id, n as u64)),
        18 | 19 => drop(client.data(id, &vec![b'd'; n])),
        20 => drop(client.file_end(id, Digest::Md5([0; 16]))),
        21 => drop(client.stat(&"a".into())),
        _ => {}
    }
}

/// What holds for a machine at any moment.
fn check<M: Machine>(machine: &mut M, was_finished: bool) {
    assert!(machine.output().len() < 6 << 20, "{} bytes wait", machine.output().len());
    assert!(!machine.space().is_empty());
    if was_finished {
        assert!(
            machine.is_finished() && machine.output().is_empty() && machine.deadline().is_none()
        );
    }
}

/// Runs the steps on one machine. `poll` tells whether the event was the last one.
fn run<M: Machine>(
    machine: &mut M,
    steps: Vec<Step>,
    mut verb: impl FnMut(&mut M, u8, u64, usize),
    mut poll: impl FnMut(&mut M, Duration) -> Option<bool>,
) {
    let (mut now, mut ended) = (Duration::ZERO, false);
    for step in steps {
        let was_finished = machine.is_finished();
        match step {
            Step::Message(index, id, n) if machine.wants_input() => {
                feed(machine, &message(index, id, n), now);
            }
            Step::Garbage(bytes) if machine.wants_input() => feed(machine, &bytes, now),
            Step::Part(index, n) if machine.wants_input() => {
                let message = message(index, 1, 0);
                feed(machine, &message[..n.min(message.len())], now);
            }
            Step::Message(..) | Step::Garbage(_) | Step::Part(..) => {}
            Step::Verb(kind, id, n) => verb(machine, kind, id, n),
            Step::Sent(n) => machine.sent(n, now),
            Step::Poll(times) => {
                for _ in 0..times {
                    let Some(last) = poll(machine, now) else { break };
                    assert!(!ended, "an event after the last");
                    ended = last;
                }
            }
            Step::Pass(seconds) => {
                now += Duration::from_secs(seconds);
                machine.tick(now);
            }
            Step::End(0) => machine.input_ended(End::Fin, now),
            Step::End(1) => machine.input_ended(End::Authenticated, now),
            Step::End(_) => machine.input_ended(End::Loss, now),
        }
        check(machine, was_finished);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_server_survives_anything(greeted in any::<bool>(), steps in vec(step(), 0..120)) {
        let mut server = Server::new(server::Settings::default(), Duration::ZERO);
        if greeted {
            feed(&mut server, &message(0, 0, 0), Duration::ZERO);
        }
        run(&mut server, steps, server_verb, |server, now| {
            let event = server.poll_event(now)?;
            assert!(server.body().len() <= 256 * 1024);
            Some(matches!(event, server::Event::Closed { .. }))
        });
    }

    #[test]
    fn a_client_survives_anything(greeted in any::<bool>(), steps in vec(step(), 0..120)) {
        let mut client = Client::new(client::Settings::default(), Duration::ZERO);
        if greeted {
            feed(&mut client, &message(1, 0, 0), Duration::ZERO);
        }
        run(&mut client, steps, client_verb, |client, now| {
            let event = client.poll_event(now)?;
            assert!(client.body().len() <= 256 * 1024);
            Some(matches!(event, client::Event::Closed { .. }))
        });
    }

    #[test]
    fn any_bytes_as_a_header_are_refused_or_read(header in vec(any::<u8>(), 0..200)) {
        let _ = framing_protocol::message::ClientMessage::parse(&header);
        let _ = framing_protocol::message::ServerMessage::parse(&header);
    }

    #[test]
    fn any_json_is_refused_or_read(header in r#"\{("(type|id|argv|path|x)":("(upper|exec|get)"|[0-9]{1,3}|\[("a",?){0,3}\]|\{"b64":"(YQ==|x)"\}),?){0,6}\}"#) {
        let strict = framing_protocol::message::ClientMessage::parse(header.as_bytes());
        if strict.is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&header).is_ok());
        }
    }
}
