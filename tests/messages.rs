//! The loop of an assistant: write, wait, read the answer; and what it may not do on the way.

use aggregates::token::{Permission, Scope};
use chatbotx::app::Caller;
use chatbotx::channels::webchat::OutgoingMessages;
use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{Program, call_as, says};

#[tokio::test]
async fn an_assistant_writes_waits_and_reads_the_answer() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "first", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let arguments = json!({"contactId": contact, "text": "Tea?", "buttons": [{"title": "Yes"}, {"title": "No"}], "idempotencyKey": "1"});
    let sent = program.done("send_message", arguments.clone()).await;
    assert_eq!((&sent["message"]["status"], &sent["channel"]["channel"]), (&json!("sent"), &json!("webchat")));
    let again = program.done("send_message", arguments).await;
    assert_eq!((&again["replayed"], &again["message"]["id"]), (&json!(true), &sent["message"]["id"]));
    assert_eq!(again["message"]["at"], sent["message"]["at"]);

    let waiting = program.call(
        "wait_for_events",
        json!({"after": sent["position"], "types": ["MessageReceived"], "contactId": contact, "timeoutMs": 20_000}),
    );
    let (heard, said) = tokio::join!(waiting, says(&visitor, "a", "Yes\u{200b}, please"));
    let heard = heard.expect("events");
    assert_eq!(heard["items"][0]["data"]["text"], "Yes\\u{200b}, please");
    assert_eq!(heard["nextAfter"], said.position);
    assert_eq!(heard["items"][0]["data"]["providerMessageId"], "a", "personal data stands in clear");

    let messages = program.done("list_contact_messages", json!({"contactId": contact})).await;
    let items = messages["items"].as_array().expect("items").iter();
    let shown: Vec<[&Value; 3]> = items.map(|item| [&item["direction"], &item["status"], &item["sender"]]).collect();
    let inbound = [&json!("inbound"), &json!("received"), &json!("contact")];
    assert_eq!(shown, [inbound, [&json!("outbound"), &json!("sent"), &json!("local")], inbound]);
    let talk = program.done("get_conversation", json!({"contactId": contact, "messages": 2})).await;
    assert_eq!((&talk["conversation"]["unread"], &talk["messages"][0]["text"]), (&json!(2), &json!("Tea?")));
    let read = program.done("mark_conversation_read", json!({"contactId": contact})).await;
    assert_eq!(read["conversation"]["unread"], 0);
    let unread = program.done("list_conversations", json!({"unread": true})).await;
    assert_eq!(unread["items"], json!([]));
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_refused_before_anything_is_written() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "first", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    program.done("create_contact", json!({"email": "bo@example.com"})).await;
    let before = program.head().await;
    for (arguments, code, field) in [
        (json!({"contactId": contact, "text": " \u{200b}"}), Code::InvalidInput, "text"),
        (json!({"contactId": contact, "text": "x".repeat(4_097)}), Code::InvalidInput, "text"),
        (
            json!({"contactId": contact, "text": "x", "buttons": [{"title": "a", "id": "1"}, {"title": "b", "id": "1"}]}),
            Code::InvalidInput,
            "buttons",
        ),
        (
            json!({"contactId": contact, "text": "x", "replyTo": "msg_01jzk00000000000000000000a"}),
            Code::NotFound,
            "replyTo",
        ),
        (json!({"contactId": "email:bo@example.com", "text": "x"}), Code::Conflict, "contactId"),
        (json!({"text": "x"}), Code::InvalidInput, "contactId"),
    ] {
        let problem = program.refused("send_message", arguments).await;
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)));
    }
    assert_eq!(program.head().await, before);
}

#[tokio::test]
async fn waiting_ends_at_its_time_with_the_place_to_go_on_from() {
    let program = Program::start().await;
    let head = program.head().await;
    let nothing = program.done("wait_for_events", json!({"timeoutMs": 0})).await;
    assert_eq!(nothing, json!({"items": [], "nextAfter": head, "timedOut": true}));
    let all = program.done("wait_for_events", json!({"after": 0, "limit": 1, "timeoutMs": 0})).await;
    assert_eq!((&all["nextAfter"], &all["items"][0]["type"]), (&json!(1), &json!("WorkspaceCreated")));
    let beyond = program.refused("wait_for_events", json!({"after": head + 1, "timeoutMs": 0})).await;
    assert_eq!(beyond.field.as_deref(), Some("after"));
    let typo = program.refused("wait_for_events", json!({"types": ["MessageRecieved"], "timeoutMs": 0})).await;
    assert_eq!(typo.candidates[0].id, "MessageReceived");
}

#[tokio::test]
async fn the_log_is_listed_both_ways_and_by_filter() {
    let program = Program::start().await;
    for number in 0..25 {
        program.done("create_tag", json!({"name": format!("tag {number}")})).await;
    }
    let head = program.head().await;
    let newest = program.done("list_events", json!({"limit": 10})).await;
    let next = program.done("list_events", json!({"limit": 10, "cursor": newest["nextCursor"]})).await;
    assert_eq!((&newest["items"][0]["position"], &next["items"][0]["position"]), (&json!(head), &json!(head - 10)));
    let oldest = program.done("list_events", json!({"after": 0, "types": ["TagCreated"], "limit": 2})).await;
    let names: Vec<&Value> =
        oldest["items"].as_array().expect("items").iter().map(|event| &event["data"]["name"]).collect();
    assert_eq!(names, ["tag 0", "tag 1"]);
    assert!(oldest["examined"].as_u64().is_some_and(|examined| examined < head));
    let nobody = program.done("list_events", json!({"actor": "channel"})).await;
    assert_eq!((&nobody["items"], &nobody["nextCursor"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn a_token_does_what_its_permission_and_scopes_allow() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "a", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let reader = Caller { permission: Permission::ReadOnly, ..program.caller.clone() };
    let refused =
        call_as(&program.app, &reader, "create_tag", json!({"name": "x"})).await.expect_err("must be refused");
    assert_eq!(refused.code, Code::Forbidden);
    let people = Caller { scopes: vec![Scope::ContactsRead], ..program.caller.clone() };
    let seen = call_as(&program.app, &people, "get_contact", json!({"contactId": contact})).await.expect("allowed");
    assert_eq!(seen["conversations"], Value::Null, "a preview is a message's text");
    let whole = program.done("get_contact", json!({"contactId": contact})).await;
    assert_eq!(whole["conversations"][0]["lastMessage"], "Hello");
    let workspace = call_as(&program.app, &people, "get_workspace", json!({})).await.expect("open to every token");
    assert_eq!(workspace["workspace"]["token"]["scopes"], json!(["contacts:read"]));
}

#[tokio::test]
async fn a_cursor_that_the_log_has_not_reached_loses_nothing() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "one", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    // As after a backup was restored: the visitor has seen more than the log knows.
    let mut outgoing = OutgoingMessages::after(visitor, 1_000_000);
    let sent = program.done("send_message", json!({"contactId": contact, "text": "Hi"})).await;
    let message = outgoing.next().await.expect("readable").expect("not the end");
    assert_eq!(json!(message.id), sent["message"]["id"]);
}

#[tokio::test]
async fn a_visitor_who_listens_before_writing_hears_the_first_answer() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    let mut outgoing = OutgoingMessages::after(visitor.clone(), 0);
    let listening = tokio::spawn(async move { outgoing.next().await.expect("readable").expect("not the end") });
    says(&visitor, "one", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let sent = program.done("send_message", json!({"contactId": contact, "text": "Hi"})).await;
    let message = listening.await.expect("no panic");
    assert_eq!(json!(message.id), sent["message"]["id"]);
}

#[tokio::test]
async fn waiting_ends_in_time_however_much_does_not_fit() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    let contact = program.done("create_contact", json!({"firstName": "Eva"})).await["contact"]["id"].clone();
    for number in 0..60 {
        says(&visitor, &format!("m{number}"), "again").await;
    }
    let head = program.head().await;
    let none = program
        .done(
            "wait_for_events",
            json!({"after": 0, "contactId": contact, "types": ["ContactTagsAdded"], "timeoutMs": 0}),
        )
        .await;
    assert_eq!((none["items"].clone(), none["nextAfter"].clone()), (json!([]), json!(head)));
    let eva = program.done("wait_for_events", json!({"after": 0, "contactId": contact, "timeoutMs": 0})).await;
    assert_eq!(eva["items"].as_array().map(Vec::len), Some(1), "{eva}");
    let listed = program.done("list_events", json!({"contactId": contact})).await;
    assert_eq!((listed["items"].as_array().map(Vec::len), listed["examined"].clone()), (Some(1), json!(1)));
}

#[tokio::test]
async fn messages_are_found_by_their_words_with_what_was_said_around() {
    let program = Program::start().await;
    let (ana, bo) = (program.visitor("Ana").await, program.visitor("Bo").await);
    for (visitor, id, text) in [
        (&ana, "1", "Hello"),
        (&ana, "2", "I want a REFUND for the Straße lamp"),
        (&bo, "3", "No refünd needed"),
        (&ana, "4", "Thanks"),
    ] {
        program.clock.turn(60_000_000);
        says(visitor, id, text).await;
    }
    let found = program.done("search_messages", json!({"query": "refund", "context": 1})).await;
    let items = found["items"].as_array().expect("items");
    assert_eq!(items.iter().map(|hit| &hit["name"]).collect::<Vec<_>>(), ["Bo", "Ana"], "the newest first");
    assert_eq!(items[1]["highlights"], json!([{"start": 9, "end": 15, "text": "REFUND"}]));
    assert_eq!((&items[1]["before"][0]["text"], &items[1]["after"][0]["text"]), (&json!("Hello"), &json!("Thanks")));
    let contact = format!("webchat:{}", ana.visitor.id());
    for (arguments, wanted) in [
        (json!({"query": "strasse refund"}), 1),
        (json!({"query": "refund", "contactId": contact}), 1),
        (json!({"query": "refund", "direction": "outbound"}), 0),
        (json!({"query": "refund", "channel": "webchat"}), 2),
        (json!({"query": "refund", "from": items[0]["at"]}), 1),
        (json!({"query": "refund", "to": items[0]["at"]}), 1),
        (json!({"query": "n", "from": "2026-01-01T00:00:00Z"}), 1),
    ] {
        let found = program.done("search_messages", arguments.clone()).await;
        assert_eq!(found["items"].as_array().map(Vec::len), Some(wanted), "{arguments}: {found}");
    }
    let first = program.done("search_messages", json!({"query": "refund", "limit": 1})).await;
    let cursor = &first["nextCursor"];
    let next = program.done("search_messages", json!({"query": "refund", "limit": 1, "cursor": cursor})).await;
    assert_eq!((&next["items"][0]["id"], &next["nextCursor"]), (&items[1]["id"], &Value::Null));
    for (arguments, field) in [
        (json!({"query": " \u{200b} "}), "query"),
        (json!({"query": "x", "from": "yesterday at noon"}), "from"),
        (json!({"query": "x", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), "to"),
        (json!({"query": "x", "context": 6}), "context"),
    ] {
        let problem = program.refused("search_messages", arguments).await;
        assert_eq!((problem.code, problem.field.as_deref()), (Code::InvalidInput, Some(field)));
    }
    let stranger = crate::fixture::neighbour(&program).await;
    let theirs = call_as(&program.app, &stranger, "search_messages", json!({"query": "refund"})).await;
    assert_eq!(theirs.expect("an answer")["items"], json!([]));
}
