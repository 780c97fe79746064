//! How the runs of a flow go along with each other and with people.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::terms::Duration;

/// The longest time for a burst of messages, in microseconds.
pub const MAX_SETTLE_US: i64 = 60 * 1_000_000;
/// How many steps a run takes at most when the document does not say.
const USUAL_STEPS: u32 = 200;

/// How the runs of a flow go along with each other and with people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "policy")]
pub struct Policy {
    /// What happens when the flow starts for a contact that is in it already: reject (the default), restart or queue.
    pub reentry: Reentry,
    /// How long after a start the same contact does not start it again.
    #[serde(rename = "cooldown", deserialize_with = "maybe_micros")]
    #[schemars(with = "Option<Duration>")]
    pub cooldown_us: Option<i64>,
    /// Whether a person who steps into the conversation ends the run; true when missing.
    pub stop_on_human: bool,
    /// A burst of messages counts as one when not more than this lies between them; at most 60s, none when missing.
    #[serde(rename = "settle", deserialize_with = "micros")]
    #[schemars(with = "Option<Duration>")]
    pub settle_us: i64,
    /// How many steps one run may take; 200 when missing.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_steps: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reentry: Reentry::default(),
            cooldown_us: None,
            stop_on_human: true,
            settle_us: 0,
            max_steps: USUAL_STEPS,
        }
    }
}

fn micros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Duration::deserialize(deserializer).map(|duration| duration.0)
}

fn maybe_micros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    micros(deserializer).map(Some)
}

/// What happens when a flow starts for a contact that is in it already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Reentry {
    /// Nothing: the run that is there goes on.
    #[default]
    Reject,
    /// The run that is there ends, and a new one begins.
    Restart,
    /// A new one begins when the run that is there has ended.
    Queue,
}
