//! The calls that are running, and how many one caller may make: shared by the handlers of every transport.

use std::time::Duration;

use aggregates::ids::WorkspaceId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::access::Owner;
use crate::http::RateWindow;
use crate::problem::{Code, Problem};
use crate::settings::Limits;

/// Bookkeeping of tool calls.
#[derive(Debug)]
pub struct Calls {
    per_token: RateWindow<Owner>,
    per_workspace: RateWindow<WorkspaceId>,
    running: watch::Sender<usize>,
    reads_end: CancellationToken,
}

/// A running call; dropping it ends it.
#[derive(Debug)]
pub struct RunningCall<'a>(&'a Calls);

impl Calls {
    /// Nothing is running yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            per_token: RateWindow::new(limits.calls_per_token),
            per_workspace: RateWindow::new(limits.calls_per_workspace),
            running: watch::Sender::new(0),
            reads_end: CancellationToken::new(),
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which the next is allowed.
    pub fn begin(&self, owner: Owner, workspace: WorkspaceId) -> Result<RunningCall<'_>, Problem> {
        self.per_token.count(owner).map_err(|wait| limited("this token", wait))?;
        self.per_workspace.count(workspace).map_err(|wait| limited("this workspace", wait))?;
        self.running.send_modify(|running| *running += 1);
        Ok(RunningCall(self))
    }

    /// Fires when reads are to give up, such as one that waits for events while the server stops.
    #[must_use]
    pub fn reads_end(&self) -> &CancellationToken {
        &self.reads_end
    }

    /// Waits until as many calls are running as `wanted` says.
    pub async fn running(&self, wanted: impl FnMut(&usize) -> bool) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.running.subscribe().wait_for(wanted).await;
    }

    /// Waits until no call is running.
    pub async fn idle(&self) {
        self.running(|running| *running == 0).await;
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| *running -= 1);
    }
}

fn limited(who: &str, wait: Duration) -> Problem {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Problem::new(Code::RateLimited, format!("{who} made too many calls"))
        .hint("wait, then repeat the call; use batches and wait_for_events instead of polling")
        .retry_after_ms(wait_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Caller;
    use crate::mcp::Access;

    fn owner(workspace: u128) -> (Owner, WorkspaceId) {
        let workspace = WorkspaceId(uuid::Uuid::from_u128(workspace));
        (Access::new(Caller::local(workspace)).owner(), workspace)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_over_the_limit_says_when_to_come_back() {
        let calls = Calls::new(&Limits { calls_per_token: 1, ..Limits::default() });
        let (owner, workspace) = owner(1);
        drop(calls.begin(owner.clone(), workspace).unwrap());
        tokio::time::advance(Duration::from_secs(3)).await;
        let problem = calls.begin(owner.clone(), workspace).unwrap_err();
        assert_eq!((problem.code, problem.retry_after_ms), (Code::RateLimited, Some(7_000)));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert!(calls.begin(owner, workspace).is_ok());
    }

    #[tokio::test]
    async fn the_server_is_idle_when_the_last_call_ended() {
        let calls = Calls::new(&Limits::default());
        calls.idle().await;
        let (owner, workspace) = owner(1);
        let call = calls.begin(owner, workspace).unwrap();
        assert!(tokio_test_pending(calls.idle()).await);
        drop(call);
        calls.idle().await;
    }

    /// Whether the future is not done at once.
    async fn tokio_test_pending(future: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
