//! What the parts of a document name. A step says once what it names; references, validation and the graph of steps follow from that.

use aggregates::field_value::FieldType;
use serde_json::Value;

use crate::finding::{Code, Finding, join};
use crate::start::Match;
use crate::terms::{Duration, FilterText, StepName, Variables};
use crate::turn::{FieldOperation, Target};

/// Something that a part of a document names.
#[derive(Clone, Debug, PartialEq)]
pub enum Mention<'s> {
    /// A step where the flow may go on.
    Step(&'s str),
    /// A text to the contact, with templates.
    Sent(&'s str),
    /// Any other text with templates.
    Template(&'s str),
    /// A value whose texts are templates.
    Values(&'s Value),
    /// The words on a button, without templates.
    Label(&'s str),
    /// What a contact can answer, without templates, where it is not a button.
    Choice(&'s str),
    /// That many buttons under one message.
    Buttons(usize),
    /// A filter.
    Filter(&'s Value),
    /// A tag that is added, and made if need be.
    AddedTag(&'s str),
    /// A tag that has to exist.
    Tag(&'s str),
    /// A value that is changed.
    Put {
        /// Where.
        target: &'s Target,
        /// How.
        operation: FieldOperation,
        /// With what.
        given: Given<'s>,
    },
    /// A value that is looked at, which has to be of one of these types.
    Read {
        /// Where.
        target: &'s Target,
        /// The types.
        types: &'static [FieldType],
    },
    /// A variable that this step gives to the run.
    Variable(&'s str),
    /// Another flow.
    Flow(&'s str),
    /// What can happen to a contact, by its public name.
    Event(&'s str),
    /// A duration of at most so many microseconds.
    Duration(Duration, i64),
    /// A text that starts the flow.
    Keyword(&'s str, Match),
    /// A fault that only the part itself can tell.
    Fault(Finding),
}

/// What is put into a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given<'s> {
    /// Nothing.
    Nothing,
    /// What was written, templates and all.
    Value(&'s Value),
    /// A value of one of these types, the narrowest first.
    Answer(&'static [FieldType]),
}

/// Collects what a part names, each with its place.
#[derive(Debug, Default)]
pub struct Mentions<'s> {
    path: String,
    all: Vec<(String, Mention<'s>)>,
}

impl<'s> Mentions<'s> {
    /// Begins at a place.
    pub(crate) fn at(path: String) -> Self {
        Self { path, all: Vec::new() }
    }

    /// The place of the part itself.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Everything that was named, in order, each with its whole path.
    pub(crate) fn into_all(self) -> Vec<(String, Mention<'s>)> {
        self.all
    }

    /// Names something at a place within the part, as in `buttons[0].then`; empty for the part itself.
    pub fn add(&mut self, place: &str, mention: Mention<'s>) {
        self.all.push((join(&self.path, place), mention));
    }

    /// A step, if there is one.
    pub fn step(&mut self, place: &str, step: Option<&'s StepName>) {
        if let Some(step) = step {
            self.add(place, Mention::Step(&step.0));
        }
    }

    /// A duration within the limit of all durations, if there is one.
    pub fn duration(&mut self, place: &str, duration: Option<Duration>) {
        if let Some(duration) = duration {
            self.add(place, Mention::Duration(duration, crate::terms::MAX_DURATION_US));
        }
    }

    /// A filter, if there is one.
    pub fn filter(&mut self, place: &str, filter: Option<&'s FilterText>) {
        if let Some(filter) = filter {
            self.add(place, Mention::Filter(&filter.0));
        }
    }

    /// Variables that are given along: their values.
    pub fn values(&mut self, place: &str, variables: &'s Variables) {
        for (name, value) in &variables.0 {
            self.add(&crate::finding::member(place, name), Mention::Values(value));
        }
    }

    /// A fault that only the part itself can tell.
    pub fn fault(&mut self, place: &str, code: Code, message: impl Into<String>, hint: Option<&str>) {
        let mut finding = Finding::new(code, join(&self.path, place), message);
        finding.hint = hint.map(str::to_owned);
        self.add(place, Mention::Fault(finding));
    }
}
