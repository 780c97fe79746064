//! What happened in a simulation, moment by moment, in words that people and models read.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::super::inputs::rfc3339;

/// The most moments that are kept.
const MAX_MOMENTS: usize = 1_000;
/// The longest text of a moment, in characters.
const MAX_CHARS: usize = 1_000;

/// One moment of a simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::operations) struct Moment {
    /// By the clock that was turned.
    pub(in crate::operations) at: String,
    /// The step.
    pub(in crate::operations) step: String,
    /// `sent`, `received`, `aside`, `waits`, `time`, `request`, `answer`, `step`, `tags`, `field`, `variable`, `note`, `flow`, `conversation` or `end`.
    pub(in crate::operations) kind: &'static str,
    /// Untrusted: what happened.
    pub(in crate::operations) what: String,
}

/// The moments so far.
#[derive(Debug, Default)]
pub(in crate::operations) struct Transcript {
    pub(in crate::operations) moments: Vec<Moment>,
    /// How many there were besides.
    pub(in crate::operations) omitted: usize,
}

impl Transcript {
    /// Adds a moment; `at` is its time in microseconds since the epoch.
    pub(super) fn add(&mut self, at: i64, step: &str, kind: &'static str, what: impl Into<String>) {
        if self.moments.len() >= MAX_MOMENTS {
            self.omitted += 1;
            return;
        }
        let mut what: String = what.into();
        if what.chars().count() > MAX_CHARS {
            what = what.chars().take(MAX_CHARS - 1).chain(std::iter::once('…')).collect();
        }
        self.moments.push(Moment { at: rfc3339(at), step: step.to_owned(), kind, what });
    }
}
