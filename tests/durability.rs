//! Nothing is lost, nothing is doubled, nothing personal stands in clear, and the read tables follow from the log.

use std::sync::Arc;

use chatbotx::operations::CallOptions;
use chatbotx::problem::Code;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::database;
use crate::fixture::{Program, call_with, neighbour, same_tables, says};

/// A little of everything that the operations can do.
async fn busy(program: &Program) {
    program.done("create_custom_field", json!({"name": "Birthday", "type": "date"})).await;
    for number in 0..8 {
        let contact = program
            .done(
                "create_contact",
                json!({
                    "firstName": format!("Zoë{number}"), "email": format!("zoe{number}@example.com"),
                    "phone": format!("+4917012345{number:02}"), "tags": ["VIP", format!("group {}", number % 3)],
                }),
            )
            .await;
        let id = contact["contact"]["id"].clone();
        program
            .done("set_contact_custom_field", json!({"contactId": id, "field": "birthday", "value": "1990-05-17"}))
            .await;
        program.done("update_contact", json!({"contactId": id, "lastName": "Secretname", "clear": ["phone"]})).await;
        program.done("add_contact_note", json!({"contactId": id, "text": "Markernote"})).await;
        program.done("remove_contact_tags", json!({"contactId": id, "tags": ["VIP"]})).await;
    }
    let visitor = program.visitor("Ana Markername").await;
    for number in 0..5 {
        says(&visitor, &format!("m{number}"), &format!("Markertext {number}")).await;
        let sent = program
            .done(
                "send_message",
                json!({
                    "contactId": format!("webchat:{}", visitor.visitor.id()), "text": format!("Markeranswer {number}"),
                    "buttons": [{"id": "yes", "title": "Markerbutton"}],
                }),
            )
            .await;
        assert_eq!(sent["message"]["status"], "sent");
    }
    program.done("create_bot_field", json!({"name": "Orders", "type": "number", "value": 3})).await;
    program.done("create_tag", json!({"name": "short-lived"})).await;
    program.done("delete_tag", json!({"tag": "short-lived"})).await;
    let steps = json!({"ask": {"question": {"text": "Which one?", "saveTo": "run.answer"}}, "say": {"send": {"text": "{{ run.answer }}"}}});
    let document =
        json!({"formatVersion": 1, "name": "Asks", "start": [{"keyword": {"any": ["ask me"]}}], "steps": steps});
    let made = program.done("create_flow", json!({"document": document})).await;
    program.done("publish_flow", json!({"flowId": made["flow"]["id"]})).await;
    for (id, text) in [("ask", "ask me"), ("answer", "Markeranswer to a flow"), ("again", "ask me")] {
        says(&visitor, id, text).await;
        program.settle().await;
    }
    let list = program.done("list_conversations", json!({})).await;
    program.done("mark_conversation_read", json!({"conversationId": list["items"][0]["id"]})).await;
}

#[tokio::test]
async fn read_tables_built_anew_equal_those_kept_live() {
    let program = Program::start().await;
    busy(&program).await;
    let other = neighbour(&program).await;
    crate::fixture::call_as(&program.app, &other, "create_tag", json!({"name": "theirs"})).await.expect("created");
    let live = program.tables().await;
    assert!(live.iter().all(|(name, rows)| !rows.is_empty() || *name == "tokens"), "every table is tried");
    let events = program.app.rebuild_projections(&chatbotx::app::unheard()).await.expect("rebuilt");
    assert!(events > 50);
    same_tables(&program.tables().await, &live);
    // What follows is folded into the new tables, and they are there after a restart.
    program.done("create_tag", json!({"name": "late"})).await;
    let grown = program.tables().await;
    assert!(grown != live, "the last event changed nothing");
    same_tables(&program.restart().await.tables().await, &grown);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_the_tables_are_built_anew() {
    let program = Program::start().await;
    busy(&program).await;
    // More readers than there are connections: some wait for one at the moment of the swap.
    let readers = (0..16).map(|_| {
        let (app, caller) = (Arc::clone(&program.app), program.caller.clone());
        tokio::spawn(async move {
            for _ in 0..60 {
                crate::fixture::call_as(&app, &caller, "list_contacts", json!({"limit": 5})).await.expect("read");
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    while readers.iter().any(|reader| !reader.is_finished()) {
        program.app.rebuild_projections(&chatbotx::app::unheard()).await.expect("rebuilt");
    }
    for reader in join_all(readers).await {
        reader.expect("no read was refused");
    }
}

#[tokio::test]
async fn dropped_read_tables_come_back_by_themselves() {
    let program = Program::start().await;
    busy(&program).await;
    let live = program.tables().await;
    program.app.close().await;
    database::drop_read_tables(program.folder.path()).await;
    same_tables(&program.restart().await.tables().await, &live);
}

#[tokio::test]
async fn no_personal_text_stands_in_clear_in_the_log() {
    let program = Program::start().await;
    busy(&program).await;
    program.app.close().await;
    let mut seen_tag = false;
    for (name, bytes) in database::stored(program.folder.path()).await {
        let holds = |marker: &str| bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
        for marker in ["Marker", "Zoë", "Secretname", "zoe0@", "+49170", "1990-05-17", "visitor_"] {
            assert!(!holds(marker), "{marker} stands in {name}");
        }
        // The search itself works: what is not personal is found.
        seen_tag |= holds("group 1") && holds("ContactTagsAdded");
    }
    assert!(seen_tag);
}

#[tokio::test]
async fn the_log_verifies_after_everything_was_done() {
    let program = Program::start().await;
    busy(&program).await;
    let verification = program.app.verify(&chatbotx::app::unheard()).await.expect("readable");
    assert!(verification.ok, "{verification:?}");
    assert_eq!(verification.workspaces[0].size, program.head().await);
    let again = program.restart().await;
    let after = again.app.verify(&chatbotx::app::unheard()).await.expect("readable");
    assert_eq!(after, verification);
}

#[tokio::test]
async fn one_idempotency_key_has_one_effect_under_concurrency_and_after_a_restart() {
    let program = Program::start().await;
    let arguments = json!({"firstName": "Ana", "email": "ana@example.com", "idempotencyKey": "k1"});
    let answers = join_all((0..20).map(|_| program.done("create_contact", arguments.clone()))).await;
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer["contact"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    let first_hand = answers.iter().filter(|answer| answer.get("replayed").is_none()).count();
    assert_eq!(first_hand, 1);
    assert!(answers.iter().all(|answer| answer["changed"] == true && answer["position"] == answers[0]["position"]));
    let program = program.restart().await;
    let again = program.done("create_contact", arguments).await;
    assert_eq!(
        (again["replayed"].clone(), again["contact"]["id"].to_string()),
        (json!(true), ids.first().expect("one").clone())
    );
    let other_input = program.refused("create_contact", json!({"firstName": "Eva", "idempotencyKey": "k1"})).await;
    assert_eq!(other_input.code, Code::IdempotencyKeyReused);
    // After a day the key is free again, and the call is what it says.
    program.clock.turn(25 * 60 * 60 * 1_000_000);
    let late = program.refused("create_contact", json!({"email": "ana@example.com", "idempotencyKey": "k1"})).await;
    assert_eq!(late.code, Code::Conflict);
}

#[tokio::test]
async fn a_call_that_a_bridge_repeats_has_one_effect() {
    let program = Program::start().await;
    let options = CallOptions { request_id: Some("0198-a".to_owned()), ..CallOptions::default() };
    let Value::Object(arguments) = json!({"firstName": "Ana"}) else { unreachable!() };
    let repeat = || call_with(&program.app, &program.caller, "create_contact", arguments.clone(), options.clone());
    let first = repeat().await.expect("created");
    let second = repeat().await.expect("the same again");
    assert_eq!(first["contact"]["id"], second["contact"]["id"]);
    assert_eq!(program.done("list_contacts", json!({"withCount": true})).await["totalCount"], 1);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_leaves_the_key_free() {
    let program = Program::start().await;
    let before = program.head().await;
    let dry = program
        .done("create_contact", json!({"firstName": "Ana", "tags": ["new"], "dryRun": true, "idempotencyKey": "k"}))
        .await;
    assert_eq!((dry["dryRun"].clone(), dry["changed"].clone()), (json!(true), json!(true)));
    let types: Vec<&str> =
        dry["wouldAppend"].as_array().expect("events").iter().filter_map(|event| event["type"].as_str()).collect();
    assert!(
        types.contains(&"ContactCreated") && types.contains(&"TagCreated") && types.contains(&"ContactTagsAdded"),
        "{types:?}"
    );
    assert!(dry.get("position").is_none());
    assert_eq!(program.head().await, before);
    let done = program.done("create_contact", json!({"firstName": "Eva", "idempotencyKey": "k"})).await;
    assert!(done.get("replayed").is_none());
}

#[tokio::test]
async fn a_visitors_message_is_taken_in_once_however_often_it_comes() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    let received = join_all((0..20).map(|_| says(&visitor, "same", "Hello"))).await;
    assert!(received.iter().all(|answer| *answer == received[0]), "{received:?}");
    let program = program.restart().await;
    let visitor = chatbotx::channels::webchat::Session { app: Arc::clone(&program.app), ..visitor };
    assert_eq!(says(&visitor, "same", "Hello").await, received[0]);
    let contact = format!("webchat:{}", visitor.visitor.id());
    let messages = program.done("list_contact_messages", json!({"contactId": contact})).await;
    assert_eq!(messages["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn of_many_who_create_the_same_tag_one_does_and_all_use_it() {
    let program = Program::start().await;
    let mut contacts = Vec::new();
    for number in 0..12 {
        let created = program.done("create_contact", json!({"firstName": format!("C{number}")})).await;
        contacts.push(created["contact"]["id"].clone());
    }
    join_all(contacts.iter().map(|id| program.done("add_contact_tags", json!({"contactId": id, "tags": ["VIP"]}))))
        .await;
    let tags = program.done("list_tags", json!({})).await;
    assert_eq!(tags["items"].as_array().map(Vec::len), Some(1), "{tags}");
    assert_eq!(program.done("list_contacts", json!({"tags": ["vip"], "withCount": true})).await["totalCount"], 12);
}

#[tokio::test]
async fn a_long_conversation_is_loaded_from_its_snapshot() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    for number in 0..450 {
        says(&visitor, &format!("m{number}"), "again").await;
    }
    let program = program.restart().await;
    program.done("create_bot_field", json!({"name": "Orders", "type": "number", "value": 3})).await;
    program.done("create_tag", json!({"name": "short-lived"})).await;
    program.done("delete_tag", json!({"tag": "short-lived"})).await;
    let list = program.done("list_conversations", json!({})).await;
    assert_eq!(list["items"][0]["unread"], 450);
    let id = list["items"][0]["id"].clone();
    // Twice from the log: the second time from the snapshot that the first one kept.
    for unread in [450, 1] {
        let read = program.done("mark_conversation_read", json!({"conversationId": id})).await;
        assert_eq!(read["changed"], true);
        let event = program.done("list_events", json!({"types": ["ConversationRead"], "limit": 1})).await;
        assert_eq!(event["items"][0]["data"]["messages"], unread);
        let visitor = chatbotx::channels::webchat::Session { app: Arc::clone(&program.app), ..visitor.clone() };
        says(&visitor, &format!("after {unread}"), "again").await;
    }
}

#[tokio::test]
async fn the_log_shows_when_a_token_ends_and_nothing_that_would_open_with_it() {
    let program = Program::start().await;
    let new = chatbotx::app::NewToken {
        name: "audit".to_owned(),
        permission: aggregates::token::Permission::ReadOnly,
        scopes: Vec::new(),
        expires_at: Some(crate::fixture::NEW_YEAR + 1_000_000),
    };
    let token = program.app.create_token(program.caller.workspace, &new).await.expect("a token");
    let events = program.done("list_events", json!({"types": ["TokenCreated"]})).await;
    assert_eq!(events["items"][0]["data"]["expiresAt"], "2026-01-01T00:00:01.000Z");
    assert!(events["items"][0]["data"].get("digest").is_none() && !events.to_string().contains(&token.text));
    assert!(program.app.authenticate(&token.text).await.is_ok());
    program.clock.turn(2_000_000);
    assert!(program.app.authenticate(&token.text).await.is_err());
}

#[tokio::test]
async fn a_log_is_opened_under_its_own_master_key_only() {
    let program = Program::start().await;
    let folder = &program.folder;
    program.app.close().await;
    let key = folder.path().join("master.key");
    let own = std::fs::read(&key).expect("a key");
    let options = database::options(folder.path()).await;
    let refusal = async || chatbotx::app::App::open(&options).await.err().map(|problem| problem.message);
    std::fs::remove_file(&key).expect("removed");
    assert!(refusal().await.is_some_and(|message| message.contains("master.key")));
    assert!(!key.exists(), "no new key was made beside the old log");
    std::fs::write(&key, "7".repeat(64)).expect("written");
    assert!(refusal().await.is_some_and(|message| message.contains("another master key")));
    std::fs::write(&key, own).expect("written");
    assert_eq!(refusal().await, None);
}

#[tokio::test]
async fn what_tables_that_are_behind_do_not_show_is_not_called_missing() {
    let program = Program::start().await;
    program.done("create_contact", json!({"firstName": "Ana"})).await;
    program.tables().await;
    let held = database::hold_read_tables(program.folder.path()).await;
    let created = program.done("create_contact", json!({"firstName": "Bo"})).await;
    let id = created["contact"]["id"].clone();
    let problem = program.refused("get_contact", json!({"contactId": id})).await;
    assert_eq!(problem.code.name(), "unavailable", "{problem:?}");
    assert!(problem.retry_after_ms.is_some());
    assert_eq!(program.done("list_contacts", json!({})).await["stale"], true);
    drop(held);
    let found = async {
        while program.call("get_contact", json!({"contactId": id})).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), found).await.expect("it is there");
    let nobody = json!({"contactId": "contact_01jzzzzzzzzzzzzzzzzzzzzzzz"});
    assert_eq!(program.refused("get_contact", nobody).await.code.name(), "not_found");
}
