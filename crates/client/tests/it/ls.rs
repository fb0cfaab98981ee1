//! `ls` and `ping`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use framing_server::{Options, Server};

use crate::support::{World, check, options, run, text};

#[test]
fn one_name_per_line_folders_with_a_slash() {
    let world = World::new();
    fs::create_dir(world.there("folder")).unwrap();
    fs::write(world.there("a file"), "").unwrap();
    fs::write(world.there("folder/目录"), "").unwrap();
    check(&world.client(&["ls"]).output().unwrap(), 0, "a file\nfolder/\n", &[]);
    check(&world.client(&["ls", "folder"]).output().unwrap(), 0, "目录\n", &[]);
    check(&world.client(&["ls", "folder/"]).output().unwrap(), 0, "目录\n", &[]);
}

#[test]
fn names_are_bytes() {
    let world = World::new();
    let name = b"\xff\x1b[2J";
    fs::write(world.there(OsStr::from_bytes(name)), "content").unwrap();
    let output = world.client(&["ls"]).output().unwrap();
    assert_eq!(output.stdout, b"\xff\x1b[2J\n");
    let mut get = world.client(&["get"]);
    assert!(get.arg(OsStr::from_bytes(name)).output().unwrap().status.success());
    assert_eq!(fs::read(world.here(OsStr::from_bytes(name))).unwrap(), b"content");
}

#[test]
fn a_large_folder_is_listed_whole() {
    let world = World::new();
    let mut names: Vec<String> = (0..3000).map(|n| format!("{n:0>200}")).collect();
    for name in &names {
        fs::write(world.there(name), "").unwrap();
    }
    names.sort();
    let output = world.client(&["ls"]).output().unwrap();
    assert!(text(&output.stdout) == names.join("\n") + "\n");
}

#[test]
fn what_is_no_folder_is_told() {
    let world = World::new();
    fs::write(world.there("file"), "").unwrap();
    check(
        &world.client(&["ls", "missing"]).output().unwrap(),
        6,
        "",
        &["ls: ", "missing", "hint: "],
    );
    check(&world.client(&["ls", "../.."]).output().unwrap(), 6, "", &["ls: ", "hint: "]);
    check(&world.client(&["ls", "file"]).output().unwrap(), 1, "", &["not a directory"]);
}

#[test]
fn ping_tells_the_time() {
    let world = World::new();
    let output = world.client(&["ping"]).output().unwrap();
    assert!(output.status.success());
    let shown = text(&output.stdout);
    let time = shown.strip_prefix(&format!("{} answered in ", world.address())).unwrap();
    let time: f64 = time.strip_suffix(" ms\n").unwrap().parse().unwrap();
    assert!(time > 0.0);
}

#[test]
fn no_server_is_told_with_the_command_that_starts_one() {
    let (address, here) = World::new().stop();
    for command in [&["ping"][..], &["ls"], &["echo", "a"], &["get", "file"]] {
        let output = run(&address, here.path(), command);
        check(&output, 3, "", &["cannot connect", &format!("framing-server --listen {address}")]);
    }
}

#[test]
fn a_server_without_files_says_how_it_would_have_some() {
    let options = Options { listen: vec!["127.0.0.1:0".into()], ..options() };
    let server = Server::bind(options).unwrap().spawn().unwrap();
    let here = tempfile::tempdir().unwrap();
    for command in [&["ls"][..], &["get", "file"]] {
        let output = run(&server.addresses()[0].to_string(), here.path(), command);
        check(&output, 5, "", &["denied", "hint: ", "--root"]);
    }
}
