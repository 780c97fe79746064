//! What is written is read back as it was, and what cannot be stored is refused with its place.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, write};
use crate::finding::Code;

/// Texts that YAML readers stumble over.
const AWKWARD: &[&str] = &[
    "",
    " ",
    "yes",
    "NO",
    "null",
    "~",
    "1",
    "1.0",
    "1e3",
    "0x1f",
    "0o7",
    ".5",
    ".inf",
    "+4917",
    "-",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "---",
    "...",
    "{{ contact.firstName }}",
    "[a]",
    "a, b",
    "it's",
    "\"a\"",
    "a\nb",
    "a\n",
    "\na",
    "a\n\n",
    " a\nb",
    "a\n b\n  c",
    "\ta",
    "a\t\nb",
    "a\r\nb",
    "\u{85}",
    "a\u{2028}b",
    "\u{feff}",
    "\u{200b}",
    "🎂 \u{e0041}",
    "09:30",
    "2026-11-23",
    "24h",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "a:",
    ":a",
    "a\\b",
    "<<",
    "= ",
    "?",
    "? a",
    "a \nb ",
    "x\n#y\n- z",
];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(AWKWARD).prop_map(str::to_owned),
        "[a-z ]{0,12}",
        "[ -~\n\t]{0,20}",
        any::<String>().prop_map(|text| text.chars().take(12).collect()),
        "[a-z]{3,9}( [a-z]{3,9}){8,20}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let simple = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    simple.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((texts(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_in_its_order(value in values()) {
        let text = write(&value).expect("a text");
        let back = read(&text).map_err(|findings| TestCaseError::fail(format!("{findings:?}\n{text}")))?;
        prop_assert_eq!(back.to_string(), value.to_string(), "{}", text);
        prop_assert!(text.ends_with('\n'));
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![
        any::<String>(), "[-a:{}\\[\\]&*|>'\"#%@!?, \n\t]{0,60}"
    ]) {
        if let Err(findings) = read(&text) {
            prop_assert!(!findings.is_empty());
        }
    }
}

#[test]
fn a_document_is_written_as_a_person_would() {
    let document = json!({
        "formatVersion": 1, "name": "Onboarding",
        "start": [{ "keyword": { "any": ["start", "hi", "no"], "match": "word" } }, { "event": "tagApplied" }],
        "policy": { "cooldown": "24h", "settle": "3s" },
        "variables": { "plan": "free", "price": 12.5, "none": null, "empty": {}, "list": [] },
        "steps": {
            "hello": { "send": { "text": "Hi {{ contact.firstName }}!", "buttons": [{ "text": "Yes", "then": "ask" }] } },
            "ask": { "note": "First line\n\n  second: line\n" },
            "wait": { "wait": { "for": "1d", "between": "09:00-18:00" } },
            "bye": { "end": {} }
        }
    });
    let text = r#"formatVersion: 1
name: Onboarding
start:
  - keyword:
      any: [start, hi, "no"]
      match: word
  - event: tagApplied
policy:
  cooldown: 24h
  settle: 3s
variables:
  plan: free
  price: 12.5
  none: null
  empty: {}
  list: []
steps:
  hello:
    send:
      text: "Hi {{ contact.firstName }}!"
      buttons:
        - text: "Yes"
          then: ask
  ask:
    note: |
      First line

        second: line
  wait:
    wait:
      for: 1d
      between: "09:00-18:00"
  bye:
    end: {}
"#;
    assert_eq!(write(&document).as_deref(), Ok(text));
}

#[test]
fn plain_words_are_read_by_the_rules_of_yaml_1_2() {
    let text = "a: yes\nb: 09:30\nc: 0x1F\nd: 1.50\ne: ~\nf:\ng: True\nh: +5\n1: one\nyes: two\ni: !!str 5\nj: 2026-11-23\nk: 0o17\nl: -.5e1";
    let value = json!({
        "a": "yes", "b": "09:30", "c": 31, "d": 1.5, "e": null, "f": null, "g": true, "h": 5, "1": "one", "yes": "two", "i": "5",
        "j": "2026-11-23", "k": 15, "l": -5.0
    });
    assert_eq!(read(text), Ok(value));
}

fn refused(text: &str) -> Vec<(Code, String)> {
    let findings = read(text).expect_err(text);
    findings.into_iter().map(|finding| (finding.code, finding.message)).collect()
}

#[test]
fn a_name_that_stands_twice_is_refused_each_time_with_its_place() {
    let text = "a: 1\nsteps:\n  x: {end: {}}\n  x: {end: {}}\na: 2";
    assert_eq!(
        refused(text),
        [
            (Code::DuplicateName, "line 4, column 3: the name \"x\" stands twice in one object".to_owned()),
            (Code::DuplicateName, "line 5, column 1: the name \"a\" stands twice in one object".to_owned()),
        ]
    );
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    for (text, place) in [
        ("a: [1", "line 2, column 1"),
        ("a: 1\n b: 2", "line 2, column 3"),
        ("a:\n\tb: 1", "line 2"),
        ("a: 1\n---\nb: 2", "line 2, column 1: there is more than one document"),
        ("a: !mine 1", "line 1, column 4: flows have no tags such as !mine"),
        ("a: !!set {}", "flows have no tags"),
        ("a: {{ contact.firstName }}", "line 1, column 5: a name in an object is a text"),
        ("a: 99999999999999999999", "line 1, column 4: this number is too large"),
        ("a: .nan", "this number is too large, or none that JSON has"),
        ("a: &x [*x]", "line 1, column 8: this alias leads into the value that it stands in"),
        ("", "there is nothing in this YAML"),
        ("# only a remark", "there is nothing in this YAML"),
    ] {
        let found = refused(text);
        assert!(
            found.iter().any(|(code, message)| *code == Code::InvalidYaml && message.contains(place)),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn aliases_are_unfolded_within_a_limit() {
    assert_eq!(read("a: &x {b: 1}\nc: *x"), Ok(json!({ "a": { "b": 1 }, "c": { "b": 1 } })));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    assert!(refused(&bomb)[0].1.contains("at most 50000 values"), "{bomb}");
}

#[test]
fn depth_and_length_have_limits() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&deep(64)).is_ok());
    assert!(refused(&deep(65))[0].1.contains("nested at most 64 deep"));
    assert!(read(&deep(100_000)).is_err());
    let mut value = Value::from(1);
    for _ in 0..65 {
        value = json!({ "a": value });
    }
    assert_eq!(write(&value), Err("objects and arrays are nested more than 64 deep".to_owned()));
    assert!(write(&value["a"]).is_ok_and(|text| read(&text).is_ok()));
    assert!(refused(&format!("a: {}", "x".repeat(super::MAX_BYTES)))[0].1.contains("at most"));
}
