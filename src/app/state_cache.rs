//! Aggregates' states in memory. An entry may be old: every decision on it is checked against the log's sequences before it counts.

use std::any::Any;
use std::sync::Arc;

use aggregates::Root;
use aggregates::ids::WorkspaceId;
use quick_cache::sync::Cache;
use serde_json::Value;
use uuid::Uuid;

use super::App;
use crate::event_log::append::LogError;
use crate::event_log::store::EventRange;
use crate::problem::Problem;

/// How many states are kept.
const STATES: usize = 50_000;
/// How many events a stream may have beyond its snapshot before the next one is kept.
const EVENTS_PER_SNAPSHOT: usize = 200;
/// How many events of a stream are read at a time.
const PAGE: usize = 1_000;

/// A state of any aggregate, with the sequence of the last event in it.
#[derive(Clone)]
pub(super) struct CachedState {
    pub(super) state: Arc<dyn Any + Send + Sync>,
    pub(super) sequence: u64,
}

/// The states in memory.
pub(super) struct StateCache(Cache<(WorkspaceId, Uuid), CachedState>);

impl Default for StateCache {
    fn default() -> Self {
        Self(Cache::new(STATES))
    }
}

impl StateCache {
    pub(super) fn keep(&self, workspace: WorkspaceId, id: Uuid, state: CachedState) {
        self.0.insert((workspace, id), state);
    }

    pub(super) fn forget(&self, workspace: WorkspaceId, id: Uuid) {
        self.0.remove(&(workspace, id));
    }
}

impl App {
    /// An aggregate's state as it was when it was last met; nothing when its stream is empty. For what is shown, not for decisions.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn state_of<R: Root>(&self, workspace: WorkspaceId, id: Uuid) -> Result<Option<R>, Problem> {
        let CachedState { state, sequence } = self.load_state::<R>(workspace, id).await?;
        Ok(if sequence > 0 { state.downcast_ref::<R>().cloned() } else { None })
    }

    /// An aggregate's state, from memory or from the log. A stream of another kind counts as empty.
    pub(super) async fn load_state<R: Root>(&self, workspace: WorkspaceId, id: Uuid) -> Result<CachedState, LogError> {
        if let Some(cached) = self.states.0.get(&(workspace, id)) {
            if cached.state.is::<R>() {
                return Ok(cached);
            }
            return Ok(CachedState { state: Arc::new(R::default()), sequence: 0 });
        }
        let loaded = self.load_from_log::<R>(workspace, id).await?;
        if loaded.sequence > 0 {
            self.states.keep(workspace, id, loaded.clone());
        }
        Ok(loaded)
    }

    async fn load_from_log<R: Root>(&self, workspace: WorkspaceId, id: Uuid) -> Result<CachedState, LogError> {
        // Most streams are short: their events are read at once, and only a long one is worth the look for a snapshot.
        let mut page = self.log.entries(workspace, EventRange::Stream(id, 0), EVENTS_PER_SNAPSHOT).await?;
        let (mut sequence, mut state) = (0, R::default());
        // A stream is about one contact from its beginning, or about none: whose key opens its snapshot.
        let subject = page.first().and_then(|entry| entry.recorded.event.subject(id)).map(Uuid::from);
        if page.len() == EVENTS_PER_SNAPSHOT
            && let Some(kept) = self.kept_snapshot::<R>(workspace, id, subject).await?
        {
            (sequence, state) = kept;
            page = self.log.entries(workspace, EventRange::Stream(id, sequence), PAGE).await?;
        }
        let mut folded = 0;
        while !page.is_empty() {
            for entry in &page {
                if entry.recorded.event.stream_type() != R::STREAM {
                    return Ok(CachedState { state: Arc::new(R::default()), sequence: 0 });
                }
                sequence = entry.recorded.sequence;
                let event = R::Event::try_from(entry.recorded.event.clone())
                    .map_err(|_| LogError::Damaged("a stream holds an event of another kind".to_owned()))?;
                state.apply(event);
            }
            folded += page.len();
            if page.len() < EVENTS_PER_SNAPSHOT {
                break;
            }
            page = self.log.entries(workspace, EventRange::Stream(id, sequence), PAGE).await?;
        }
        if folded >= EVENTS_PER_SNAPSHOT {
            self.keep_snapshot(workspace, id, subject, (sequence, &state)).await;
        }
        Ok(CachedState { state: Arc::new(state), sequence })
    }

    async fn kept_snapshot<R: Root>(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        subject: Option<Uuid>,
    ) -> Result<Option<(u64, R)>, LogError> {
        let kept = self.log.snapshot(workspace, id, subject, R::SNAPSHOT_VERSION).await?;
        Ok(kept.and_then(|(sequence, state)| Some((sequence, serde_json::from_value(state).ok()?))))
    }

    async fn keep_snapshot<R: Root>(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        subject: Option<Uuid>,
        (sequence, state): (u64, &R),
    ) {
        let Ok(document) = serde_json::to_value(state) else { return };
        let document: Value = document;
        if let Err(error) =
            self.log.keep_snapshot(workspace, id, subject, (R::SNAPSHOT_VERSION, sequence), document).await
        {
            // A snapshot only saves time.
            tracing::warn!(%error, "a snapshot could not be kept");
        }
    }
}
