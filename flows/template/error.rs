//! Why a template cannot be used. It quotes the author's own words, never what a template was filled with.

use aggregates::filter::Candidate;

use crate::finding::near;

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What, as a sentence, with the line if there is one.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What may have been meant.
    pub candidates: Vec<Candidate>,
}

impl TemplateError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, candidates: Vec::new() }
    }

    /// One in a line, counted from 1.
    pub(super) fn at(line: usize, message: &str) -> Self {
        Self::new(format!("line {line} of the template: {message}"))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A filter or test that templates do not have.
    pub(super) fn unknown(line: usize, what: &str, name: &str, known: &[&str]) -> Self {
        let short: String = name.chars().take(100).collect();
        let mut error = Self::at(line, &format!("there is no {what} {short}"));
        error.candidates = near(name, known.iter().copied());
        error.hint(format!("the {what}s are {}", known.join(", ")))
    }

    /// What the engine says of a template's form, which is about the author's words only.
    pub(super) fn of_form(error: &minijinja::Error) -> Self {
        let said = error.detail().unwrap_or("this is not a template");
        let hint = "a template is text with {{ contact.firstName }} in it; to write braces themselves: {{ '{{' }}";
        Self::at(error.line().unwrap_or(1), said).hint(hint)
    }

    /// What the engine says when it fills a template in: the kind of error only, since the rest may quote what a customer wrote.
    pub(super) fn of_filling(error: &minijinja::Error) -> Self {
        use minijinja::ErrorKind::{InvalidOperation, OutOfFuel};
        let line = error.line().unwrap_or(1);
        match error.kind() {
            OutOfFuel => Self::at(line, "it takes too long or makes too much text"),
            InvalidOperation => Self::at(line, "an operation does not go with the values that it was given")
                .hint("turn texts into numbers with the filter int or float, and give unknown values a default"),
            other => Self::at(line, &other.to_string()),
        }
    }
}
