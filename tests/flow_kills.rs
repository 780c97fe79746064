//! A flow whose program dies after every single append: what it does, it does once, and on the right branch.

use std::time::Duration;

use chatbotx::channels::webchat::Session;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::fixture::{Program, says};
use crate::flow_runs::{flow, publish, reference, run, sent};

const DAY: i64 = 24 * 3_600 * 1_000_000;

/// Programs that live and die at a time: most of the time they wait for the disk, or for the lease of one that died.
const STORIES_AT_ONCE: usize = 4;

/// What is left of a flow when all is done.
#[derive(Debug, PartialEq)]
struct Traces {
    texts: Vec<String>,
    tags: Value,
    score: Value,
    notes: usize,
    run: Value,
    steps: Vec<Value>,
    events: usize,
}

/// Where the program dies: right after this position is in the log, before whoever wrote it knows.
type Death = Option<u64>;

/// The program with a flow of a question, a condition, a wait of a day and a flow within, and a person who has asked for it.
async fn begin() -> (Program, Session) {
    let program = Program::start().await;
    program.done("create_custom_field", json!({"name": "score", "type": "number"})).await;
    let inner = json!({
        "in": {"send": {"text": "inner {{ run.word }}"}},
        "count": {"setField": {"field": "customField.score", "value": 1, "operation": "increase"}},
        "sure": {"question": {"text": "Sure?", "saveTo": "run.sure"}},
    });
    publish(&program, flow("Inner", &inner, &json!({"variables": {"word": "none", "sure": ""}}))).await;
    let outer = json!({
        "ask": {"question": {"text": "Score?", "validate": "number", "saveTo": "customField.score"}},
        "branch": {"condition": {"cases": [{"when": {"field": "customField.score", "op": "gte", "value": 50}, "then": "high"}], "otherwise": "low"}},
        "high": {"addTags": ["high"], "next": "wait"},
        "low": {"addTags": ["low"], "next": "wait"},
        "wait": {"wait": {"for": "1d"}},
        "call": {"callFlow": {"flow": "Inner", "variables": {"word": "{{ contact.customField.score }}"}}},
        "note": {"note": "{{ run.sure }}"},
        "bye": {"send": {"text": "Bye."}},
    });
    let start = json!({"start": [{"keyword": {"any": ["go"]}}], "variables": {"sure": ""}});
    publish(&program, flow("Outer", &outer, &start)).await;
    let visitor = program.visitor("Ana").await;
    (program, visitor)
}

/// Lets flows do what there is to do. With a death ahead, the program dies there and is started again.
async fn settle(program: Program, visitor: Session, death: &mut Death) -> (Program, Session) {
    let Some(at) = *death else {
        program.settle().await;
        return (program, visitor);
    };
    let workspace = program.caller.workspace;
    let mut commits = program.app.log().stream().follow(workspace);
    let died = tokio::select! {
        biased;
        _ = commits.wait_for(|head| *head >= at) => true,
        () = program.settle() => false,
    };
    if !died {
        return (program, visitor);
    }
    *death = None;
    let program = program.restart().await;
    let visitor = program.reopen(&visitor).await;
    program.settle().await;
    (program, visitor)
}

/// The whole story, with or without a death in it.
async fn told(mut death: Death) -> (Traces, u64, u64) {
    let (mut program, mut visitor) = begin().await;
    let first = program.head().await;
    for (id, word) in [("1", "go"), ("2", "not a number"), ("3", "60")] {
        says(&visitor, id, word).await;
        (program, visitor) = settle(program, visitor, &mut death).await;
    }
    program.clock.turn(DAY - 1);
    (program, visitor) = settle(program, visitor, &mut death).await;
    let early = sent(&program, &visitor).await;
    assert!(!early.iter().any(|text| text.starts_with("inner")), "{death:?}: the timer was early: {early:?}");
    program.clock.turn(1);
    (program, visitor) = settle(program, visitor, &mut death).await;
    says(&visitor, "4", "yes").await;
    (program, visitor) = settle(program, visitor, &mut death).await;
    (traces(&program, &visitor).await, first, program.head().await)
}

async fn traces(program: &Program, visitor: &Session) -> Traces {
    let contact = program.done("get_contact", json!({"contactId": reference(visitor)})).await["contact"].clone();
    let notes = program.done("list_contact_notes", json!({"contactId": reference(visitor)})).await;
    let run = run(program, "Outer").await;
    let whole = program.done("get_flow_run", json!({"runId": run["id"], "limit": 100})).await;
    let timeline = whole["timeline"].as_array().expect("a timeline");
    let verification = program.app.verify(&chatbotx::app::unheard()).await.expect("readable");
    assert!(verification.ok, "{verification:?}");
    Traces {
        texts: sent(program, visitor).await,
        tags: contact["tags"].clone(),
        score: contact["customFields"][0]["value"].clone(),
        notes: notes["items"].as_array().map_or(0, Vec::len),
        run: run["status"].clone(),
        steps: timeline
            .iter()
            .filter(|moment| moment["type"] == "FlowRunStepEntered")
            .map(|moment| moment["data"]["step"].clone())
            .collect(),
        events: timeline.len(),
    }
}

#[tokio::test]
async fn a_program_that_dies_at_every_boundary_does_everything_once() {
    let (whole, first, last) = tokio::time::timeout(Duration::from_secs(30), told(None)).await.expect("an end");
    assert_eq!(
        whole.texts[..],
        ["Score?", &whole.texts[1], "inner 60", "Sure?", "Bye."],
        "the question is asked again in between"
    );
    assert_eq!(
        (&whole.tags, &whole.score, whole.notes, &whole.run),
        (&json!(["high"]), &json!(61), 1, &json!("completed"))
    );
    assert_eq!(whole.steps, ["ask", "branch", "high", "wait", "call", "in", "count", "sure", "note", "bye"]);
    let deaths = first + 1..=last;
    assert!(deaths.clone().count() >= 20, "only {deaths:?}");
    let mut stories = futures::stream::iter(deaths)
        .map(|position| async move { (position, told(Some(position)).await.0) })
        .buffer_unordered(STORIES_AT_ONCE);
    while let Some((position, traces)) = stories.next().await {
        assert_eq!(traces, whole, "after a death at {position}");
    }
}

/// A flow that an event starts and that is over at once: nothing but the run's id tells that it was there.
async fn noted(mut death: Death) -> (usize, usize, u64, u64) {
    let program = Program::start().await;
    let start = json!({"start": [{"event": "tagApplied"}], "policy": {"reentry": "restart"}});
    publish(&program, flow("Note", &json!({"note": {"note": "tagged"}}), &start)).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let first = program.head().await;
    program.done("add_contact_tags", json!({"contactId": reference(&visitor), "tags": ["a"]})).await;
    let (program, visitor) = settle(program, visitor, &mut death).await;
    let runs = program.done("list_flow_runs", json!({"flowId": "Note"})).await;
    let notes = program.done("list_contact_notes", json!({"contactId": reference(&visitor)})).await;
    let count = |list: &Value| list["items"].as_array().map_or(0, Vec::len);
    (count(&runs), count(&notes), first, program.head().await)
}

#[tokio::test]
async fn an_event_starts_a_flow_once_however_often_it_is_seen() {
    let (runs, notes, first, last) = noted(None).await;
    assert_eq!((runs, notes), (1, 1));
    for position in first + 1..=last {
        let (runs, notes, _, end) = noted(Some(position)).await;
        assert_eq!((runs, notes, end), (1, 1, last), "after a death at {position}");
    }
}
