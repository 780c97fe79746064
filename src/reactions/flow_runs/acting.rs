//! How what follows in a workspace is decided and appended: under the lease, as a run or as the program.

use std::sync::Arc;

use aggregates::ids::{RunId, WorkspaceId};

use crate::app::{App, Caller, Decision, Transacted, TransactionRequest};
use crate::event_log::append::Fence;
use crate::problem::Problem;

/// Whoever reacts in a workspace.
#[derive(Clone)]
pub(super) struct Acting {
    pub(super) app: Arc<App>,
    pub(super) workspace: WorkspaceId,
    /// What is appended is held against it.
    pub(super) fence: Option<Fence>,
}

impl Acting {
    /// Decides and appends as a run; tells whether anything was appended.
    pub(super) async fn decide<D: Decision>(
        &self,
        run: RunId,
        operation: &'static str,
        decision: &D,
    ) -> Result<(D::Outcome, bool), Problem> {
        self.decide_as(&Caller::flow_run(self.workspace, run), operation, decision).await
    }

    /// The same as somebody else.
    pub(super) async fn decide_as<D: Decision>(
        &self,
        caller: &Caller,
        operation: &'static str,
        decision: &D,
    ) -> Result<(D::Outcome, bool), Problem> {
        let request = TransactionRequest { fence: self.fence, ..TransactionRequest::keyless(operation) };
        match self.app.transact(caller, &request, decision).await? {
            Transacted::Done { outcome, changed, .. } => Ok((outcome, changed)),
            Transacted::Dry { .. } => Err(Problem::internal(&"a turn was only tried")),
        }
    }
}
