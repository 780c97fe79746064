//! `server.json`: where the process that holds the data folder is to be found.
//!
//! It is true only as long as that process holds the folder: after a kill it stays behind, stale.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::data_folder::DataFolder;

const FILE: &str = "server.json";

/// What stands in `server.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFile {
    /// The HTTP address, `http://…`, of a process that serves one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The Unix socket that gives local authority.
    pub socket: PathBuf,
    /// The process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
}

impl ServerFile {
    /// What this process says of itself.
    #[must_use]
    pub fn of_this_process(socket: PathBuf, address: Option<String>) -> Self {
        Self { address, socket, pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Writes it so that a reader sees the whole old one or the whole new one.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, folder: &DataFolder) -> io::Result<()> {
        let temporary = folder.path().join("server.json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.write_all(b"\n")?;
        std::fs::rename(temporary, folder.path().join(FILE))
    }

    /// What stands there, be it stale; nothing when there is none, or none that can be read.
    #[must_use]
    pub fn read(folder: &DataFolder) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.path().join(FILE)).ok()?).ok()
    }

    /// What stands there, when the process that wrote it still holds the folder.
    ///
    /// # Errors
    /// When the folder's lock cannot be looked at.
    pub fn read_live(folder: &DataFolder) -> io::Result<Option<Self>> {
        Ok(if folder.is_held()? { Self::read(folder) } else { None })
    }

    /// Takes it away at a clean end.
    pub fn remove(folder: &DataFolder) {
        if let Err(error) = std::fs::remove_file(folder.path().join(FILE)) {
            tracing::debug!(%error, "server.json was not there to be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_json_is_stale_when_nobody_holds_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        let written = ServerFile::of_this_process("/run/s.sock".into(), Some("http://127.0.0.1:8080".into()));
        let lock = folder.try_hold().unwrap().unwrap();
        written.write(&folder).unwrap();
        assert_eq!(ServerFile::read_live(&folder).unwrap(), Some(written.clone()));
        drop(lock);
        assert_eq!(ServerFile::read_live(&folder).unwrap(), None);
        assert_eq!(ServerFile::read(&folder), Some(written));
        ServerFile::remove(&folder);
        assert_eq!(ServerFile::read(&folder), None);
    }

    #[test]
    fn an_address_that_is_not_served_is_left_out() {
        let text = serde_json::to_value(ServerFile::of_this_process("/run/s.sock".into(), None)).unwrap();
        assert_eq!(text.as_object().unwrap().keys().collect::<Vec<_>>(), ["socket", "pid", "version"]);
    }
}
