//! The real product writes events of many kinds; then stock cqrs-es reads its log, and what it derives is what the product says.

mod product;

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore, SerializedEvent};
use cqrs_es::{Aggregate, EventStore};
use product::Product;
use serde_json::{Value, json};
use stock_cqrs_es::aggregates::{Contact, Conversation, Message, Tag};
use stock_cqrs_es::evidence::{Told, differences, disagreements, log};

/// Where the product says that its log can be read.
const TABLE: &str = "chatbotx_log.cqrs_events";
/// Words that stand nowhere else, so that they can be looked for.
const NAMES: [&str; 3] = ["Anatolia", "Borislava", "Chrysostom"];
const WORDS: &str = "Kaleidoscope";

/// Contacts, tags, a rename, a deletion, conversations with messages both ways: events of every kind that is compared.
async fn work(product: &Product) {
    let mut contacts = Vec::new();
    for name in NAMES {
        let made = product.call("create_contact", json!({ "firstName": name })).await;
        contacts.push(made["contact"]["id"].as_str().expect("an id").to_owned());
    }
    let tag = async |contact: &str, tags: Value| {
        product.call("add_contact_tags", json!({ "contactId": contact, "tags": tags })).await;
    };
    tag(&contacts[0], json!(["VIP", "newsletter", "short-lived"])).await;
    tag(&contacts[1], json!(["newsletter", "short-lived"])).await;
    tag(&contacts[2], json!(["VIP"])).await;
    product.call("remove_contact_tags", json!({ "contactId": contacts[0], "tags": ["newsletter"] })).await;
    product.call("update_tag", json!({ "tag": "VIP", "name": "Gold" })).await;
    product.call("delete_tag", json!({ "tag": "short-lived" })).await;
    product.call("block_contact", json!({ "contactId": contacts[2], "reason": WORDS })).await;
    product.call("block_contact", json!({ "contactId": contacts[1] })).await;
    product.call("unblock_contact", json!({ "contactId": contacts[1] })).await;

    product.chat("Delphinium", &format!("Hello {WORDS}\nAre you there?\n")).await;
    product.chat("Esmeralda", "One\nTwo\nThree\n").await;
    let conversations = product.all("list_conversations", json!({})).await;
    assert_eq!(conversations.len(), 2, "{conversations:?}");
    let of = |name: &str| {
        let found = conversations.iter().find(|one| one["name"] == name).expect("a conversation");
        (found["id"].as_str().expect("an id"), found["contactId"].as_str().expect("an id"))
    };
    let ((_, delphinium), (esmeralda_talks, esmeralda)) = (of("Delphinium"), of("Esmeralda"));
    product.call("send_message", json!({ "contactId": delphinium, "text": "Yes" })).await;
    product.call("send_message", json!({ "contactId": delphinium, "text": "What is it about?" })).await;
    product.call("send_message", json!({ "contactId": esmeralda, "text": "Four" })).await;
    product.call("mark_conversation_read", json!({ "conversationId": esmeralda_talks })).await;
    product.call("set_conversation_status", json!({ "conversationId": esmeralda_talks, "status": "closed" })).await;
    product.call("add_contact_tags", json!({ "contactId": esmeralda, "tags": ["Gold"] })).await;
}

/// What the product answers to the same questions.
async fn told(product: &Product) -> Told {
    let mut told = Told { events: product.events().await, ..Told::default() };
    told.personal = NAMES.iter().chain(&[WORDS, "Delphinium", "Esmeralda"]).map(|word| (*word).to_owned()).collect();
    for contact in product.all("list_contacts", json!({})).await {
        let id = contact["id"].as_str().expect("an id").to_owned();
        let contact = &product.call("get_contact", json!({ "contactId": id })).await["contact"];
        let tags = contact["tags"].as_array().into_iter().flatten().map(|tag| tag.as_str().expect("a name").to_owned());
        told.tags.insert(id.clone(), tags.collect());
        if contact["blocked"] == true {
            told.blocked.insert(id);
        }
    }
    for conversation in product.all("list_conversations", json!({})).await {
        let standing = (conversation["unread"].as_u64().expect("a number"), conversation["status"] == "closed");
        let id = conversation["id"].as_str().expect("an id").to_owned();
        // Each contact has one conversation here.
        let messages = product.all("list_contact_messages", json!({ "contactId": conversation["contactId"] })).await;
        told.messages.insert(id.clone(), messages.len() as u64);
        told.standing.insert(id, standing);
    }
    told
}

#[tokio::test]
async fn stock_tools_derive_from_the_log_what_the_product_says() {
    let product = Product::start().await;
    work(&product).await;
    let told = told(&product).await;
    assert_eq!((told.tags.len(), told.blocked.len(), told.messages.values().sum::<u64>()), (5, 1, 8), "{told:?}");
    let auditor = product.auditor().await;
    assert_eq!(differences(&auditor, TABLE, &told).await, Vec::<String>::new());

    // One stream of each type, in every way that the repository reads.
    let log = log(&auditor, TABLE);
    let contact = told.tags.keys().next().expect("a contact");
    assert_eq!(disagreements::<Contact>(&log, contact).await, Vec::<String>::new());
    let conversation = told.messages.keys().next().expect("a conversation");
    assert_eq!(disagreements::<Conversation>(&log, conversation).await, Vec::<String>::new());
    for id in ids::<Tag>(&log).await {
        assert_eq!(disagreements::<Tag>(&log, &id).await, Vec::<String>::new());
    }
    for id in ids::<Message>(&log).await {
        assert_eq!(disagreements::<Message>(&log, &id).await, Vec::<String>::new());
    }

    // The framework's own event store loads an aggregate, too.
    let store = PersistedEventStore::<_, Contact>::new_event_store(log);
    let loaded = store.load_aggregate(contact).await.expect("an aggregate");
    assert!(loaded.aggregate.first_name["$sealed"].is_string());
    product.stop().await;
}

/// The streams of a type.
async fn ids<A: Aggregate>(log: &impl PersistedEventRepository) -> BTreeSet<String> {
    let mut stream = log.stream_all_events::<A>().await.expect("a stream");
    let mut ids = BTreeSet::new();
    while let Some(event) = stream.next::<A>(&[]).await {
        ids.insert(event.expect("an event").aggregate_id);
    }
    ids
}

#[tokio::test]
async fn an_auditor_reads_this_and_nothing_else_and_changes_nothing() {
    let product = Product::start().await;
    product.call("create_contact", json!({ "firstName": NAMES[0] })).await;
    let auditor = product.auditor().await;
    for table in ["events", "subject_keys", "claims", "idempotency_keys", "log_properties"] {
        let refused = sqlx::query(&format!("select 1 from chatbotx_log.{table}")).fetch_all(&auditor).await;
        assert_eq!(code(refused.err()), "42501", "{table}");
    }
    let event = SerializedEvent::new(
        "contact_00000000000000000000000000".to_owned(),
        1,
        "contact".to_owned(),
        "ContactBlocked".to_owned(),
        "1".to_owned(),
        json!({ "type": "ContactBlocked" }),
        json!({}),
    );
    let before = product.events().await;
    assert!(log(&auditor, TABLE).persist::<Contact>(std::slice::from_ref(&event), None).await.is_err());
    // Nor does the owner of the tables, by this way.
    assert!(log(&product.owner().await, TABLE).persist::<Contact>(std::slice::from_ref(&event), None).await.is_err());
    assert_eq!(product.events().await, before);
    product.stop().await;
}

fn code(error: Option<sqlx::Error>) -> String {
    let error = error.expect("a refusal");
    error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned()
}

/// Each a view of the log in which something is not as it was.
const TAMPERED: [(&str, &str); 9] = [
    ("no removed tags", "select * from LOG where event_type <> 'ContactTagsRemoved'"),
    ("no renamed tags", "select * from LOG where event_type <> 'TagRenamed'"),
    ("no deleted tags", "select * from LOG where event_type <> 'TagDeleted'"),
    ("no messages that were sent", "select * from LOG where aggregate_type <> 'message'"),
    ("the last event is missing", "select * from LOG where (metadata->>'position')::bigint < (select max((metadata->>'position')::bigint) from LOG)"),
    ("everything twice", "select * from LOG union all select * from LOG where event_type = 'MessageReceived'"),
    ("counted from nought", "select aggregate_type, aggregate_id, sequence - 1 as sequence, event_type, event_version, payload, metadata from LOG"),
    (
        "a name in clear",
        "select aggregate_type, aggregate_id, sequence, event_type, event_version,
            replace(payload::text, '\"firstName\":{\"$sealed\":\"', '\"firstName\":{\"$sealed\":\"Anatolia ')::json as payload, metadata from LOG",
    ),
    (
        "a number among the metadata",
        "select aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
            replace(metadata::text, '\"position\" : \"1\"', '\"position\" : 1')::json as metadata from LOG",
    ),
];

#[tokio::test]
async fn a_log_that_was_tampered_with_is_told_from_the_real_one() {
    let product = Product::start().await;
    work(&product).await;
    let told = told(&product).await;
    let owner = product.owner().await;
    let mut found = BTreeMap::new();
    for (what, sql) in TAMPERED {
        let view = format!("create view tampered as {}", sql.replace("LOG", TABLE));
        sqlx::query("drop view if exists tampered").execute(&owner).await.expect("dropped");
        sqlx::query(&view).execute(&owner).await.unwrap_or_else(|error| panic!("{view}: {error}"));
        found.insert(what, differences(&owner, "tampered", &told).await);
    }
    let missed: Vec<_> = found.iter().filter(|(_, differences)| differences.is_empty()).collect();
    assert!(missed.is_empty(), "{missed:?}");
    for (what, differences) in found {
        println!("{what}: {:.300}", differences.join("; "));
    }
    product.stop().await;
}
