//! Upper-case echo.

use crate::caller::{Caller, options, start};
use crate::processes::wait_until;
use framing_protocol::Closed;
use framing_protocol::client::Event;
use framing_protocol::message::{Code, MAX_BODY};
use framing_server::{Limits, Options};

#[test]
fn text_comes_back_in_upper_case() {
    let server = start(options());
    let mut caller = Caller::new(&server);
    for (text, upper) in [
        ("sticky packets", "STICKY PACKETS"),
        ("", ""),
        ("line\nline", "LINE\nLINE"),
        ("straße", "STRASSE"),
        ("\u{149} \u{390} 東京", "\u{2bc}N \u{399}\u{308}\u{301} 東京"),
    ] {
        assert_eq!(caller.upper(text.as_bytes()).unwrap(), upper);
    }
    let large = "a".repeat(MAX_BODY);
    assert_eq!(caller.upper(large.as_bytes()).unwrap(), large.to_uppercase());
}

#[test]
fn what_is_not_utf8_and_what_grows_too_large_is_an_error_and_not_the_end() {
    let server = start(options());
    let mut caller = Caller::new(&server);
    let failure = caller.upper(b"ab\xffcd").unwrap_err();
    assert_eq!(failure.code, Code::NotUtf8);
    assert!(failure.message.contains("byte 2"), "{failure}");
    // Three bytes for each two.
    let failure = caller.upper("\u{149}".repeat(MAX_BODY / 2).as_bytes()).unwrap_err();
    assert_eq!(failure.code, Code::TooLarge);
    assert_eq!(caller.upper(b"still here").unwrap(), "STILL HERE");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = start(options());
    let mut caller = Caller::new(&server);
    let asked: Vec<_> =
        (0..16).map(|n| caller.client().upper(format!("n{n}").as_bytes()).unwrap()).collect();
    for (n, asked) in asked.into_iter().enumerate() {
        assert_eq!(caller.next(), (Event::Upper { id: asked }, format!("N{n}").into_bytes()));
    }
}

#[test]
fn after_a_farewell_the_answers_still_come() {
    let server = start(options());
    let mut caller = Caller::new(&server);
    let asked = caller.client().upper(b"last words").unwrap();
    let mut caller = caller.half_close();
    assert_eq!(caller.next(), (Event::Upper { id: asked }, b"LAST WORDS".to_vec()));
    assert!(matches!(caller.next(), (Event::Closed { .. }, _)));
}

#[test]
fn a_ping_is_answered() {
    let server = start(options());
    let mut caller = Caller::new(&server);
    let id = caller.client().ping().unwrap();
    assert_eq!(caller.next().0, Event::Pong { id });
}

#[test]
fn many_clients_at_once_each_get_their_own_answers() {
    let server = start(options());
    std::thread::scope(|scope| {
        for client in 0..32 {
            let server = &server;
            scope.spawn(move || {
                let mut caller = Caller::new(server);
                for n in 0..50 {
                    let answer = caller.upper(format!("c{client} n{n}").as_bytes()).unwrap();
                    assert_eq!(answer, format!("C{client} N{n}"));
                }
            });
        }
    });
}

#[test]
fn over_the_limit_of_connections_every_client_is_told_and_a_place_comes_free_again() {
    let server =
        start(Options { limits: Limits { connections: 2, ..Limits::default() }, ..options() });
    let (first, _second) = (Caller::new(&server), Caller::new(&server));
    let told: Vec<Caller> = (0..40)
        .map(|_| {
            let mut caller = Caller::unwelcomed(server.addresses()[0]);
            match caller.next() {
                (Event::Closed { reason: Closed::Refused(failure) }, _) => {
                    assert_eq!(failure.code, Code::Busy, "{failure}");
                }
                other => panic!("{other:?}"),
            }
            caller
        })
        .collect();
    // Being told takes no place, even from one who stays on the line.
    first.hang_up();
    wait_until("a place comes free", || {
        let mut caller = Caller::unwelcomed(server.addresses()[0]);
        matches!(caller.next(), (Event::Welcome { .. }, _))
    });
    drop(told);
}
