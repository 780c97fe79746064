//! The conversations as they are shown: how they stand, who waits for whom, and the last message.

use std::collections::BTreeSet;

use aggregates::ids::{AccountId, ContactId, ConversationId, TagId, WorkspaceId};
use aggregates::{Event, Recorded, conversation, message};

use crate::contact_search::{tagged_contact_ids, text_condition, text_contact_ids};
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::listing::{self, Candidates, EXAMINED_MAX, Listed, Listing, Page, one_of};
use crate::messages::Direction;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

/// The longest preview of a message, in characters.
const PREVIEW_CHARS: usize = 140;

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
        /// `open`: nothing closes a conversation yet.
        status: String,
        /// `unassigned`: nothing takes a conversation over yet.
        owner: String,
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
            Event::Conversation(conversation::Event::MessageReceived(inbound)) => {
                let row = row.ok_or(Poison("the conversation did not begin"))?;
                row.unread += 1;
                row.last_inbound_at = Some(event.recorded_at);
                row.waiting_since = row.waiting_since.or(Some(event.recorded_at));
                row.message(event, inbound.text.known(), Direction::In);
            }
            Event::Conversation(conversation::Event::ConversationRead { .. }) => {
                row.ok_or(Poison("the conversation did not begin"))?.unread = 0;
            }
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
            status: "open".to_owned(),
            owner: "unassigned".to_owned(),
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
    /// `open`, and what may come.
    pub status: Option<String>,
    /// `unassigned`, and what may come.
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
    fn listing<'c>(&self, workspace: WorkspaceId, after: Option<&'c Cursor>, limit: u64) -> Listing<'c> {
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
                Sql::new("exists (select 1 from contacts c where c.workspace = v.workspace and c.id = v.contact and ");
            filters.push(contact.append(condition).push(")"));
            candidates.push(Candidates { column: "contact", keys: text_contact_ids(workspace, query) });
        }
        for tag in &self.tags {
            let keys = tagged_contact_ids(workspace, *tag);
            filters.push(Sql::new("exists (").append(keys.clone()).push(" and t.contact = v.contact)"));
            candidates.push(Candidates { column: "contact", keys });
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
mod tests {
    use super::*;
    use crate::given::{BEGINNING, Given, folded, person, rows};

    struct Talks {
        given: Given,
        workspace: WorkspaceId,
        account: AccountId,
        vip: TagId,
        contacts: Vec<ContactId>,
        conversations: Vec<ConversationId>,
    }

    /// Ana wrote twice and was answered, Bo wrote and waits, Cy was read, Di never wrote.
    fn talks() -> Talks {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let vip = given.tag(workspace, "VIP");
        let (mut contacts, mut conversations) = (Vec::new(), Vec::new());
        for name in ["Ana", "Bo", "Cy", "Di"] {
            let contact = given.contact(workspace, person(name, "López", "", ""), None);
            let conversation = given.conversation(workspace, contact, account);
            contacts.push(contact);
            conversations.push(conversation);
        }
        for contact in [0, 0, 1, 2] {
            given.received(workspace, conversations[contact], (contacts[contact], account), "hello");
        }
        given.queued(workspace, conversations[0], (contacts[0], account), &"x".repeat(200));
        let read = conversation::Event::ConversationRead { contact: contacts[2], messages: 1 };
        given.record(workspace, conversations[2], read);
        given.tagged(workspace, contacts[1], &[vip]);
        Talks { given, workspace, account, vip, contacts, conversations }
    }

    #[test]
    fn a_conversation_shows_how_it_stands() {
        let talks = talks();
        let rows = rows::<Conversation>(&talks.given);
        let stands: Vec<(u64, bool)> = rows.iter().map(|row| (row.unread, row.waiting_since.is_some())).collect();
        assert_eq!(stands, [(2, false), (1, true), (0, true), (0, false)]);
        let preview = rows[0].last_message_preview.as_deref().expect("a preview");
        assert_eq!((preview.chars().count(), preview.ends_with('…')), (140, true));
        assert_eq!(rows[0].last_message_direction, Some(Direction::Out));
        assert_eq!(rows[1].waiting_since, rows[1].last_inbound_at);
        assert_eq!((rows[3].last_message_at, rows[3].updated_at), (None, BEGINNING + 10_000_000));
    }

    #[tokio::test]
    async fn conversations_are_listed_by_every_filter() {
        let talks = talks();
        let tables = folded(&talks.given).await;
        let mut reader = tables.read().await.expect("a reader");
        let connection = reader.connection();
        let [ana, bo, cy, di] = talks.conversations[..] else { panic!("four conversations") };
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            (Filter::default(), vec![ana, cy, bo, di]),
            (Filter { unread: Some(true), ..Filter::default() }, vec![ana, bo]),
            (Filter { unread: Some(false), ..Filter::default() }, vec![cy, di]),
            (Filter { unanswered: Some(true), ..Filter::default() }, vec![cy, bo]),
            (Filter { unanswered: Some(false), ..Filter::default() }, vec![ana, di]),
            (Filter { status: text("open"), owner: text("unassigned"), ..Filter::default() }, vec![ana, cy, bo, di]),
            (Filter { status: text("closed"), ..Filter::default() }, vec![]),
            (
                Filter { accounts: Some(vec![talks.account]), query: text("lopez"), ..Filter::default() },
                vec![ana, cy, bo, di],
            ),
            (Filter { accounts: Some(vec![]), ..Filter::default() }, vec![]),
            (Filter { tags: vec![talks.vip], ..Filter::default() }, vec![bo]),
            (Filter { query: text("Cy lo"), ..Filter::default() }, vec![cy]),
            (Filter { query: text("di"), ..Filter::default() }, vec![di]),
            (
                Filter { updated_after: Some(BEGINNING + 11_000_000 + 1_000_000), ..Filter::default() },
                vec![ana, cy, bo],
            ),
        ];
        for (number, (filter, wanted)) in cases.into_iter().enumerate() {
            let page = list(connection, talks.workspace, &filter, None, 10).await.expect("a page");
            let found: Vec<ConversationId> = page.items.iter().map(|row| row.id).collect();
            assert_eq!((found, page.next, page.examined), (wanted.clone(), None, None), "case {number}");
            let counted = count(connection, talks.workspace, &filter).await.expect("a count");
            assert_eq!((counted.value, counted.more), (wanted.len() as u64, false), "case {number}");
        }
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_loss_and_workspaces_stay_apart() {
        let mut talks = talks();
        let elsewhere = talks.given.workspace("Beta");
        let tables = folded(&talks.given).await;
        let mut reader = tables.read().await.expect("a reader");
        let connection = reader.connection();
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = list(connection, talks.workspace, &Filter::default(), after.as_ref(), 1).await.expect("a page");
            seen.extend(page.items.iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 4);
        let first = talks.conversations[0];
        assert!(get(connection, talks.workspace, first).await.expect("a row").is_some());
        assert!(get(connection, elsewhere, first).await.expect("a row").is_none());
        let of = of_contacts(connection, talks.workspace, &talks.contacts[1..3]).await.expect("rows");
        assert_eq!(of.iter().map(|row| row.id).collect::<Vec<_>>(), talks.conversations[1..3]);
    }
}
