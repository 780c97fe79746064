//! Every code that validation tells, with the document that causes it.

use std::collections::BTreeSet;

use aggregates::field_value::FieldType;
use aggregates::ids::{BotFieldId, FieldId, FlowId, TagId};
use serde_json::{Value, json};
use strum::VariantArray as _;
use uuid::Uuid;

use super::{Validation, validate};
use crate::catalog::{Catalog, ChannelLimits, Noun};
use crate::finding::{Code, Finding};
use crate::{schema, yaml};

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.add_channel("webchat", ChannelLimits { max_text_chars: 100, max_buttons: 2, max_label_chars: 10 });
    catalog.add_tag(TagId(Uuid::from_u128(1)), "VIP");
    for (number, name, field_type) in [
        (1, "score", FieldType::Number),
        (2, "Birthday", FieldType::Date),
        (3, "Shoe size", FieldType::Text),
        (4, "Interests", FieldType::List),
        (5, "Twin", FieldType::Text),
        (6, "twin", FieldType::Text),
    ] {
        catalog.add_field(FieldId(Uuid::from_u128(number)), name, field_type);
    }
    catalog.add_bot_field(BotFieldId(Uuid::from_u128(1)), "opens", FieldType::Time);
    catalog.add_flow(FlowId(Uuid::from_u128(1)), "Other");
    catalog.add_flow(FlowId(Uuid::from_u128(2)), "A flow");
    catalog
}

/// What there is to say about these steps.
fn told(steps: &str) -> Validation {
    let lines: Vec<String> = steps.lines().map(|line| format!("  {line}")).collect();
    document(&format!("formatVersion: 1\nname: A flow\nsteps:\n{}\n", lines.join("\n")))
}

/// What there is to say about a document.
fn document(text: &str) -> Validation {
    match yaml::read(text) {
        Ok(value) => validate(&value, &catalog()),
        Err(errors) => Validation { errors, warnings: Vec::new() },
    }
}

fn seen(findings: &[Finding]) -> Vec<(Code, &str)> {
    findings.iter().map(|finding| (finding.code, finding.path.as_str())).collect()
}

/// Steps, and the one thing that is wrong with them.
const ERRORS: &[(&str, Code, &str)] = &[
    ("a: {send: 5}", Code::InvalidForm, "steps.a.send"),
    ("a: {send: {txt: Hi, text: Hi}}", Code::UnknownMember, "steps.a.send.txt"),
    ("a: {send: {}}", Code::MissingMember, "steps.a.send.text"),
    ("a: {sned: {text: Hi}}", Code::UnknownStepKind, "steps.a.sned"),
    ("a: {send: {text: \" \"}}", Code::EmptyText, "steps.a.send.text"),
    ("a: {question: {text: Hi, choices: [\"\\u200B\", b]}}", Code::EmptyText, "steps.a.question.choices[0]"),
    ("a: {addTags: [\" \"]}", Code::EmptyText, "steps.a.addTags[0]"),
    ("a: {goto: bye}", Code::MissingTarget, "steps.a.goto"),
    ("a: {send: {text: Hi}, next: c}", Code::MissingTarget, "steps.a.next"),
    (
        "a: {send: {text: Hi, buttons: [{text: x, then: c}], timeout: 1d, onTimeout: a}}",
        Code::MissingTarget,
        "steps.a.send.buttons[0].then",
    ),
    ("a: {end: {}}\nb: {end: {}}", Code::UnreachableStep, "steps.b"),
    ("a: {goto: c}\nb: {goto: c}\nc: {end: {}}", Code::UnreachableStep, "steps.b"),
    ("a: {send: {text: Hi}}\nb: {goto: a}", Code::EndlessLoop, "steps.a"),
    ("a: {goto: a}", Code::EndlessLoop, "steps.a"),
    ("a: {send: {text: Hi, buttons: [{text: x}]}, next: a}", Code::EndlessLoop, "steps.a"),
    ("a: {removeTags: [vpi]}", Code::UnknownTag, "steps.a.removeTags[0]"),
    (
        "a: {condition: {cases: [{when: {any: [{field: tag, op: eq, value: vpi}]}, then: b}]}}\nb: {end: {}}",
        Code::UnknownTag,
        "steps.a.condition.cases[0].when.any[0].value",
    ),
    ("a: {send: {text: \"{{ contact.customField.scor }}\"}}", Code::UnknownField, "steps.a.send.text"),
    ("a: {question: {text: Hi, saveTo: customField.shoesize2}}", Code::UnknownField, "steps.a.question.saveTo"),
    (
        "a: {condition: {cases: [{when: {field: customField.scor, op: eq, value: 1}, then: b}]}}\nb: {end: {}}",
        Code::UnknownField,
        "steps.a.condition.cases[0].when.field",
    ),
    ("a: {send: {text: \"{{ bot.open }}\"}}", Code::UnknownBotField, "steps.a.send.text"),
    ("a: {setField: {field: bot.open, operation: clear}}", Code::UnknownBotField, "steps.a.setField.field"),
    ("a: {startFlow: Others}", Code::UnknownFlow, "steps.a.startFlow"),
    ("a: {wait: {event: tagAplied}}", Code::UnknownEvent, "steps.a.wait.event"),
    ("a: {setField: {field: customField.Twin, value: x}}", Code::Ambiguous, "steps.a.setField.field"),
    ("a: {callFlow: a FLOW}", Code::CallsItself, "steps.a.callFlow"),
    ("a: {startFlow: {flow: A flow}}", Code::CallsItself, "steps.a.startFlow.flow"),
    ("a: {send: {text: \"{{ contact.\"}}", Code::InvalidTemplate, "steps.a.send.text"),
    ("a: {note: \"{{ lastInput | upcase }}\"}", Code::InvalidTemplate, "steps.a.note"),
    ("a: {send: {text: Hi, buttons: [{text: \"{{ x }}\"}]}}", Code::InvalidTemplate, "steps.a.send.buttons[0].text"),
    ("a: {send: {text: \"{{ contact.firstname }}\"}}", Code::UnknownVariable, "steps.a.send.text"),
    (
        "a: {setField: {field: run.a, value: [{b: \"{{ run.c }}\"}]}}",
        Code::UnknownVariable,
        "steps.a.setField.value[0].b",
    ),
    (
        "a: {condition: {cases: [{when: {all: [{field: age, op: gt, value: 1}]}, then: b}]}}\nb: {end: {}}",
        Code::InvalidFilter,
        "steps.a.condition.cases[0].when.all[0].field",
    ),
    (
        "a: {condition: {cases: [{when: {field: customField.score, op: contains, value: a}, then: b}]}}\nb: {end: {}}",
        Code::InvalidFilter,
        "steps.a.condition.cases[0].when.op",
    ),
    ("a: {setField: {field: customField.score, value: many}}", Code::WrongType, "steps.a.setField.field"),
    (
        "a: {setField: {field: customField.score, value: 1, operation: append}}",
        Code::WrongType,
        "steps.a.setField.field",
    ),
    (
        "a: {setField: {field: customField.Birthday, value: 1, operation: increase}}",
        Code::WrongType,
        "steps.a.setField.field",
    ),
    ("a: {setField: {field: contact.email, value: 1, operation: increase}}", Code::WrongType, "steps.a.setField.field"),
    ("a: {setField: {field: contact.email, value: ana}}", Code::WrongType, "steps.a.setField.field"),
    ("a: {setField: {field: contact.timezone, value: Berlin}}", Code::WrongType, "steps.a.setField.field"),
    (
        "a: {question: {text: Hi, validate: email, saveTo: customField.score}}",
        Code::WrongType,
        "steps.a.question.saveTo",
    ),
    ("a: {question: {text: Hi, saveTo: contact.phone}}", Code::WrongType, "steps.a.question.saveTo"),
    (
        "a: {question: {text: Hi, validate: number, choices: [\"1\", b]}}",
        Code::WrongType,
        "steps.a.question.choices[1]",
    ),
    ("a: {wait: {date: customField.score}}", Code::WrongType, "steps.a.wait.date"),
    (
        "a: {send: {text: \"{{ contact.name }} 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123\"}}",
        Code::TextTooLong,
        "steps.a.send.text",
    ),
    ("a: {send: {text: Hi, buttons: [{text: a}, {text: b}, {text: c}]}}", Code::TooManyButtons, "steps.a.send.buttons"),
    ("a: {question: {text: Hi, choices: [a, b, c]}}", Code::TooManyButtons, "steps.a.question.choices"),
    ("a: {send: {text: Hi, buttons: [{text: 12345678901x}]}}", Code::LabelTooLong, "steps.a.send.buttons[0].text"),
    (
        "a: {send: {text: Hi, buttons: [{text: Yes}, {text: yës}]}}",
        Code::DuplicateLabel,
        "steps.a.send.buttons[1].text",
    ),
    ("a: {question: {text: Hi, choices: [a, b, c, d, A]}}", Code::DuplicateLabel, "steps.a.question.choices[4]"),
    ("a: {wait: {for: 366d}}", Code::DurationTooLong, "steps.a.wait.for"),
    ("a: {question: {text: Hi, timeout: 9999999w}}", Code::DurationTooLong, "steps.a.question.timeout"),
];

/// Documents without their first two lines and steps, and the one thing that is wrong with them.
const ERRORS_AT_THE_TOP: &[(&str, Code, &str)] = &[
    ("channel: webcaht", Code::InvalidForm, "channel"),
    ("polcy: {}", Code::UnknownMember, "polcy"),
    ("policy: {settle: 61s}", Code::DurationTooLong, "policy.settle"),
    ("policy: {cooldown: 53w}", Code::DurationTooLong, "policy.cooldown"),
    ("policy: {maxSteps: 0}", Code::InvalidForm, "policy.maxSteps"),
    ("variables: {a: {b: {c: {d: {}}}}}", Code::InvalidForm, "variables.a.b.c.d"),
    ("variables: {a b: 1}", Code::InvalidForm, "variables[\"a b\"]"),
    ("start: [{event: tagAplied}]", Code::UnknownEvent, "start[0].event"),
    ("start: [{event: tagApplied, where: {field: tag, op: eq, value: x}}]", Code::UnknownTag, "start[0].where.value"),
    ("start: [{event: tagApplied, where: {}}]", Code::InvalidFilter, "start[0].where"),
    ("start: [{keyword: {any: [\"a(\"], match: regex}}]", Code::InvalidPattern, "start[0].keyword.any[0]"),
    ("start: [{keyword: {any: [\"\\u200B\"]}}]", Code::EmptyText, "start[0].keyword.any[0]"),
    (
        "start: [{keyword: {any: [hi, hello]}}, {keyword: {any: [HELLO], match: exact}}]",
        Code::DuplicateKeyword,
        "start[1].keyword.any[0]",
    ),
    ("name: B", Code::DuplicateName, ""),
    ("start: [", Code::InvalidYaml, ""),
];

/// Steps, and the one thing that may be meant otherwise.
const WARNINGS: &[(&str, Code, &str)] = &[
    ("a: {addTags: [VIP, New]}", Code::UnknownTag, "steps.a.addTags[1]"),
    ("a: {end: {}, next: a}", Code::UselessNext, "steps.a.next"),
];

#[test]
fn every_error_is_told_with_its_place() {
    for (steps, code, path) in ERRORS {
        let told = told(steps);
        assert_eq!(seen(&told.errors), [(*code, *path)], "{steps}: {:#?}", told.errors);
        assert_eq!(told.warnings, [], "{steps}");
    }
    for (top, code, path) in ERRORS_AT_THE_TOP {
        let told = document(&format!("formatVersion: 1\nname: A flow\n{top}\nsteps: {{a: {{end: {{}}}}}}"));
        assert_eq!(seen(&told.errors), [(*code, *path)], "{top}: {:#?}", told.errors);
    }
}

#[test]
fn every_warning_is_told_with_its_place() {
    for (steps, code, path) in WARNINGS {
        let told = told(steps);
        assert_eq!(seen(&told.warnings), [(*code, *path)], "{steps}");
        assert_eq!(told.errors, [], "{steps}");
    }
}

#[test]
fn a_text_is_as_long_as_what_its_templates_leave_at_least() {
    let long = "0123456789".repeat(10);
    for text in [
        format!("Hi {{{{ contact.firstName | default('{long}') }}}}!"),
        format!("{{# {long} #}}Hi {{"),
        format!("{{% if lastInput %}}{long}{{% else %}}{long}{{% endif %}}"),
    ] {
        assert_eq!(
            told(&format!("a: {{send: {{text: {}}}}}", Value::from(text.as_str()))),
            Validation::default(),
            "{text}"
        );
    }
    let text = format!("{{{{ lastInput }}}}{long}{{{{ lastInput }}}}");
    assert_eq!(told(&format!("a: {{send: {{text: \"{text}\"}}}}")), Validation::default());
    assert_eq!(
        seen(&told(&format!("a: {{send: {{text: \"{text}.\"}}}}")).errors),
        [(Code::TextTooLong, "steps.a.send.text")]
    );
}

#[test]
fn a_flow_that_is_new_cannot_call_itself_either() {
    let written = json!({"formatVersion": 1, "name": "Brand new", "steps": {"a": {"callFlow": "brand NEW"}}});
    assert_eq!(seen(&validate(&written, &catalog()).errors), [(Code::CallsItself, "steps.a.callFlow")]);
}

#[test]
fn a_channel_that_is_not_there_is_an_error() {
    let written = json!({"formatVersion": 1, "name": "A", "channel": "webchat", "steps": {"a": {"end": {}}}});
    let told = validate(&written, &Catalog::default());
    assert_eq!(seen(&told.errors), [(Code::UnknownChannel, "channel")]);
    assert_eq!(validate(&written, &catalog()), Validation::default());
}

#[test]
fn every_code_has_a_document_that_causes_it() {
    let caused = [ERRORS, ERRORS_AT_THE_TOP, WARNINGS].concat().into_iter().map(|(_, code, _)| code);
    // Its document needs another catalog.
    let caused: BTreeSet<Code> = caused.chain([Code::UnknownChannel]).collect();
    assert_eq!(caused, Code::VARIANTS.iter().copied().collect());
}

#[test]
fn where_only_some_channels_take_a_text_it_is_a_warning_unless_the_flow_is_for_one_of_them() {
    let mut catalog = catalog();
    catalog.add_channel("sms", ChannelLimits { max_text_chars: 10, max_buttons: 0, max_label_chars: 0 });
    let written = |channel: Option<&str>| {
        let mut document = json!({"formatVersion": 1, "name": "A", "steps": {
            "a": {"send": {"text": "More than ten", "buttons": [{"text": "Yes"}]}}}});
        if let Some(channel) = channel {
            document["channel"] = Value::from(channel);
        }
        validate(&document, &catalog)
    };
    let told = written(None);
    let place = |place: &'static str, code| (code, place);
    let expected = [
        place("steps.a.send.text", Code::TextTooLong),
        place("steps.a.send.buttons", Code::TooManyButtons),
        place("steps.a.send.buttons[0].text", Code::LabelTooLong),
    ];
    assert_eq!((seen(&told.warnings), told.errors.len()), (expected.to_vec(), 0));
    assert_eq!(written(Some("webchat")), Validation::default());
}

#[test]
fn all_errors_are_told_at_once_form_and_meaning() {
    let told = document(
        "name: A flow
start: [{event: tagAplied}, {event: 1}]
steps:
  a: {send: {text: '{{ contact.nam }}', timeout: soon}}
  b: {removeTags: [gone], next: x}
  c: {sned: {}}
  d: {wait: {for: 1d, at: '09:00'}}
  e: {setField: {field: customField.score, value: a}}",
    );
    let found: BTreeSet<(Code, &str)> = seen(&told.errors).into_iter().collect();
    let expected = [
        (Code::InvalidForm, "start[1].event"),
        (Code::InvalidForm, "steps.a.send.timeout"),
        (Code::InvalidForm, "steps.d.wait"),
        (Code::MissingMember, "formatVersion"),
        (Code::UnknownStepKind, "steps.c.sned"),
        (Code::MissingTarget, "steps.b.next"),
        (Code::UnknownTag, "steps.b.removeTags[0]"),
        (Code::UnknownEvent, "start[0].event"),
        (Code::WrongType, "steps.e.setField.field"),
    ];
    assert_eq!(found, expected.into_iter().collect());
}

#[test]
fn near_misses_are_told() {
    let candidates = |steps: &str| {
        let told = told(steps);
        let close = told.errors.into_iter().chain(told.warnings).flat_map(|finding| finding.candidates);
        close.map(|candidate| candidate.id).collect::<Vec<_>>()
    };
    for (steps, close) in [
        ("a: {sned: {text: Hi}}", "send"),
        ("a: {send: {txt: Hi, text: Hi}}", "text"),
        ("hello: {goto: helo}", "hello"),
        ("a: {removeTags: [vips]}", "VIP"),
        ("a: {addTags: [vi]}", "VIP"),
        ("a: {send: {text: \"{{ contact.customField.scor }}\"}}", "score"),
        ("a: {send: {text: \"{{ contact.firstname }}\"}}", "contact.firstName"),
        ("a: {send: {text: \"{{ bot.open }}\"}}", "opens"),
        ("a: {startFlow: Othr}", "Other"),
        ("a: {wait: {event: tagAplied}}", "tagApplied"),
        ("a: {question: {text: Hi, saveTo: contact.emial}}", "contact.email"),
        ("a: {question: {text: Hi, validate: emial}}", "email"),
    ] {
        assert!(candidates(steps).iter().any(|id| id == close), "{steps}: {:?}", candidates(steps));
    }
    let mut catalog = catalog();
    let near = crate::finding::near("vips", ["Very important people, vips"]);
    catalog.suggest(Noun::Tag, "vips", near.clone());
    let written = json!({"formatVersion": 1, "name": "A", "steps": {"a": {"removeTags": ["vips"]}}});
    assert_eq!(validate(&written, &catalog).errors[0].candidates, near);
}

#[test]
fn a_circle_with_a_pause_in_it_is_allowed() {
    for steps in [
        "a: {wait: {for: 1h}}\nb: {goto: a}",
        "a: {question: {text: Hi}}\nb: {goto: a}",
        "a: {send: {text: Hi, buttons: [{text: Again, then: a}]}}",
        "a: {condition: {cases: [{when: {field: tag, op: eq, value: VIP}, then: c}]}}\nb: {wait: {event: tagApplied}, next: a}\nc: {end: {}}",
    ] {
        assert_eq!(told(steps), Validation::default(), "{steps}");
    }
    // The way around the pause is a circle, too.
    let around =
        "a: {condition: {cases: [{when: {field: tag, op: eq, value: VIP}, then: a}]}}\nb: {wait: {for: 1h}, next: a}";
    assert_eq!(seen(&told(around).errors), [(Code::EndlessLoop, "steps.a")]);
    let two = "a: {send: {text: Hi}, next: b}\nb: {condition: {cases: [{when: {field: tag, op: eq, value: VIP}, then: c}], otherwise: a}}\nc: {goto: c}";
    assert_eq!(seen(&told(two).errors), [(Code::EndlessLoop, "steps.a"), (Code::EndlessLoop, "steps.c")]);
}

#[test]
fn variables_are_known_when_they_are_declared_or_written() {
    let steps = |first: &str| format!("a: {first}\nb: {{send: {{text: \"{{{{ run.plan }}}}\"}}}}");
    for first in [
        "{setField: {field: run.plan, value: free}}",
        "{question: {text: Hi, saveTo: run.plan}}",
        "{callFlow: {flow: Other, variables: {plan: free}}}",
    ] {
        assert_eq!(told(&steps(first)), Validation::default(), "{first}");
    }
    let started = "{startFlow: {flow: Other, variables: {plan: free}}}";
    assert_eq!(seen(&told(&steps(started)).errors), [(Code::UnknownVariable, "steps.b.send.text")]);
    let declared = "formatVersion: 1\nname: A\nvariables: {plan: free}\nsteps: {a: {send: {text: '{{ run.plan }}'}}}";
    assert_eq!(document(declared), Validation::default());
}

#[test]
fn values_that_are_only_known_in_the_run_are_not_judged() {
    for steps in [
        "a: {setField: {field: customField.score, value: \"{{ lastInput }}\"}}",
        "a: {setField: {field: customField.Birthday, operation: clear}}",
        "a: {setField: {field: customField.Interests, value: cake, operation: append}}",
        "a: {setField: {field: contact.country, value: DE}}",
        "a: {question: {text: Hi, validate: email, saveTo: customField.Shoe size}}",
        "a: {question: {text: Hi, validate: yesNo, saveTo: run.agreed}}",
    ] {
        assert_eq!(told(steps), Validation::default(), "{steps}");
    }
}

#[test]
fn the_example_works_where_a_field_score_holds_numbers() {
    let example = yaml::read(schema::EXAMPLE).expect("YAML");
    let mut catalog = Catalog::default();
    catalog.add_channel("webchat", ChannelLimits { max_text_chars: 4_096, max_buttons: 3, max_label_chars: 20 });
    catalog.add_field(FieldId(Uuid::from_u128(1)), "score", FieldType::Number);
    let told = validate(&example, &catalog);
    // The tag that starts it has to be there; the one that it adds is made.
    assert_eq!(seen(&told.errors), [(Code::UnknownTag, "start[1].where.value")]);
    assert_eq!(seen(&told.warnings), [(Code::UnknownTag, "steps.vip.addTags[0]")]);
    catalog.add_tag(TagId(Uuid::from_u128(1)), "vip");
    assert_eq!(validate(&example, &catalog), Validation::default());
}
