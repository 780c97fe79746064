//! One decision in the making: the aggregates it loaded, the events it collected, what it must find unchanged when it is appended.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use aggregates::claim::{Claim, ClaimChange};
use aggregates::ids::WorkspaceId;
use aggregates::stream::StreamType;
use aggregates::{Event, Root};
use uuid::Uuid;

use super::state_cache::CachedState;
use super::{App, Caller, ReadContext};
use crate::event_log::append::{Appended, Expected};
use crate::problem::Problem;

/// An aggregate that the unit has met.
struct Loaded {
    kind: StreamType,
    /// With the events of this unit applied.
    state: Arc<dyn Any + Send + Sync>,
    /// The sequence at which it was loaded.
    sequence: u64,
    /// How many events this unit adds.
    added: u64,
    /// Whether it may have grown in between.
    any_sequence: bool,
}

/// The unit of work of one decision.
pub struct UnitOfWork {
    app: Arc<App>,
    caller: Caller,
    now: i64,
    loaded: BTreeMap<Uuid, Loaded>,
    events: Vec<(Uuid, Event)>,
    claims: Vec<(usize, ClaimChange)>,
}

impl std::fmt::Debug for UnitOfWork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "UnitOfWork({} events)", self.events.len())
    }
}

impl UnitOfWork {
    pub(super) fn new(app: Arc<App>, caller: Caller, now: i64) -> Self {
        Self { app, caller, now, loaded: BTreeMap::new(), events: Vec::new(), claims: Vec::new() }
    }

    /// The program.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The workspace.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceId {
        self.caller.workspace
    }

    /// The time of the decision, in microseconds since the epoch: the same in every run of it.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// A new id (`UUIDv7`).
    pub fn new_id(&mut self) -> Uuid {
        Uuid::now_v7()
    }

    async fn meet<R: Root>(&mut self, id: Uuid) -> Result<&mut Loaded, Problem> {
        if !self.loaded.contains_key(&id) {
            let CachedState { state, sequence } = self.app.load_state::<R>(self.caller.workspace, id).await?;
            self.loaded.insert(id, Loaded { kind: R::STREAM, state, sequence, added: 0, any_sequence: false });
        }
        self.loaded.get_mut(&id).ok_or_else(|| Problem::internal(&"a loaded aggregate is gone"))
    }

    /// The aggregate's state, with the events of this unit applied; nothing when its stream is empty (or of another workspace).
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn load<R: Root>(&mut self, id: Uuid) -> Result<Option<&R>, Problem> {
        let loaded = self.meet::<R>(id).await?;
        Ok(if loaded.sequence + loaded.added > 0 { loaded.state.downcast_ref::<R>() } else { None })
    }

    /// Executes a command; tells whether it caused events.
    ///
    /// # Errors
    /// The aggregate's refusal.
    pub async fn execute<R: Root>(&mut self, id: Uuid, command: R::Command) -> Result<bool, Problem>
    where
        Problem: From<R::Error>,
    {
        let loaded = self.meet::<R>(id).await?;
        let mut state = Arc::clone(&loaded.state)
            .downcast::<R>()
            .map_err(|_| Problem::internal(&"an id was used for two kinds of aggregate"))?;
        let events = state.decide(&command)?;
        if events.is_empty() {
            return Ok(false);
        }
        loaded.added += events.len() as u64;
        for event in &events {
            Arc::make_mut(&mut state).apply(event.clone());
        }
        loaded.state = state;
        for event in events {
            let changes = R::claims(&event, id);
            self.claims.extend(changes.into_iter().map(|change| (self.events.len(), change)));
            self.events.push((id, event.into()));
        }
        Ok(true)
    }

    /// Like [`Self::execute`], but the stream may have grown since it was loaded: for what must never fail because something else
    /// happened, such as an inbound message.
    ///
    /// # Errors
    /// The aggregate's refusal.
    pub async fn execute_at_any_sequence<R: Root>(&mut self, id: Uuid, command: R::Command) -> Result<bool, Problem>
    where
        Problem: From<R::Error>,
    {
        self.meet::<R>(id).await?.any_sequence = true;
        self.execute::<R>(id, command).await
    }

    /// Who holds a claim in this workspace, also through an event of this unit.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn claim_owner(&self, claim: &Claim) -> Result<Option<Uuid>, Problem> {
        let here = self.claims.iter().rev().find_map(|(_, change)| match change {
            ClaimChange::Take { claim: taken, owner } if taken == claim => Some(Some(*owner)),
            ClaimChange::Release { claim: released } if released == claim => Some(None),
            _ => None,
        });
        match here {
            Some(owner) => Ok(owner),
            None => Ok(self.app.log.claim_owner(self.caller.workspace, claim).await?),
        }
    }

    /// Fresh read tables, for what an input names otherwise than by id.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read(&self) -> Result<ReadContext, Problem> {
        self.app.read(self.caller.workspace, None).await
    }

    /// The events collected so far.
    pub(super) fn events(&self) -> &[(Uuid, Event)] {
        &self.events
    }

    /// The claim changes collected so far, each with the number of its event.
    pub(super) fn claims(&self) -> &[(usize, ClaimChange)] {
        &self.claims
    }

    /// What the streams that are written must look like.
    pub(super) fn expected(&self) -> Vec<(StreamType, Uuid, Expected)> {
        let written = self.loaded.iter().filter(|(_, loaded)| loaded.added > 0);
        written
            .map(|(id, loaded)| {
                let expected = if loaded.any_sequence { Expected::Any } else { Expected::Sequence(loaded.sequence) };
                (loaded.kind, *id, expected)
            })
            .collect()
    }

    /// The streams that were only read, with the sequences that were seen.
    pub(super) fn only_read(&self) -> Vec<(StreamType, Uuid, u64)> {
        let read = self.loaded.iter().filter(|(_, loaded)| loaded.added == 0 && !loaded.any_sequence);
        read.map(|(id, loaded)| (loaded.kind, *id, loaded.sequence)).collect()
    }

    /// Every stream met, with the sequence that was seen.
    pub(super) fn seen(&self) -> Vec<(Uuid, u64)> {
        self.loaded.iter().map(|(id, loaded)| (*id, loaded.sequence)).collect()
    }

    /// Puts the decided states into memory, now that they are on disk.
    pub(super) fn keep_states(&self, appended: &Appended) {
        let mut last = BTreeMap::new();
        for ((id, _), placed) in self.events.iter().zip(&appended.events) {
            last.insert(*id, placed.sequence);
        }
        for (id, sequence) in last {
            let Some(loaded) = self.loaded.get(&id) else { continue };
            if sequence == loaded.sequence + loaded.added {
                let state = CachedState { state: Arc::clone(&loaded.state), sequence };
                self.app.states.keep(self.caller.workspace, id, state);
            } else {
                // It had grown in between: the state decided here lacks those events.
                self.app.states.forget(self.caller.workspace, id);
            }
        }
    }

    /// Takes the streams met out of memory, so that they are loaded anew.
    pub(super) fn forget_states(&self) {
        for id in self.loaded.keys() {
            self.app.states.forget(self.caller.workspace, *id);
        }
    }
}
