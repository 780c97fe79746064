//! What a run of a flow is made of: how it began, where it stands, what it waits for, what came in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{AccountId, ContactId, ConversationId, EventId, FlowId, MessageId, RunId};
use crate::personal::Personal;

/// The variables of a run, by name.
pub type Variables = Map<String, Value>;

/// How a run stands. Stored and public names: never edited.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It does not exist.
    #[default]
    #[schemars(skip)]
    None,
    /// It begins when another run of the same flow with the same contact has ended.
    Queued,
    /// It goes from step to step.
    Running,
    /// It waits at a step.
    Waiting,
    /// It came to its end.
    Completed,
    /// It was ended by an error.
    Failed,
    /// It was ended from outside.
    Cancelled,
}

impl Status {
    /// Whether nothing happens in it any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// What began a run. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Cause {
    /// Somebody called for it.
    Operation,
    /// The contact wrote a keyword.
    Keyword {
        /// The position of the message's event.
        position: u64,
        /// That event.
        event: EventId,
    },
    /// Something happened to the contact.
    Event {
        /// Its position.
        position: u64,
        /// The event.
        event: EventId,
    },
    /// A step of another run.
    Flow {
        /// That run.
        run: RunId,
    },
}

/// How a run begins. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStart {
    /// Which flow.
    pub flow: FlowId,
    /// Its version: the run keeps it.
    pub version: u32,
    /// With whom.
    pub contact: ContactId,
    /// Where it speaks; nothing when the contact can be met nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The conversation's channel account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The first step.
    pub step: String,
    /// Its variables at the beginning.
    pub variables: Personal<Variables>,
    /// What began it.
    pub cause: Cause,
    /// How many runs began by themselves in a row, this one included, since a person last wrote.
    pub hops: u32,
    /// How many steps it may take.
    pub max_steps: u32,
    /// Messages and events up to this position are older than the run and not meant for it.
    pub after: u64,
}

/// A flow that a run is in: the last of them goes on, the others wait for it to return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// Which flow.
    pub flow: FlowId,
    /// Its version.
    pub version: u32,
    /// The step at which it stands, or to which it returns; nothing = it ends with what it called.
    pub step: Option<String>,
    /// Whether that step was entered.
    pub entered: bool,
}

/// What a run waits for. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Reason {
    /// For the time alone.
    Time,
    /// For any message of the contact.
    Input,
    /// For the press of one of the step's buttons.
    Button,
    /// For something to happen to the contact.
    Event {
        /// Its public name, as documents write it, such as `tagApplied`.
        event: String,
    },
    /// For what a server elsewhere answers.
    Http,
}

impl Reason {
    /// The public name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Input => "input",
            Self::Button => "button",
            Self::Event { .. } => "event",
            Self::Http => "http",
        }
    }

    /// Whether what the contact writes is for the step.
    #[must_use]
    pub const fn takes_messages(&self) -> bool {
        matches!(self, Self::Input | Self::Button)
    }

    /// Whether what the contact writes is kept by the run. While a server is asked it is for a later step.
    #[must_use]
    pub const fn keeps_messages(&self) -> bool {
        self.takes_messages() || matches!(self, Self::Http)
    }
}

/// A pause at a step. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The step.
    pub step: String,
    /// For what.
    pub reason: Reason,
    /// Until when at most, in microseconds since the epoch; nothing = as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// How many inputs the step has refused so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Messages and events up to this position are older than the pause and do not end it.
    pub after: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Something that the contact wrote, as a run takes it in. Stored form: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInput {
    /// The position of the message's event.
    pub position: u64,
    /// The message.
    pub message: MessageId,
    /// Its text, or the words on the button.
    pub text: Personal<String>,
    /// The button that was pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub button: Option<String>,
    /// It goes together with what comes until then, in microseconds since the epoch; nothing = it counts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<i64>,
    /// It is kept, but not for the step: that waits for a button.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
}

/// What ended a pause. Stored form: never edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waker {
    /// Its time had come.
    Timer,
    /// What the contact wrote.
    Input,
    /// The event that it waited for.
    Event,
    /// What a server elsewhere has answered, or that it will not.
    Answer,
}
