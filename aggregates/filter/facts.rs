//! What a condition looks at: one contact, with all that can be asked about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::channel_account::Channel;
use crate::contact_attributes::Attributes;
use crate::field_value::FieldValue;
use crate::ids::{ContactId, FieldId, FlowId, TagId};

/// A tag with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTag {
    /// Its id.
    pub id: TagId,
    /// Its name.
    pub name: String,
}

/// A conversation as far as conditions look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationFacts {
    /// `open` or `closed`.
    pub status: String,
    /// `none`, `flow`, `ai` or `human`.
    pub owner: String,
    /// Whether the contact wrote last.
    pub unanswered: bool,
}

/// What is known of a contact. Times are microseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who; nothing for a made-up contact.
    pub contact: Option<ContactId>,
    /// Name, addresses and so on.
    pub attributes: Attributes,
    /// The tags that it carries.
    pub tags: Vec<NamedTag>,
    /// The values of its custom fields.
    pub fields: BTreeMap<FieldId, FieldValue>,
    /// Where it can be met.
    pub channels: BTreeSet<Channel>,
    /// Its conversations.
    pub conversations: Vec<ConversationFacts>,
    /// When it was made.
    pub created_at: i64,
    /// When it last wrote.
    pub last_inbound_at: Option<i64>,
    /// When it was last written to.
    pub last_outbound_at: Option<i64>,
    /// When either last happened, or it was made.
    pub last_activity_at: i64,
    /// Whether it is blocked.
    pub blocked: bool,
    /// For each flow that it has been in, the state of its last run: `running`, `waiting`, `queued`, `completed`, `failed`, `cancelled`.
    pub flows: BTreeMap<FlowId, String>,
}
