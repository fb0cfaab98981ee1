//! What WIRE.md says of the headers is what the code takes and writes.

use std::sync::LazyLock;

use framing_protocol::HeaderError;
use framing_protocol::message::{ClientMessage, ServerMessage};
use serde_json::Value;

const SPEC: &str = include_str!("../../WIRE.md");

/// The schema that stands there.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let (_, schema) = SPEC.rsplit_once("```json\n").unwrap();
    serde_json::from_str(schema.split_once("```").unwrap().0).unwrap()
});

/// Asserts that a header is as the schema has it: of a type that it has, with all that is required and nothing that it
/// does not have, each in the shape that it gives.
#[track_caller]
pub(crate) fn assert_conforms(side: &str, header: &str) {
    let header: Value = serde_json::from_str(header).unwrap();
    let message = &SCHEMA[side][header["type"].as_str().unwrap()];
    assert!(message.is_object(), "WIRE.md has no {header}");
    let fields = header.as_object().unwrap();
    for required in message["required"].as_array().unwrap() {
        assert!(fields.contains_key(required.as_str().unwrap()), "{header} lacks {required}");
    }
    for (name, value) in fields {
        let shape = &message["properties"][name];
        assert!(fits(shape, value), "{header}: {name} is not {shape}");
    }
}

/// As much of JSON Schema as is needed.
fn fits(shape: &Value, value: &Value) -> bool {
    if let Some(name) = shape["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return fits(&SCHEMA["$defs"][name], value);
    }
    if let Some(choices) = shape["oneOf"].as_array() {
        return choices.iter().any(|shape| fits(shape, value));
    }
    if let Some(words) = shape["enum"].as_array() {
        return words.contains(value);
    }
    if !shape["const"].is_null() {
        return shape["const"] == *value;
    }
    match shape["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") if shape["minimum"].is_null() => value.is_i64(),
        Some("integer") => value.is_u64(),
        Some("array") => value
            .as_array()
            .is_some_and(|items| items.iter().all(|item| fits(&shape["items"], item))),
        Some("object") => value.as_object().is_some_and(|fields| {
            fields.iter().all(|(name, value)| {
                let named = &shape["properties"][name];
                fits(if named.is_null() { &shape["additionalProperties"] } else { named }, value)
            })
        }),
        _ => false,
    }
}

#[test]
fn every_type_of_the_spec_is_one_of_the_code_and_has_its_row() {
    for (side, is_known) in [
        (
            "client",
            (|header| !is_unknown(ClientMessage::parse(header).as_ref().err()))
                as fn(&[u8]) -> bool,
        ),
        ("server", |header| !is_unknown(ServerMessage::parse(header).as_ref().err())),
    ] {
        for (name, message) in SCHEMA[side].as_object().unwrap() {
            assert_eq!(message["properties"]["type"]["const"], **name);
            assert!(is_known(format!(r#"{{"type":"{name}","id":1}}"#).as_bytes()), "{name}");
            let row = SPEC
                .lines()
                .any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            assert!(row, "{name} has no row");
        }
    }
}

fn is_unknown(error: Option<&HeaderError>) -> bool {
    matches!(error, Some(HeaderError::Unknown { .. }))
}

#[test]
fn every_code_of_the_spec_is_one_of_the_code() {
    let (_, errors) = SPEC.split_once("\n## 10. Errors\n").unwrap();
    let (errors, _) = errors.split_once("\n## 11.").unwrap();
    let first_cells = errors.lines().filter_map(|line| line.strip_prefix("| `"));
    let codes: Vec<_> = first_cells
        .flat_map(|line| line.split(" |").next().unwrap().split(", "))
        .map(|code| code.trim_matches('`'))
        .collect();
    assert_eq!(codes.len(), 21);
    for code in codes {
        let known = framing_protocol::message::Code::from(code);
        assert!(!matches!(known, framing_protocol::message::Code::Other(_)), "{code}");
    }
}

/// The conversations there, in hexadecimal, are messages that the code reads.
#[test]
fn the_conversations_of_the_spec_are_read() {
    let mut seen = 0;
    let (_, conversations) = SPEC.split_once("\n## 14. Conversations in hexadecimal\n").unwrap();
    for block in conversations.split("```text\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let mut messages: Vec<(&str, Vec<u8>)> = Vec::new();
        for line in block.lines().filter(|line| line.get(7..9) == Some("  ")) {
            let (side, digits) = (&line[..2], line.get(9..56).unwrap_or(&line[9..]));
            if side != "  " {
                messages.push((side, Vec::new()));
            }
            let Some((_, bytes)) = messages.last_mut() else { break };
            bytes.extend(
                digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()),
            );
        }
        for (side, bytes) in messages {
            let header =
                usize::try_from(u32::from_be_bytes(bytes[..4].try_into().unwrap())).unwrap();
            let body =
                usize::try_from(u64::from_be_bytes(bytes[4..12].try_into().unwrap())).unwrap();
            assert_eq!(bytes.len(), 12 + header + body);
            let header = std::str::from_utf8(&bytes[12..12 + header]).unwrap();
            if side == "C>" {
                ClientMessage::parse(header.as_bytes()).unwrap();
                assert_conforms("client", header);
            } else {
                ServerMessage::parse(header.as_bytes()).unwrap();
                assert_conforms("server", header);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 18);
}
