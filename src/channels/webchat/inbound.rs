//! What visitors do: come, write, press buttons, receive and read.

use aggregates::Personal;
use aggregates::channel_account::Channel;
use aggregates::consent::{self, Consent};
use aggregates::contact::{self, Contact, Identity, Source, identity_claim};
use aggregates::contact_attributes::Attributes;
use aggregates::conversation::{self, Conversation, InboundMessage, PressedButton, conversation_claim, inbound_claim};
use aggregates::folding::is_hidden;
use aggregates::ids::{ContactId, MessageId};
use aggregates::message::{self, Message, Status};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Account, MAX_CLIENT_MESSAGE_ID_CHARS, MAX_NAME_CHARS, MAX_TEXT_CHARS, Session, Visitor};
use crate::app::{App, Decision, Transacted, TransactionRequest, UnitOfWork};
use crate::problem::{Code, Problem};

/// How many of the last messages are searched for a pressed button that names no message.
const MESSAGES_SEARCHED: u64 = 50;

/// What a visitor writes: a text, or a button that was pressed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundText {
    /// The visitor's own id of the message: taken in once.
    pub client_message_id: String,
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// The button's id.
    #[serde(default)]
    pub button_id: Option<String>,
    /// Which of our messages it answers.
    #[serde(default)]
    pub reply_to: Option<MessageId>,
}

/// A message that was taken in, now or earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Its id.
    pub message_id: MessageId,
    /// Where it stands in the workspace's log.
    pub position: u64,
}

fn shows_nothing(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_hidden(letter))
}

/// A new visitor of an account, with its secret. Nothing is stored: who opens a page is not a contact yet.
///
/// # Errors
/// `invalid_input` for a name that shows nothing or is too long.
pub fn new_visitor(app: &App, account: Account, name: Option<&str>) -> Result<(Visitor, String), Problem> {
    let name = name.map(str::trim);
    if name.is_some_and(|name| shows_nothing(name) || name.chars().count() > MAX_NAME_CHARS) {
        return Err(Problem::invalid("name", format!("a name has 1 to {MAX_NAME_CHARS} visible characters")));
    }
    let visitor = Visitor::new(name);
    let secret = visitor.secret(app.log().master(), account.id);
    Ok((visitor, secret))
}

struct Receive<'a> {
    session: &'a Session,
    inbound: &'a InboundText,
    text: String,
    button: Option<PressedButton>,
    message: MessageId,
}

/// What a decision to take a message in gives: the message's id, and its position when it stands in the log already.
type TakenIn = (MessageId, Option<u64>);

impl Decision for Receive<'_> {
    type Outcome = TakenIn;

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<TakenIn, Problem> {
        let account = self.session.account.id;
        let user = self.session.visitor.id();
        let claim = inbound_claim(account, user, &self.inbound.client_message_id);
        if let Some((owner, position)) = unit.app().log().claim_holder(unit.workspace(), &claim).await? {
            return Ok((MessageId(owner), Some(position)));
        }
        let contact = contact_of(unit, self.session).await?;
        let conversation = match unit.claim_owner(&conversation_claim(account, contact)).await? {
            Some(conversation) => conversation,
            None => {
                let conversation = unit.new_id();
                let start = conversation::Command::Start { contact, account };
                unit.execute::<Conversation>(conversation, start).await?;
                conversation
            }
        };
        if self.button.is_none() {
            take_in_consent(unit, contact, &self.text).await?;
        }
        let inbound = InboundMessage {
            message: self.message,
            contact,
            account,
            text: Personal::Known(self.text.clone()),
            button: self.button.clone(),
            reply_to: self.inbound.reply_to,
            user: Personal::Known(user.to_owned()),
            provider_message_id: Personal::Known(self.inbound.client_message_id.clone()),
        };
        let receive = conversation::Command::Receive(inbound);
        unit.execute_at_any_sequence::<Conversation>(conversation, receive).await?;
        Ok((self.message, None))
    }
}

/// STOP and START, in the append of the message that says so. A pressed button is no such word: we wrote what stands on it.
async fn take_in_consent(unit: &mut UnitOfWork, contact: ContactId, text: &str) -> Result<(), Problem> {
    let Some(consent) = consent::said_by(text) else { return Ok(()) };
    let stands = unit.load::<Contact>(contact.0).await?.and_then(|contact| contact.consent.on(Channel::Webchat));
    // START takes a STOP back; to whoever said none it is a word like any other.
    if consent == Consent::OptedIn && stands != Some(Consent::OptedOut) {
        return Ok(());
    }
    let (channel, source) = (Some(Channel::Webchat), Source::Customer);
    let command = contact::Command::SetConsent { consent, channel, evidence: None, source };
    // Unlike the message itself it is decided on what the contact is now: a STOP that crosses another word must not be lost.
    unit.execute::<Contact>(contact.0, command).await.map(|_| ())
}

/// The visitor's contact; the first message makes it.
async fn contact_of(unit: &mut UnitOfWork, session: &Session) -> Result<ContactId, Problem> {
    let (account, visitor) = (session.account.id, &session.visitor);
    if let Some(contact) = unit.claim_owner(&identity_claim(account, visitor.id())).await? {
        return Ok(ContactId(contact));
    }
    let contact = unit.new_id();
    let first_name = visitor.name().map(|name| Personal::Known(name.to_owned()));
    let attributes = Attributes { first_name, ..Attributes::default() };
    let identity = Identity { account, user: Personal::Known(visitor.id().to_owned()) };
    let command = contact::Command::Create { source: Source::Customer, attributes, identity: Some(identity) };
    unit.execute::<Contact>(contact, command).await?;
    Ok(ContactId(contact))
}

/// Takes in what a visitor wrote. Repeated under the same id, it gives the first answer again.
///
/// # Errors
/// `invalid_input` when there is not exactly one of text and button, when one is too long, or when no message has the button;
/// `unavailable` when the log cannot take it now.
pub async fn receive(session: &Session, inbound: &InboundText) -> Result<Received, Problem> {
    let id_chars = inbound.client_message_id.chars().count();
    if !(1..=MAX_CLIENT_MESSAGE_ID_CHARS).contains(&id_chars) {
        let message = format!("a message's id has 1 to {MAX_CLIENT_MESSAGE_ID_CHARS} characters");
        return Err(Problem::invalid("clientMessageId", message));
    }
    if let Some(message) = inbound.reply_to {
        own_message(session, message).await?;
    }
    let (text, button) = match (&inbound.text, &inbound.button_id) {
        (Some(text), None) if shows_nothing(text) || text.chars().count() > MAX_TEXT_CHARS => {
            let message = format!("a text has 1 to {MAX_TEXT_CHARS} characters, one of them visible");
            return Err(Problem::invalid("text", message));
        }
        (Some(text), None) => (text.clone(), None),
        (None, Some(button)) => {
            let button = pressed(session, button, inbound.reply_to).await?;
            (button.title.known().cloned().unwrap_or_default(), Some(button))
        }
        _ => return Err(Problem::new(Code::InvalidInput, "a message has exactly one of text and buttonId")),
    };
    let message = MessageId(Uuid::now_v7());
    let decision = Receive { session, inbound, text, button, message };
    let caller = session.account.caller();
    match session.app.transact(&caller, &TransactionRequest::keyless("webchat_message"), &decision).await? {
        Transacted::Done { outcome: (message_id, taken_in), position, .. } => {
            Ok(Received { message_id, position: taken_in.unwrap_or(position) })
        }
        Transacted::Dry { .. } => Err(Problem::internal(&"a message was only tried")),
    }
}

/// The visitor may name only what was sent to it.
async fn own_message(session: &Session, id: MessageId) -> Result<ContactId, Problem> {
    let unknown = || Problem::new(Code::NotFound, "there is no such message for this visitor");
    let mut context = session.app.read(session.account.workspace, None).await?;
    let (connection, workspace) = context.rows();
    let row = projections::messages::get(connection, workspace, id).await.map_err(|error| Problem::internal(&error))?;
    let identity = identity_claim(session.account.id, session.visitor.id());
    let contact = session.app.claim_owner(workspace, &identity).await?.map(ContactId);
    match (row, contact) {
        (Some(row), Some(contact)) if row.contact == contact && row.account == session.account.id => Ok(contact),
        _ => Err(unknown()),
    }
}

/// Finds the words on a pressed button: on the message that is answered, or on the last one that has such a button.
async fn pressed(session: &Session, button: &str, reply_to: Option<MessageId>) -> Result<PressedButton, Problem> {
    let identity = identity_claim(session.account.id, session.visitor.id());
    let workspace = session.account.workspace;
    let contact = session.app.claim_owner(workspace, &identity).await?.map(ContactId);
    let unknown = || {
        Problem::invalid("buttonId", "no message to this visitor has this button")
            .hint("send the id of a button of a message that was received, with replyTo = that message's id")
    };
    let contact = contact.ok_or_else(unknown)?;
    let mut context = session.app.read(workspace, None).await?;
    let failed = |error: projections::database::Error| Problem::internal(&error);
    let (connection, workspace) = context.rows();
    let candidates = match reply_to {
        Some(id) => projections::messages::get(connection, workspace, id).await.map_err(failed)?.into_iter().collect(),
        None => {
            let filter = projections::messages::Filter {
                direction: Some(projections::messages::Direction::Out),
                ..projections::messages::Filter::default()
            };
            projections::messages::of_contact(connection, workspace, contact, filter, MESSAGES_SEARCHED)
                .await
                .map_err(failed)?
        }
    };
    let on_account = candidates.into_iter().filter(|row| row.account == session.account.id && row.contact == contact);
    let mut buttons = on_account.flat_map(|row| row.buttons.0);
    let found = buttons.find(|known| known.id == button).ok_or_else(unknown)?;
    Ok(PressedButton { id: found.id, title: found.title.map_or(Personal::Erased(true), Personal::Known) })
}

struct Advance {
    message: MessageId,
    status: Status,
}

impl Decision for Advance {
    type Outcome = Status;

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Status, Problem> {
        let command = message::Command::Advance { status: self.status };
        unit.execute::<Message>(self.message.0, command).await?;
        Ok(unit.load::<Message>(self.message.0).await?.map_or(self.status, |message| message.status))
    }
}

/// Takes in that a message arrived at the visitor's device, or was seen; gives how far it has come. Repeats and late receipts change
/// nothing.
///
/// # Errors
/// `not_found` for a message that was not sent to this visitor.
pub async fn receipt(session: &Session, id: MessageId, status: Status) -> Result<Status, Problem> {
    own_message(session, id).await?;
    let caller = session.account.caller();
    let decision = Advance { message: id, status };
    match session.app.transact(&caller, &TransactionRequest::keyless("webchat_receipt"), &decision).await? {
        Transacted::Done { outcome, .. } => Ok(outcome),
        Transacted::Dry { .. } => Err(Problem::internal(&"a receipt was only tried")),
    }
}
