//! The headers of a `put` and of its answers: all fields survive, and what does not fit is refused.

use framing_protocol::HeaderError;
use framing_protocol::message::{
    ClientMessage, Digest, DigestKind, Held, Put, Ready, ServerMessage, Text,
};
use proptest::prelude::*;

fn digest(kind: DigestKind, byte: u8) -> Digest {
    match kind {
        DigestKind::Blake3 => Digest::Blake3([byte; 32]),
        DigestKind::Sha256 => Digest::Sha256([byte; 32]),
        DigestKind::Md5 => Digest::Md5([byte; 16]),
    }
}

fn kind() -> impl Strategy<Value = DigestKind> {
    prop_oneof![Just(DigestKind::Blake3), Just(DigestKind::Sha256), Just(DigestKind::Md5)]
}

/// Any that makes sense.
fn put() -> impl Strategy<Value = Put> {
    let path = prop_oneof![
        any::<String>().prop_map(Text::from),
        any::<Vec<u8>>().prop_map(|bytes| Text::from(&bytes[..]))
    ];
    let state = (any::<Option<i64>>(), any::<Option<u32>>());
    (path, any::<Option<u64>>(), kind(), any::<[bool; 3]>(), state).prop_map(
        |(path, size, digest, [resume, overwrite, parents], (modified, mode))| {
            let resume = resume && size.is_some() && digest != DigestKind::Md5;
            Put { path, size, digest, resume, overwrite, parents, modified, mode }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_a_client_says_survives(id: u64, put in put(), offset: u64, kind in kind(), byte: u8) {
        for message in [
            ClientMessage::Put { id, put: put.clone() },
            ClientMessage::Begin { id, offset },
            ClientMessage::Data { id },
            ClientMessage::FileEnd { id, digest: digest(kind, byte) },
        ] {
            let json = serde_json::to_string(&message).unwrap();
            prop_assert_eq!(ClientMessage::parse(json.as_bytes()), Ok(message), "{}", json);
        }
    }

    #[test]
    fn what_a_server_says_survives(
        id: u64,
        window: u64,
        offset in 1..=u64::MAX,
        kind in kind(),
        byte: u8,
        holds: bool,
    ) {
        let held = holds.then(|| Held { offset, prefix: digest(kind, byte) });
        for message in [
            ServerMessage::Ready { id, ready: Ready { held, window } },
            ServerMessage::Stored { id, digest: digest(kind, byte) },
            ServerMessage::Verifying { id, bytes: offset },
            ServerMessage::Window { id, bytes: window },
        ] {
            let json = serde_json::to_string(&message).unwrap();
            prop_assert_eq!(ServerMessage::parse(json.as_bytes()), Ok(message), "{}", json);
        }
    }
}

#[test]
fn what_is_usual_is_left_out_and_may_be_said() {
    let short = r#"{"type":"put","id":1,"path":"a"}"#;
    let put = Put::new("a".into());
    let message = ClientMessage::Put { id: 1, put };
    assert_eq!(serde_json::to_string(&message).unwrap(), short);
    let long = r#"{"type":"put","id":1,"path":"a","size":null,"digest":"blake3","resume":false,
        "overwrite":false,"parents":false,"modified":null,"mode":null,"owner":"root"}"#;
    for header in [short, long] {
        assert_eq!(ClientMessage::parse(header.as_bytes()), Ok(message.clone()));
    }
    for header in [r#"{"type":"begin","id":1}"#, r#"{"type":"begin","id":1,"offset":0}"#] {
        let begin = ClientMessage::Begin { id: 1, offset: 0 };
        assert_eq!(serde_json::to_string(&begin).unwrap(), r#"{"type":"begin","id":1}"#);
        assert_eq!(ClientMessage::parse(header.as_bytes()), Ok(begin));
    }
    let ready = ServerMessage::Ready { id: 1, ready: Ready { held: None, window: 9 } };
    let short = r#"{"type":"ready","id":1,"window":9}"#;
    assert_eq!(serde_json::to_string(&ready).unwrap(), short);
    for header in [short, r#"{"type":"ready","id":1,"offset":0,"prefix":null,"window":9}"#] {
        assert_eq!(ServerMessage::parse(header.as_bytes()), Ok(ready.clone()));
    }
}

#[test]
fn fields_that_do_not_fit_together_or_are_of_a_wrong_type_are_refused() {
    for fields in [
        r#""path":"a","resume":true"#,
        r#""path":"a","resume":true,"size":null"#,
        r#""path":"a","resume":true,"size":3,"digest":"md5""#,
        r#""path":"a","resume":true,"digest":"sha256""#,
        r#""size":3"#,
        r#""path":null"#,
        r#""path":7"#,
        r#""path":{"b64":"YQ"}"#,
        r#""path":"a","size":-1"#,
        r#""path":"a","size":1.0"#,
        r#""path":"a","size":"1""#,
        r#""path":"a","size":18446744073709551616"#,
        r#""path":"a","digest":"sha1""#,
        r#""path":"a","digest":null"#,
        r#""path":"a","digest":{"sha256":null}"#,
        r#""path":"a","resume":null"#,
        r#""path":"a","resume":1"#,
        r#""path":"a","overwrite":"yes""#,
        r#""path":"a","overwrite":null"#,
        r#""path":"a","parents":0"#,
        r#""path":"a","parents":null"#,
        r#""path":"a","modified":1.5"#,
        r#""path":"a","modified":"now""#,
        r#""path":"a","modified":9223372036854775808"#,
        r#""path":"a","mode":-1"#,
        r#""path":"a","mode":"0644""#,
        r#""path":"a","mode":4294967296"#,
    ] {
        let header = format!(r#"{{"type":"put","id":1,{fields}}}"#);
        let error = ClientMessage::parse(header.as_bytes()).unwrap_err();
        assert!(matches!(error, HeaderError::Fields { .. }), "{header}: {error:?}");
    }
    for header in [
        r#"{"type":"put","path":"a"}"#,
        r#"{"type":"begin"}"#,
        r#"{"type":"begin","id":1,"offset":-1}"#,
        r#"{"type":"begin","id":1,"offset":null}"#,
        r#"{"type":"begin","id":1,"offset":"0"}"#,
        r#"{"type":"data"}"#,
        r#"{"type":"file_end","id":1}"#,
        r#"{"type":"file_end","id":1,"digest":null}"#,
        r#"{"type":"file_end","id":1,"digest":"md5:00"}"#,
    ] {
        let error = ClientMessage::parse(header.as_bytes()).unwrap_err();
        assert!(matches!(error, HeaderError::Fields { .. }), "{header}: {error:?}");
    }
    let prefix = r#""prefix":"md5:d41d8cd98f00b204e9800998ecf8427e""#;
    for fields in [
        format!(r#""window":1,{prefix}"#),
        format!(r#""window":1,"offset":0,{prefix}"#),
        r#""window":1,"offset":5"#.to_owned(),
        r#""window":1,"offset":5,"prefix":null"#.to_owned(),
        r#""window":1,"offset":5,"prefix":"md5:""#.to_owned(),
        format!(r#""window":1,"offset":-5,{prefix}"#),
        format!(r#""window":1,"offset":null,{prefix}"#),
        format!(r#""offset":5,{prefix}"#),
        r#""window":-1"#.to_owned(),
        r#""window":null"#.to_owned(),
        r#""window":18446744073709551616"#.to_owned(),
        String::from(r#""offset":0"#),
    ] {
        let header = format!(r#"{{"type":"ready","id":1,{fields}}}"#);
        let error = ServerMessage::parse(header.as_bytes()).unwrap_err();
        assert!(matches!(error, HeaderError::Fields { .. }), "{header}: {error:?}");
    }
    for header in [
        r#"{"type":"ready","window":1}"#,
        r#"{"type":"stored","id":1}"#,
        r#"{"type":"stored","id":1,"digest":"sha256:"}"#,
        r#"{"type":"stored","digest":"md5:d41d8cd98f00b204e9800998ecf8427e"}"#,
    ] {
        let error = ServerMessage::parse(header.as_bytes()).unwrap_err();
        assert!(matches!(error, HeaderError::Fields { .. }), "{header}: {error:?}");
    }
}
