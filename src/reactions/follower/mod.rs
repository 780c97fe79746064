//! Follows the log for the reactions: which events were reacted to, what is due, and when to look again.
//!
//! Of several processes one at a time reacts in a workspace: the one that holds the lease. What a process appends that has lost it
//! without knowing is refused by the log.

mod settling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use futures::StreamExt;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::flow_runs::{Asking, Documents, FlowRuns};
use super::pause::pause_after;
use super::term::Term;
use crate::app::App;
use crate::event_log::append::LogError;
use crate::event_log::store::{FLOW_RUNS, Lease, ReactionCheckpoint};
use crate::problem::{Code, Problem};

/// Events that are looked at at a time.
const PAGE: usize = 200;
/// The checkpoint is written when so many events lie behind it, or so much time: each time costs a write to the disk that the log waits
/// for, too. What lies between is seen again after a kill, which does no harm.
const EVENTS_PER_CHECKPOINT: u64 = 1_000;
const TIME_PER_CHECKPOINT: Duration = Duration::from_secs(1);
/// Workspaces that are looked at together.
const WORKSPACES_AT_ONCE: usize = 8;
/// How long a process reacts in a workspace without renewing its lease: so long others wait when it dies.
const LEASE: Duration = Duration::from_secs(6);
/// How often the clock is compared with what is due: it may have been turned.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Runs that are woken in one pass: overdue ones go on oldest first, beside what is new.
const DUE_AT_ONCE: u64 = 100;
/// How long a program that ends waits for requests that are under way, so that their outcomes are known: the lease lasts a little longer.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// How far the reaction has come in one workspace, and what it knows of it.
struct Place {
    position: u64,
    /// The checkpoint, and when it was written.
    kept: u64,
    kept_at: Instant,
    runs: FlowRuns,
    /// When it may be tried again, after a failure.
    paused_until: Option<Instant>,
}

/// The reactions of the program.
pub struct Reactions {
    app: Arc<App>,
    documents: Arc<Documents>,
    asking: Arc<Asking>,
    /// Until when the leases last.
    term: Arc<Term>,
    /// Under which lease each place was taken.
    places: Mutex<BTreeMap<WorkspaceId, (Lease, Arc<Mutex<Place>>)>>,
    leases: Mutex<Leases>,
    /// How long leases are taken for. They are renewed, and those of others tried for, three times as often.
    lease: Duration,
}

/// The leases that this process holds.
#[derive(Default)]
struct Leases {
    held: BTreeMap<WorkspaceId, Lease>,
    /// Those that were taken and not reacted in yet: something may have happened there since another process died.
    taken: BTreeSet<WorkspaceId>,
    /// The workspaces that were asked for last, and when. What another process holds is asked for again only then, not at its every event.
    known: BTreeSet<WorkspaceId>,
    asked: Option<Instant>,
}

impl Reactions {
    /// The reactions over `app`; nothing happens before [`Self::run`] or [`Self::settle`].
    #[must_use]
    pub fn new(app: &Arc<App>) -> Arc<Self> {
        Self::with_lease(app, LEASE)
    }

    /// The same with leases of another length: so long others wait when this process dies.
    #[must_use]
    pub fn with_lease(app: &Arc<App>, lease: Duration) -> Arc<Self> {
        let (app, documents, term) = (Arc::clone(app), Arc::default(), Arc::default());
        let asking = Asking::new(app.fetcher(), &term, lease);
        Arc::new(Self { app, documents, asking, term, places: Mutex::default(), leases: Mutex::default(), lease })
    }

    /// Reacts until the program ends.
    pub async fn run(self: Arc<Self>) {
        let mut commits = self.app.log().stream().commits();
        let mut behind = BTreeSet::new();
        loop {
            commits.borrow_and_update();
            behind.extend(self.app.log().stream().take_unreacted());
            if let Err(error) = self.renew_leases().await {
                tracing::error!(%error, "the leases of the reactions cannot be renewed");
            }
            behind.append(&mut self.leases.lock().await.taken);
            behind = self.catch_up(std::mem::take(&mut behind)).await;
            if self.app.stopping().is_cancelled() {
                self.await_requests(LAST_REQUESTS.min(self.lease / 2)).await;
                self.keep_checkpoints().await;
                return self.give_leases_back().await;
            }
            if self.wake_due().await {
                continue;
            }
            tokio::select! {
                () = self.app.stopping().cancelled() => {}
                _ = commits.changed() => {}
                () = tokio::time::sleep(self.until_next_due().await) => self.keep_checkpoints().await,
            }
        }
    }

    /// Renews the leases when it is time to, and takes those that are free.
    async fn renew_leases(&self) -> Result<(), LogError> {
        let mut leases = self.leases.lock().await;
        let now = Instant::now();
        if leases.asked.is_some_and(|asked| now < asked + self.lease / 3) {
            return Ok(());
        }
        let store = self.app.log().store();
        let workspaces = store.workspaces().await?;
        let held = store.hold_leases(FLOW_RUNS, &workspaces, self.lease).await?;
        let held: BTreeMap<WorkspaceId, Lease> = held.into_iter().map(|lease| (lease.workspace, lease)).collect();
        let new = held.iter().filter(|(id, lease)| leases.held.get(id) != Some(lease)).map(|(id, _)| *id);
        let taken = leases.taken.iter().copied().chain(new).collect();
        // The time runs from before the question, so that it is never taken for longer than the database gave it.
        self.term.renewed(now + self.lease);
        *leases = Leases { held, taken, known: workspaces.into_iter().collect(), asked: Some(now) };
        let mut places = self.places.lock().await;
        places.retain(|workspace, (lease, _)| {
            let is_held = leases.held.get(workspace) == Some(lease);
            if !is_held {
                self.app.note_reaction(*workspace, true);
            }
            is_held
        });
        Ok(())
    }

    /// The lease of a workspace; tried for at once when the workspace is new.
    async fn lease(&self, workspace: WorkspaceId) -> Result<Option<Lease>, LogError> {
        let mut leases = self.leases.lock().await;
        if leases.asked.is_none_or(|asked| asked.elapsed() >= self.lease) {
            // All have to be asked for again, not this one only.
            return Ok(None);
        }
        if let Some(lease) = leases.held.get(&workspace) {
            return Ok(Some(*lease));
        }
        if !leases.known.insert(workspace) {
            return Ok(None);
        }
        let held = self.app.log().store().hold_leases(FLOW_RUNS, &[workspace], self.lease).await?;
        leases.held.extend(held.iter().map(|lease| (lease.workspace, *lease)));
        Ok(held.first().copied())
    }

    async fn give_leases_back(&self) {
        if let Err(error) = self.app.log().store().release_leases(FLOW_RUNS).await {
            tracing::warn!(%error, "the leases of the reactions were not given back; others wait until they end");
        }
    }

    /// Writes the checkpoints that lie behind.
    async fn keep_checkpoints(&self) {
        let places: Vec<_> = self.places.lock().await.iter().map(|(id, (_, place))| (*id, Arc::clone(place))).collect();
        for (workspace, place) in places {
            if let Err(problem) = self.keep(workspace, &mut *place.lock().await).await {
                tracing::warn!(workspace.id = %workspace, %problem, "the checkpoint of the flows could not be written");
            }
        }
    }

    async fn keep(&self, workspace: WorkspaceId, place: &mut Place) -> Result<(), Problem> {
        if place.position > place.kept {
            let checkpoint = ReactionCheckpoint { reaction: FLOW_RUNS, workspace, position: place.position };
            self.app.log().store().keep_reaction_checkpoints(&[checkpoint]).await?;
            place.kept = place.position;
        }
        place.kept_at = Instant::now();
        Ok(())
    }

    /// Waits until the requests that are under way are over, but not for longer than `patience`; tells whether there were any.
    async fn await_requests(&self, patience: Duration) -> bool {
        let places: Vec<_> = self.places.lock().await.values().map(|(_, place)| Arc::clone(place)).collect();
        let mut were_any = false;
        let deadline = Instant::now() + patience;
        for place in places {
            let mut under_way = place.lock().await.runs.requests_under_way();
            were_any |= !under_way.borrow().is_empty();
            let ended = under_way.wait_for(std::collections::BTreeSet::is_empty);
            // Those that take longer are given up with the lease, or waited for again.
            let _in_time = tokio::time::timeout_at(deadline, ended).await;
        }
        were_any
    }

    /// Reacts to what is new in these workspaces; gives those that have to be tried again.
    async fn catch_up(&self, behind: BTreeSet<WorkspaceId>) -> BTreeSet<WorkspaceId> {
        let tried = futures::stream::iter(behind).map(|workspace| async move {
            let outcome = match self.place(workspace).await {
                // Another process reacts here, and its health is its own. When its lease ends, this one begins from the checkpoint.
                Ok(None) => {
                    self.app.note_reaction(workspace, true);
                    return None;
                }
                Ok(Some(place)) => {
                    let mut place = place.lock().await;
                    if place.paused_until.is_some_and(|until| Instant::now() < until) {
                        return Some(workspace);
                    }
                    let outcome = self.react(workspace, &mut place).await;
                    place.paused_until = outcome.as_ref().err().map(|problem| Instant::now() + pause_after(problem));
                    outcome
                }
                Err(problem) => Err(problem),
            };
            self.app.note_reaction(workspace, outcome.is_ok());
            match outcome {
                Ok(to_the_end) => (!to_the_end).then_some(workspace),
                Err(problem) => {
                    metrics::counter!("chatbotx_reaction_failures_total").increment(1);
                    tracing::error!(workspace.id = %workspace, %problem, "flows stand still in a workspace");
                    Some(workspace)
                }
            }
        });
        tried.buffer_unordered(WORKSPACES_AT_ONCE).filter_map(std::future::ready).collect().await
    }

    /// What is known of a workspace in which this process reacts; read from its checkpoint when it is new.
    async fn place(&self, workspace: WorkspaceId) -> Result<Option<Arc<Mutex<Place>>>, Problem> {
        let Some(lease) = self.lease(workspace).await? else { return Ok(None) };
        let mut places = self.places.lock().await;
        if let Some((taken, place)) = places.get(&workspace)
            && *taken == lease
        {
            return Ok(Some(Arc::clone(place)));
        }
        let checkpoints = self.app.log().store().reaction_checkpoints(FLOW_RUNS).await?;
        let known = checkpoints.into_iter().find(|(id, _)| *id == workspace);
        let (_, position) = known.ok_or_else(|| {
            // To begin at the start would send everything again.
            Problem::new(Code::Unavailable, "the checkpoint of the flows is missing in this workspace")
                .hint("restore the log from a backup that has it")
        })?;
        let runs = FlowRuns::new(&self.app, &self.documents, &self.asking, workspace, lease.fence);
        let (kept, kept_at) = (position, Instant::now());
        let place = Arc::new(Mutex::new(Place { position, kept, kept_at, runs, paused_until: None }));
        places.insert(workspace, (lease, Arc::clone(&place)));
        Ok(Some(place))
    }

    /// Reacts to the events of a workspace up to its head, or to the one that it cannot react to; tells whether it came to the end: it
    /// gives up when it loses the lease.
    async fn react(&self, workspace: WorkspaceId, place: &mut Place) -> Result<bool, Problem> {
        place.runs.take_over_requests().await?;
        loop {
            let entries = match self.app.log().entries_after(workspace, place.position, PAGE).await {
                Ok(entries) => entries,
                // The projector ends a program that an event is too new for.
                Err(LogError::Decode(error)) => return Err(Problem::unavailable(&error)),
                Err(error) => return Err(error.into()),
            };
            if entries.is_empty() || self.app.stopping().is_cancelled() {
                return Ok(true);
            }
            let mut outcome = Ok(());
            for entry in &entries {
                outcome = place.runs.react(&entry.recorded).await;
                if outcome.is_err() {
                    break;
                }
                place.position = entry.recorded.position;
            }
            // A long way to go must not cost the lease. What was done without it would be refused.
            self.renew_leases().await?;
            if self.lease(workspace).await?.is_none() {
                return Ok(false);
            }
            let is_far = place.position - place.kept >= EVENTS_PER_CHECKPOINT;
            if is_far || place.kept_at.elapsed() >= TIME_PER_CHECKPOINT {
                self.keep(workspace, place).await?;
            }
            outcome?;
        }
    }

    /// Wakes the runs whose time has come, in workspaces where nothing that came before is left to react to; tells whether any was woken.
    async fn wake_due(&self) -> bool {
        let now = self.app.now();
        let due = match self.app.read_all().await {
            Ok(mut reader) => projections::flow_runs::due(reader.connection(), now, DUE_AT_ONCE).await,
            Err(_) => return false,
        };
        let due = due.unwrap_or_else(|error| {
            tracing::error!(%error, "what is due cannot be read");
            Vec::new()
        });
        let mut woken = false;
        for run in due {
            let Ok(Some(place)) = self.place(run.workspace).await else { continue };
            let mut place = place.lock().await;
            let is_behind = self.app.head(run.workspace).await.map_or(true, |head| head > place.position);
            if is_behind || place.paused_until.is_some_and(|until| Instant::now() < until) {
                // What was written before its time came is for it first.
                woken |= is_behind && place.paused_until.is_none();
                continue;
            }
            match place.runs.wake(run.run).await {
                Ok(went_on) => woken |= went_on,
                Err(problem) => {
                    tracing::error!(workspace.id = %run.workspace, %problem, "a run that is due cannot go on");
                    place.paused_until = Some(Instant::now() + pause_after(&problem));
                }
            }
        }
        woken
    }

    /// How long nothing is due, at most [`LOOK_AGAIN`].
    async fn until_next_due(&self) -> Duration {
        let next = match self.app.read_all().await {
            Ok(mut reader) => projections::flow_runs::next_due(reader.connection()).await.unwrap_or(None),
            Err(_) => None,
        };
        let until = next.map(|due| u64::try_from(due.saturating_sub(self.app.now())).unwrap_or(0));
        // A run that is due and cannot go on is tried again, but not without a break.
        until.map_or(LOOK_AGAIN, |until| Duration::from_micros(until).clamp(Duration::from_millis(20), LOOK_AGAIN))
    }
}
