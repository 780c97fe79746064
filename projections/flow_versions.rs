//! The documents of flows: the draft, and every version that was published.

use std::collections::BTreeSet;

use aggregates::flow_document::FlowDocument;
use aggregates::ids::{FlowId, WorkspaceId};
use aggregates::{Event, Recorded, flow};

use crate::cell::Json;
use crate::database::{Connection, Error};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

/// The number under which the draft stands.
pub const DRAFT: u64 = 0;

table! {
    /// A flow's document.
    pub struct FlowVersion in "flow_versions" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// The flow. Published versions stay when it is deleted: runs go by them.
            flow: FlowId,
            /// Its number; [`DRAFT`] is the draft.
            version: u64,
        }
        /// The document.
        document: Json<FlowDocument>,
        /// When it was published, or the draft last changed, in microseconds since the epoch.
        at: i64,
        /// The position at which that was.
        position: u64,
    }
}

impl Projection for FlowVersion {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {
        // Rows are only put in or taken out.
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Event::Flow(what) = &event.event else { return Ok(()) };
        let flow = FlowId(event.stream_id);
        let (version, document) = match what {
            flow::Event::FlowCreated { document } | flow::Event::FlowDraftUpdated { document, .. } => (DRAFT, document),
            flow::Event::FlowPublished { version, document } => (u64::from(*version), document),
            flow::Event::FlowDeleted { .. } => {
                rows.remove((event.workspace, flow, DRAFT));
                return Ok(());
            }
        };
        rows.insert(Self {
            workspace: event.workspace,
            flow,
            version,
            document: Json(document.clone()),
            at: event.recorded_at,
            position: event.position,
        });
        Ok(())
    }
}

/// One document of a flow.
///
/// # Errors
/// When the database fails.
pub async fn get(
    connection: &mut Connection,
    workspace: WorkspaceId,
    flow: FlowId,
    version: u64,
) -> Result<Option<FlowVersion>, Error> {
    let sql = Sql::new(format!("select {} from flow_versions v where v.workspace = ", FlowVersion::columns("v")));
    let sql = sql.bind(&workspace).push(" and v.flow = ").bind(&flow).push(" and v.version = ").bind(&version);
    Ok(sql.rows(connection).await?.pop())
}

/// Published versions of a flow, the newest first; those before `before` when that is given. At most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn published(
    connection: &mut Connection,
    workspace: WorkspaceId,
    flow: FlowId,
    before: Option<u64>,
    limit: u64,
) -> Result<Vec<FlowVersion>, Error> {
    let sql = Sql::new(format!("select {} from flow_versions v where v.workspace = ", FlowVersion::columns("v")));
    let sql = sql.bind(&workspace).push(" and v.flow = ").bind(&flow).push(" and v.version > 0 and v.version < ");
    let sql = sql.bind(&before.unwrap_or(u64::MAX)).push(" order by v.version desc limit ").bind(&limit);
    sql.rows(connection).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::given::{Given, folded};

    #[tokio::test]
    async fn every_published_document_stays_and_the_draft_goes_with_its_flow() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let id = FlowId(uuid::Uuid::from_u128(7));
        let document = |text: &str| FlowDocument::from(json!({ "name": "Hi", "steps": { "b": text, "a": text } }));
        for event in [
            flow::Event::FlowCreated { document: document("1") },
            flow::Event::FlowPublished { version: 1, document: document("1") },
            flow::Event::FlowDraftUpdated { document: document("2"), released_name: None, restored_from: None },
            flow::Event::FlowPublished { version: 2, document: document("2") },
        ] {
            given.record(workspace, id, event);
        }
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let draft = get(connection, workspace, id, DRAFT).await.expect("a row").expect("a draft");
            assert_eq!(draft.document.0, document("2"), "in the order in which it was written");
            let all = published(connection, workspace, id, None, 9).await.expect("rows");
            assert_eq!(all.iter().map(|row| row.version).collect::<Vec<_>>(), [2, 1]);
            let older = published(connection, workspace, id, Some(2), 9).await.expect("rows");
            assert_eq!(older[0].document.0, document("1"));
        }
        given.record(workspace, id, flow::Event::FlowDeleted { released_name: "Hi".to_owned() });
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            assert!(get(connection, workspace, id, DRAFT).await.expect("a row").is_none());
            assert_eq!(published(connection, workspace, id, None, 9).await.expect("rows").len(), 2);
        }
    }
}
