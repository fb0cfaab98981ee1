//! Where what is fetched goes.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rustix::io::Errno;

use crate::error::Error;
use crate::output::Output;
use crate::part::{Existing, PartError, Place, make_folder, open_folder};

/// Where the content goes.
#[derive(Debug)]
pub(super) enum Destination {
    /// Standard output, a device or a FIFO: gets it as it comes.
    Stream(Output),
    /// A file that is not there yet, or that may be replaced.
    File(Place),
    /// A file below a folder, which is looked at when its turn comes.
    Below(Below),
}

/// A name below a folder.
#[derive(Debug, Clone)]
pub(super) struct Below {
    root: Arc<OwnedFd>,
    /// What `root` is called in messages.
    shown: Arc<Path>,
    folders: Vec<OsString>,
    /// The folder that was used last, of any that is below `root`: files mostly come folder by folder.
    last: Rc<RefCell<Option<Opened>>>,
}

/// A folder below another one.
type Opened = (Vec<OsString>, Arc<OwnedFd>);

impl Below {
    /// The folder that several files go into.
    pub(super) fn new(output: Option<&OsStr>) -> Result<Self, Error> {
        let path = Path::new(output.unwrap_or(OsStr::new(".")));
        let root = open_folder(path).map_err(|source| match source {
            Errno::NOENT | Errno::NOTDIR => PartError::NoFolder { path: path.into() },
            source => PartError::Io {
                what: "cannot use the folder",
                path: path.into(),
                source: source.into(),
            },
        })?;
        let shown = if output.is_some() { path } else { Path::new("") };
        let (root, last) = (Arc::new(root), Rc::default());
        Ok(Self { root, shown: shown.into(), folders: Vec::new(), last })
    }

    /// What is called `name` in it.
    pub(super) fn join(&self, name: &OsStr) -> Self {
        let mut folders = self.folders.clone();
        folders.push(name.to_owned());
        Self { folders, ..self.clone() }
    }

    /// Makes it a folder.
    pub(super) fn make(&self) -> Result<(), Error> {
        self.folder(&self.folders)?;
        Ok(())
    }

    /// Makes the folder that it is in, and looks at it.
    pub(super) fn place(&self, existing: Existing) -> Result<Place, PartError> {
        let Some((name, folders)) = self.folders.split_last() else {
            return Err(PartError::NoName { path: self.path() });
        };
        Place::within(self.folder(folders)?, &self.path(), name, existing)
    }

    fn folder(&self, folders: &[OsString]) -> Result<Arc<OwnedFd>, PartError> {
        if let Some((opened, folder)) = &*self.last.borrow()
            && opened == folders
        {
            return Ok(Arc::clone(folder));
        }
        let folder = make_folder(&self.root, folders).map_err(|source| PartError::Io {
            what: "cannot use the folder",
            path: self.shown.iter().chain(folders.iter().map(OsString::as_os_str)).collect(),
            source: source.into(),
        })?;
        self.last.replace(Some((folders.to_vec(), Arc::clone(&folder))));
        Ok(folder)
    }

    fn path(&self) -> PathBuf {
        self.shown.join(self.folders.iter().collect::<PathBuf>())
    }
}

impl Destination {
    /// Where a file goes that is asked for alone.
    pub(super) fn choose(
        path: &OsStr,
        output: Option<&OsStr>,
        existing: Existing,
    ) -> Result<Self, Error> {
        let file = |path: &Path| Ok(Self::File(Place::new(path, existing)?));
        let Some(output) = output else { return file(base_name(path)?) };
        if output == "-" {
            return Ok(Self::Stream(Output::stdout()?));
        }
        let output = Path::new(output);
        let Ok(kind) = fs::metadata(output).map(|metadata| metadata.file_type()) else {
            return file(output);
        };
        if kind.is_dir() {
            file(&output.join(base_name(path)?))
        } else if kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
            let open = OpenOptions::new().write(true).open(output);
            let stream = open.and_then(Output::new).map_err(|source| Error::File {
                what: "write to",
                path: output.into(),
                source,
            })?;
            Ok(Self::Stream(stream))
        } else {
            file(output)
        }
    }
}

/// The last part of the path that was asked for. What the server calls the file plays no role: it is
/// not the server that chooses where we write.
pub(super) fn base_name(path: &OsStr) -> Result<&Path, PartError> {
    let name = path.as_bytes().rsplit(|byte| *byte == b'/').find(|name| !name.is_empty());
    match name {
        None | Some(b"." | b"..") => Err(PartError::NoName { path: path.into() }),
        Some(name) => Ok(Path::new(OsStr::from_bytes(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_name_is_the_last_part_of_what_was_asked_for() {
        let name =
            |path: &str| base_name(OsStr::new(path)).map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(name("a").unwrap(), "a");
        assert_eq!(name("../../etc/passwd").unwrap(), "passwd");
        assert_eq!(name("/a/b c/").unwrap(), "b c");
        assert_eq!(name("目录/文件").unwrap(), "文件");
        for none in ["", "/", ".", "..", "a/..", "a/.", "a/../"] {
            assert!(name(none).is_err(), "{none}");
        }
    }
}
