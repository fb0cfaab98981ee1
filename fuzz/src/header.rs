//! Any bytes as the header of a message.

use framing_protocol::HeaderError;
use framing_protocol::message::{ClientMessage, ServerMessage, Text};
use serde_json::Value;

/// **What is read as a message is one JSON object that every reader takes for the same.**
///
/// It prints, and what it prints is the same message again; `serde_json`, a laxer reader, sees the same
/// fields. With a key twice, nested too deep, or not in UTF-8, it is refused.
///
/// The input is the header.
pub fn header(data: &[u8]) {
    let client = ClientMessage::parse(data);
    let server = ServerMessage::parse(data);
    if let Ok(message) = &client {
        let printed = serde_json::to_vec(message).expect("messages print");
        assert_eq!(ClientMessage::parse(&printed).as_ref(), Ok(message));
        is_sound(data, &printed, |header| ClientMessage::parse(header).map(|_| ()));
    }
    if let Ok(message) = &server {
        let printed = serde_json::to_vec(message).expect("messages print");
        assert_eq!(ServerMessage::parse(&printed).as_ref(), Ok(message));
        is_sound(data, &printed, |header| ServerMessage::parse(header).map(|_| ()));
    }
    for error in [client.err(), server.err()].into_iter().flatten() {
        assert!(!error.to_string().is_empty());
        if let HeaderError::Unknown { .. } = error {
            serde_json::from_slice::<Value>(data).expect("an unknown type is JSON all the same");
        }
    }
}

fn is_sound(header: &[u8], printed: &[u8], parse: impl Fn(&[u8]) -> Result<(), HeaderError>) {
    let given: Value = serde_json::from_slice(header).expect("what is taken is JSON");
    let printed: Value = serde_json::from_slice(printed).expect("what is printed is JSON");
    let (Value::Object(given), Value::Object(printed)) = (given, printed) else {
        panic!("a header is an object")
    };
    for (key, value) in &printed {
        if let Some(given) = given.get(key) {
            assert!(same(value, given), "{key}: {given} is read as {value}");
        }
    }
    assert_eq!(given.get("type"), printed.get("type"));
    // Elsewhere an id is a field like any other that is not known.
    let has_none = |kind: &Value| kind == "hello" || kind == "welcome" || kind == "goaway";
    if !given.get("type").is_some_and(has_none) {
        assert_eq!(given.get("id"), printed.get("id"));
    }

    let body = header.trim_ascii_start().strip_prefix(b"{").expect("a header is an object");
    for key in given.keys() {
        let key = serde_json::to_string(key).expect("a key is a string");
        let twice = [format!("{{{key}:0,").as_bytes(), body].concat();
        assert!(parse(&twice).is_err(), "{key} twice");
    }
    if !given.contains_key("zz") {
        let nested = |depth: usize| {
            let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(depth));
            parse(&[format!("{{\"zz\":{open}{close},").as_bytes(), body].concat())
        };
        assert_eq!((nested(31), nested(32)), (Ok(()), Err(HeaderError::TooDeep)));
        let not_utf8 = [&b"{\"zz\":\"\xFF\","[..], body].concat();
        assert!(parse(&not_utf8).is_err(), "not in UTF-8");
    }
    let trailing = [header, b",{}"].concat();
    assert!(parse(&trailing).is_err(), "something behind the object");
}

/// The same value, or the same text in its other form. A field that is absent is `null`.
fn same(printed: &Value, given: &Value) -> bool {
    let text = |value: &Value| serde_json::from_value::<Text>(value.clone()).ok();
    match (printed, given) {
        (Value::Array(printed), Value::Array(given)) => {
            printed.len() == given.len() && printed.iter().zip(given).all(|(a, b)| same(a, b))
        }
        (Value::Object(printed), Value::Object(given))
            if text(&Value::Object(printed.clone())).is_none() =>
        {
            printed.iter().all(|(key, value)| given.get(key).is_none_or(|given| same(value, given)))
        }
        _ => printed == given || text(printed).is_some_and(|printed| Some(printed) == text(given)),
    }
}
