//! Which contact carries which tag, since when and by whom.

use std::collections::BTreeSet;

use aggregates::ids::{ContactId, TagId, WorkspaceId};
use aggregates::metadata::ActorKind;
use aggregates::{Event, Recorded, contact, tag};

use crate::cell::decode;
use crate::database::{Connection, Error};
use crate::listing::one_of;
use crate::rows::{Rows, Sweep};
use crate::sql::Sql;
use crate::table::{Actor, Poison, Projection, Table, table};

table! {
    /// A tag on a contact.
    pub struct ContactTag in "contact_tags" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// The contact.
            contact: ContactId,
            /// The tag.
            tag: TagId,
        }
        /// When it was added, in microseconds since the epoch.
        added_at: i64,
        /// The position at which it was added.
        position: u64,
        /// What kind of actor added it.
        actor_kind: ActorKind,
        /// Who added it.
        actor_id: String,
    }
}

impl ContactTag {
    /// Who added it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { kind: self.actor_kind, id: self.actor_id.clone() }
    }
}

impl Projection for ContactTag {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let (workspace, contact) = (event.workspace, ContactId(event.stream_id));
        match &event.event {
            Event::Contact(contact::Event::ContactTagsAdded { tags }) => {
                for tag in tags {
                    rows.insert(Self {
                        workspace,
                        contact,
                        tag: *tag,
                        added_at: event.recorded_at,
                        position: event.position,
                        actor_kind: event.metadata.actor.kind,
                        actor_id: event.metadata.actor.id.clone(),
                    });
                }
            }
            Event::Contact(contact::Event::ContactTagsRemoved { tags }) => {
                tags.iter().for_each(|tag| rows.remove((workspace, contact, *tag)));
            }
            Event::Tag(tag::Event::TagDeleted { .. }) => {
                let tag = TagId(event.stream_id);
                rows.remove_all(Sweep::of("workspace", &workspace).and("tag", &tag));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A tag on a contact, with the tag's name.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The tag on the contact.
    pub tag: ContactTag,
    /// The tag's name.
    pub name: String,
}

/// The tags of all of `contacts`, by contact and then by name.
///
/// # Errors
/// When the database fails.
pub async fn of_contacts(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contacts: &[ContactId],
) -> Result<Vec<Shown>, Error> {
    let select = format!(
        "select {}, t.name from contact_tags v \
         join tags t on t.workspace = v.workspace and t.id = v.tag where v.workspace = ",
        ContactTag::columns("v")
    );
    let sql = Sql::new(select).bind(&workspace).push(" and ").append(one_of("v.contact", contacts));
    let rows = sql.push(" order by v.contact, t.folded, t.id").raw(connection).await?;
    let shown = |row| Ok(Shown { tag: ContactTag::from_row(row)?, name: decode(row, ContactTag::COLUMNS.len())? });
    rows.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::given::{Given, empty, empty_on, ends, folded, person, rows};

    #[tokio::test]
    async fn the_tags_of_several_contacts_are_read_at_once() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let (vip, new) = (given.tag(workspace, "VIP"), given.tag(workspace, "New"));
        let ana = given.contact(workspace, person("Ana", "", "", ""), None);
        let bo = given.contact(workspace, person("Bo", "", "", ""), None);
        given.tagged(workspace, ana, &[vip, new]);
        given.tagged(workspace, bo, &[vip]);
        given.record(workspace, bo, contact::Event::ContactTagsRemoved { tags: [vip].into() });
        assert_eq!(rows::<ContactTag>(&given).len(), 2);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let shown = of_contacts(reader.connection(), workspace, &[ana, bo]).await.expect("rows");
            let names: Vec<(ContactId, &str)> =
                shown.iter().map(|shown| (shown.tag.contact, shown.name.as_str())).collect();
            assert_eq!(names, [(ana, "New"), (ana, "VIP")]);
            assert_eq!(shown[0].tag.actor().kind, ActorKind::Local);
        }
    }

    #[tokio::test]
    async fn a_deleted_tag_leaves_every_contact_of_its_workspace_loaded_or_not() {
        let mut given = Given::default();
        let (workspace, elsewhere) = (given.workspace("Acme"), given.workspace("Beta"));
        let (vip, new) = (given.tag(workspace, "VIP"), given.tag(workspace, "New"));
        let contacts: Vec<ContactId> =
            (0..3).map(|_| given.contact(workspace, person("Ana", "", "", ""), None)).collect();
        contacts.iter().for_each(|contact| given.tagged(workspace, *contact, &[vip, new]));
        // The same id in another workspace is another tag.
        given.tagged(elsewhere, contacts[0], &[vip]);
        let before = given.events.len();
        given.tagged(workspace, contacts[1], &[vip]);
        given.record(workspace, vip, tag::Event::TagDeleted { name: "VIP".to_owned() });
        let left: Vec<(WorkspaceId, TagId)> =
            rows::<ContactTag>(&given).into_iter().map(|row| (row.workspace, row.tag)).collect();
        assert_eq!(left, [(workspace, new), (workspace, new), (workspace, new), (elsewhere, vip)]);
        // In the database: rows of an earlier page, rows of this page, and one that came after.
        given.tagged(workspace, contacts[2], &[vip]);
        let dump = folded(&given).await[0].dump().await.expect("a dump");
        for tables in empty().await {
            for page in [&given.events[..before], &given.events[before..]] {
                tables.fold(page, &ends(page)).await.expect("a page");
            }
            let stored = tables.dump().await.expect("a dump");
            assert_eq!(stored, dump);
            let (_, stored) = stored.iter().find(|(name, _)| *name == "contact_tags").expect("a table");
            assert_eq!((stored.len(), rows::<ContactTag>(&given).len()), (5, 5));
        }
    }

    #[tokio::test]
    async fn the_rows_of_a_tag_and_of_a_field_are_found_by_an_index() {
        let tables = empty_on(Database::Sqlite).await;
        let mut reader = tables.read().await.expect("a reader");
        for (table, column) in [("contact_tags", "tag"), ("contact_fields", "field")] {
            let sql = format!("select 1 from {table} where true and workspace = '' and {column} = ''");
            let plan = Sql::new(sql).plan(reader.connection()).await;
            assert!(plan.contains("SEARCH") && plan.contains(&format!("{column}=?")), "{plan}");
        }
    }
}
