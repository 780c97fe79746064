//! Who did something, with which program, in which call: what every event carries besides what happened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, RunId};

/// What kind of actor caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ActorKind {
    /// An access token: an assistant or a program.
    Token,
    /// The owner of the data folder, on the machine itself.
    Local,
    /// A customer, through a channel.
    Channel,
    /// The program itself, such as at the first start.
    System,
    /// A run of a flow.
    Flow,
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// The kind.
    pub kind: ActorKind,
    /// A token's, a channel account's or a flow run's id; `local` or `system` otherwise.
    pub id: String,
}

impl Actor {
    /// The owner of the data folder.
    #[must_use]
    pub fn local() -> Self {
        Self { kind: ActorKind::Local, id: "local".to_owned() }
    }

    /// A run of a flow.
    #[must_use]
    pub fn flow_run(run: RunId) -> Self {
        Self { kind: ActorKind::Flow, id: run.to_string() }
    }

    /// The run that it is, when it is one.
    #[must_use]
    pub fn as_flow_run(&self) -> Option<RunId> {
        (self.kind == ActorKind::Flow).then(|| self.id.parse().ok()).flatten()
    }

    /// The program itself.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: ActorKind::System, id: "system".to_owned() }
    }
}

/// The program that a caller says it is. Untrusted words, kept for the record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    /// Its name, for example `claude-code`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What stands beside an event's payload. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Who did it.
    pub actor: Actor,
    /// The program used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// The operation called, for example `add_contact_tags`.
    pub operation: String,
    /// The call, unique for each.
    pub request_id: String,
    /// What began the chain of calls that this event belongs to.
    pub correlation_id: String,
    /// The event that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<EventId>,
    /// The caller's idempotency key, hashed: callers put anything into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<String>,
}
