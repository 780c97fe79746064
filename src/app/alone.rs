//! What one process at a time may do, of all that share a database.

use std::time::Duration;

use aggregates::ids::WorkspaceId;
use uuid::Uuid;

use super::App;
use crate::problem::Problem;

/// How long a process may take; when it dies, others wait so long.
const LEASE: Duration = Duration::from_secs(10);
/// How often a process that waits asks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

impl App {
    /// Waits until no other process does what belongs to `purpose`, then does it. Where one process holds the database that is at once.
    ///
    /// # Errors
    /// `unavailable` when the database cannot be asked; what `doing` says.
    pub async fn alone<T>(
        &self,
        purpose: &'static str,
        doing: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        // The lease of no workspace: of them all.
        let all = [WorkspaceId(Uuid::nil())];
        while self.log.store().hold_leases(purpose, &all, LEASE).await?.is_empty() {
            tokio::time::sleep(ASK_AGAIN).await;
        }
        let done = doing.await;
        self.log.store().release_leases(purpose).await?;
        done
    }
}
