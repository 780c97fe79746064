//! The messages as they are shown, inbound and outbound, each at the position at which it came or was taken in.

use std::collections::BTreeSet;

use aggregates::conversation::InboundMessage;
use aggregates::ids::{AccountId, ContactId, ConversationId, MessageId, WorkspaceId};
use aggregates::message::{OutboundMessage, Status};
use aggregates::metadata::ActorKind;
use aggregates::{Event, Recorded, conversation, message};
use serde::{Deserialize, Serialize};

use crate::cell::{Json, known};
use crate::database::{Connection, Error};
use crate::message_search::search_text;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Actor, Poison, Projection, Table, table};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the contact.
    In,
    /// To the contact.
    Out,
}

impl From<Direction> for &'static str {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }
}

/// A button under an outbound message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// Comes back when it is pressed.
    pub id: String,
    /// The words on it; nothing once they were erased.
    pub title: Option<String>,
}

table! {
    /// A message.
    pub struct Message in "messages" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: MessageId,
        }
        /// The conversation that it belongs to.
        conversation: ConversationId,
        /// From whom or to whom.
        contact: ContactId,
        /// On which account.
        account: AccountId,
        /// Which way it went.
        direction: Direction,
        /// What kind of actor wrote it.
        sender_kind: ActorKind,
        /// Who wrote it.
        sender_id: String,
        /// The text; nothing once it was erased.
        text: Option<String>,
        /// The buttons under it.
        buttons: Json<Vec<Button>>,
        /// The id of the button that the customer pressed.
        pressed_button_id: Option<String>,
        /// The words on that button.
        pressed_button_title: Option<String>,
        /// The message that it answers.
        reply_to: Option<MessageId>,
        /// How far an outbound message has come; nothing for an inbound one.
        status: Option<Status>,
        /// When it was received or taken in for sending, in microseconds since the epoch.
        at: i64,
        /// When the channel had it.
        sent_at: Option<i64>,
        /// When it arrived at the customer's device.
        delivered_at: Option<i64>,
        /// When the customer had seen it.
        read_at: Option<i64>,
        /// The position at which it was received or taken in.
        position: u64,
        /// What words find it by.
        search: String,
    }
}

impl Message {
    /// Who wrote it.
    #[must_use]
    pub fn sender(&self) -> Actor {
        Actor { kind: self.sender_kind, id: self.sender_id.clone() }
    }

    fn received(event: &Recorded, inbound: &InboundMessage) -> Self {
        Self {
            workspace: event.workspace,
            id: inbound.message,
            conversation: ConversationId(event.stream_id),
            contact: inbound.contact,
            account: inbound.account,
            direction: Direction::In,
            sender_kind: event.metadata.actor.kind,
            sender_id: event.metadata.actor.id.clone(),
            search: search_text(event.workspace, inbound.text.known().map(String::as_str)),
            text: known(&inbound.text),
            buttons: Json(Vec::new()),
            pressed_button_id: inbound.button.as_ref().map(|button| button.id.clone()),
            pressed_button_title: inbound.button.as_ref().and_then(|button| known(&button.title)),
            reply_to: inbound.reply_to,
            status: None,
            at: event.recorded_at,
            sent_at: None,
            delivered_at: None,
            read_at: None,
            position: event.position,
        }
    }

    fn queued(event: &Recorded, outbound: &OutboundMessage) -> Self {
        let buttons = outbound.buttons.iter();
        let buttons = buttons.map(|button| Button { id: button.id.clone(), title: known(&button.title) }).collect();
        Self {
            workspace: event.workspace,
            id: MessageId(event.stream_id),
            conversation: outbound.conversation,
            contact: outbound.contact,
            account: outbound.account,
            direction: Direction::Out,
            sender_kind: event.metadata.actor.kind,
            sender_id: event.metadata.actor.id.clone(),
            search: search_text(event.workspace, outbound.text.known().map(String::as_str)),
            text: known(&outbound.text),
            buttons: Json(buttons),
            pressed_button_id: None,
            pressed_button_title: None,
            reply_to: outbound.reply_to,
            status: Some(Status::Queued),
            at: event.recorded_at,
            sent_at: None,
            delivered_at: None,
            read_at: None,
            position: event.position,
        }
    }

    fn advance(&mut self, status: Status, at: i64) {
        self.status = self.status.max(Some(status));
        let time = match status {
            Status::Sent => &mut self.sent_at,
            Status::Delivered => &mut self.delivered_at,
            Status::Read => &mut self.read_at,
            Status::None | Status::Queued => return,
        };
        *time = time.or(Some(at));
    }
}

/// How far an event says that a message has come.
const fn progress(event: &message::Event) -> Option<Status> {
    match event {
        message::Event::MessageQueued(_) => None,
        message::Event::MessageSent { .. } => Some(Status::Sent),
        message::Event::MessageDelivered { .. } => Some(Status::Delivered),
        message::Event::MessageRead { .. } => Some(Status::Read),
    }
}

impl Projection for Message {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        if let Event::Message(change) = &event.event
            && progress(change).is_some()
        {
            keys.insert((event.workspace, MessageId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        match &event.event {
            Event::Conversation(conversation::Event::MessageReceived(inbound)) => {
                rows.insert(Self::received(event, inbound));
            }
            Event::Message(message::Event::MessageQueued(outbound)) => rows.insert(Self::queued(event, outbound)),
            Event::Message(change) => {
                let row = rows.get_mut(&(event.workspace, MessageId(event.stream_id)));
                let row = row.ok_or(Poison("the message was never queued"))?;
                if let Some(status) = progress(change) {
                    row.advance(status, event.recorded_at);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// All messages of a workspace, to go on with conditions on `v`.
pub(crate) fn select(workspace: WorkspaceId) -> Sql {
    Sql::new(format!("select {} from messages v where v.workspace = ", Message::columns("v"))).bind(&workspace)
}

/// One message.
///
/// # Errors
/// When the database fails.
pub async fn get(connection: &mut Connection, workspace: WorkspaceId, id: MessageId) -> Result<Option<Message>, Error> {
    Ok(select(workspace).push(" and v.id = ").bind(&id).rows(connection).await?.pop())
}

/// Which messages of a contact to list. Empty members filter nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// At positions below this one: where a page ended, the next one begins.
    pub before: Option<u64>,
    /// At positions above this one.
    pub after: Option<u64>,
    /// One way only.
    pub direction: Option<Direction>,
}

/// The last `limit` messages with a contact, on all its channels, the newest first. The next page lies `before` the last
/// position.
///
/// # Errors
/// When the database fails.
pub async fn of_contact(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contact: ContactId,
    filter: Filter,
    limit: u64,
) -> Result<Vec<Message>, Error> {
    let mut sql = select(workspace).push(" and v.contact = ").bind(&contact);
    if let Some(before) = filter.before {
        sql = sql.push(" and v.position < ").bind(&before);
    }
    if let Some(after) = filter.after {
        sql = sql.push(" and v.position > ").bind(&after);
    }
    if let Some(direction) = filter.direction {
        sql = sql.push(" and v.direction = ").bind(&direction);
    }
    sql.push(" order by v.position desc limit ").bind(&limit).rows(connection).await
}

/// The last `limit` messages of a conversation, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn last_of_conversation(
    connection: &mut Connection,
    workspace: WorkspaceId,
    conversation: ConversationId,
    limit: u64,
) -> Result<Vec<Message>, Error> {
    let sql = select(workspace).push(" and v.conversation = ").bind(&conversation);
    sql.push(" order by v.position desc limit ").bind(&limit).rows(connection).await
}

/// The first `limit` messages to a contact through an account after a position, the oldest first: what a visitor of a web chat
/// has not seen yet.
///
/// # Errors
/// When the database fails.
pub async fn outbound_after(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contact: ContactId,
    account: AccountId,
    after: u64,
    limit: u64,
) -> Result<Vec<Message>, Error> {
    let sql = select(workspace).push(" and v.contact = ").bind(&contact).push(" and v.account = ").bind(&account);
    let sql = sql.push(" and v.direction = 'out' and v.position > ").bind(&after);
    sql.push(" order by v.position limit ").bind(&limit).rows(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, person, rows};

    struct Talk {
        given: Given,
        workspace: WorkspaceId,
        with: (ContactId, AccountId),
        conversation: ConversationId,
        messages: Vec<MessageId>,
    }

    /// Inbound, outbound and read, inbound, outbound: at the positions 5, 6, 9, 10.
    fn talk() -> Talk {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let contact = given.contact(workspace, person("Ana", "", "", ""), None);
        let with = (contact, account);
        let conversation = given.conversation(workspace, contact, account);
        let first = given.received(workspace, conversation, with, "hello");
        let second = given.queued(workspace, conversation, with, "hi");
        given.record(workspace, second, message::Event::MessageSent { conversation, contact });
        given.record(workspace, second, message::Event::MessageRead { conversation, contact });
        let third = given.received(workspace, conversation, with, "bye");
        let fourth = given.queued(workspace, conversation, with, "see you");
        Talk { given, workspace, with, conversation, messages: vec![first, second, third, fourth] }
    }

    #[tokio::test]
    async fn a_message_shows_how_far_it_has_come() {
        let talk = talk();
        let mut all = rows::<Message>(&talk.given);
        all.sort_by_key(|row| row.position);
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            let second =
                get(reader.connection(), talk.workspace, talk.messages[1]).await.expect("a row").expect("a message");
            assert!(second == all[1], "what is read is what was folded");
            assert_eq!((second.status, second.delivered_at), (Some(Status::Read), None));
            assert!(second.sent_at > Some(second.at) && second.read_at > second.sent_at);
            assert_eq!(second.buttons.0, [Button { id: "yes".to_owned(), title: Some("Yes".to_owned()) }]);
            let first =
                get(reader.connection(), talk.workspace, talk.messages[0]).await.expect("a row").expect("a message");
            assert_eq!((first.direction, first.status, first.position), (Direction::In, None, 5));
            assert_eq!(first.sender().kind, ActorKind::Local);
        }
    }

    #[tokio::test]
    async fn messages_are_listed_from_every_side() {
        let talk = talk();
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let positions = |rows: Vec<Message>| rows.iter().map(|row| row.position).collect::<Vec<_>>();
            let (workspace, (contact, account)) = (talk.workspace, talk.with);
            for (filter, limit, wanted) in [
                (Filter::default(), 10, vec![10, 9, 6, 5]),
                (Filter::default(), 2, vec![10, 9]),
                (Filter { before: Some(9), ..Filter::default() }, 10, vec![6, 5]),
                (Filter { after: Some(6), ..Filter::default() }, 10, vec![10, 9]),
                (Filter { direction: Some(Direction::In), ..Filter::default() }, 10, vec![9, 5]),
            ] {
                assert_eq!(
                    positions(of_contact(connection, workspace, contact, filter, limit).await.expect("rows")),
                    wanted
                );
            }
            let last = last_of_conversation(connection, workspace, talk.conversation, 3).await.expect("rows");
            assert_eq!(positions(last), [10, 9, 6]);
            let unseen = outbound_after(connection, workspace, contact, account, 0, 10).await.expect("rows");
            assert_eq!(positions(unseen), [6, 10]);
            let unseen = outbound_after(connection, workspace, contact, account, 6, 10).await.expect("rows");
            assert_eq!(positions(unseen), [10]);
        }
    }

    #[test]
    fn a_receipt_for_a_message_that_was_never_queued_is_refused() {
        let mut talk = talk();
        let (conversation, contact) = (talk.conversation, talk.with.0);
        let stranger = uuid::Uuid::from_u128(7);
        talk.given.record(talk.workspace, stranger, message::Event::MessageSent { conversation, contact });
        let event = talk.given.events.last().expect("an event").clone();
        let mut keys = BTreeSet::new();
        Message::touched(&event, &mut keys);
        let mut rows = Rows::<Message>::of(&std::collections::BTreeMap::new(), keys);
        assert_eq!(Message::apply(&mut rows, &event), Err(Poison("the message was never queued")));
    }
}
