//! Files larger than the disk, folders with more files than anybody counts, and places where nothing can be written.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::resume::{verified, wait_for};
use crate::support::{World, check, guarded, names, text};

/// Some of it in the normal run, all in the long one.
fn scaled<T>(short: T, long: T) -> T {
    if std::env::var_os("FRAMING_LONG").is_some() { long } else { short }
}

/// Runs the client until so much is there, and asks it to end. Gives where it began.
fn until(world: &World, verb: &str, enough: &dyn Fn() -> bool) -> u64 {
    let mut client = world.process(&[verb, "file", "--progress", "json", "--limit-rate", "200MiB"]);
    let client = guarded(client.stderr(Stdio::piped()).spawn().unwrap());
    wait_for("enough of it", enough);
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(!said.contains("starting over"), "{said}");
    let told = said.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
    told.map_or(0, |told| told["bytes"].as_u64().unwrap())
}

#[test]
fn a_sparse_file_of_a_hundred_gibibytes_is_gone_on_with() {
    let first: u64 = scaled(48 << 20, 1 << 30);
    let world = World::new();
    let file = File::create(world.there("file")).unwrap();
    file.set_len(100 << 30).unwrap();
    until(&world, "get", &|| verified(&world, "file") >= first);
    let kept = verified(&world, "file");
    let began = until(&world, "get", &|| verified(&world, "file") >= kept + first);
    assert!(began == 0 || began >= kept, "{began} after {kept}");
    // What has come is no more than what was asked for, and nothing of it is sent twice.
    assert_eq!(world.files_here(), ["file.part", "file.part.state"]);
    assert_eq!(fs::metadata(world.here("file.part")).unwrap().len(), verified(&world, "file"));
}

#[test]
fn a_sparse_file_of_a_hundred_gibibytes_is_put_in_two_goes() {
    let first: u64 = scaled(48 << 20, 1 << 30);
    let world = World::new();
    // Nothing has place for it, as the file system knows; so it is no larger than what is free.
    let free = rustix::fs::statvfs(world.there("").as_path()).unwrap();
    let size = (100 << 30).min(free.f_bavail * free.f_frsize / 2);
    File::create(world.here("file")).unwrap().set_len(size).unwrap();
    let held = || {
        let part = fs::read_dir(world.there("")).unwrap().next();
        part.map_or(0, |part| part.unwrap().metadata().map_or(0, |metadata| metadata.len()))
    };
    until(&world, "put", &|| held() >= first);
    let kept = held();
    let began = until(&world, "put", &|| held() >= kept + first);
    assert!(began == 0 || began >= kept, "{began} after {kept}");
    // More than there is place for, and no more than a file system lets a sparse file have.
    let huge = File::create(world.here("huge")).unwrap();
    if huge.set_len((free.f_bavail * free.f_frsize).saturating_mul(2)).is_ok() {
        let output = world.client(&["put", "huge"]).output().unwrap();
        check(&output, 1, "", &["bytes are to come, and there is place for"]);
    }
}

#[test]
fn a_folder_of_very_many_files_comes_whole() {
    let count = scaled(2_000, 100_000);
    let world = World::new();
    fs::create_dir(world.there("many")).unwrap();
    for number in 0..count {
        fs::write(world.there(format!("many/{number}")), number.to_string()).unwrap();
    }
    let mut get = world.process(&["get", "-r", "many", "--progress", "never"]);
    let status = get.stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!(names(&world.here("many")).len(), count);
    for number in 0..count {
        let content = fs::read_to_string(world.here(format!("many/{number}"))).unwrap();
        assert_eq!(content, number.to_string());
    }
}

#[test]
fn where_nothing_can_be_written_nothing_is_asked_for() {
    let world = World::new();
    fs::write(world.there("file"), "content").unwrap();
    let target = world.here("readonly");
    fs::create_dir(&target).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "ro", "none"]).arg(&target).stderr(Stdio::null());
    if !mount.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can make a file system that cannot be written");
        return;
    }
    let one = world.client(&["get", "file", "-o", "readonly/file"]).output().unwrap();
    let several = world.client(&["get", "file", "file", "-o", "readonly"]).output().unwrap();
    assert!(Command::new("umount").arg(&target).status().unwrap().success());
    check(&one, 1, "", &["cannot write readonly/file.part: Read-only file system"]);
    check(&several, 1, "", &["Read-only file system", "2 of 2 files were not fetched"]);
}

/// The client, of whose system calls on the part some fail. None where nobody can trace it.
fn failing(world: &World, calls: &str, args: &[&str]) -> Option<std::process::Output> {
    let client = world.process(args);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(world.here("file.part"));
    traced.arg("-e").arg(format!("inject={calls}")).arg(client.get_program()).args(args);
    traced.current_dir(world.here("")).stdin(Stdio::null());
    traced.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced.env_remove("XDG_STATE_HOME");
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no strace, or it may not trace");
        return None;
    }
    Some(traced.output().unwrap())
}

#[test]
fn a_disk_that_fails_is_told_and_there_is_no_file() {
    let world = World::new();
    let content = crate::resume::put(&world, "file", 3 << 20, 1);
    for (calls, told) in [
        ("write:error=EIO:when=3+", "Input/output error"),
        ("fsync:error=EIO", "Input/output error"),
        ("write:error=ENOSPC:when=2+", "No space left on device"),
        ("fchmod:error=EROFS", "Read-only file system"),
    ] {
        let Some(output) = failing(&world, calls, &["get", "file", "--no-resume"]) else { return };
        check(&output, 1, "", &["file.part", told]);
        assert!(!world.here("file").exists(), "{calls}");
    }
    // What only takes its time, or is interrupted, is no failure.
    for calls in ["write:error=EINTR:when=1+3", "fsync:error=EINTR:when=1"] {
        let Some(output) = failing(&world, calls, &["get", "file", "--overwrite"]) else { return };
        assert_eq!(output.status.code(), Some(0), "{calls}: {}", text(&output.stderr));
        assert!(fs::read(world.here("file")).unwrap() == content, "{calls}");
    }
}
