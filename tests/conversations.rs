//! How conversations stand: opened and closed, and who answers in them.

use aggregates::metadata::{Actor, ActorKind};
use chatbotx::app::Caller;
use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{Program, call_as, says};

/// The types of the events after `position`.
async fn events_after(program: &Program, position: u64) -> Vec<String> {
    let listed = program.done("list_events", json!({"after": position, "limit": 100})).await;
    let mut items = listed["items"].as_array().expect("events").clone();
    items.sort_by_key(|item| item["position"].as_u64());
    items.iter().map(|item| item["type"].as_str().expect("a type").to_owned()).collect()
}

async fn only_conversation(program: &Program, filter: Value) -> Value {
    program.done("list_conversations", filter).await["items"][0].clone()
}

#[tokio::test]
async fn a_closed_conversation_is_opened_by_the_next_message() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let contact = format!("webchat:{}", visitor.visitor.id());
    let close = json!({"contactId": contact, "status": "closed"});
    let closed = program.done("set_conversation_status", close.clone()).await;
    assert_eq!((&closed["conversation"]["status"], &closed["changed"]), (&json!("closed"), &json!(true)));
    assert_eq!(program.done("set_conversation_status", close.clone()).await["changed"], false);
    assert_eq!(only_conversation(&program, json!({"status": "closed"})).await["id"], closed["conversation"]["id"]);
    assert_eq!(only_conversation(&program, json!({"status": "open"})).await, Value::Null);

    let before = program.head().await;
    let said = says(&visitor, "2", "One more thing").await;
    assert_eq!(events_after(&program, before).await, ["ConversationReopened", "MessageReceived"]);
    assert_eq!(said.position, says(&visitor, "2", "One more thing").await.position, "a repeat has the same answer");
    assert_eq!(only_conversation(&program, json!({"status": "open"})).await["unread"], 2);

    program.done("set_conversation_status", close).await;
    let opened = program.done("set_conversation_status", json!({"contactId": contact, "status": "open"})).await;
    assert_eq!(opened["conversation"]["status"], "open");
}

#[tokio::test]
async fn exactly_one_answers_in_a_conversation() {
    let program = Program::start().await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let id = only_conversation(&program, json!({"owner": "none"})).await["id"].clone();
    let token = Caller {
        actor: Actor { kind: ActorKind::Token, id: "tok_01jzk00000000000000000000a".to_owned() },
        ..Caller::local(program.caller.workspace)
    };
    let taken = call_as(&program.app, &token, "take_over_conversation", json!({"conversationId": id})).await;
    let taken = taken.expect("taken over");
    assert_eq!(
        (&taken["conversation"]["owner"], &taken["conversation"]["ownerId"]),
        (&json!("ai"), &json!(token.actor.id))
    );
    let person = program.done("take_over_conversation", json!({"conversationId": id, "reason": "a complaint"})).await;
    assert_eq!(
        (&person["conversation"]["owner"], &person["conversation"]["ownerId"]),
        (&json!("human"), &json!("local"))
    );
    assert_eq!(only_conversation(&program, json!({"owner": "human"})).await["ownerId"], "local");
    let released = program.done("release_conversation", json!({"conversationId": id})).await;
    assert_eq!(
        (&released["conversation"]["owner"], &released["conversation"]["ownerId"]),
        (&json!("none"), &Value::Null)
    );
    assert_eq!(program.done("release_conversation", json!({"conversationId": id})).await["changed"], false);
    // The words of before.
    assert_eq!(only_conversation(&program, json!({"owner": "unassigned"})).await["owner"], "none");
    let as_person = json!({"conversationId": id, "as": "human"});
    let taken = call_as(&program.app, &token, "take_over_conversation", as_person).await.expect("taken over");
    assert_eq!(taken["conversation"]["owner"], "human");
}

#[tokio::test]
async fn a_conversation_that_is_not_there_cannot_be_taken_over() {
    let program = Program::start().await;
    program.done("create_contact", json!({"email": "bo@example.com"})).await;
    for (arguments, code, field) in [
        (json!({"conversationId": "conv_01jzk00000000000000000000a"}), Code::NotFound, "conversationId"),
        (json!({"contactId": "email:bo@example.com"}), Code::NotFound, "contactId"),
        (json!({}), Code::InvalidInput, "conversationId"),
    ] {
        let problem = program.refused("take_over_conversation", arguments).await;
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)));
    }
}
