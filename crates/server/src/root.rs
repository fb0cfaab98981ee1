//! The directory below which files are served, and nothing above or beside it.

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, mkdirat, openat, openat2,
    statat,
};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// An open directory that is the root of every path.
///
/// The kernel itself resolves each path from this handle, refusing `..` out of it and symbolic
/// links anywhere in it, so no rename or link made meanwhile can lead outside. Where it cannot (before
/// Linux 5.6, or in a sandbox that forbids `openat2`) the path is walked one handle after the other: no
/// component of it is `..`, and none is followed if it is a link, so that comes to the same.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    path: PathBuf,
    walk: Walk,
}

/// Who follows a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Kernel,
    StepByStep,
}

/// What becomes of a path to a place where directories are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Refused,
    Made,
}

/// Why the directory cannot be a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// It is missing, no directory, or may not be read.
    #[error(
        "cannot serve files below {path:?}: {source}; name a directory that this user may read"
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a path is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
    /// Missing, forbidden or a symbolic link: one answer, so that it tells nothing.
    #[error("no such file or directory")]
    Absent,
    /// A name in it begins with a dot: the same answer.
    #[error("no such file or directory")]
    Hidden,
    /// Absolute, or with `..`.
    #[error("no such file or directory: paths are relative to the server's root and stay below it")]
    Outside,
    /// There, but no regular file.
    #[error("not a regular file, but {0}")]
    NotAFile(&'static str),
    /// There, but no directory.
    #[error("not a directory")]
    NotADirectory,
    /// The system failed.
    #[error(transparent)]
    System(io::Error),
}

impl Root {
    /// Opens the directory at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, RootError> {
        let failed = |source: io::Error| RootError::Open { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, &path, flags, Mode::empty())
            .map_err(|errno| RootError::Open { path: path.clone(), source: errno.into() })?;
        let walk = match openat2(&directory, ".", flags, Mode::empty(), RESOLVE) {
            Ok(_) => Walk::Kernel,
            Err(Errno::NOSYS | Errno::PERM | Errno::TOOBIG | Errno::INVAL) => Walk::StepByStep,
            Err(source) => return Err(RootError::Open { path, source: source.into() }),
        };
        Ok(Self { directory, path, walk })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file below the root; never waits for anything else that it may be.
    pub(crate) fn file(&self, path: &[u8]) -> Result<(File, Metadata), PathError> {
        let (file, metadata) = self.resolve(path)?;
        if metadata.is_file() {
            Ok((file, metadata))
        } else {
            Err(PathError::NotAFile(kind(&metadata)))
        }
    }

    /// Opens a directory below the root; the empty path is the root itself.
    pub(crate) fn directory(&self, path: &[u8]) -> Result<OwnedFd, PathError> {
        let (file, metadata) = self.resolve(path)?;
        if metadata.is_dir() { Ok(file.into()) } else { Err(PathError::NotADirectory) }
    }

    /// Looks at what is at `path`, without opening it or following it if it is a link, and gives its name.
    pub(crate) fn look(&self, path: &[u8]) -> Result<(Vec<u8>, Stat), PathError> {
        let path = relative(path)?;
        if path == b"." {
            return Ok((path, fstat(&self.directory)?));
        }
        let whole = path.strip_suffix(b"/").unwrap_or(&path);
        let (parent, name) = split(whole);
        let directory = self.directory(parent).map_err(|error| match error {
            PathError::NotADirectory => PathError::Absent,
            error => error,
        })?;
        let stat = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if whole.len() < path.len() && !is_directory {
            return Err(PathError::Absent);
        }
        Ok((name.to_vec(), stat))
    }

    /// Opens the directory in which the file at `path` is to be, and gives its name there.
    pub(crate) fn parent(
        &self,
        path: &[u8],
        missing: Missing,
    ) -> Result<(OwnedFd, Vec<u8>), PathError> {
        let path = relative(path)?;
        if path == b"." || path.ends_with(b"/") {
            return Err(PathError::NotAFile("a directory"));
        }
        let (parent, name) = split(&path);
        let directory = match self.directory(parent) {
            Err(PathError::Absent) if missing == Missing::Made => {
                make_directories(&self.directory, parent)?
            }
            opened => opened?,
        };
        Ok((directory, name.to_vec()))
    }

    fn resolve(&self, path: &[u8]) -> Result<(File, Metadata), PathError> {
        let path = relative(path)?;
        // Non-blocking, or opening a FIFO would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut attempts = 0;
        let file = loop {
            let opened = match self.walk {
                Walk::Kernel => openat2(&self.directory, &path, flags, Mode::empty(), RESOLVE),
                Walk::StepByStep => step_by_step(&self.directory, &path, flags),
            };
            match opened {
                Ok(file) => break File::from(file),
                // AGAIN is a rename that raced with the walk.
                Err(Errno::INTR | Errno::AGAIN) if attempts < ATTEMPTS => attempts += 1,
                Err(errno) => return Err(errno.into()),
            }
        };
        let metadata = file.metadata().map_err(PathError::System)?;
        Ok((file, metadata))
    }
}

/// Opens a relative path without `..`, component by component. None of them is followed.
fn step_by_step(root: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (parents, last) = match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) if slash + 1 == path.len() => (path, &b"."[..]),
        Some(slash) => path.split_at(slash + 1),
        None => (&b""[..], path),
    };
    let mut parent = None;
    for component in parents.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        parent = Some(openat(parent.as_ref().unwrap_or(root), component, way, Mode::empty())?);
    }
    openat(parent.as_ref().unwrap_or(root), last, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// A relative path as a directory and a name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b".", path),
    }
}

/// Makes what is missing of a relative path of directories without `..`. None of its components is followed if it is
/// a link.
fn make_directories(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut directory = openat(root, ".", flags, Mode::empty())?;
    for component in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        match mkdirat(&directory, component, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        directory = openat(&directory, component, flags, Mode::empty())?;
    }
    Ok(directory)
}

impl From<Errno> for PathError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::ACCESS
            | Errno::PERM
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG => Self::Absent,
            Errno::NXIO | Errno::NODEV => Self::NotAFile("a socket or device"),
            errno => Self::System(errno.into()),
        }
    }
}

/// The path as the kernel is to see it: no hidden component, nothing that could lead upwards.
fn relative(path: &[u8]) -> Result<Vec<u8>, PathError> {
    if path.first() == Some(&b'/') {
        return Err(PathError::Outside);
    }
    let mut clean = Vec::with_capacity(path.len() + 1);
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Err(PathError::Outside),
            hidden if hidden.starts_with(b".") => return Err(PathError::Hidden),
            nul if nul.contains(&0) => return Err(PathError::Absent),
            component => {
                clean.extend_from_slice(component);
                clean.push(b'/');
            }
        }
    }
    // What ends in a slash is asked for as a directory, and stays so.
    if !path.ends_with(b"/") {
        clean.pop();
    }
    if clean.is_empty() {
        clean.push(b'.');
    }
    Ok(clean)
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

/// How often a walk that was disturbed is begun anew.
const ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::RenameFlags;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    /// With the kernel's help and without, all is the same.
    #[test]
    fn both_ways_of_walking_lead_to_the_same_files_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let (root, inside) = (dir.path().join("root"), dir.path().join("root/a/b"));
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(inside.join("file"), "content").unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        symlink(dir.path(), root.join("out")).unwrap();
        symlink("b", root.join("a/link")).unwrap();
        symlink("b/file", root.join("a/file link")).unwrap();
        let kernel = Root::open(&root).unwrap();
        assert_eq!(kernel.walk, Walk::Kernel, "this test needs a kernel with openat2");
        let by_hand = Root { walk: Walk::StepByStep, ..Root::open(&root).unwrap() };
        for root in [&kernel, &by_hand] {
            let read = |path: &str| {
                let mut text = String::new();
                let opened = root.file(path.as_bytes());
                opened.map(|(mut file, _)| file.read_to_string(&mut text).map(|_| text).unwrap())
            };
            for path in ["a/b/file", "./a//b/./file"] {
                assert_eq!(read(path).unwrap(), "content", "{path}");
            }
            for path in
                ["out/secret", "a/link/file", "a/file link", "a/b/none", "a/b/file/", "a/b/file/x"]
            {
                assert!(matches!(read(path), Err(PathError::Absent)), "{path}: {:?}", read(path));
            }
            for path in ["", "a", "a/", "a/b/"] {
                assert!(matches!(read(path), Err(PathError::NotAFile("a directory"))), "{path}");
                assert!(root.directory(path.as_bytes()).is_ok(), "{path}");
            }
            for path in ["a/b/file", "a/b/file/", "out", "a/link"] {
                assert!(root.directory(path.as_bytes()).is_err(), "{path}");
            }
        }
    }

    /// A directory that is a link from one moment to the next: ten seconds of it in the long run.
    #[test]
    fn a_link_that_takes_the_place_of_a_directory_is_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        for (directory, content) in [(root.join("real"), "inside"), (outside.clone(), "outside")] {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("file"), content).unwrap();
        }
        symlink(&outside, root.join("link")).unwrap();
        let long = std::env::var_os("FRAMING_LONG").is_some();
        let time = Duration::from_millis(if long { 10_000 } else { 300 });
        for walk in [Walk::Kernel, Walk::StepByStep] {
            let (opened, over) =
                (Root { walk, ..Root::open(&root).unwrap() }, AtomicBool::new(false));
            let (mut found, start) = (0, Instant::now());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let exchange = || {
                        rustix::fs::renameat_with(
                            CWD,
                            root.join("real"),
                            CWD,
                            root.join("link"),
                            RenameFlags::EXCHANGE,
                        )
                    };
                    while !over.load(Ordering::Relaxed) {
                        exchange().unwrap();
                    }
                });
                while start.elapsed() < time || found == 0 {
                    if let Ok((mut file, _)) = opened.file(b"real/file") {
                        let mut text = String::new();
                        file.read_to_string(&mut text).unwrap();
                        assert_eq!(text, "inside", "{walk:?}");
                        found += 1;
                    }
                }
                over.store(true, Ordering::Relaxed);
            });
        }
    }

    #[test]
    fn paths_stay_below_the_root() {
        let kept = |path: &str| String::from_utf8(relative(path.as_bytes()).unwrap()).unwrap();
        assert_eq!(kept("a/b.txt"), "a/b.txt");
        assert_eq!(kept("./a//b"), "a/b");
        assert_eq!(kept(""), ".");
        assert_eq!(kept("./"), ".");
        assert_eq!(kept("a/"), "a/");
    }

    #[test]
    fn what_leads_out_and_what_is_hidden_is_refused() {
        let refused = |path: &str| relative(path.as_bytes()).unwrap_err().to_string();
        for path in ["/", "/etc/passwd", "..", "../a", "a/../../b", "a/.."] {
            assert_eq!(refused(path), PathError::Outside.to_string(), "{path}");
        }
        for path in [".git/config", "a/.hidden", "...", "a\0b"] {
            assert_eq!(refused(path), PathError::Absent.to_string(), "{path}");
        }
    }
}
