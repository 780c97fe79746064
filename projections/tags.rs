//! The tags as they are shown, with the number of contacts that carry each.

use std::collections::BTreeSet;

use aggregates::folding::fold;
use aggregates::ids::{TagId, WorkspaceId};
use aggregates::{Event, Recorded, contact, tag};

use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::listing::{Listed, Page, one_of};
use crate::near_miss::{self, Named, Near};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

table! {
    /// A tag.
    pub struct Tag in "tags" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: TagId,
        }
        /// Its name.
        name: String,
        /// Its name, folded.
        folded: String,
        /// How many contacts carry it.
        contact_count: i64,
        /// When it began, in microseconds since the epoch.
        created_at: i64,
    }
}

fn change(event: &Recorded) -> Option<(&BTreeSet<TagId>, i64)> {
    match &event.event {
        Event::Contact(contact::Event::ContactTagsAdded { tags }) => Some((tags, 1)),
        Event::Contact(contact::Event::ContactTagsRemoved { tags }) => Some((tags, -1)),
        _ => None,
    }
}

impl Projection for Tag {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        let tags = change(event).map(|(tags, _)| tags);
        keys.extend(tags.into_iter().flatten().map(|tag| (event.workspace, *tag)));
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        if let Event::Tag(tag::Event::TagCreated { name }) = &event.event {
            rows.insert(Self {
                workspace: event.workspace,
                id: TagId(event.stream_id),
                name: name.clone(),
                folded: fold(name),
                contact_count: 0,
                created_at: event.recorded_at,
            });
        }
        let (tags, by) = change(event).map_or((None, 0), |(tags, by)| (Some(tags), by));
        for tag in tags.into_iter().flatten() {
            // Another stream's event: it may name a tag that nobody has made, and then there is nothing to count on.
            if let Some(row) = rows.get_mut(&(event.workspace, *tag)) {
                row.contact_count += by;
            }
        }
        Ok(())
    }
}

impl Listed for Tag {
    fn place(&self, _: Order) -> (Key, String) {
        near_miss::place(self)
    }
}

impl Named for Tag {
    fn id_text(&self) -> String {
        self.id.to_string()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn folded(&self) -> &str {
        &self.folded
    }
}

/// A page by name ([`Order::Label`]).
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut Connection,
    workspace: WorkspaceId,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<Tag>, Error> {
    near_miss::list(connection, workspace, Vec::new(), after, limit).await
}

/// Those of `ids` that exist, by id.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(connection: &mut Connection, workspace: WorkspaceId, ids: &[TagId]) -> Result<Vec<Tag>, Error> {
    let sql = Sql::new(format!("select {} from tags v where v.workspace = ", Tag::columns("v"))).bind(&workspace);
    sql.push(" and ").append(one_of("v.id", ids)).push(" order by v.id").rows(connection).await
}

/// The tag of that name, without regard to case and marks.
///
/// # Errors
/// When the database fails.
pub async fn by_name(connection: &mut Connection, workspace: WorkspaceId, name: &str) -> Result<Option<Tag>, Error> {
    Ok(near_miss::by_name(connection, workspace, name).await?.into_iter().next())
}

/// Up to 5 tags whose names come close to `name`, the closest first.
///
/// # Errors
/// When the database fails.
pub async fn near(connection: &mut Connection, workspace: WorkspaceId, name: &str) -> Result<Vec<Near>, Error> {
    near_miss::near::<Tag>(connection, workspace, name).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, person, rows};

    fn tagging() -> (Given, WorkspaceId, [TagId; 2]) {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let tags = [given.tag(workspace, "VIP"), given.tag(workspace, "Đặng")];
        let contact = given.contact(workspace, person("Ana", "", "", ""), None);
        given.tagged(workspace, contact, &tags);
        let removed = contact::Event::ContactTagsRemoved { tags: [tags[1]].into() };
        given.record(workspace, contact, removed);
        (given, workspace, tags)
    }

    #[test]
    fn a_tag_counts_the_contacts_that_carry_it() {
        let (mut given, workspace, tags) = tagging();
        let stranger = TagId(uuid::Uuid::from_u128(7));
        let contact = given.contact(workspace, person("Bo", "", "", ""), None);
        given.tagged(workspace, contact, &[tags[0], stranger]);
        let counts: Vec<(String, i64)> =
            rows::<Tag>(&given).into_iter().map(|row| (row.name, row.contact_count)).collect();
        assert_eq!(counts, [("VIP".to_owned(), 2), ("Đặng".to_owned(), 0)]);
    }

    #[tokio::test]
    async fn tags_are_found_by_id_name_and_what_comes_close() {
        let (mut given, workspace, tags) = tagging();
        let elsewhere = given.workspace("Beta");
        given.tag(elsewhere, "VIP");
        let tables = folded(&given).await;
        let mut reader = tables.read().await.expect("a reader");
        let connection = reader.connection();
        let first = list(connection, workspace, None, 1).await.expect("a page");
        assert_eq!(first.items[0].id, tags[1], "dang stands before vip");
        let second = list(connection, workspace, first.next.as_ref(), 1).await.expect("a page");
        assert_eq!((second.items[0].id, second.next), (tags[0], None));
        assert_eq!(by_ids(connection, workspace, &tags).await.expect("rows").len(), 2);
        assert!(by_ids(connection, elsewhere, &tags).await.expect("rows").is_empty());
        assert!(by_ids(connection, workspace, &[]).await.expect("rows").is_empty());
        let named = by_name(connection, workspace, "DANG").await.expect("a row").expect("a tag");
        assert_eq!((named.id, named.contact_count), (tags[1], 0));
        assert!(by_name(connection, workspace, "gone").await.expect("a row").is_none());
        let close = near(connection, workspace, "v.i.p.").await.expect("candidates");
        assert_eq!((close.len(), close[0].name.as_deref()), (1, Some("VIP")));
    }
}
