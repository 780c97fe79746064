//! One turn of a flow: what a step sees, and what it wants to happen. The language between the steps and whoever carries them out.

use aggregates::contact_attributes::Attribute;
use serde_json::{Map, Value};

/// A person's input: one message, or several that counted as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The text, or the words on the pressed button.
    pub text: String,
    /// The id of the pressed button, as it was sent.
    pub button: Option<String>,
}

/// A button to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendButton {
    /// Comes back when it is pressed. Unique over the steps of a document, so that an old message's button is told from a new one's.
    pub id: String,
    /// The words on it.
    pub title: String,
}

/// What is done to a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldOperation {
    /// Put the value in its place.
    Set,
    /// Put it behind what is there.
    Append,
    /// Put it before what is there.
    Prepend,
    /// Add it.
    Increase,
    /// Take it away.
    Decrease,
    /// Empty the field; the value is ignored.
    Clear,
}

/// Where a step puts a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An attribute of the contact. What a customer typed is stored unclaimed.
    Contact(Attribute),
    /// A custom field of the contact, by id or name.
    CustomField(String),
    /// A bot field of the workspace, by id or name.
    BotField(String),
    /// A variable of the run.
    Variable(String),
}

/// Who goes on with a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandTo {
    /// A person.
    Human,
    /// An assistant.
    Ai,
}

/// Something that a step wants to happen. All effects of a turn happen together with the turn itself, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A message to the contact.
    Send {
        /// Its text, templates filled in.
        text: String,
        /// Buttons under it.
        buttons: Vec<SendButton>,
    },
    /// Add tags, by id or name; one that does not exist is made.
    AddTags(Vec<String>),
    /// Remove tags, by id or name; one that does not exist is nothing to remove.
    RemoveTags(Vec<String>),
    /// Change a value.
    Put {
        /// Where.
        target: Target,
        /// How.
        operation: FieldOperation,
        /// The value, templates filled in.
        value: Value,
        /// Whether the customer typed it.
        typed_by_customer: bool,
    },
    /// A note about the contact.
    Note(String),
    /// Begin another flow with the same contact, beside this run.
    StartFlow {
        /// By id or name.
        flow: String,
        /// Its variables.
        variables: Map<String, Value>,
    },
    /// Let somebody else go on with the conversation.
    HandOff {
        /// Who.
        to: HandTo,
        /// Why, for them.
        note: Option<String>,
    },
    /// Close the conversation.
    CloseConversation,
}

/// How a server is asked; the methods of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Method {
    /// Look.
    Get,
    /// Let it do something.
    Post,
    /// Put something in its place.
    Put,
    /// Change a part of it.
    Patch,
    /// Remove it.
    Delete,
}

/// Their names are known: a plain list in the schema.
impl schemars::JsonSchema for Method {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "method".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]})
    }
}

/// What a step wants to ask of a server elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// The address, filled in. Nobody has looked whether it may be asked.
    pub url: String,
    /// Headers, filled in.
    pub headers: Vec<(String, String)>,
    /// What to send.
    pub json: Option<Value>,
    /// How long all of it may take, in microseconds.
    pub time_us: i64,
    /// Whether the answer is wanted, as JSON.
    pub keeps_answer: bool,
    /// Which time this is, from 1.
    pub attempt: u32,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status, if there was one.
    pub status: Option<u16>,
    /// Why there is no answer that can be used.
    pub error: Option<AnswerError>,
    /// What was answered; null when it was not wanted.
    pub body: Value,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    /// For programs; [`aggregates::flow_run::UNKNOWN`] when nobody knows whether the request was made.
    pub code: String,
    /// For people, without personal data.
    pub message: String,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// For the time alone.
    Time,
    /// For any input of the contact.
    Input,
    /// For the press of one of the step's buttons. Other input does not advance the run.
    Button,
    /// For something to happen to the contact.
    Event {
        /// The event's public name, as `start` and `wait` write it, such as `tagApplied`.
        event: String,
    },
    /// For what comes of the step's request. A step asks with [`Next::Request`], not with a pause.
    Answer,
}

/// A pause at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For what.
    pub reason: WaitingFor,
    /// Until when at most, in microseconds since the epoch; nothing = as long as it takes.
    pub until: Option<i64>,
    /// How many inputs this step has refused so far.
    pub attempt: u32,
}

/// How a turn ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// At another step of the same document.
    Step(String),
    /// In another flow, and then back here at `return_to` (nothing = this flow ends then, too).
    Call {
        /// By id or name.
        flow: String,
        /// Variables to set before.
        variables: Map<String, Value>,
        /// The step to return to.
        return_to: Option<String>,
    },
    /// With a request to a server elsewhere, and a pause at this step until its outcome is recorded.
    Request(Request),
    /// With a pause at this step.
    Wait(Waiting),
    /// With the end of the run, also of the flows that called this one.
    Finish,
    /// With the end of this flow: back to the caller, or the end of the run.
    End,
    /// With the end of the run, as failed.
    Fail {
        /// For programs, such as `template_failed`.
        code: &'static str,
        /// For people, without personal data.
        reason: String,
    },
}

/// What a step makes of a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// What is to happen, in order.
    pub effects: Vec<Effect>,
    /// How it goes on.
    pub next: Next,
}

/// Why a waiting step is looked at again.
#[derive(Clone, Debug, PartialEq)]
pub enum Resumption {
    /// Its time has come.
    Timer,
    /// The contact wrote or pressed a button.
    Input(Input),
    /// This came of its request.
    Answer(Answer),
    /// What it waited for has happened; the host has checked the event's name, the step checks its filter on the scene's facts, which
    /// are those that the event shows ([`crate::happening::seen_by`]).
    Event,
}

/// What a step can see. Made before each turn; nothing in it changes during the turn.
pub struct Scene<'a> {
    /// The time of the turn, in microseconds since the epoch.
    pub now: i64,
    /// A number drawn for this turn: what is left to chance depends on it alone.
    pub chance: u64,
    /// What filters look at.
    pub facts: &'a aggregates::filter::Facts,
    /// What the filters of the document name, looked up.
    pub nouns: &'a aggregates::filter::Nouns,
    /// What templates may name: an object with `contact`, `run`, `bot`, `conversation` and `lastInput`.
    pub words: &'a Value,
    /// The contact's time zone (IANA), or the workspace's when the contact's is unknown.
    pub timezone: &'a str,
    /// The longest text that the channel takes, in characters.
    pub max_text_chars: usize,
}

impl Scene<'_> {
    /// The value of one of the contact's custom fields, by the field's name, or by its id if the document names it.
    #[must_use]
    pub fn custom_field(&self, reference: &str) -> Option<Value> {
        if let Some(field) = self.nouns.field(reference) {
            return self.facts.fields.get(&field).map(aggregates::field_value::FieldValue::to_value);
        }
        let fields = self.words.get("contact")?.get("customField")?.as_object()?;
        let wanted = aggregates::folding::fold(reference);
        fields.iter().find_map(|(name, value)| (aggregates::folding::fold(name) == wanted).then(|| value.clone()))
    }
}
