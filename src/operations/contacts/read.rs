//! Finding contacts, and seeing one whole.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::channel_account::Channel;
use aggregates::contact_address::{parse_email, parse_phone};
use aggregates::ids::ContactId;
use aggregates::token::Scope;
use projections::contact_search::{self, Filter};
use projections::{Order, contact_fields, contact_identities, contact_tags, contacts, conversations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{ContactView, IdentityView};
use crate::app::ReadContext;
use crate::operations::answer::{Detail, List};
use crate::operations::call::Call;
use crate::operations::contact_notes::{self, NoteView};
use crate::operations::contact_reference::ContactRef;
use crate::operations::conversation_view::{self, ConversationView};
use crate::operations::filters::FilterInput;
use crate::operations::flow_runs::{self, RunView};
use crate::operations::inputs::{Paging, input_type, rfc3339};
use crate::operations::operation::{Effect, Facts, Query, Toolset};
use crate::operations::tags::TagRef;
use crate::operations::{channels, contact_fields as field_operations, tags};
use crate::problem::{Code, Problem};

input_type! {
    /// Free text that finds contacts.
    SearchText(String), {
        "type": "string", "minLength": 1, "maxLength": 255,
        "description": "Any part of name, e-mail, phone or channel user id; case and accents do not matter."
    }
}

/// How contacts are ordered.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Sort {
    /// The last active first.
    #[default]
    LastActivity,
    /// The newest first.
    Created,
    /// From A.
    Name,
}

/// A member of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
enum Member {
    Id,
    Name,
    FirstName,
    LastName,
    Email,
    Phone,
    Gender,
    Language,
    Timezone,
    Country,
    AvatarUrl,
    Channels,
    Identities,
    Tags,
    CustomFields,
    Blocked,
    Consent,
    LastActivityAt,
    CreatedAt,
}

/// How many runs of flows are shown with a contact.
const RUNS_SHOWN: u64 = 10;
/// How many notes are shown with a contact.
const NOTES_SHOWN: u64 = 10;
/// The members of a compact contact. A list that is sorted by the time of creation shows that, too: elsewhere it is a fifth of what
/// the list costs and seldom asked for.
pub(super) const COMPACT: [&str; 7] = ["id", "name", "email", "phone", "channels", "tags", "lastActivityAt"];

/// Finds contacts (people), the last active first. Filters go together: a contact must meet all of them. Names and addresses are the
/// customers' own words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct ListContacts {
    query: Option<SearchText>,
    /// Exact e-mail address; case does not matter.
    #[schemars(length(min = 1, max = 254))]
    email: Option<String>,
    /// Exact phone number with + and country code.
    #[schemars(length(min = 1, max = 40))]
    phone: Option<String>,
    /// Only contacts with all of these tags.
    #[schemars(length(min = 1, max = 10))]
    tags: Option<Vec<TagRef>>,
    /// Only contacts who can be met on this channel.
    channel: Option<Channel>,
    filter: Option<FilterInput>,
    /// `lastActivity` (default), `created` (newest first) or `name`.
    #[serde(default)]
    sort: Sort,
    #[serde(flatten)]
    paging: Paging,
    /// `compact` (default) or `full`.
    #[serde(default)]
    detail: Detail,
    /// Only these members of each contact, and the id; overrides detail.
    #[schemars(length(min = 1, max = 19))]
    fields: Option<Vec<Member>>,
    /// true: also count all that match.
    #[serde(default)]
    with_count: bool,
}

impl ListContacts {
    async fn filter(&self, context: &mut ReadContext) -> Result<Filter, Problem> {
        let unreadable = |member: &str, expected: &str, value: &str| {
            Problem::invalid(member, format!("must be {expected}")).value(value)
        };
        let email = self.email.as_ref().map(|email| {
            parse_email(email).ok_or_else(|| {
                unreadable("email", "an e-mail address", email).hint("query finds contacts by a part of an address")
            })
        });
        let phone = self.phone.as_ref().map(|phone| {
            parse_phone(phone).ok_or_else(|| {
                unreadable("phone", "a phone number with + and country code", phone)
                    .hint("query finds contacts by a part of a number")
            })
        });
        let mut filter = Filter {
            query: self.query.as_ref().map(|query| query.0.clone()),
            email: email.transpose()?,
            phone: phone.transpose()?,
            tags: tags::all_in_tables(self.tags.as_deref(), context).await?,
            accounts: None,
            matching: None,
        };
        if let Some(written) = &self.filter {
            filter.matching = Some((written.read(context, "filter").await?, context.app.now()));
        }
        if let Some(channel) = self.channel {
            filter.accounts = Some(channels::accounts_of(context, channel).await?);
        }
        Ok(filter)
    }

    /// Which members are shown; nothing = all.
    fn members(&self) -> Option<BTreeSet<&'static str>> {
        match (&self.fields, self.detail) {
            (Some(fields), _) => Some(fields.iter().map(|member| (*member).into()).collect()),
            (None, Detail::Compact) => {
                let created = matches!(self.sort, Sort::Created).then_some("createdAt");
                Some(COMPACT.into_iter().chain(created).collect())
            }
            (None, Detail::Full) => None,
        }
    }
}

impl Query for ListContacts {
    type Output = List<ContactView>;
    const FACTS: Facts = Facts {
        name: "list_contacts",
        title: "Find contacts",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts",
    };

    async fn answer(self, call: &Call) -> Result<List<ContactView>, Problem> {
        let order = match self.sort {
            Sort::LastActivity => Order::LastActivity,
            Sort::Created => Order::Created,
            Sort::Name => Order::Name,
        };
        let after = self.paging.after(order)?;
        let mut context = call.read_from(after.as_ref()).await?;
        let filter = self.filter(&mut context).await?;
        let mut list = listed(&mut context, &filter, order, &self.paging, self.members().as_ref()).await?;
        if self.with_count {
            let (connection, workspace) = context.rows();
            list.count(contact_search::count(connection, workspace, &filter).await?);
        }
        Ok(list)
    }
}

/// A page of contacts, of which those members are shown; nothing = all.
pub(super) async fn listed(
    context: &mut ReadContext,
    filter: &Filter,
    order: Order,
    paging: &Paging,
    members: Option<&BTreeSet<&'static str>>,
) -> Result<List<ContactView>, Problem> {
    let (after, limit) = (paging.after(order)?, paging.limit());
    let (connection, workspace) = context.rows();
    let mut page = contact_search::list(connection, workspace, filter, order, after.as_ref(), limit).await?;
    let views = views(context, &page.items, members).await?;
    let list = List::fill(views, members)?;
    if list.len() < page.items.len() {
        let (connection, workspace) = context.rows();
        let fitting = list.len() as u64;
        page = contact_search::list(connection, workspace, filter, order, after.as_ref(), fitting).await?;
    }
    Ok(list.led_on(page, context.position))
}

/// Shows rows, with what stands in other tables; of those only what is to be shown.
async fn views(
    context: &mut ReadContext,
    rows: &[contacts::Contact],
    members: Option<&BTreeSet<&'static str>>,
) -> Result<Vec<ContactView>, Problem> {
    let ids: Vec<ContactId> = rows.iter().map(|row| row.id).collect();
    let wanted = |member| members.is_none_or(|members| members.contains(member));
    let mut views: BTreeMap<ContactId, ContactView> = rows.iter().map(|row| (row.id, from_row(row))).collect();
    let (connection, workspace) = context.rows();
    if wanted("tags") {
        for shown in contact_tags::of_contacts(connection, workspace, &ids).await? {
            if let Some(view) = views.get_mut(&shown.tag.contact) {
                view.tags.push(shown.name);
            }
        }
    }
    if wanted("channels") || wanted("identities") {
        for shown in contact_identities::of_contacts(connection, workspace, &ids).await? {
            let Some(view) = views.get_mut(&shown.identity.contact) else { continue };
            let channel = shown.channel.name();
            if !view.channels.contains(&channel) {
                view.channels.push(channel);
            }
            view.identities.push(IdentityView {
                channel,
                channel_account_id: shown.identity.account.to_string(),
                channel_user_id: shown.identity.channel_user,
            });
        }
    }
    if wanted("customFields") {
        for shown in contact_fields::of_contacts(connection, workspace, &ids).await? {
            if let (Some(view), Some(_)) = (views.get_mut(&shown.field.contact), &shown.field.value) {
                view.custom_fields.push(field_operations::shown(shown));
            }
        }
    }
    Ok(ids.iter().filter_map(|id| views.remove(id)).collect())
}

fn from_row(row: &contacts::Contact) -> ContactView {
    let row = row.clone();
    ContactView {
        id: row.id.to_string(),
        name: row.name,
        first_name: row.first_name,
        last_name: row.last_name,
        email: row.email,
        phone: row.phone,
        gender: row.gender,
        language: row.language,
        timezone: row.timezone,
        country: row.country,
        avatar_url: row.avatar_url,
        blocked: row.blocked,
        consent: row.consent.0,
        last_activity_at: Some(rfc3339(row.last_activity_at)),
        created_at: Some(rfc3339(row.created_at)),
        ..ContactView::default()
    }
}

/// Shows everything about one contact: attributes, identities, tags, custom field values, consent, how its conversations stand, and
/// the flows that it is in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::operations) struct GetContact {
    contact_id: ContactRef,
    /// `full`: with the last 10 notes, and the last 10 runs of flows, those that are over, too.
    #[serde(default)]
    detail: Detail,
}

/// A contact and its conversations.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct WholeContact {
    /// The contact.
    contact: ContactView,
    /// Its conversations, the last changed first; missing for tokens that may not read messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conversations: Vec<ConversationView>,
    /// The runs of flows that it is in, the newest first; missing for tokens that may not read flows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flow_runs: Vec<RunView>,
    /// The last notes about it, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<NoteView>,
}

impl Query for GetContact {
    type Output = WholeContact;
    const FACTS: Facts = Facts {
        name: "get_contact",
        title: "Get a contact",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Core, Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts/{contactId}",
    };

    async fn answer(self, call: &Call) -> Result<WholeContact, Problem> {
        let mut context = call.read().await?;
        let id = self.contact_id.in_tables(&mut context).await?;
        let (connection, workspace) = context.rows();
        let rows = contacts::by_ids(connection, workspace, &[id]).await?;
        // A claim may be younger than the tables when they lag behind.
        let contact = views(&mut context, &rows, None).await?.pop();
        let contact = contact.ok_or_else(|| {
            Problem::new(Code::NotFound, "there is no such contact")
                .field("contactId")
                .value(self.contact_id.0.as_str())
        })?;
        let mut talks = Vec::new();
        if call.caller.may(Scope::MessagesRead, false) {
            let (connection, workspace) = context.rows();
            let rows = conversations::of_contacts(connection, workspace, &[id]).await?;
            talks = conversation_view::views(&mut context, &rows).await?;
        }
        let (mut runs, is_full) = (Vec::new(), self.detail == Detail::Full);
        if call.caller.may(Scope::FlowsRead, false) {
            runs = flow_runs::of_contact(&mut context, id, is_full, RUNS_SHOWN).await?;
        }
        let mut notes = Vec::new();
        if is_full {
            let newest = contact_notes::newest(&mut context, id, None, NOTES_SHOWN).await?;
            notes = newest.into_iter().filter_map(|(_, note)| note).collect();
        }
        Ok(WholeContact { contact, conversations: talks, flow_runs: runs, notes })
    }
}
