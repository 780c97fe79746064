//! What a bridge must remember, case by case.

use super::*;
use crate::problem::Code;

fn parsed(line: Option<String>) -> Value {
    serde_json::from_str(&line.expect("a line")).expect("JSON")
}

fn request(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

fn answer(id: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string()
}

#[test]
fn a_tool_call_keeps_its_request_id_when_it_is_repeated() {
    let mut session = Session::default();
    let first = parsed(session.take_from_client(request(1, "tools/call", &json!({"name": "a", "_meta": {"x": 1}}))));
    let second = parsed(session.take_from_client(request(2, "tools/call", &json!({"name": "a"}))));
    let id = |call: &Value| call["params"]["_meta"][REQUEST_ID].as_str().unwrap().parse::<Uuid>().unwrap();
    assert_ne!(id(&first), id(&second));
    assert_eq!(first["params"]["_meta"]["x"], 1);
    let repeated: Vec<Value> = session.unanswered().into_iter().map(|line| parsed(Some(line))).collect();
    assert_eq!(repeated, [first, second]);
}

#[test]
fn an_answer_passes_once() {
    let mut session = Session::default();
    session.take_from_client(request(1, "tools/list", &json!({})));
    assert!(session.take_from_backend(answer(&json!(1))).is_some());
    assert_eq!(session.take_from_backend(answer(&json!(1))), None);
    assert_eq!(session.unanswered(), Vec::<String>::new());
}

#[test]
fn a_cancelled_call_is_not_repeated() {
    let mut session = Session::default();
    session.take_from_client(request(1, "tools/call", &json!({"name": "a"})));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}).to_string();
    assert_eq!(session.take_from_client(cancel.clone()), Some(cancel));
    assert!(session.unanswered().is_empty());
}

#[test]
fn the_next_backend_hears_the_handshake_and_the_subscriptions_again() {
    let mut session = Session::default();
    session.take_from_client(request(0, "initialize", &json!({"protocolVersion": "2025-11-25"})));
    // Without an answer it is a request like any other.
    assert!(session.handshake().is_none());
    session.take_from_backend(answer(&json!(0)));
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    session.take_from_client(initialized.clone());
    for (id, uri) in [(1, "chatbotx://a"), (2, "chatbotx://b")] {
        session.take_from_client(request(id, "resources/subscribe", &json!({"uri": uri})));
        session.take_from_backend(answer(&json!(id)));
    }
    session.take_from_client(request(3, "resources/unsubscribe", &json!({"uri": "chatbotx://a"})));
    session.take_from_backend(answer(&json!(3)));

    let (line, id) = session.handshake().unwrap();
    assert_eq!(parsed(Some(line))["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(session.take_from_backend(answer(&serde_json::from_str(&id).unwrap())), None);
    let again = session.unanswered();
    assert_eq!(again.len(), 2);
    assert_eq!(again[0], initialized);
    let subscribe = parsed(Some(again[1].clone()));
    assert_eq!(subscribe["params"]["uri"], "chatbotx://b");
    assert_eq!(session.take_from_backend(answer(&subscribe["id"])), None);
}

#[test]
fn what_two_backends_ask_under_one_id_is_kept_apart() {
    let mut session = Session::default();
    let asked_first = parsed(session.take_from_backend(request(0, "roots/list", &json!({}))));
    session.unanswered();
    let asked_second = parsed(session.take_from_backend(request(0, "roots/list", &json!({}))));
    assert_ne!(asked_first["id"], asked_second["id"]);
    assert_eq!(session.take_from_client(answer(&asked_first["id"])), None, "its asker is gone");
    assert_eq!(parsed(session.take_from_client(answer(&asked_second["id"])))["id"], 0);
}

#[test]
fn listening_begins_once_for_the_client() {
    let mut session = Session::default();
    session.take_from_client(request(5, "subscriptions/listen", &json!({})));
    assert_eq!((session.in_flight(), session.ending()), (1, 0), "nobody waits for the end of listening");
    let acknowledged = json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {"_meta": {SUBSCRIPTION_ID: 5}},
    })
    .to_string();
    assert!(session.take_from_backend(acknowledged.clone()).is_some());
    assert_eq!(session.unanswered().len(), 1);
    assert_eq!(session.take_from_backend(acknowledged), None);
}

#[test]
fn the_client_is_told_what_may_have_changed_between_two_backends_once_the_next_one_follows_it() {
    let mut session = Session::default();
    let told = |session: &mut Session| {
        let lines = session.take_missed_updates().into_iter();
        lines.map(|line| parsed(Some(line))["params"].clone()).collect::<Vec<_>>()
    };
    session.take_from_client(request(1, "resources/subscribe", &json!({"uri": "chatbotx://a"})));
    session.take_from_backend(answer(&json!(1)));
    let filter = json!({"notifications": {"resourceSubscriptions": ["chatbotx://b", "chatbotx://hidden"]}});
    session.take_from_client(request(2, "subscriptions/listen", &filter));
    let accepted = json!({"_meta": {SUBSCRIPTION_ID: 2}, "notifications": {"resourceSubscriptions": ["chatbotx://b"]}});
    let acknowledged =
        json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": accepted}).to_string();
    session.take_from_backend(acknowledged.clone());
    let again = session.unanswered();
    assert_eq!(told(&mut session), Vec::<Value>::new(), "the next one has not said that it follows");
    session.take_from_backend(answer(&parsed(again.first().cloned())["id"]));
    assert_eq!(told(&mut session), [json!({"uri": "chatbotx://a"})]);
    session.take_from_backend(acknowledged);
    assert_eq!(told(&mut session), [json!({"uri": "chatbotx://b", "_meta": {SUBSCRIPTION_ID: 2}})]);
}

#[test]
fn a_call_that_ends_every_backend_is_given_up() {
    let mut session = Session::default();
    let problem = Problem::new(Code::Unavailable, "it ended");
    session.take_from_client(request(1, "tools/call", &json!({"name": "a"})));
    for _ in 0..MAX_TRIES {
        assert!(session.give_up_on_dangerous(&problem).is_empty());
        session.unanswered();
    }
    let refusals = session.give_up_on_dangerous(&problem);
    let refusal = parsed(refusals.first().cloned());
    assert_eq!(
        (refusals.len(), &refusal["id"], &refusal["error"]["data"]["code"]),
        (1, &json!(1), &json!("unavailable"))
    );
    assert_eq!(session.in_flight(), 0);
}
