//! The flows as they are shown: name, what is published, and whether the draft differs from it. Their documents stand in
//! `flow_versions`.

use std::collections::BTreeSet;

use aggregates::flow_document::FlowDocument;
use aggregates::ids::{FlowId, WorkspaceId};
use aggregates::{Event, Recorded, flow};

use crate::database::{Connection, Error};
use crate::near_miss::{label, named};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

table! {
    /// A flow that was not deleted.
    pub struct Flow in "flows" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: FlowId,
        }
        /// The draft's name.
        name: String,
        /// The draft's name, folded.
        folded: String,
        /// A number that tells drafts apart.
        draft_digest: i64,
        /// The version that starts now.
        published_version: Option<u64>,
        /// The same number for what is published.
        published_digest: Option<i64>,
        /// When that version was published, in microseconds since the epoch.
        published_at: Option<i64>,
        /// The position at which its first version was published: what happened before never starts it.
        starts_after: Option<u64>,
        /// When it began, in microseconds since the epoch.
        created_at: i64,
        /// When its draft last changed or was published.
        updated_at: i64,
    }
}

/// Tells documents apart, alike on every machine and for ever (FNV-1a).
fn digest(document: &FlowDocument) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in document.text().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash.cast_signed()
}

impl Flow {
    /// Whether there is a draft that is not what is published.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.published_digest != Some(self.draft_digest)
    }
}

impl Projection for Flow {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        if let Event::Flow(_) = &event.event {
            keys.insert((event.workspace, FlowId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Event::Flow(what) = &event.event else { return Ok(()) };
        let key = (event.workspace, FlowId(event.stream_id));
        if let flow::Event::FlowCreated { document } = what {
            rows.insert(Self {
                workspace: event.workspace,
                id: key.1,
                name: document.name().to_owned(),
                folded: label(document.name()),
                draft_digest: digest(document),
                published_version: None,
                published_digest: None,
                published_at: None,
                starts_after: None,
                created_at: event.recorded_at,
                updated_at: event.recorded_at,
            });
            return Ok(());
        }
        let row = rows.get_mut(&key).ok_or(Poison("the flow did not begin"))?;
        row.updated_at = event.recorded_at;
        match what {
            flow::Event::FlowCreated { .. } => {}
            flow::Event::FlowDraftUpdated { document, .. } => {
                row.name = document.name().to_owned();
                row.folded = label(document.name());
                row.draft_digest = digest(document);
            }
            flow::Event::FlowPublished { version, document } => {
                row.published_version = Some(u64::from(*version));
                row.published_digest = Some(digest(document));
                row.published_at = Some(event.recorded_at);
                row.starts_after = row.starts_after.or(Some(event.position));
            }
            flow::Event::FlowDeleted { .. } => rows.remove(key),
        }
        Ok(())
    }
}

named!(Flow, FlowId);

/// All flows that can start now, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn published(connection: &mut Connection, workspace: WorkspaceId) -> Result<Vec<Flow>, Error> {
    let sql = Sql::new(format!("select {} from flows v where v.workspace = ", Flow::columns("v"))).bind(&workspace);
    sql.push(" and v.published_version is not null order by v.created_at, v.id").rows(connection).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::given::{Given, folded, rows};

    fn document(name: &str, text: &str) -> FlowDocument {
        json!({ "name": name, "steps": { "a": { "note": text } } }).into()
    }

    fn update(document: FlowDocument) -> flow::Event {
        flow::Event::FlowDraftUpdated { document, released_name: None, restored_from: None }
    }

    #[test]
    fn a_flow_shows_whether_its_draft_differs_from_what_is_published() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let id = FlowId(uuid::Uuid::from_u128(7));
        let mut changes = Vec::new();
        let first = document("Hi", "1");
        for event in [
            flow::Event::FlowCreated { document: first.clone() },
            flow::Event::FlowPublished { version: 1, document: first.clone() },
            update(document("Ho", "2")),
            update(first),
        ] {
            given.record(workspace, id, event);
            changes.push(rows::<Flow>(&given)[0].has_changes());
        }
        assert_eq!(changes, [true, false, true, false]);
        let row = &rows::<Flow>(&given)[0];
        assert_eq!((row.name.as_str(), row.published_version, row.starts_after), ("Hi", Some(1), Some(3)));
        given.record(workspace, id, flow::Event::FlowDeleted { released_name: "Hi".to_owned() });
        assert!(rows::<Flow>(&given).is_empty());
    }

    #[tokio::test]
    async fn flows_are_found_by_id_name_and_what_comes_close() {
        let mut given = Given::default();
        let (workspace, elsewhere) = (given.workspace("Acme"), given.workspace("Beta"));
        let ids: Vec<FlowId> = (1..4).map(|number| FlowId(uuid::Uuid::from_u128(number))).collect();
        for (workspace, id, name) in
            [(workspace, ids[0], "Welcome"), (workspace, ids[1], "Ärger"), (elsewhere, ids[2], "Welcome")]
        {
            given.record(workspace, id, flow::Event::FlowCreated { document: document(name, "1") });
        }
        given.record(workspace, ids[0], flow::Event::FlowPublished { version: 1, document: document("Welcome", "1") });
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let page = list(connection, workspace, None, 9).await.expect("a page");
            assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
            assert_eq!(by_ids(connection, workspace, &ids).await.expect("rows").len(), 2);
            let named = by_name(connection, workspace, "arger").await.expect("a row").expect("a flow");
            assert_eq!(named.id, ids[1]);
            let close = crate::near_miss::near::<Flow>(connection, workspace, "welcom").await.expect("candidates");
            assert_eq!(close.len(), 1);
            let can_start = published(connection, workspace).await.expect("rows");
            assert_eq!(can_start.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[0]]);
        }
    }
}
