//! Every body over its corpus, on the stable compiler.

mod support;

use support::replay;

#[test]
fn decode_any_spec() {
    replay("decode_any_spec", framing_fuzz::decode_any_spec);
}

#[test]
fn modes() {
    replay("modes", framing_fuzz::modes);
}

#[test]
fn round_trip() {
    replay("round_trip", framing_fuzz::round_trip);
}

#[test]
fn verbs() {
    replay("verbs", framing_fuzz::verbs);
}

#[test]
fn server() {
    replay("server", framing_fuzz::server);
}

#[test]
fn client() {
    replay("client", framing_fuzz::client);
}

#[test]
fn conversation() {
    replay("conversation", framing_fuzz::conversation);
}

#[test]
fn header() {
    replay("header", framing_fuzz::header);
}

#[test]
fn spec() {
    replay("spec", framing_fuzz::spec);
}
