//! Read tables at one moment: a pooled connection with an open read transaction, so that the rows and the checkpoint agree.

use aggregates::ids::WorkspaceId;

use crate::checkpoint::{self, Checkpoint};
use crate::database::{Connection, Error};

/// A moment of the read tables. Keep it short: while it lives, a file's write-ahead log cannot be shortened, and a server cannot clear
/// away what has changed since.
pub struct Reader {
    transaction: Connection,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reader")
    }
}

impl Reader {
    pub(crate) const fn new(transaction: Connection) -> Self {
        Self { transaction }
    }

    /// The position that the rows of `workspace` show; 0 when nothing was folded yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn position(&mut self, workspace: WorkspaceId) -> Result<u64, Error> {
        Ok(self.checkpoint(workspace).await?.position)
    }

    /// The same with the leaf hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&mut self, workspace: WorkspaceId) -> Result<Checkpoint, Error> {
        checkpoint::of(&mut self.transaction, workspace).await
    }

    /// The connection that queries take.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.transaction
    }
}
