//! Every kind of step, one file each. To add one: its file, its `mod` line, and its line in `KINDS`.

use std::fmt::Debug;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::mentions::Mentions;
use crate::terms::StepName;
use crate::turn::{Next, Resumption, Scene, Turn, Waiting};

mod add_tags;
mod buttons;
mod call_flow;
mod close_conversation;
mod condition;
mod end;
#[cfg(test)]
mod given;
mod goto;
mod handoff;
mod http;
mod note;
mod question;
mod remove_tags;
mod scene;
mod send;
mod set_field;
mod split;
mod start_flow;
mod switch;
mod wait;

pub(crate) use scene::{empty_text, filled, filled_url, filled_value, filled_variables, holds, not_waiting, to_send};

/// The kinds, in the order in which they are shown.
pub(crate) const KINDS: &[Kind] = &[
    kind::<send::Send>("send"),
    kind::<question::Question>("question"),
    kind::<condition::Condition>("condition"),
    kind::<switch::Switch>("switch"),
    kind::<split::Split>("split"),
    kind::<wait::Wait>("wait"),
    kind::<add_tags::AddTags>("addTags"),
    kind::<remove_tags::RemoveTags>("removeTags"),
    kind::<set_field::SetField>("setField"),
    kind::<http::Http>("http"),
    kind::<note::Note>("note"),
    kind::<goto::Goto>("goto"),
    kind::<start_flow::StartFlow>("startFlow"),
    kind::<call_flow::CallFlow>("callFlow"),
    kind::<handoff::Handoff>("handoff"),
    kind::<close_conversation::CloseConversation>("closeConversation"),
    kind::<end::End>("end"),
];

/// What a kind of step is to the language.
pub trait Act: Debug + Send + Sync {
    /// Says what the step names.
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>);

    /// Whether each way out of the step leads through a pause, so that a circle of steps cannot turn on the spot.
    fn pauses(&self) -> bool {
        false
    }

    /// Whether the step may go on at `next` or the step below.
    fn goes_on(&self) -> bool {
        true
    }

    /// Whether what the step does is left to chance.
    fn leaves_to_chance(&self) -> bool {
        false
    }

    /// The turn in which a run comes to the step.
    ///
    /// # Errors
    /// How the run goes on instead, when the step cannot do what it should: then nothing of the turn happens.
    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next>;

    /// The turn in which a run that waits at the step is looked at again. A step that never waits has none.
    ///
    /// # Errors
    /// As [`Self::enter`].
    fn resume(&self, here: Here<'_>, waiting: &Waiting, by: &Resumption, scene: &Scene<'_>) -> Result<Turn, Next> {
        let _ = (waiting, by, scene);
        Err(not_waiting(here))
    }
}

/// Where a step stands in its document.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// Its name.
    pub name: &'a str,
    /// The step that follows: its `next`, or the one below.
    pub next: Option<&'a str>,
}

impl Here<'_> {
    /// On at the step that follows, or the end.
    #[must_use]
    pub fn go_on(self) -> Next {
        self.next.map_or(Next::End, |step| Next::Step(step.to_owned()))
    }

    /// On at a step if there is one, otherwise at the step that follows.
    #[must_use]
    pub fn go_to(self, step: Option<&StepName>) -> Next {
        step.map_or_else(|| self.go_on(), |step| Next::Step(step.0.clone()))
    }
}

/// A kind of step: its name in documents, its form and how it is read.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) read: fn(&Value) -> Result<Arc<dyn Act>, serde_json::Error>,
}

const fn kind<S: Act + DeserializeOwned + JsonSchema + 'static>(name: &'static str) -> Kind {
    Kind {
        name,
        schema: SchemaGenerator::subschema_for::<S>,
        read: |value| S::deserialize(value).map(|step| Arc::new(step) as Arc<dyn Act>),
    }
}
