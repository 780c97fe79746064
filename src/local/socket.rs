//! The Unix socket of the process that holds the data folder: for the folder's owner only, in the folder when its path is short
//! enough.

use std::ffi::OsString;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::net::{UnixListener, UnixStream};

use super::data_folder::DataFolder;

const SOCKET_FILE: &str = "chatbotx.sock";
/// `sun_path` holds 108 bytes on Linux and 104 elsewhere, with the zero at its end.
const MAX_PATH_BYTES: usize = 103;

/// A bound socket; its file is removed when it is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Socket {
    /// Binds the folder's socket. The caller holds the folder, so a file that stands in the way belongs to nobody.
    ///
    /// # Errors
    /// When no directory for it is safe, or it cannot be bound.
    pub fn bind(folder: &DataFolder) -> io::Result<Self> {
        let owner = folder.owner()?;
        let path = place(folder.path(), owner, std::env::var_os("XDG_RUNTIME_DIR"))?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { listener, path, owner })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection of the folder's owner (or of the superuser). Others are hung up on: between binding and the change of
    /// mode they may have come in.
    ///
    /// # Errors
    /// When the system does not let us accept any.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let user = stream.peer_cred()?.uid();
            if user == self.owner || user == 0 {
                return Ok(stream);
            }
            tracing::warn!(user.id = user, "another user of this machine was refused at the local socket");
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the socket was not there to be removed");
        }
    }
}

/// Where the socket of a folder is: in it, or in a directory of its own with a short name.
fn place(folder: &Path, owner: u32, runtime_dir: Option<OsString>) -> io::Result<PathBuf> {
    let fits = |path: &Path| path.as_os_str().len() <= MAX_PATH_BYTES;
    let direct = folder.join(SOCKET_FILE);
    if fits(&direct) {
        return Ok(direct);
    }
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(8).fold(format!("chatbotx-{owner}-"), |name, byte| format!("{name}{byte:02x}"));
    for parent in runtime_dir.map(PathBuf::from).into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")]) {
        let directory = parent.join(&name);
        if fits(&directory.join(SOCKET_FILE)) && make_private(&directory, owner).is_ok() {
            return Ok(directory.join(SOCKET_FILE));
        }
    }
    Err(io::Error::other("the data folder's path is too long for a socket, and no other place for it is safe"))
}

/// Makes a directory that nobody else can look into, or finds that it is one. In a place that all can write to, another user may
/// have made it first, or put a link there.
fn make_private(directory: &Path, owner: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = directory.symlink_metadata()?;
    if metadata.is_dir() && metadata.uid() == owner && metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "the directory belongs to somebody else"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_the_owner_only_and_goes_when_its_process_ends() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        let socket = Socket::bind(&folder).unwrap();
        let path = socket.path().to_owned();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let (client, accepted) = tokio::join!(UnixStream::connect(&path), socket.accept());
        client.unwrap();
        accepted.unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_with_a_long_path_has_its_socket_in_a_private_directory() {
        let runtime = tempfile::tempdir().unwrap();
        let owner = runtime.path().metadata().unwrap().uid();
        let folder = PathBuf::from("/").join("long/".repeat(30));
        let path = place(&folder, owner, Some(runtime.path().into())).unwrap();
        assert!(path.starts_with(runtime.path()) && path.as_os_str().len() <= MAX_PATH_BYTES);
        assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
        // The same folder has the same place, another one another.
        assert_eq!(place(&folder, owner, Some(runtime.path().into())).unwrap(), path);
        assert_ne!(place(&folder.join("b"), owner, Some(runtime.path().into())).unwrap(), path);
    }

    #[test]
    fn a_directory_that_others_can_enter_is_not_used() {
        let runtime = tempfile::tempdir().unwrap();
        let owner = runtime.path().metadata().unwrap().uid();
        let open = runtime.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        assert!(make_private(&open, owner).is_err());
        std::os::unix::fs::symlink(runtime.path(), runtime.path().join("link")).unwrap();
        assert!(make_private(&runtime.path().join("link"), owner).is_err());
    }
}
