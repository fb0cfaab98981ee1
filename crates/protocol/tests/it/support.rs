//! A peer written by hand, which shares no code with the machines under test.

use core::time::Duration;

use framing_protocol::client::{self, Client};
use framing_protocol::server::{self, Server};
use framing_protocol::{Closed, Machine};
use serde_json::Value;

pub(crate) const T0: Duration = Duration::ZERO;

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One message on the wire.
pub(crate) fn frame(header: &str, body: &[u8]) -> Vec<u8> {
    let mut wire = u32::try_from(header.len()).unwrap().to_be_bytes().to_vec();
    wire.extend_from_slice(&(body.len() as u64).to_be_bytes());
    wire.extend_from_slice(header.as_bytes());
    wire.extend_from_slice(body);
    wire
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) header: Value,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn kind(&self) -> &str {
        self.header["type"].as_str().unwrap()
    }

    pub(crate) fn code(&self) -> &str {
        self.header["code"].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> Option<u64> {
        self.header["id"].as_u64()
    }
}

pub(crate) fn unframe(mut wire: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    while !wire.is_empty() {
        let header = u32::from_be_bytes(wire[..4].try_into().unwrap()) as usize;
        let body = usize::try_from(u64::from_be_bytes(wire[4..12].try_into().unwrap())).unwrap();
        let (message, rest) = wire.split_at(12 + header + body);
        let header_json = serde_json::from_slice(&message[12..12 + header]).unwrap();
        said.push(Said { header: header_json, body: message[12 + header..].to_vec() });
        wire = rest;
    }
    said
}

/// Gives a machine bytes, whether it wants them or not.
pub(crate) fn feed(machine: &mut impl Machine, mut bytes: &[u8], now: Duration) {
    while !bytes.is_empty() {
        let space = machine.space();
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        machine.received(n, now);
        bytes = &bytes[n..];
    }
}

/// Takes all output.
pub(crate) fn take(machine: &mut impl Machine, now: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !machine.output().is_empty() {
        let n = machine.output().len();
        bytes.extend_from_slice(machine.output());
        machine.sent(n, now);
    }
    bytes
}

pub(crate) fn said(machine: &mut impl Machine) -> Vec<Said> {
    unframe(&take(machine, T0))
}

pub(crate) fn kinds(said: &[Said]) -> Vec<&str> {
    said.iter().map(Said::kind).collect()
}

/// A server that has answered `hello`.
pub(crate) fn server() -> Server {
    let mut server = Server::new(server::Settings::default(), T0);
    feed(&mut server, &frame(r#"{"type":"hello","version":1,"agent":"test"}"#, b""), T0);
    assert_eq!(server.poll_event(T0), None);
    assert_eq!(kinds(&said(&mut server)), ["welcome"]);
    server
}

/// A client that has its `welcome`.
pub(crate) fn client() -> Client {
    let mut client = Client::new(client::Settings::default(), T0);
    assert_eq!(kinds(&said(&mut client)), ["hello"]);
    feed(&mut client, &frame(WELCOME, b""), T0);
    assert!(matches!(client.poll_event(T0), Some(client::Event::Welcome { .. })));
    client
}

pub(crate) const WELCOME: &str = r#"{"type":"welcome","version":1,"agent":"t","roles":["echo"],
    "limits":{"header":65536,"body":262144,"pipeline":16}}"#;

/// Feeds one message and polls once.
pub(crate) fn tell(server: &mut Server, header: &str, body: &[u8]) -> Option<server::Event> {
    feed(server, &frame(header, body), T0);
    server.poll_event(T0)
}

pub(crate) fn tell_client(client: &mut Client, header: &str, body: &[u8]) -> Option<client::Event> {
    feed(client, &frame(header, body), T0);
    client.poll_event(T0)
}

/// Polls a server to the end of its events, which must be its last.
pub(crate) fn closed(server: &mut Server, now: Duration) -> Closed {
    loop {
        let event = server.poll_event(now).expect("a last event");
        if let server::Event::Closed { reason } = event {
            assert_eq!(server.poll_event(now), None);
            return reason;
        }
    }
}

pub(crate) fn client_closed(client: &mut Client, now: Duration) -> Closed {
    loop {
        let event = client.poll_event(now).expect("a last event");
        if let client::Event::Closed { reason } = event {
            assert_eq!(client.poll_event(now), None);
            return reason;
        }
    }
}
