//! Files that nobody else may read, written whole or not at all.

use rustix::fs::{Mode, OFlags};
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::NamedTempFile;

/// A private file or directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Exposed {
    /// Others may read or change it.
    #[error(
        "{path:?} is where keys are kept, or who is trusted, and others may use it (mode {mode:04o}); once \
         you know that nobody did: chmod {wanted:o} {path:?}"
    )]
    Mode {
        /// What it is.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "{path:?} belongs to user {owner}, not to {us}, who runs this program and would keep keys there"
    )]
    Owner {
        /// What it is.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who runs this program.
        us: u32,
    },
    /// It is a symbolic link, a pipe, a directory instead of a file.
    #[error("{path:?} should be a plain {wanted}; move away what is there")]
    Kind {
        /// What it is.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// It is larger than anything that was written here.
    #[error("{path:?} is larger than {MOST} bytes")]
    TooLarge {
        /// What it is.
        path: PathBuf,
    },
    /// The system said no.
    #[error("cannot use {path:?}: {source}")]
    Io {
        /// What it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Sees to it that the directory is there and private.
pub(crate) fn make_private(dir: &Path) -> Result<&Path, Exposed> {
    let failed = |source| Exposed::Io { path: dir.to_owned(), source };
    if let Some(parent) = dir.parent() {
        // As the base directory specification has it for those that are not there.
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        // Whatever the umask has taken away.
        Ok(()) => fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(failed)?,
        Err(_) => {}
    }
    let metadata = fs::symlink_metadata(dir).map_err(failed)?;
    if !metadata.is_dir() {
        return Err(Exposed::Kind { path: dir.to_owned(), wanted: "directory" });
    }
    check(dir, &metadata, 0o700)?;
    Ok(dir)
}

/// The content of a private file; none if it is not there.
pub fn read_private(path: &Path) -> Result<Option<String>, Exposed> {
    let failed = |source| Exposed::Io { path: path.to_owned(), source };
    // A pipe in its place must not hold us up, nor a link lead elsewhere.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => {
            return Err(Exposed::Kind { path: path.to_owned(), wanted: "file" });
        }
        Err(error) => return Err(failed(error.into())),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Exposed::Kind { path: path.to_owned(), wanted: "file" });
    }
    check(path, &metadata, 0o600)?;
    let mut text = String::new();
    file.take(MOST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MOST {
        return Err(Exposed::TooLarge { path: path.to_owned() });
    }
    Ok(Some(text))
}

/// Puts a private file in its place in one step: whoever reads sees the old one or the new one, after
/// a crash too.
pub fn write_private(path: &Path, content: &str) -> Result<(), Exposed> {
    put(path, content, |new| new.persist(path).map_err(|error| error.error))
}

/// The same, unless a file is there already: that is
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists).
pub(crate) fn create_private(path: &Path, content: &str) -> Result<(), Exposed> {
    put(path, content, |new| new.persist_noclobber(path).map_err(|error| error.error))
}

fn put(
    path: &Path,
    content: &str,
    persist: impl FnOnce(NamedTempFile) -> io::Result<File>,
) -> Result<(), Exposed> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || {
        // Of mode 0600 at most, and then, whatever the umask, of just that.
        let mut new = tempfile::Builder::new().prefix(".new").tempfile_in(dir)?;
        new.as_file().set_permissions(Permissions::from_mode(0o600))?;
        new.write_all(content.as_bytes())?;
        new.as_file().sync_all()?;
        persist(new)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|source| Exposed::Io { path: path.to_owned(), source })
}

fn check(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), Exposed> {
    let (path, us) = (path.to_owned(), geteuid().as_raw());
    if metadata.uid() != us {
        return Err(Exposed::Owner { path, owner: metadata.uid(), us });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Exposed::Mode { path, mode, wanted });
    }
    Ok(())
}

/// The most bytes of a private file: keys of thousands of clients.
const MOST: u64 = 4 << 20;
/// What the user does not want new files to permit. To ask for it in the usual way is to change it.
pub fn umask() -> Mode {
    static BITS: OnceLock<u32> = OnceLock::new();
    let bits = BITS.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        line.and_then(|bits| u32::from_str_radix(bits.trim(), 8).ok()).unwrap_or(CAREFUL)
    });
    Mode::from_raw_mode(*bits)
}

/// The umask where the system does not tell it.
const CAREFUL: u32 = 0o077;
