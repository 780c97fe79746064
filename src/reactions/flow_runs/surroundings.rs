//! What a step can see: the contact as it is now, the conversation, the workspace, and what the document names of it.

use std::collections::BTreeMap;

use aggregates::contact_attributes::Attributes;
use aggregates::field_value::FieldValue;
use aggregates::filter::{ConversationFacts, Facts, NamedTag, Nouns};
use aggregates::flow_run::Variables;
use aggregates::ids::{ContactId, ConversationId};
use aggregates::{Personal, filter};
use flows::document::Document;
use flows::turn::Scene;
use flows::words::{Known, Talk, words};
use projections::{
    Json, contact_fields, contact_identities, contact_tags, contacts, conversations, custom_fields, flow_runs,
    near_miss, tags, workspaces,
};
use serde_json::Value;

use crate::app::ReadContext;
use crate::channels::webchat;
use crate::problem::{Code, Problem};

/// What is known of a contact and its workspace at one moment.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// What filters look at.
    pub(crate) facts: Facts,
    /// The values of the contact's custom fields, by name.
    pub(crate) custom_fields: BTreeMap<String, FieldValue>,
    /// The bot fields that the document names, by name as it is written there.
    pub(crate) bot: BTreeMap<String, FieldValue>,
    /// The conversation.
    pub(crate) conversation: Option<Place>,
    /// What the document's filters name.
    pub(crate) nouns: Nouns,
    /// The time zone: the contact's, or the workspace's.
    pub(crate) timezone: String,
}

/// A conversation as templates see it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) id: ConversationId,
    pub(crate) channel: &'static str,
    pub(crate) status: String,
    pub(crate) owner: String,
}

impl Surroundings {
    /// Looks a contact up, with what `document` names in the workspace.
    ///
    /// # Errors
    /// `not_found` when there is no such contact; `unavailable` when the tables cannot be read, or do not follow.
    pub(crate) async fn of(
        context: &mut ReadContext,
        document: &Document,
        contact: ContactId,
        conversation: Option<ConversationId>,
    ) -> Result<Self, Problem> {
        if context.stale {
            // A decision on what was is worse than one that comes later.
            return Err(Problem::new(Code::Unavailable, "the read tables do not follow").retry_after_ms(500));
        }
        let (connection, workspace) = context.rows();
        let row = contacts::get(connection, workspace, contact).await?;
        let row = row.ok_or_else(|| Problem::new(Code::NotFound, "this contact is not there any more"))?;
        let home = workspaces::get(connection, workspace).await?.map(|row| row.timezone);
        let timezone = row.timezone.clone().or(home).unwrap_or_else(|| "UTC".to_owned());
        let mut facts = facts_of(&row);
        for shown in contact_tags::of_contacts(connection, workspace, &[contact]).await? {
            facts.tags.push(NamedTag { id: shown.tag.tag, name: shown.name });
        }
        let mut by_name = BTreeMap::new();
        for shown in contact_fields::of_contacts(connection, workspace, &[contact]).await? {
            let value = shown.field.value.and_then(|Json(value)| FieldValue::parse(shown.field_type, &value).ok());
            if let Some(value) = value {
                facts.fields.insert(shown.field.field, value.clone());
                by_name.insert(shown.name, value);
            }
        }
        let mut channels = BTreeMap::new();
        for shown in contact_identities::of_contacts(connection, workspace, &[contact]).await? {
            channels.insert(shown.identity.account, shown.channel);
            facts.channels.insert(shown.channel);
        }
        let mut place = None;
        for talk in conversations::of_contacts(connection, workspace, &[contact]).await? {
            facts.last_inbound_at = facts.last_inbound_at.max(talk.last_inbound_at);
            facts.last_outbound_at = facts.last_outbound_at.max(talk.last_outbound_at);
            let unanswered = talk.waiting_since.is_some();
            let (status, owner) = (talk.status.clone(), talk.owner.clone());
            facts.conversations.push(ConversationFacts { status, owner, unanswered });
            if Some(talk.id) == conversation {
                let channel = channels.get(&talk.account).copied().unwrap_or_default().name();
                place = Some(Place { id: talk.id, channel, status: talk.status, owner: talk.owner });
            }
        }
        for (flow, status) in flow_runs::last_by_flow(connection, workspace, contact).await? {
            let status: &str = status.into();
            facts.flows.insert(flow, status.to_owned());
        }
        let (nouns, bot) = named(context, document).await?;
        Ok(Self { facts, custom_fields: by_name, bot, conversation: place, nouns, timezone })
    }

    /// What templates may name, with a run's variables and the contact's last words.
    pub(crate) fn words(&self, variables: &Variables, last_input: Option<&str>) -> Value {
        let talk = |place: &'_ Place| (place.id, place.channel, place.status.clone(), place.owner.clone());
        let place = self.conversation.as_ref().map(talk);
        words(&Known {
            contact: self.facts.contact,
            attributes: &self.facts.attributes,
            tags: &self.facts.tags,
            custom_fields: &self.custom_fields,
            run: variables,
            bot: &self.bot,
            conversation: place.as_ref().map(|(id, channel, status, owner)| Talk { id: *id, channel, status, owner }),
            last_input,
        })
    }

    /// The scene of one turn.
    pub(crate) fn scene<'a>(&'a self, words: &'a Value, now: i64, chance: u64) -> Scene<'a> {
        Scene {
            now,
            chance,
            facts: &self.facts,
            nouns: &self.nouns,
            words,
            timezone: &self.timezone,
            max_text_chars: webchat::MAX_TEXT_CHARS,
        }
    }
}

fn facts_of(row: &contacts::Contact) -> Facts {
    let known = |value: &Option<String>| value.clone().map(Personal::Known);
    Facts {
        contact: Some(row.id),
        attributes: Attributes {
            first_name: known(&row.first_name),
            last_name: known(&row.last_name),
            email: known(&row.email),
            phone: known(&row.phone),
            gender: known(&row.gender),
            language: known(&row.language),
            timezone: known(&row.timezone),
            country: known(&row.country),
            avatar_url: known(&row.avatar_url),
        },
        created_at: row.created_at,
        last_activity_at: row.last_activity_at,
        blocked: row.blocked,
        ..Facts::default()
    }
}

/// What a document names: for its filters, and the values of its bot fields.
async fn named(
    context: &mut ReadContext,
    document: &Document,
) -> Result<(filter::Nouns, BTreeMap<String, FieldValue>), Problem> {
    let references = document.references();
    let (mut nouns, mut bot) = (Nouns::default(), BTreeMap::new());
    let (connection, workspace) = context.rows();
    for reference in &references.tags {
        if let Some(tag) = near_miss::find::<tags::Tag>(connection, workspace, reference).await? {
            nouns.add_tag(tag.id, &tag.name);
        }
    }
    for reference in &references.fields {
        if let Some(field) = near_miss::find::<custom_fields::CustomField>(connection, workspace, reference).await? {
            nouns.add_field(field.id, &field.name, field.field_type);
        }
    }
    for reference in &references.flows {
        if let Some(flow) = near_miss::find::<projections::flows::Flow>(connection, workspace, reference).await? {
            nouns.add_flow(flow.id, &flow.name);
        }
    }
    for reference in references.bot_fields {
        let found = near_miss::find::<projections::bot_fields::BotField>(connection, workspace, &reference).await?;
        let value = found.and_then(|field| FieldValue::parse(field.field_type, &field.value?.0).ok());
        if let Some(value) = value {
            bot.insert(reference, value);
        }
    }
    Ok((nouns, bot))
}
