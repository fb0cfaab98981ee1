//! `get` of what is missing: only behind what is known to be the same.

use crate::caller::{Caller, open_server, options, start};
use framing_protocol::Hasher;
use framing_protocol::client::Event;
use framing_protocol::message::{Digest, DigestKind, Failure, File, Get, Resume};
use framing_server::Options;
use std::fs::{self, FileTimes, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tempfile::{TempDir, tempdir};

const KINDS: [DigestKind; 3] = [DigestKind::Blake3, DigestKind::Sha256, DigestKind::Md5];

fn digest(kind: DigestKind, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(kind);
    hasher.update(bytes);
    hasher.finish()
}

/// A root with one file, some blocks long.
fn rooted() -> (TempDir, Vec<u8>) {
    let root = tempdir().unwrap();
    let content: Vec<u8> = (0..=250).cycle().take(700_001).collect();
    fs::write(root.path().join("file"), &content).unwrap();
    (root, content)
}

/// What came, and the digest of the whole that the server says it has.
fn fetch(caller: &mut Caller, get: &Get) -> Result<(File, Vec<u8>, Digest), Failure> {
    let asked = caller.client().get(get).unwrap();
    let (mut announced, mut content) = (None, Vec::new());
    loop {
        match caller.next() {
            (Event::Verifying { .. }, _) => assert!(announced.is_none()),
            (Event::File { file, .. }, _) => announced = Some(file),
            (Event::Data { .. }, body) => content.extend(body),
            (Event::FileEnd { id, digest }, _) if id == asked => {
                return Ok((announced.unwrap(), content, digest));
            }
            (Event::Error { id, failure }, _) if id == asked => return Err(failure),
            other => panic!("{other:?}"),
        }
    }
}

fn resuming(offset: usize, etag: Option<&str>, prefix: Digest) -> Get {
    let resume = Resume { offset: offset as u64, etag: etag.map(str::to_owned), prefix };
    Get { resume: Some(resume), ..Get::new("file".into()) }
}

#[test]
fn the_rest_comes_behind_the_same_bytes_with_the_digest_of_the_whole() {
    let (root, content) = rooted();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let (file, all, whole) = fetch(&mut caller, &Get::new("file".into())).unwrap();
    assert_eq!((file.offset, &all, whole), (0, &content, digest(DigestKind::Blake3, &content)));
    let etag = file.etag.unwrap();
    for offset in [1, 2, 262_143, 262_144, 262_145, 700_000, 700_001] {
        for prefix in [DigestKind::Blake3, DigestKind::Sha256] {
            for kind in KINDS {
                for etag in [None, Some(&*etag)] {
                    let get = resuming(offset, etag, digest(prefix, &content[..offset]));
                    let get = Get { digest: kind, ..get };
                    let (file, rest, whole) = fetch(&mut caller, &get).unwrap();
                    assert_eq!(file.offset, offset as u64);
                    assert_eq!(file.total_size, content.len() as u64);
                    assert!(rest == content[offset..], "{offset}");
                    assert_eq!(whole, digest(kind, &content), "{offset}");
                }
            }
        }
    }
}

#[test]
fn it_begins_anew_behind_anything_else() {
    let (root, content) = rooted();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let etag = fetch(&mut caller, &Get::new("file".into())).unwrap().0.etag.unwrap();
    let good = |offset: usize| digest(DigestKind::Blake3, &content[..offset.min(content.len())]);
    let mut other = content[..5000].to_vec();
    other[4999] ^= 1;
    for (what, get) in [
        ("one bit", resuming(5000, Some(&etag), digest(DigestKind::Blake3, &other))),
        ("one byte less", resuming(5001, Some(&etag), good(5000))),
        ("another state", resuming(5000, Some("another"), good(5000))),
        ("no state", resuming(5000, Some(""), good(5000))),
        ("more than there is", resuming(700_002, Some(&etag), good(700_001))),
        ("far more", resuming(usize::MAX, Some(&etag), good(700_001))),
        ("another kind", resuming(5000, None, digest(DigestKind::Sha256, b""))),
    ] {
        let (file, all, whole) = fetch(&mut caller, &get).unwrap();
        assert_eq!(file.offset, 0, "{what}");
        assert!(all == content, "{what}");
        assert_eq!(whole, digest(DigestKind::Blake3, &content), "{what}");
    }
}

/// A change that size and time of modification do not show.
#[test]
fn a_state_is_known_by_more_than_size_and_time() {
    let (root, content) = rooted();
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    let mut etag = || fetch(&mut caller, &Get::new("file".into())).unwrap().0.etag.unwrap();
    let before = etag();
    assert_eq!(etag(), before);
    let path = root.path().join("file");
    let modified = path.metadata().unwrap().modified().unwrap();
    let date = |path: &Path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    };
    // Written over in place.
    std::thread::sleep(Duration::from_millis(20));
    fs::write(&path, &content).unwrap();
    date(&path);
    let in_place = etag();
    assert_ne!(in_place, before);
    // Another file in its place.
    let new = root.path().join("new");
    fs::write(&new, &content).unwrap();
    date(&new);
    fs::rename(&new, &path).unwrap();
    assert!(![before, in_place].contains(&etag()));
}

#[test]
fn a_state_has_one_name_with_one_key_and_another_with_another() {
    let (root, _) = rooted();
    let etag = |server: &framing_server::Running| {
        fetch(&mut Caller::new(server), &Get::new("file".into())).unwrap().0.etag.unwrap()
    };
    let first = open_server(root.path());
    let name = etag(&first);
    first.stop().unwrap();
    // The server may have been started anew between two parts.
    assert_eq!(etag(&open_server(root.path())), name);
    assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn a_long_comparison_says_that_it_goes_on_and_can_be_called_off() {
    let root = tempdir().unwrap();
    let size = 400 << 20;
    let file = fs::File::create(root.path().join("file")).unwrap();
    file.set_len(size).unwrap();
    let server = start(Options { root: Some(root.path().into()), ..options() });
    let mut caller = Caller::new(&server);
    let resume = Resume { offset: size, etag: None, prefix: Digest::Blake3([0; 32]) };
    let get = Get { resume: Some(resume), ..Get::new("file".into()) };
    let asked = caller.client().get(&get).unwrap();
    let (Event::Verifying { bytes, .. }, _) = caller.next() else { panic!() };
    assert!(bytes >= 64 << 20 && bytes < size);
    caller.client().cancel(asked);
    loop {
        match caller.next() {
            (Event::Verifying { .. }, _) => {}
            (Event::Error { id, failure }, _) => {
                assert_eq!((id, failure.code.as_str()), (asked, "cancelled"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(caller.upper(b"and on").unwrap(), "AND ON");
}

#[test]
fn a_file_that_changes_while_it_is_compared_or_sent_is_an_error() {
    let (root, content) = rooted();
    let path = root.path().join("file");
    let server = open_server(root.path());
    let mut caller = Caller::new(&server);
    // Larger than all buffers between the two, so that it is not at its end before it changes.
    let mut large = OpenOptions::new().append(true).open(&path).unwrap();
    large.write_all(&vec![b'x'; 64 << 20]).unwrap();
    let get = resuming(content.len(), None, digest(DigestKind::Blake3, &content));
    let asked = caller.client().get(&get).unwrap();
    let (Event::File { file, .. }, _) = caller.next() else { panic!() };
    assert_eq!(file.offset, content.len() as u64);
    large.set_len(content.len() as u64 + 5).unwrap();
    loop {
        match caller.next() {
            (Event::Data { .. }, _) => {}
            (Event::Error { id, failure }, _) => {
                assert_eq!((id, failure.code.as_str()), (asked, "changed"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}
