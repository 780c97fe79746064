//! The things of the workspace that a document names: tags, fields, flows, and filters, which name all of them.

use aggregates::filter::{self, Fault, FilterError};
use aggregates::folding::fold;
use serde_json::Value;

use super::Report;
use crate::catalog::{Noun, Thing};
use crate::finding::{Code, Finding, join};

/// What a noun is called, the code when it does not exist, and who shows those that do.
const fn about(noun: Noun) -> (&'static str, Code, &'static str) {
    match noun {
        Noun::Tag => ("tag", Code::UnknownTag, "list_tags shows the tags"),
        Noun::Field => ("custom field", Code::UnknownField, "list_custom_fields shows the custom fields"),
        Noun::BotField => ("bot field", Code::UnknownBotField, "list_bot_fields shows the bot fields"),
        Noun::Flow => ("flow", Code::UnknownFlow, "list_flows shows the flows"),
    }
}

impl<'d> Report<'d> {
    /// The one thing that a reference leads to, or what is wrong with the reference.
    pub(super) fn find(&self, noun: Noun, path: &str, reference: &str) -> Result<&'d Thing, Finding> {
        let (what, unknown, hint) = about(noun);
        match self.catalog.find(noun, reference) {
            [one] => Ok(one),
            [] => {
                let short: String = reference.chars().take(100).collect();
                let finding = Finding::new(unknown, path, format!("there is no {what} {}", Value::from(short)));
                Err(finding.hint(hint).candidates(self.catalog.candidates(noun, reference)))
            }
            several => {
                let message = format!("{} {what}s have this name", several.len());
                Err(Finding::new(Code::Ambiguous, path, message).hint("name it by its id"))
            }
        }
    }

    pub(super) fn named(&mut self, noun: Noun, path: &str, reference: &str) {
        if let Err(finding) = self.find(noun, path, reference) {
            self.error(finding);
        }
    }

    pub(super) fn tag(&mut self, path: &str, tag: &str) {
        self.named(Noun::Tag, path, tag);
    }

    pub(super) fn added_tag(&mut self, path: &str, tag: &str) {
        if fold(tag).is_empty() {
            return self.visible(path, tag);
        }
        match self.find(Noun::Tag, path, tag) {
            Ok(_) => {}
            Err(finding) if finding.code == Code::UnknownTag => {
                self.told.warnings.push(finding.hint("publishing the flow makes the tag"));
            }
            Err(finding) => self.error(finding),
        }
    }

    pub(super) fn flow(&mut self, path: &str, flow: &str) {
        let found = self.find(Noun::Flow, path, flow).map(|known| known.name.clone());
        let name = found.as_deref().unwrap_or(flow);
        if fold(name) == fold(self.name) {
            let finding = Finding::new(Code::CallsItself, path, "a flow cannot start or call itself");
            return self.error(finding.hint("go on at its first step with goto"));
        }
        if let Err(finding) = found {
            self.error(finding);
        }
    }

    pub(super) fn filter(&mut self, path: &str, written: &Value) {
        let resolved = filter::parse(written).and_then(|parsed| parsed.resolve(&self.nouns));
        for error in resolved.err().into_iter().flatten() {
            self.error(of_filter(path, error));
        }
    }
}

fn of_filter(path: &str, error: FilterError) -> Finding {
    let code = match error.code {
        Fault::UnknownTag => Code::UnknownTag,
        Fault::UnknownCustomField => Code::UnknownField,
        Fault::UnknownFlow => Code::UnknownFlow,
        Fault::Ambiguous => Code::Ambiguous,
        Fault::FilterForm
        | Fault::TooDeep
        | Fault::TooLarge
        | Fault::UnknownField
        | Fault::UnknownOperator
        | Fault::MissingValue
        | Fault::UnexpectedValue
        | Fault::InvalidValue => Code::InvalidFilter,
    };
    let mut finding = Finding::new(code, join(path, &error.path), error.message).candidates(error.candidates);
    finding.hint = error.hint;
    finding
}
