//! What visitors read: the messages to them, in the order of the log, from a cursor on.

use std::collections::VecDeque;
use std::sync::Arc;

use aggregates::contact::{self, Identity, identity_claim};
use aggregates::ids::{ContactId, MessageId};
use aggregates::message::{Event, OutboundMessage};
use serde::Serialize;

use super::Session;
use crate::event_log::append::LogEntry;
use crate::event_log::store::EventRange;
use crate::problem::Problem;

/// How many events are looked through at a time.
const PAGE: usize = 500;

/// A message to a visitor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outgoing {
    /// Where it stands in the log: the cursor behind it.
    #[serde(skip)]
    pub position: u64,
    /// Its id.
    pub id: MessageId,
    /// The text.
    pub text: String,
    /// The buttons under it.
    pub buttons: Vec<OutgoingButton>,
    /// When it was sent, RFC 3339.
    pub at: String,
}

/// A button under a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutgoingButton {
    /// Comes back when it is pressed.
    pub id: String,
    /// The words on it.
    pub title: String,
}

/// The messages to one visitor, from a cursor on, without an end.
pub struct OutgoingMessages {
    session: Session,
    /// Nothing as long as the visitor is nobody's contact: then there is nothing to read.
    contact: Option<ContactId>,
    /// Everything up to here was looked at.
    cursor: u64,
    /// The visitor's past is read through the index of its contact; the present from the log as it comes.
    caught_up: bool,
    /// Up to here no event made the visitor somebody's contact.
    nobody_until: Option<u64>,
    waiting: VecDeque<Outgoing>,
}

impl OutgoingMessages {
    /// Messages behind `cursor`; 0 = from the first one. A cursor that the log has not reached is of another log, such as one that a
    /// backup has replaced since: then everything is told again, rather than something never.
    #[must_use]
    pub const fn after(session: Session, cursor: u64) -> Self {
        Self { session, contact: None, cursor, caught_up: false, nobody_until: None, waiting: VecDeque::new() }
    }

    /// The next message; waits for it. Nothing when the program ends.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn next(&mut self) -> Result<Option<Outgoing>, Problem> {
        let mut commits = self.session.app.log().stream().follow(self.session.account.workspace);
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(message));
            }
            commits.borrow_and_update();
            if self.look().await? {
                continue;
            }
            tokio::select! {
                () = self.session.app.stopping().cancelled() => return Ok(None),
                _ = commits.changed() => {}
            }
        }
    }

    /// Looks through the next events; tells whether there were any.
    async fn look(&mut self) -> Result<bool, Problem> {
        let log = Arc::clone(self.session.app.log());
        let workspace = self.session.account.workspace;
        let Some(contact) = self.contact else { return self.find_contact().await };
        if !self.caught_up {
            // The head first: what is written after it is met on the way from it.
            let head = log.head(workspace).await?;
            if self.cursor > head {
                self.cursor = 0;
            }
            let range = EventRange::SubjectAfter(contact.0, self.cursor);
            let page = log.entries(workspace, range, PAGE).await?;
            self.take(&page);
            if page.len() < PAGE {
                self.cursor = self.cursor.max(head);
                self.caught_up = true;
            }
            return Ok(true);
        }
        let page = log.entries_after(workspace, self.cursor, PAGE).await?;
        self.take(&page);
        Ok(!page.is_empty())
    }

    /// Looks whether the visitor is somebody's contact by now: once by its claim, then in what is new in the log, so that thousands of
    /// visitors who wait cost no query at each commit.
    async fn find_contact(&mut self) -> Result<bool, Problem> {
        let log = Arc::clone(self.session.app.log());
        let (workspace, account) = (self.session.account.workspace, self.session.account.id);
        let Some(until) = self.nobody_until else {
            self.nobody_until = Some(log.head(workspace).await?);
            let identity = identity_claim(account, self.session.visitor.id());
            self.contact = self.session.app.claim_owner(workspace, &identity).await?.map(ContactId);
            return Ok(true);
        };
        let page = log.entries_after(workspace, until, PAGE).await?;
        for entry in &page {
            let recorded = &entry.recorded;
            self.nobody_until = Some(recorded.position);
            let identity = match &recorded.event {
                aggregates::Event::Contact(contact::Event::ContactCreated { identity, .. }) => identity.as_ref(),
                aggregates::Event::Contact(contact::Event::ContactIdentityConnected { identity }) => Some(identity),
                _ => None,
            };
            let is_visitor = |identity: &&Identity| {
                identity.account == account
                    && identity.user.known().is_some_and(|user| user == self.session.visitor.id())
            };
            if identity.filter(is_visitor).is_some() {
                self.contact = Some(ContactId(recorded.stream_id));
                return Ok(true);
            }
        }
        Ok(!page.is_empty())
    }

    fn take(&mut self, page: &[LogEntry]) {
        for entry in page {
            let recorded = &entry.recorded;
            self.cursor = self.cursor.max(recorded.position);
            if let aggregates::Event::Message(Event::MessageQueued(message)) = &recorded.event
                && Some(message.contact) == self.contact
                && message.account == self.session.account.id
            {
                let id = MessageId(recorded.stream_id);
                self.waiting.extend(outgoing(id, recorded.position, recorded.recorded_at, message));
            }
        }
    }
}

/// What the visitor gets to see; nothing of a message that was erased.
fn outgoing(id: MessageId, position: u64, at: i64, message: &OutboundMessage) -> Option<Outgoing> {
    let at = jiff::Timestamp::from_microsecond(at).ok()?.to_string();
    let buttons = message
        .buttons
        .iter()
        .filter_map(|button| Some(OutgoingButton { id: button.id.clone(), title: button.title.known()?.clone() }));
    Some(Outgoing { position, id, text: message.text.known()?.clone(), buttons: buttons.collect(), at })
}
