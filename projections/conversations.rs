//! The conversations as they are shown: how they stand, who waits for whom, and the last message.

use std::collections::BTreeSet;

use aggregates::conversation::Owner;
use aggregates::ids::{AccountId, ContactId, ConversationId, TagId, WorkspaceId};
use aggregates::{Event, Recorded, conversation, message};

use crate::contact_search::{tagged_contact_ids, text_condition, text_contact_ids};
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::dialect::exists;
use crate::listing::{self, Candidates, EXAMINED_MAX, Listed, Listing, Number, Page, one_of};
use crate::messages::Direction;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

/// The longest preview of a message, in characters.
const PREVIEW_CHARS: usize = 140;
/// The status of a conversation in which something may be left to do.
const OPEN: &str = "open";
/// The status of a conversation in which nothing is left to do.
const CLOSED: &str = "closed";

table! {
    /// A conversation.
    pub struct Conversation in "conversations" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: ConversationId,
        }
        /// With whom.
        contact: ContactId,
        /// Where.
        account: AccountId,
        /// `open` or `closed`.
        status: String,
        /// Which kind answers: `none`, `flow`, `ai` or `human`.
        owner: String,
        /// Who exactly: a token's or a flow run's id, `local`.
        owner_id: Option<String>,
        /// How many inbound messages nobody has read.
        unread: u64,
        /// The beginning of the last message, at most 140 characters.
        last_message_preview: Option<String>,
        /// When the last message came or was taken in, in microseconds since the epoch.
        last_message_at: Option<i64>,
        /// Which way the last message went.
        last_message_direction: Option<Direction>,
        /// When the contact last wrote.
        last_inbound_at: Option<i64>,
        /// When the contact was last written to.
        last_outbound_at: Option<i64>,
        /// When the first message came that is unanswered; nothing while the contact waits for nothing.
        waiting_since: Option<i64>,
        /// When it began.
        started_at: i64,
        /// When it last got a message, or began: what it is sorted by.
        updated_at: i64,
    }
}

fn preview(text: &str) -> String {
    if text.chars().count() <= PREVIEW_CHARS {
        return text.to_owned();
    }
    text.chars().take(PREVIEW_CHARS - 1).chain(std::iter::once('…')).collect()
}

/// The conversation that an event changes.
fn subject(event: &Recorded) -> Option<ConversationId> {
    match &event.event {
        Event::Conversation(_) => Some(ConversationId(event.stream_id)),
        Event::Message(message::Event::MessageQueued(outbound)) => Some(outbound.conversation),
        _ => None,
    }
}

impl Projection for Conversation {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        keys.extend(subject(event).map(|id| (event.workspace, id)));
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Some(id) = subject(event) else { return Ok(()) };
        if let Event::Conversation(conversation::Event::ConversationStarted { contact, account }) = &event.event {
            rows.insert(Self::beginning(event, id, *contact, *account));
            return Ok(());
        }
        let row = rows.get_mut(&(event.workspace, id));
        match &event.event {
            Event::Conversation(own) => row.ok_or(Poison("the conversation did not begin"))?.fold(event, own),
            Event::Message(message::Event::MessageQueued(outbound)) => {
                // Another stream's event: without the conversation there is nothing to show it in.
                if let Some(row) = row {
                    row.last_outbound_at = Some(event.recorded_at);
                    row.waiting_since = None;
                    row.message(event, outbound.text.known(), Direction::Out);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Conversation {
    fn beginning(event: &Recorded, id: ConversationId, contact: ContactId, account: AccountId) -> Self {
        Self {
            workspace: event.workspace,
            id,
            contact,
            account,
            status: OPEN.to_owned(),
            owner: <&str>::from(Owner::None).to_owned(),
            owner_id: None,
            unread: 0,
            last_message_preview: None,
            last_message_at: None,
            last_message_direction: None,
            last_inbound_at: None,
            last_outbound_at: None,
            waiting_since: None,
            started_at: event.recorded_at,
            updated_at: event.recorded_at,
        }
    }

    fn fold(&mut self, event: &Recorded, own: &conversation::Event) {
        use conversation::Event::{
            ConversationClosed, ConversationOwnerChanged, ConversationRead, ConversationReopened, ConversationStarted,
            MessageReceived,
        };
        match own {
            ConversationStarted { .. } => {}
            MessageReceived(inbound) => {
                self.unread += 1;
                self.last_inbound_at = Some(event.recorded_at);
                self.waiting_since = self.waiting_since.or(Some(event.recorded_at));
                // One that crossed a close has no event of its own that opens the conversation.
                OPEN.clone_into(&mut self.status);
                self.message(event, inbound.text.known(), Direction::In);
            }
            ConversationRead { .. } => self.unread = 0,
            ConversationClosed { .. } => CLOSED.clone_into(&mut self.status),
            ConversationReopened { .. } => OPEN.clone_into(&mut self.status),
            ConversationOwnerChanged { owner, by, .. } => {
                <&str>::from(*owner).clone_into(&mut self.owner);
                self.owner_id.clone_from(by);
            }
        }
    }

    fn message(&mut self, event: &Recorded, text: Option<&String>, direction: Direction) {
        self.last_message_preview = text.map(|text| preview(text));
        self.last_message_at = Some(event.recorded_at);
        self.last_message_direction = Some(direction);
        self.updated_at = event.recorded_at;
    }
}

impl Listed for Conversation {
    fn place(&self, _: Order) -> (Key, String) {
        (Key::Integer(self.updated_at), self.id.to_string())
    }
}

/// Which conversations to list. Empty members filter nothing.
#[derive(Clone, Default)]
pub struct Filter {
    /// `open` or `closed`.
    pub status: Option<String>,
    /// `none`, `flow`, `ai` or `human`.
    pub owner: Option<String>,
    /// With unread messages, or without.
    pub unread: Option<bool>,
    /// With an unanswered message, or without.
    pub unanswered: Option<bool>,
    /// On any of these accounts; `None` filters nothing, an empty list lets nothing through.
    pub accounts: Option<Vec<AccountId>>,
    /// With contacts who carry all of these tags.
    pub tags: Vec<TagId>,
    /// With contacts whom this free text finds.
    pub query: Option<String>,
    /// Changed later than this, in microseconds since the epoch.
    pub updated_after: Option<i64>,
}

impl Filter {
    pub(crate) fn listing<'c>(&self, workspace: WorkspaceId, after: Option<&'c Cursor>, limit: u64) -> Listing<'c> {
        let (mut indexed, mut filters, mut candidates) = (Vec::new(), Vec::new(), Vec::new());
        match self.unread {
            Some(true) => indexed.push(Sql::new("v.unread > 0")),
            Some(false) => filters.push(Sql::new("v.unread = 0")),
            None => {}
        }
        match self.unanswered {
            Some(true) => indexed.push(Sql::new("v.waiting_since is not null")),
            Some(false) => filters.push(Sql::new("v.waiting_since is null")),
            None => {}
        }
        indexed.extend(self.updated_after.map(|time| Sql::new("v.updated_at > ").bind(&time)));
        filters.extend(self.status.as_ref().map(|status| Sql::new("v.status = ").bind(status)));
        filters.extend(self.owner.as_ref().map(|owner| Sql::new("v.owner = ").bind(owner)));
        match self.accounts.as_deref() {
            Some([account]) => indexed.push(Sql::new("v.account = ").bind(account)),
            Some(accounts) => filters.push(one_of("v.account", accounts)),
            None => {}
        }
        if let Some(query) = &self.query
            && let Some(condition) = text_condition("c.search", query)
        {
            let contact =
                Sql::new("select 1 from contacts c where c.workspace = v.workspace and c.id = v.contact and ");
            filters.push(exists(contact.append(condition)));
            candidates.push(Candidates {
                column: Sql::new("contact"),
                keys: text_contact_ids(workspace, query),
                number: Number::Counted,
            });
        }
        for tag in &self.tags {
            let keys = tagged_contact_ids(workspace, *tag);
            filters.push(exists(keys.clone().push(" and t.contact = v.contact")));
            candidates.push(Candidates { column: Sql::new("contact"), keys, number: Number::Counted });
        }
        Listing {
            workspace,
            order: Order::Updated,
            sort: ("updated_at", true),
            indexed,
            filters,
            candidates,
            after,
            limit,
            bound: EXAMINED_MAX,
        }
    }
}

/// A page, the last changed first ([`Order::Updated`]).
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut Connection,
    workspace: WorkspaceId,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<Conversation>, Error> {
    listing::page(connection, &filter.listing(workspace, after, limit)).await
}

/// How many conversations a filter lets through, exact up to 10,000.
///
/// # Errors
/// When the database fails.
pub async fn count(
    connection: &mut Connection,
    workspace: WorkspaceId,
    filter: &Filter,
) -> Result<listing::Count, Error> {
    listing::count::<Conversation>(connection, &filter.listing(workspace, None, 0)).await
}

/// One conversation.
///
/// # Errors
/// When the database fails.
pub async fn get(
    connection: &mut Connection,
    workspace: WorkspaceId,
    id: ConversationId,
) -> Result<Option<Conversation>, Error> {
    let select = format!("select {} from conversations v where v.workspace = ", Conversation::columns("v"));
    Ok(Sql::new(select).bind(&workspace).push(" and v.id = ").bind(&id).rows(connection).await?.pop())
}

/// The conversations of all of `contacts`, by contact and then the last changed first.
///
/// # Errors
/// When the database fails.
pub async fn of_contacts(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contacts: &[ContactId],
) -> Result<Vec<Conversation>, Error> {
    let select = format!("select {} from conversations v where v.workspace = ", Conversation::columns("v"));
    let sql = Sql::new(select).bind(&workspace).push(" and ").append(one_of("v.contact", contacts));
    sql.push(" order by v.contact, v.updated_at desc, v.id desc").rows(connection).await
}

#[cfg(test)]
#[path = "conversations_tests.rs"]
mod tests;
