//! One connection: short calls, ends of every kind, pauses, deadlines.

use crate::toy::{Choppy, Echo, turn};
use framing_protocol::{End, Machine};
use framing_transport::{Accepted, Link, Listeners, PollFlags, Waker, connect};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

/// Nothing here takes long: this only bounds a test that would hang.
const PATIENCE: Duration = Duration::from_secs(20);

fn tcp_pair() -> (TcpStream, TcpStream) {
    let mut listeners = Listeners::bind(&["127.0.0.1:0"]).unwrap();
    let ours = connect(&listeners.addresses()[0].to_string(), PATIENCE).unwrap();
    ours.set_nonblocking(false).unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    match listeners.accept(&Waker::new().unwrap()).unwrap() {
        Accepted::Connection { stream, .. } => (stream, ours),
        other => panic!("{other:?}"),
    }
}

#[test]
fn short_interrupted_and_refused_calls_lose_and_double_nothing() {
    for seed in 0..20 {
        let (theirs, ours) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent: Vec<u8> =
            (0..200_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let mut link = Link::new(Choppy::new(theirs, seed), Echo::new());
        thread::scope(|scope| {
            let mut writer = ours.try_clone().unwrap();
            let sent = &sent;
            scope.spawn(move || {
                writer.write_all(sent).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            let echoed = scope.spawn(move || {
                let (mut ours, mut echoed) = (ours, Vec::new());
                ours.read_to_end(&mut echoed).unwrap();
                echoed
            });
            while !link.is_finished() {
                turn(&mut link, PATIENCE);
            }
            assert_eq!(link.machine().end, Some(End::Authenticated));
            drop(link);
            assert!(echoed.join().unwrap() == *sent, "seed {seed}");
        });
    }
}

#[test]
fn after_a_fin_the_replies_finish() {
    let (theirs, mut ours) = tcp_pair();
    let mut link = Link::new(theirs, Echo::new());
    ours.write_all(b"last words").unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    while !link.is_finished() {
        turn(&mut link, PATIENCE);
    }
    assert_eq!(link.machine().end, Some(End::Fin));
    drop(link);
    let mut reply = String::new();
    ours.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "last words");
}

#[test]
fn a_reset_is_a_loss_found_by_reading() {
    let (theirs, mut ours) = tcp_pair();
    let mut link = Link::new(theirs, Echo::new());
    ours.write_all(b"echo me").unwrap();
    while link.interest() == PollFlags::IN {
        turn(&mut link, PATIENCE);
    }
    link.flush();
    // Closing with the echo unread resets the connection.
    ours.set_nonblocking(true).unwrap();
    while ours.peek(&mut [0]).is_err() {}
    drop(ours);
    while !link.is_finished() {
        turn(&mut link, PATIENCE);
    }
    assert_eq!(link.machine().end, Some(End::Loss));
}

#[test]
fn a_reset_is_a_loss_found_by_writing_while_reading_is_paused() {
    let (theirs, mut ours) = tcp_pair();
    let mut link = Link::new(theirs, Echo::new());
    ours.set_nonblocking(true).unwrap();
    // Fill both directions until the machine pauses and the socket takes no more.
    while link.interest() != PollFlags::OUT {
        let _ = ours.write(&[7; 4096]);
        turn(&mut link, Duration::from_millis(1));
    }
    drop(ours);
    while !link.is_finished() {
        turn(&mut link, PATIENCE);
    }
    assert_eq!(link.machine().end, Some(End::Loss));
}

#[test]
fn a_hang_up_wakes_nobody_while_the_machine_is_paused() {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let mut link = Link::new(Choppy::new(theirs, 1), Echo::new());
    link.machine().paused = true;
    drop(ours);
    let ready = turn(&mut link, Duration::from_millis(50));
    assert!(!ready && link.interest().is_empty(), "a hang-up is polled for that nobody reads");
    link.machine().paused = false;
    while !link.is_finished() {
        turn(&mut link, PATIENCE);
    }
    assert_eq!(link.machine().end, Some(End::Authenticated));
}

#[test]
fn the_end_of_input_leaves_the_poll_set_while_the_answer_is_at_work() {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let mut link = Link::new(Choppy::new(theirs, 3), Echo::new());
    link.machine().working = true;
    drop(ours);
    let mut turns = 0;
    while turn(&mut link, Duration::from_millis(50)) {
        turns += 1;
        assert!(turns < 20, "the loop spins on the hang-up");
    }
    assert!(link.interest().is_empty() && !link.is_finished());
    link.machine().working = false;
    link.flush();
    assert!(link.is_finished());
}

#[test]
fn the_machine_is_told_the_time_at_its_deadline() {
    let (theirs, mut ours) = UnixStream::pair().unwrap();
    let mut link = Link::new(Choppy::new(theirs, 2), Echo::new());
    link.machine().deadline = Some(link.now() + Duration::from_millis(30));
    while link.machine().deadline.is_some() {
        assert!(link.timeout().unwrap() <= Duration::from_millis(30));
        turn(&mut link, PATIENCE);
    }
    assert!(link.now() >= Duration::from_millis(30));
    while !link.interest().is_empty() && link.interest() != PollFlags::IN {
        link.flush();
    }
    let mut told = [0; 4];
    ours.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"tick");
}

#[test]
fn the_last_words_survive_unread_input() {
    let farewell = vec![b'!'; 100_000];
    let (theirs, mut ours) = tcp_pair();
    let mut link = Link::new(theirs, Echo::rude(farewell.clone()));
    // Far more than the machine reads before it ends: a plain close would reset the connection.
    ours.write_all(&vec![7; 300_000]).unwrap();
    let reader = thread::spawn(move || {
        let mut heard = Vec::new();
        ours.read_to_end(&mut heard).map(|_| heard)
    });
    while !link.is_finished() {
        turn(&mut link, PATIENCE);
    }
    drop(link);
    assert_eq!(reader.join().unwrap().expect("no reset"), farewell);
}

#[test]
fn a_peer_that_does_not_close_is_reset_in_the_end() {
    let (theirs, mut ours) = tcp_pair();
    // More than the peer's socket holds: a close alone would leave it in the kernel.
    let mut link = Link::new(theirs, Echo::rude(vec![b'!'; 16 << 20]));
    ours.write_all(b"?").unwrap();
    while link.interest() != PollFlags::OUT {
        turn(&mut link, PATIENCE);
    }
    turn(&mut link, Duration::ZERO);
    // The machine gives up what was not written.
    Machine::sent(link.machine(), 16 << 20, Duration::ZERO);
    while !link.is_finished() {
        turn(&mut link, PATIENCE);
    }
    drop(link);
    let error = ours.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn what_the_peer_said_before_it_closed_is_read_when_writing_fails() {
    let (theirs, mut ours) = tcp_pair();
    let mut link = Link::new(theirs, Echo::new());
    ours.write_all(b"echo me").unwrap();
    while link.interest() == PollFlags::IN {
        turn(&mut link, PATIENCE);
    }
    link.flush();
    while ours.peek(&mut [0]).unwrap() == 0 {}
    ours.write_all(b"go away").unwrap();
    // Closing with the echo unread resets the connection.
    drop(ours);
    while !link.is_finished() {
        // As if the application had more and more to say.
        link.machine().received(1, Duration::ZERO);
        link.flush();
    }
    assert!(link.machine().output().ends_with(b"go away"));
    assert_eq!(link.machine().end, Some(End::Loss));
}
