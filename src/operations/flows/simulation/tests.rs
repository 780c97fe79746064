//! Flows carried out over a made-up person: what it would see, and when.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::channel_account::Channel;
use aggregates::contact::Silence;
use aggregates::field_value::FieldType;
use aggregates::filter::Facts;
use aggregates::ids::FieldId;
use serde_json::json;

use super::*;
use crate::reactions::{Place, Surroundings};

/// 2026-01-01T00:00:00Z, a Thursday, in microseconds.
const NEW_YEAR: i64 = 1_767_225_600_000_000;

fn document(name: &str, steps: &Value, more: &Value) -> Document {
    let mut document = json!({"formatVersion": 1, "name": name, "steps": steps});
    for (member, value) in more.as_object().expect("an object") {
        document[member] = value.clone();
    }
    Document::parse(&document).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn flow(number: u128) -> FlowId {
    FlowId(Uuid::from_u128(number))
}

fn somebody() -> Person {
    let place = Place {
        id: ConversationId(Uuid::nil()),
        channel: "webchat",
        status: "open".to_owned(),
        owner: "none".to_owned(),
    };
    let facts = Facts { channels: BTreeSet::from([Channel::Webchat]), ..Facts::default() };
    let around = Surroundings {
        facts,
        custom_fields: BTreeMap::new(),
        bot: BTreeMap::new(),
        conversation: Some(place),
        nouns: aggregates::filter::Nouns::default(),
        timezone: "Europe/Berlin".to_owned(),
    };
    Person::new(around, None)
}

fn stage(steps: &Value, more: &Value) -> Stage {
    let mut stage = Stage::default();
    stage.add_document(flow(1), "Try", 0, document("Try", steps, more));
    stage
}

fn tried(stage: Stage, person: Person, replies: &[&str]) -> Ended {
    let replies = replies.iter().map(|reply| (*reply).to_owned()).collect();
    let start = Start { flow: flow(1), variables: Variables::new(), replies, answers: Vec::new(), now: NEW_YEAR };
    simulate(stage, person, start).expect("a document")
}

/// What happened of a kind, one after the other.
fn told(ended: &Ended, kind: &str) -> Vec<String> {
    let moments = ended.transcript.moments.iter().filter(|moment| moment.kind == kind);
    moments.map(|moment| moment.what.clone()).collect()
}

#[test]
fn questions_get_the_replies_one_after_the_other_and_what_is_answered_is_kept() {
    let steps = json!({
        "ask": {"question": {"text": "Your e-mail?", "validate": "email", "saveTo": "contact.email", "retryText": "Really?"}},
        "thanks": {"send": {"text": "{{ contact.email }} it is, {{ lastInput }}."}},
    });
    let ended = tried(stage(&steps, &json!({})), somebody(), &["none", "ana@example.com", "too much"]);
    assert_eq!((ended.status, ended.reason.as_deref()), (Status::Completed, None));
    assert_eq!(told(&ended, "sent"), ["Your e-mail?", "Really?", "ana@example.com it is, ana@example.com."]);
    assert_eq!(told(&ended, "received"), ["none", "ana@example.com"]);
    assert_eq!(ended.words["contact"]["email"], "ana@example.com");
}

#[test]
fn the_words_on_a_button_press_it_and_other_words_are_kept_aside() {
    let steps = json!({
        "offer": {"send": {"text": "Cake?", "buttons": [{"text": "Yes", "then": "yes"}, {"text": "No", "then": "no"}]}},
        "yes": {"send": {"text": "Good."}, "next": "done"},
        "no": {"send": {"text": "Pity."}},
        "done": {"end": {}},
    });
    let ended = tried(stage(&steps, &json!({})), somebody(), &["what?", "yes"]);
    assert_eq!(ended.status, Status::Completed);
    assert_eq!(told(&ended, "sent"), ["Cake? [Yes] [No]", "Good."]);
    assert_eq!(told(&ended, "aside"), ["what?"]);
    assert_eq!(told(&ended, "received"), ["yes (pressed)"]);
    let ended = tried(stage(&steps, &json!({})), somebody(), &["what?"]);
    assert_eq!((ended.status, ended.step.as_deref()), (Status::Waiting, Some("offer")));
    assert_eq!(ended.reason.as_deref(), Some("there are no more replies"));
}

#[test]
fn the_clock_is_turned_over_pauses_and_stands_where_the_run_goes_on() {
    let steps = json!({
        "day": {"wait": {"for": "1d", "between": "09:00-18:00"}},
        "ask": {"question": {"text": "Still there?", "timeout": "2h", "onTimeout": "late"}},
        "late": {"note": "said nothing"},
    });
    let ended = tried(stage(&steps, &json!({})), somebody(), &[""]);
    assert_eq!(ended.status, Status::Completed);
    let at: Vec<(&str, &str)> =
        ended.transcript.moments.iter().map(|moment| (moment.kind, moment.at.as_str())).collect();
    // A day later it is 01:00 in Berlin, and 09:00 there is 08:00 in UTC.
    for moment in [
        ("waits", "2026-01-01T00:00:00.000Z"),
        ("sent", "2026-01-02T08:00:00.000Z"),
        ("note", "2026-01-02T10:00:00.000Z"),
    ] {
        assert!(at.contains(&moment), "{moment:?}: {at:?}");
    }
}

#[test]
fn what_does_not_happen_in_a_simulation_is_waited_for_until_its_timeout() {
    let steps = |timeout: Value| {
        let mut wait = json!({"event": "tagApplied", "onTimeout": "late"});
        wait["timeout"] = timeout;
        if wait["timeout"].is_null() {
            wait = json!({"event": "tagApplied"});
        }
        json!({"wait": {"wait": wait}, "then": {"end": {}}, "late": {"note": "late"}})
    };
    let ended = tried(stage(&steps(json!("3d")), &json!({})), somebody(), &[]);
    assert_eq!((ended.status, told(&ended, "note")), (Status::Completed, vec!["late".to_owned()]));
    let ended = tried(stage(&steps(Value::Null), &json!({})), somebody(), &["hello"]);
    assert_eq!(ended.status, Status::Waiting);
    assert!(ended.reason.as_deref().is_some_and(|reason| reason.starts_with("tagApplied")), "{:?}", ended.reason);
}

#[test]
fn a_message_that_is_waited_for_as_an_event_is_the_next_reply() {
    let only = json!({"field": "unanswered", "op": "eq", "value": true});
    let steps = json!({"wait": {"wait": {"event": "messageReceived", "where": only}}, "then": {"note": "woken"}});
    let ended = tried(stage(&steps, &json!({})), somebody(), &["hello"]);
    // A made-up conversation is needed for the filter to hold: without one the reply is not what is waited for.
    assert_eq!((ended.status, told(&ended, "received")), (Status::Waiting, vec!["hello".to_owned()]));
    let steps = json!({"wait": {"wait": {"event": "messageReceived"}}, "then": {"note": "woken"}});
    let ended = tried(stage(&steps, &json!({})), somebody(), &["hello"]);
    assert_eq!((ended.status, told(&ended, "note")), (Status::Completed, vec!["woken".to_owned()]));
}

#[test]
fn tags_fields_and_variables_change_in_memory_and_conditions_see_it() {
    let steps = json!({
        "tag": {"addTags": ["VIP"]},
        "score": {"setField": {"field": "customField.score", "value": 40}},
        "more": {"setField": {"field": "customField.score", "value": 2, "operation": "increase"}},
        "plan": {"setField": {"field": "run.plan", "value": "{{ contact.customField.score }} points"}},
        "zone": {"setField": {"field": "contact.timezone", "value": "Asia/Tokyo"}},
        "check": {"condition": {"cases": [{"when": {"all": [
            {"field": "tag", "op": "eq", "value": "VIP"},
            {"field": "customField.score", "op": "gte", "value": 42},
        ]}, "then": "good"}], "otherwise": "bad"}},
        "bad": {"note": "bad", "next": "end"},
        "good": {"send": {"text": "{{ run.plan }}"}},
        "end": {"end": {}},
    });
    let mut stage = stage(&steps, &json!({"variables": {"plan": "free"}}));
    stage.add_field(FieldId(Uuid::from_u128(7)), "score", FieldType::Number);
    stage.tag_or_made_up("VIP");
    let ended = tried(stage, somebody(), &[]);
    assert_eq!((ended.status, ended.reason.as_deref()), (Status::Completed, None));
    assert_eq!(told(&ended, "sent"), ["42 points"]);
    assert_eq!(told(&ended, "tags"), ["adds VIP"]);
    assert_eq!(ended.words["contact"]["tags"], json!(["VIP"]));
    assert_eq!(ended.words["run"], json!({"plan": "42 points"}));
    assert!(told(&ended, "step").contains(&"condition goes on at good".to_owned()));
}

#[test]
fn flows_are_called_and_return_and_others_are_only_told_of() {
    let mut stage = stage(
        &json!({
            "beside": {"startFlow": "Other"},
            "call": {"callFlow": {"flow": "other", "variables": {"name": "Ana"}}},
            "back": {"send": {"text": "Back, {{ run.name }}"}},
        }),
        &json!({"variables": {"name": ""}}),
    );
    let called = document(
        "Other",
        &json!({"hi": {"send": {"text": "Hi {{ run.name }}"}}}),
        &json!({"variables": {"name": "x"}}),
    );
    stage.add_flow(flow(2), "Other", 3, called);
    let ended = tried(stage, somebody(), &[]);
    assert_eq!(told(&ended, "sent"), ["Hi Ana", "Back, Ana"]);
    assert_eq!(
        told(&ended, "flow"),
        [
            "starts the flow Other beside this one, which is not simulated",
            "goes into the flow Other",
            "comes back to the flow Try"
        ]
    );
    let alone = stage_of_one("call", &json!({"callFlow": "Nowhere"}));
    let ended = tried(alone, somebody(), &[]);
    assert_eq!(ended.status, Status::Failed);
    assert_eq!(ended.reason.as_deref(), Some("not_found: the flow that the step names is not published"));
}

fn stage_of_one(name: &str, step: &Value) -> Stage {
    stage(&json!({ name: step }), &json!({}))
}

#[test]
fn a_flow_without_end_is_ended_by_its_budget() {
    let steps = json!({"a": {"setField": {"field": "run.n", "value": 1, "operation": "increase"}}, "b": {"goto": "a"}});
    let ended = tried(stage(&steps, &json!({"policy": {"maxSteps": 50}, "variables": {"n": 0}})), somebody(), &[]);
    assert_eq!((ended.status, ended.words["run"]["n"].clone()), (Status::Failed, json!(25)));
    assert!(ended.reason.as_deref().is_some_and(|reason| reason.starts_with("step_budget")), "{:?}", ended.reason);
}

#[test]
fn who_may_not_be_written_to_is_not_written_to_here_either() {
    let say = json!({"send": {"text": "Hi"}});
    for (silence, reason) in [(Silence::Blocked, "forbidden"), (Silence::OptedOut, "opted_out")] {
        let person = Person { silence: Some(silence), ..somebody() };
        let ended = tried(stage_of_one("say", &say), person, &[]);
        assert_eq!(ended.status, Status::Failed);
        assert!(ended.reason.as_deref().is_some_and(|told| told.starts_with(reason)), "{:?}", ended.reason);
    }
    let mut person = somebody();
    person.around.conversation = None;
    let ended = tried(stage_of_one("say", &say), person, &[]);
    assert!(ended.reason.as_deref().is_some_and(|told| told.starts_with("conflict")), "{:?}", ended.reason);
}

#[test]
fn a_conversation_that_somebody_has_taken_over_stops_the_flow_unless_it_says_otherwise() {
    for (policy, status) in [(json!({}), Status::Cancelled), (json!({"stopOnHuman": false}), Status::Completed)] {
        let mut person = somebody();
        person.around.conversation.as_mut().expect("a conversation").owner = "human".to_owned();
        let ended = tried(stage(&json!({"say": {"send": {"text": "Hi"}}}), &json!({ "policy": policy })), person, &[]);
        assert_eq!(ended.status, status);
    }
    let steps = json!({"ask": {"handoff": {"note": "cake"}}});
    let ended = tried(stage(&steps, &json!({})), somebody(), &[]);
    assert_eq!(
        (ended.status, told(&ended, "conversation")),
        (Status::Completed, vec!["is handed to a person: cake".to_owned()])
    );
    assert_eq!(ended.words["conversation"]["owner"], "human");
}

#[test]
fn chance_is_the_same_every_time() {
    let steps = json!({
        "split": {"split": {"branches": [{"weight": 1, "then": "a"}, {"weight": 1, "then": "b"}]}},
        "a": {"note": "a", "next": "end"}, "b": {"note": "b"}, "end": {"end": {}},
    });
    let once = told(&tried(stage(&steps, &json!({})), somebody(), &[]), "note");
    assert_eq!(told(&tried(stage(&steps, &json!({})), somebody(), &[]), "note"), once);
    let mut chance = Chance(1);
    let drawn: BTreeSet<u64> = (0..100).map(|_| chance.draw()).collect();
    assert_eq!(drawn.len(), 100);
}

#[test]
fn a_step_that_is_refused_has_not_happened_and_the_run_fails_there() {
    let steps = json!({
        "first": {"addTags": ["new"]},
        "ask": {"send": {"text": "How are you?"}},
        "bye": {"end": {}},
    });
    let mut blocked = somebody();
    blocked.silence = Some(Silence::Blocked);
    let ended = tried(stage(&steps, &json!({})), blocked, &[]);
    assert_eq!((ended.status, ended.step.as_deref()), (Status::Failed, Some("ask")));
    let last = ended.transcript.moments.last().map(|moment| (moment.step.as_str(), moment.kind));
    assert_eq!(last, Some(("ask", "end")));
    // What an answer was to be saved in is not there: the answer was heard, and nothing of the turn stays.
    let steps = json!({
        "ask": {"question": {"text": "How many?", "validate": "integer", "saveTo": "customField.gone"}},
        "bye": {"end": {}},
    });
    let ended = tried(stage(&steps, &json!({})), somebody(), &["5"]);
    assert_eq!((ended.status, ended.step.as_deref()), (Status::Failed, Some("ask")));
    assert_eq!(told(&ended, "received"), ["5"]);
}

#[test]
fn a_server_is_not_asked_and_answers_what_it_was_told_to() {
    let steps = json!({
        "call": {"http": {"url": "https://example.com/{{ run.plan }}", "json": {}, "saveTo": "run.reply", "onError": "sorry"}},
        "thanks": {"send": {"text": "You have {{ run.reply.points }} points."}, "next": "bye"},
        "sorry": {"send": {"text": "Sorry: {{ run.error.code }} {{ run.error.status }}"}},
        "bye": {"end": {}},
    });
    let answered = |answers: Vec<Answer>| {
        let variables = [("plan".to_owned(), json!("a b"))].into_iter().collect();
        let start = Start { flow: flow(1), variables, replies: Vec::new(), answers, now: NEW_YEAR };
        simulate(stage(&steps, &json!({"variables": {"plan": "", "reply": ""}})), somebody(), start)
            .expect("a document")
    };
    let answer = |status: u16, body: Value| Answer { status: Some(status), error: None, body };
    let good = answered(vec![answer(200, json!({"points": 7}))]);
    assert_eq!(
        (good.status, told(&good, "request")),
        (Status::Completed, vec!["POST https://example.com/a%20b".to_owned()])
    );
    assert_eq!(told(&good, "sent"), ["You have 7 points."]);
    let bad = answered(vec![answer(503, Value::Null)]);
    assert_eq!((bad.status, told(&bad, "sent")), (Status::Completed, vec!["Sorry: status 503".to_owned()]));
    let unasked = answered(Vec::new());
    let reason = "a simulation asks no server, and there are no more httpAnswers";
    assert_eq!((unasked.status, unasked.reason.as_deref()), (Status::Waiting, Some(reason)));
}
