//! Texts: their templates, and whether the channel takes them.

use serde_json::Value;

use super::Report;
use crate::catalog::{ChannelLimits, Noun};
use crate::finding::{Code, Finding, member};
use crate::template;
use crate::words::{self, Named};

impl Report<'_> {
    /// A text to the contact.
    pub(super) fn sent(&mut self, path: &str, text: &str) {
        self.visible(path, text);
        self.template(path, text);
        let Some(least) = least_chars(text) else { return };
        let most = |limits: ChannelLimits| limits.max_text_chars;
        self.within(path, Code::TextTooLong, ("this text has", least, "characters"), most);
    }

    pub(super) fn buttons(&mut self, path: &str, count: usize) {
        let most = |limits: ChannelLimits| limits.max_buttons;
        self.within(path, Code::TooManyButtons, ("there are", count, "buttons"), most);
    }

    /// The words on a button.
    pub(super) fn label(&mut self, path: &str, text: &str) {
        self.visible(path, text);
        if text.contains("{{") {
            let finding = Finding::new(Code::InvalidTemplate, path, "the words on a button are fixed: no templates");
            self.error(finding.hint("put the template into the text above the buttons"));
        }
        let most = |limits: ChannelLimits| limits.max_label_chars;
        let size = text.chars().count();
        self.within(path, Code::LabelTooLong, ("this label has", size, "characters"), most);
    }

    /// An error when no channel takes it, a warning when some do not.
    fn within(
        &mut self,
        path: &str,
        code: Code,
        (what, size, unit): (&str, usize, &str),
        most: impl Fn(ChannelLimits) -> usize,
    ) {
        let limits = self.channels.iter().map(|(name, limits)| (*name, most(*limits)));
        let refusing: Vec<(&str, usize)> = limits.filter(|(_, most)| size > *most).collect();
        if refusing.is_empty() {
            return;
        }
        let told: Vec<String> = refusing.iter().map(|(name, most)| format!("{name} takes {most}")).collect();
        let finding = Finding::new(code, path, format!("{what} {size} {unit}; {}", told.join(", ")));
        let finding = finding.hint("shorten it, or make several steps of it");
        if refusing.len() == self.channels.len() {
            self.error(finding);
        } else {
            self.told.warnings.push(finding);
        }
    }

    pub(super) fn template(&mut self, path: &str, text: &str) {
        let variables = match template::variables(text) {
            Ok(variables) => variables,
            Err(error) => {
                let mut finding = Finding::new(Code::InvalidTemplate, path, error.message).candidates(error.candidates);
                finding.hint = error.hint;
                return self.error(finding);
            }
        };
        for variable in variables {
            match words::is_known(&variable.path, &self.variables) {
                Ok(Named::Fixed | Named::Variable(_)) => {}
                Ok(Named::CustomField(name)) => self.named(Noun::Field, path, name),
                Ok(Named::BotField(name)) => self.named(Noun::BotField, path, name),
                Err(unknown) => {
                    let finding = Finding::new(Code::UnknownVariable, path, unknown.message).hint(unknown.hint);
                    self.error(finding.candidates(unknown.candidates));
                }
            }
        }
    }

    /// The templates in the texts of a value.
    pub(super) fn values(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) => self.template(path, text),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.values(&format!("{path}[{index}]"), item);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.values(&member(path, name), value);
                }
            }
            _ => {}
        }
    }
}

/// How many characters a text has whatever its templates are filled in with; nothing when it has parts that may be left out.
fn least_chars(text: &str) -> Option<usize> {
    if text.contains("{%") {
        return None;
    }
    let mut least = 0;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let end = match after.as_bytes().first() {
            Some(b'{') => "}}",
            Some(b'#') => "#}",
            _ => {
                least += before.chars().count() + 1;
                rest = after;
                continue;
            }
        };
        least += before.chars().count();
        rest = after.split_once(end).map_or("", |(_, rest)| rest);
    }
    Some(least + rest.chars().count())
}
