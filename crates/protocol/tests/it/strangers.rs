//! Clients that are not known: they may pair, and nothing else.

use framing_protocol::client::{self, Client};
use framing_protocol::message::{Code, Failure, Token};
use framing_protocol::server::{self, Event, Server};
use framing_protocol::{Closed, Machine};

use crate::support::{
    T0, WELCOME, client_closed, closed, feed, frame, said, take, tell, tell_client,
};

const PAIR_1: &str = r#"{"type":"pair","id":1,"token":"t","name":"n"}"#;

fn unauthorized() -> Failure {
    Failure::new(Code::Unauthorized, "who are you").hint("ask")
}

/// A server that does not know its client, and has heard this `hello`.
fn greeted(hello: &str) -> Server {
    let mut server = Server::new(server::Settings::default(), T0);
    server.admit(vec!["echo".to_owned()]);
    server.admit_to_pair(unauthorized());
    feed(&mut server, &frame(hello, b""), T0);
    server
}

fn pairing() -> Server {
    let mut server = greeted(r#"{"type":"hello","version":1,"pairing":true}"#);
    assert_eq!(server.poll_event(T0), None);
    let welcome = said(&mut server);
    assert_eq!((welcome.len(), welcome[0].kind()), (1, "welcome"));
    assert_eq!(welcome[0].header["roles"], serde_json::json!([]), "it may do nothing");
    server
}

/// The connection ends, with the reason and nothing else.
fn refused(server: &mut Server) {
    assert_eq!(closed(server, T0), Closed::Refused(unauthorized()));
    let said = said(server);
    let error = said.last().unwrap();
    assert_eq!((error.kind(), error.code(), error.id()), ("error", "unauthorized", None));
    assert_eq!(error.header["hint"], "ask");
}

#[test]
fn whoever_does_not_come_to_pair_is_refused_by_the_first_word() {
    for hello in
        [r#"{"type":"hello","version":1}"#, r#"{"type":"hello","version":1,"pairing":false}"#]
    {
        refused(&mut greeted(hello));
    }
    // What is no greeting is no reason to be polite.
    let mut server = greeted(PAIR_1);
    assert!(matches!(closed(&mut server, T0), Closed::Violation(_)));
}

#[test]
fn every_other_message_is_refused_before_and_after_the_pair() {
    let messages = [
        r#"{"type":"upper","id":7}"#,
        r#"{"type":"exec","id":7,"argv":["a"]}"#,
        r#"{"type":"get","id":7,"path":"a"}"#,
        r#"{"type":"put","id":7,"path":"a"}"#,
        r#"{"type":"begin","id":7}"#,
        r#"{"type":"data","id":7}"#,
        r#"{"type":"list","id":7,"path":"a"}"#,
        r#"{"type":"stat","id":7,"path":"a"}"#,
        r#"{"type":"stdin","id":1}"#,
        r#"{"type":"stdin_end","id":1}"#,
        r#"{"type":"signal","id":1,"name":"INT"}"#,
        r#"{"type":"cancel","id":1}"#,
        r#"{"type":"pair","id":7,"token":"t","name":"n"}"#,
        r#"{"type":"hello","version":1,"pairing":true}"#,
    ];
    for message in messages {
        if !message.contains("pair\"") {
            let mut server = pairing();
            feed(&mut server, &frame(message, b""), T0);
            refused(&mut server);
        }
        for answered in [false, true] {
            let mut server = pairing();
            let asked = tell(&mut server, PAIR_1, b"");
            let (token, name) = (Token::new("t"), "n".to_owned());
            assert_eq!(asked, Some(Event::Pair { id: 1, token, name }));
            if answered {
                server.paired(1, vec!["echo".to_owned()]);
                assert_eq!(said(&mut server)[0].header["roles"], serde_json::json!(["echo"]));
            }
            feed(&mut server, &frame(message, b""), T0);
            refused(&mut server);
        }
    }
    // A type that nobody knows is answered to those who are known only.
    let mut server = pairing();
    feed(&mut server, &frame(r#"{"type":"new","id":7}"#, b""), T0);
    assert!(matches!(closed(&mut server, T0), Closed::Violation(_)));
    // To be alive is no request.
    let mut server = pairing();
    assert_eq!(tell(&mut server, r#"{"type":"ping","id":3}"#, b""), None);
    assert_eq!(said(&mut server)[0].kind(), "pong");
}

#[test]
fn whoever_is_known_may_pair_like_anything_else() {
    let mut server = crate::support::server();
    assert_eq!(tell(&mut server, r#"{"type":"upper","id":1}"#, b"a"), Some(Event::Upper { id: 1 }));
    assert_eq!(tell(&mut server, r#"{"type":"pair","id":2,"token":"t","name":"n"}"#, b""), None);
    server.upper(1, "A");
    assert!(matches!(server.poll_event(T0), Some(Event::Pair { id: 2, .. })));
    server.upper(2, "not what was asked for");
    server.fail(2, Failure::new(Code::Unauthorized, "used up"));
    let said = said(&mut server);
    assert_eq!((said.len(), said[1].code(), said[1].id()), (2, "unauthorized", Some(2)));
}

#[test]
fn a_client_says_that_it_comes_to_pair() {
    let settings = client::Settings { pairing: true, ..client::Settings::default() };
    let mut client = Client::new(settings, T0);
    let id = client.pair(&Token::new("secret"), "me").unwrap();
    let asked = said(&mut client);
    assert_eq!(asked[0].header["pairing"], true);
    let pair = serde_json::json!({"type": "pair", "id": 1, "token": "secret", "name": "me"});
    assert_eq!(asked[1].header, pair);
    assert!(matches!(tell_client(&mut client, WELCOME, b""), Some(client::Event::Welcome { .. })));
    let paired = tell_client(&mut client, r#"{"type":"paired","id":1,"roles":["echo"]}"#, b"");
    assert_eq!(paired, Some(client::Event::Paired { id, roles: vec!["echo".to_owned()] }));
    // It has been answered.
    assert_eq!(tell_client(&mut client, r#"{"type":"paired","id":1}"#, b""), None);

    let mut client = crate::support::client();
    client.upper(b"a").unwrap();
    take(&mut client, T0);
    feed(&mut client, &frame(r#"{"type":"paired","id":1}"#, b""), T0);
    assert!(matches!(client_closed(&mut client, T0), Closed::Violation(_)), "that was not asked");
}

#[test]
fn a_token_is_shown_to_nobody() {
    let token = Token::new("secret");
    let shown =
        format!("{token:?} {:?}", Event::Pair { id: 1, token: token.clone(), name: "n".into() });
    assert!(!shown.contains("secret"), "{shown}");
    let mut client = Client::new(client::Settings::default(), T0);
    client.pair(&token, "n").unwrap();
    assert!(String::from_utf8_lossy(client.output()).contains("secret"), "but to the server");
}
