//! What a document names of its workspace, so that the host can look it up before validation and before a run.

use std::collections::BTreeSet;

use aggregates::filter;
use serde_json::Value;

use crate::form;
use crate::mentions::{Given, Mention};
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
            Mention::Put { target, given, .. } => {
                self.target(target);
                if let Given::Value(value) = given {
                    self.values(value);
                }
            }
            Mention::Read { target, .. } => self.target(target),
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
