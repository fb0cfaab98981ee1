//! Directories.

use crate::caller::{Caller, open_server};
use framing_protocol::message::{Code, EntryKind};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use tempfile::tempdir;

#[test]
fn entries_are_sorted_told_apart_and_not_hidden() {
    let root = tempdir().unwrap();
    let path = root.path();
    fs::write(path.join("b.txt"), "12345").unwrap();
    fs::write(path.join("a b 東京"), "").unwrap();
    fs::write(path.join(OsStr::from_bytes(b"\xff")), "x").unwrap();
    fs::write(path.join(".hidden"), "x").unwrap();
    fs::create_dir(path.join("dir")).unwrap();
    symlink("b.txt", path.join("link")).unwrap();
    mknodat(CWD, path.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::write(path.join("dir/inner"), "12").unwrap();
    let server = open_server(path);
    let mut caller = Caller::new(&server);
    let entries = caller.list("").unwrap();
    let told: Vec<_> =
        entries.iter().map(|entry| (entry.name.as_bytes(), entry.kind, entry.size)).collect();
    assert_eq!(
        told,
        [
            ("a b 東京".as_bytes(), EntryKind::File, 0),
            (b"b.txt", EntryKind::File, 5),
            (b"dir", EntryKind::Directory, 0),
            (b"fifo", EntryKind::Other, 0),
            (b"link", EntryKind::Symlink, 0),
            (b"\xff", EntryKind::File, 1),
        ]
    );
    assert!(entries.iter().all(|entry| entry.modified.unwrap() > 1_500_000_000));
    assert_eq!(caller.list(".").unwrap(), entries);
    for path in ["dir", "dir/", "./dir"] {
        let names: Vec<_> =
            caller.list(path).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["inner".into()], "{path}");
    }
}

#[test]
fn what_is_no_directory_is_told_apart() {
    let root = tempdir().unwrap();
    fs::write(root.path().join("file"), "x").unwrap();
    fs::create_dir(root.path().join(".git")).unwrap();
    symlink("/", root.path().join("link")).unwrap();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    for (path, code) in [
        ("file", Code::NotADirectory),
        ("missing", Code::NotFound),
        (".git", Code::NotFound),
        ("link", Code::NotFound),
        ("..", Code::NotFound),
        ("/", Code::NotFound),
    ] {
        let failure = caller.list(path).unwrap_err();
        assert_eq!(failure.code, code, "{path}: {failure}");
    }
    fs::remove_file(root.path().join("file")).unwrap();
    fs::remove_file(root.path().join("link")).unwrap();
    assert_eq!(caller.list("").unwrap(), []);
}

#[test]
fn a_large_directory_comes_whole() {
    let root = tempdir().unwrap();
    // Long names, each of whose bytes takes four in the answer.
    let mut names: Vec<Vec<u8>> =
        (0..2000).map(|n| [format!("{n:05}").as_bytes(), &[0xff; 200]].concat()).collect();
    names.sort_unstable();
    for name in &names {
        fs::write(root.path().join(OsStr::from_bytes(name)), "").unwrap();
    }
    let server = open_server(root.path());
    let listed = Caller::new(&server).list("").unwrap();
    assert!(listed.iter().map(|entry| entry.name.as_bytes()).eq(names.iter().map(Vec::as_slice)));
}

#[test]
fn what_is_known_of_a_path_itself_is_told_without_opening_it() {
    let dir = tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("sub/file"), "content").unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    symlink("../secret", root.join("link")).unwrap();
    symlink("..", root.join("up")).unwrap();
    // Whoever opens it waits for a writer.
    let fifo = std::process::Command::new("mkfifo").arg(root.join("fifo")).status();
    assert!(fifo.unwrap().success());
    let server = open_server(&root);
    let mut caller = Caller::new(&server);
    for (path, name, kind, size) in [
        ("", ".", EntryKind::Directory, 0),
        (".", ".", EntryKind::Directory, 0),
        ("sub", "sub", EntryKind::Directory, 0),
        ("sub/", "sub", EntryKind::Directory, 0),
        ("./sub//file", "file", EntryKind::File, 7),
        ("link", "link", EntryKind::Symlink, 0),
        ("up", "up", EntryKind::Symlink, 0),
        ("fifo", "fifo", EntryKind::Other, 0),
    ] {
        let entry = caller.stat(path).unwrap();
        assert_eq!((&entry.name, entry.kind, entry.size), (&name.into(), kind, size), "{path}");
        assert!(entry.modified.is_some() && entry.mode.is_some());
    }
    for path in
        ["none", "sub/none", "sub/file/", "sub/file/x", "up/secret", "link/", "fifo/x", ".x"]
    {
        let failure = caller.stat(path).unwrap_err();
        assert_eq!(failure.code, Code::NotFound, "{path}");
        assert!(failure.message.ends_with(": no such file or directory"), "{failure}");
    }
    for path in ["..", "/etc/passwd", "sub/../../secret"] {
        assert_eq!(caller.stat(path).unwrap_err().code, Code::NotFound, "{path}");
    }
    assert_eq!(caller.upper(b"and on").unwrap(), "AND ON");
}
