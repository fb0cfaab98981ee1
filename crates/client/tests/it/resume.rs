//! Downloads that are broken off and gone on with: the file is right in the end, or there is none.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lies::{message, read_header};
use crate::support::{Impostor, PATIENCE, World, check, guarded, names, run, text};

/// A file of the server's that is like no other of its size, some blocks long.
pub(crate) fn put(world: &World, name: &str, size: usize, seed: u32) -> Vec<u8> {
    let content = content(size, seed);
    fs::write(world.there(name), &content).unwrap();
    content
}

pub(crate) fn content(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

/// How much of a download is noted, if anything is.
pub(crate) fn verified(world: &World, name: &str) -> u64 {
    let state = fs::read(world.here(format!("{name}.part.state"))).unwrap_or_default();
    let state: Value = serde_json::from_slice(&state).unwrap_or_default();
    state["verified"].as_str().map_or(0, |digits| digits.parse().unwrap())
}

pub(crate) fn slow(world: &World, args: &[&str]) -> Child {
    let slowly = [&["get"], args, &["--limit-rate", "2MiB"]].concat();
    let mut get = world.process(&slowly);
    guarded(get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[track_caller]
pub(crate) fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < deadline, "{what}: it never comes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Leaves a part of `file`, by Ctrl-C, and gives how much of it is noted.
fn half(world: &World, args: &[&str]) -> u64 {
    let get = slow(world, args);
    wait_for("a part", || verified(world, "file") > 0);
    kill_process(Pid::from_child(&get), Signal::INT).unwrap();
    let output = get.wait_with_output().unwrap();
    check(&output, 130, "", &["file.part keeps ", "the same command goes on there"]);
    let verified = verified(world, "file");
    assert_eq!(verified, fs::metadata(world.here("file.part")).unwrap().len());
    verified
}

fn get(world: &World, args: &[&str]) -> Output {
    world.client(&[&["get", "file"], args].concat()).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

const SIZE: usize = 3 << 20;

#[test]
fn what_ctrl_c_leaves_is_gone_on_with_whatever_the_digest() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    for kind in ["blake3", "sha256", "md5"] {
        let kept = half(&world, &["file", "--digest", kind]);
        let output = get(&world, &["--json", "--digest", kind]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let told = json(&output);
        assert_eq!(told["resumed_from"], kept, "{told}");
        assert_eq!((&told["size"], &told["outcome"]), (&SIZE.into(), &"saved".into()));
        assert!(told["digest"].as_str().unwrap().starts_with(kind), "{told}");
        assert!(fs::read(world.here("file")).unwrap() == content);
        assert_eq!(world.files_here(), ["file"]);
        fs::remove_file(world.here("file")).unwrap();
    }
}

#[test]
fn what_was_begun_with_one_digest_is_gone_on_with_by_another() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    let kept = half(&world, &["file", "--digest", "md5"]);
    assert_eq!(json(&get(&world, &["--json"]))["resumed_from"], kept);
    assert!(fs::read(world.here("file")).unwrap() == content);
}

#[test]
fn it_starts_over_if_told_to() {
    let world = World::new();
    put(&world, "file", SIZE, 1);
    half(&world, &["file"]);
    let output = get(&world, &["--json", "--no-resume"]);
    assert_eq!(
        (json(&output)["resumed_from"].as_u64(), text(&output.stderr)),
        (Some(0), String::new())
    );
}

/// What has become of the file at the server, and what of the part here, before the download goes on.
#[test]
fn whatever_has_changed_meanwhile_the_file_is_the_servers() {
    type Change = fn(&World);
    let changes: [(&str, Change); 9] = [
        ("is not what is there", |world| {
            let part = File::options().write(true).open(world.here("file.part")).unwrap();
            part.write_all_at(b"another beginning", 0).unwrap();
        }),
        ("has changed", |world| {
            // The same size, and the same time.
            let path = world.there("file");
            let modified = path.metadata().unwrap().modified().unwrap();
            put(world, "file", SIZE, 2);
            let file = File::options().write(true).open(path).unwrap();
            file.set_times(FileTimes::new().set_modified(modified)).unwrap();
        }),
        ("has changed", |world| {
            put(world, "new", SIZE, 3);
            fs::rename(world.there("new"), world.there("file")).unwrap();
        }),
        ("has changed", |world| drop(put(world, "file", SIZE + 1, 1))),
        ("has changed", |world| drop(put(world, "file", SIZE - 1, 1))),
        ("has changed", |world| drop(put(world, "file", 10, 1))),
        ("has changed", |world| drop(put(world, "file", 0, 1))),
        ("has changed", |world| {
            let path = world.here("file.part.state");
            let state = fs::read_to_string(&path).unwrap();
            let at = state.find("\"etag\":\"").unwrap() + 8;
            let other = format!("{}{}{}", &state[..at], "0".repeat(32), &state[at + 32..]);
            fs::write(path, other).unwrap();
        }),
        ("cannot be gone on with", |world| {
            fs::write(world.here("file.part.state"), "garbage").unwrap();
        }),
    ];
    let world = World::new();
    for (index, (why, change)) in changes.iter().enumerate() {
        put(&world, "file", SIZE, 1);
        half(&world, &["file"]);
        change(&world);
        let output = get(&world, &[]);
        check(&output, 0, "", &[why, "starting over"]);
        let same = fs::read(world.here("file")).unwrap() == fs::read(world.there("file")).unwrap();
        assert!(same, "change {index}: a wrong file");
        assert_eq!(world.files_here(), ["file"], "change {index}");
        fs::remove_file(world.here("file")).unwrap();
    }
}

#[test]
fn a_source_that_changes_under_way_is_no_file() {
    let world = World::new();
    // More than all buffers on the way hold.
    put(&world, "file", 32 << 20, 1);
    let get = slow(&world, &["file"]);
    wait_for("a part", || verified(&world, "file") > 0);
    File::options().write(true).open(world.there("file")).unwrap().set_len(20 << 20).unwrap();
    let output = get.wait_with_output().unwrap();
    check(&output, 7, "", &["changed while it was being sent"]);
    assert_eq!(world.files_here(), [""; 0]);
}

#[test]
fn what_is_there_is_replaced_or_numbered_only_if_asked_for() {
    let world = World::new();
    let content = put(&world, "file", 10_000, 1);
    fs::write(world.here("file"), "mine").unwrap();
    check(&get(&world, &[]), 9, "", &["exists already", "--overwrite", "--rename"]);
    check(&get(&world, &["--rename"]), 0, "", &["it will be file.1"]);
    check(&get(&world, &["--rename"]), 0, "", &["it will be file.2"]);
    assert_eq!(fs::read(world.here("file")).unwrap(), b"mine");
    check(&get(&world, &["--overwrite"]), 0, "", &[]);
    for name in ["file", "file.1", "file.2"] {
        assert!(fs::read(world.here(name)).unwrap() == content, "{name}");
    }
    assert_eq!(world.files_here(), ["file", "file.1", "file.2"]);
    assert_eq!(get(&world, &["--rename", "--overwrite"]).status.code(), Some(2));
}

#[test]
fn what_is_replaced_is_whole_until_the_new_one_is() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    fs::write(world.here("file"), "mine").unwrap();
    let kept = half(&world, &["file", "--overwrite"]);
    assert_eq!(fs::read(world.here("file")).unwrap(), b"mine");
    assert_eq!(json(&get(&world, &["--overwrite", "--json"]))["resumed_from"], kept);
    assert!(fs::read(world.here("file")).unwrap() == content);
    assert_eq!(world.files_here(), ["file"]);
}

#[test]
fn two_downloads_of_the_same_file_do_not_meet() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    let first = slow(&world, &["file"]);
    wait_for("a part", || verified(&world, "file") > 0);
    check(&get(&world, &[]), 1, "", &["file.part is being written by another download"]);
    check(&first.wait_with_output().unwrap(), 0, "", &[]);
    assert!(fs::read(world.here("file")).unwrap() == content);
}

#[test]
fn links_in_the_place_of_a_part_or_its_state_are_not_followed() {
    for planted in ["file.part", "file.part.state"] {
        let world = World::new();
        put(&world, "file", SIZE, 1);
        half(&world, &["file"]);
        let victim = world.here("victim");
        fs::rename(world.here(planted), &victim).unwrap();
        let before = fs::read(&victim).unwrap();
        symlink("victim", world.here(planted)).unwrap();
        check(&get(&world, &[]), 1, "", &[&format!("{planted} is in the way")]);
        assert!(fs::read(&victim).unwrap() == before);
        assert!(world.here(planted).is_symlink() && !world.here("file").exists());
    }
}

#[test]
fn names_and_sizes_of_all_kinds_are_gone_on_with() {
    let world = World::new();
    for name in [&b"\xff\xfe not UTF-8"[..], &[b'x'; 255], "é".repeat(127).as_bytes()] {
        let name = OsStr::from_bytes(name);
        for size in [0, 1, 64 << 10, 256 << 10, (256 << 10) + 1] {
            let content = content(size, 7);
            fs::write(world.there(name), &content).unwrap();
            let mut get = world.process(&["get", "--overwrite"]);
            let output = get.arg(name).output().unwrap();
            check(&output, 0, "", &[]);
            assert!(fs::read(world.here(name)).unwrap() == content);
        }
        let content = content(SIZE, 8);
        fs::write(world.there(name), &content).unwrap();
        fs::remove_file(world.here(name)).unwrap();
        let mut get = world.process(&["get", "--limit-rate", "2MiB"]);
        let mut get = guarded(get.arg(name).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(700));
        get.kill().unwrap();
        get.wait().unwrap();
        let output = world.process(&["get", "--json"]).arg(name).output().unwrap();
        assert!(json(&output)["resumed_from"].as_u64() > Some(0), "{}", text(&output.stdout));
        assert!(fs::read(world.here(name)).unwrap() == content);
        fs::remove_file(world.here(name)).unwrap();
    }
    assert!(fs::read_dir(world.here("")).unwrap().next().is_none());
}

#[test]
fn a_full_file_system_is_told_and_room_made_is_used() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    let mount = world.here("small");
    fs::create_dir(&mount).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "none"])
        .arg(&mount)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can make a small file system");
        return;
    }
    let get = |output: &[&str]| {
        world.client(&[&["get", "file", "-o", "small"], output].concat()).output()
    };
    let full = get(&[]).unwrap();
    let left = names(&mount);
    let more =
        std::process::Command::new("mount").args(["-o", "remount,size=8m"]).arg(&mount).status();
    let output = get(&["--json"]).unwrap();
    let arrived = fs::read(mount.join("file")).unwrap_or_default();
    let status = std::process::Command::new("umount").arg(&mount).status();
    assert!(more.unwrap().success() && status.unwrap().success());
    check(&full, 1, "", &["No space left on device", "file.part keeps", "df -h"]);
    assert_eq!(left, ["file.part", "file.part.state"]);
    assert!(json(&output)["resumed_from"].as_u64() > Some(1 << 20), "{}", text(&output.stdout));
    assert!(arrived == content);
}

#[test]
fn a_reader_that_is_slow_is_no_reason_to_give_up() {
    let world = World::new();
    let content = put(&world, "file", 2 << 20, 1);
    let mut get = world
        .process(&["get", "file", "-o", "-", "--stall-timeout", "300ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(guarded)
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let mut received = Vec::new();
    get.stdout.take().unwrap().read_to_end(&mut received).unwrap();
    check(&get.wait_with_output().unwrap(), 0, "", &[]);
    assert!(received == content);
}

/// A server that says that it has the same beginning, and sends another end.
#[test]
fn a_wrong_digest_leaves_nothing_to_go_on_with() {
    let world = World::new();
    let content = put(&world, "file", SIZE, 1);
    let kept = usize::try_from(half(&world, &["file"])).unwrap();
    let impostor = Impostor::new();
    let address = impostor.address();
    let rest = SIZE - kept;
    let digest = blake3::hash(&content);
    let server = std::thread::spawn(move || {
        let mut stream = impostor.accept();
        read_header(&mut stream)?;
        stream.write_all(&message(r#"{"type":"welcome","version":1,"agent":"liar"}"#, b"")).ok()?;
        let asked = read_header(&mut stream)?;
        let file = format!(
            r#"{{"type":"file","id":1,"filename":"file","total_size":{SIZE},"offset":{kept}}}"#
        );
        stream.write_all(&message(&file, b"")).ok()?;
        for piece in vec![b'x'; rest].chunks(65_536) {
            stream.write_all(&message(r#"{"type":"data","id":1}"#, piece)).ok()?;
        }
        let end = format!(r#"{{"type":"file_end","id":1,"digest":"blake3:{digest}"}}"#);
        stream.write_all(&message(&end, b"")).ok()?;
        read_header(&mut stream);
        Some(asked)
    });
    let output = run(&address, &world.here(""), &["get", "file"]);
    check(&output, 7, "", &["BLAKE3", "hint: nothing was kept"]);
    assert_eq!(world.files_here(), [""; 0]);
    let asked: Value = serde_json::from_str(&server.join().unwrap().unwrap()).unwrap();
    assert_eq!(asked["offset"], kept);
    let prefix = format!("blake3:{}", blake3::hash(&content[..kept]));
    assert_eq!(asked["prefix"], prefix.as_str());
}
