//! What starts flows: keywords and events, the one that fits best, once, and not for ever.

use serde_json::{Value, json};

use crate::fixture::{Program, says};
use crate::flow_runs::{flow, publish, reference, run, sent};

#[tokio::test]
async fn a_keyword_starts_the_flow_that_it_fits_best_and_an_answer_is_no_keyword() {
    let program = Program::start().await;
    for (name, any, matching) in
        [("Word", "cake", "word"), ("Exact", "cake please", "exact"), ("Contains", "ake", "contains")]
    {
        let start = json!({"start": [{"keyword": {"any": [any], "match": matching}}]});
        publish(&program, flow(name, &json!({"say": {"question": {"text": name}}}), &start)).await;
    }
    let visitor = program.visitor("Ana").await;
    says(&visitor, "0", "Hello").await;
    for (id, text, said) in [("1", "CAKE  please!", "Word"), ("2", "cake please", ""), ("3", "a Cáke please", "Word")]
    {
        let before = sent(&program, &visitor).await.len();
        says(&visitor, id, text).await;
        program.settle().await;
        let after = sent(&program, &visitor).await;
        let new: Vec<&str> = after[before..].iter().map(String::as_str).collect();
        assert_eq!(new, if said.is_empty() { vec![] } else { vec![said] }, "{text}");
    }
    let runs = program.done("list_flow_runs", json!({"flowId": "Word"})).await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(2), "the second message answered the first run");
}

#[tokio::test]
async fn two_flows_that_start_each_other_are_cut_and_reported() {
    let program = Program::start().await;
    for (name, by, makes) in [("Ping", "ping", "pong"), ("Pong", "pong", "ping")] {
        let steps = json!({"out": {"removeTags": [makes]}, "in": {"addTags": [makes]}});
        let condition = json!({"field": "tag", "op": "eq", "value": by});
        program.call("create_tag", json!({"name": by})).await.ok();
        program.call("create_tag", json!({"name": makes})).await.ok();
        publish(&program, flow(name, &steps, &json!({"start": [{"event": "tagApplied", "where": condition}]}))).await;
    }
    let contact = program.done("create_contact", json!({"firstName": "Ana"})).await["contact"]["id"].clone();
    program.done("add_contact_tags", json!({"contactId": contact, "tags": ["ping"]})).await;
    program.settle().await;
    let failed = program.done("list_flow_runs", json!({"status": ["failed"]})).await;
    let failed = failed["items"].as_array().expect("items");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["error"]["code"], "hop_budget");
    let completed = program.done("list_flow_runs", json!({"status": ["completed"], "limit": 100})).await;
    assert_eq!(completed["items"].as_array().map(Vec::len), Some(10), "as many as may begin by themselves in a row");
    let before = program.head().await;
    program.settle().await;
    assert_eq!(program.head().await, before, "it is over");
}

#[tokio::test]
async fn a_flow_does_not_start_by_what_it_did_itself() {
    let program = Program::start().await;
    let steps = json!({"out": {"removeTags": ["a"]}, "in": {"addTags": ["a"]}});
    program.done("create_tag", json!({"name": "a"})).await;
    publish(&program, flow("Self", &steps, &json!({"start": [{"event": "tagApplied"}]}))).await;
    let contact = program.done("create_contact", json!({"firstName": "Ana"})).await["contact"]["id"].clone();
    program.done("add_contact_tags", json!({"contactId": contact, "tags": ["a"]})).await;
    program.settle().await;
    assert_eq!(run(&program, "Self").await["status"], "completed");
}

#[tokio::test]
async fn a_flow_starts_by_the_tag_that_was_added_and_by_no_other_that_is_there() {
    let program = Program::start().await;
    program.done("create_tag", json!({"name": "vip"})).await;
    let condition = json!({"field": "tag", "op": "eq", "value": "VIP"});
    let start = json!({"start": [{"event": "tagApplied", "where": condition}]});
    let contact =
        program.done("create_contact", json!({"firstName": "Ana", "tags": ["vip"]})).await["contact"]["id"].clone();
    publish(&program, flow("Vip", &json!({"note": {"note": "a vip"}}), &start)).await;
    program.settle().await;
    let runs = program.done("list_flow_runs", json!({})).await;
    assert_eq!(runs["items"], json!([]), "what happened before it was published starts nothing");
    program.done("add_contact_tags", json!({"contactId": contact, "tags": ["other"]})).await;
    program.settle().await;
    assert_eq!(program.done("list_flow_runs", json!({})).await["items"], json!([]), "the tag was there already");
    program.done("remove_contact_tags", json!({"contactId": contact, "tags": ["vip"]})).await;
    program.done("add_contact_tags", json!({"contactId": contact, "tags": ["vip"]})).await;
    program.settle().await;
    assert_eq!(run(&program, "Vip").await["status"], "completed");
    let notes = program.done("list_contact_notes", json!({"contactId": contact})).await;
    assert_eq!(notes["items"][0]["text"], "a vip");
}

#[tokio::test]
async fn a_second_run_is_refused_restarts_or_queues() {
    let program = Program::start().await;
    let steps = json!({"ask": {"question": {"text": "Name?", "saveTo": "run.name"}}, "say": {"send": {"text": "Hi {{ run.name }}"}}});
    publish(&program, flow("Names", &steps, &json!({}))).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let call = |conflict: &str| json!({"contactId": reference(&visitor), "flowId": "Names", "onConflict": conflict});
    let first = program.done("send_contact_flow", call("reject")).await;
    program.settle().await;
    let refused = program.refused("send_contact_flow", call("reject")).await;
    assert_eq!(refused.candidates[0].id, first["run"]["id"], "{refused:?}");
    let queued = program.done("send_contact_flow", call("queue")).await;
    assert_eq!(queued["run"]["status"], "queued");
    let restarted = program.done("send_contact_flow", call("restart")).await;
    program.settle().await;
    let state = async |run: &Value| {
        program.done("get_flow_run", json!({"runId": run["run"]["id"]})).await["run"]["status"].clone()
    };
    assert_eq!((state(&first).await, state(&queued).await), (json!("cancelled"), json!("queued")));
    says(&visitor, "2", "Ana").await;
    program.settle().await;
    assert_eq!((state(&restarted).await, state(&queued).await), (json!("completed"), json!("waiting")));
    says(&visitor, "3", "Bo").await;
    program.settle().await;
    assert_eq!(state(&queued).await, "completed");
    assert_eq!(sent(&program, &visitor).await, ["Name?", "Name?", "Hi Ana", "Name?", "Hi Bo"]);
}

#[tokio::test]
async fn a_flow_that_cools_down_starts_by_itself_no_sooner_but_whoever_calls_for_it_gets_it() {
    let program = Program::start().await;
    let more = json!({"start": [{"keyword": {"any": ["hi"]}}], "policy": {"cooldown": "1h"}});
    publish(&program, flow("Greets", &json!({"say": {"send": {"text": "Hello"}}}), &more)).await;
    let visitor = program.visitor("Ana").await;
    let hour = 3_600_000_000;
    for (id, turned, greetings) in [("1", 0, 1), ("2", hour - 1, 1), ("3", 1, 2)] {
        program.clock.turn(turned);
        says(&visitor, id, "hi").await;
        program.settle().await;
        assert_eq!(sent(&program, &visitor).await.len(), greetings, "message {id}");
    }
    program.done("send_contact_flow", json!({"contactId": reference(&visitor), "flowId": "Greets"})).await;
    program.settle().await;
    assert_eq!(sent(&program, &visitor).await.len(), 3);
}
