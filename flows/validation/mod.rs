//! Whether a document makes sense in its workspace: everything that is wrong with it, at once.
//!
//! Form comes first. A part whose form is wrong is not looked at further; all others are, so that one answer tells all that there is to mend.

mod graph;
mod nouns;
mod texts;
mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use aggregates::channel_account::Channel;
use aggregates::filter::Nouns;
use aggregates::folding::fold;
use serde_json::Value;

use crate::catalog::{Catalog, ChannelLimits};
use crate::document::Step;
use crate::finding::{Code, Finding, near};
use crate::form;
use crate::happening;
use crate::keywords;
use crate::mentions::Mention;
use crate::parts::Parts;
use crate::policy::{MAX_SETTLE_US, Policy};
use crate::start::Match;
use crate::terms::{Duration, MAX_DURATION_US};
use crate::turn::Target;

/// What there is to say about a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// What keeps it from being published.
    pub errors: Vec<Finding>,
    /// What is allowed and may be meant otherwise.
    pub warnings: Vec<Finding>,
}

/// Checks a document's form and meaning, with what the workspace has of the things that it names
/// ([`crate::references::references`] tells them).
#[must_use]
pub fn validate(value: &Value, catalog: &Catalog) -> Validation {
    let value = form::canonical(value);
    let parts = Parts::of(&value);
    let mentions = parts.mentions();
    let mut report = Report::new(&value, &parts, catalog, &mentions);
    report.told.errors = form::check(&value);
    report.document(&parts);
    for part in &mentions {
        report.part(part);
    }
    graph::check(&parts, &mut report.told);
    report.told
}

/// What is being said about a document, and what it takes to say it.
struct Report<'d> {
    catalog: &'d Catalog,
    nouns: Nouns,
    name: &'d str,
    /// The channel that the flow is for.
    channel: Option<&'d str>,
    /// The channels where the flow speaks: its own, or all.
    channels: Vec<(&'d str, ChannelLimits)>,
    /// Of the run: declared, or written by a step.
    variables: BTreeSet<String>,
    steps: Vec<&'d str>,
    keywords: BTreeMap<String, String>,
    told: Validation,
}

impl<'d> Report<'d> {
    fn new(value: &'d Value, parts: &'d Parts, catalog: &'d Catalog, mentions: &[Vec<(String, Mention<'_>)>]) -> Self {
        let text = |member: &str| value.get(member).and_then(Value::as_str);
        let channel = text("channel");
        let written = mentions.iter().flatten().filter_map(|(_, mention)| match mention {
            Mention::Variable(name) => Some((*name).to_owned()),
            Mention::Put { target: Target::Variable(name), .. } => Some(name.clone()),
            _ => None,
        });
        Self {
            catalog,
            nouns: catalog.nouns(),
            name: text("name").unwrap_or_default(),
            channel,
            channels: catalog.channels().filter(|(name, _)| channel.is_none_or(|own| own == *name)).collect(),
            variables: parts.variables.iter().cloned().chain(written).collect(),
            steps: parts.steps.iter().map(|(name, _)| name.as_str()).collect(),
            keywords: BTreeMap::new(),
            told: Validation::default(),
        }
    }

    fn error(&mut self, finding: Finding) {
        self.told.errors.push(finding);
    }

    /// What stands at the top of the document.
    fn document(&mut self, parts: &Parts) {
        if !self.name.is_empty() {
            self.visible("name", self.name);
        }
        if let Some(channel) = self.channel.filter(|name| Channel::from_str(name).is_ok())
            && self.channels.is_empty()
        {
            let finding = Finding::new(Code::UnknownChannel, "channel", format!("{channel} is not connected here"));
            self.error(finding.hint("leave channel out, or connect an account of the channel"));
        }
        let Some(policy) = &parts.policy else { return };
        let Policy { cooldown_us, settle_us, .. } = policy;
        if let Some(cooldown) = cooldown_us {
            self.duration("policy.cooldown", Duration(*cooldown), MAX_DURATION_US);
        }
        self.duration("policy.settle", Duration(*settle_us), MAX_SETTLE_US);
    }

    fn part(&mut self, part: &[(String, Mention<'_>)]) {
        let mut labels = BTreeMap::new();
        for (path, mention) in part {
            if let Mention::Label(text) | Mention::Choice(text) = mention
                && let Some(first) = labels.insert(fold(text), path)
            {
                let message = format!("the same words as in {first}");
                self.error(Finding::new(Code::DuplicateLabel, path, message).hint("give each its own words"));
            }
            self.mention(path, mention);
        }
    }

    fn mention(&mut self, path: &str, mention: &Mention<'_>) {
        match mention {
            Mention::Step(step) => self.step(path, step),
            Mention::Sent(text) => self.sent(path, text),
            Mention::Template(text) => self.template(path, text),
            Mention::Values(value) => self.values(path, value),
            Mention::Label(text) => self.label(path, text),
            Mention::Choice(text) => self.visible(path, text),
            Mention::Buttons(count) => self.buttons(path, *count),
            Mention::Filter(filter) => self.filter(path, filter),
            Mention::AddedTag(tag) => self.added_tag(path, tag),
            Mention::Tag(tag) => self.tag(path, tag),
            Mention::Put { target, operation, given } => self.put(path, target, *operation, *given),
            Mention::Read { target, types } => self.read(path, target, types),
            Mention::Variable(_) => {}
            Mention::Flow(flow) => self.flow(path, flow),
            Mention::Event(name) => self.event(path, name),
            Mention::Duration(duration, most) => self.duration(path, *duration, *most),
            Mention::Keyword(text, how) => self.keyword(path, text, *how),
            Mention::Fault(finding) => self.error(finding.clone()),
        }
    }

    fn step(&mut self, path: &str, step: &str) {
        if !self.steps.contains(&step) {
            let finding = Finding::new(Code::MissingTarget, path, format!("there is no step {step}"));
            let finding = finding.candidates(near(step, self.steps.iter().copied()));
            self.error(finding.hint("add the step, or go on at another one"));
        }
    }

    /// A text that has to show something.
    fn visible(&mut self, path: &str, text: &str) {
        if fold(text).is_empty() {
            let finding = Finding::new(Code::EmptyText, path, "this text shows nothing");
            self.error(finding.hint("write at least one character that can be seen"));
        }
    }

    fn duration(&mut self, path: &str, duration: Duration, most: i64) {
        if duration.0 > most {
            let seconds = most / 1_000_000;
            let most = if seconds % 86_400 == 0 { format!("{}d", seconds / 86_400) } else { format!("{seconds}s") };
            let message = format!("this duration is too long: at most {most}");
            self.error(Finding::new(Code::DurationTooLong, path, message));
        }
    }

    fn event(&mut self, path: &str, name: &str) {
        if !happening::is_known(name) {
            let names: Vec<&str> = happening::all().map(|known| known.name).collect();
            let finding = Finding::new(Code::UnknownEvent, path, "there is no such event of a contact");
            let finding = finding.candidates(near(name, names.iter().copied()));
            self.error(finding.hint(format!("the events are {}", names.join(", "))));
        }
    }

    fn keyword(&mut self, path: &str, text: &str, how: Match) {
        if how == Match::Regex {
            if let Err(said) = keywords::pattern(text) {
                self.error(Finding::new(Code::InvalidPattern, path, said));
            }
        } else {
            self.visible(path, text);
        }
        let key = if how == Match::Regex { format!("/{text}") } else { fold(text) };
        if let Some(first) = self.keywords.insert(key, path.to_owned()) {
            let message = format!("the same keyword as in {first}");
            self.error(Finding::new(Code::DuplicateKeyword, path, message).hint("take one of them out"));
        }
    }
}

/// Where a step leads, as its mentions tell: the steps that it names, and the one that follows if it can go on there.
fn ways<'s>(step: &'s Step, below: Option<&'s str>) -> Vec<&'s str> {
    let named = step.targets();
    let next = step.next().or(below).filter(|_| step.act().goes_on());
    named.into_iter().chain(next).collect()
}
