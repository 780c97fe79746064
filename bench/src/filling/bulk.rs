//! Events appended many at once: the same events, sealed and claimed in the same way, as the operations write one by one, through the
//! log's own append. So the log is a true one, which verifies.

use std::collections::HashSet;
use std::sync::Arc;

use aggregates::Event;
use aggregates::claim::ClaimChange;
use aggregates::ids::WorkspaceId;
use aggregates::metadata::{Actor, Metadata};
use chatbotx::app::{LogPlace, OpenOptions};
use chatbotx::clock::SystemClock;
use chatbotx::event_log::EventLog;
use chatbotx::event_log::append::{AppendUnit, ClaimWrite, Expected, LogError, WrappedKey};
use chatbotx::event_log::sealing::{MasterKey, SubjectKey};
use uuid::Uuid;

use crate::Outcome;

/// Opens the log of a program that is closed.
pub async fn open_log(options: &OpenOptions) -> Outcome<Arc<EventLog>> {
    let master = MasterKey::open(&options.key_file())?;
    let clock = Arc::new(SystemClock);
    let log = match options.log_place().map_err(|problem| problem.message)? {
        LogPlace::File(file) => EventLog::open_sqlite(&file, Arc::new(master), clock).await?,
        LogPlace::Server(url) => EventLog::open_postgres(&url, None, |_| Ok::<_, LogError>(master), clock).await?,
    };
    Ok(Arc::new(log))
}

/// A unit in the making.
pub struct Unit<'l> {
    log: &'l EventLog,
    append: AppendUnit,
    metadata: Metadata,
    streams: HashSet<Uuid>,
}

impl<'l> Unit<'l> {
    /// An empty one.
    pub fn new(log: &'l EventLog, workspace: WorkspaceId, operation: &str) -> Self {
        let metadata = Metadata {
            actor: Actor::local(),
            client: None,
            operation: operation.to_owned(),
            request_id: String::new(),
            correlation_id: String::new(),
            causation_id: None,
            idempotency_key_hash: None,
        };
        let append = AppendUnit {
            workspace,
            events: Vec::new(),
            expected: Vec::new(),
            preconditions: Vec::new(),
            claims: Vec::new(),
            keys: Vec::new(),
            idempotency: None,
            fence: None,
            // Nobody listens while a log is filled.
            decoded: Vec::new(),
        };
        Self { log, append, metadata, streams: HashSet::new() }
    }

    /// What is added from here on was one call.
    pub fn call(&mut self, number: u64) {
        let request = format!("filling-{}-{number}", self.metadata.operation);
        self.metadata.correlation_id.clone_from(&request);
        self.metadata.request_id = request;
    }

    /// A key for a contact that begins in this unit.
    pub fn begin(&mut self, subject: Uuid) -> Outcome<Arc<SubjectKey>> {
        let (key, wrapped): (_, WrappedKey) = self.log.new_subject_key(self.append.workspace, subject)?;
        self.append.keys.push(wrapped);
        Ok(key)
    }

    /// Adds an event.
    pub fn add(&mut self, stream: Uuid, event: impl Into<Event>, key: &SubjectKey) -> Outcome<()> {
        let event = event.into();
        for change in event.claims(stream) {
            let (claim, owner) = match &change {
                ClaimChange::Take { claim, owner } => (claim, Some(*owner)),
                ClaimChange::Release { claim } => (claim, None),
            };
            let hash = self.log.master().hash_claim(claim);
            self.append.claims.push(ClaimWrite { kind: claim.kind, hash, owner, event: self.append.events.len() });
        }
        if self.streams.insert(stream) {
            self.append.expected.push((event.stream_type(), stream, Expected::Any));
        }
        self.append.events.push(self.log.seal(self.append.workspace, stream, &event, &self.metadata, Some(key))?);
        Ok(())
    }

    /// What is to be appended.
    pub fn finish(self) -> AppendUnit {
        self.append
    }
}
