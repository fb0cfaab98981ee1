//! `get` of several files: all that can be had, into one folder, over one connection.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::lies::{message, read_header};
use crate::resume::content;
use crate::support::{Impostor, World, check, names, run, text};

fn put(world: &World, path: &str, size: usize) {
    let file = world.there(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content(size, u32::try_from(path.len()).unwrap())).unwrap();
}

fn get(world: &World, args: &[&str]) -> std::process::Output {
    world.client(&[&["get"], args].concat()).output().unwrap()
}

#[track_caller]
fn is_same(world: &World, there: &str, here: &str) {
    let same = fs::read(world.there(there)).unwrap() == fs::read(world.here(here)).unwrap();
    assert!(same, "{here} is not {there}");
}

#[test]
fn several_files_go_into_a_folder() {
    let world = World::new();
    for (name, size) in [("a", 0), ("b", 1000), ("folder/c", 1 << 20)] {
        put(&world, name, size);
    }
    check(&get(&world, &["a", "b", "folder/c"]), 0, "", &["get: 3 of 3 files, 1.00 MiB in "]);
    fs::create_dir(world.here("into")).unwrap();
    check(&get(&world, &["a", "b", "folder/c", "-o", "into/"]), 0, "", &["3 of 3 files"]);
    for name in ["a", "b"] {
        is_same(&world, name, name);
        is_same(&world, name, &format!("into/{name}"));
    }
    is_same(&world, "folder/c", "into/c");
    check(&get(&world, &["a", "b", "-o", "new/"]), 2, "", &["there is no folder new/", "mkdir"]);
    check(&get(&world, &["a", "b", "-o", "a"]), 2, "", &["there is no folder a"]);
    assert_eq!(get(&world, &["a", "b", "-o", "-"]).status.code(), Some(2));
}

#[test]
fn one_that_fails_is_no_reason_to_leave_out_the_others() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        put(&world, name, 1000);
    }
    fs::write(world.here("b"), "mine").unwrap();
    let told =
        ["get: missing: missing: ", "get: b: b exists already", "2 of 4 files were not fetched"];
    // The code is that of the first that failed: what is here is seen before the server is asked.
    check(&get(&world, &["a", "missing", "b", "c"]), 9, "", &told);
    assert_eq!(world.files_here(), ["a", "b", "c"]);
    assert_eq!(fs::read(world.here("b")).unwrap(), b"mine");
    fs::remove_file(world.here("a")).unwrap();
    check(&get(&world, &["missing", "a"]), 6, "", &["1 of 2 files were not fetched"]);
    is_same(&world, "a", "a");
}

#[test]
fn two_of_the_same_name_do_not_meet() {
    let world = World::new();
    put(&world, "one/x", 1000);
    put(&world, "another/x", 2000);
    let both = ["one/x", "another/x"];
    check(&get(&world, &[&both[..], &["--rename"]].concat()), 0, "", &["2 of 2 files"]);
    is_same(&world, "one/x", "x");
    is_same(&world, "another/x", "x.1");
    check(&get(&world, &[&both[..], &["--overwrite"]].concat()), 0, "", &["2 of 2 files"]);
    is_same(&world, "another/x", "x");
    fs::remove_file(world.here("x")).unwrap();
    check(&get(&world, &both), 9, "", &["another/x: x exists already", "1 of 2 files"]);
    is_same(&world, "one/x", "x");
}

#[test]
fn programs_are_told_of_each() {
    let world = World::new();
    put(&world, "a", 1000);
    put(&world, "b", 2000);
    let output = get(&world, &["a", "missing", "b", "--json", "--digest", "md5"]);
    assert_eq!(output.status.code(), Some(6));
    let mut told: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 3);
    // They are told of as they end, and a file takes longer than an error.
    told.sort_by_key(|told| told["path"].to_string());
    let outcomes: Vec<_> = told.iter().map(|told| told["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["saved", "saved", "failed"]);
    assert_eq!((&told[0]["path"], &told[0]["saved_as"]), (&"a".into(), &"a".into()));
    assert!(told[1]["digest"].as_str().unwrap().starts_with("md5:"), "{}", told[1]);
    assert!(told[1]["size"] == 2000 && told[1]["resumed_from"] == 0 && told[1]["seconds"].is_f64());
    assert!(told[2]["error"].as_str().unwrap().contains("missing"));
}

#[test]
fn patterns_stand_for_what_the_server_has() {
    let world = World::new();
    for name in ["logs/a.txt", "logs/b.txt", "logs/c.gz", "logs/inner/d.txt", "x[1].txt", "x1.txt"]
    {
        put(&world, name, 100);
    }
    check(&get(&world, &["logs/*.txt"]), 0, "", &["2 of 2 files"]);
    assert_eq!(world.files_here(), ["a.txt", "b.txt"]);
    check(&get(&world, &["logs/{a,c}.*", "--overwrite"]), 0, "", &["2 of 2 files"]);
    assert_eq!(world.files_here(), ["a.txt", "b.txt", "c.gz"]);
    // A name that looks like a pattern stands for itself, too.
    check(&get(&world, &["x[1].txt"]), 0, "", &["2 of 2 files"]);
    is_same(&world, "x[1].txt", "x[1].txt");
    check(&get(&world, &["logs/*.no"]), 6, "", &["logs/*.no: no file there is called so", " ls"]);
    check(&get(&world, &["no/*.txt"]), 6, "", &["not_found"]);
}

#[test]
fn folders_come_with_all_that_is_in_them() {
    let world = World::new();
    for name in ["tree/a", "tree/one/b", "tree/one/two/c", "tree/文件"] {
        put(&world, name, 5000);
    }
    fs::create_dir(world.there("tree/empty")).unwrap();
    fs::write(world.there("tree").join(OsStr::from_bytes(b"\xff")), "odd").unwrap();
    symlink("/etc/passwd", world.there("tree/link")).unwrap();
    check(&get(&world, &["tree"]), 1, "", &["not a regular file, but a directory", "-r PATH"]);
    check(
        &get(&world, &["-r", "tree"]),
        0,
        "",
        &["tree/link: left out, a symbolic link", "5 of 5"],
    );
    for name in ["tree/a", "tree/one/b", "tree/one/two/c", "tree/文件"] {
        is_same(&world, name, name);
    }
    assert_eq!(fs::read(world.here("tree").join(OsStr::from_bytes(b"\xff"))).unwrap(), b"odd");
    assert!(world.here("tree/empty").is_dir() && !world.here("tree/link").exists());
    // What is there already stays, and is told; the rest is fetched.
    fs::remove_file(world.here("tree/one/b")).unwrap();
    check(&get(&world, &["-r", "tree"]), 9, "", &["4 of 5 files were not fetched"]);
    is_same(&world, "tree/one/b", "tree/one/b");
    // The root has no name of its own.
    fs::create_dir(world.here("all")).unwrap();
    check(&get(&world, &["-r", ".", "-o", "all"]), 0, "", &["5 of 5"]);
    is_same(&world, "tree/a", "all/tree/a");
    // A file is a file.
    check(&get(&world, &["-r", "tree/a"]), 0, "", &["1 of 1"]);
}

#[test]
fn a_link_here_in_the_place_of_a_folder_is_not_followed() {
    let world = World::new();
    put(&world, "tree/one/b", 100);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(world.here("tree")).unwrap();
    symlink(elsewhere.path(), world.here("tree/one")).unwrap();
    let output = get(&world, &["-r", "tree"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(names(elsewhere.path()), [""; 0]);
}

/// A server whose names lead elsewhere.
#[test]
fn names_that_are_none_are_left_out() {
    let impostor = Impostor::new();
    let address = impostor.address();
    let server = thread::spawn(move || {
        let mut stream = impostor.accept();
        read_header(&mut stream)?;
        stream.write_all(&message(r#"{"type":"welcome","version":1,"agent":"liar"}"#, b"")).ok()?;
        read_header(&mut stream)?;
        let mut lines = Vec::new();
        for name in ["../evil", "..", ".", "", "/evil", "a/evil", "nul\\u0000"] {
            for kind in ["file", "directory"] {
                let line = format!("{{\"name\":\"{name}\",\"kind\":\"{kind}\",\"size\":1}}\n");
                lines.extend(line.into_bytes());
            }
        }
        stream.write_all(&message(r#"{"type":"entries","id":1}"#, &lines)).ok()?;
        stream.write_all(&message(r#"{"type":"entries_end","id":1}"#, b"")).ok()?;
        // Nothing is asked for.
        read_header(&mut stream)
    });
    let outer = tempfile::tempdir().unwrap();
    let here = outer.path().join("here");
    fs::create_dir(&here).unwrap();
    let output = run(&address, &here, &["get", "-r", "tree"]);
    assert_eq!(server.join().unwrap(), None);
    assert_eq!(text(&output.stderr).matches("left out, for it is no name").count(), 14);
    assert_eq!(names(outer.path()), ["here"]);
    assert_eq!(names(&here), ["tree"]);
    assert_eq!(names(&here.join("tree")), [""; 0]);
    assert!(!Path::new("/evil").exists());
}

#[test]
fn many_small_files_are_asked_for_before_the_first_has_come() {
    let world = World::new();
    for index in 0..300 {
        put(&world, &format!("many/{index}"), index * 7);
    }
    check(&get(&world, &["-r", "many"]), 0, "", &["300 of 300 files"]);
    for index in 0..300 {
        let name = format!("many/{index}");
        is_same(&world, &name, &name);
    }
}
