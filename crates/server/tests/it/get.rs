//! Files: every one that is served arrives whole, and no other is.

use crate::caller::{Caller, PATIENCE, open_server, options, serves_the_next, start};
use crate::processes::wait_until;
use framing_protocol::Deadlines;
use framing_protocol::client::Event;
use framing_protocol::message::{Code, Failure, Get, Text};
use framing_server::Options;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::tempdir;

fn pattern(size: u32) -> Vec<u8> {
    (0..size).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

#[test]
fn files_of_every_size_arrive_whole() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for size in [0, 1, 65_535, 65_536, 262_143, 262_144, 262_145, 5 << 20] {
        let content = pattern(size);
        fs::write(root.path().join("file"), &content).unwrap();
        let (file, got) = caller.get(&"file".into()).unwrap();
        assert!(got == content, "{size} bytes");
        assert_eq!((file.filename, file.total_size), ("file".into(), u64::from(size)));
        assert!(file.modified.unwrap() > 1_500_000_000 && file.mode.unwrap() & 0o400 != 0);
    }
}

#[test]
fn names_of_every_kind_arrive() {
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("a dir")).unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for name in [
        &b"plain.txt"[..],
        b"with spaces  in it",
        "東京 문서.txt".as_bytes(),
        b"not utf-8 \xff\xfe",
        b"-rf",
        b"line\nbreak",
        b"quote\"s'",
        b"%2e%2e",
        b"back\\slash",
        b"end.",
        b"a dir/inner file",
    ] {
        fs::write(root.path().join(OsStr::from_bytes(name)), name).unwrap();
        let (file, got) = caller.get(&Text::from(name)).unwrap();
        assert_eq!(got, name);
        assert_eq!(file.filename.as_bytes(), name.rsplit(|&byte| byte == b'/').next().unwrap());
    }
    // The same file by other spellings of its path.
    for path in ["./plain.txt", "a dir/./inner file", "a dir//inner file"] {
        assert!(caller.get(&path.into()).is_ok(), "{path}");
    }
}

#[test]
fn what_is_missing_hidden_forbidden_or_outside_is_not_found_with_one_answer() {
    let outside = tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = tempdir().unwrap();
    let path = root.path();
    fs::create_dir_all(path.join("dir/.git")).unwrap();
    fs::write(path.join("dir/.git/config"), "hidden").unwrap();
    fs::write(path.join(".hidden"), "hidden").unwrap();
    fs::write(path.join("file"), "file").unwrap();
    symlink(outside.path().join("secret"), path.join("link")).unwrap();
    symlink("file", path.join("inner-link")).unwrap();
    symlink(outside.path(), path.join("dir-link")).unwrap();
    symlink("/proc/self/root/etc/passwd", path.join("magic")).unwrap();
    let server = open_server(path);
    let mut caller = Caller::new(&server);
    let without_path =
        |failure: Failure, path: &Text| failure.message.replace(&path.to_string(), "PATH");
    let missing = Text::from("missing");
    let answer = without_path(caller.get(&missing).unwrap_err(), &missing);
    for hidden in [
        &b".hidden"[..],
        b"./.hidden",
        b"dir/.git/config",
        b".",
        b"...",
        b"link",
        b"inner-link",
        b"dir-link/secret",
        b"magic",
        b"file/",
        b"file/x",
        b"missing/x",
        b"nul\0",
        b"file\0",
        b"file\0.txt",
        b"%2e%2e/etc/passwd",
        b"\xc0\xae\xc0\xae/etc/passwd",
        b"~/x",
        &[b'x'; 300],
        &b"x/".repeat(3000),
    ] {
        let hidden = Text::from(hidden);
        let failure = caller.get(&hidden).unwrap_err();
        if hidden.as_bytes() == b"." {
            assert_eq!(failure.code, Code::NotAFile);
            continue;
        }
        assert_eq!(failure.code, Code::NotFound, "{hidden}: {failure}");
        assert_eq!(without_path(failure, &hidden), answer, "{hidden}");
    }
    for outside in [
        "/etc/passwd",
        "../../etc/passwd",
        "..",
        "../",
        "dir/../../etc/passwd",
        "dir/../file",
        "/",
        "//etc/passwd",
        "/proc/self/environ",
    ] {
        let failure = caller.get(&outside.into()).unwrap_err();
        assert_eq!(failure.code, Code::NotFound, "{outside}: {failure}");
        assert!(failure.message.contains("relative to the server's root"), "{failure}");
    }
    let absolute = outside.path().join("secret").to_str().unwrap().to_owned();
    assert_eq!(caller.get(&absolute.into()).unwrap_err().code, Code::NotFound);
    assert_eq!(caller.get(&"file".into()).unwrap().1, b"file");
}

#[test]
fn what_is_no_regular_file_is_named_and_never_waited_for() {
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("dir")).unwrap();
    mknodat(CWD, root.path().join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = UnixListener::bind(root.path().join("socket")).unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for (path, what) in [
        ("dir", "a directory"),
        ("dir/", "a directory"),
        ("", "a directory"),
        ("fifo", "a FIFO"),
        ("socket", "a socket"),
    ] {
        let failure = caller.get(&path.into()).unwrap_err();
        assert_eq!(failure.code, Code::NotAFile, "{path}: {failure}");
        assert!(failure.message.contains(what), "{path}: {failure}");
    }
    serves_the_next(&server);
}

#[test]
fn without_a_root_there_are_no_files_and_the_flag_is_named() {
    let server = start(options());
    let mut caller = Caller::new(&server);
    for failure in [caller.get(&"file".into()).unwrap_err(), caller.list("").unwrap_err()] {
        assert_eq!(failure.code, Code::Denied);
        assert!(failure.hint.unwrap().contains("--root"));
    }
}

fn change(how: &str, path: &Path) {
    match how {
        "grows" => OpenOptions::new().append(true).open(path).unwrap().write_all(b"x").unwrap(),
        "shrinks" => OpenOptions::new().write(true).open(path).unwrap().set_len(1000).unwrap(),
        "is written to" => {
            OpenOptions::new().write(true).open(path).unwrap().write_all(b"x").unwrap();
        }
        _ => fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap(),
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_an_error() {
    let root = tempdir().unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for what in ["grows", "shrinks", "is written to", "has another mode"] {
        let path = root.path().join(what);
        // More than all queues and sockets on the way hold, so that its end is still to be read.
        File::create(&path).unwrap().set_len(64 << 20).unwrap();
        let asked = caller.client().get(&Get::new(what.into())).unwrap();
        let (Event::File { .. }, _) = caller.next() else { panic!() };
        change(what, &path);
        let failure = loop {
            match caller.next() {
                (Event::Data { .. }, _) => {}
                (Event::Error { id, failure }, _) if id == asked => break failure,
                other => panic!("{what}: {other:?}"),
            }
        };
        assert_eq!(failure.code, Code::Changed, "{what}: {failure}");
    }
    // One that is replaced by another file is sent as it was.
    let path = root.path().join("replaced");
    fs::write(&path, pattern(5 << 20)).unwrap();
    let asked = caller.client().get(&Get::new("replaced".into())).unwrap();
    caller.flush();
    fs::write(root.path().join("other"), "other").unwrap();
    assert!(caller.receive(asked).is_ok_and(|(_, content)| content == pattern(5 << 20)));
}

#[test]
fn pipelined_files_and_listings_arrive_in_order() {
    let root = tempdir().unwrap();
    for n in 0..5 {
        fs::write(root.path().join(format!("file{n}")), pattern(n * 200_000)).unwrap();
    }
    let deadlines = Deadlines { ping: 100 * PATIENCE, ..Deadlines::default() };
    let options = Options { root: Some(root.path().to_owned()), deadlines, ..options() };
    let server = start(options);
    let mut caller = Caller::without_pings(&server);
    let asked: Vec<_> = (0..5)
        .map(|n| {
            let client = caller.client();
            (
                client.get(&Get::new(format!("file{n}").into())).unwrap(),
                client.list(&"".into()).unwrap(),
            )
        })
        .collect();
    for (n, (file, listing)) in (0..).zip(asked) {
        assert!(caller.receive(file).unwrap().1 == pattern(n * 200_000), "file {n}");
        assert!(matches!(caller.next(), (Event::Entries { id }, _) if id == listing));
        assert_eq!(caller.next().0, Event::EntriesEnd { id: listing });
    }
}

#[test]
fn a_transfer_can_be_cancelled_and_others_wait_their_turn() {
    let root = tempdir().unwrap();
    File::create(root.path().join("large")).unwrap().set_len(1 << 40).unwrap();
    fs::write(root.path().join("small"), "small").unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let large = caller.client().get(&Get::new("large".into())).unwrap();
    let small = caller.client().get(&Get::new("small".into())).unwrap();
    let (Event::File { file, .. }, _) = caller.next() else { panic!() };
    assert_eq!(file.total_size, 1 << 40);
    caller.client().cancel(large);
    assert_eq!(caller.receive(large).unwrap_err().code, Code::Cancelled);
    assert_eq!(caller.receive(small).unwrap().1, b"small");
}

#[test]
fn a_link_that_comes_and_goes_never_leads_outside() {
    let outside = tempdir().unwrap();
    fs::create_dir(outside.path().join("d")).unwrap();
    fs::write(outside.path().join("d/file"), "secret").unwrap();
    let root = tempdir().unwrap();
    let (real, link, shown) =
        (root.path().join("real"), root.path().join("lnk"), root.path().join("d"));
    fs::create_dir(&real).unwrap();
    fs::write(real.join("file"), "public").unwrap();
    symlink(outside.path().join("d"), &link).unwrap();
    let server = open_server(root.path());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for source in [&real, &link] {
                    fs::rename(source, &shown).unwrap();
                    fs::rename(&shown, source).unwrap();
                }
            }
        });
        let mut caller = Caller::new(&server);
        let (mut public, mut tries) = (0, 0);
        wait_until("the file was seen often enough", || {
            for _ in 0..500 {
                tries += 1;
                match caller.get(&"d/file".into()) {
                    Ok((_, content)) => {
                        assert_eq!(content, b"public");
                        public += 1;
                    }
                    Err(failure) => {
                        assert!(
                            matches!(failure.code, Code::NotFound | Code::Changed),
                            "{failure}"
                        );
                    }
                }
            }
            public > 20 && tries >= 2000
        });
        stop.store(true, Ordering::Relaxed);
    });
}
