//! PostgreSQL finds pages and texts through indexes, and sorts nothing that an index has in order: seen on some thousands of rows.

use aggregates::ids::{ContactId, TagId, WorkspaceId};

use crate::contact_search::{Filter, tagged_contact_ids};
use crate::contacts::Contact;
use crate::conversations::{self, Conversation};
use crate::cursor::Order;
use crate::database::{Connection, Database};
use crate::given::{Folded, Given, empty_on, ends, person};
use crate::listing::Listing;
use crate::message_search;
use crate::messages::Message;
use crate::sql::Sql;
use crate::table::Table;
use crate::words::Words;

const CONTACTS: usize = 3_000;
const FIRST: [&str; 7] = ["Ana", "José", "Hoa", "Bo", "Tariq", "Ingrid", "Wei"];

/// Contacts of whom each tenth carries one tag, each second another, and who have written once, in two workspaces.
async fn crowd() -> (Folded, WorkspaceId, [TagId; 2], ContactId) {
    let mut given = Given::default();
    let workspaces = [given.workspace("Acme"), given.workspace("Beta")];
    let mut known = Vec::new();
    for workspace in workspaces {
        let account = given.account(workspace, "local");
        let tags = [given.tag(workspace, "VIP"), given.tag(workspace, "Common")];
        let mut contact = ContactId(uuid::Uuid::nil());
        for number in 0..CONTACTS {
            let last = format!("Name{:05}", number * 7_919 % 100_000);
            let mail = format!("{number}@example{}.com", number % 50);
            contact = given.contact(workspace, person(FIRST[number % 7], &last, &mail, ""), None);
            let carried = if number % 10 == 0 { &tags[..1] } else { &tags[1..] };
            if number % 10 == 0 || number % 2 == 1 {
                given.tagged(workspace, contact, carried);
            }
            let conversation = given.conversation(workspace, contact, account);
            let text = format!("Where is my order {:05}, please?", number * 104_729 % 100_000);
            given.received(workspace, conversation, (contact, account), &text);
        }
        known.push((tags, contact));
    }
    let tables = empty_on(Database::Postgres).await;
    tables.fold(&given.events, &ends(&given.events)).await.expect("a page");
    // As autovacuum does in time: it also takes what was inserted last into the indexes of trigrams.
    tables.server().execute("vacuum analyze").await;
    (tables, workspaces[0], known[0].0, known[0].1)
}

/// The plans of a list: by walking in order, and by each of the ways to few rows. A walk of 500 rows, as among many more.
async fn plans<T: Table>(connection: &mut Connection, listing: Listing<'_>) -> Vec<String> {
    Listing { bound: 500, ..listing }.plans::<T>(connection).await
}

fn uses(plan: &str, index: &str) -> bool {
    [" using ", " on "].iter().any(|word| plan.contains(&format!("{word}{index} ")))
}

#[tokio::test]
async fn lists_and_searches_are_served_by_indexes() {
    let (tables, workspace, [tag, common], contact) = crowd().await;
    let mut reader = tables.read().await.expect("a reader");
    let connection = reader.connection();
    for (order, index) in [
        (Order::LastActivity, "contacts_by_activity"),
        (Order::Created, "contacts_by_creation"),
        (Order::Name, "contacts_by_name"),
    ] {
        let filter = Filter { query: Some("name00042".to_owned()), ..Filter::default() };
        let [walk, text] = &plans::<Contact>(connection, filter.listing(workspace, order, None, 20)).await[..] else {
            panic!("two ways")
        };
        assert!(uses(walk, index) && !walk.contains("Sort"), "{walk}");
        assert!(uses(text, "contacts_by_text") && !text.contains("Seq Scan"), "{text}");
        let filter = Filter { tags: vec![tag], ..Filter::default() };
        let [walk, tagged] = &plans::<Contact>(connection, filter.listing(workspace, order, None, 20)).await[..] else {
            panic!("two ways")
        };
        assert!(uses(walk, index) && !walk.contains("Sort"), "{walk}");
        assert!(uses(tagged, "contact_tags_by_tag") && uses(tagged, "contacts_pkey"), "{tagged}");
        let filter = Filter { tags: vec![common, tag], ..Filter::default() };
        // A page of two would be met soon on a walk, were they spread evenly.
        let both = &filter.listing(workspace, order, None, 1).plans::<Contact>(connection).await[1];
        assert!(uses(both, "contacts_pkey") && !uses(both, index), "candidates are fetched, not met on a walk: {both}");
    }
    let found = message_search::Filter { words: Words::of("order 00042"), ..message_search::Filter::default() };
    let found = message_search::Filter { contact: Some(contact), ..found };
    let [walk, words, with] = &plans::<Message>(connection, found.listing(workspace, None, 20)).await[..] else {
        panic!("three ways")
    };
    assert!(uses(walk, "messages_by_time") && !walk.contains("Sort"), "{walk}");
    assert!(uses(words, "messages_by_text") && !words.contains("Seq Scan"), "{words}");
    assert!(uses(with, "messages_by_contact") && !with.contains("Seq Scan"), "{with}");
    let query = Some("name00042".to_owned());
    let filter = conversations::Filter { query, ..conversations::Filter::default() };
    let [walk, text] = &plans::<Conversation>(connection, filter.listing(workspace, None, 20)).await[..] else {
        panic!("two ways")
    };
    assert!(uses(walk, "conversations_by_update") && !walk.contains("Sort"), "{walk}");
    assert!(uses(text, "contacts_by_text") && uses(text, "conversations_by_contact"), "{text}");
    assert!(!text.contains("Seq Scan"), "{text}");
}

#[tokio::test]
async fn a_walk_holds_its_rows_against_filters_one_by_one() {
    let (tables, workspace, [tag, _], _) = crowd().await;
    let mut reader = tables.read().await.expect("a reader");
    let connection = reader.connection();
    let filter = Filter { tags: vec![tag], ..Filter::default() };
    let people = filter.listing(workspace, Order::LastActivity, None, 20).plans::<Contact>(connection).await;
    let filter = conversations::Filter { tags: vec![tag], ..conversations::Filter::default() };
    let talks = filter.listing(workspace, None, 20).plans::<Conversation>(connection).await;
    for walk in [&people[0], &talks[0]] {
        // Else all who carry the tag are read for a page of twenty.
        assert!(walk.contains("SubPlan") && !walk.contains("hashed"), "{walk}");
        assert!(uses(walk, "contact_tags_by_tag") || uses(walk, "contact_tags_pkey"), "{walk}");
    }
}

#[tokio::test]
async fn what_fits_often_is_counted_by_an_index_too() {
    let (tables, workspace, [tag, _], _) = crowd().await;
    let mut reader = tables.read().await.expect("a reader");
    let tagged = tagged_contact_ids(workspace, tag);
    let plan = Sql::new("select count(*) from (").append(tagged).push(" limit 3) k").plan(reader.connection()).await;
    assert!(uses(&plan, "contact_tags_by_tag") || uses(&plan, "contact_tags_pkey"), "{plan}");
}

#[tokio::test]
async fn rows_are_loaded_by_their_primary_key() {
    let (tables, ..) = crowd().await;
    let mut reader = tables.read().await.expect("a reader");
    for table in ["contacts", "conversations", "messages"] {
        let keys = "select v.* from unnest(array['a', 'b']::text[], array['c', 'd']::text[]) k (workspace, id)";
        let plan = Sql::new(format!("{keys} join {table} v using (workspace, id)")).plan(reader.connection()).await;
        assert!(uses(&plan, &format!("{table}_pkey")), "{plan}");
    }
}
