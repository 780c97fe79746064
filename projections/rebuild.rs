//! Tables that were kept live equal tables that were rebuilt: whatever happened, and however it was cut into pages.

use std::collections::BTreeSet;

use aggregates::channel_account::Channel;
use aggregates::consent::Consent;
use aggregates::contact::{Event as ContactEvent, Identity, Source};
use aggregates::contact_attributes::{Attribute, Attributes};
use aggregates::conversation::Owner;
use aggregates::field_value::{FieldType, FieldValue};
use aggregates::ids::{AccountId, ContactId, ConversationId, FieldId, MessageId, NoteId, TagId, WorkspaceId};
use aggregates::message::{self, OutboundMessage};
use aggregates::{Personal, conversation, custom_field, tag};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use crate::given::{Given, empty, ends, folded, person, visitor};
use crate::read_tables::{OpenError, ReadTables};
use crate::rebuild_flows::Flows;
use crate::sql::Sql;

/// One thing to happen: which, and three numbers that choose with whom and what.
type Step = (u8, u8, u8, u8);

/// A workspace with what has happened in it, so that only what may happen does.
struct Story {
    workspace: WorkspaceId,
    account: AccountId,
    fields: [FieldId; 2],
    tags: Vec<TagId>,
    contacts: Vec<(ContactId, BTreeSet<TagId>)>,
    conversations: Vec<(ConversationId, ContactId)>,
    outbound: Vec<(MessageId, ConversationId, ContactId)>,
    flows: Flows,
}

const NAMES: [&str; 6] = ["Ana", "José", "Đặng Hoa", "O'Neil", "山田", "\"Bo\" 50%"];

fn personal(number: u8) -> Personal<String> {
    match number % 5 {
        0 => Personal::Erased(true),
        _ => Personal::Known(NAMES[usize::from(number) % NAMES.len()].to_owned()),
    }
}

impl Story {
    fn begin(given: &mut Given, name: &str) -> Self {
        let workspace = given.workspace(name);
        let account = given.account(workspace, "local");
        let fields =
            [given.field(workspace, "Size", FieldType::Number), given.field(workspace, "Note", FieldType::Text)];
        let (tags, contacts, conversations, outbound, flows) = Default::default();
        Self { workspace, account, fields, tags, contacts, conversations, outbound, flows }
    }

    fn go_on(&mut self, given: &mut Given, (what, who, which, how): Step) {
        let workspace = self.workspace;
        match what % 11 {
            0 if how.is_multiple_of(5) && !self.tags.is_empty() => self.end(given, which, how),
            0 => self.tags.push(given.tag(workspace, &format!("tag {}", self.tags.len()))),
            1 => {
                let attributes = person(NAMES[usize::from(which) % NAMES.len()], "", "", "");
                let identity =
                    (how.is_multiple_of(2)).then(|| visitor(self.account, &format!("v{}", self.contacts.len())));
                let contact = given.contact(workspace, attributes, identity);
                self.conversations.push((given.conversation(workspace, contact, self.account), contact));
                self.contacts.push((contact, BTreeSet::new()));
            }
            2 | 3 => self.tag(given, who, which),
            4 => self.change(given, who, which, how),
            5 | 6 => self.talk(given, who, which, how),
            7 => self.receipt(given, who, how),
            8 => self.flows.change(given, workspace, which, how),
            _ => {
                let count = self.conversations.len().max(1);
                let Some((conversation, contact)) = self.conversations.get(usize::from(who) % count) else { return };
                let with = (*contact, *conversation, self.account);
                self.flows.run(given, workspace, with, (which, how));
            }
        }
    }

    /// A tag or the values of a field go from every contact, or a tag gets another name.
    fn end(&mut self, given: &mut Given, which: u8, how: u8) {
        let place = usize::from(which) % self.tags.len();
        let name = || NAMES[usize::from(which) % NAMES.len()].to_owned();
        if how.is_multiple_of(2) {
            let tag = self.tags[place];
            given.record(self.workspace, tag, tag::Event::TagRenamed { name: name(), previous: name() });
        } else if how.is_multiple_of(3) {
            // Its id stays in use: what is set afterwards is a value of nothing, and has to stand in both tables alike.
            let field = self.fields[usize::from(which) % 2];
            given.record(self.workspace, field, custom_field::Event::CustomFieldDeleted { name: name() });
        } else {
            let tag = self.tags.swap_remove(place);
            self.contacts.iter_mut().for_each(|(_, carried)| {
                carried.remove(&tag);
            });
            given.record(self.workspace, tag, tag::Event::TagDeleted { name: name() });
        }
    }

    fn tag(&mut self, given: &mut Given, who: u8, which: u8) {
        let count = self.contacts.len().max(1);
        let Some((contact, carried)) = self.contacts.get_mut(usize::from(who) % count) else { return };
        let Some(tag) = self.tags.get(usize::from(which) % self.tags.len().max(1)) else { return };
        let tags = BTreeSet::from([*tag]);
        if carried.insert(*tag) {
            given.record(self.workspace, *contact, ContactEvent::ContactTagsAdded { tags });
        } else {
            carried.remove(tag);
            given.record(self.workspace, *contact, ContactEvent::ContactTagsRemoved { tags });
        }
    }

    fn change(&self, given: &mut Given, who: u8, which: u8, how: u8) {
        let Some((contact, _)) = self.contacts.get(usize::from(who) % self.contacts.len().max(1)) else { return };
        let event = match how % 8 {
            3 => ContactEvent::ContactFieldCleared { field: self.fields[usize::from(which) % 2] },
            4 => {
                // Named by its place: a note has an id of its own.
                let note = NoteId(uuid::Uuid::from_u128(given.events.len() as u128));
                ContactEvent::ContactNoteAdded { note, text: personal(which) }
            }
            5 if which.is_multiple_of(2) => ContactEvent::ContactBlocked { reason: None },
            5 => ContactEvent::ContactUnblocked {},
            6 => ContactEvent::ContactConsentSet {
                consent: if which.is_multiple_of(2) { Consent::OptedIn } else { Consent::OptedOut },
                channel: (which.is_multiple_of(3)).then_some(Channel::Webchat),
                evidence: None,
                source: Source::Customer,
            },
            0 => ContactEvent::ContactUpdated {
                source: Source::Workspace,
                set: Attributes { last_name: Some(personal(which)), ..Attributes::default() },
                cleared: if which.is_multiple_of(2) { [Attribute::FirstName].into() } else { BTreeSet::new() },
                released: Attributes::default(),
            },
            1 => {
                let identity = Identity { account: self.account, user: personal(which) };
                ContactEvent::ContactIdentityConnected { identity }
            }
            _ => {
                let value = match personal(which) {
                    Personal::Known(text) => Personal::Known(FieldValue::Text(text)),
                    Personal::Erased(gone) => Personal::Erased(gone),
                };
                ContactEvent::ContactFieldSet { field: self.fields[usize::from(which) % 2], value }
            }
        };
        given.record(self.workspace, *contact, event);
    }

    fn talk(&mut self, given: &mut Given, who: u8, which: u8, how: u8) {
        let count = self.conversations.len().max(1);
        let Some((conversation, contact)) = self.conversations.get(usize::from(who) % count).copied() else { return };
        match how % 6 {
            0 => {
                given.received(self.workspace, conversation, (contact, self.account), NAMES[usize::from(which) % 6]);
            }
            1 => {
                let message = MessageId(uuid::Uuid::from_u128(self.outbound.len() as u128));
                let outbound = OutboundMessage {
                    conversation,
                    contact,
                    account: self.account,
                    text: personal(which),
                    buttons: Vec::new(),
                    reply_to: None,
                };
                given.record(self.workspace, message, message::Event::MessageQueued(outbound));
                self.outbound.push((message, conversation, contact));
            }
            2 => {
                given.record(self.workspace, conversation, conversation::Event::ConversationClosed { contact });
            }
            3 => {
                given.record(self.workspace, conversation, conversation::Event::ConversationReopened { contact });
            }
            4 => {
                let (owner, by) = (Owner::Ai, Some(NAMES[usize::from(which) % 6].to_owned()));
                let changed = conversation::Event::ConversationOwnerChanged { contact, owner, by, reason: None };
                given.record(self.workspace, conversation, changed);
            }
            _ => {
                let read = conversation::Event::ConversationRead { contact, messages: 1 };
                given.record(self.workspace, conversation, read);
            }
        }
    }

    fn receipt(&self, given: &mut Given, who: u8, how: u8) {
        let count = self.outbound.len().max(1);
        let Some((message, conversation, contact)) = self.outbound.get(usize::from(who) % count).copied() else {
            return;
        };
        let event = match how % 3 {
            0 => message::Event::MessageSent { conversation, contact },
            1 => message::Event::MessageDelivered { conversation, contact },
            _ => message::Event::MessageRead { conversation, contact },
        };
        given.record(self.workspace, message, event);
    }
}

fn told(steps: &[Step]) -> Given {
    let mut given = Given::default();
    let mut stories = [Story::begin(&mut given, "Acme"), Story::begin(&mut given, "Beta")];
    for step in steps {
        stories[usize::from(step.0 >= 200)].go_on(&mut given, *step);
    }
    given
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn live_tables_equal_rebuilt_ones(
        steps in proptest::collection::vec(any::<Step>(), 1..150),
        sizes in proptest::collection::vec(1_usize..20, 1..10),
    ) {
        let given = told(&steps);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let dumps = runtime.block_on(async {
            let mut dumps = Vec::new();
            for tables in empty().await {
                let (mut rest, mut sizes) = (&given.events[..], sizes.iter().cycle());
                while !rest.is_empty() {
                    let size = sizes.next().map_or(1, |size| (*size).min(rest.len()));
                    let (page, after) = rest.split_at(size);
                    tables.fold(page, &ends(page)).await.expect("a page");
                    rest = after;
                }
                tables.check_search_index().await.expect("search indexes that fit their tables");
                let anew = tables.rebuilt(&given).await;
                anew.check_search_index().await.expect("search indexes that fit their tables");
                dumps.extend([tables.dump().await.expect("a dump"), anew.dump().await.expect("a dump")]);
                anew.close().await;
            }
            dumps
        });
        for dump in &dumps[1..] {
            prop_assert_eq!(&dumps[0], dump);
        }
    }
}

#[tokio::test]
async fn rebuilt_tables_have_the_indexes_of_live_ones() {
    let given = told(&[(1, 0, 0, 0)]);
    let schema = async |tables: &ReadTables| {
        let mut reader = tables.read().await.expect("a reader");
        let sqlite = "select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_master where name not like 'sqlite_stat%' order by type, name";
        let postgres =
            "select replace(indexdef, schemaname, '') from pg_indexes where schemaname = current_schema() order by 1";
        let sql = Sql::either(Sql::new(sqlite), Sql::new(postgres));
        let rows = sql.raw(reader.connection()).await.expect("rows");
        rows.iter().map(|row| crate::cell::decode::<String>(row, 0).expect("a text")).collect::<Vec<_>>()
    };
    for tables in empty().await {
        let anew = tables.begin_anew().await;
        assert!(schema(&anew).await.len() < schema(&tables).await.len(), "indexes come last");
        anew.close().await;
        let anew = tables.rebuilt(&given).await;
        assert_eq!(schema(&anew).await, schema(&tables).await);
        anew.close().await;
        if let Some(path) = anew.path() {
            ReadTables::open(path).await.expect("a rebuilt file opens like any other");
        }
    }
}

#[tokio::test]
async fn tables_of_another_version_or_half_rebuilt_are_to_be_rebuilt() {
    let given = told(&[]);
    let changes = [
        "create table deferred (sql text not null)",
        "update checkpoints set version = version + 1",
        "update _sqlx_migrations set checksum = ''",
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'later', true, '', 0)",
    ];
    for change in changes {
        for tables in folded(&given).await {
            tables.open_again().await.expect("read tables").close().await;
            tables.execute(change).await.expect("a change");
            tables.close().await;
            assert!(matches!(tables.open_again().await, Err(OpenError::MustRebuild(_))), "{change}");
        }
    }
}

#[tokio::test]
async fn readers_cannot_write() {
    for tables in empty().await {
        let mut reader = tables.read().await.expect("a reader");
        assert!(Sql::new("delete from tags").raw(reader.connection()).await.is_err());
    }
}
