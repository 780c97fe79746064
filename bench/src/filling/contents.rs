//! What is written into a workspace: first the people, then what is said, many events in one append.

use std::ops::Range;
use std::sync::Arc;

use aggregates::Personal;
use aggregates::contact::{self, Identity, Source};
use aggregates::conversation::{self, InboundMessage, Owner};
use aggregates::ids::{ContactId, ConversationId, MessageId, WorkspaceId};
use aggregates::message::{self, OutboundMessage};
use chatbotx::event_log::EventLog;
use chatbotx::event_log::append::AppendUnit;
use chatbotx::event_log::sealing::SubjectKey;
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use uuid::{Builder, Uuid};

use super::bulk::Unit;
use super::chance::Chance;
use super::people::person;
use super::talk::text;
use super::{Place, Sizes};
use crate::Outcome;

/// How many people or messages are in one append.
const IN_ONE: u64 = 250;
/// How many appends are being made, and how many are on their way, at once.
const AT_ONCE: usize = 4;
/// The conversations that have most of the messages, and how many of 100 messages are in them.
const BUSY: (u64, usize) = (20, 10);
/// The moment from which ids count, in milliseconds since the epoch: one each.
const FIRST_ID_MS: u64 = 1_750_000_000_000;

/// How far a filling has come, on a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins.
    pub fn new(what: &str, sizes: Sizes) -> Self {
        let bar = ProgressBar::new(sizes.contacts + sizes.messages);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// Says what goes on now.
    pub fn says(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Ends.
    pub fn ends(&self) {
        self.0.finish_and_clear();
    }
}

/// The keys of those who talk, by the number of the conversation.
pub type Keys = Arc<Vec<Arc<SubjectKey>>>;

/// An id as the program makes them: a UUIDv7 that rises with the number.
fn id(kind: &str, workspace: WorkspaceId, number: u64) -> Uuid {
    let mut chance = Chance::of(kind, number ^ (workspace.0.as_u128() as u64));
    let mut random = [0; 10];
    random[..8].copy_from_slice(&chance.next().to_le_bytes());
    random[8..].copy_from_slice(&chance.next().to_le_bytes()[..2]);
    Builder::from_unix_timestamp_millis(FIRST_ID_MS + number, &random).into_uuid()
}

/// The contact with this number.
pub fn contact_id(workspace: WorkspaceId, number: u64) -> ContactId {
    ContactId(id("contact", workspace, number))
}

fn conversation_id(workspace: WorkspaceId, number: u64) -> ConversationId {
    ConversationId(id("conversation", workspace, number))
}

/// The contact who talks in the conversation with this number: they are spread over all.
pub const fn talker(sizes: Sizes, conversation: u64) -> u64 {
    sizes.first + (conversation - sizes.first) * (sizes.contacts / sizes.conversations)
}

fn talks(sizes: Sizes, contact: u64) -> bool {
    let number = contact - sizes.first;
    let every = sizes.contacts.checked_div(sizes.conversations);
    every.is_some_and(|every| number.is_multiple_of(every) && number / every < sizes.conversations)
}

fn user(contact: u64) -> Personal<String> {
    Personal::Known(format!("visitor-{contact}"))
}

/// Makes units and appends them, several at once. Their order among each other does not matter.
async fn append_all<T: Send + 'static>(
    log: &Arc<EventLog>,
    numbers: Range<u64>,
    progress: &Progress,
    make: impl Fn(&EventLog, Range<u64>) -> Outcome<(AppendUnit, T)> + Clone + Send + 'static,
) -> Outcome<Vec<T>> {
    let end = numbers.end;
    let parts = numbers.step_by(IN_ONE as usize).map(move |start| start..end.min(start + IN_ONE));
    let made = stream::iter(parts).map(|part| {
        let (log, make) = (Arc::clone(log), make.clone());
        let count = part.end - part.start;
        async move { tokio::task::spawn_blocking(move || make(&log, part)).await?.map(|made| (made, count)) }
    });
    let appended = made.buffered(AT_ONCE).map_ok(|((unit, left), count)| async move {
        log.append(unit).await??;
        progress.0.inc(count);
        Outcome::Ok(left)
    });
    appended.try_buffered(AT_ONCE).try_collect().await
}

/// Makes the people; gives the keys of those who will talk.
pub async fn fill_people(log: &Arc<EventLog>, place: &Place, sizes: Sizes, progress: &Progress) -> Outcome<Keys> {
    let place = place.clone();
    let made = append_all(log, sizes.numbers(sizes.contacts), progress, move |log, part| {
        let mut unit = Unit::new(log, place.workspace, "create_contact");
        let mut keys = Vec::new();
        for number in part {
            unit.call(number);
            let key = add_person(&mut unit, &place, number, sizes)?;
            if talks(sizes, number) {
                keys.push(key);
            }
        }
        Ok((unit.finish(), keys))
    });
    Ok(Arc::new(made.await?.concat()))
}

fn add_person(unit: &mut Unit<'_>, place: &Place, number: u64, sizes: Sizes) -> Outcome<Arc<SubjectKey>> {
    let (person, contact) = (person(number), contact_id(place.workspace, number));
    let key = unit.begin(contact.0)?;
    let created = contact::Event::ContactCreated {
        source: Source::Workspace,
        attributes: person.attributes(),
        identity: talks(sizes, number).then(|| Identity { account: place.account, user: user(number) }),
    };
    unit.add(contact.0, created, &key)?;
    if !person.tags.is_empty() {
        let tags = person.tags.iter().filter_map(|tag| place.tags.get(*tag).copied()).collect();
        unit.add(contact.0, contact::Event::ContactTagsAdded { tags }, &key)?;
    }
    for (field, value) in person.fields {
        let field = *place.fields.get(field).ok_or("a field that is not there")?;
        unit.add(contact.0, contact::Event::ContactFieldSet { field, value: Personal::Known(value) }, &key)?;
    }
    Ok(key)
}

/// Lets them talk: every conversation begins, then messages come here and there, and at last somebody looks after them.
pub async fn fill_messages(
    log: &Arc<EventLog>,
    place: &Place,
    keys: Keys,
    sizes: Sizes,
    progress: &Progress,
) -> Outcome<()> {
    let begun = {
        let (place, keys) = (place.clone(), Arc::clone(&keys));
        move |log: &EventLog, part: Range<u64>| {
            let mut unit = Unit::new(log, place.workspace, "webchat_message");
            for number in part {
                unit.call(number);
                let talk = Talk::of(&place, &keys, sizes, number)?;
                let started =
                    conversation::Event::ConversationStarted { contact: talk.contact, account: place.account };
                unit.add(talk.conversation.0, started, talk.key)?;
                talk.receives(&mut unit, &place, number)?;
            }
            Ok((unit.finish(), ()))
        }
    };
    append_all(log, sizes.numbers(sizes.conversations), progress, begun).await?;
    let said = {
        let (place, keys) = (place.clone(), Arc::clone(&keys));
        move |log: &EventLog, part: Range<u64>| {
            let mut unit = Unit::new(log, place.workspace, "send_message");
            for number in part {
                unit.call(number);
                let mut chance = Chance::of("message", number);
                let (busy, often) = BUSY;
                let among = if chance.percent(often) { busy.min(sizes.conversations) } else { sizes.conversations };
                let talk = Talk::of(&place, &keys, sizes, sizes.first + chance.below(among as usize) as u64)?;
                if chance.percent(50) {
                    talk.receives(&mut unit, &place, number)?;
                } else {
                    talk.sends(&mut unit, &place, number)?;
                }
            }
            Ok((unit.finish(), ()))
        }
    };
    append_all(log, sizes.first + sizes.conversations..sizes.first + sizes.messages, progress, said).await?;
    let (place, silent) = (place.clone(), Progress(ProgressBar::hidden()));
    let looked_after = move |log: &EventLog, part: Range<u64>| {
        let mut unit = Unit::new(log, place.workspace, "close_conversation");
        for number in part {
            unit.call(number);
            Talk::of(&place, &keys, sizes, number)?.is_looked_after(&mut unit, number)?;
        }
        Ok((unit.finish(), ()))
    };
    append_all(log, sizes.numbers(sizes.conversations), &silent, looked_after).await?;
    Ok(())
}

/// A conversation and its contact.
struct Talk<'k> {
    conversation: ConversationId,
    contact: ContactId,
    user: Personal<String>,
    key: &'k SubjectKey,
}

impl<'k> Talk<'k> {
    fn of(place: &Place, keys: &'k [Arc<SubjectKey>], sizes: Sizes, number: u64) -> Outcome<Self> {
        let contact = talker(sizes, number);
        Ok(Self {
            conversation: conversation_id(place.workspace, number),
            contact: contact_id(place.workspace, contact),
            user: user(contact),
            key: keys.get(usize::try_from(number - sizes.first)?).ok_or("a conversation of nobody")?,
        })
    }

    fn receives(&self, unit: &mut Unit<'_>, place: &Place, number: u64) -> Outcome<()> {
        let inbound = InboundMessage {
            message: MessageId(id("message", place.workspace, number)),
            contact: self.contact,
            account: place.account,
            text: Personal::Known(text(number)),
            button: None,
            reply_to: None,
            user: self.user.clone(),
            provider_message_id: Personal::Known(format!("m-{number}")),
        };
        unit.add(self.conversation.0, conversation::Event::MessageReceived(inbound), self.key)
    }

    fn sends(&self, unit: &mut Unit<'_>, place: &Place, number: u64) -> Outcome<()> {
        let (conversation, contact) = (self.conversation, self.contact);
        let outbound = OutboundMessage {
            conversation,
            contact,
            account: place.account,
            text: Personal::Known(text(number)),
            buttons: Vec::new(),
            reply_to: None,
        };
        let stream = id("message", place.workspace, number);
        unit.add(stream, message::Event::MessageQueued(outbound), self.key)?;
        unit.add(stream, message::Event::MessageSent { conversation, contact }, self.key)
    }

    fn is_looked_after(&self, unit: &mut Unit<'_>, number: u64) -> Outcome<()> {
        let mut chance = Chance::of("conversation", number);
        let (contact, stream) = (self.contact, self.conversation.0);
        if chance.percent(60) {
            unit.add(stream, conversation::Event::ConversationRead { contact, messages: 1 }, self.key)?;
        }
        if chance.percent(30) {
            let (owner, by) = (Owner::Human, Some("local".to_owned()));
            let event = conversation::Event::ConversationOwnerChanged { contact, owner, by, reason: None };
            unit.add(stream, event, self.key)?;
        }
        if chance.percent(20) {
            unit.add(stream, conversation::Event::ConversationClosed { contact }, self.key)?;
        }
        Ok(())
    }
}
