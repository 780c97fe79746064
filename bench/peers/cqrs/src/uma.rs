//! UmaDB, embedded: its engine and the writer thread that its server runs, without the server's gRPC. Each call is one append of one event.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_core::writer_thread_blocking::writer_thread_blocking;
use umadb_core::writer_thread_request::WriterThreadRequest;
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbQuery, DcbQueryItem};
use uuid::Uuid;

use crate::callers::measure;
use crate::commands::{AddTag, CONTACTS, Commands};
use crate::contact::{Event, metadata};
use crate::latencies::Measured;
use crate::{Outcome, Turn};

/// Requests that may wait for the writer, as in umadb-server.
const WAITING: usize = 1_024;
/// Events in one flush at most, as in umadb-server.
const MOST_EVENTS: usize = 2_048;

/// What an append asks of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Appends {
    /// Nothing.
    Plain,
    /// That nothing was appended for the contact since its caller saw it last.
    Conditional,
}

/// The engine, with its writer running.
pub struct Uma {
    writer: mpsc::Sender<WriterThreadRequest>,
    commands: Arc<Commands>,
    appends: Appends,
    /// The position of each contact's last event, as a caller remembers it that has read the contact.
    seen: Arc<Vec<AtomicU64>>,
}

impl Uma {
    /// Makes its file and starts its writer, which ends when this is dropped.
    pub fn open(file: &Path, appends: Appends) -> Outcome<Self> {
        let engine = Arc::new(Mvcc::new(false, StorageOptions::default().db_path(file))?);
        let (writer, requests) = mpsc::channel(WAITING);
        let (heads, _) = watch::channel(None);
        std::thread::spawn(move || writer_thread_blocking(engine, requests, heads, MOST_EVENTS));
        let seen = Arc::new((0..CONTACTS).map(|_| AtomicU64::new(0)).collect());
        Ok(Self { writer, commands: Arc::default(), appends, seen })
    }

    /// A turn.
    pub async fn measure(&self, turn: Turn) -> Outcome<Measured> {
        let (writer, commands, seen) = (self.writer.clone(), Arc::clone(&self.commands), Arc::clone(&self.seen));
        let appends = self.appends;
        measure(turn.callers, turn.seconds, move || {
            let (writer, command, seen) = (writer.clone(), commands.take(), Arc::clone(&seen));
            async move {
                let seen = &seen[command.number % CONTACTS];
                let condition =
                    (appends == Appends::Conditional).then(|| unchanged(&command, seen.load(Ordering::Acquire)));
                let (answer, answered) = oneshot::channel();
                let request = WriterThreadRequest::Append {
                    events: vec![event(&command)?],
                    condition,
                    tracking_info: None,
                    response_tx: answer,
                    cancel: None,
                };
                writer.send(request).await?;
                seen.store(answered.await??, Ordering::Release);
                Ok(())
            }
        })
        .await
    }
}

fn unchanged(command: &AddTag, seen: u64) -> DcbAppendCondition {
    let item = DcbQueryItem::new().types(["ContactTagsAdded"]).tags([format!("contact:{}", command.contact)]);
    DcbAppendCondition::new(DcbQuery::with_items([item])).after(Some(seen))
}

fn event(command: &AddTag) -> Outcome<DcbEvent> {
    Ok(DcbEvent {
        event_type: "ContactTagsAdded".to_owned(),
        tags: vec![format!("contact:{}", command.contact)],
        data: serde_json::to_vec(&Event::ContactTagsAdded { tags: vec![command.tag()] })?,
        uuid: Some(Uuid::now_v7()),
        metadata: metadata().into_iter().collect(),
    })
}
