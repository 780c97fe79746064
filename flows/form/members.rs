//! The members of an object: which there are, which there have to be, and which go together.

use serde_json::{Map, Value};

use super::{Check, Schema, expected, is_within, resolved};
use crate::finding::{Code, Finding, member, near};

impl Check {
    pub(super) fn members(&mut self, schema: &Schema, members: &Map<String, Value>, path: &str) {
        let nothing = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        // "Exactly one of these": all of `oneOf` that there is in these schemas.
        let group = group(schema);
        let given = group.iter().filter(|name| members.contains_key(**name)).count();
        for (name, value) in members {
            let place = member(path, name);
            match (known.get(name).and_then(Value::as_object), schema.get("additionalProperties")) {
                (Some(inner), _) => self.value(inner, value, &place),
                (None, Some(Value::Bool(false))) => {
                    let lacks_kind = is_step(schema) && given == 0;
                    self.findings.push(unknown(known, name, &place, lacks_kind.then_some(&group)));
                }
                (None, rest) => {
                    self.name(schema, name, &place);
                    if let Some(inner) = rest.and_then(Value::as_object) {
                        self.value(inner, value, &place);
                    }
                }
            }
        }
        self.missing(schema, known, members, path);
        self.exactly_one(schema, &group, members, path);
        self.going_together(schema, members, path);
    }

    /// The names of members that can be chosen freely.
    fn name(&mut self, schema: &Schema, name: &str, place: &str) {
        let Some(names) = schema.get("propertyNames").and_then(Value::as_object) else { return };
        let forbidden = names.get("not").and_then(|not| not.get("enum")).and_then(Value::as_array);
        let value = Value::from(name);
        if forbidden.is_some_and(|names| names.contains(&value)) {
            let message = "this name is the log's own: no member is called so";
            self.findings.push(Finding::new(Code::InvalidForm, place, message).hint("give it another name"));
        } else if !is_within(names, &value) {
            let message = format!("this name does not fit: a name here is {}", expected::of(names));
            self.findings.push(Finding::new(Code::InvalidForm, place, message));
        }
    }

    fn missing(&mut self, schema: &Schema, known: &Map<String, Value>, members: &Map<String, Value>, path: &str) {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| !members.contains_key(*name)) {
            let form = known.get(name).and_then(Value::as_object);
            let form = form.map_or_else(|| "a value".to_owned(), |form| expected::of(resolved(form)));
            let message = format!("{name} is missing: it must be {form}");
            self.findings.push(Finding::new(Code::MissingMember, member(path, name), message));
        }
    }

    fn exactly_one(&mut self, schema: &Schema, group: &[&str], members: &Map<String, Value>, path: &str) {
        let given: Vec<&str> = group.iter().filter(|name| members.contains_key(**name)).copied().collect();
        let names = group.join(", ");
        match given.as_slice() {
            _ if group.is_empty() => {}
            [_] => {}
            [] if is_step(schema) => {
                // A member that is not known was told to be no kind of step.
                if members.keys().all(|name| name == "next") {
                    let message = "this step does nothing: it needs exactly one kind";
                    let finding = Finding::new(Code::MissingMember, path, message);
                    self.findings.push(finding.hint(format!("the kinds are {names}")));
                }
            }
            [] => {
                let message = format!("one of these members is missing: {names}");
                self.findings.push(Finding::new(Code::MissingMember, path, message));
            }
            several => {
                let message = format!("only one of these members can be there: {}", several.join(", "));
                let finding = Finding::new(Code::InvalidForm, path, message);
                let hint = "make a step of each: a step does one thing";
                self.findings.push(if is_step(schema) { finding.hint(hint) } else { finding });
            }
        }
    }

    fn going_together(&mut self, schema: &Schema, members: &Map<String, Value>, path: &str) {
        let dependent = schema.get("dependentRequired").and_then(Value::as_object).into_iter().flatten();
        for (name, needed) in dependent.filter(|(name, _)| members.contains_key(*name)) {
            let needed = needed.as_array().into_iter().flatten().filter_map(Value::as_str);
            for other in needed.filter(|other| !members.contains_key(*other)) {
                let message = format!("{name} belongs to {other}, which is not there");
                let finding = Finding::new(Code::InvalidForm, member(path, name), message);
                self.findings.push(finding.hint(format!("leave {name} out, or add {other}")));
            }
        }
    }
}

/// The members of which exactly one has to be there.
fn group(schema: &Schema) -> Vec<&str> {
    let branches = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    branches.filter_map(|branch| branch.get("required")?.get(0)?.as_str()).collect()
}

fn is_step(schema: &Schema) -> bool {
    super::definition("step").is_some_and(|step| std::ptr::eq(step, schema))
}

/// A member that is not there in this form; `kinds` when it stands where the kind of a step should.
fn unknown(known: &Map<String, Value>, name: &str, place: &str, kinds: Option<&Vec<&str>>) -> Finding {
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    if let Some(kinds) = kinds {
        let finding = Finding::new(Code::UnknownStepKind, place, "there is no such kind of step");
        let hint =
            format!("the kinds are {}; a step is written as {{\"send\": {{\"text\": \"Hi\"}}}}", kinds.join(", "));
        return finding.hint(hint).candidates(near(name, kinds.iter().copied()));
    }
    let finding = Finding::new(Code::UnknownMember, place, "there is no such member here");
    let finding = finding.candidates(near(name, names.iter().copied()));
    match names.as_slice() {
        [] => finding.hint("write an object without members: {}"),
        _ => finding.hint(format!("the members are {}", names.join(", "))),
    }
}
