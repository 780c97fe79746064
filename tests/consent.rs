//! Who may be written to: consent, blocks, and who has the conversation. And what is written down about a person.

use aggregates::metadata::{Actor, ActorKind};
use chatbotx::app::Caller;
use chatbotx::channels::webchat::{InboundText, receive};
use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{Program, call_as, same_tables, says};

async fn events_after(program: &Program, position: u64) -> Vec<Value> {
    let listed = program.done("list_events", json!({"after": position, "limit": 100})).await;
    let mut items = listed["items"].as_array().expect("events").clone();
    items.sort_by_key(|item| item["position"].as_u64());
    items
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn a_contact_who_writes_stop_is_written_to_no_more_until_start() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let send = json!({"contactId": contact, "text": "Our offer"});
    program.done("send_message", send.clone()).await;

    let before = program.head().await;
    let stopped = says(&visitor, "2", "¡BAJA!").await;
    let events = events_after(&program, before).await;
    assert_eq!(types(&events), ["ContactConsentSet", "MessageReceived"]);
    let data = json!({"consent": "opted_out", "channel": "webchat", "source": "customer"});
    assert_eq!((&events[0]["data"], &events[0]["actor"]["kind"]), (&data, &json!("channel")));
    assert_eq!(says(&visitor, "2", "¡BAJA!").await.position, stopped.position, "a repeat has the same answer");
    says(&visitor, "3", "stop").await;
    let shown = program.done("get_contact", json!({"contactId": contact})).await;
    assert_eq!(shown["contact"]["consent"], json!({"webchat": "opted_out"}));

    let refused = program.refused("send_message", send.clone()).await;
    assert_eq!((refused.code, refused.field.as_deref()), (Code::OptedOut, Some("contactId")));
    assert!(refused.hint.expect("a way out").contains("START"));
    let opt_in = json!({"contactId": contact, "consent": "opted_in"});
    let unproven = program.refused("set_contact_consent", opt_in).await;
    assert_eq!((unproven.code, unproven.field.as_deref()), (Code::OptedOut, Some("evidence")));

    says(&visitor, "4", "Alta").await;
    program.done("send_message", send.clone()).await;
    let before = program.head().await;
    says(&visitor, "5", "start").await;
    assert_eq!(types(&events_after(&program, before).await), ["MessageReceived"], "there is no stop to take back");

    program.done("set_contact_consent", json!({"contactId": contact, "consent": "opted_out"})).await;
    assert_eq!(program.refused("send_message", send.clone()).await.code, Code::OptedOut);
    let form =
        json!({"contactId": contact, "consent": "opted_in", "channel": "webchat", "evidence": "call of 2026-01-01"});
    let opted_in = program.done("set_contact_consent", form).await;
    assert_eq!(opted_in["contact"]["consent"], json!({"all": "opted_out", "webchat": "opted_in"}));
    program.done("send_message", send).await;
}

#[tokio::test]
async fn a_visitors_first_word_may_be_stop_and_a_button_is_none() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    program
        .done("send_message", json!({"contactId": contact, "text": "The film?", "buttons": [{"title": "Stop"}]}))
        .await;
    let pressed =
        InboundText { client_message_id: "2".to_owned(), text: None, button_id: Some("1".to_owned()), reply_to: None };
    receive(&visitor, &pressed).await.expect("taken in");
    program.done("send_message", json!({"contactId": contact, "text": "Stopped."})).await;

    let other = program.visitor("Bo").await;
    says(&other, "1", "Dừng lại").await;
    let contact = format!("webchat:{}", other.visitor.id());
    let refused = program.refused("send_message", json!({"contactId": contact, "text": "Hello"})).await;
    assert_eq!(refused.code, Code::OptedOut);
}

#[tokio::test]
async fn a_blocked_contact_is_heard_but_not_written_to() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let send = json!({"contactId": contact, "text": "Hello"});
    let blocked = program.done("block_contact", json!({"contactId": contact, "reason": "sends spam"})).await;
    assert_eq!((&blocked["contact"]["blocked"], &blocked["changed"]), (&json!(true), &json!(true)));
    assert_eq!(program.done("block_contact", json!({"contactId": contact})).await["changed"], false);
    let head = program.head().await;
    let refused = program.refused("send_message", send.clone()).await;
    assert_eq!((refused.code, program.head().await), (Code::Forbidden, head));
    assert!(refused.hint.expect("a way out").contains("unblock_contact"));
    says(&visitor, "2", "Are you there?").await;
    let talk = program.done("get_conversation", json!({"contactId": contact})).await;
    assert_eq!(talk["messages"].as_array().expect("messages").len(), 2);
    let shown = program.done("get_contact", json!({"contactId": contact})).await;
    assert_eq!(shown["contact"]["blocked"], true);
    let unblocked = program.done("unblock_contact", json!({"contactId": contact})).await;
    assert_eq!(unblocked["contact"]["blocked"], Value::Null);
    program.done("send_message", send).await;
}

#[tokio::test]
async fn a_token_leaves_a_conversation_to_the_person_who_took_it_over() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let actor = Actor { kind: ActorKind::Token, id: "tok_01jzk00000000000000000000a".to_owned() };
    let token = Caller { actor, ..Caller::local(program.caller.workspace) };
    let send = json!({"contactId": contact, "text": "Hello"});
    program.done("take_over_conversation", json!({"contactId": contact})).await;
    let refused = call_as(&program.app, &token, "send_message", send.clone()).await.expect_err("must be refused");
    assert_eq!((refused.code, refused.field.as_deref()), (Code::Conflict, Some("conversationId")));
    program.done("send_message", send.clone()).await;
    program.done("release_conversation", json!({"contactId": contact})).await;
    call_as(&program.app, &token, "send_message", send.clone()).await.expect("sent");
    let as_person = json!({"contactId": contact, "as": "human"});
    call_as(&program.app, &token, "take_over_conversation", as_person).await.expect("taken over");
    call_as(&program.app, &token, "send_message", send).await.expect("sent by the program that the person uses");
}

#[tokio::test]
async fn notes_are_kept_with_who_wrote_them_and_when() {
    let program = Program::start().await;
    let ana = program.done("create_contact", json!({"firstName": "Ana"})).await["contact"]["id"].clone();
    for number in 1..=3 {
        let added = program.done("add_contact_note", json!({"contactId": ana, "text": format!("note {number}")})).await;
        assert_eq!(added["note"]["contactId"], ana);
    }
    for text in ["\u{200b}".to_owned(), "x".repeat(1_001)] {
        let problem = program.refused("add_contact_note", json!({"contactId": ana, "text": text})).await;
        assert_eq!((problem.code, problem.field.as_deref()), (Code::InvalidInput, Some("text")));
    }
    let first = program.done("list_contact_notes", json!({"contactId": ana, "limit": 2})).await;
    let texts = |page: &Value| -> Vec<Value> {
        page["items"].as_array().expect("items").iter().map(|note| note["text"].clone()).collect()
    };
    assert_eq!(texts(&first), ["note 3", "note 2"]);
    assert_eq!(
        (&first["items"][0]["by"], &first["items"][0]["at"]),
        (&json!("local"), &json!("2026-01-01T00:00:00.000Z"))
    );
    let rest =
        program.done("list_contact_notes", json!({"contactId": ana, "limit": 2, "cursor": first["nextCursor"]})).await;
    assert_eq!((texts(&rest), &rest["nextCursor"]), (vec![json!("note 1")], &Value::Null));
    let shown = program.done("get_contact", json!({"contactId": ana, "detail": "full"})).await;
    assert_eq!(shown["notes"][0]["text"], "note 3");
    assert_eq!(program.done("get_contact", json!({"contactId": ana})).await["notes"], Value::Null);
    let before = program.tables().await;
    program.app.rebuild_projections(&chatbotx::app::unheard()).await.expect("rebuilt");
    same_tables(&before, &program.tables().await);
}
