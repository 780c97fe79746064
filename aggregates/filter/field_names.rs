//! The one list of what a filter can ask, under the names that callers write.

use super::fields::{Kind, Subject};
use crate::contact_attributes::Attribute;

/// Where the name of a field leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To one thing.
    Fixed(Subject, Kind),
    /// To the custom field that is named in it.
    CustomField,
    /// To the flow that is named in it.
    FlowState,
}

/// A field as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; a part in angle brackets stands for a name of the workspace.
    pub name: &'static str,
    /// Where it leads.
    pub place: Place,
    /// What it is, in a few words, without an article.
    pub words: &'static str,
}

const GENDERS: &[&str] = &["male", "female", "unknown"];
const STATUSES: &[&str] = &["open", "closed"];
const OWNERS: &[&str] = &["none", "flow", "ai", "human"];
/// The states of a flow's run.
const RUN_STATES: &[&str] = &["running", "waiting", "queued", "completed", "failed", "cancelled"];
/// What `flow.<name>.state` is.
pub(super) const RUN_STATE: Kind = Kind::Choice(RUN_STATES);
pub(super) const CUSTOM_FIELD: &str = "customField.";
pub(super) const FLOW: &str = "flow.";
pub(super) const STATE_OF_FLOW: &str = ".state";

const fn field(name: &'static str, subject: Subject, kind: Kind, words: &'static str) -> Field {
    Field { name, place: Place::Fixed(subject, kind), words }
}

impl Field {
    /// What its values are; nothing where the workspace's own field decides.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self.place {
            Place::Fixed(_, kind) => Some(kind),
            Place::CustomField => None,
            Place::FlowState => Some(RUN_STATE),
        }
    }
}

/// Every field.
pub const FIELDS: &[Field] = &[
    field("name", Subject::Name, Kind::Text, "first and last name"),
    field("firstName", Subject::Attribute(Attribute::FirstName), Kind::Text, "first name"),
    field("lastName", Subject::Attribute(Attribute::LastName), Kind::Text, "last name"),
    field("email", Subject::Attribute(Attribute::Email), Kind::Email, "e-mail address"),
    field("phone", Subject::Attribute(Attribute::Phone), Kind::Phone, "phone number"),
    field("gender", Subject::Attribute(Attribute::Gender), Kind::Choice(GENDERS), "gender"),
    field("language", Subject::Attribute(Attribute::Language), Kind::Code, "language"),
    field("timezone", Subject::Attribute(Attribute::Timezone), Kind::Code, "time zone"),
    field("country", Subject::Attribute(Attribute::Country), Kind::Code, "country"),
    field("tag", Subject::Tag, Kind::Tag, "tag"),
    Field { name: "customField.<name>", place: Place::CustomField, words: "custom field" },
    field("channel", Subject::Channel, Kind::Channel, "channel"),
    field("createdAt", Subject::CreatedAt, Kind::Moment, "time of creation"),
    field("lastInboundAt", Subject::LastInboundAt, Kind::Moment, "time of the last message from the contact"),
    field("lastOutboundAt", Subject::LastOutboundAt, Kind::Moment, "time of the last message to the contact"),
    field("lastActivityAt", Subject::LastActivityAt, Kind::Moment, "time of the last activity"),
    field("conversation.status", Subject::ConversationStatus, Kind::Choice(STATUSES), "conversation's status"),
    field("conversation.owner", Subject::ConversationOwner, Kind::Choice(OWNERS), "conversation's owner"),
    field("unanswered", Subject::Unanswered, Kind::State, "waiting for an answer"),
    field("blocked", Subject::Blocked, Kind::State, "blocked"),
    Field { name: "flow.<name>.state", place: Place::FlowState, words: "state of the last run of a flow" },
];

/// What a written field name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'n> {
    /// To one thing.
    Fixed(&'static Field, Subject, Kind),
    /// To a custom field of that name or id.
    CustomField(&'n str),
    /// To a flow of that name or id.
    FlowState(&'n str),
}

/// Reads the name of a field.
pub(super) fn named(text: &str) -> Option<Named<'_>> {
    FIELDS.iter().find_map(|field| match field.place {
        Place::Fixed(subject, kind) => (field.name == text).then_some(Named::Fixed(field, subject, kind)),
        Place::CustomField => {
            let name = text.strip_prefix(CUSTOM_FIELD)?.trim();
            (!name.is_empty()).then_some(Named::CustomField(name))
        }
        Place::FlowState => {
            let name = text.strip_prefix(FLOW)?.strip_suffix(STATE_OF_FLOW)?.trim();
            (!name.is_empty()).then_some(Named::FlowState(name))
        }
    })
}
