//! Reacting until nothing is left to react to, for whoever turns the clock: the stories that are told of flows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Place, Reactions};
use crate::problem::{Code, Problem};

/// How long it waits for the tables, on a machine that has much else to do.
const TABLES: Duration = Duration::from_secs(30);

impl Reactions {
    /// Reacts to everything that there is and to all that is due by the clock, and to what follows from it. For whoever turns the clock.
    ///
    /// # Errors
    /// The failure that keeps a workspace from going on.
    pub async fn settle(&self) -> Result<(), Problem> {
        loop {
            self.renew_leases().await?;
            let workspaces: BTreeSet<WorkspaceId> = self.app.log().store().workspaces().await?.into_iter().collect();
            for workspace in &workspaces {
                loop {
                    let place = self.awaited_place(*workspace).await?;
                    if self.react(*workspace, &mut *place.lock().await).await? {
                        break;
                    }
                }
                self.await_tables(*workspace).await?;
            }
            // What a request brought may be in the log by now.
            if self.await_requests(self.lease / 3).await || self.is_behind().await? {
                continue;
            }
            // Without the leases nothing was woken, whatever is due.
            if !self.wake_due().await
                && self.leases.lock().await.asked.is_some_and(|asked| asked.elapsed() < self.lease)
            {
                self.keep_checkpoints().await;
                return Ok(());
            }
        }
    }

    /// Waits until the tables show what has happened in a workspace by now, and keeps the leases meanwhile.
    async fn await_tables(&self, workspace: WorkspaceId) -> Result<(), Problem> {
        let (head, deadline) = (self.app.head(workspace).await?, Instant::now() + TABLES);
        while !self.app.tables_reach(workspace, head).await {
            if Instant::now() >= deadline {
                return Err(Problem::new(Code::Unavailable, "the read tables do not follow"));
            }
            self.renew_leases().await?;
        }
        Ok(())
    }

    /// Whether anything has happened that was not reacted to where this process reacts.
    async fn is_behind(&self) -> Result<bool, Problem> {
        let places: Vec<_> = self.places.lock().await.iter().map(|(id, (_, place))| (*id, Arc::clone(place))).collect();
        for (workspace, place) in places {
            if self.app.head(workspace).await? > place.lock().await.position {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The place of a workspace; waits for the lease of a process that has died.
    async fn awaited_place(&self, workspace: WorkspaceId) -> Result<Arc<Mutex<Place>>, Problem> {
        let deadline = Instant::now() + 2 * self.lease;
        loop {
            match self.place(workspace).await? {
                Some(place) => return Ok(place),
                None if Instant::now() < deadline => tokio::time::sleep(self.lease / 20).await,
                None => return Err(Problem::new(Code::Unavailable, "another process reacts in this workspace")),
            }
            self.renew_leases().await?;
        }
    }
}
