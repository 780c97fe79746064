//! Flows that are tried: what they would say and do, without anybody noticing.

use serde_json::{Value, json};

use crate::fixture::{Program, says};
use crate::flow_runs::{flow, publish, reference};
use crate::flows::WELCOME;

fn texts(simulated: &Value, kind: &str) -> Vec<String> {
    let moments = simulated["transcript"].as_array().expect("a transcript").iter();
    let of_kind = moments.filter(|moment| moment["kind"] == kind);
    of_kind.map(|moment| moment["what"].as_str().expect("words").to_owned()).collect()
}

#[tokio::test]
async fn a_flow_is_tried_with_a_made_up_contact_and_nothing_happens() {
    let program = Program::start().await;
    program.done("create_custom_field", json!({"name": "Cake", "type": "text"})).await;
    program.done("create_flow", json!({ "yaml": WELCOME })).await;
    let before = program.head().await;
    let contact = json!({"firstName": "Ana", "tags": ["VIP", "new here"], "customFields": {"cake": "none yet"}});
    let tried = json!({"flowId": "Welcome", "contact": contact, "replies": ["Bienenstich"]});
    let tried = program.done("simulate_flow", tried).await;
    assert_eq!(tried["status"], "completed", "{tried}");
    assert_eq!(texts(&tried, "sent"), ["Hi Ana!", "Which cake?", "Bienenstich it is."]);
    assert_eq!(tried["contact"]["customField"]["Cake"], "Bienenstich");
    assert_eq!(tried["contact"]["tags"], json!(["VIP", "new here"]));
    let waiting = program.done("simulate_flow", json!({ "yaml": WELCOME })).await;
    assert_eq!((&waiting["status"], &waiting["step"]), (&json!("waiting"), &json!("ask")));
    let invalid =
        program.done("simulate_flow", json!({"document": flow("X", &json!({"a": {"goto": "b"}}), &json!({}))}));
    let invalid = invalid.await;
    assert_eq!((&invalid["status"], &invalid["errors"][0]["code"]), (&json!("invalid"), &json!("missing_target")));
    assert_eq!((program.head().await, invalid["transcript"].clone()), (before, json!([])));
    for (arguments, field) in [
        (json!({"flowId": "Welcome", "contact": {"email": "ana"}}), "contact.email"),
        (json!({"flowId": "Welcome", "contact": {"customFields": {"Caek": "x"}}}), "contact.customFields.Caek"),
        (json!({"flowId": "Welcome", "contact": {"surprise": 1}}), "contact.surprise"),
        (json!({"flowId": "Welcome", "variables": {"plan": 1}}), "variables.plan"),
        (json!({"flowId": "Welcome", "version": 1}), "version"),
        (json!({"yaml": WELCOME, "version": 1}), "version"),
        (json!({"flowId": "Welcome", "contact": {}, "contactId": "email:x@example.com"}), "contact"),
    ] {
        let refused = program.refused("simulate_flow", arguments.clone()).await;
        assert_eq!(refused.field.as_deref(), Some(field), "{arguments}: {refused:?}");
    }
}

#[tokio::test]
async fn a_flow_is_tried_with_what_is_known_of_a_contact_and_other_flows_are_gone_into() {
    let program = Program::start().await;
    let called = flow(
        "Plan",
        &json!({"say": {"send": {"text": "You are on {{ run.plan }}."}}}),
        &json!({"variables": {"plan": "none"}}),
    );
    publish(&program, called).await;
    let steps = json!({
        "who": {"condition": {"cases": [{"when": {"field": "tag", "op": "eq", "value": "VIP"}, "then": "plan"}], "otherwise": "end"}},
        "plan": {"callFlow": {"flow": "Plan", "variables": {"plan": "{{ run.plan }}"}}},
        "more": {"question": {"text": "More?", "choices": ["Yes", "No"]}},
        "end": {"end": {}},
    });
    program.done("create_tag", json!({"name": "VIP"})).await;
    let document = flow("Try", &steps, &json!({"variables": {"plan": "free"}}));
    let made = program.done("create_flow", json!({ "document": document })).await;
    assert_eq!(made["errors"], Value::Null, "{made}");
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let ana = reference(&visitor);
    let tried = program.done("simulate_flow", json!({"flowId": "Try", "contactId": ana})).await;
    assert_eq!((&tried["status"], texts(&tried, "sent").len()), (&json!("completed"), 0), "{tried}");
    program.done("add_contact_tags", json!({"contactId": ana, "tags": ["VIP"]})).await;
    let before = program.head().await;
    let arguments = json!({"flowId": "Try", "contactId": ana, "variables": {"plan": "pro"}, "replies": ["yes"]});
    let tried = program.done("simulate_flow", arguments.clone()).await;
    assert_eq!(texts(&tried, "sent"), ["You are on pro.", "More? [Yes] [No]"]);
    assert_eq!(texts(&tried, "received"), ["yes (pressed)"]);
    assert_eq!((&tried["status"], program.head().await), (&json!("completed"), before));
    program.done("block_contact", json!({"contactId": ana})).await;
    let tried = program.done("simulate_flow", arguments).await;
    assert_eq!((&tried["status"], texts(&tried, "sent").len()), (&json!("failed"), 0));
    assert!(tried["reason"].as_str().is_some_and(|reason| reason.starts_with("forbidden")), "{tried}");
}

#[tokio::test]
async fn a_simulation_is_as_long_as_an_answer_may_be_and_says_what_it_left_out() {
    let program = Program::start().await;
    let steps = json!({
        "say": {"send": {"text": "x".repeat(900)}},
        "count": {"setField": {"field": "run.n", "value": 1, "operation": "increase"}},
        "pause": {"wait": {"for": "1h"}},
        "again": {"goto": "say"},
    });
    let document = flow("Long", &steps, &json!({"variables": {"n": 0}}));
    let tried = program.done("simulate_flow", json!({ "document": document })).await;
    assert_eq!((&tried["status"], &tried["variables"]["n"]), (&json!("failed"), &json!(50)), "{}", tried["reason"]);
    assert!(tried["reason"].as_str().is_some_and(|reason| reason.starts_with("step_budget")), "{}", tried["reason"]);
    assert!(tried.to_string().len() <= 24_000 && tried["omitted"].as_u64().is_some_and(|omitted| omitted > 100));
    assert!(tried.get("truncated").is_none());
}
