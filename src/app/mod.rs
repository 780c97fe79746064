//! The one way to act: load, decide, append, answer; and to read what is fresh. Wires the rooms together once.

mod administration;
mod alone;
mod authentication;
mod caller;
mod event_filter;
mod follow_topics;
mod following;
mod moment;
mod open;
mod projector;
mod read_context;
mod rebuild;
mod replay;
mod state_cache;
mod tables_place;
mod token_rotation;
mod token_text;
mod transaction;
mod transaction_request;
mod unit_of_work;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aggregates::Recorded;
use aggregates::claim::Claim;
use aggregates::ids::{ContactId, WorkspaceId};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use administration::{
    CreatedToken, LOCAL_ACCOUNT, NewToken, OnProgress, ProjectionStatus, TokenSummary, Verification, WorkspaceSummary,
    unheard,
};
pub use authentication::NotLetIn;
pub use caller::Caller;
pub use event_filter::EventFilter;
pub use following::{Batch, Following, Step};
pub use moment::Moment;
pub use open::{LogPlace, OpenOptions};
pub use read_context::ReadContext;
pub use replay::{Replay, Replayed, ReplayedWorkspace};
pub use tables_place::tables_of_other_versions;
pub use token_rotation::RotatedToken;
pub use transaction::{Decision, OUTCOME_KEPT_US, PlannedEvent, SEND_OUTCOME_KEPT_US, Transacted, TransactionRequest};
pub use unit_of_work::UnitOfWork;

use crate::clock::Clock;
use crate::event_log::EventLog;
use crate::event_log::append::LogEntry;
use crate::event_log::store::EventRange;
use crate::fetch::Fetcher;
use crate::problem::{Code, Problem};

/// How long a failed write is told of.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(10);

/// What is said of a log that this version cannot follow any more.
pub(crate) const OUTDATED: &str = "the log holds events of a newer version of this program";

/// The running program, shared by every door.
pub struct App {
    options: OpenOptions,
    fetcher: Arc<Fetcher>,
    log: Arc<EventLog>,
    projector: Arc<projector::Projector>,
    clock: Arc<dyn Clock>,
    states: state_cache::StateCache,
    tokens: authentication::Tokens,
    follows: Arc<follow_topics::Follows>,
    /// The workspaces in which a reaction cannot go on.
    standing: Mutex<BTreeSet<WorkspaceId>>,
    stop: CancellationToken,
    /// The tasks behind, awaited at the end so that none of them meets a closed database.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl App {
    /// Now, in microseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Cancelled when the program is to end: by [`Self::close`], or because a newer version writes to the log.
    #[must_use]
    pub const fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Why the program ends by itself, once it does: a newer version writes to the log.
    ///
    /// # Errors
    /// `unavailable`, which no repeating changes; a newer version can go on.
    pub fn refuse_if_outdated(&self) -> Result<(), Problem> {
        if !*self.projector.outdated().borrow() {
            return Ok(());
        }
        let hint = "start the version that wrote them, or a later one: this one cannot read what has happened since";
        Err(Problem::new(Code::Unavailable, OUTDATED).hint(hint))
    }

    /// Where the program keeps its data.
    #[must_use]
    pub const fn opened_at(&self) -> &OpenOptions {
        &self.options
    }

    /// The one way to addresses that somebody else chose.
    #[must_use]
    pub const fn fetcher(&self) -> &Arc<Fetcher> {
        &self.fetcher
    }

    /// The event log, for the doors that show it as it is.
    #[must_use]
    pub const fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// Who holds a claim in the workspace, as of now.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn claim_owner(&self, workspace: WorkspaceId, claim: &Claim) -> Result<Option<Uuid>, Problem> {
        Ok(self.log.claim_owner(workspace, claim).await?)
    }

    /// The position of the last event of the workspace; 0 when there is none.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn head(&self, workspace: WorkspaceId) -> Result<u64, Problem> {
        Ok(self.log.head(workspace).await?)
    }

    /// Up to `limit` events of the workspace, of one contact when `subject` names it. With `after`: those behind it, oldest first. Otherwise those before `before` (or the head),
    /// newest first. With both: behind `after` and before `before`, oldest first.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn log_page(
        &self,
        workspace: WorkspaceId,
        subject: Option<ContactId>,
        after: Option<u64>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Recorded>>, Problem> {
        let end = before.unwrap_or(u64::MAX);
        let mut entries: Vec<LogEntry> = match (after, subject) {
            (Some(after), None) => self.log.entries_after(workspace, after, limit).await?,
            (None, None) => self.log.entries(workspace, EventRange::Before(end), limit).await?,
            (Some(after), Some(contact)) => {
                self.log.entries(workspace, EventRange::SubjectAfter(contact.0, after), limit).await?
            }
            (None, Some(contact)) => {
                self.log.entries(workspace, EventRange::SubjectBefore(contact.0, end), limit).await?
            }
        };
        if let (Some(_), Some(before)) = (after, before) {
            entries.retain(|entry| entry.recorded.position < before);
        }
        Ok(entries.into_iter().map(|entry| entry.recorded).collect())
    }

    /// Waits until the workspace has an event behind `position`, or until `deadline`, or until the program ends; gives the head's
    /// position then.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn wait_beyond(&self, workspace: WorkspaceId, position: u64, deadline: Instant) -> Result<u64, Problem> {
        let mut commits = self.log.stream().follow(workspace);
        loop {
            commits.borrow_and_update();
            let head = self.log.head(workspace).await?;
            if head > position {
                return Ok(head);
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(head),
                () = tokio::time::sleep_until(deadline) => return Ok(head),
                _ = commits.changed() => {}
            }
        }
    }

    /// What keeps the program from working as it should, for people; nothing when all is well. A write that failed counts for 10 s:
    /// then the next one may try.
    #[must_use]
    pub fn troubles(&self) -> Vec<&'static str> {
        let mut troubles = Vec::new();
        if !self.log.store().is_reachable() {
            troubles.push("the database does not answer");
        }
        if self.log.failed_at().is_some_and(|at| at.elapsed() < FAILURE_REMEMBERED) {
            troubles.push("the event log cannot be written");
        }
        if self.projector.stands_still() {
            troubles.push("read tables stand still");
        }
        if !self.standing.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            troubles.push("flows stand still");
        }
        troubles
    }

    /// Takes in whether the reactions of a workspace can go on, for [`Self::troubles`].
    pub fn note_reaction(&self, workspace: WorkspaceId, goes_on: bool) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if goes_on {
            standing.remove(&workspace);
        } else {
            standing.insert(workspace);
        }
    }

    /// Carries something out beside the calls, until the program ends: [`Self::close`] waits for it.
    pub fn run_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(tokio::spawn(task));
    }
}
