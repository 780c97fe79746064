//! Documents made by the schema, at random, and changes to them. Every kind of step is among them without being named here.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

type Schema = Map<String, Value>;

/// A document that the schema describes.
pub(super) fn document(runner: &mut TestRunner) -> Value {
    let whole = super::document();
    let root = whole.as_object().expect("an object");
    Making { root, runner }.value(root, 0)
}

/// A step of that kind.
pub(super) fn step(kind: &str, runner: &mut TestRunner) -> Value {
    let whole = super::document();
    let root = whole.as_object().expect("an object");
    let form = whole.pointer(&format!("/$defs/step/properties/{kind}")).and_then(Value::as_object).expect(kind);
    let value = Making { root, runner }.value(form, 0);
    json!({kind: value})
}

struct Making<'m> {
    root: &'m Schema,
    runner: &'m mut TestRunner,
}

impl Making<'_> {
    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { drawn(self.runner, &(0..end)) }
    }

    fn value(&mut self, schema: &Schema, depth: usize) -> Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.trim_start_matches("#/$defs/");
            let schema = self.root["$defs"][name].as_object().expect(name);
            return self.value(&schema.clone(), depth);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        for choices in ["enum", "anyOf"] {
            if let Some(choices) = schema.get(choices).and_then(Value::as_array) {
                let choice = &choices[self.below(choices.len())];
                let Some(branch) = choice.as_object() else { return choice.clone() };
                let mut branch = branch.clone();
                if let Some(name) = schema.get("type") {
                    branch.entry("type").or_insert_with(|| name.clone());
                }
                return self.value(&branch, depth);
            }
        }
        let types = match &schema["type"] {
            Value::Array(types) if depth > 8 => vec![types[0].clone()],
            Value::Array(types) => types.clone(),
            one => vec![one.clone()],
        };
        let name = types[self.below(types.len())].as_str().expect("the name of a type").to_owned();
        self.of_type(&name, schema, depth)
    }

    fn of_type(&mut self, name: &str, schema: &Schema, depth: usize) -> Value {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        match name {
            "null" => Value::Null,
            "boolean" => Value::Bool(self.below(2) == 1),
            "number" => json!(drawn(self.runner, &(-1e6..1e6_f64))),
            "integer" => {
                let (least, most) = (limit("minimum").unwrap_or(0), limit("maximum").unwrap_or(1_000));
                json!(least + self.below(most - least + 1))
            }
            "string" => Value::from(self.text(schema)),
            "array" => {
                let least = limit("minItems").unwrap_or(0);
                let most = limit("maxItems").unwrap_or(usize::MAX).min(least + 3);
                let size = least + self.below(most - least + 1);
                let items = schema["items"].as_object().expect("items");
                (0..size).map(|_| self.value(items, depth + 1)).collect()
            }
            _ => Value::Object(self.object(schema, depth)),
        }
    }

    fn text(&mut self, schema: &Schema) -> String {
        let limit = |name: &str, other: usize| {
            schema.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok()).unwrap_or(other)
        };
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            let plain = pattern.trim_start_matches('^').trim_end_matches('$');
            return drawn(self.runner, &string_regex(plain).expect(pattern));
        }
        let (least, most) = (limit("minLength", 0), limit("maxLength", 40));
        // Now and then as long as it may be.
        let size = if self.below(10) == 0 { most } else { least + self.below(most.min(least + 12) - least + 1) };
        let letters = ['a', 'Z', '0', ' ', '\n', 'é', '🎂', '{', '"', '-', '\u{200b}'];
        (0..size).map(|_| letters[self.below(letters.len())]).collect()
    }

    fn object(&mut self, schema: &Schema, depth: usize) -> Map<String, Value> {
        let nothing = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let names = |value: Option<&Value>| -> Vec<String> {
            value
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        let group: Vec<Vec<String>> = schema
            .get("oneOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|one| names(one.get("required")))
            .collect();
        let required = names(schema.get("required"));
        let mut chosen: BTreeSet<String> = required.iter().cloned().collect();
        if !group.is_empty() {
            chosen.extend(group[self.below(group.len())].clone());
        }
        for name in known.keys().filter(|name| !group.concat().contains(name)) {
            if self.below(5) < 2 {
                chosen.insert(name.clone());
            }
        }
        // What belongs to a member that is not there goes, and then what belongs to that.
        for _ in 0..known.len() {
            let together = schema.get("dependentRequired").and_then(Value::as_object).into_iter().flatten();
            for (name, needed) in together {
                if !names(Some(needed)).iter().all(|other| chosen.contains(other)) {
                    chosen.remove(name);
                }
            }
        }
        let mut members = Map::new();
        for (name, property) in known.iter().filter(|(name, _)| chosen.contains(*name)) {
            let value = self.value(property.as_object().expect("a schema"), depth + 1);
            members.insert(name.clone(), value);
        }
        if let Some(rest) = schema.get("additionalProperties").and_then(Value::as_object) {
            let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
            let size = usize::try_from(least).expect("small") + self.below(4);
            let names = schema.get("propertyNames").and_then(Value::as_object).cloned().unwrap_or_default();
            for _ in 0..size {
                let name = self.text(&names);
                let value = self.value(rest, depth + 1);
                members.insert(name, value);
            }
        }
        members
    }
}

fn drawn<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).expect("a value").current()
}

/// Changes a random place of a document, in a way that may or may not break it.
pub(super) fn change(document: &mut Value, runner: &mut TestRunner) {
    let places = count(document);
    let mut place = drawn(runner, &(0..places));
    let found = at(document, &mut place).expect("a place");
    match found {
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            match drawn(runner, &(0..4)) {
                0 if !names.is_empty() => drop(members.shift_remove(&names[drawn(runner, &(0..names.len()))])),
                1 => drop(members.insert(drawn(runner, &"[a-z]{1,8}|next|where|timeout|\\$sealed|a b|"), json!("x"))),
                2 => drop(members.insert("end".to_owned(), json!({}))),
                _ => *found = other(runner),
            }
        }
        Value::Array(items) => match drawn(runner, &(0..3)) {
            0 => drop(items.pop()),
            1 => {
                let copies = items.first().cloned().into_iter().cycle().take(drawn(runner, &(1..60_usize)));
                items.extend(copies);
            }
            _ => *found = other(runner),
        },
        Value::String(text) => match drawn(runner, &(0..4)) {
            0 => text.clear(),
            1 => text.push_str(&drawn(runner, &"[ -~]{1,3}")),
            2 => *text = text.repeat(drawn(runner, &(2..300_usize))),
            _ => *found = other(runner),
        },
        Value::Number(number) => match (number.as_f64(), drawn(runner, &(0..3))) {
            (Some(float), 0) => *found = json!(float),
            (Some(float), 1) => *found = json!(float * 10.0 + 0.5),
            _ => *found = other(runner),
        },
        _ => *found = other(runner),
    }
}

fn other(runner: &mut TestRunner) -> Value {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(1.0),
        json!(-3),
        json!(2.5),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("end"),
        json!("1d"),
        json!("09:00"),
        json!("contact.email"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"end": {}}),
        json!({"text": "x"}),
        json!({"flow": "x"}),
        json!({"a": {"b": {"c": {"d": 1}}}}),
    ];
    others[drawn(runner, &(0..others.len()))].clone()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn at<'v>(value: &'v mut Value, place: &mut usize) -> Option<&'v mut Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Value::Object(members) => members.values_mut().find_map(|member| at(member, place)),
        Value::Array(items) => items.iter_mut().find_map(|item| at(item, place)),
        _ => None,
    }
}
