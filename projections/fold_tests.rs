//! Pages are folded once, whole, and where the tables stand.

use super::*;
use crate::database::Database;
use crate::given::{Given, empty, empty_on, ends, folded, person};

#[tokio::test]
async fn a_page_goes_on_where_the_tables_stand() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    given.tag(workspace, "VIP");
    given.tag(workspace, "New");
    let dump = folded(&given).await[0].dump().await.expect("a dump");
    for tables in empty().await {
        let events = &given.events;
        tables.fold(&events[..2], &ends(&events[..2])).await.expect("a page");
        // Another process folded the first two already: they are passed over.
        tables.fold(events, &ends(events)).await.expect("a page");
        tables.fold(&events[..1], &ends(&events[..1])).await.expect("an old page");
        assert_eq!(tables.checkpoint(workspace).await.expect("a checkpoint"), ends(events)[0]);
        assert_eq!(tables.checkpoints().await.expect("checkpoints"), ends(events));
        assert_eq!(tables.dump().await.expect("a dump"), dump);
    }
}

#[tokio::test]
async fn gaps_and_false_ends_are_refused_and_leave_nothing_behind() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    given.tag(workspace, "VIP");
    given.tag(workspace, "New");
    for tables in empty().await {
        let events = &given.events;
        let gap = tables.fold(&events[1..], &ends(events)).await.expect_err("a gap");
        assert!(matches!(gap, FoldError::Gap { expected: 1, found: 2, .. }));
        assert_eq!((gap.workspace(), gap.position()), (Some(workspace), Some(1)));
        for (page, reached) in
            [(&events[..], &[][..]), (&events[..2], &ends(events)[..]), (&events[..], &ends(&events[..2])[..])]
        {
            assert!(matches!(tables.fold(page, reached).await, Err(FoldError::Gap { .. })));
        }
        assert_eq!(tables.checkpoint(workspace).await.expect("a checkpoint"), Checkpoint::zero(workspace));
        assert!(tables.dump().await.expect("a dump").iter().all(|(_, rows)| rows.is_empty()));
    }
}

#[tokio::test]
async fn tables_of_another_log_are_told() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    for tables in folded(&given).await {
        let other = Checkpoint { leaf_hash: [9; 32], ..ends(&given.events)[0] };
        let error = tables.fold(&given.events, &[other]).await.expect_err("another log");
        assert!(matches!(error, FoldError::OtherLog { position: 1, .. }) && error.workspace() == Some(workspace));
    }
}

#[tokio::test]
async fn a_poison_event_stops_its_workspace_only() {
    let mut given = Given::default();
    let (sound, broken) = (given.workspace("Acme"), given.workspace("Beta"));
    given.tag(sound, "VIP");
    given.record(broken, uuid::Uuid::nil(), aggregates::token::Event::TokenRevoked {});
    for tables in empty().await {
        let error = tables.fold(&given.events, &ends(&given.events)).await.expect_err("poison");
        assert!(matches!(error, FoldError::Poison { projection: "tokens", .. }), "{error}");
        assert_eq!((error.workspace(), error.position()), (Some(broken), Some(2)));
        let page: Vec<Arc<Recorded>> =
            given.events.iter().filter(|event| Some(event.workspace) != error.workspace()).cloned().collect();
        tables.fold(&page, &ends(&page)).await.expect("the rest of the page");
        let reached = |workspace| tables.checkpoint(workspace);
        assert_eq!(reached(sound).await.expect("a checkpoint").position, 2);
        assert_eq!(reached(broken).await.expect("a checkpoint").position, 0);
    }
}

#[tokio::test]
async fn a_reader_sees_one_moment() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let all = folded(&given).await;
    let contact = given.contact(workspace, person("Ana", "", "", ""), None);
    let later = given.events;
    for tables in all {
        let mut reader = tables.read().await.expect("a reader");
        assert_eq!(reader.position(workspace).await.expect("a position"), 1);
        tables.fold(&later, &ends(&later)).await.expect("a page");
        assert_eq!(reader.position(workspace).await.expect("a position"), 1);
        assert!(crate::contacts::get(reader.connection(), workspace, contact).await.expect("a row").is_none());
        drop(reader);
        let mut later = tables.read().await.expect("a reader");
        assert_eq!(later.position(workspace).await.expect("a position"), 2);
        assert!(crate::contacts::get(later.connection(), workspace, contact).await.expect("a row").is_some());
    }
}

#[tokio::test]
async fn rows_are_loaded_by_their_primary_key() {
    let tables = empty_on(Database::Sqlite).await;
    let mut reader = tables.read().await.expect("a reader");
    for table in ["contacts", "tags", "conversations", "messages"] {
        let sql = format!("select * from {table} v where (workspace, id) in (values ('a', 'b'), ('c', 'd'))");
        let plan = Sql::new(sql).plan(reader.connection()).await;
        assert!(plan.contains("SEARCH v USING") && plan.contains("workspace=? AND id=?"), "{plan}");
    }
}

#[tokio::test]
async fn a_text_with_the_character_that_postgres_has_not_is_stored_alike() {
    let mut given = Given::default();
    let workspace = given.workspace("Ac\0me");
    let account = given.account(workspace, "lo\0cal");
    let contact = given.contact(workspace, person("\0A\0na", "\0", "", ""), None);
    let conversation = given.conversation(workspace, contact, account);
    given.received(workspace, conversation, (contact, account), "Hel\0lo");
    let before = given.events.len();
    // Folds the name again, from the row.
    let update = aggregates::contact::Event::ContactUpdated {
        source: aggregates::contact::Source::Workspace,
        set: person("", "", "", "+491701234567"),
        cleared: BTreeSet::new(),
        released: aggregates::contact_attributes::Attributes::default(),
    };
    given.record(workspace, contact, update);
    let [first, second] = folded(&given).await;
    let dump = first.dump().await.expect("a dump");
    assert_eq!(dump, second.dump().await.expect("a dump"));
    for tables in empty().await {
        for page in [&given.events[..before], &given.events[before..]] {
            tables.fold(page, &ends(page)).await.expect("a page");
        }
        assert_eq!(tables.dump().await.expect("a dump"), dump);
        let mut reader = tables.read().await.expect("a reader");
        let row = crate::contacts::get(reader.connection(), workspace, contact).await.expect("a row");
        assert_eq!(row.and_then(|row| row.name).as_deref(), Some("Ana "));
        let found = crate::channel_accounts::by_name(reader.connection(), workspace, "\0local").await.expect("rows");
        assert_eq!(found.len(), 1);
        let phone = crate::contact_search::by_phone(reader.connection(), workspace, "+\0", 1).await.expect("rows");
        assert!(phone.is_empty());
    }
}

#[tokio::test]
async fn a_name_that_folds_into_more_than_an_index_takes_is_stored_and_found() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    // Squared words, each of which folds into up to six letters, in an order that does not repeat.
    let name = |step: u32| -> String {
        (0..255_u32).filter_map(|place| char::from_u32(0x3300 + (place * step + place * place) % 0x58)).collect()
    };
    given.contact(workspace, person(&name(7), &name(11), "", ""), None);
    let tag = given.tag(workspace, &name(13));
    for tables in folded(&given).await {
        let mut reader = tables.read().await.expect("a reader");
        let found = crate::tags::by_name(reader.connection(), workspace, &name(13)).await.expect("a row");
        assert_eq!(found.map(|row| row.id), Some(tag));
    }
}
