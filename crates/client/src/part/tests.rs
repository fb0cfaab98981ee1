//! What becomes of a part file, and of what is in its way.

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn begin(path: &Path) -> Result<Part, PartError> {
    Place::new(path)?.begin(0o640)
}

#[test]
fn a_finished_part_has_its_name_its_mode_and_its_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a file");
    let mut part = Place::new(&path).unwrap().begin(0o4640).unwrap();
    part.write_all(b"whole").unwrap();
    assert!(!path.exists());
    part.finish(Some(1_000_000_000)).unwrap();
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
    assert!(matches!(part.finish(None), Err(PartError::Exists { .. })));
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
    first.finish(None).unwrap();
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
    part.finish(None).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_part_bears_the_mark_and_a_finished_file_does_not() {
    let dir = tempfile::tempdir().unwrap();
    // Read-only, which must not keep us from taking the mark off.
    let part = Place::new(&dir.path().join("f")).unwrap().begin(0o444).unwrap();
    let is_marked = |name: &str| sys::getxattr(dir.path().join(name), MARK, &mut [0; 0]).is_ok();
    assert!(is_marked("f.part"));
    part.finish(None).unwrap();
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
            let gone = part.finish(None);
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
    part.finish(None).unwrap();
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
    let missing = Place::new(Path::new("no/such/folder/file"));
    assert!(matches!(missing, Err(PartError::Io { what: "cannot use the folder", .. })));
    for unnamed in ["", "..", "/"] {
        assert!(
            matches!(Place::new(Path::new(unnamed)), Err(PartError::NoName { .. })),
            "{unnamed}"
        );
    }
}
