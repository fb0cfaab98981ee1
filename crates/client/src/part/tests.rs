//! What becomes of a part file, and of what is in its way.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::FileType;

fn opened(path: &Path) -> Result<Part, PartError> {
    Part::open(Place::new(path, Existing::Keep)?).map(|(part, _)| part)
}

fn accept(part: &mut Part, mode: u32, size: u64, offset: u64) -> Result<(), PartError> {
    let etag = Some("state".into());
    let file =
        message::File { mode: Some(mode), offset, etag, ..message::File::new("f".into(), size) };
    part.accept(&file, &"f".into(), "server")
}

fn begin_with(path: &Path, mode: u32) -> Result<Part, PartError> {
    let mut part = opened(path)?;
    accept(&mut part, mode, 5, 0)?;
    Ok(part)
}

fn begin(path: &Path) -> Result<Part, PartError> {
    begin_with(path, 0o640)
}

/// A part that is worth being kept, with its state, as a kill leaves it.
fn killed(path: &Path, content: &[u8]) {
    let mut part = opened(path).unwrap();
    accept(&mut part, 0o640, 1 << 20, 0).unwrap();
    part.write_all(content).unwrap();
    drop(part);
}

#[test]
fn a_finished_part_has_its_name_its_mode_and_its_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a file");
    let mut part = begin_with(&path, 0o4640).unwrap();
    part.write_all(b"whole").unwrap();
    assert!(!path.exists());
    part.finish(Some(1_000_000_000), &Synced::default()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    let meta = path.metadata().unwrap();
    assert_eq!(meta.permissions().mode() & 0o7777, 0o640);
    assert_eq!((meta.mtime(), meta.mtime_nsec()), (1_000_000_000, 0));
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_dropped_part_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    begin(&dir.path().join("f")).unwrap().write_all(b"half").unwrap();
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

#[test]
fn what_exists_is_not_replaced_neither_at_the_start_nor_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let part = begin(&path).unwrap();
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(part.finish(None, &Synced::default()), Err(PartError::Exists { .. })));
    assert!(matches!(begin(&path), Err(PartError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let dangling = dir.path().join("link");
    symlink("nowhere", &dangling).unwrap();
    assert!(matches!(begin(&dangling), Err(PartError::Exists { .. })));
}

#[test]
fn a_second_download_is_kept_away_and_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let mut first = begin(&path).unwrap();
    assert!(matches!(begin(&path), Err(PartError::Busy { .. })));
    first.write_all(b"first").unwrap();
    first.finish(None, &Synced::default()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
}

#[test]
fn a_leftover_that_is_marked_is_replaced_even_if_it_is_longer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let leftover = File::create(dir.path().join("f.part")).unwrap();
    (&leftover).write_all(b"left behind").unwrap();
    sys::fsetxattr(&leftover, MARK, b"", XattrFlags::empty()).unwrap();
    let mut part = begin(&path).unwrap();
    part.write_all(b"new").unwrap();
    part.finish(None, &Synced::default()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_part_bears_the_mark_and_a_finished_file_does_not() {
    let dir = tempfile::tempdir().unwrap();
    // Read-only, which must not keep us from taking the mark off.
    let part = begin_with(&dir.path().join("f"), 0o444).unwrap();
    let is_marked = |name: &str| sys::getxattr(dir.path().join(name), MARK, &mut [0; 0]).is_ok();
    assert!(is_marked("f.part"));
    part.finish(None, &Synced::default()).unwrap();
    assert!(!is_marked("f"));
    let mode = dir.path().join("f").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
}

#[test]
fn a_file_of_the_users_own_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("f.part");
    std::fs::write(&own, "precious").unwrap();
    let refused = begin(&dir.path().join("f"));
    assert!(matches!(refused, Err(PartError::Foreign { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&own).unwrap(), b"precious");
}

#[test]
fn what_was_put_in_the_place_of_a_part_is_neither_published_nor_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, part_path) = (dir.path().join("f"), dir.path().join("f.part"));
    for ends in [
        |part: Part| drop(part),
        |part: Part| {
            let gone = part.finish(None, &Synced::default());
            assert!(matches!(gone, Err(PartError::Gone { .. })), "{gone:?}");
        },
    ] {
        let part = begin(&path).unwrap();
        std::fs::remove_file(&part_path).unwrap();
        std::fs::write(&part_path, "foreign").unwrap();
        ends(part);
        assert!(!path.exists());
        assert_eq!(std::fs::read(&part_path).unwrap(), b"foreign");
        std::fs::remove_file(&part_path).unwrap();
    }
}

#[test]
fn a_part_that_was_renamed_is_published_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (path, part_path) = (dir.path().join("f"), dir.path().join("f.part"));
    let mut part = begin(&path).unwrap();
    part.write_all(b"verified").unwrap();
    std::fs::rename(&part_path, dir.path().join("moved")).unwrap();
    symlink("/etc/passwd", &part_path).unwrap();
    part.finish(None, &Synced::default()).unwrap();
    assert!(path.symlink_metadata().unwrap().is_file());
    assert_eq!(std::fs::read(&path).unwrap(), b"verified");
    assert!(part_path.is_symlink());
}

#[test]
fn a_link_a_fifo_and_a_folder_in_the_way_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    symlink(&victim, dir.path().join("a.part")).unwrap();
    std::fs::create_dir(dir.path().join("b.part")).unwrap();
    let fifo = dir.path().join("c.part");
    sys::mknodat(sys::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for name in ["a", "b", "c"] {
        let refused = begin(&dir.path().join(name));
        assert!(matches!(refused, Err(PartError::Foreign { .. })), "{name}: {refused:?}");
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_before_anything_else() {
    let missing = Place::new(Path::new("no/such/folder/file"), Existing::Keep);
    assert!(matches!(missing, Err(PartError::Io { what: "cannot use the folder", .. })));
    for unnamed in ["", "..", "/"] {
        assert!(
            matches!(Place::new(Path::new(unnamed), Existing::Keep), Err(PartError::NoName { .. })),
            "{unnamed}"
        );
    }
}

#[test]
fn a_part_is_kept_with_what_is_known_of_it_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    killed(&path, b"beginning");
    let mode = |name: &str| dir.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("f.part"), mode("f.part.state")), (0o600, 0o600));
    let mut part = opened(&path).unwrap();
    assert_eq!(part.known(), Some(Known { verified: 9, etag: Some("state".into()) }));
    assert!(matches!(opened(&path), Err(PartError::Busy { .. })));
    let mut read = Vec::new();
    part.read(|piece| read.extend_from_slice(piece)).unwrap();
    assert_eq!(read, b"beginning");
    accept(&mut part, 0o640, 1 << 20, 9).unwrap();
    part.write_all(b" and end").unwrap();
    part.finish(None, &Synced::default()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"beginning and end");
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
}

#[test]
fn what_is_behind_the_known_part_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    killed(&path, b"beginning");
    let behind = File::options().append(true).open(dir.path().join("f.part")).unwrap();
    (&behind).write_all(b"never noted").unwrap();
    let mut part = opened(&path).unwrap();
    assert_eq!(part.known().unwrap().verified, 9);
    accept(&mut part, 0o640, 1 << 20, 9).unwrap();
    part.finish(None, &Synced::default()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"beginning");
}

#[test]
fn a_state_that_lies_is_not_believed() {
    type Lie = fn(&Path);
    let lies: [(&str, Lie); 6] = [
        ("more than there is", |state| {
            let text = std::fs::read_to_string(state).unwrap();
            std::fs::write(state, text.replace("00000000009\"", "00000000010\"")).unwrap();
        }),
        ("nothing", |state| File::options().write(true).open(state).unwrap().set_len(0).unwrap()),
        ("garbage", |state| std::fs::write(state, [0xff; 100]).unwrap()),
        ("no end", |state| {
            File::options().write(true).open(state).unwrap().set_len(1 << 40).unwrap();
        }),
        ("gone", |state| std::fs::remove_file(state).unwrap()),
        ("another file's", |state| {
            let text = std::fs::read_to_string(state).unwrap();
            std::fs::write(state, text.replace("\"inode\":", "\"inode\":9")).unwrap();
        }),
    ];
    for (what, lie) in lies {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        killed(&path, b"beginning");
        lie(&dir.path().join("f.part.state"));
        let part = opened(&path).unwrap();
        assert_eq!(part.known(), None, "{what}");
        drop(part);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0, "{what}");
    }
}

#[test]
fn a_state_without_a_part_is_removed_and_a_users_own_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    killed(&path, b"beginning");
    std::fs::remove_file(dir.path().join("f.part")).unwrap();
    assert_eq!(opened(&path).unwrap().known(), None);
    let own = dir.path().join("f.part.state");
    std::fs::write(&own, "precious").unwrap();
    assert!(matches!(opened(&path), Err(PartError::Foreign { .. })));
    assert_eq!(std::fs::read(&own).unwrap(), b"precious");
    std::fs::remove_file(&own).unwrap();
    symlink("/etc/passwd", &own).unwrap();
    assert!(matches!(opened(&path), Err(PartError::Foreign { .. })));
    assert!(own.is_symlink());
}

/// On a file system without attributes, or behind a copy that has lost them.
#[test]
fn a_state_is_enough_to_know_a_part_by() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    killed(&path, b"beginning");
    for name in ["f.part", "f.part.state"] {
        let _ = sys::removexattr(dir.path().join(name), MARK);
    }
    assert_eq!(opened(&path).unwrap().known().unwrap().verified, 9);
}

/// Between the two last steps of a download: writing to the part would be writing to the file.
#[test]
fn a_part_that_has_its_name_already_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    killed(&path, b"whole");
    std::fs::hard_link(dir.path().join("f.part"), &path).unwrap();
    let place = Place::new(&path, Existing::Replace).unwrap();
    let mut part = Part::open(place).unwrap().0;
    assert_eq!(part.known(), None);
    accept(&mut part, 0o600, 3, 0).unwrap();
    part.write_all(b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    part.finish(None, &Synced::default()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_file_may_be_replaced_or_numbered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "old").unwrap();
    let finish = |existing| {
        let mut part = Part::open(Place::new(&path, existing).unwrap()).unwrap().0;
        accept(&mut part, 0o600, 3, 0).unwrap();
        part.write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        part.finish(None, &Synced::default()).unwrap().0
    };
    assert_eq!(finish(Existing::Number), dir.path().join("f.1"));
    assert_eq!(finish(Existing::Number), dir.path().join("f.2"));
    assert_eq!(finish(Existing::Replace), path);
    for name in ["f", "f.1", "f.2"] {
        assert_eq!(std::fs::read(dir.path().join(name)).unwrap(), b"new");
    }
    assert_eq!(dir.path().read_dir().unwrap().count(), 3);
    std::fs::create_dir(dir.path().join("d")).unwrap();
    let folder = Place::new(&dir.path().join("d"), Existing::Replace);
    assert!(matches!(folder, Err(PartError::Exists { .. })));
}

#[test]
fn a_part_of_a_long_name_has_a_shorter_one() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["x".repeat(255), "x".repeat(244), "é".repeat(127)] {
        let path = dir.path().join(&name);
        killed(&path, b"beginning");
        assert_eq!(opened(&path).unwrap().known().unwrap().verified, 9, "{name}");
        let mut part = begin(&path).unwrap();
        part.write_all(b"whole").unwrap();
        part.finish(None, &Synced::default()).unwrap();
    }
    assert_eq!(dir.path().read_dir().unwrap().count(), 3);
}
