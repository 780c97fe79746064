//! The documents that runs go by, read once: published versions never change. And what each workspace's flows start by.

use std::sync::Arc;

use aggregates::flow::Flow;
use aggregates::ids::{FlowId, WorkspaceId};
use flows::document::Document;
use projections::{flow_versions, flows as published_flows};
use quick_cache::sync::Cache;

use crate::app::{App, UnitOfWork};
use crate::problem::{Code, Problem};

/// How many documents are kept.
const KEPT: usize = 2_000;

/// Documents of published versions, in memory.
pub(crate) struct Documents(Cache<(WorkspaceId, FlowId, u32), Arc<Document>>);

impl Default for Documents {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

/// A flow that may start by itself.
pub(super) struct Startable {
    pub(super) flow: FlowId,
    pub(super) version: u32,
    pub(super) document: Arc<Document>,
    /// What happened up to this position never starts it.
    pub(super) after: u64,
}

impl Documents {
    /// The document of a published version.
    ///
    /// # Errors
    /// `not_found` when there is no such version.
    pub(crate) async fn of(&self, unit: &mut UnitOfWork, flow: FlowId, version: u32) -> Result<Arc<Document>, Problem> {
        let key = (unit.workspace(), flow, version);
        if let Some(known) = self.0.get(&key) {
            return Ok(known);
        }
        let stored = unit.load::<Flow>(flow.0).await?.and_then(|flow| flow.versions.get(&version)).cloned();
        let stored = stored.ok_or_else(|| Problem::new(Code::NotFound, "this version of the flow is not there"))?;
        let document = read(&stored)?;
        self.0.insert(key, Arc::clone(&document));
        Ok(document)
    }

    /// The flows of a workspace that may start by themselves, the oldest first.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub(super) async fn startable(&self, app: &Arc<App>, workspace: WorkspaceId) -> Result<Vec<Startable>, Problem> {
        let mut context = app.read(workspace, None).await?;
        let (connection, workspace) = context.rows();
        let mut startable = Vec::new();
        for row in published_flows::published(connection, workspace).await? {
            let (Some(published), Some(after)) = (row.published_version, row.starts_after) else { continue };
            let version = u32::try_from(published).unwrap_or_default();
            let known = self.0.get(&(workspace, row.id, version));
            let document = match known {
                Some(known) => known,
                None => match flow_versions::get(connection, workspace, row.id, published).await? {
                    Some(stored) => read(&stored.document.0)?,
                    None => continue,
                },
            };
            self.0.insert((workspace, row.id, version), Arc::clone(&document));
            if !document.starts().is_empty() {
                startable.push(Startable { flow: row.id, version, document, after });
            }
        }
        Ok(startable)
    }
}

fn read(stored: &aggregates::flow_document::FlowDocument) -> Result<Arc<Document>, Problem> {
    // What was published was valid, and every form that ever was stays readable.
    let read = Document::parse(stored.value());
    read.map(Arc::new).map_err(|_| Problem::new(Code::Internal, "a published version cannot be read by this program"))
}
