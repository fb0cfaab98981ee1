//! The end of a server.

use crate::caller::{Caller, anything, options, shell_of, start};
use crate::processes::{wait_until_dead, wait_until_reaped};
use framing_protocol::client::Event;
use framing_protocol::message::Code;
use framing_server::Options;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn stopping_ends_listening_commands_and_connections() {
    let grace = Duration::from_millis(200);
    let server = start(Options { exec: anything(), grace, ..options() });
    let address = server.addresses()[0];
    let mut idle = Caller::new(&server);
    let _silent = TcpStream::connect(address).unwrap();
    let mut busy = Caller::new(&server);
    let (id, leader, child) = busy.begin(&shell_of("trap '' TERM; sleep 1000 & echo $!; wait"));
    server.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
    wait_until_reaped(leader);
    wait_until_dead(child.trim().parse().unwrap());
    let (Event::Goaway { .. }, _) = busy.next() else { panic!() };
    assert_eq!(busy.finish(id).unwrap_err().code, Code::ShuttingDown);
    let (Event::Goaway { reason, .. }, _) = idle.next() else { panic!() };
    assert!(reason.contains("shutting down"));
    assert!(matches!(idle.next(), (Event::Closed { .. }, _)));
}

#[test]
fn stopping_does_not_wait_for_a_client_that_does_not_read() {
    let server = start(Options { exec: anything(), ..options() });
    let mut caller = Caller::new(&server);
    caller.client().exec(&shell_of("exec yes")).unwrap();
    let (Event::Started { pid, .. }, _) = caller.next() else { panic!() };
    drop(server);
    wait_until_reaped(pid);
}

/// What runs is asked to end, and what it says on its way is passed on.
#[test]
fn a_stopping_server_gives_its_commands_their_grace() {
    let server = start(Options { exec: anything(), ..options() });
    let mut caller = Caller::new(&server);
    let (id, _, _) = caller.begin(&shell_of(
        "trap 'echo bye; sleep 0.2; echo gone; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
    ));
    let stopping = std::thread::spawn(move || server.stop());
    let mut out = Vec::new();
    loop {
        match caller.next() {
            (Event::Stdout { .. }, body) => out.extend(body),
            (Event::Error { id: ended, failure }, _) => {
                assert_eq!((ended, failure.code), (id, Code::ShuttingDown));
                break;
            }
            // The shell says there that its `sleep` was ended with it.
            (Event::Goaway { .. } | Event::Stderr { .. }, _) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(out, b"bye\ngone\n");
    stopping.join().unwrap().unwrap();
}
