//! The limit on open files, and what is made of it.

use crate::caller::Caller;
use crate::daemon::{Daemon, shell};
use crate::processes::wait_until;
use framing_protocol::Closed;
use framing_protocol::client::Event;
use framing_protocol::message::Code;
use std::fs;

/// The binary under a limit, in the words of `ulimit`.
fn limited(limit: &str) -> Daemon {
    Daemon::start(&mut shell(&format!("ulimit {limit}; exec \"$0\" --listen 127.0.0.1:0")), 1)
}

#[test]
fn a_low_soft_limit_on_open_files_limits_nothing() {
    let daemon = limited("-S -n 32");
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.process.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut values = line.split_whitespace().skip(3);
    assert_eq!(values.next(), values.next(), "{line}");
    let crowd: Vec<_> = (0..64).map(|_| Caller::at(daemon.addresses[0])).collect();
    drop(crowd);
}

#[test]
fn where_few_files_may_be_open_fewer_connections_are_served_and_the_next_are_told() {
    let daemon = limited("-n 100");
    let _crowd: Vec<_> = (0..75).map(|_| Caller::at(daemon.addresses[0])).collect();
    match Caller::unwelcomed(daemon.addresses[0]).next() {
        (Event::Closed { reason: Closed::Refused(failure) }, _) => {
            assert_eq!(failure.code, Code::Busy);
        }
        other => panic!("{other:?}"),
    }
    wait_until("it says so", || daemon.said.lock().unwrap().contains("(ulimit -n)\n"));
    let said = daemon.said.lock().unwrap();
    assert!(said.contains("75 connections at a time instead of 1024: no more than 100 files"));
    assert!(!said.contains("cannot accept"), "{said}");
}
