//! `get`: whole and checked, or not at all, and never over something else.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{PATIENCE, World, check, names};

/// A file of the server whose content is told by its size.
fn put(world: &World, name: &str, size: usize) -> Vec<u8> {
    let content: Vec<u8> = (0..=250).cycle().take(size).collect();
    fs::write(world.there(name), &content).unwrap();
    content
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

#[test]
fn files_of_all_sizes_and_names_arrive() {
    let world = World::new();
    fs::create_dir(world.there("folder")).unwrap();
    for (path, name, size) in [
        ("empty", "empty", 0),
        ("one", "one", 1),
        ("five MiB", "five MiB", 5 << 20),
        ("folder/名前 with spaces", "名前 with spaces", 300_000),
        ("-o", "-o", 3),
    ] {
        let content = put(&world, path, size);
        check(&world.client(&["get", "--", path]).output().unwrap(), 0, "", &[]);
        assert!(fs::read(world.here(name)).unwrap() == content, "{path} differs");
    }
    assert_eq!(world.files_here(), ["-o", "empty", "five MiB", "one", "名前 with spaces"]);
}

#[test]
fn permissions_and_date_are_kept() {
    let world = World::new();
    put(&world, "file", 10);
    let there = File::options().write(true).open(world.there("file")).unwrap();
    there.set_permissions(PermissionsExt::from_mode(0o4750)).unwrap();
    there.set_modified(UNIX_EPOCH + Duration::from_secs(1_234_567_890)).unwrap();
    check(&world.client(&["get", "file"]).output().unwrap(), 0, "", &[]);
    let here = fs::metadata(world.here("file")).unwrap();
    assert_eq!(here.mtime(), 1_234_567_890);
    // What the umask of the test's own process lets through; never the set-user-id bit.
    assert_eq!(here.permissions().mode() & 0o7700, 0o700);
}

#[test]
fn the_output_may_be_named() {
    let world = World::new();
    let content = put(&world, "file", 10_000);
    fs::create_dir(world.here("folder")).unwrap();
    for (output, lands) in [("other", "other"), ("folder", "folder/file"), ("folder/x", "folder/x")]
    {
        check(&world.client(&["get", "file", "-o", output]).output().unwrap(), 0, "", &[]);
        assert_eq!(fs::read(world.here(lands)).unwrap(), content, "{output}");
    }
    assert_eq!(names(&world.here("folder")), ["file", "x"]);
}

#[test]
fn standard_output_gets_the_bytes_and_nothing_else() {
    let world = World::new();
    let content = put(&world, "file", 1_000_000);
    let output = world.client(&["get", "file", "-o", "-"]).output().unwrap();
    assert!(output.stdout == content && output.stderr.is_empty());
    assert!(world.files_here().is_empty());
}

#[test]
fn devices_and_fifos_are_written_to_and_stay() {
    let world = World::new();
    let content = put(&world, "file", 1_000_000);
    check(&world.client(&["get", "file", "-o", "/dev/null"]).output().unwrap(), 0, "", &[]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());

    fifo(&world.here("fifo"));
    let mut get = world.process(&["get", "file", "-o", "fifo"]).spawn().unwrap();
    let mut received = Vec::new();
    File::open(world.here("fifo")).unwrap().read_to_end(&mut received).unwrap();
    assert!(get.wait().unwrap().success());
    assert!(received == content);
    assert_eq!(world.files_here(), ["fifo"]);
}

#[test]
fn what_exists_is_not_overwritten() {
    let world = World::new();
    put(&world, "file", 10);
    fs::write(world.here("file"), "mine").unwrap();
    symlink("nowhere", world.here("link")).unwrap();
    fs::create_dir_all(world.here("folder/file")).unwrap();
    for args in [
        &["get", "file"][..],
        &["get", "file", "-o", "link"],
        &["get", "file", "-o", "folder"],
        // Not even asked for: it would not be found.
        &["get", "missing", "-o", "file"],
    ] {
        check(&world.client(args).output().unwrap(), 9, "", &["exists already", "-o FILE"]);
    }
    assert_eq!(fs::read(world.here("file")).unwrap(), b"mine");
    assert_eq!(world.files_here(), ["file", "folder", "link"]);
}

#[test]
fn what_cannot_be_had_is_told_and_leaves_nothing() {
    let world = World::new();
    fs::create_dir(world.there("folder")).unwrap();
    fifo(&world.there("fifo"));
    symlink("/etc/passwd", world.there("link")).unwrap();
    for missing in ["missing", "../../etc/passwd", "/etc/passwd", "folder/../../x", "link", "a\nb"]
    {
        let output = world.client(&["get", missing]).output().unwrap();
        check(
            &output,
            6,
            "",
            &["framing-client: get: ", "not_found", "hint: ", "framing-client --server", " ls"],
        );
    }
    let output = world.client(&["get", "folder"]).output().unwrap();
    check(&output, 1, "", &["not a regular file, but a directory"]);
    let output = world.client(&["get", "fifo"]).output().unwrap();
    check(&output, 1, "", &["not a regular file, but a FIFO"]);
    check(&world.client(&["get", ".."]).output().unwrap(), 2, "", &["names no file", "-o FILE"]);
    assert!(world.files_here().is_empty());
}

#[test]
fn what_cannot_be_written_is_told_before_anything_is_sent() {
    let world = World::new();
    put(&world, "file", 10);
    let output = world.client(&["get", "file", "-o", "no/such/folder/file"]).output().unwrap();
    check(&output, 1, "", &["cannot use the folder no/such/folder", "No such file or directory"]);
    fs::create_dir(world.here("file.part")).unwrap();
    let output = world.client(&["get", "file"]).output().unwrap();
    check(&output, 1, "", &["file.part is in the way"]);
    assert_eq!(world.files_here(), ["file.part"]);
}

#[test]
fn a_part_file_of_the_users_own_is_left_alone() {
    let world = World::new();
    put(&world, "file", 10);
    fs::write(world.here("file.part"), "precious").unwrap();
    let output = world.client(&["get", "file"]).output().unwrap();
    check(&output, 1, "", &["file.part is in the way", "hint: remove it, or", "-o FILE"]);
    assert_eq!(fs::read(world.here("file.part")).unwrap(), b"precious");
    assert_eq!(world.files_here(), ["file.part"]);
}

#[test]
fn the_rest_of_a_download_that_was_killed_makes_way() {
    let world = World::new();
    // Too much to arrive before anybody has looked, and nothing but a hole.
    let there = File::create(world.there("file")).unwrap();
    there.set_len(4 << 30).unwrap();
    let mut get = world.process(&["get", "file"]).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while fs::metadata(world.here("file.part")).map_or(0, |part| part.len()) == 0 {
        assert!(Instant::now() < deadline, "nothing comes");
    }
    get.kill().unwrap();
    get.wait().unwrap();
    assert_eq!(world.files_here(), ["file.part", "file.part.state"]);
    there.set_len(10).unwrap();
    let output = world.client(&["get", "file"]).output().unwrap();
    check(&output, 0, "", &["file.part", "starting over"]);
    assert_eq!(world.files_here(), ["file"]);
}

#[test]
fn a_full_disk_is_told_and_what_was_written_is_gone_on_with() {
    let world = World::new();
    let content = put(&world, "file", 1_000_000);
    // A limit on the size of files stands for the disk.
    let script = "ulimit -f 100; exec \"$0\" get file";
    let output = world.shell(script).output().unwrap();
    check(
        &output,
        1,
        "",
        &["cannot write file.part", "File too large", "file.part keeps 51200 bytes"],
    );
    assert_eq!(world.files_here(), ["file.part", "file.part.state"]);
    check(&world.client(&["get", "file"]).output().unwrap(), 0, "", &[]);
    assert!(fs::read(world.here("file")).unwrap() == content);
    assert_eq!(world.files_here(), ["file"]);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let world = World::new();
    put(&world, "file", 5 << 20);
    let mut get = world
        .process(&["get", "file", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(get.stdout.take());
    let output = get.wait_with_output().unwrap();
    check(&output, 0, "", &[]);
}
