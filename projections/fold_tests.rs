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
