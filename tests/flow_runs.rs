//! Flows that run: what they do with what a person writes, and what ends them.

use chatbotx::channels::webchat::{InboundText, Received, Session, receive};
use serde_json::{Value, json};

use crate::fixture::{Program, says};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// Makes a flow and publishes it.
pub async fn publish(program: &Program, document: Value) -> Value {
    let made = program.done("create_flow", json!({"document": document})).await;
    assert_eq!(made["errors"], Value::Null, "{document}");
    program.done("publish_flow", json!({"flowId": made["flow"]["id"]})).await["flow"]["id"].clone()
}

/// A flow of a name with steps, and whatever else its document has.
pub fn flow(name: &str, steps: &Value, more: &Value) -> Value {
    let mut document = json!({"formatVersion": 1, "name": name, "steps": steps});
    for (member, value) in more.as_object().expect("an object") {
        document[member] = value.clone();
    }
    document
}

/// The texts that were sent to a visitor, the oldest first.
pub async fn sent(program: &Program, visitor: &Session) -> Vec<String> {
    let messages = program
        .done("list_contact_messages", json!({"contactId": reference(visitor), "direction": "outbound", "limit": 100}))
        .await;
    let items = messages["items"].as_array().expect("items").iter().rev();
    items.map(|item| item["text"].as_str().expect("a text").to_owned()).collect()
}

pub fn reference(visitor: &Session) -> String {
    format!("webchat:{}", visitor.visitor.id())
}

/// Presses the button of these words on the last message that has it.
pub async fn presses(program: &Program, visitor: &Session, id: &str, words: &str) -> Received {
    let arguments = json!({"contactId": reference(visitor), "direction": "outbound", "detail": "full"});
    let messages = program.done("list_contact_messages", arguments).await;
    let buttons = messages["items"].as_array().expect("items").iter();
    let mut buttons = buttons.flat_map(|message| message["buttons"].as_array().into_iter().flatten());
    let button = buttons.find(|button| button["title"] == words).expect("a button of these words");
    let inbound = InboundText {
        client_message_id: id.to_owned(),
        text: None,
        button_id: button["id"].as_str().map(str::to_owned),
        reply_to: None,
    };
    receive(visitor, &inbound).await.expect("taken in")
}

/// The only run of a flow.
pub async fn run(program: &Program, flow: &str) -> Value {
    let runs = program.done("list_flow_runs", json!({"flowId": flow})).await;
    let items = runs["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{runs}");
    items[0].clone()
}

/// The public names of the events of a run.
async fn story_of(program: &Program, run: &Value) -> Vec<String> {
    let whole = program.done("get_flow_run", json!({"runId": run["id"], "limit": 100})).await;
    let moments = whole["timeline"].as_array().expect("a timeline").iter();
    moments.map(|moment| moment["type"].as_str().expect("a type").to_owned()).collect()
}

#[tokio::test]
async fn a_flow_asks_and_keeps_the_answer() {
    let program = Program::start().await;
    program.done("create_custom_field", json!({"name": "Cake", "type": "text"})).await;
    let steps = json!({
        "hello": {"send": {"text": "Hi {{ contact.firstName | default('there') }}!"}},
        "ask": {"question": {"text": "Which cake?", "saveTo": "customField.Cake"}},
        "tag": {"addTags": ["eats cake"]},
        "thanks": {"send": {"text": "{{ lastInput }} it is."}},
    });
    publish(&program, flow("Cakes", &steps, &json!({}))).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    program.settle().await;
    assert!(sent(&program, &visitor).await.is_empty(), "nothing starts by itself");
    let started = program.done("send_contact_flow", json!({"contactId": reference(&visitor), "flowId": "Cakes"})).await;
    assert_eq!(started["run"]["version"], 1);
    program.settle().await;
    assert_eq!(sent(&program, &visitor).await, ["Hi Ana!", "Which cake?"]);
    let waits = run(&program, "Cakes").await;
    assert_eq!(
        (&waits["status"], &waits["step"], &waits["waits"]["for"]),
        (&json!("waiting"), &json!("ask"), &json!("input"))
    );
    let talk = program.done("get_conversation", json!({"contactId": reference(&visitor)})).await;
    assert_eq!(talk["conversation"]["owner"], "flow");
    let within = program.done("get_contact", json!({"contactId": reference(&visitor)})).await;
    assert_eq!(within["flowRuns"][0]["id"], waits["id"]);
    says(&visitor, "2", "Bienenstich").await;
    program.settle().await;
    assert_eq!(sent(&program, &visitor).await, ["Hi Ana!", "Which cake?", "Bienenstich it is."]);
    let ended = run(&program, "Cakes").await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let contact = program.done("get_contact", json!({"contactId": reference(&visitor)})).await;
    assert_eq!(contact["contact"]["customFields"][0]["value"], "Bienenstich");
    assert_eq!(contact["contact"]["tags"], json!(["eats cake"]));
    assert_eq!(contact["flowRuns"], Value::Null, "it is over");
    let whole = program.done("get_contact", json!({"contactId": reference(&visitor), "detail": "full"})).await;
    assert_eq!(whole["flowRuns"][0]["status"], "completed");
    let talk = program.done("get_conversation", json!({"contactId": reference(&visitor)})).await;
    assert_eq!(talk["conversation"]["owner"], "none", "the conversation is nobody's again");
    let before = program.head().await;
    program.settle().await;
    assert_eq!(program.head().await, before, "all is said");
}

#[tokio::test]
async fn a_button_is_pressed_and_other_words_do_not_pass_for_it() {
    let program = Program::start().await;
    let steps = json!({
        "offer": {"send": {"text": "Cake?", "buttons": [{"text": "Yes", "then": "yes"}, {"text": "No", "then": "no"}],
            "timeout": "2h", "onTimeout": "late"}},
        "yes": {"send": {"text": "Good."}, "next": "done"},
        "no": {"send": {"text": "Pity."}, "next": "done"},
        "late": {"send": {"text": "Too late."}},
        "done": {"end": {}},
    });
    publish(&program, flow("Offer", &steps, &json!({"start": [{"keyword": {"any": ["cake"]}}]}))).await;
    let (ana, bo) = (program.visitor("Ana").await, program.visitor("Bo").await);
    for visitor in [&ana, &bo] {
        says(visitor, "1", "cake").await;
        program.settle().await;
        says(visitor, "2", "What do you mean?").await;
        program.settle().await;
        assert_eq!(sent(&program, visitor).await, ["Cake?"]);
    }
    presses(&program, &ana, "3", "No").await;
    program.settle().await;
    assert_eq!(sent(&program, &ana).await, ["Cake?", "Pity."]);
    program.clock.turn(2 * HOUR - 1);
    program.settle().await;
    assert_eq!(sent(&program, &bo).await, ["Cake?"], "a timer is never early");
    program.clock.turn(1);
    program.settle().await;
    assert_eq!(sent(&program, &bo).await, ["Cake?", "Too late."]);
    presses(&program, &bo, "4", "Yes").await;
    program.settle().await;
    assert_eq!(sent(&program, &bo).await, ["Cake?", "Too late."], "what comes after the end is no answer");
}

#[tokio::test]
async fn a_version_that_is_published_later_does_not_touch_runs_under_way() {
    let program = Program::start().await;
    let steps = |word: &str| json!({"ask": {"question": {"text": "Name?"}}, "say": {"send": {"text": word}}});
    let start = json!({"start": [{"keyword": {"any": ["go"]}}]});
    let id = publish(&program, flow("Names", &steps("first"), &start)).await;
    let (ana, bo) = (program.visitor("Ana").await, program.visitor("Bo").await);
    says(&ana, "1", "go").await;
    program.settle().await;
    let second = flow("Names", &steps("second"), &start);
    program.done("update_flow_draft", json!({"flowId": id, "document": second})).await;
    program.done("publish_flow", json!({"flowId": id})).await;
    says(&bo, "1", "go").await;
    program.settle().await;
    program.done("delete_flow", json!({"flowId": id})).await;
    for (visitor, word) in [(&ana, "first"), (&bo, "second")] {
        says(visitor, "2", "Me").await;
        program.settle().await;
        assert_eq!(sent(&program, visitor).await, ["Name?", word]);
    }
    says(&ana, "3", "go").await;
    program.settle().await;
    assert_eq!(sent(&program, &ana).await.len(), 2, "what is deleted starts no more");
}

#[tokio::test]
async fn somebody_who_steps_in_ends_the_run_and_nothing_starts_beside_them() {
    let program = Program::start().await;
    let steps = json!({"ask": {"question": {"text": "Name?"}}, "say": {"send": {"text": "Hi"}}});
    publish(&program, flow("Names", &steps, &json!({"start": [{"keyword": {"any": ["go"]}}]}))).await;
    let stubborn = json!({"start": [{"keyword": {"any": ["stay"]}}], "policy": {"stopOnHuman": false}});
    publish(&program, flow("Stays", &steps, &stubborn)).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "go").await;
    program.settle().await;
    program.done("take_over_conversation", json!({"contactId": reference(&visitor), "as": "human"})).await;
    program.settle().await;
    let ended = run(&program, "Names").await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("cancelled"), &json!("stopped_by_human")));
    for (id, text) in [("2", "go"), ("3", "stay")] {
        says(&visitor, id, text).await;
        program.settle().await;
    }
    assert_eq!(
        sent(&program, &visitor).await,
        ["Name?", "Name?"],
        "only the flow that says so goes on beside a person"
    );
    let talk = program.done("get_conversation", json!({"contactId": reference(&visitor)})).await;
    assert_eq!(talk["conversation"]["owner"], "human");
}

#[tokio::test]
async fn a_burst_of_messages_counts_as_one() {
    let program = Program::start().await;
    let steps = json!({"ask": {"question": {"text": "Your order?", "saveTo": "run.order"}}, "say": {"send": {"text": "[{{ run.order }}]"}}});
    let more = json!({"start": [{"keyword": {"any": ["go"]}}], "policy": {"settle": "3s"}});
    publish(&program, flow("Order", &steps, &more)).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "go").await;
    program.settle().await;
    for (id, text) in [("2", "one"), ("3", "two")] {
        says(&visitor, id, text).await;
        program.settle().await;
        program.clock.turn(3 * SECOND - 1);
        program.settle().await;
        assert_eq!(sent(&program, &visitor).await, ["Your order?"]);
    }
    program.clock.turn(1);
    program.settle().await;
    assert_eq!(sent(&program, &visitor).await, ["Your order?", "[one\ntwo]"]);
}

#[tokio::test]
async fn a_run_waits_for_an_event_or_its_time_out() {
    let program = Program::start().await;
    program.done("create_tag", json!({"name": "paid"})).await;
    let condition = json!({"field": "tag", "op": "eq", "value": "paid"});
    let steps = json!({
        "pay": {"send": {"text": "Please pay."}},
        "wait": {"wait": {"event": "tagApplied", "where": condition, "timeout": "1d", "onTimeout": "remind"}},
        "thanks": {"send": {"text": "Thanks!"}, "next": "bye"},
        "remind": {"send": {"text": "Not paid yet."}},
        "bye": {"end": {}},
    });
    publish(&program, flow("Pay", &steps, &json!({"start": [{"keyword": {"any": ["order"]}}]}))).await;
    let (ana, bo) = (program.visitor("Ana").await, program.visitor("Bo").await);
    for visitor in [&ana, &bo] {
        says(visitor, "1", "order").await;
        program.settle().await;
        program.done("add_contact_tags", json!({"contactId": reference(visitor), "tags": ["other"]})).await;
        program.settle().await;
        assert_eq!(sent(&program, visitor).await, ["Please pay."]);
    }
    program.done("add_contact_tags", json!({"contactId": reference(&ana), "tags": ["paid"]})).await;
    program.settle().await;
    assert_eq!(sent(&program, &ana).await, ["Please pay.", "Thanks!"]);
    let program = program.restart().await;
    program.clock.turn(24 * HOUR);
    program.settle().await;
    let bo = program.reopen(&bo).await;
    assert_eq!(sent(&program, &bo).await, ["Please pay.", "Not paid yet."]);
}

#[tokio::test]
async fn who_opted_out_is_sent_nothing_and_the_run_says_why_it_failed() {
    let program = Program::start().await;
    let steps = json!({"ask": {"question": {"text": "Name?"}}, "say": {"send": {"text": "Hi"}}});
    publish(&program, flow("Names", &steps, &json!({"start": [{"keyword": {"any": ["go"]}}]}))).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "go").await;
    program.settle().await;
    says(&visitor, "2", "STOP").await;
    program.settle().await;
    let ended = run(&program, "Names").await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("opted_out")));
    assert_eq!(sent(&program, &visitor).await, ["Name?"]);
}

#[tokio::test]
async fn a_run_has_a_budget_of_steps() {
    let program = Program::start().await;
    let steps = json!({
        "a": {"setField": {"field": "run.n", "value": 1, "operation": "increase"}},
        "b": {"condition": {"cases": [{"when": {"field": "name", "op": "eq", "value": "nobody"}, "then": "c"}], "otherwise": "w"}},
        "w": {"wait": {"for": "1s"}, "next": "a"},
        "c": {"end": {}},
    });
    publish(&program, flow("Loop", &steps, &json!({"policy": {"maxSteps": 7}, "variables": {"n": 0}}))).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    program.done("send_contact_flow", json!({"contactId": reference(&visitor), "flowId": "Loop"})).await;
    for _ in 0..9 {
        program.settle().await;
        program.clock.turn(SECOND);
    }
    let ended = run(&program, "Loop").await;
    assert_eq!(
        (&ended["status"], &ended["error"]["code"], &ended["steps"]),
        (&json!("failed"), &json!("step_budget"), &json!(7))
    );
    assert_eq!(story_of(&program, &ended).await.last().map(String::as_str), Some("FlowRunFailed"));
}

#[tokio::test]
async fn a_handoff_within_a_called_flow_ends_the_whole_run() {
    let program = Program::start().await;
    publish(&program, flow("Inner", &json!({"out": {"handoff": {"note": "Please help"}}}), &json!({}))).await;
    let steps = json!({"call": {"callFlow": "Inner"}, "say": {"send": {"text": "Still here."}}});
    let more = json!({"start": [{"keyword": {"any": ["go"]}}], "policy": {"stopOnHuman": false}});
    publish(&program, flow("Outer", &steps, &more)).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "go").await;
    program.settle().await;
    assert_eq!(run(&program, "Outer").await["status"], "completed");
    assert!(sent(&program, &visitor).await.is_empty());
    let talk = program.done("get_conversation", json!({"contactId": reference(&visitor)})).await;
    assert_eq!(talk["conversation"]["owner"], "human");
}

#[tokio::test]
async fn what_is_written_while_the_run_is_busy_answers_its_next_question() {
    let program = Program::start().await;
    let steps = json!({
        "name": {"question": {"text": "Name?", "saveTo": "run.name"}},
        "cake": {"question": {"text": "Cake?", "saveTo": "run.cake"}},
        "say": {"send": {"text": "{{ run.cake }} for {{ run.name }}."}},
    });
    publish(&program, flow("Order", &steps, &json!({"start": [{"keyword": {"any": ["go"]}}]}))).await;
    let visitor = program.visitor("Ana").await;
    // All of it before the program comes to the first.
    says(&visitor, "1", "go").await;
    says(&visitor, "2", "Ana").await;
    says(&visitor, "3", "Bienenstich").await;
    program.settle().await;
    assert_eq!(sent(&program, &visitor).await, ["Name?", "Cake?", "Bienenstich for Ana."]);
}
