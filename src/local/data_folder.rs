//! The data folder and who holds it: one process at a time, by a lock that the system takes back when that process ends, however
//! it ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Locked by the process that holds the folder. Its content means nothing.
const LOCK_FILE: &str = "chatbotx.lock";

/// A data folder that exists.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
}

/// The right to open the databases of a folder; given back when it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    // Held for the lock on it; closing the file gives the lock back.
    _file: File,
}

impl DataFolder {
    /// Where the folder is when nobody says otherwise: the user's data directory, so that every assistant on the machine meets the
    /// same workspace. Nothing when the user has no home.
    #[must_use]
    pub fn default_path() -> Option<PathBuf> {
        directories::BaseDirs::new().map(|base| base.data_dir().join("chatbotx"))
    }

    /// Opens the folder; makes it, for its owner only, when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or is not a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // One name for one folder, however it was written: the name goes into snippets and into the socket's address.
        let folder = Self::existing(path)?;
        if folder.path.metadata()?.mode() & 0o077 != 0 {
            let path = folder.path.display();
            tracing::warn!(folder.path = %path, "other users of this machine can look into the data folder");
        }
        Ok(folder)
    }

    /// Opens the folder that is there, and makes nothing.
    ///
    /// # Errors
    /// When it is not there, or is not a directory.
    pub fn existing(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        if !path.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "the data folder is not a directory"));
        }
        Ok(Self { path })
    }

    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the folder, unless another process (or another part of this one) holds it.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn try_hold(&self) -> io::Result<Option<FolderLock>> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FolderLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether a process holds the folder now. Looking does not keep two lookers apart, but may make a process that wants the
    /// folder at the same moment try once more.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn is_held(&self) -> io::Result<bool> {
        match self.lock_file()?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The id of the user who owns the lock file, which is the user of every process that works here.
    pub(super) fn owner(&self) -> io::Result<u32> {
        Ok(self.lock_file()?.metadata()?.uid())
    }

    fn lock_file(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path.join(LOCK_FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_is_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&parent.path().join("new/data")).unwrap();
        assert_eq!(folder.path().metadata().unwrap().mode() & 0o777, 0o700);
        folder.try_hold().unwrap().unwrap();
        assert_eq!(folder.path().join(LOCK_FILE).metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        assert!(!folder.is_held().unwrap());
        let lock = folder.try_hold().unwrap().unwrap();
        assert!(folder.is_held().unwrap());
        assert!(folder.try_hold().unwrap().is_none());
        drop(lock);
        assert!(!folder.is_held().unwrap());
        assert!(folder.try_hold().unwrap().is_some());
    }
}
