//! `put`: files arrive at the server whole, or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::Duration;

use framing_server::{Options, Server};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::faults::{LARGE, Mortal, RATE, moments, rounds, transfer};
use crate::resume::{content, wait_for};
use crate::support::{World, check, guarded, names, options, run, text};

const SIZE: usize = 3 << 20;

/// A file of the client's.
fn write(world: &World, name: &str, size: usize, seed: u32) -> Vec<u8> {
    let content = content(size, seed);
    fs::write(world.here(name), &content).unwrap();
    content
}

fn put(world: &World, args: &[&str]) -> Output {
    world.client(&[&["put"], args].concat()).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

fn slow(world: &World, args: &[&str]) -> Child {
    let slowly = [&["put"], args, &["--limit-rate", "2MiB"]].concat();
    let mut put = world.process(&slowly);
    guarded(put.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// How many bytes the server holds of what is not whole.
fn held(world: &World) -> u64 {
    let parts = fs::read_dir(world.there("")).unwrap().flatten();
    let mut parts = parts.filter(|entry| entry.file_name().as_bytes().starts_with(b".framing-"));
    parts.next().and_then(|part| part.metadata().ok()).map_or(0, |metadata| metadata.len())
}

/// Leaves half a file, by Ctrl-C.
fn half(world: &World, args: &[&str]) {
    let put = slow(world, args);
    wait_for("a part", || held(world) >= 64 << 10);
    kill_process(Pid::from_child(&put), Signal::INT).unwrap();
    let output = put.wait_with_output().unwrap();
    check(&output, 130, "", &["the server keeps what has come", "the same command goes on there"]);
}

#[test]
fn a_file_is_there_as_it_is_here() {
    let world = World::new();
    for (size, mode) in [(0, 0o600), (1, 0o755), (SIZE, 0o640)] {
        for kind in ["blake3", "sha256", "md5"] {
            let content = write(&world, "file", size, 1);
            fs::set_permissions(world.here("file"), PermissionsExt::from_mode(mode)).unwrap();
            let told = json(&put(&world, &["file", "--json", "--overwrite", "--digest", kind]));
            assert_eq!((&told["path"], &told["stored_as"]), (&"file".into(), &"file".into()));
            assert_eq!((&told["size"], &told["resumed_from"]), (&size.into(), &0.into()));
            assert!(told["digest"].as_str().unwrap().starts_with(kind), "{told}");
            assert_eq!(told["outcome"], "stored");
            assert!(fs::read(world.there("file")).unwrap() == content);
            let (here, there) = (world.here("file"), world.there("file"));
            let [here, there] = [here, there].map(|path| path.metadata().unwrap());
            assert_eq!(here.mtime(), there.mtime());
            assert_eq!(here.mode() & 0o777, there.mode() & 0o777);
        }
    }
    assert_eq!(names(&world.there("")), ["file"]);
}

#[test]
fn it_goes_where_it_is_told_to() {
    let world = World::new();
    fs::create_dir_all(world.here("folder")).unwrap();
    fs::write(world.here("folder/file"), "content").unwrap();
    fs::create_dir(world.there("docs")).unwrap();
    for (args, there) in [
        (&["folder/file"][..], "file"),
        (&["folder/file", "--to", "other"], "other"),
        (&["folder/file", "--to", "docs/other"], "docs/other"),
        (&["folder/file", "--to", "docs/"], "docs/file"),
        (&["folder/file", "-t", "docs"], "docs/file"),
        (&["folder/file", "--to", "new/deep/name", "--parents"], "new/deep/name"),
        (&["folder/file", "--to", "new/er/", "-p"], "new/er/file"),
        (&["folder/file", "--to", "."], "file"),
    ] {
        check(&put(&world, args), 0, "", &[]);
        assert_eq!(fs::read(world.there(there)).unwrap(), b"content", "{args:?}");
        fs::remove_file(world.there(there)).unwrap();
    }
    check(
        &put(&world, &["folder/file", "--to", "none/name"]),
        6,
        "",
        &["no such directory", "--parents"],
    );
    check(&put(&world, &["folder/file", "--to", "../name"]), 6, "", &["stay below it"]);
    check(&put(&world, &["folder/file", "--to", ".name"]), 6, "", &["hidden"]);
}

#[test]
fn what_is_there_already_stays_unless_told_otherwise() {
    let world = World::new();
    write(&world, "file", 10, 1);
    fs::write(world.there("file"), "theirs").unwrap();
    check(&put(&world, &["file"]), 9, "", &["file: exists already", "put --overwrite"]);
    assert_eq!(fs::read(world.there("file")).unwrap(), b"theirs");
    check(&put(&world, &["file", "--overwrite"]), 0, "", &[]);
    assert_eq!(fs::read(world.there("file")).unwrap().len(), 10);
}

#[test]
fn what_cannot_be_put_is_told() {
    let world = World::new();
    fs::create_dir(world.here("folder")).unwrap();
    write(&world, "file", 10, 1);
    let fifo = std::process::Command::new("mkfifo").arg(world.here("fifo")).status();
    assert!(fifo.unwrap().success());
    for (args, code, said) in [
        (&["missing"][..], 1, &["cannot read missing: No such file", "ls -l"][..]),
        (&["folder"], 1, &["folder is a folder", "put -r"]),
        (&["fifo"], 1, &["fifo is not a regular file"]),
        (&[""], 1, &["cannot read ''"]),
    ] {
        check(&put(&world, args), code, "", said);
    }
    for args in [&["-"][..], &["-", "file", "-t", "a"], &["-", "-t", "a/"], &["file", "-t", ""]] {
        assert_eq!(put(&world, args).status.code(), Some(2), "{args:?}");
    }
    assert!(names(&world.there("")).is_empty());
    // Nobody is asked for what is not there; a server that takes nothing says what it would need.
    let closed =
        Options { root: Some(world.there("")), listen: vec!["127.0.0.1:0".into()], ..options() };
    let closed = Server::bind(closed).unwrap().spawn().unwrap();
    let output = run(&closed.addresses()[0].to_string(), &world.here(""), &["put", "file"]);
    check(&output, 5, "", &["takes no files", "framing-server --root DIR --writable"]);
    let output = run("127.0.0.1:1", &world.here(""), &["put", "file", "--retries", "0"]);
    check(&output, 3, "", &["--root DIR --writable"]);
}

#[test]
fn standard_input_is_put_under_a_name() {
    let world = World::new();
    let content = content(SIZE, 3);
    let mut process = world.process(&["put", "-", "--to", "file", "--json"]);
    let mut process =
        guarded(process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut stdin = process.stdin.take().unwrap();
    for piece in content.chunks(700_001) {
        stdin.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    assert!(!world.there("file").exists());
    drop(stdin);
    let told = json(&process.wait_with_output().unwrap());
    assert_eq!((&told["path"], &told["size"]), (&"-".into(), &SIZE.into()));
    assert!(fs::read(world.there("file")).unwrap() == content);
    // Nothing is something, too.
    let mut process = world.process(&["put", "-", "-t", "empty"]);
    assert!(process.stdin(Stdio::null()).status().unwrap().success());
    assert_eq!(fs::read(world.there("empty")).unwrap(), b"");
}

/// They say that they are empty.
#[test]
fn files_of_the_kernel_are_put_with_what_is_in_them() {
    let world = World::new();
    let told = json(&put(&world, &["/proc/version", "--json"]));
    let content = fs::read("/proc/version").unwrap();
    assert_eq!((&told["size"], &told["outcome"]), (&content.len().into(), &"stored".into()));
    assert_eq!(fs::read(world.there("version")).unwrap(), content);
}

#[test]
fn several_go_into_a_folder_and_one_that_fails_is_no_reason_to_leave_out_the_others() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        fs::write(world.here(name), name).unwrap();
    }
    fs::write(world.there("b"), "theirs").unwrap();
    let output = put(&world, &["a", "b", "missing", "c", "--json"]);
    let told: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = told.iter().map(|told| told["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "stored", "failed", "stored"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("put: b: b: exists already"), "{said}");
    assert!(said.contains("2 of 4 files were not put"), "{said}");
    assert_eq!(fs::read(world.there("b")).unwrap(), b"theirs");
    check(&put(&world, &["a", "b", "-t", "new/sub", "-p"]), 0, "", &["2 of 2 files"]);
    assert_eq!(names(&world.there("new/sub")), ["a", "b"]);
}

#[test]
fn a_folder_is_put_with_all_that_is_a_file_in_it() {
    let world = World::new();
    let deep = world.here("tree/sub/deep");
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(world.here("tree/empty")).unwrap();
    for name in ["tree/one", "tree/sub/two", "tree/sub/deep/three", "tree/.hidden"] {
        fs::write(world.here(name), name).unwrap();
    }
    symlink("one", world.here("tree/link")).unwrap();
    symlink("/etc", world.here("tree/folder link")).unwrap();
    let odd = deep.join(OsStr::from_bytes(b"odd\xff\n"));
    fs::write(&odd, "odd").unwrap();
    let output = put(&world, &["-r", "tree"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for left in ["tree/.hidden: left out, hidden", "tree/link: left out, a symbolic link"] {
        assert!(said.contains(left), "{said}");
    }
    assert!(said.contains("4 of 4 files"), "{said}");
    for name in ["tree/one", "tree/sub/two", "tree/sub/deep/three"] {
        assert_eq!(fs::read_to_string(world.there(name)).unwrap(), name);
    }
    let odd = world.there("tree/sub/deep").join(OsStr::from_bytes(b"odd\xff\n"));
    assert_eq!(fs::read(odd).unwrap(), b"odd");
    assert_eq!(names(&world.there("tree")), ["one", "sub"]);
    // What is in the folder that we are in.
    check(&put(&world, &["-r", "tree/.", "--to", "copy"]), 0, "", &["4 of 4 files"]);
    assert_eq!(names(&world.there("copy")), ["one", "sub"]);
}

#[test]
fn what_ctrl_c_leaves_is_gone_on_with() {
    let world = World::new();
    for kind in ["blake3", "sha256"] {
        let content = write(&world, "file", SIZE, 1);
        half(&world, &["file", "--digest", kind]);
        wait_for("the server notices", || held(&world) >= 64 << 10);
        let kept = held(&world);
        let told = json(&put(&world, &["file", "--json", "--digest", kind]));
        assert_eq!(told["resumed_from"], kept, "{told}");
        assert!(fs::read(world.there("file")).unwrap() == content);
        assert_eq!(names(&world.there("")), ["file"]);
        fs::remove_file(world.there("file")).unwrap();
    }
    // No MD5 proves anything, and what is not wanted is not used.
    for args in [&["--digest", "md5"][..], &["--no-resume"]] {
        write(&world, "file", SIZE, 1);
        half(&world, &["file"]);
        let told = json(&put(&world, &[&["file", "--json", "--overwrite"], args].concat()));
        assert_eq!(told["resumed_from"], 0, "{told}");
        fs::remove_file(world.there("file")).unwrap();
        assert_eq!(held(&world), 0);
    }
}

#[test]
fn what_is_kept_of_another_file_is_not_gone_on_with() {
    let world = World::new();
    for size in [SIZE, SIZE + 1, SIZE - 1, 100_000, 10, 0] {
        write(&world, "file", SIZE, 1);
        half(&world, &["file"]);
        let content = write(&world, "file", size, 2);
        let output = put(&world, &["file", "--json"]);
        let told = json(&output);
        assert_eq!(told["resumed_from"], 0, "{told}");
        let said = text(&output.stderr);
        assert!(
            size <= 100_000 || said.contains("is not the beginning of file: starting over"),
            "{said}"
        );
        assert!(fs::read(world.there("file")).unwrap() == content, "{size}");
        assert_eq!(names(&world.there("")), ["file"]);
        fs::remove_file(world.there("file")).unwrap();
    }
    // What the server's disk has made of it is noticed, too.
    let content = write(&world, "file", SIZE, 1);
    half(&world, &["file"]);
    let part = fs::read_dir(world.there("")).unwrap().next().unwrap().unwrap().path();
    let mut kept = fs::read(&part).unwrap();
    kept[1000] ^= 1;
    fs::write(&part, kept).unwrap();
    assert_eq!(json(&put(&world, &["file", "--json"]))["resumed_from"], 0);
    assert!(fs::read(world.there("file")).unwrap() == content);
}

#[test]
fn a_source_that_changes_under_way_is_no_file() {
    type Change = fn(&World);
    let world = World::new();
    let changes: [Change; 3] = [
        |world| {
            let file = File::options().write(true).open(world.here("file")).unwrap();
            file.set_len(1 << 20).unwrap();
        },
        |world| {
            let mut file = File::options().append(true).open(world.here("file")).unwrap();
            file.write_all(b"more").unwrap();
        },
        |world| {
            let mut file = File::options().write(true).open(world.here("file")).unwrap();
            file.write_all(b"other").unwrap();
        },
    ];
    for change in changes {
        write(&world, "file", SIZE, 1);
        let put = slow(&world, &["file", "--no-resume"]);
        wait_for("a part", || held(&world) > 0);
        change(&world);
        let output = put.wait_with_output().unwrap();
        check(&output, 7, "", &["changed while it was being sent", "put it again"]);
        wait_for("nothing", || names(&world.there("")).is_empty());
    }
}

#[test]
fn a_client_that_is_killed_at_any_moment_goes_on_and_gets_it_right() {
    let world = World::new();
    let (size, rate) = transfer();
    let content = write(&world, "file", size, 1);
    let mut moments = moments(900);
    let mut kills = 0;
    while kills < rounds() {
        while !world.there("file").exists() {
            let before = held(&world);
            let mut put = world.process(&["put", "file", "--limit-rate", rate]);
            let mut put = guarded(put.stderr(Stdio::piped()).spawn().unwrap());
            thread::sleep(moments.next().unwrap());
            let _ = put.kill();
            put.wait_with_output().unwrap();
            // Nothing that has come is thrown away, once it is worth keeping.
            assert!(before < 64 << 10 || held(&world) >= before || world.there("file").exists());
            kills += 1;
            assert!(kills < 1000, "it gets nowhere");
        }
        wait_for("the server is done", || names(&world.there("")) == ["file"]);
        assert!(fs::read(world.there("file")).unwrap() == content, "after {kills}");
        fs::remove_file(world.there("file")).unwrap();
    }
}

#[test]
fn a_server_that_is_killed_at_any_moment_is_waited_for() {
    let mut server = Mortal::new();
    let (size, rate) = transfer();
    let content = content(size, 2);
    fs::write(server.here.path().join("file"), &content).unwrap();
    let mut moments = moments(900);
    for round in 0..rounds() {
        let mut put = server.client(&["put", "file", "--limit-rate", rate, "--json"]);
        let put = put.spawn().map(guarded).unwrap();
        thread::sleep(moments.next().unwrap() + Duration::from_millis(300));
        server.kill();
        server.start();
        let output = put.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "round {round}: {said}");
        assert!(said.contains("trying again in 1 s (1 of 5)"), "round {round}: {said}");
        assert!(!said.contains("starting over"), "round {round}: {said}");
        assert!(json(&output)["resumed_from"].as_u64().unwrap() > 0);
        assert!(fs::read(server.root.path().join("file")).unwrap() == content, "round {round}");
        assert_eq!(names(server.root.path()), ["file"]);
        fs::remove_file(server.root.path().join("file")).unwrap();
    }
}

#[test]
fn what_is_read_of_a_pipe_is_not_sent_again() {
    let mut server = Mortal::new();
    let mut put = server.client(&["put", "-", "-t", "file", "--retries", "3"]);
    let mut put = guarded(put.stdin(Stdio::piped()).spawn().unwrap());
    let mut stdin = put.stdin.take().unwrap();
    stdin.write_all(&content(SIZE, 1)).unwrap();
    thread::sleep(Duration::from_millis(300));
    server.kill();
    let output = put.wait_with_output().unwrap();
    check(&output, 3, "", &["the server went away"]);
    drop(stdin);
}

#[test]
fn a_server_that_says_nothing_more_is_given_up() {
    let mut server = Mortal::new();
    fs::write(server.here.path().join("file"), content(LARGE, 2)).unwrap();
    let args = ["put", "file", "--limit-rate", RATE, "--retries", "0", "--stall-timeout", "700ms"];
    let put = server.client(&args).spawn().map(guarded).unwrap();
    wait_for("a part", || !names(server.root.path()).is_empty());
    let stopped = Pid::from_child(server.process.as_ref().unwrap());
    kill_process(stopped, Signal::STOP).unwrap();
    let output = put.wait_with_output().unwrap();
    server.kill();
    check(&output, 8, "", &["nothing of it has come for 0.7 s"]);
}

#[test]
fn how_far_it_is_is_told() {
    let world = World::new();
    write(&world, "file", 5 << 20, 1);
    let output = put(&world, &["file", "--progress", "json", "--limit-rate", "2MiB"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let told: Vec<Value> =
        text(&output.stderr).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!((1..=3).contains(&told.len()), "{told:?}");
    let last = told.last().unwrap();
    assert!(last["bytes"].as_u64().unwrap() > 1 << 20 && last["total"] == 5 << 20, "{told:?}");
}

#[test]
fn two_of_the_same_name_do_not_meet() {
    let world = World::new();
    let content = write(&world, "file", SIZE, 1);
    let first = slow(&world, &["file"]);
    wait_for("a part", || held(&world) > 0);
    let output = put(&world, &["file", "--retries", "0"]);
    check(&output, 1, "", &["being put there by another connection"]);
    check(&first.wait_with_output().unwrap(), 0, "", &[]);
    assert!(fs::read(world.there("file")).unwrap() == content);
}
