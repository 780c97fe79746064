//! What a document names of its workspace, so that the host can look it up before validation and before a run.

use std::collections::BTreeSet;

use aggregates::filter;
use serde_json::Value;

use crate::form;
use crate::mentions::Mention;
use crate::parts::Parts;
use crate::turn::Target;

/// Names or ids, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Custom fields of contacts.
    pub fields: BTreeSet<String>,
    /// Bot fields.
    pub bot_fields: BTreeSet<String>,
    /// Flows.
    pub flows: BTreeSet<String>,
}

/// Everything that a document names, which may have errors: what is in a part that cannot be read is not found.
#[must_use]
pub fn references(value: &Value) -> References {
    let parts = Parts::of(&form::canonical(value));
    let mut found = References::default();
    for (_, mention) in parts.mentions().into_iter().flatten() {
        found.take_in(&mention);
    }
    found
}

impl References {
    fn take_in(&mut self, mention: &Mention<'_>) {
        match mention {
            Mention::AddedTag(tag) | Mention::Tag(tag) => drop(self.tags.insert((*tag).to_owned())),
            Mention::Flow(flow) => drop(self.flows.insert((*flow).to_owned())),
            Mention::Filter(filter) => self.filter(filter),
            Mention::Sent(text) | Mention::Template(text) => self.template(text),
            Mention::Values(value) => self.values(value),
            Mention::Put { target, .. } | Mention::Read { target, .. } => self.target(target),
            Mention::Step(_)
            | Mention::Label(_)
            | Mention::Choice(_)
            | Mention::Buttons(_)
            | Mention::Variable(_)
            | Mention::Event(_)
            | Mention::Duration(..)
            | Mention::Keyword(..)
            | Mention::Fault(_) => {}
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::CustomField(field) => drop(self.fields.insert(field.clone())),
            Target::BotField(field) => drop(self.bot_fields.insert(field.clone())),
            Target::Contact(_) | Target::Variable(_) => {}
        }
    }

    fn filter(&mut self, written: &Value) {
        let Ok(parsed) = filter::parse(written) else { return };
        let named = parsed.references();
        self.tags.extend(named.tags);
        self.fields.extend(named.fields);
        self.flows.extend(named.flows);
    }

    fn template(&mut self, text: &str) {
        for variable in crate::template::variables(text).unwrap_or_default() {
            match variable.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["contact", "customField", field, ..] => drop(self.fields.insert((*field).to_owned())),
                ["bot", field, ..] => drop(self.bot_fields.insert((*field).to_owned())),
                _ => {}
            }
        }
    }

    fn values(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.template(text),
            Value::Array(items) => items.iter().for_each(|item| self.values(item)),
            Value::Object(members) => members.values().for_each(|member| self.values(member)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn everything_is_found_wherever_a_document_names_it() {
        let is = |field: &str, value: &str| json!({"field": field, "op": "eq", "value": value});
        let document = json!({
            "formatVersion": 1, "name": "A",
            "start": [{"event": "tagApplied", "where": is("tag", "t1")}],
            "steps": {
                "a": {"addTags": ["t2"]},
                "b": {"removeTags": ["t3"]},
                "c": {"condition": {"cases": [{"when": {"any": [is("customField.f1", "1"), is("tag", "t5")]}, "then": "d"}]}},
                "d": {"send": {"text": "{{ contact.customField['f 2'] }} {{ bot.b1 }} {{ run.x }}"}},
                "e": {"question": {"text": "?", "saveTo": "customField.f3", "retryText": "{{ bot['b 2'] }}"}},
                "f": {"setField": {"field": "bot.b3", "value": ["{{ contact.customField.f4 }}", {"x": "{{ bot.b4 }}"}]}},
                "g": {"startFlow": "w2"},
                "h": {"callFlow": {"flow": "w3", "variables": {"v": "{{ bot.b5 }}"}}},
                "i": {"wait": {"date": "customField.f5"}},
                "j": {"wait": {"event": "tagApplied", "where": is("tag", "t4")}},
                "k": {"switch": {"on": "{{ contact.customField.f6 }}", "cases": {"x": "k"}}},
                "l": {"note": "{{ bot.b6 }}"}
            }
        });
        let found = references(&document);
        assert_eq!(found.tags, set(&["t1", "t2", "t3", "t4", "t5"]));
        assert_eq!(found.fields, set(&["f1", "f 2", "f3", "f4", "f5", "f6"]));
        assert_eq!(found.bot_fields, set(&["b1", "b 2", "b3", "b4", "b5", "b6"]));
        assert_eq!(found.flows, set(&["w2", "w3"]));
        let read = crate::document::Document::parse(&document).expect("a document whose form is right");
        assert_eq!(read.references(), found);
    }

    #[test]
    fn a_part_with_a_fault_does_not_hide_the_others() {
        let document = json!({
            "name": 7, "start": [{"event": 1}, 5],
            "steps": {"a": {"addTags": ["t1"]}, "b": {"addTags": "t2"}, "c": {"sned": {}}, "d": {"startFlow": "w1"}, "e f": {"note": "{{"}}
        });
        let found = references(&document);
        assert_eq!((found.tags, found.flows), (set(&["t1"]), set(&["w1"])));
        for nothing in [json!(null), json!([]), json!("x"), json!({"steps": []}), json!({"start": {}, "steps": {}})] {
            assert_eq!(references(&nothing), References::default());
        }
    }
}
