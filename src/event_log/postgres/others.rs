//! What other processes commit: hints sent and heard through `NOTIFY`, and a poll that finds what no hint has told.
//!
//! A hint is sent after the commit, on a connection of its own: a `NOTIFY` inside the append would make all commits of the server take
//! turns (<https://www.postgresql.org/docs/current/sql-notify.html>). A hint may be lost, or never come because a pooler is in between;
//! the log is the truth, and it is asked often enough.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connections::Connections;
use super::read;
use crate::event_log::store::Heard;

const CHANNEL: &str = "chatbotx_commits";
/// The shortest pause between two hints of this process: commits in between share the next one.
const HINT_PAUSE: Duration = Duration::from_millis(20);
/// Workspaces in one hint; a payload may have 8,000 bytes, and one takes at most 53.
const WORKSPACES_PER_HINT: usize = 128;
/// How often the heads are asked for while hints are heard, and while they are not.
const POLL_BESIDE_HINTS: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(100);
/// A server that has not said how far its logs are after so long does not answer: a pooler before it keeps questions waiting.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a listener waits for its own first hint before it counts as deaf.
const OWN_HINT: Duration = Duration::from_secs(2);
/// How long after a failure hints are listened for again.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);
/// Heads of the last minute are asked for: more than the clocks of two servers are apart. In microseconds.
const OVERLAP_US: i64 = 60_000_000;

/// The hints of one process.
pub(super) struct Others {
    /// Tells this process' hints from those of others.
    process: Uuid,
    unsent: Mutex<BTreeMap<WorkspaceId, u64>>,
    news: Notify,
    stop: CancellationToken,
    /// Set while the server does not answer.
    silent: AtomicBool,
}

impl Others {
    pub(super) fn new() -> Arc<Self> {
        let unsent = Mutex::default();
        Arc::new(Self {
            process: Uuid::now_v7(),
            unsent,
            news: Notify::new(),
            stop: CancellationToken::new(),
            silent: AtomicBool::new(false),
        })
    }

    /// The id of this process among those on the database.
    pub(super) fn process(&self) -> Uuid {
        self.process
    }

    /// Lets the other processes know that this one has committed up to these positions.
    pub(super) fn tell(&self, heads: &[(WorkspaceId, u64)]) {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner).extend(heads.iter().copied());
        self.news.notify_one();
    }

    /// Whether the server answered when it was last asked.
    pub(super) fn is_server_there(&self) -> bool {
        !self.silent.load(Ordering::Relaxed)
    }

    /// Ends the tasks.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Sends hints until the end.
    pub(super) async fn send(self: Arc<Self>, connections: Connections) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.news.notified() => {}
            }
            let unsent = std::mem::take(&mut *self.unsent.lock().unwrap_or_else(PoisonError::into_inner));
            let heads: Vec<_> = unsent.into_iter().collect();
            for part in heads.chunks(WORKSPACES_PER_HINT) {
                let payload = self.payload(part);
                let sent =
                    sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&connections).await;
                if let Err(error) = sent {
                    tracing::debug!(%error, "a hint to the other processes was not sent");
                }
            }
            sleep(HINT_PAUSE).await;
        }
    }

    fn payload(&self, heads: &[(WorkspaceId, u64)]) -> String {
        let heads = heads.iter().map(|(workspace, position)| format!("{}:{position}", workspace.0.simple()));
        std::iter::once(self.process.simple().to_string()).chain(heads).collect::<Vec<_>>().join(" ")
    }

    /// Tells `heard` what was committed elsewhere, until the end.
    pub(super) async fn hear(
        self: Arc<Self>,
        connections: Connections,
        listen: Option<PgConnectOptions>,
        heard: Heard,
    ) {
        let mut listener = None;
        let mut listen_at = Instant::now();
        let mut latest = i64::MIN;
        loop {
            if let Some(listen) = &listen
                && listener.is_none()
                && Instant::now() >= listen_at
            {
                listener = self.listener(&connections, listen).await;
                listen_at = Instant::now() + LISTEN_AGAIN;
            }
            let asking = read::positions(&connections, latest.saturating_sub(OVERLAP_US));
            match timeout(ANSWER, asking).await {
                Ok(Ok(heads)) => {
                    if self.silent.swap(false, Ordering::Relaxed) {
                        tracing::warn!("the database answers again");
                    }
                    for (workspace, position, recorded_at) in heads {
                        latest = latest.max(recorded_at);
                        heard(workspace, position);
                    }
                }
                Ok(Err(error)) => self.miss_answer(&error),
                Err(late) => self.miss_answer(&late),
            }
            let asked = Instant::now();
            let poll = if listener.is_some() { POLL_BESIDE_HINTS } else { POLL };
            loop {
                let hint = async {
                    match &mut listener {
                        Some(listening) => listening.try_recv().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep_until(asked + poll) => break,
                    hint = hint => match hint {
                        Ok(Some(hint)) => self.hear_hint(hint.payload(), &heard),
                        // The connection was lost, and hints with it.
                        Ok(None) | Err(_) => {
                            listener = None;
                            break;
                        }
                    },
                }
            }
        }
    }

    fn miss_answer(&self, error: &dyn std::fmt::Display) {
        if !self.silent.swap(true, Ordering::Relaxed) && !self.stop.is_cancelled() {
            tracing::error!(%error, "the database does not answer");
        }
    }

    fn hear_hint(&self, payload: &str, heard: &Heard) {
        let mut words = payload.split(' ');
        if words.next().and_then(|word| word.parse().ok()) == Some(self.process) {
            return;
        }
        for (workspace, position) in words.filter_map(|word| word.split_once(':')) {
            if let (Ok(workspace), Ok(position)) = (workspace.parse(), position.parse()) {
                heard(WorkspaceId(workspace), position);
            }
        }
    }

    /// A listener that has heard a hint of its own: behind a pooler in transaction mode `LISTEN` succeeds, and nothing is ever heard.
    async fn listener(&self, connections: &Connections, options: &PgConnectOptions) -> Option<PgListener> {
        let heard_itself = async {
            let single = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
            let mut listener = PgListener::connect_with(&single).await?;
            listener.listen(CHANNEL).await?;
            let own = self.payload(&[]);
            sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(&own).execute(connections).await?;
            while listener.recv().await?.payload() != own {}
            Ok::<_, sqlx::Error>(listener)
        };
        match timeout(OWN_HINT, heard_itself).await {
            Ok(Ok(listener)) => Some(listener),
            Ok(Err(error)) => {
                tracing::debug!(%error, "hints of other processes cannot be listened for; the log is asked instead");
                None
            }
            Err(_) => {
                tracing::debug!("hints of other processes are not heard; the log is asked instead");
                None
            }
        }
    }
}
