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
    check(&world.client(&["ls", "file"]).output().unwrap(), 0, "file\n", &[]);
    check(&world.client(&["ls", "file/"]).output().unwrap(), 6, "", &["no such file"]);
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

/// Some of every kind.
fn various(world: &World) {
    fs::create_dir_all(world.there("folder/deep")).unwrap();
    fs::write(world.there("folder/inner"), "12345").unwrap();
    fs::write(world.there("folder/deep/est"), "").unwrap();
    fs::write(world.there("file"), "content").unwrap();
    fs::write(world.there("large"), vec![0; 2 << 20]).unwrap();
    std::os::unix::fs::symlink("file", world.there("link")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(world.there("fifo")).status();
    assert!(fifo.unwrap().success());
    for (name, age) in [("file", 10), ("large", 20), ("folder", 30)] {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_764_590_000 - age);
        let times = fs::FileTimes::new().set_modified(time);
        fs::File::open(world.there(name)).unwrap().set_times(times).unwrap();
    }
    for (name, mode) in [("file", 0o640), ("large", 0o755), ("folder", 0o750)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(world.there(name), mode).unwrap();
    }
}

fn ls(world: &World, args: &[&str]) -> std::process::Output {
    world.client(&[&["ls"], args].concat()).output().unwrap()
}

#[test]
fn a_long_list_says_what_is_known_of_each() {
    let world = World::new();
    various(&world);
    let output = ls(&world, &["-l"]);
    let shown = text(&output.stdout);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}");
    assert!(lines[0].starts_with('?') && lines[0].ends_with("  fifo"), "{shown}");
    assert_eq!(lines[1], "-rw-r-----             7  2025-12-01 11:53  file");
    assert_eq!(lines[2], "drwxr-x---             0  2025-12-01 11:52  folder/");
    assert_eq!(lines[3], "-rwxr-xr-x       2097152  2025-12-01 11:53  large");
    assert!(lines[4].starts_with("lrwxrwxrwx ") && lines[4].ends_with("  link"), "{shown}");
    assert!(text(&ls(&world, &["-l", "--human"]).stdout).contains(" 2.00 MiB  2025-12-01"));
}

#[test]
fn the_order_is_as_asked_for() {
    let world = World::new();
    various(&world);
    fs::remove_file(world.there("fifo")).unwrap();
    fs::remove_file(world.there("link")).unwrap();
    for (args, expected) in [
        (&[][..], "file\nfolder/\nlarge\n"),
        (&["-r"], "large\nfolder/\nfile\n"),
        (&["--sort", "size"], "large\nfile\nfolder/\n"),
        (&["--sort", "time"], "file\nlarge\nfolder/\n"),
        (&["--sort", "time", "-r"], "folder/\nlarge\nfile\n"),
        (&["-0"], "file\0folder\0large\0"),
        (&["-0", "folder"], "folder/deep\0folder/inner\0"),
        (&["-d"], "./\n"),
        (&["-d", "folder", "file"], "folder/\nfile\n"),
        (&["file"], "file\n"),
        (&["folder/inner"], "folder/inner\n"),
        (&["-R"], ".:\nfile\nfolder/\nlarge\n\nfolder:\ndeep/\ninner\n\nfolder/deep:\nest\n"),
        (&["folder", "file"], "folder:\ndeep/\ninner\nfile\n"),
        (&["folder/deep", "folder"], "folder/deep:\nest\n\nfolder:\ndeep/\ninner\n"),
    ] {
        check(&ls(&world, args), 0, expected, &[]);
    }
    for args in [&["-l", "--json"][..], &["-0", "-1"], &["--human"], &["-R", "-d"]] {
        assert_eq!(ls(&world, args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn programs_get_every_byte_of_every_name() {
    let world = World::new();
    fs::create_dir(world.there("folder")).unwrap();
    let name = OsStr::from_bytes(b"\xff\n\x1b[2J");
    fs::write(world.there("folder").join(name), "content").unwrap();
    fs::write(world.there("folder/plain"), "").unwrap();
    let output = ls(&world, &["--json", "folder"]);
    let told: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [plain, odd] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&plain["path"], &plain["name"]), (&"folder/plain".into(), &"plain".into()));
    assert_eq!((&plain["kind"], &plain["size"]), (&"file".into(), &0.into()));
    assert!(plain["modified"].is_i64() && plain["mode"].is_u64());
    assert_eq!((&odd["name"]["b64"], &odd["size"]), (&"/wobWzJK".into(), &7.into()));
    assert_eq!(ls(&world, &["-0", "folder"]).stdout, b"folder/plain\0folder/\xff\n\x1b[2J\0");
}

#[test]
fn a_terminal_gets_columns_and_nothing_that_moves_it() {
    use std::io::Read;
    let world = World::new();
    various(&world);
    fs::write(world.there("e\x1b[2J"), "").unwrap();
    let shown = |columns: u16, args: &[&str], colour: &str| {
        let (mut screen, slave) = crate::support::terminal();
        let size =
            rustix::termios::Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).unwrap();
        let mut ls = world.process(&[&["ls"], args].concat());
        ls.env("NO_COLOR", colour).stdout(slave);
        assert!(ls.status().unwrap().success());
        drop(ls);
        let mut shown = vec![0; 4096];
        let n = screen.read(&mut shown).unwrap();
        String::from_utf8(shown[..n].to_vec()).unwrap().replace("\r\n", "\n")
    };
    let escaped = r"e\u{1b}[2J";
    assert_eq!(shown(80, &[], "1"), format!("{escaped}  fifo?  file  folder/  large  link@\n"));
    let narrow = format!("{escaped}  folder/\nfifo?       large\nfile        link@\n");
    assert_eq!(shown(24, &[], "1"), narrow);
    assert_eq!(shown(80, &["-1"], "1"), narrow_lines(escaped));
    assert!(shown(80, &[], "").contains("  \x1b[1;34mfolder\x1b[0m/  "));
}

fn narrow_lines(first: &str) -> String {
    format!("{first}\nfifo?\nfile\nfolder/\nlarge\nlink@\n")
}

#[test]
fn one_that_cannot_be_shown_is_no_reason_to_leave_out_the_others() {
    let world = World::new();
    various(&world);
    for verb in ["ls", "stat"] {
        let output = world.client(&[verb, "missing", "file", "../x"]).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{said}");
        assert!(text(&output.stdout).starts_with("file\n"), "{}", text(&output.stdout));
        let failed = format!("{verb}: missing: missing: no such file");
        assert!(said.contains(&failed) && said.contains("2 of 3 paths were not shown"), "{said}");
    }
}

#[test]
fn a_reader_of_a_long_list_may_leave_and_a_slow_one_is_waited_for() {
    let world = World::new();
    for number in 0..20_000 {
        fs::write(world.there(format!("{number:0>100}")), "").unwrap();
    }
    let head = "\"$0\" ls | head -1; \"$0\" ls | (sleep 1; wc -l)";
    let output = crate::support::said(&mut world.shell(head));
    check(&output, 0, &format!("{}\n20000\n", "0".repeat(100)), &[]);
    let columns = ls(&world, &["-l"]);
    assert_eq!(text(&columns.stdout).lines().count(), 20_000);
}

#[test]
fn stat_tells_all_of_a_path_itself() {
    let world = World::new();
    various(&world);
    let stat = |args: &[&str]| world.client(&[&["stat"], args].concat()).output().unwrap();
    let expected = "file\n  kind      file\n  size      7 bytes\n  mode      0640 (-rw-r-----)\n  \
                    modified  2025-12-01 11:53:10 UTC\n";
    check(&stat(&["file"]), 0, expected, &[]);
    for (path, kind) in [
        (".", "directory"),
        ("", "directory"),
        ("folder", "directory"),
        ("folder/", "directory"),
        ("link", "symlink"),
        ("fifo", "other"),
        ("folder/deep/est", "file"),
    ] {
        let output = stat(&["--json", path]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["kind"], &told["path"]), (&kind.into(), &path.into()), "{told}");
    }
    for path in ["missing", "link/x", "file/x", "/etc/passwd", "../x", ".hidden", "file/"] {
        check(&stat(&[path]), 6, "", &["no such file"]);
    }
    assert_eq!(stat(&[]).status.code(), Some(2));
}
