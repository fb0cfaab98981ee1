//! `put`: a file is there whole, under its name, or not at all.

use crate::caller::{Caller, options, serves_the_next, start};
use crate::daemon::{Daemon, binary};
use crate::guests::{Guest, Host};
use crate::processes::wait_until;
use framing_protocol::Hasher;
use framing_protocol::Id;
use framing_protocol::client::Event;
use framing_protocol::message::{Code, Digest, DigestKind, Failure, Held, Put, Text};
use framing_server::{Options, Running};
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::{TempDir, tempdir};

fn writable(root: &Path) -> Running {
    start(Options { root: Some(root.into()), writable: true, ..options() })
}

fn served() -> (TempDir, Running) {
    let root = tempdir().unwrap();
    let server = writable(root.path());
    (root, server)
}

fn content(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

fn digest(kind: DigestKind, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(kind);
    hasher.update(bytes);
    hasher.finish()
}

fn sized(path: &str, bytes: &[u8]) -> Put {
    Put { size: Some(bytes.len() as u64), ..Put::new(path.into()) }
}

/// Waits until the server is ready, and tells what it holds.
fn ready(caller: &mut Caller, put: &Put) -> Result<(Id, Option<Held>), Failure> {
    // What was sent in vain is on its way still.
    while caller.client().room() == 0 {
        caller.turn(Duration::from_secs(10));
    }
    let asked = caller.client().put(put).unwrap();
    loop {
        match caller.next() {
            (Event::Verifying { id, .. }, _) if id == asked => {}
            (Event::Ready { id, held }, _) if id == asked => return Ok((id, held)),
            (Event::Error { id, failure }, _) if id == asked => return Err(failure),
            other => panic!("{other:?}"),
        }
    }
}

/// Sends bytes as there is credit. An error may come meanwhile.
fn send(caller: &mut Caller, id: Id, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match caller.client().data(id, bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(_) => return Err(failed(caller, id)),
        }
        if !bytes.is_empty() {
            match caller.poll() {
                Some((Event::Error { failure, .. }, _)) => return Err(failure),
                Some((Event::Window { .. }, _)) => {}
                Some(other) => panic!("{other:?}"),
                None => {
                    caller.flush();
                    let can_go_on = caller.client().room() > 0 && caller.client().credit(id) > 0;
                    caller.turn(Duration::from_secs(if can_go_on { 0 } else { 10 }));
                }
            }
        }
    }
    Ok(())
}

fn failed(caller: &mut Caller, asked: Id) -> Failure {
    loop {
        match caller.next() {
            (Event::Error { id, failure }, _) if id == asked => return failure,
            (Event::Window { .. }, _) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn end(caller: &mut Caller, asked: Id, digest: Digest) -> Result<(), Failure> {
    caller.client().file_end(asked, digest).unwrap();
    loop {
        match caller.next() {
            (Event::Stored { id }, _) if id == asked => return Ok(()),
            (Event::Error { id, failure }, _) if id == asked => return Err(failure),
            (Event::Window { .. }, _) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// All of it, from the beginning on.
fn put(caller: &mut Caller, put: &Put, bytes: &[u8]) -> Result<(), Failure> {
    let (id, _) = ready(caller, put)?;
    caller.client().begin(id, 0).unwrap();
    send(caller, id, bytes)?;
    end(caller, id, digest(put.digest, bytes))
}

/// Part of it, so that it is there on the other side.
fn put_some(caller: &mut Caller, put: &Put, bytes: &[u8]) {
    let (id, _) = ready(caller, put).unwrap();
    caller.client().begin(id, 0).unwrap();
    send(caller, id, bytes).unwrap();
    assert!(caller.client().ping().is_ok());
    while !matches!(caller.next(), (Event::Pong { .. }, _)) {}
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|e| name(e.unwrap())).collect();
    names.sort();
    names
}

fn hides_something(directory: &Path) -> bool {
    names(directory).iter().any(|name| name.starts_with('.'))
}

#[test]
fn it_arrives_whole_with_its_permissions_and_its_date() {
    let (root, server) = served();
    let mut caller = Caller::new(&server);
    for (length, kind, mode) in [
        (0, DigestKind::Blake3, 0o600),
        (1, DigestKind::Sha256, 0o700),
        (700_001, DigestKind::Md5, 0o640),
        (9 << 20, DigestKind::Blake3, 0o400),
    ] {
        for size in [Some(length as u64), None] {
            let bytes = content(length);
            let name = format!("file {length} {size:?}");
            let brought = Put {
                size,
                digest: kind,
                mode: Some(mode | 0o7000),
                modified: Some(-5),
                ..Put::new(name.as_str().into())
            };
            put(&mut caller, &brought, &bytes).unwrap();
            let path = root.path().join(&name);
            assert!(fs::read(&path).unwrap() == bytes, "{name}");
            let metadata = path.metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{name}");
            assert_eq!(metadata.mtime(), -5);
            // And back again.
            assert!(caller.get(&name.as_str().into()).unwrap().1 == bytes);
        }
    }
    assert!(!hides_something(root.path()));
    assert_eq!(caller.upper(b"and on").unwrap(), "AND ON");
}

#[test]
fn it_is_refused_unless_the_server_was_started_for_it_and_the_client_may() {
    let root = tempdir().unwrap();
    let server = start(Options { root: Some(root.path().into()), ..options() });
    let failure = put(&mut Caller::new(&server), &sized("a", b"a"), b"a").unwrap_err();
    assert_eq!(failure.code, Code::Denied);
    assert!(failure.hint.unwrap().contains("--writable"));
    let host =
        Host::new(|options| Options { root: Some(root.path().into()), writable: true, ..options });
    let guest = Guest::new();
    host.authorize(&guest, "roles=files");
    let (mut caller, roles) = host.welcomes(&guest);
    assert_eq!(roles, ["files"]);
    let failure = put(&mut caller, &sized("a", b"a"), b"a").unwrap_err();
    assert_eq!(failure.code, Code::Denied);
    assert!(failure.hint.unwrap().contains("--roles files,files:write"));
    assert!(names(root.path()).is_empty());
    let writer = Guest::new();
    host.authorize(&writer, "roles=files:write");
    let (mut caller, _) = host.welcomes(&writer);
    put(&mut caller, &sized("a", b"a"), b"a").unwrap();
    // To write is not to read.
    assert_eq!(caller.get(&"a".into()).unwrap_err().code, Code::Denied);
}

#[test]
fn what_is_there_stays_unless_it_may_be_replaced() {
    let (root, server) = served();
    let path = |name: &str| root.path().join(name);
    let mut caller = Caller::new(&server);
    fs::write(path("file"), "old").unwrap();
    fs::create_dir(path("directory")).unwrap();
    symlink("file", path("link")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    let fifo = Command::new("mkfifo").arg(path("fifo")).status();
    assert!(fifo.unwrap().success());
    for (name, code, over) in [
        ("file", Code::Exists, Ok(())),
        ("link", Code::Exists, Ok(())),
        ("dangling", Code::Exists, Ok(())),
        ("directory", Code::NotAFile, Err(Code::NotAFile)),
        ("fifo", Code::Exists, Err(Code::NotAFile)),
    ] {
        let brought = sized(name, b"new");
        // Before anything is sent.
        assert_eq!(ready(&mut caller, &brought).unwrap_err().code, code, "{name}");
        let brought = Put { overwrite: true, ..brought };
        let replaced = put(&mut caller, &brought, b"new").map_err(|failure| failure.code);
        assert_eq!(replaced, over, "{name}");
        if over.is_ok() {
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "new", "{name}");
            assert!(path(name).symlink_metadata().unwrap().is_file());
        }
    }
    assert!(!path("nowhere").exists());
    assert!(!hides_something(root.path()));
}

#[test]
fn what_appears_meanwhile_is_not_replaced_either() {
    let (root, server) = served();
    let mut caller = Caller::new(&server);
    let path = root.path().join("file");
    for overwrite in [false, true] {
        let brought = Put { overwrite, ..sized("file", b"new") };
        let (id, _) = ready(&mut caller, &brought).unwrap();
        caller.client().begin(id, 0).unwrap();
        send(&mut caller, id, b"new").unwrap();
        fs::write(&path, "other").unwrap();
        let ended = end(&mut caller, id, digest(DigestKind::Blake3, b"new"));
        if overwrite {
            ended.unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
        } else {
            assert_eq!(ended.unwrap_err().code, Code::Exists);
            assert_eq!(fs::read(&path).unwrap(), b"other");
        }
        assert_eq!(names(root.path()), ["file"]);
    }
}

#[test]
fn what_came_damaged_gets_no_name() {
    let (root, server) = served();
    let mut caller = Caller::new(&server);
    for resume in [false, true] {
        let bytes = content(100_000);
        let (id, _) = ready(&mut caller, &Put { resume, ..sized("file", &bytes) }).unwrap();
        caller.client().begin(id, 0).unwrap();
        send(&mut caller, id, &bytes).unwrap();
        let failure = end(&mut caller, id, Digest::Blake3([0; 32])).unwrap_err();
        assert_eq!(failure.code, Code::Damaged);
        assert!(names(root.path()).is_empty());
    }
    assert_eq!(caller.upper(b"and on").unwrap(), "AND ON");
}

#[test]
fn it_goes_on_behind_what_came_of_an_earlier_try() {
    let (root, server) = served();
    let bytes = content(1 << 20);
    for kind in [DigestKind::Blake3, DigestKind::Sha256] {
        for (held, begin) in [(65_536, true), (700_000, true), (1 << 20, true), (300_000, false)] {
            let brought = Put {
                resume: true,
                digest: kind,
                overwrite: true,
                mode: Some(0o644),
                ..sized("file", &bytes)
            };
            let mut caller = Caller::new(&server);
            put_some(&mut caller, &brought, &bytes[..held]);
            // Not under its name, and nothing that a client could see.
            let seen = Caller::new(&server).list(".").unwrap();
            assert!(seen.iter().all(|entry| entry.name.as_bytes() == b"file"), "{seen:?}");
            caller.hang_up();
            let mut caller = Caller::new(&server);
            let found = wait_for_part(&mut caller, &brought);
            let (id, offered) = found;
            let offered = offered.unwrap();
            assert_eq!(offered, Held { offset: held as u64, prefix: digest(kind, &bytes[..held]) });
            let from = if begin { held } else { 0 };
            caller.client().begin(id, from as u64).unwrap();
            send(&mut caller, id, &bytes[from..]).unwrap();
            end(&mut caller, id, digest(kind, &bytes)).unwrap();
            assert!(fs::read(root.path().join("file")).unwrap() == bytes);
            assert_eq!(names(root.path()), ["file"]);
        }
    }
}

/// The server may not have noticed yet that the connection before is gone.
fn wait_for_part(caller: &mut Caller, brought: &Put) -> (Id, Option<Held>) {
    for _ in 0..200 {
        match ready(caller, brought) {
            Ok(found) => return found,
            Err(failure) => assert_eq!(failure.code, Code::Busy, "{failure}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it is busy for ever");
}

#[test]
fn nothing_is_offered_that_is_not_of_the_same_client_and_of_use() {
    let root = tempdir().unwrap();
    let host =
        Host::new(|options| Options { root: Some(root.path().into()), writable: true, ..options });
    let guests = [Guest::new(), Guest::new()];
    for guest in &guests {
        host.authorize(guest, "roles=files:write");
    }
    let call = |guest: &Guest| host.welcomes(guest).0;
    let bytes = content(200_000);
    let brought = Put { resume: true, ..sized("file", &bytes) };
    let mut caller = call(&guests[0]);
    put_some(&mut caller, &brought, &bytes[..100_000]);
    // Somebody else's is another file, even at the same time.
    let mut other = call(&guests[1]);
    let (id, held) = ready(&mut other, &brought).unwrap();
    assert_eq!(held, None);
    other.client().cancel(id);
    assert_eq!(failed(&mut other, id).code, Code::Cancelled);
    // The same client's own is busy.
    let mut again = call(&guests[0]);
    assert_eq!(ready(&mut again, &brought).unwrap_err().code, Code::Busy);
    caller.hang_up();
    // A file that is shorter than what is there is another one.
    let shorter = Put { resume: true, ..sized("file", &bytes[..99_999]) };
    let (id, held) = wait_for_part(&mut again, &shorter);
    assert_eq!(held, None);
    again.client().cancel(id);
    failed(&mut again, id);
    wait_until("what is of no use is removed", || names(root.path()).is_empty());
    // Too little, or not meant to be gone on with.
    for (brought, length) in [(&brought, 65_535), (&sized("file", &bytes), 100_000)] {
        let mut caller = call(&guests[0]);
        put_some(&mut caller, brought, &bytes[..length]);
        assert_eq!(names(root.path()).len(), 1);
        caller.hang_up();
        wait_until("it is removed", || names(root.path()).is_empty());
    }
}

#[test]
fn no_more_is_taken_than_the_server_was_told() {
    let root = tempdir().unwrap();
    let server = start(Options {
        root: Some(root.path().into()),
        writable: true,
        max_upload: Some(100_000),
        ..options()
    });
    let mut caller = Caller::new(&server);
    let bytes = content(100_001);
    // Before anything is sent, where the size is known; as soon as it is too much, where it is not.
    assert_eq!(ready(&mut caller, &sized("file", &bytes)).unwrap_err().code, Code::TooLarge);
    let unknown = Put::new("file".into());
    assert_eq!(put_too_much(&mut caller, &unknown, &bytes).code, Code::TooLarge);
    assert!(names(root.path()).is_empty());
    put(&mut caller, &sized("file", &bytes[1..]), &bytes[1..]).unwrap();
    put(&mut caller, &Put::new("other".into()), &bytes[1..]).unwrap();
}

/// Sends more than is taken, and gives the error.
fn put_too_much(caller: &mut Caller, brought: &Put, bytes: &[u8]) -> Failure {
    let (id, _) = ready(caller, brought).unwrap();
    caller.client().begin(id, 0).unwrap();
    match send(caller, id, bytes) {
        Err(failure) => failure,
        Ok(()) => failed(caller, id),
    }
}

#[test]
fn a_full_disk_is_told_before_or_when_it_is_full_and_nothing_stays() {
    let root = tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        Command::new("mount").args(arguments).arg(root.path()).stderr(Stdio::null()).status()
    };
    if !mount(&["-t", "tmpfs", "-o", "size=2m", "none"]).is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can make a small file system");
        return;
    }
    let server = writable(root.path());
    let mut caller = Caller::new(&server);
    let bytes = content(4 << 20);
    let early = ready(&mut caller, &sized("file", &bytes)).map(|_| ());
    let after_early = names(root.path());
    let late = put_too_much(&mut caller, &Put::new("file".into()), &bytes);
    let after_late = names(root.path());
    let fits = put(&mut caller, &sized("file", &bytes[..1 << 20]), &bytes[..1 << 20]);
    drop(caller);
    server.stop().unwrap();
    let unmounted = Command::new("umount").arg(root.path()).status();
    assert!(unmounted.unwrap().success());
    let early = early.unwrap_err();
    assert_eq!((early.code, late.code), (Code::NoSpace, Code::NoSpace));
    assert!(early.message.contains("4194304 bytes are to come"), "{}", early.message);
    assert!(after_early.is_empty() && after_late.is_empty(), "{after_early:?} {after_late:?}");
    fits.unwrap();
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_not_the_end_of_the_server() {
    let root = tempdir().unwrap();
    let mut command = Command::new("prlimit");
    let program = binary().get_program().to_owned();
    command.arg("--fsize=100000").arg(program).args(["--writable", "--listen", "127.0.0.1:0"]);
    for (name, value) in binary().get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let daemon = Daemon::start(command.arg("--root").arg(root.path()), 1);
    let mut caller = Caller::at(daemon.addresses[0]);
    let bytes = content(100_001);
    assert_eq!(ready(&mut caller, &sized("file", &bytes)).unwrap_err().code, Code::TooLarge);
    let late = put_too_much(&mut caller, &Put::new("file".into()), &bytes);
    assert_eq!(late.code, Code::TooLarge, "{late}");
    assert!(names(root.path()).is_empty());
    put(&mut caller, &sized("file", b"small"), b"small").unwrap();
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    let root = tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        Command::new("mount").args(arguments).arg(root.path()).stderr(Stdio::null()).status()
    };
    if !mount(&["-t", "tmpfs", "-o", "ro", "none"]).is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can make a file system that cannot be written");
        return;
    }
    let server = writable(root.path());
    let failure = ready(&mut Caller::new(&server), &sized("file", b"x")).map(|_| ());
    server.stop().unwrap();
    assert!(Command::new("umount").arg(root.path()).status().unwrap().success());
    assert_eq!(failure.unwrap_err().code, Code::Denied);
}

#[test]
fn paths_stay_below_the_root_and_hidden_names_are_not_taken() {
    let dir = tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    symlink("../outside", root.join("link")).unwrap();
    fs::write(root.join("file"), "x").unwrap();
    let server = writable(&root);
    let mut caller = Caller::new(&server);
    let long = "n".repeat(256);
    for (path, code) in [
        ("/etc/file", Code::BadPath),
        ("../file", Code::BadPath),
        ("sub/../../file", Code::BadPath),
        ("sub/..", Code::BadPath),
        (".hidden", Code::BadPath),
        ("sub/.hidden/file", Code::BadPath),
        (".framing-00000000000000000000000000000000.part", Code::BadPath),
        ("", Code::NotAFile),
        (".", Code::NotAFile),
        ("sub/", Code::NotAFile),
        ("new/", Code::NotAFile),
        ("link/file", Code::NotFound),
        ("new/file", Code::NotFound),
        ("a\0b", Code::NotFound),
        ("file/file", Code::NotADirectory),
        (&long, Code::BadPath),
    ] {
        for parents in [false, true] {
            let brought = Put { parents, ..sized(path, b"x") };
            let put = ready(&mut caller, &brought).map(|(id, _)| {
                caller.client().cancel(id);
                failed(&mut caller, id);
            });
            match put {
                Ok(()) => assert!(parents && path == "new/file", "{path:?}"),
                Err(failure) if parents && code == Code::NotFound => {
                    assert!(failure.code != Code::Exists, "{path:?}: {failure}");
                }
                Err(failure) => assert_eq!(failure.code, code, "{path:?}: {failure}"),
            }
        }
    }
    assert!(fs::read_dir(dir.path().join("outside")).unwrap().next().is_none());
    let mut caller = Caller::new(&server);
    let longest = "n".repeat(255);
    put(&mut caller, &sized(&longest, b"x"), b"x").unwrap();
    let odd = Put { size: Some(1), ..Put::new(Text::from(&b"a\xff\n\x1b[31m"[..])) };
    put(&mut caller, &odd, b"x").unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff\n\x1b[31m");
    assert_eq!(fs::read(root.join(odd)).unwrap(), b"x");
}

#[test]
fn what_is_missing_of_the_path_is_made_if_that_is_asked_for() {
    let (root, server) = served();
    let mut caller = Caller::new(&server);
    for path in ["a/b/c/file", "a/b/other", "./a//b/./third"] {
        put(&mut caller, &Put { parents: true, ..sized(path, b"x") }, b"x").unwrap();
        assert_eq!(fs::read(root.path().join(path)).unwrap(), b"x");
    }
}

#[test]
fn what_nobody_came_back_for_is_removed_in_the_end() {
    let (root, server) = served();
    let make = |name: &str, age: u64| {
        let file = File::create(root.path().join(name)).unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        file.set_times(FileTimes::new().set_modified(then)).unwrap();
        file
    };
    let week = 7 * 24 * 60 * 60;
    make(".framing-old.part", week + 60);
    make(".framing-young.part", week - 60);
    make(".framing-old", week + 60);
    make("old.part", week + 60);
    let used = make(".framing-used.part", week + 60);
    used.lock().unwrap();
    put(&mut Caller::new(&server), &sized("file", b"x"), b"x").unwrap();
    assert_eq!(
        names(root.path()),
        [".framing-old", ".framing-used.part", ".framing-young.part", "file", "old.part"]
    );
}

#[test]
fn a_server_that_stops_keeps_what_has_come() {
    let (root, server) = served();
    let bytes = content(200_000);
    let brought = Put { resume: true, ..sized("file", &bytes) };
    let mut caller = Caller::new(&server);
    put_some(&mut caller, &brought, &bytes[..100_000]);
    let stopping = std::thread::spawn(move || server.stop());
    let failure = loop {
        match caller.next() {
            (Event::Error { failure, .. }, _) => break failure,
            (Event::Goaway { .. }, _) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(failure.code, Code::ShuttingDown);
    drop(caller);
    stopping.join().unwrap().unwrap();
    let server = writable(root.path());
    let (_, held) = ready(&mut Caller::new(&server), &brought).unwrap();
    assert_eq!(held.map(|held| held.offset), Some(100_000));
}

#[test]
fn a_farewell_in_the_middle_is_no_file() {
    let (root, server) = served();
    let mut caller = Caller::new(&server);
    let bytes = content(1000);
    put_some(&mut caller, &sized("file", &bytes), &bytes[..999]);
    let caller = caller.half_close();
    wait_until("it is gone", || names(root.path()).is_empty());
    drop(caller);
    serves_the_next(&server);
}

#[test]
fn a_long_comparison_says_that_it_goes_on_and_can_be_called_off() {
    let (root, server) = served();
    let bytes = content(70_000);
    let size = 400 << 20;
    let brought = Put { size: Some(size), resume: true, ..Put::new("file".into()) };
    let mut caller = Caller::new(&server);
    put_some(&mut caller, &brought, &bytes);
    caller.hang_up();
    let hidden = root.path().join(&names(root.path())[0]);
    wait_until("it is given up", || {
        let part = File::options().write(true).open(&hidden).unwrap();
        part.try_lock().is_ok() && part.set_len(size).is_ok()
    });
    let mut caller = Caller::new(&server);
    let id = caller.client().put(&brought).unwrap();
    let (Event::Verifying { bytes, .. }, _) = caller.next() else { panic!() };
    assert!(bytes >= 64 << 20 && bytes < size);
    caller.client().cancel(id);
    loop {
        match caller.next() {
            (Event::Verifying { .. }, _) => {}
            (Event::Error { failure, .. }, _) => {
                assert_eq!(failure.code, Code::Cancelled);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(hidden.exists(), "what is there of an earlier try stays");
}

/// A directory that is a link from one moment to the next: ten seconds of it in the long run.
#[test]
fn a_link_that_comes_and_goes_never_leads_outside() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;
    let dir = tempdir().unwrap();
    let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
    fs::create_dir_all(root.join("way/real")).unwrap();
    fs::create_dir(&outside).unwrap();
    symlink(&outside, root.join("way/link")).unwrap();
    let server = writable(&root);
    let time = if std::env::var_os("FRAMING_LONG").is_some() { 10_000 } else { 300 };
    let (over, start, mut stored) = (AtomicBool::new(false), Instant::now(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (real, link) = (root.join("way/real"), root.join("way/link"));
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let mut caller = Caller::new(&server);
        for number in 0_u32.. {
            if start.elapsed() > Duration::from_millis(time) && stored > 0 {
                break;
            }
            let path = format!("way/real/{}file", if number % 2 == 0 { "" } else { "new/" });
            let brought = Put { parents: true, overwrite: true, ..sized(&path, b"x") };
            stored += u32::from(put(&mut caller, &brought, b"x").is_ok());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(names(&outside).is_empty(), "{:?}", names(&outside));
}

/// What somebody who may write there puts in the place of the hidden file is not written to.
#[test]
fn nothing_is_written_through_what_has_taken_the_place_of_the_hidden_file() {
    let (root, server) = served();
    let bytes = content(200_000);
    let brought = Put { resume: true, ..sized("file", &bytes) };
    let mut caller = Caller::new(&server);
    put_some(&mut caller, &brought, &bytes[..100_000]);
    caller.hang_up();
    let hidden = root.path().join(&names(root.path())[0]);
    wait_until("it is given up", || File::open(&hidden).unwrap().try_lock().is_ok());
    let victim = tempdir().unwrap();
    let victim = victim.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    for plant in ["symlink", "hard link", "fifo", "directory"] {
        let _ = fs::remove_file(&hidden);
        match plant {
            "symlink" => symlink(&victim, &hidden).unwrap(),
            "hard link" => fs::hard_link(&victim, &hidden).unwrap(),
            "fifo" => {
                let made = Command::new("mkfifo").arg(&hidden).status();
                assert!(made.unwrap().success());
            }
            _ => fs::create_dir(&hidden).unwrap(),
        }
        let mut caller = Caller::new(&server);
        let brought = Put { overwrite: true, ..brought.clone() };
        // It is refused, or begun anew with a file of our own.
        if let Ok((id, held)) = ready(&mut caller, &brought) {
            assert_eq!(held, None, "{plant}");
            caller.client().begin(id, 0).unwrap();
            send(&mut caller, id, &bytes).unwrap();
            end(&mut caller, id, digest(DigestKind::Blake3, &bytes)).unwrap();
            assert!(fs::read(root.path().join("file")).unwrap() == bytes, "{plant}");
        }
        assert_eq!(fs::read(&victim).unwrap(), b"mine", "{plant}");
    }
    serves_the_next(&server);
}
