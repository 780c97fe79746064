//! The schema and the check of the form are one: what one accepts the other accepts, by the word of an independent judge.

#[cfg(test)]
#[path = "made_documents_tests.rs"]
mod made;

use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use super::*;
use crate::document::Document;
use crate::steps::KINDS;

static JUDGE: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&document()).expect("a schema that can be used"));

fn runner(seed: &[u8; 32]) -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, seed))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn what_the_schema_describes_is_accepted(seed in any::<[u8; 32]>()) {
        let document = made::document(&mut runner(&seed));
        prop_assert!(JUDGE.is_valid(&document), "{:?}: {document}", JUDGE.iter_errors(&document).next().map(|e| e.to_string()));
        prop_assert!(Document::parse(&document).is_ok(), "{:?}: {document}", Document::parse(&document).err());
    }

    #[test]
    fn what_the_schema_refuses_is_refused_and_nothing_else(seed in any::<[u8; 32]>(), changes in 1..4_usize) {
        let mut runner = runner(&seed);
        let mut document = made::document(&mut runner);
        for _ in 0..changes {
            made::change(&mut document, &mut runner);
        }
        let judged = JUDGE.is_valid(&document);
        let read = Document::parse(&document);
        let told = JUDGE.iter_errors(&document).next().map(|error| error.to_string());
        prop_assert_eq!(judged, read.is_ok(), "{:?} {:?}: {}", told, read.err(), document);
    }
}

#[test]
fn the_schema_is_one_and_names_every_kind_of_step() {
    let schema = document();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let names: Vec<&str> = kinds().iter().map(|(name, _)| *name).collect();
    let expected = [
        "send",
        "question",
        "condition",
        "switch",
        "split",
        "wait",
        "addTags",
        "removeTags",
        "setField",
        "http",
        "note",
        "goto",
        "startFlow",
        "callFlow",
        "handoff",
        "closeConversation",
        "end",
    ];
    assert_eq!(names, expected);
    for (name, does) in kinds() {
        assert!(does.ends_with('.') && does.len() > 20, "{name}: {does}");
    }
}

#[test]
fn every_member_that_an_author_writes_is_described() {
    fn look(schema: &Value, path: &str) {
        match schema {
            Value::Object(members) => {
                for (name, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    let told = property.get("description").or_else(|| property.get("$ref"));
                    assert!(told.is_some(), "{path}.{name}");
                }
                members.iter().for_each(|(name, member)| look(member, &format!("{path}.{name}")));
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, path)),
            _ => {}
        }
    }
    look(&document(), "");
}

#[test]
fn the_schema_of_one_kind_stands_alone() {
    for kind in KINDS {
        let schema = step(kind.name).expect(kind.name);
        assert!(jsonschema::meta::is_valid(&schema), "{}", kind.name);
        let judge = jsonschema::draft202012::new(&schema).expect(kind.name);
        let (mut yes, mut no) = (0, 0);
        for seed in 0..40_u8 {
            let written = made::step(kind.name, &mut runner(&[seed; 32]));
            assert!(judge.is_valid(&written), "{}: {written}", kind.name);
            yes += 1;
            no += usize::from(!judge.is_valid(&serde_json::json!({"another": written})));
        }
        assert_eq!((yes, no), (40, 40), "{}", kind.name);
    }
    assert_eq!((step("next"), step("sned")), (None, None));
}

#[test]
fn null_is_nothing_that_an_author_writes() {
    fn nulls(schema: &Value) -> usize {
        match schema {
            Value::Object(members) => members.values().map(nulls).sum(),
            Value::Array(items) => items.iter().map(nulls).sum(),
            value => usize::from(value == "null"),
        }
    }
    // In the values of variables alone, at each of their levels.
    assert_eq!(nulls(&document()), crate::terms::MAX_VALUE_DEPTH + 1);
}
