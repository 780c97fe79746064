//! The rows of a batch, written by one statement: one round trip, whatever a batch holds.

use std::sync::OnceLock;

use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::QueryAs;
use uuid::Uuid;

use super::remembered::Heads;
use crate::event_log::append::LogError;
use crate::event_log::batch::{ClaimKey, EventRow, Rows};
use crate::event_log::merkle::Hash;
use crate::event_log::store::REACTIONS;

/// Which parts a batch has beside events, nodes and heads. Its statement has only those: the server takes about as long to begin a part
/// as to write a row.
#[derive(Clone, Copy)]
struct Parts {
    keys: bool,
    outcomes: bool,
    released: bool,
    taken: bool,
    reactions: bool,
    /// Whether it is written only where the heads are as they are remembered; otherwise they are locked.
    unmoved: bool,
}

impl Parts {
    /// How many statements there are.
    const STATEMENTS: usize = 1 << 6;

    fn statement(self) -> &'static str {
        static TEXTS: [OnceLock<String>; Parts::STATEMENTS] = [const { OnceLock::new() }; Parts::STATEMENTS];
        let all = [self.keys, self.outcomes, self.released, self.taken, self.reactions, self.unmoved];
        let number = all.into_iter().fold(0, |number, part| number << 1 | usize::from(part));
        TEXTS.get(number).map_or("", |text| text.get_or_init(|| self.text()))
    }

    /// The statement. Every part is run to its end, whether or not another one reads what it gives; none touches a row that another one
    /// touches (<https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING>).
    ///
    /// Where the heads are looked at, one that another process holds counts as moved, and a claim or an outcome that stands already
    /// lets the statement fail. What was acknowledged is on disk, whatever the server's setting of `synchronous_commit` is: it is set
    /// for this transaction before it commits.
    fn text(self) -> String {
        let mut columns = Columns(0);
        let mut parts = Vec::new();
        let only_if = if self.unmoved { "(select unmoved from all_are)" } else { "true" };
        if self.unmoved {
            let remembered = columns.unnest(&["uuid", "bigint", "bigint"]);
            parts.push(format!(
                "unmoved as (
                    select h.workspace from chatbotx_log.heads h
                    join {remembered} as w (workspace, position, fence)
                        on h.workspace = w.workspace and h.position = w.position and h.fence = w.fence
                    order by h.workspace for update of h skip locked
                ),
                all_are as (select count(*) = cardinality($1) as unmoved from unmoved)"
            ));
        }
        let events = columns.unnest(&[
            "uuid", "bigint", "text", "uuid", "bigint", "uuid", "text", "integer", "uuid", "bytea", "bytea", "bigint",
            "bytea",
        ]);
        parts.push(format!(
            "written as (
                insert into chatbotx_log.events (workspace, position, stream_type, stream_id, sequence, event_id,
                    event_type, event_version, subject, payload, metadata, recorded_at, leaf_hash)
                select * from {events} where {only_if}
            )"
        ));
        let nodes = columns.unnest(&["uuid", "smallint", "bigint", "bytea"]);
        parts.push(format!(
            "nodes as (
                insert into chatbotx_log.merkle_nodes (workspace, level, node_index, hash)
                select * from {nodes} where {only_if}
            )"
        ));
        let heads = columns.unnest(&["uuid", "bigint", "bigint", "bytea"]);
        parts.push(format!(
            "heads as (
                update chatbotx_log.heads h set position = w.position, recorded_at = w.recorded_at, frontier = w.frontier
                from {heads} as w (workspace, position, recorded_at, frontier)
                where h.workspace = w.workspace and {only_if}
            )"
        ));
        self.add_others(&mut columns, only_if, &mut parts);
        let last = if self.unmoved {
            "select unmoved, case when current_setting('synchronous_commit') in ('off', 'local')
                then set_config('synchronous_commit', 'on', true) end from all_are"
        } else {
            "select true, null::text"
        };
        format!("with {} {last}", parts.join(", "))
    }
    /// The parts that not every batch has.
    fn add_others(self, columns: &mut Columns, only_if: &str, parts: &mut Vec<String>) {
        let (replace_outcome, replace_claim) = if self.unmoved {
            ("", "")
        } else {
            (
                "on conflict (workspace, scope, key_hash) do update set fingerprint = excluded.fingerprint,
                    outcome = excluded.outcome, position = excluded.position, changed = excluded.changed,
                    kept_until = excluded.kept_until",
                "on conflict (workspace, kind, hash) do update set owner = excluded.owner, position = excluded.position",
            )
        };
        if self.keys {
            let keys = columns.unnest(&["uuid", "uuid", "bytea"]);
            parts.push(format!(
                "keys as (
                    insert into chatbotx_log.subject_keys (workspace, subject, wrapped)
                    select * from {keys} where {only_if}
                )"
            ));
        }
        if self.outcomes {
            let outcomes = columns.unnest(&["uuid", "text", "bytea", "bytea", "bytea", "bigint", "boolean", "bigint"]);
            parts.push(format!(
                "outcomes as (
                    insert into chatbotx_log.idempotency_keys (workspace, scope, key_hash, fingerprint, outcome, position,
                        changed, kept_until)
                    select * from {outcomes} where {only_if} {replace_outcome}
                )"
            ));
        }
        if self.released {
            let released = columns.unnest(&["uuid", "text", "bytea"]);
            parts.push(format!(
                "released as (
                    delete from chatbotx_log.claims c using {released} as r (workspace, kind, hash)
                    where c.workspace = r.workspace and c.kind = r.kind and c.hash = r.hash and {only_if}
                )"
            ));
        }
        if self.taken {
            let taken = columns.unnest(&["uuid", "text", "bytea", "uuid", "bigint"]);
            parts.push(format!(
                "taken as (
                    insert into chatbotx_log.claims (workspace, kind, hash, owner, position)
                    select * from {taken} where {only_if} {replace_claim}
                )"
            ));
        }
        if self.reactions {
            let (workspaces, reactions) = (columns.unnest(&["uuid"]), columns.unnest(&["text"]));
            parts.push(format!(
                "reactions as (
                    insert into chatbotx_log.reaction_checkpoints (reaction, workspace, position)
                    select reaction, workspace, 0
                    from {workspaces} as w (workspace) cross join {reactions} as r (reaction) where {only_if}
                    on conflict (reaction, workspace) do nothing
                )"
            ));
        }
    }
}

/// A statement with values, and what it tells: whether the rows were written, and nothing that matters.
type Statement<'q> = QueryAs<'q, Postgres, (bool, Option<String>), PgArguments>;

/// Numbers the values of a statement.
struct Columns(usize);

impl Columns {
    /// Columns of those types, each an array, as rows.
    fn unnest(&mut self, types: &[&str]) -> String {
        let arrays = types.iter().map(|kind| {
            self.0 += 1;
            format!("${}::{kind}[]", self.0)
        });
        format!("unnest({})", arrays.collect::<Vec<_>>().join(", "))
    }
}

/// Writes the rows of a batch whose heads are locked.
pub(super) async fn write(connection: &mut PgConnection, keeps: bool, rows: &Rows<'_>) -> Result<(), LogError> {
    bound(rows, None).persistent(keeps).fetch_one(connection).await?;
    Ok(())
}

/// Writes the rows of a batch and commits them, where every head is as it is remembered; otherwise nothing. Tells whether it did.
///
/// # Errors
/// What the database says: that a row stands already, for example, with nothing written; or nothing at all, and then it may be written.
pub(super) async fn write_where_unmoved(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    heads: &Heads,
) -> Result<bool, sqlx::Error> {
    Ok(bound(rows, Some(heads)).fetch_one(connection).await?.0)
}

/// The statement for a batch, with its values in the order in which [`Parts::text`] numbers them.
fn bound<'q>(rows: &'q Rows<'_>, remembered: Option<&Heads>) -> Statement<'q> {
    let (events, nodes) = (&rows.events, &rows.nodes);
    let parts = Parts {
        keys: !rows.keys.is_empty(),
        outcomes: !rows.outcomes.is_empty(),
        released: rows.claims.values().any(Option::is_none),
        taken: rows.claims.values().any(Option::is_some),
        reactions: events.iter().any(begins),
        unmoved: remembered.is_some(),
    };
    let mut query = sqlx::query_as(parts.statement());
    if let Some(heads) = remembered {
        query = query
            .bind(heads.keys().map(|workspace| workspace.0).collect::<Vec<_>>())
            .bind(heads.values().map(|known| signed(known.head.frontier.size())).collect::<Vec<_>>())
            .bind(heads.values().map(|known| known.fence).collect::<Vec<_>>());
    }
    query = query
        .bind(column(events, |row| row.workspace.0))
        .bind(column(events, |row| signed(row.placed.position)))
        .bind(column(events, |row| row.stream_type.name()))
        .bind(column(events, |row| row.stream_id))
        .bind(column(events, |row| signed(row.placed.sequence)))
        .bind(column(events, |row| row.id.0))
        .bind(column(events, |row| row.name))
        .bind(column(events, |row| i32::from(row.version)))
        .bind(column(events, |row| row.subject))
        .bind(column(events, |row| row.payload))
        .bind(column(events, |row| row.metadata))
        .bind(column(events, |row| row.placed.recorded_at))
        .bind(column(events, |row| row.placed.leaf_hash.as_slice()))
        .bind(column(nodes, |(workspace, _)| workspace.0))
        .bind(column(nodes, |(_, node)| i16::from(node.level)))
        .bind(column(nodes, |(_, node)| signed(node.index)))
        .bind(column(nodes, |(_, node)| node.hash.as_slice()))
        .bind(rows.heads.keys().map(|workspace| workspace.0).collect::<Vec<_>>())
        .bind(rows.heads.values().map(|head| signed(head.frontier.size())).collect::<Vec<_>>())
        .bind(rows.heads.values().map(|head| head.recorded_at).collect::<Vec<_>>())
        .bind(rows.heads.values().map(|head| head.frontier.to_bytes()).collect::<Vec<_>>());
    bind_others(query, parts, rows)
}

/// The values of the parts that not every batch has.
fn bind_others<'q>(mut query: Statement<'q>, parts: Parts, rows: &'q Rows<'_>) -> Statement<'q> {
    if parts.keys {
        query = query
            .bind(column(&rows.keys, |((workspace, _), _)| workspace.0))
            .bind(column(&rows.keys, |((_, subject), _)| *subject))
            .bind(column(&rows.keys, |(_, wrapped)| *wrapped));
    }
    if parts.outcomes {
        let outcomes = &rows.outcomes;
        query = query
            .bind(column(outcomes, |((workspace, ..), ..)| workspace.0))
            .bind(column(outcomes, |((_, scope, _), ..)| scope.as_str()))
            .bind(column(outcomes, |((.., hash), ..)| hash.as_slice()))
            .bind(column(outcomes, |(_, outcome, _)| outcome.fingerprint.as_slice()))
            .bind(column(outcomes, |(_, outcome, _)| outcome.outcome.as_slice()))
            .bind(column(outcomes, |(_, outcome, _)| signed(outcome.position)))
            .bind(column(outcomes, |(_, outcome, _)| outcome.changed))
            .bind(column(outcomes, |(.., kept_until)| *kept_until));
    }
    if parts.released {
        let released = rows.claims.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key);
        let released: Vec<&ClaimKey> = released.collect();
        query = query
            .bind(column(&released, |(workspace, ..)| workspace.0))
            .bind(column(&released, |(_, kind, _)| kind.name()))
            .bind(column(&released, |(.., hash)| hash.as_slice()));
    }
    if parts.taken {
        let taken = rows.claims.iter().filter_map(|(key, row)| row.map(|(owner, position)| (key, owner, position)));
        let taken: Vec<(&ClaimKey, Uuid, u64)> = taken.collect();
        query = query
            .bind(column(&taken, |((workspace, ..), ..)| workspace.0))
            .bind(column(&taken, |((_, kind, _), ..)| kind.name()))
            .bind(column(&taken, |((.., hash), ..): &(&(_, _, Hash), _, _)| hash.as_slice()))
            .bind(column(&taken, |(_, owner, _)| *owner))
            .bind(column(&taken, |(.., position)| signed(*position)));
    }
    if parts.reactions {
        let begun: Vec<Uuid> = rows.events.iter().filter(|row| begins(row)).map(|row| row.workspace.0).collect();
        query = query.bind(begun).bind(REACTIONS.as_slice());
    }
    query
}

/// Whether a workspace begins with this event.
fn begins(row: &EventRow<'_>) -> bool {
    row.placed.position == 1
}

fn column<'r, R, V>(rows: &'r [R], value: impl Fn(&'r R) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// A log of 2^63 events cannot be.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
