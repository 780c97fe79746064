//! A contact as callers see it.

use std::collections::BTreeMap;

use aggregates::Personal;
use aggregates::channel_account::ChannelAccount;
use aggregates::consent::Consent;
use aggregates::contact::Contact;
use aggregates::contact_attributes::{Attribute, Attributes};
use aggregates::custom_field::CustomField;
use aggregates::ids::{ContactId, TagId};
use aggregates::tag::Tag;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::UnitOfWork;
use crate::operations::field_values::FieldValueView;
use crate::operations::tags::TagView;
use crate::operations::unique_noun;
use crate::problem::{Candidate, Code, Problem};

/// A contact. What is unknown is left out.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactView {
    /// Its id.
    pub id: String,
    /// Untrusted: the name under which the person goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// Language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The channels on which the person can be met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<&'static str>,
    /// Where exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<IdentityView>,
    /// The names of its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its field values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<FieldValueView>,
    /// Nothing can be sent to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// `opted_in` or `opted_out`, by channel; `all` for the others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub consent: BTreeMap<String, Consent>,
    /// When something was last written or received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// Where a person can be met.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityView {
    /// The channel.
    pub channel: &'static str,
    /// The account.
    pub channel_account_id: String,
    /// The channel's id of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_user_id: Option<String>,
}

/// A contact, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ContactAnswer {
    /// The contact.
    pub contact: ContactView,
}

impl ContactView {
    /// Takes over what is known.
    #[must_use]
    pub fn with_attributes(mut self, attributes: &Attributes) -> Self {
        let known = |attribute| attributes.get(attribute).and_then(Personal::known).cloned();
        self.name = attributes.display_name();
        self.first_name = known(Attribute::FirstName);
        self.last_name = known(Attribute::LastName);
        self.email = known(Attribute::Email);
        self.phone = known(Attribute::Phone);
        self.gender = known(Attribute::Gender);
        self.language = known(Attribute::Language);
        self.timezone = known(Attribute::Timezone);
        self.country = known(Attribute::Country);
        self.avatar_url = known(Attribute::AvatarUrl);
        self
    }
}

/// The contact's state, or that there is none in this workspace.
pub(in crate::operations) async fn load(unit: &mut UnitOfWork, id: ContactId) -> Result<Contact, Problem> {
    let contact = unit.load::<Contact>(id.0).await?.cloned();
    contact.ok_or_else(|| {
        Problem::new(Code::NotFound, "there is no such contact").field("contactId").value(id.to_string())
    })
}

/// Shows the decided state of a contact.
pub(in crate::operations) async fn show(unit: &mut UnitOfWork, id: ContactId) -> Result<ContactView, Problem> {
    let contact = load(unit, id).await?;
    let mut view = ContactView { id: id.to_string(), ..ContactView::default() }.with_attributes(&contact.attributes);
    for identity in &contact.identities {
        let channel =
            unit.load::<ChannelAccount>(identity.account.0).await?.map_or("", |account| account.channel.name());
        if !view.channels.contains(&channel) {
            view.channels.push(channel);
        }
        view.identities.push(IdentityView {
            channel,
            channel_account_id: identity.account.to_string(),
            channel_user_id: identity.user.known().cloned(),
        });
    }
    view.blocked = contact.blocked;
    let channels = contact.consent.channels.iter().map(|(channel, said)| (channel.name(), said));
    let all = contact.consent.everywhere.iter().map(|said| ("all", said));
    view.consent = all.chain(channels).map(|(on, said)| (on.to_owned(), said.consent)).collect();
    view.tags = tag_views(unit, contact.tags).await?.into_iter().map(|tag| tag.name).collect();
    for (field, value) in &contact.fields {
        if let (Some(definition), Some(value)) =
            (unique_noun::living::<CustomField>(unit, field.0).await?, value.known())
        {
            view.custom_fields.push(FieldValueView::new(*field, &definition.name, definition.field_type, value));
        }
    }
    Ok(view)
}

/// Shows tags in the order of their names.
pub(in crate::operations) async fn tag_views(
    unit: &mut UnitOfWork,
    tags: impl IntoIterator<Item = TagId>,
) -> Result<Vec<TagView>, Problem> {
    let mut views = Vec::new();
    for id in tags {
        if let Some(tag) = unique_noun::living::<Tag>(unit, id.0).await? {
            views.push(TagView::new(id, &tag.name));
        }
    }
    views.sort_by_cached_key(|tag| aggregates::folding::fold(&tag.name));
    Ok(views)
}

/// A contact as something that may have been meant.
pub(in crate::operations) async fn candidate(
    unit: &mut UnitOfWork,
    id: ContactId,
    reason: &str,
) -> Result<Candidate, Problem> {
    let name = unit.load::<Contact>(id.0).await?.and_then(|contact| contact.attributes.display_name());
    Ok(Candidate { id: id.to_string(), name, reason: reason.to_owned() })
}
