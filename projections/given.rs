//! Events for the tests: what happened, told in a few words, and tables folded from it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use aggregates::channel_account::{self, Channel};
use aggregates::contact::{self, Identity, Source};
use aggregates::contact_attributes::Attributes;
use aggregates::conversation::{self, InboundMessage};
use aggregates::custom_field;
use aggregates::field_value::FieldType;
use aggregates::flow_run::{self, Cause, Pause, Reason, RunStart, Status};
use aggregates::ids::{
    AccountId, ContactId, ConversationId, EventId, FieldId, FlowId, MessageId, RunId, TagId, TokenId, WorkspaceId,
};
use aggregates::message::{self, OutboundMessage};
use aggregates::metadata::{Actor, Metadata};
use aggregates::token::{self, Permission};
use aggregates::{Event, Personal, Recorded, flow, tag, workspace};
use uuid::Uuid;

use crate::database::Database;
use crate::given_postgres::TestDatabase;
use crate::{Checkpoint, OpenError, ReadTables, table::Projection};

/// When the first event of every test is recorded.
pub const BEGINNING: i64 = 1_800_000_000_000_000;

/// What has happened so far.
#[derive(Default)]
pub struct Given {
    pub events: Vec<Arc<Recorded>>,
    positions: BTreeMap<WorkspaceId, u64>,
    last_id: u64,
}

impl Given {
    fn id(&mut self) -> Uuid {
        self.last_id += 1;
        // Spread like the random part of a real id, and in order.
        Uuid::from_u128((u128::from(self.last_id) << 64) | u128::from(self.last_id.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Records an event one second after the last one; gives its position.
    pub fn record(&mut self, workspace: WorkspaceId, stream: impl Into<Uuid>, event: impl Into<Event>) -> u64 {
        let position = self.positions.entry(workspace).or_insert(0);
        *position += 1;
        let position = *position;
        let id = EventId(self.id());
        self.events.push(Arc::new(Recorded {
            workspace,
            position,
            sequence: 1,
            id,
            stream_id: stream.into(),
            recorded_at: BEGINNING + i64::try_from(self.events.len()).unwrap_or(0) * 1_000_000,
            metadata: Arc::new(Metadata {
                actor: Actor::local(),
                client: None,
                operation: "test".to_owned(),
                request_id: "request".to_owned(),
                correlation_id: "request".to_owned(),
                causation_id: None,
                idempotency_key_hash: None,
            }),
            event: event.into(),
        }));
        position
    }

    pub fn workspace(&mut self, name: &str) -> WorkspaceId {
        let id = WorkspaceId(self.id());
        let (timezone, language) = ("UTC".to_owned(), "en".to_owned());
        self.record(id, id, workspace::Event::WorkspaceCreated { name: name.to_owned(), timezone, language });
        id
    }

    pub fn account(&mut self, workspace: WorkspaceId, name: &str) -> AccountId {
        let id = AccountId(self.id());
        let event =
            channel_account::Event::ChannelAccountConnected { channel: Channel::Webchat, name: name.to_owned() };
        self.record(workspace, id, event);
        id
    }

    pub fn tag(&mut self, workspace: WorkspaceId, name: &str) -> TagId {
        let id = TagId(self.id());
        self.record(workspace, id, tag::Event::TagCreated { name: name.to_owned() });
        id
    }

    pub fn field(&mut self, workspace: WorkspaceId, name: &str, field_type: FieldType) -> FieldId {
        let id = FieldId(self.id());
        let event = custom_field::Event::CustomFieldCreated { name: name.to_owned(), field_type, description: None };
        self.record(workspace, id, event);
        id
    }

    pub fn flow(&mut self, workspace: WorkspaceId, name: &str) -> FlowId {
        let id = FlowId(self.id());
        let document = serde_json::json!({ "name": name, "steps": { "a": { "end": {} } } }).into();
        self.record(workspace, id, flow::Event::FlowCreated { document });
        id
    }

    /// A run of a flow that has come to stand so.
    pub fn run(&mut self, workspace: WorkspaceId, flow: FlowId, contact: ContactId, status: Status) -> RunId {
        let id = RunId(self.id());
        let start = RunStart {
            flow,
            version: 1,
            contact,
            conversation: None,
            account: None,
            step: "a".to_owned(),
            variables: Personal::Known(serde_json::Map::new()),
            cause: Cause::Operation,
            hops: 0,
            max_steps: 9,
            after: 0,
        };
        let begun = match status {
            Status::Queued => flow_run::Event::FlowRunQueued(start),
            _ => flow_run::Event::FlowRunStarted(start),
        };
        self.record(workspace, id, begun);
        let (reason, was_queued) = ("x".to_owned(), false);
        let then = match status {
            Status::Waiting => {
                let pause = Pause { step: "a".to_owned(), reason: Reason::Time, until: None, attempt: 0, after: 0 };
                Some(flow_run::Event::FlowRunWaiting { contact, pause })
            }
            Status::Completed => Some(flow_run::Event::FlowRunCompleted { contact, flow }),
            Status::Failed => {
                let code = "x".to_owned();
                Some(flow_run::Event::FlowRunFailed { contact, flow, code, reason, step: None })
            }
            Status::Cancelled => Some(flow_run::Event::FlowRunCancelled { contact, flow, reason, was_queued }),
            Status::None | Status::Queued | Status::Running => None,
        };
        if let Some(then) = then {
            self.record(workspace, id, then);
        }
        id
    }

    pub fn token(&mut self, workspace: WorkspaceId, name: &str) -> TokenId {
        let id = TokenId(self.id());
        let event = token::Event::TokenCreated {
            name: name.to_owned(),
            digest: "ab".repeat(32),
            permission: Permission::ReadOnly,
            scopes: vec![token::Scope::ContactsRead],
            expires_at: None,
        };
        self.record(workspace, id, event);
        id
    }

    pub fn contact(&mut self, workspace: WorkspaceId, attributes: Attributes, identity: Option<Identity>) -> ContactId {
        let id = ContactId(self.id());
        self.record(workspace, id, contact::Event::ContactCreated { source: Source::Workspace, attributes, identity });
        id
    }

    pub fn tagged(&mut self, workspace: WorkspaceId, contact: ContactId, tags: &[TagId]) {
        let tags = tags.iter().copied().collect();
        self.record(workspace, contact, contact::Event::ContactTagsAdded { tags });
    }

    pub fn conversation(&mut self, workspace: WorkspaceId, contact: ContactId, account: AccountId) -> ConversationId {
        let id = ConversationId(self.id());
        self.record(workspace, id, conversation::Event::ConversationStarted { contact, account });
        id
    }

    pub fn received(
        &mut self,
        workspace: WorkspaceId,
        conversation: ConversationId,
        with: (ContactId, AccountId),
        text: &str,
    ) -> MessageId {
        let message = MessageId(self.id());
        let inbound = InboundMessage {
            message,
            contact: with.0,
            account: with.1,
            text: Personal::Known(text.to_owned()),
            button: None,
            reply_to: None,
            user: Personal::Known("visitor".to_owned()),
            provider_message_id: Personal::Known("1".to_owned()),
        };
        self.record(workspace, conversation, conversation::Event::MessageReceived(inbound));
        message
    }

    pub fn queued(
        &mut self,
        workspace: WorkspaceId,
        conversation: ConversationId,
        with: (ContactId, AccountId),
        text: &str,
    ) -> MessageId {
        let message = MessageId(self.id());
        let outbound = OutboundMessage {
            conversation,
            contact: with.0,
            account: with.1,
            text: Personal::Known(text.to_owned()),
            buttons: vec![message::Button { id: "yes".to_owned(), title: Personal::Known("Yes".to_owned()) }],
            reply_to: None,
        };
        self.record(workspace, message, message::Event::MessageQueued(outbound));
        message
    }
}

/// Attributes with a name, an e-mail address and a phone number; empty ones are unknown.
pub fn person(first: &str, last: &str, email: &str, phone: &str) -> Attributes {
    let known = |text: &str| (!text.is_empty()).then(|| Personal::Known(text.to_owned()));
    Attributes {
        first_name: known(first),
        last_name: known(last),
        email: known(email),
        phone: known(phone),
        ..Attributes::default()
    }
}

/// An identity on an account.
pub fn visitor(account: AccountId, user: &str) -> Identity {
    Identity { account, user: Personal::Known(user.to_owned()) }
}

/// What a page ends with, for each of its workspaces.
pub fn ends(page: &[Arc<Recorded>]) -> Vec<Checkpoint> {
    let ends: BTreeMap<WorkspaceId, u64> = page.iter().map(|event| (event.workspace, event.position)).collect();
    ends.into_iter()
        .map(|(workspace, position)| Checkpoint { workspace, position, leaf_hash: [position as u8; 32] })
        .collect()
}

/// Tables, and what goes with them.
pub struct Folded {
    tables: ReadTables,
    pub database: Database,
    pub place: Place,
}

/// Where tables stand. Both go when this goes.
pub enum Place {
    Folder(tempfile::TempDir),
    Server(Box<TestDatabase>),
}

impl Place {
    async fn open(&self) -> Result<ReadTables, OpenError> {
        match self {
            Self::Folder(folder) => ReadTables::open(&folder.path().join("views.db")).await,
            Self::Server(server) => ReadTables::open_postgres(&server.schema()).await,
        }
    }
}

impl Deref for Folded {
    type Target = ReadTables;

    fn deref(&self) -> &ReadTables {
        &self.tables
    }
}

impl Drop for Folded {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with tables on {:?}", self.database);
        }
    }
}

/// Empty tables on one database.
pub async fn empty_on(database: Database) -> Folded {
    let place = match database {
        Database::Sqlite => Place::Folder(tempfile::tempdir().expect("a folder")),
        Database::Postgres => Place::Server(Box::new(TestDatabase::create().await)),
    };
    Folded { tables: place.open().await.expect("read tables"), database, place }
}

impl Folded {
    /// Opens the tables once more, as another process would.
    pub async fn open_again(&self) -> Result<ReadTables, OpenError> {
        self.place.open().await
    }

    /// Tables without indexes, beside these.
    pub async fn begin_anew(&self) -> ReadTables {
        let tables = match &self.place {
            Place::Folder(folder) => {
                let path = folder.path().join("anew.db");
                // What an earlier attempt left.
                let _gone = std::fs::remove_file(&path);
                ReadTables::create_without_indexes(&path).await
            }
            Place::Server(server) => {
                ReadTables::create_postgres_without_indexes(&server.schema().named("views_anew")).await
            }
        };
        tables.expect("read tables")
    }

    /// Tables built anew from all that happened, beside these.
    pub async fn rebuilt(&self, given: &Given) -> ReadTables {
        let tables = self.begin_anew().await;
        // Few rows in memory and small pages: most are written out and loaded again in between.
        let mut folding = tables.fold_whole_with(4);
        for page in given.events.chunks(7) {
            folding.fold(page).await.expect("a page");
        }
        folding.finish(&ends(&given.events)).await.expect("an end");
        tables.build_indexes().await.expect("indexes");
        tables
    }

    /// The database on the server on which these tables stand.
    pub fn server(&self) -> &TestDatabase {
        match &self.place {
            Place::Server(server) => server,
            Place::Folder(_) => panic!("these tables stand in a file"),
        }
    }
}

/// Empty tables on every database.
pub async fn empty() -> [Folded; 2] {
    [empty_on(Database::Sqlite).await, empty_on(Database::Postgres).await]
}

/// Tables folded from all that happened, in one page, on every database.
pub async fn folded(given: &Given) -> [Folded; 2] {
    let tables = empty().await;
    for tables in &tables {
        tables.fold(&given.events, &ends(&given.events)).await.expect("a page is folded");
    }
    tables
}

/// The rows of one table, folded in memory; checks that one event at a time gives the same as all at once.
pub fn rows<T: Projection>(given: &Given) -> Vec<T> {
    let at_once = fold_in_pages::<T>(&given.events, given.events.len().max(1));
    let one_by_one = fold_in_pages::<T>(&given.events, 1);
    assert!(at_once == one_by_one, "{} depends on how its events are cut into pages", T::NAME);
    at_once
}

fn fold_in_pages<T: Projection>(events: &[Arc<Recorded>], size: usize) -> Vec<T> {
    let mut stored: BTreeMap<T::Key, T> = BTreeMap::new();
    for page in events.chunks(size) {
        let mut keys = BTreeSet::new();
        page.iter().for_each(|event| T::touched(event, &mut keys));
        let mut rows = crate::rows::Rows::of(&stored, keys);
        for event in page {
            assert!(T::apply(&mut rows, event).is_ok(), "{} takes every event", T::NAME);
        }
        stored.retain(|_, row| !rows.sweeps_away(row));
        for (key, row) in rows.changes() {
            match row {
                Some(row) => stored.insert(key, row),
                None => stored.remove(&key),
            };
        }
    }
    stored.into_values().collect()
}
