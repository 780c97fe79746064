//! What is wrong with a form is told at once, each fault with its place, what is expected and the way out.

use serde_json::{Value, json};

use super::{check, check_part, definition};
use crate::finding::{Code, Finding};

fn found(document: &Value) -> Vec<(Code, String, String)> {
    let told = |finding: Finding| (finding.code, finding.path, finding.message);
    check(document).into_iter().map(told).collect()
}

/// What is wrong with one step.
fn step(written: &Value) -> Vec<Finding> {
    check_part("step", written)
}

#[test]
fn a_misfit_names_what_is_expected_and_what_is_there() {
    for (written, path, message) in [
        (json!({"send": 5}), "send", "must be an object with the members text, buttons, timeout, onTimeout, not 5"),
        (json!({"send": {"text": ""}}), "send.text", "must be a text of 1 to 10000 characters, not \"\""),
        (json!({"send": {"text": null}}), "send.text", "must be a text of 1 to 10000 characters, not null"),
        (
            json!({"send": {"text": "x", "buttons": [{"text": "a label of more than 20"}]}}),
            "send.buttons[0].text",
            "must be a text of 1 to 20 characters, not \"a label of more than 20\"",
        ),
        (
            json!({"send": {"text": "x", "buttons": []}}),
            "send.buttons",
            "must be an array of 1 to 3 items, not an array of 0",
        ),
        (
            json!({"send": {"text": "x", "timeout": "5"}}),
            "send.timeout",
            "must be a text such as 30s, 24h, 7d, not \"5\"",
        ),
        (
            json!({"question": {"text": "x", "attempts": 11}}),
            "question.attempts",
            "must be a whole number from 1 to 10, not 11",
        ),
        (
            json!({"question": {"text": "x", "attempts": 1.5}}),
            "question.attempts",
            "must be a whole number from 1 to 10, not 1.5",
        ),
        (
            json!({"question": {"text": "x", "validate": "mail"}}),
            "question.validate",
            "must be one of text, email, phone, number, integer, date, time, url, yesNo, not \"mail\"",
        ),
        (
            json!({"question": {"text": "x", "saveTo": "email"}}),
            "question.saveTo",
            "must be a text such as contact.email, customField.score, bot.opens, run.plan, not \"email\"",
        ),
        (json!({"end": []}), "end", "must be an object, not an array of 0"),
        (json!({"goto": "a b"}), "goto", "must be a text such as ask, say_goodbye, not \"a b\""),
        (
            json!({"startFlow": 5}),
            "startFlow",
            "must be a text of 1 to 255 characters, or an object with the members flow, variables, not 5",
        ),
        (json!({"startFlow": {"flow": ""}}), "startFlow.flow", "must be a text of 1 to 255 characters, not \"\""),
    ] {
        let told = step(&written);
        let told: Vec<(&str, &str)> = told.iter().map(|one| (one.path.as_str(), one.message.as_str())).collect();
        assert_eq!(told, [(path, message)], "{written}");
    }
}

#[test]
fn long_texts_are_not_quoted() {
    let told = step(&json!({"note": "x".repeat(10_001)}));
    assert!(told[0].message.ends_with(", not a text of 10001 characters"), "{}", told[0].message);
}

#[test]
fn a_step_does_one_thing_of_those_that_there_are() {
    let unknown = &step(&json!({"sendd": {"text": "x"}, "next": "a"}))[0];
    assert_eq!((unknown.code, unknown.path.as_str()), (Code::UnknownStepKind, "sendd"));
    assert_eq!(unknown.candidates[0].id, "send");
    assert!(unknown.hint.as_ref().is_some_and(|hint| hint.contains("send, question, condition, switch")));
    let nothing = &step(&json!({"next": "a"}))[0];
    assert_eq!((nothing.code, nothing.path.as_str()), (Code::MissingMember, ""));
    let two = &step(&json!({"send": {"text": "x"}, "end": {}}))[0];
    assert_eq!(two.message, "only one of these members can be there: send, end");
    assert!(two.hint.as_ref().is_some_and(|hint| hint.contains("a step does one thing")));
    // Where the kind is clear, another member is only that.
    let member = &step(&json!({"send": {"text": "x"}, "nxt": "a"}))[0];
    assert_eq!((member.code, member.candidates[0].id.as_str()), (Code::UnknownMember, "next"));
}

#[test]
fn every_fault_is_told() {
    let told = found(&json!({
        "formatVersion": 2, "nam": "x", "start": [{"where": {}}, {"keyword": {"any": []}, "event": "x"}],
        "policy": {"reentry": "never", "settle": 3}, "variables": {"a-b": 1, "c": {"$sealed": 1}},
        "steps": {"a b": {}, "c": {"send": {}}}
    }));
    let places: Vec<(Code, &str)> = told.iter().map(|(code, path, _)| (*code, path.as_str())).collect();
    assert_eq!(
        places,
        [
            (Code::InvalidForm, "formatVersion"),
            (Code::UnknownMember, "nam"),
            (Code::MissingMember, "start[0]"),
            (Code::InvalidForm, "start[0].where"),
            (Code::InvalidForm, "start[1].keyword.any"),
            (Code::InvalidForm, "start[1]"),
            (Code::InvalidForm, "policy.reentry"),
            (Code::InvalidForm, "policy.settle"),
            (Code::InvalidForm, "variables.a-b"),
            (Code::InvalidForm, "variables.c.$sealed"),
            (Code::InvalidForm, "steps[\"a b\"]"),
            (Code::MissingMember, "steps[\"a b\"]"),
            (Code::MissingMember, "steps.c.send.text"),
            (Code::MissingMember, "name"),
        ]
    );
}

#[test]
fn what_is_no_document_is_told_in_one_sentence() {
    for document in [json!(null), json!([]), json!("formatVersion: 1")] {
        let told = found(&document);
        let [(Code::InvalidForm, path, message)] = told.as_slice() else { panic!("{told:?}") };
        assert!(
            path.is_empty() && message.starts_with("must be an object with the members formatVersion, name"),
            "{message}"
        );
    }
}

#[test]
fn json_in_quotes_and_null_are_told_with_the_way_out() {
    let hint = |written: &Value| step(written)[0].hint.clone().unwrap_or_default();
    assert!(hint(&json!({"send": "{\"text\": \"x\"}"})).contains("not its text in quotes"));
    assert!(hint(&json!({"addTags": "[\"a\"]"})).contains("not its text in quotes"));
    assert!(hint(&json!({"send": null})).contains("leave the member out"));
}

#[test]
fn every_pattern_of_the_schema_can_be_read() {
    assert!(super::PATTERNS.len() > 5);
    for (pattern, read) in super::PATTERNS.iter() {
        assert!(read.is_some(), "{pattern}");
    }
    assert!(definition("step").is_some() && definition("start").is_some() && definition("policy").is_some());
}
