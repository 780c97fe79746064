//! The tags as they are shown, with the number of contacts that carry each.

use std::collections::BTreeSet;

use aggregates::ids::{TagId, WorkspaceId};
use aggregates::{Event, Recorded, contact, tag};

use crate::near_miss::{label, named};
use crate::rows::Rows;
use crate::table::{Poison, Projection, table};

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
        if matches!(event.event, Event::Tag(tag::Event::TagRenamed { .. })) {
            keys.insert((event.workspace, TagId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let key = (event.workspace, TagId(event.stream_id));
        match &event.event {
            Event::Tag(tag::Event::TagCreated { name }) => rows.insert(Self {
                workspace: event.workspace,
                id: key.1,
                name: name.clone(),
                folded: label(name),
                contact_count: 0,
                created_at: event.recorded_at,
            }),
            Event::Tag(tag::Event::TagRenamed { name, .. }) => {
                let row = rows.get_mut(&key).ok_or(Poison("the tag did not begin"))?;
                (row.name, row.folded) = (name.clone(), label(name));
            }
            Event::Tag(tag::Event::TagDeleted { .. }) => rows.remove(key),
            _ => {}
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

named!(Tag, TagId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, person, rows};
    use crate::near_miss;

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
    async fn a_tag_is_found_under_its_last_name_until_it_is_deleted() {
        let (mut given, workspace, [vip, dang]) = tagging();
        let renamed = tag::Event::TagRenamed { name: "Gold".to_owned(), previous: "VIP".to_owned() };
        given.record(workspace, vip, renamed);
        given.record(workspace, dang, tag::Event::TagDeleted { name: "Đặng".to_owned() });
        // What came too late counts on nothing.
        let contact = given.contact(workspace, person("Bo", "", "", ""), None);
        given.tagged(workspace, contact, &[dang]);
        let names: Vec<String> = rows::<Tag>(&given).into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["Gold"]);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            assert!(by_name(connection, workspace, "VIP").await.expect("a row").is_none());
            let found = by_name(connection, workspace, "gold").await.expect("a row").expect("a tag");
            assert_eq!((found.id, found.contact_count), (vip, 1));
            let by_reference = near_miss::find::<Tag>(connection, workspace, &vip.to_string()).await.expect("a row");
            assert!(by_reference == Some(found));
        }
    }

    #[tokio::test]
    async fn tags_are_found_by_id_name_and_what_comes_close() {
        let (mut given, workspace, tags) = tagging();
        let elsewhere = given.workspace("Beta");
        given.tag(elsewhere, "VIP");
        for tables in folded(&given).await {
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
}
