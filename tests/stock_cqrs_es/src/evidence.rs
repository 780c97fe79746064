//! What an auditor derives from the log, held against what the product says through its own tools. Each function that judges gives
//! everything that is wrong, so that it can be shown to find something where something is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use cqrs_es::{Aggregate, EventEnvelope};
use postgres_es::PostgresEventRepository;
use sqlx::{Pool, Postgres};

use crate::aggregates::{Contact, Conversation, Message, Tag};
use crate::views::{Seen, replayed};

/// What the product says of itself.
#[derive(Debug, Default)]
pub struct Told {
    /// The names of the tags that each contact has.
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// The contacts that are blocked.
    pub blocked: BTreeSet<String>,
    /// How many messages each conversation has, in both directions.
    pub messages: BTreeMap<String, u64>,
    /// How many of them nobody has read, and whether the conversation is closed.
    pub standing: BTreeMap<String, (u64, bool)>,
    /// How many events the logs of all workspaces hold.
    pub events: u64,
    /// Words of customers, which stand nowhere in clear.
    pub personal: Vec<String>,
}

/// The log as the stock repository reads it from `table`.
#[must_use]
pub fn log(pool: &Pool<Postgres>, table: &str) -> PostgresEventRepository {
    PostgresEventRepository::new(pool.clone()).with_tables(table, "there_are_no_snapshots")
}

/// Everything in which the log at `table` differs from what the product told.
///
/// # Panics
/// When the log cannot be asked.
pub async fn differences(pool: &Pool<Postgres>, table: &str, told: &Told) -> Vec<String> {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let tags = replayed::<Tag>(log(pool, table), &errors).await;
    let contacts = replayed::<Contact>(log(pool, table), &errors).await;
    let conversations = replayed::<Conversation>(log(pool, table), &errors).await;
    let messages = replayed::<Message>(log(pool, table), &errors).await;
    let mut found = errors.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut compare = |what: &str, seen: String, wanted: String| {
        if seen != wanted {
            found.push(format!("{what}: derived {seen}, told {wanted}"));
        }
    };

    let tags_of = |contact: &Contact| -> BTreeSet<String> {
        contact.tags.iter().filter_map(|tag| tags.get(tag)?.state.name.clone()).collect()
    };
    let derived: BTreeMap<_, _> = contacts.iter().map(|(id, seen)| (id.clone(), tags_of(&seen.state))).collect();
    compare("the tags of the contacts", format!("{derived:?}"), format!("{:?}", told.tags));
    let derived: BTreeSet<_> = contacts.iter().filter(|(_, seen)| seen.state.blocked).map(|(id, _)| id).collect();
    compare("who is blocked", format!("{derived:?}"), format!("{:?}", told.blocked));
    let unsealed: Vec<_> =
        contacts.iter().filter(|(_, seen)| !seen.state.first_name["$sealed"].is_string()).map(|(id, _)| id).collect();
    compare("names that are not sealed", format!("{unsealed:?}"), "[]".to_owned());

    let mut derived: BTreeMap<String, u64> =
        conversations.iter().map(|(id, seen)| (id.clone(), seen.state.received)).collect();
    for message in messages.values() {
        *derived.entry(message.state.conversation.clone()).or_default() += 1;
    }
    compare("the messages of the conversations", format!("{derived:?}"), format!("{:?}", told.messages));
    let derived: BTreeMap<_, _> =
        conversations.iter().map(|(id, seen)| (id.clone(), (seen.state.unread, seen.state.closed))).collect();
    compare("how the conversations stand", format!("{derived:?}"), format!("{:?}", told.standing));

    found.extend(gaps(&tags));
    found.extend(gaps(&contacts));
    found.extend(gaps(&conversations));
    found.extend(gaps(&messages));
    found.extend(flaws_of_rows(pool, table, told).await);
    found
}

/// The aggregates whose events are not numbered from 1 on, in the order in which they came.
fn gaps<A>(seen: &BTreeMap<String, Seen<A>>) -> Vec<String> {
    let whole = |view: &Seen<A>| view.sequences.iter().copied().eq(1..=view.sequences.len());
    let broken = seen.iter().filter(|(_, view)| !whole(view));
    broken.map(|(id, view)| format!("the sequences of {id} are {:?}", view.sequences)).collect()
}

/// What is wrong with the rows as such, of all types.
async fn flaws_of_rows(pool: &Pool<Postgres>, table: &str, told: &Told) -> Vec<String> {
    let rows: Vec<(String, String)> = sqlx::query_as(&format!(
        "select metadata::text, payload::text from {table} order by (metadata->>'position')::bigint"
    ))
    .fetch_all(pool)
    .await
    .expect("the rows");
    let mut found = Vec::new();
    let mut positions: HashMap<String, Vec<u64>> = HashMap::new();
    for (metadata, payload) in &rows {
        let metadata = match serde_json::from_str::<HashMap<String, String>>(metadata) {
            Ok(metadata) => metadata,
            Err(error) => {
                found.push(format!("{metadata} is no map of texts: {error}"));
                continue;
            }
        };
        let position = metadata["position"].parse().expect("a number");
        positions.entry(metadata["workspace"].clone()).or_default().push(position);
        for member in ["actor", "operation", "requestId", "correlationId", "eventId", "recordedAt"] {
            if metadata.get(member).is_none_or(String::is_empty) {
                found.push(format!("position {position} has no {member}"));
            }
        }
        let shown = format!("{metadata:?} {payload}");
        found.extend(
            told.personal.iter().filter(|word| shown.contains(*word)).map(|word| format!("{word} is in clear")),
        );
    }
    if rows.len() as u64 != told.events {
        found.push(format!("there are {} rows of {} events", rows.len(), told.events));
    }
    for (workspace, positions) in positions {
        if !positions.iter().copied().eq(1..=positions.len() as u64) {
            found.push(format!("the positions of {workspace} are {positions:?}"));
        }
    }
    found
}

/// Reads the stream `id` in every way that the repository has; gives what does not agree.
///
/// # Panics
/// When the log cannot be asked.
pub async fn disagreements<A: Aggregate + std::fmt::Debug>(log: &PostgresEventRepository, id: &str) -> Vec<String> {
    let all = log.get_events::<A>(id).await.expect("the events");
    let numbers = |events: &[SerializedEvent]| events.iter().map(|event| event.sequence).collect::<Vec<_>>();
    let mut found = Vec::new();
    if all.is_empty() || all.iter().any(|event| event.aggregate_id != id || event.aggregate_type != A::TYPE) {
        found.push(format!("{id} has the events {all:?}"));
    }
    for last in 0..=all.len() {
        let rest = log.get_last_events::<A>(id, last).await.expect("the events");
        if rest != all[last..] {
            found.push(format!("{id} has {:?} behind {last} of {:?}", numbers(&rest), numbers(&all)));
        }
    }
    let typed: Vec<EventEnvelope<A>> =
        all.iter().cloned().map(|event| event.try_into().expect("an event of this type")).collect();
    let mut stream = log.stream_events::<A>(id).await.expect("a stream");
    let mut streamed = Vec::new();
    while let Some(event) = stream.next::<A>(&[]).await {
        streamed.push(event.expect("an event"));
    }
    let mut stream = log.stream_all_events::<A>().await.expect("a stream");
    let mut of_all = Vec::new();
    while let Some(event) = stream.next::<A>(&[]).await {
        let event = event.expect("an event");
        if event.aggregate_id == id {
            of_all.push(event);
        }
    }
    for (way, events) in [("stream_events", streamed), ("stream_all_events", of_all)] {
        let same = |(one, other): (&EventEnvelope<A>, &EventEnvelope<A>)| {
            (one.sequence, &one.payload, &one.metadata) == (other.sequence, &other.payload, &other.metadata)
        };
        if events.len() != typed.len() || !events.iter().zip(&typed).all(same) {
            found.push(format!("{way} of {id} gives {events:?}, get_events {typed:?}"));
        }
    }
    found
}
