//! One decision in the making: the aggregates it loaded, the events it collected, what it must find unchanged when it is appended.

use std::sync::Arc;

use aggregates::Root;
use aggregates::claim::Claim;
use aggregates::ids::WorkspaceId;
use uuid::Uuid;

use super::{App, Caller, ReadContext};
use crate::problem::Problem;

/// The unit of work of one decision.
pub struct UnitOfWork {}

impl std::fmt::Debug for UnitOfWork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UnitOfWork")
    }
}

impl UnitOfWork {
    /// The program.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        unimplemented!()
    }

    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        unimplemented!()
    }

    /// The workspace.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceId {
        unimplemented!()
    }

    /// The time of the decision, in microseconds since the epoch: the same in every run of it.
    #[must_use]
    pub fn now(&self) -> i64 {
        unimplemented!()
    }

    /// A new id (`UUIDv7`).
    pub fn new_id(&mut self) -> Uuid {
        unimplemented!()
    }

    /// The aggregate's state, with the events of this unit applied; nothing when its stream is empty (or of another workspace).
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn load<R: Root>(&mut self, _id: Uuid) -> Result<Option<&R>, Problem> {
        unimplemented!()
    }

    /// Executes a command; tells whether it caused events.
    ///
    /// # Errors
    /// The aggregate's refusal.
    pub async fn execute<R: Root>(&mut self, _id: Uuid, _command: R::Command) -> Result<bool, Problem>
    where
        Problem: From<R::Error>,
        aggregates::Event: From<R::Event>,
    {
        unimplemented!()
    }

    /// Like [`Self::execute`], but the stream may have grown since it was loaded: for what must never fail because something else
    /// happened, such as an inbound message.
    ///
    /// # Errors
    /// The aggregate's refusal.
    pub async fn execute_at_any_sequence<R: Root>(&mut self, _id: Uuid, _command: R::Command) -> Result<bool, Problem>
    where
        Problem: From<R::Error>,
        aggregates::Event: From<R::Event>,
    {
        unimplemented!()
    }

    /// Who holds a claim in this workspace, also through an event of this unit.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn claim_owner(&self, _claim: &Claim) -> Result<Option<Uuid>, Problem> {
        unimplemented!()
    }

    /// Fresh read tables, for what an input names otherwise than by id.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read(&self) -> Result<ReadContext, Problem> {
        unimplemented!()
    }
}
