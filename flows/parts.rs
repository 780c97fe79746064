//! A document as far as it can be read: a part with a fault does not hide what can be said about the others.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::document::Step;
use crate::finding::member;
use crate::form;
use crate::mentions::{Mention, Mentions};
use crate::policy::Policy;
use crate::start::Start;

/// The parts whose form is right.
pub(crate) struct Parts {
    /// With their places in `start`.
    pub(crate) starts: Vec<(usize, Start)>,
    /// In the order in which they are written; nothing where the form is wrong.
    pub(crate) steps: Vec<(String, Option<Step>)>,
    /// What it says about its runs.
    pub(crate) policy: Option<Policy>,
    /// The names of the variables that it declares.
    pub(crate) variables: BTreeSet<String>,
}

impl Parts {
    /// Reads what can be read of a document.
    pub(crate) fn of(value: &Value) -> Self {
        let starts = value.get("start").and_then(Value::as_array).into_iter().flatten().enumerate();
        let start = |(index, written): (usize, &Value)| {
            let fits = form::check_part("start", written).is_empty();
            Some((index, fits.then(|| Start::deserialize(written).ok())??))
        };
        let steps = value.get("steps").and_then(Value::as_object).into_iter().flatten();
        let step = |(name, written): (&String, &Value)| {
            let fits = form::check_part("step", written).is_empty();
            (name.clone(), if fits { Step::read(written).ok() } else { None })
        };
        let policy = value.get("policy").filter(|written| form::check_part("policy", written).is_empty());
        let variables = value.get("variables").and_then(Value::as_object).into_iter().flatten();
        Self {
            starts: starts.filter_map(start).collect(),
            steps: steps.map(step).collect(),
            policy: policy.and_then(|written| Policy::deserialize(written).ok()),
            variables: variables.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Everything that the parts name, part by part, each with its place.
    pub(crate) fn mentions(&self) -> Vec<Vec<(String, Mention<'_>)>> {
        let mut all = Vec::new();
        for (index, start) in &self.starts {
            let mut seen = Mentions::at(format!("start[{index}]"));
            start.mentions(&mut seen);
            all.push(seen.into_all());
        }
        let steps = self.steps.iter().filter_map(|(name, step)| Some((name, step.as_ref()?)));
        all.extend(steps.map(|(name, step)| step.mentions(&member("steps", name))));
        all
    }
}
