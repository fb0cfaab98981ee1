//! Strict JSON: what is refused, what is ignored, and that all messages survive the way there and
//! back.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;

use framing_protocol::HeaderError;
use framing_protocol::message::{
    Cap, ClientMessage, Code, Command, Digest, DigestKind, Entry, EntryKind, Escaped, Exec, Exit,
    Failure, File, Get, Held, Hello, Limits, Outcome, Put, Ready, Resume, ServerMessage, Stdin,
    Text, Welcome,
};

use crate::spec::assert_conforms;

#[test]
fn refused_headers_are_told_apart() {
    type Check = fn(&HeaderError) -> bool;
    let syntax: Check = |error| matches!(error, HeaderError::Syntax(_));
    let duplicate: Check = |error| matches!(error, HeaderError::DuplicateKey(_));
    let tag: Check = |error| matches!(error, HeaderError::WrongTag(_));
    let fields: Check = |error| matches!(error, HeaderError::Fields { .. });
    let not_an_object: Check = |error| *error == HeaderError::NotAnObject;
    let no_type: Check = |error| *error == HeaderError::NoType;
    let unknown: Check = |error| matches!(error, HeaderError::Unknown { .. });
    let cases: [(&[u8], Check); 50] = [
        (b"", syntax),
        (b" ", syntax),
        (b"{", syntax),
        (b"}", syntax),
        (b"{}{}", syntax),
        (b"{} x", syntax),
        (b"{\"type\":\"upper\",\"id\":1}\0", syntax),
        (b"{\"type\":\"upper\",\"id\":1,}", syntax),
        (b"{\"type\":\"upper\" \"id\":1}", syntax),
        (b"{\"type\":\"upper\",\"id\":01}", syntax),
        (b"{\"type\":\"upper\",\"id\":+1}", syntax),
        (b"{'type':'upper','id':1}", syntax),
        (b"{\"type\":\"upper\",\"id\":1,\"x\":NaN}", syntax),
        (b"{\"type\":\"upper\",\"id\":1,\"x\":\"\xff\"}", syntax),
        (b"{\"type\":\"upper\",\"id\":1,\"x\":\"\\ud800\"}", syntax),
        (b"{\"type\":\"upper\",\"id\":1,\"x\":\"\n\"}", syntax),
        (b"{\"type\":\"upper\",\"id\":1,\"\xc0\x80\":1}", syntax),
        (b"\xef\xbb\xbf{\"type\":\"upper\",\"id\":1}", syntax),
        (b"// c\n{\"type\":\"upper\",\"id\":1}", syntax),
        (b"GET / HTTP/1.1\r\n", syntax),
        (b"[]", not_an_object),
        (b"\"upper\"", not_an_object),
        (b"1", not_an_object),
        (b"null", not_an_object),
        (b"[{\"type\":\"upper\",\"id\":1}]", not_an_object),
        (b"{}", no_type),
        (b"{\"id\":1}", no_type),
        (b"{\"Type\":\"upper\",\"id\":1}", no_type),
        (b"{\"type\":1,\"id\":1}", tag),
        (b"{\"type\":null,\"id\":1}", tag),
        (b"{\"type\":[\"upper\"],\"id\":1}", tag),
        (b"{\"type\":\"upper\",\"id\":-1}", tag),
        (b"{\"type\":\"upper\",\"id\":1.0}", tag),
        (b"{\"type\":\"upper\",\"id\":\"1\"}", tag),
        (b"{\"type\":\"upper\",\"id\":null}", tag),
        (b"{\"type\":\"upper\",\"id\":18446744073709551616}", tag),
        (b"{\"type\":\"upper\",\"id\":1e3}", tag),
        (b"{\"type\":\"upper\",\"type\":\"upper\",\"id\":1}", duplicate),
        (b"{\"type\":\"upper\",\"\\u0074ype\":\"get\",\"id\":1}", duplicate),
        (b"{\"type\":\"upper\",\"id\":1,\"id\":1}", duplicate),
        (b"{\"type\":\"upper\",\"id\":1,\"x\":1,\"x\":1}", duplicate),
        (b"{\"type\":\"upper\",\"id\":1,\"\\u0078\":1,\"x\":1}", duplicate),
        (b"{\"type\":\"upper\",\"id\":1,\"x\":[[{\"a\":{\"b\":1,\"b\":2}}]]}", duplicate),
        (b"{\"type\":\"exec\",\"id\":1,\"argv\":[],\"env\":{\"A\":\"1\",\"A\":\"2\"}}", duplicate),
        (b"{\"type\":\"upper\"}", fields),
        (b"{\"type\":\"get\",\"id\":1}", fields),
        (b"{\"type\":\"get\",\"id\":1,\"path\":7}", fields),
        (b"{\"type\":\"\",\"id\":1}", unknown),
        (b"{\"type\":\"Upper\",\"id\":1}", unknown),
        (b"{\"type\":\"welcome\",\"id\":1}", unknown),
    ];
    for (header, check) in cases {
        let error = ClientMessage::parse(header).unwrap_err();
        assert!(check(&error), "{}: {error:?}", Escaped(header));
    }
}

#[test]
fn an_error_says_what_was_found_and_what_should_stand_there() {
    for (header, text) in [
        (
            r#"{"type":1,"id":1}"#,
            "type must be a string and id an integer of 64 bits: \
             invalid type: integer `1`, expected a string at line 1 column 9",
        ),
        (
            r#"{"type":"get","id":1,"path":7}"#,
            "`get`: invalid type: integer `7`, \
             expected a string or {\"b64\": string} at line 1 column 29",
        ),
        (r#"{"type":"upper"}"#, "`upper`: missing field `id`"),
        (
            r#"{"type":"upper","id":1,}"#,
            "the header is not JSON: trailing comma at line 1 column 24",
        ),
    ] {
        assert_eq!(ClientMessage::parse(header.as_bytes()).unwrap_err().to_string(), text);
    }
}

#[test]
fn many_keys_are_compared_too() {
    let keys = |n: usize, last: &str| {
        let mut header = r#"{"type":"upper","id":1"#.to_owned();
        (0..n).for_each(|i| write!(header, r#","k{i}":0"#).unwrap());
        header + &format!(r#","{last}":0}}"#)
    };
    for n in [1, 7, 8, 9, 10, 100, 5000] {
        for repeated in [0, n / 2, n - 1] {
            for last in [format!("k{repeated}"), format!("\\u006b{repeated}")] {
                let error = ClientMessage::parse(keys(n, &last).as_bytes()).unwrap_err();
                assert!(matches!(error, HeaderError::DuplicateKey(_)), "{n} {last}: {error:?}");
            }
        }
        assert!(ClientMessage::parse(keys(n, "other").as_bytes()).is_ok(), "{n}");
    }
}

#[test]
fn thirty_two_levels_pass_and_one_more_does_not() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for (levels, passes) in [(30, true), (31, true), (32, false), (100, false), (20_000, false)]
        {
            let inner = if open == "[" { "" } else { "1" };
            let nest = format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
            let header = format!(r#"{{"type":"upper","id":1,"x":{nest}}}"#);
            match ClientMessage::parse(header.as_bytes()) {
                Ok(_) => assert!(passes, "{levels}"),
                Err(error) => {
                    assert!(!passes && error == HeaderError::TooDeep, "{levels}: {error}");
                }
            }
        }
    }
}

#[test]
fn unknown_fields_are_ignored_and_an_unknown_type_keeps_its_id() {
    let header =
        br#" {"x":{"type":"get","id":[2]},"id":7,"y":[1,-2,3.5,true,null,"s"],"type":"upper"} "#;
    assert_eq!(ClientMessage::parse(header), Ok(ClientMessage::Upper { id: 7 }));
    for (header, expected) in
        [(r#"{"type":"teleport","id":9}"#, Some(9)), (r#"{"type":"teleport"}"#, None)]
    {
        let unknown = HeaderError::Unknown { kind: "teleport".to_owned(), id: expected };
        assert_eq!(ClientMessage::parse(header.as_bytes()), Err(unknown.clone()));
        assert_eq!(ServerMessage::parse(header.as_bytes()), Err(unknown));
    }
}

#[test]
fn a_word_is_a_string_and_nothing_else() {
    let exec = |stdin: &str| format!(r#"{{"type":"exec","id":1,"argv":["a"],"stdin":{stdin}}}"#);
    assert!(ClientMessage::parse(exec(r#""piped""#).as_bytes()).is_ok());
    let exit =
        |outcome: &str| format!(r#"{{"type":"exit","id":1,"outcome":{outcome},"duration_ms":1}}"#);
    assert!(ServerMessage::parse(exit(r#""not_found""#).as_bytes()).is_ok());
    let entry = |kind: &str| format!(r#"{{"name":"a","kind":{kind},"size":1}}"#);
    let read = |json: String| Entry::lines(json.as_bytes()).next().unwrap();
    assert_eq!(read(entry(r#""file""#)).unwrap().kind, EntryKind::File);
    assert_eq!(read(entry(r#""door""#)).unwrap().kind, EntryKind::Other);
    for word in ["piped", "not_found", "file"] {
        for lax in [format!(r#"{{"{word}":null}}"#), format!(r#"["{word}"]"#), "null".to_owned()] {
            let parsed = ClientMessage::parse(exec(&lax).as_bytes());
            assert!(matches!(parsed, Err(HeaderError::Fields { .. })), "{lax}: {parsed:?}");
            let parsed = ServerMessage::parse(exit(&lax).as_bytes());
            assert!(matches!(parsed, Err(HeaderError::Fields { .. })), "{lax}: {parsed:?}");
            assert!(read(entry(&lax)).is_err(), "{lax}");
        }
    }
}

#[test]
fn every_client_message_survives() {
    let exec = Exec {
        command: Command::Argv(vec![
            "-c".into(),
            vec![0xff, 0].into(),
            "a\"b\\c\n".into(),
            "".into(),
        ]),
        env: BTreeMap::from([("LANG".to_owned(), "C".into()), ("X".to_owned(), vec![0xfe].into())]),
        cwd: Some("sub dir".into()),
        stdin: Stdin::Piped,
        timeout: Some(Duration::from_millis(1500)),
        detach: false,
    };
    let named = Command::Named { name: "deploy".to_owned(), args: vec!["v1".into(), "".into()] };
    let prefix = Digest::Sha256([7; 32]);
    let resume = Resume { offset: 1 << 40, etag: Some("\"a\"".to_owned()), prefix };
    let get = Get::new("a".into());
    let resumed = Get { resume: Some(resume), digest: DigestKind::Md5, ..get };
    let detached = Exec { detach: true, ..Exec::new(named) };
    let full_put = Put {
        path: vec![b'a', 0xff].into(),
        size: Some(u64::MAX),
        digest: DigestKind::Sha256,
        resume: true,
        overwrite: true,
        parents: true,
        modified: Some(i64::MIN),
        mode: Some(0o100_644),
    };
    let messages = [
        ClientMessage::Hello(Hello { version: 1, agent: "\u{1b}[31m".to_owned(), pairing: true }),
        ClientMessage::Upper { id: u64::MAX },
        ClientMessage::Exec { id: 1, exec },
        ClientMessage::Exec { id: 2, exec: Exec::new(Command::Shell("echo \u{6f22}".into())) },
        ClientMessage::Exec { id: 3, exec: detached },
        ClientMessage::Stdin { id: 3 },
        ClientMessage::StdinEnd { id: 4 },
        ClientMessage::Signal { id: 5, name: "INT".to_owned() },
        ClientMessage::Get { id: 6, get: Get::new(vec![b'/', 0xff].into()) },
        ClientMessage::Get { id: 7, get: resumed },
        ClientMessage::Put { id: 8, put: full_put },
        ClientMessage::Begin { id: 8, offset: 1 << 40 },
        ClientMessage::Data { id: 8 },
        ClientMessage::FileEnd { id: 8, digest: Digest::Sha256([0xf0; 32]) },
        ClientMessage::List { id: 7, path: "".into() },
        ClientMessage::Stat { id: 7, path: vec![b'a', 0xff].into() },
        ClientMessage::Cancel { id: 8 },
        ClientMessage::Ping { id: 9 },
        ClientMessage::Pong { id: 0 },
    ];
    for message in messages {
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(ClientMessage::parse(json.as_bytes()), Ok(message), "{json}");
        assert_conforms("client", &json);
    }
}

#[test]
fn every_server_message_survives() {
    let exit = |outcome| Exit { outcome, truncated: false, duration: Duration::from_millis(7) };
    let held = Held { offset: u64::MAX, prefix: Digest::Md5([1; 16]) };
    let messages = [
        ServerMessage::Welcome(Welcome {
            version: 1,
            agent: "s".to_owned(),
            roles: vec!["echo".to_owned()],
            limits: Limits::default(),
        }),
        ServerMessage::Upper { id: 1 },
        ServerMessage::Started { id: 2, pid: 77, window: 262_144 },
        ServerMessage::Stdout { id: 3 },
        ServerMessage::Stderr { id: 4 },
        ServerMessage::Window { id: 5, bytes: 65_536 },
        ServerMessage::Exit { id: 6, exit: exit(Outcome::Exited { code: -1 }) },
        ServerMessage::Exit {
            id: 6,
            exit: exit(Outcome::Signalled { signal: 9, name: "KILL".to_owned() }),
        },
        ServerMessage::Exit { id: 6, exit: Exit { truncated: true, ..exit(Outcome::TimedOut) } },
        ServerMessage::Exit { id: 6, exit: exit(Outcome::CapExceeded { cap: Cap::RunTime }) },
        ServerMessage::Exit { id: 6, exit: exit(Outcome::Detached) },
        ServerMessage::Exit { id: 6, exit: exit(Outcome::NotFound) },
        ServerMessage::Exit { id: 6, exit: exit(Outcome::NotExecutable) },
        ServerMessage::File {
            id: 7,
            file: File {
                offset: u64::MAX - 1,
                etag: Some("\u{e9}".to_owned()),
                modified: Some(-1),
                mode: Some(0o644),
                ..File::new(vec![0xff].into(), u64::MAX)
            },
        },
        ServerMessage::Data { id: 8 },
        ServerMessage::Verifying { id: 7, bytes: 1 << 40 },
        ServerMessage::FileEnd { id: 9, digest: Digest::Blake3([0x0f; 32]) },
        ServerMessage::FileEnd { id: 9, digest: Digest::Sha256([0xf0; 32]) },
        ServerMessage::FileEnd { id: 9, digest: Digest::Md5([0x0f; 16]) },
        ServerMessage::Ready { id: 9, ready: Ready { held: None, window: u64::MAX } },
        ServerMessage::Ready { id: 9, ready: Ready { held: Some(held), window: 0 } },
        ServerMessage::Stored { id: 9, digest: Digest::Md5([0xf0; 16]) },
        ServerMessage::Entries { id: 10 },
        ServerMessage::EntriesEnd { id: 11 },
        ServerMessage::Entry { id: 11, entry: Entry::new(".".into(), EntryKind::Directory, 0) },
        ServerMessage::Entry {
            id: 11,
            entry: Entry {
                modified: Some(-1),
                mode: Some(0o1777),
                ..Entry::new(vec![0xff].into(), EntryKind::Symlink, u64::MAX)
            },
        },
        ServerMessage::Error {
            id: Some(12),
            failure: Failure::new(Code::Other("tea_pot".to_owned()), "short and stout")
                .hint("pour"),
        },
        ServerMessage::Error { id: None, failure: Failure::new(Code::Io, "") },
        ServerMessage::Goaway { reason: "drain".to_owned(), last_id: 3 },
        ServerMessage::Ping { id: 13 },
        ServerMessage::Pong { id: 14 },
    ];
    for message in messages {
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(ServerMessage::parse(json.as_bytes()), Ok(message), "{json}");
        assert_conforms("server", &json);
    }
}

#[test]
fn fields_that_do_not_fit_together_are_refused() {
    for header in [
        r#"{"type":"get","id":1}"#,
        r#"{"type":"get","id":1,"path":"a","offset":1}"#,
        r#"{"type":"get","id":1,"path":"a","prefix":"md5:d41d8cd98f00b204e9800998ecf8427e"}"#,
        r#"{"type":"get","id":1,"path":"a","offset":1,"prefix":"md5:d41d8cd98f00b204e9800998ecf8427e"}"#,
        r#"{"type":"get","id":1,"path":"a","digest":"sha1"}"#,
        r#"{"type":"get","id":1,"path":"a","digest":null}"#,
        r#"{"type":"put","id":1,"path":"a","resume":true}"#,
        r#"{"type":"stat","id":1}"#,
        r#"{"type":"stat","id":1,"path":null}"#,
        r#"{"type":"exec","id":1}"#,
        r#"{"type":"exec","id":1,"argv":["a"],"shell":"a"}"#,
        r#"{"type":"exec","id":1,"argv":["a"],"named":"a"}"#,
        r#"{"type":"exec","id":1,"shell":"a","named":"a"}"#,
        r#"{"type":"exec","id":1,"args":["a"]}"#,
        r#"{"type":"exec","id":1,"argv":["a"],"detach":1}"#,
        r#"{"type":"exec","id":1,"argv":"a"}"#,
        r#"{"type":"exec","id":1,"argv":[1]}"#,
        r#"{"type":"exec","id":1,"argv":["a"],"stdin":"tty"}"#,
        r#"{"type":"exec","id":1,"argv":["a"],"timeout_ms":-1}"#,
        r#"{"type":"exec","id":1,"argv":["a"],"env":["A=1"]}"#,
        r#"{"type":"hello","version":"1"}"#,
        r#"{"type":"hello"}"#,
        r#"{"type":"signal","id":1}"#,
    ] {
        let error = ClientMessage::parse(header.as_bytes()).unwrap_err();
        assert!(matches!(error, HeaderError::Fields { .. }), "{header}: {error:?}");
    }
    for header in [
        r#"{"type":"verifying","id":1}"#,
        r#"{"type":"ready","id":1,"offset":1,"window":1}"#,
        r#"{"type":"file","id":1,"filename":"a","total_size":1,"offset":-1}"#,
        r#"{"type":"exit","id":1,"outcome":"exited","duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"exited","code":1,"signal":9,"duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"signalled","code":1,"duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"vanished","duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"signalled","signal":0,"duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"signalled","signal":-3,"duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"cap_exceeded","duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"cap_exceeded","cap":"luck","duration_ms":1}"#,
        r#"{"type":"exit","id":1,"outcome":"timed_out","cap":"cpu","duration_ms":1}"#,
        r#"{"type":"file","id":1,"filename":"a","total_size":-1}"#,
        r#"{"type":"file_end","id":1,"digest":"md5:00"}"#,
        r#"{"type":"window","id":1,"bytes":1.5}"#,
        r#"{"type":"error","id":1,"message":"no code"}"#,
    ] {
        let error = ServerMessage::parse(header.as_bytes()).unwrap_err();
        assert!(matches!(error, HeaderError::Fields { .. }), "{header}: {error:?}");
    }
}

#[test]
fn text_has_two_shapes_and_no_more() {
    let text = |json: &str| serde_json::from_str::<Text>(json);
    assert_eq!(text(r#""caf\u00e9\u0000""#).unwrap().as_bytes(), "caf\u{e9}\0".as_bytes());
    assert_eq!(text(r#"{"b64":"/wA="}"#).unwrap().as_bytes(), [0xff, 0]);
    assert_eq!(text(r#"{"b64":"YQ=="}"#).unwrap(), Text::from("a"));
    assert_eq!(text(r#"{"b64":""}"#).unwrap(), Text::default());
    for bad in [
        "1",
        "null",
        "[]",
        "[97]",
        "{}",
        "true",
        r#"{"b64":1}"#,
        r#"{"b64":"YQ"}"#,
        r#"{"b64":"YQ==\n"}"#,
        r#"{"b64":"Y_=="}"#,
        r#"{"b64":"YR=="}"#,
        r#"{"b32":"AA=="}"#,
        r#"{"b64":"YQ==","x":1}"#,
        r#"{"x":1,"b64":"YQ=="}"#,
    ] {
        assert!(text(bad).is_err(), "{bad}");
    }
}

#[test]
fn text_is_made_of_and_given_as_what_there_is() {
    let (bytes, text) = (vec![b'a', 0xff], Text::from(&[b'a', 0xff][..]));
    assert_eq!(text, Text::from(bytes.clone()));
    assert_eq!(text.as_str(), None);
    assert_eq!(text.into_bytes(), bytes);
    assert_eq!(Text::from("caf\u{e9}".to_owned()).as_str(), Some("caf\u{e9}"));
    assert_eq!(format!("{:?}", Text::from("a\u{1b}")), r#"Text("a\u{1b}")"#);
}

#[test]
fn digests_and_codes_have_one_spelling() {
    let digest = Digest::Blake3(core::array::from_fn(|i| u8::try_from(i * 8).unwrap()));
    assert_eq!(digest.to_string().parse(), Ok(digest));
    let good = digest.to_string();
    for bad in [
        good.to_uppercase(),
        good.replace("blake3:", "md5:"),
        good.replace("blake3:", "sha512:"),
        good.replace("blake3:", ""),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        format!("{good}00"),
        good.replacen('0', "g", 1),
        String::new(),
        "blake3:".to_owned(),
    ] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
    for word in ["denied", "not_found", "timeout", "shutting_down", "no_such_word", ""] {
        assert_eq!(Code::from(word).as_str(), word);
    }
    assert_eq!(Code::from("not_a_file"), Code::NotAFile);
    assert!(matches!(Code::from("NOT_A_FILE"), Code::Other(_)));
}

#[test]
fn entry_lines_are_as_strict_as_headers() {
    let lines = |body: &str| Entry::lines(body.as_bytes()).collect::<Result<Vec<_>, _>>();
    let line = r#"{"name":"a b","kind":"socket-of-tomorrow","size":0,"id":"x","type":[]}"#;
    let entry = Entry::new("a b".into(), EntryKind::Other, 0);
    assert_eq!(lines(&format!("{line}\n{line}")), Ok(vec![entry.clone(), entry]));
    assert_eq!(lines(""), Ok(vec![]));
    for bad in [
        "\n",
        r#"["a","file",0]"#,
        r#"{"name":"a","name":"b","kind":"file","size":0}"#,
        r#"{"name":"a","kind":"file","size":0,"x":{"a":1,"a":1}}"#,
        r#"{"name":"a","kind":"file"}"#,
        r#"{"name":"a","kind":"file","size":0}{}"#,
    ] {
        assert!(lines(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_peers_write_cannot_drive_a_terminal() {
    let failure = Failure::new(Code::Other("\u{1b}c".to_owned()), "a\u{1b}[2J\u{202e}b\r\u{9b}1m");
    let shown = r"a\u{1b}[2J\u{202e}b\u{d}\u{9b}1m (\u{1b}c)";
    assert_eq!(failure.to_string(), shown);
    for shown in [
        Text::from("a\u{1b}\u{7}\u{2066}\u{feff}\u{7f}\u{e0041}").to_string(),
        format!("{:?}", Text::from(vec![0x9b, 0xc2, 0x9b, b'\n'])),
    ] {
        let tame = |c: char| {
            !c.is_control() && !matches!(c, '\u{202e}' | '\u{2066}' | '\u{feff}' | '\u{e0041}')
        };
        assert!(shown.chars().all(tame), "{shown:?}");
    }
    assert_eq!(
        Text::from("\u{6f22}\u{5b57} na\u{ef}ve").to_string(),
        "\u{6f22}\u{5b57} na\u{ef}ve"
    );
}

#[test]
fn text_keeps_the_bytes_it_was_made_of() {
    for bytes in [&b"name"[..], b"", b"caf\xE9", b"a\0b"] {
        let text = Text::from(bytes);
        assert_eq!(text, Text::from(bytes.to_vec()));
        assert_eq!(text.as_str(), std::str::from_utf8(bytes).ok());
        let wire = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Text>(&wire).unwrap().into_bytes(), bytes);
    }
}
