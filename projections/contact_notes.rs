//! What was written down about contacts, when and by whom.

use std::collections::BTreeSet;

use aggregates::ids::{ContactId, NoteId, WorkspaceId};
use aggregates::metadata::ActorKind;
use aggregates::{Event, Recorded, contact};

use crate::cell::known;
use crate::database::{Connection, Error};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Actor, Poison, Projection, Table, table};

table! {
    /// A note about a contact.
    pub struct ContactNote in "contact_notes" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: NoteId,
        }
        /// About whom.
        contact: ContactId,
        /// The note; nothing once it was erased.
        text: Option<String>,
        /// When it was written, in microseconds since the epoch.
        at: i64,
        /// The position at which it was written.
        position: u64,
        /// What kind of actor wrote it.
        actor_kind: ActorKind,
        /// Who wrote it.
        actor_id: String,
    }
}

impl ContactNote {
    /// Who wrote it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { kind: self.actor_kind, id: self.actor_id.clone() }
    }
}

impl Projection for ContactNote {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        if let Event::Contact(contact::Event::ContactNoteAdded { note, text }) = &event.event {
            rows.insert(Self {
                workspace: event.workspace,
                id: *note,
                contact: ContactId(event.stream_id),
                text: known(text),
                at: event.recorded_at,
                position: event.position,
                actor_kind: event.metadata.actor.kind,
                actor_id: event.metadata.actor.id.clone(),
            });
        }
        Ok(())
    }
}

/// The notes about a contact, the newest first, at most `limit`; only those written before the position `before`.
///
/// # Errors
/// When the database fails.
pub async fn of_contact(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contact: ContactId,
    before: Option<u64>,
    limit: u64,
) -> Result<Vec<ContactNote>, Error> {
    let select = format!("select {} from contact_notes v where v.workspace = ", ContactNote::columns("v"));
    let mut sql = Sql::new(select).bind(&workspace).push(" and v.contact = ").bind(&contact);
    if let Some(before) = before {
        sql = sql.push(" and v.position < ").bind(&before);
    }
    sql.push(" order by v.position desc limit ").bind(&limit).rows(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::given::{Given, folded, person, rows};
    use aggregates::Personal;

    #[tokio::test]
    async fn the_notes_of_a_contact_are_read_newest_first() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let ana = given.contact(workspace, person("Ana", "", "", ""), None);
        let bo = given.contact(workspace, person("Bo", "", "", ""), None);
        let noted = |number: u128, text: Personal<String>| {
            let note = NoteId(uuid::Uuid::from_u128(number));
            contact::Event::ContactNoteAdded { note, text }
        };
        for (number, contact) in [(1, ana), (2, bo), (3, ana)] {
            given.record(workspace, contact, noted(number, Personal::Known(format!("note {number}"))));
        }
        let last = given.record(workspace, ana, noted(4, Personal::Erased(true)));
        assert_eq!(rows::<ContactNote>(&given).len(), 4);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let all = of_contact(connection, workspace, ana, None, 10).await.expect("rows");
            let texts: Vec<Option<&str>> = all.iter().map(|row| row.text.as_deref()).collect();
            assert_eq!(texts, [None, Some("note 3"), Some("note 1")]);
            assert_eq!((all[0].position, all[0].actor().kind), (last, ActorKind::Local));
            let page = of_contact(connection, workspace, ana, Some(last), 1).await.expect("rows");
            assert_eq!(page, all[1..2]);
            if tables.database == Database::Sqlite {
                let plan = Sql::new(
                    "select * from contact_notes v where v.workspace = '' and v.contact = '' order by v.position desc",
                );
                assert!(plan.plan(connection).await.contains("contact_notes_by_contact"));
            }
        }
    }
}
