//! Requests of runs to servers elsewhere. They are made beside the follower, so that a slow server holds up nobody but its own run, and outside
//! of every transaction: announced by an event before, recorded by an event after.
//!
//! Only who has announced a request makes it. A request that is announced and that nobody makes (its process died, or lost its lease) may have
//! been made or not: its outcome is recorded as unknown, and the step decides what that means. No request is under way without the
//! lease: it begins only with time left, and is given up when the lease ends. What it still brings then is refused by the log.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aggregates::flow_run::{Command, FlowRun, RunAnswer, RunRequest, UNKNOWN};
use aggregates::ids::RunId;
use flows::turn::Request;
use projections::flow_runs;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::FlowRuns;
use super::acting::Acting;
use super::answers::{answer_of, prepared};
use crate::app::{Decision, UnitOfWork};
use crate::fetch::Fetcher;
use crate::problem::{Code, Problem};
use crate::reactions::term::Term;

/// Requests that one workspace makes at a time, and all of them together; more wait.
const IN_WORKSPACE: usize = 32;
const IN_ALL: usize = 256;
/// A request begins only while the lease lasts at least so long: its bytes leave under it.
const LEASE_LEFT: u32 = 3;
/// The pause before an outcome is recorded again that could not be.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Which request: of a run, by its number and attempt.
pub(super) type Key = (RunId, u32, u32);

/// What it takes to ask others, shared by all workspaces.
pub(in crate::reactions) struct Asking {
    fetcher: Arc<Fetcher>,
    term: Arc<Term>,
    /// The least time that must be left of the leases.
    least: Duration,
    permits: Semaphore,
}

impl Asking {
    /// Asks by way of `fetcher`, under leases of a length that last until `term`.
    pub(in crate::reactions) fn new(fetcher: &Arc<Fetcher>, term: &Arc<Term>, lease: Duration) -> Arc<Self> {
        let (fetcher, term, least) = (Arc::clone(fetcher), Arc::clone(term), lease / LEASE_LEFT);
        Arc::new(Self { fetcher, term, least, permits: Semaphore::new(IN_ALL) })
    }
}

/// A request that was announced.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) key: Key,
    pub(super) step: String,
    pub(super) request: Request,
}

/// The requests of one workspace.
pub(super) struct Requests {
    asking: Arc<Asking>,
    permits: Arc<Semaphore>,
    under_way: watch::Sender<BTreeSet<Key>>,
    /// Whether any was given up since that was last looked at.
    given_up: Arc<AtomicBool>,
    /// Dropped with the place that was taken under the lease: what is under way ends then.
    tasks: Mutex<JoinSet<()>>,
}

impl Requests {
    pub(super) fn new(asking: &Arc<Asking>) -> Self {
        let (asking, permits) = (Arc::clone(asking), Arc::new(Semaphore::new(IN_WORKSPACE)));
        Self { asking, permits, under_way: watch::Sender::default(), given_up: Arc::default(), tasks: Mutex::default() }
    }

    /// Whether this process makes the request, or is about to.
    pub(super) fn has(&self, key: Key) -> bool {
        self.under_way.borrow().contains(&key)
    }

    /// The requests that are under way, to wait for their end.
    pub(super) fn under_way(&self) -> watch::Receiver<BTreeSet<Key>> {
        self.under_way.subscribe()
    }

    /// Makes a request that was announced, beside everything else, and records its outcome.
    pub(super) fn begin(&self, acting: &Acting, announced: Announced) {
        let key = announced.key;
        self.under_way.send_modify(|all| {
            all.insert(key);
        });
        let (asking, permits) = (Arc::clone(&self.asking), Arc::clone(&self.permits));
        let (acting, under_way) = (acting.clone(), self.under_way.clone());
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        let given_up = Arc::clone(&self.given_up);
        let listed = Listed { under_way, key };
        tasks.spawn(async move {
            let is_made = make(&asking, &permits, &acting, announced);
            tokio::select! {
                biased;
                () = asking.term.is_over() => {
                    tracing::warn!(run.id = %key.0, "a request was given up: the lease has ended");
                    // In this order: who looks for it must not find that it is still made.
                    drop(listed);
                    given_up.store(true, Ordering::Release);
                }
                () = is_made => drop(listed),
            }
        });
    }
}

/// That a request is under way, until this is dropped.
struct Listed {
    under_way: watch::Sender<BTreeSet<Key>>,
    key: Key,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.under_way.send_modify(|all| {
            all.remove(&self.key);
        });
    }
}

async fn make(asking: &Asking, permits: &Semaphore, acting: &Acting, announced: Announced) {
    let Announced { key: (run, number, attempt), step, request } = announced;
    let (Ok(_own), Ok(_of_all)) = (permits.acquire().await, asking.permits.acquire().await) else { return };
    asking.term.has_left(asking.least).await;
    let fetched = match prepared(&request, &format!("{run}/{step}/{number}")) {
        Ok(prepared) => asking.fetcher.fetch(prepared).await,
        Err(failure) => Err(failure),
    };
    let answer = answer_of(fetched, request.keeps_answer, (number, attempt));
    let record = Record { run, answer };
    while let Err(problem) = acting.decide(run, "flow_run_request_ended", &record).await {
        if problem.code != Code::Unavailable && problem.retry_after_ms.is_none() {
            tracing::error!(run.id = %run, %problem, "the outcome of a request cannot be recorded");
            return;
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// Records the outcome of a request.
struct Record {
    run: RunId,
    answer: RunAnswer,
}

impl Decision for Record {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        if unit.load::<FlowRun>(self.run.0).await?.is_none() {
            return Ok(());
        }
        unit.execute::<FlowRun>(self.run.0, Command::Answer(self.answer.clone())).await.map(|_| ())
    }
}

/// The outcome of a request that nobody makes any more.
pub(super) fn unknown(number: u32, attempt: u32) -> RunAnswer {
    let reason = "the program stopped while it asked: nobody knows whether the request was made".to_owned();
    RunAnswer { number, attempt, status: None, error: Some(UNKNOWN.to_owned()), reason: Some(reason), body: None }
}

/// Records that the outcome of what a run asks is unknown, unless somebody makes the request or it has an outcome.
struct GiveUp<'a> {
    run: RunId,
    requests: &'a Requests,
}

impl Decision for GiveUp<'_> {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let request = unit.load::<FlowRun>(self.run.0).await?.and_then(|run| run.request.clone());
        let Some(request) = request else { return Ok(()) };
        if self.requests.has((self.run, request.number, request.attempt)) {
            return Ok(());
        }
        let answer = unknown(request.number, request.attempt);
        unit.execute::<FlowRun>(self.run.0, Command::Answer(answer)).await.map(|_| ())
    }
}

impl FlowRuns {
    /// A request of a run was announced. Whoever did makes it; when that was another process, or one whose append seemed to fail, nobody
    /// does.
    pub(super) async fn see_to_request(&self, run: RunId, request: &RunRequest) -> Result<(), Problem> {
        if self.requests.has((run, request.number, request.attempt)) {
            return Ok(());
        }
        self.see_to_run(run).await
    }

    async fn see_to_run(&self, run: RunId) -> Result<(), Problem> {
        let decision = GiveUp { run, requests: &self.requests };
        self.acting.decide(run, "flow_run_request_lost", &decision).await.map(|_| ())
    }

    /// Looks once, and after some were given up, for requests that were announced and that nobody makes; later, while the tables do not follow. A request that is
    /// not found here has no outcome until its time is over.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read or the log cannot be written.
    pub(in crate::reactions) async fn take_over_requests(&mut self) -> Result<(), Problem> {
        if self.requests.given_up.swap(false, Ordering::Acquire) {
            self.has_taken_over = false;
        }
        if self.has_taken_over {
            return Ok(());
        }
        let mut context = self.acting.app.read(self.acting.workspace, None).await?;
        if context.stale {
            return Ok(());
        }
        let (connection, workspace) = context.rows();
        let asking = flow_runs::asking(connection, workspace).await?;
        drop(context);
        for row in asking {
            self.see_to_run(row.id).await?;
        }
        self.has_taken_over = true;
        Ok(())
    }

    /// The requests that are under way, to wait for their end.
    pub(in crate::reactions) fn requests_under_way(&self) -> watch::Receiver<BTreeSet<Key>> {
        self.requests.under_way()
    }
}
