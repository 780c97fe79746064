//! What a session wants to be told of: each subscribed resource is followed in the event log, and an update is said when an event
//! changes it. A burst of events is one update; the last one is never lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use rmcp::ErrorData;
use tokio::task::AbortHandle;

use crate::app::{App, Caller, EventFilter, Following, Step};
use crate::problem::Problem;

/// The most resources that one session, or one listening request, subscribes to.
pub(super) const PER_SESSION: usize = 100;
/// Between two updates of one resource.
const PACE: Duration = Duration::from_millis(250);

/// Says to somebody that one resource changed; gives whether there is anybody to listen.
pub(super) type Say = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The subscriptions of one session. They end with it.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_uri: Mutex<HashMap<String, Task>>,
}

#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One resource that is followed for somebody.
pub(super) struct Watch {
    app: Arc<App>,
    caller: Caller,
    following: Following,
}

impl Watch {
    /// Follows what `changes` a resource that `caller` may see, behind the position `after` or from now on.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub(super) async fn begin(
        app: Arc<App>,
        caller: Caller,
        changes: EventFilter,
        after: Option<u64>,
    ) -> Result<Self, Problem> {
        let following = app.follow(caller.workspace, changes, after).await?;
        Ok(Self { app, caller, following })
    }

    /// Says with `say` that the resource changed, again and again; `say` tells whether somebody listens. Ends when nobody does, when
    /// the caller's token opens nothing any more, or with the program.
    pub(super) async fn tell(mut self, say: Say) {
        loop {
            match self.following.next().await {
                Ok(Some(Step::Passed(_))) => continue,
                Ok(Some(Step::Events(_))) => {}
                Ok(None) => return,
                Err(problem) => {
                    tracing::warn!(%problem, "a resource is not followed any more");
                    return;
                }
            }
            // Whoever reads after this update sees all that is left out here; what comes later is an update of its own.
            self.following.skip();
            if !self.app.is_still_welcome(&self.caller).await || !say().await {
                return;
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

impl Subscriptions {
    /// Whether `uri` may be added: it is there already, or there is room.
    ///
    /// # Errors
    /// The refusal of one too many.
    pub(super) fn make_room(&self, uri: &str) -> Result<(), ErrorData> {
        let mut by_uri = self.by_uri.lock().unwrap_or_else(PoisonError::into_inner);
        by_uri.retain(|_, task| !task.0.is_finished());
        if by_uri.len() >= PER_SESSION && !by_uri.contains_key(uri) {
            return Err(too_many());
        }
        Ok(())
    }

    /// Adds a subscription, in the place of an earlier one to the same URI.
    ///
    /// # Errors
    /// The refusal of one too many.
    pub(super) fn add(&self, uri: String, watch: Watch, say: Say) -> Result<(), ErrorData> {
        self.make_room(&uri)?;
        let task = Task(tokio::spawn(watch.tell(say)).abort_handle());
        self.by_uri.lock().unwrap_or_else(PoisonError::into_inner).insert(uri, task);
        Ok(())
    }

    /// Ends the subscription to `uri`, if there is one.
    pub(super) fn remove(&self, uri: &str) {
        self.by_uri.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }
}

/// The refusal of one too many.
pub(super) fn too_many() -> ErrorData {
    ErrorData::invalid_request(
        format!("one session subscribes to at most {PER_SESSION} resources; unsubscribe from some first"),
        None,
    )
}
