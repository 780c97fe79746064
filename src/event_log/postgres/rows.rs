//! The rows of a batch, written by one statement: one round trip, whatever a batch holds.

use std::sync::LazyLock;

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use uuid::Uuid;

use super::remembered::Heads;

use crate::event_log::append::LogError;
use crate::event_log::batch::{ClaimKey, Rows};
use crate::event_log::merkle::Hash;
use crate::event_log::store::REACTIONS;

/// The statement that writes a batch. Every part is run to its end, whether or not another one reads what it gives; none touches a row
/// that another one touches (<https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING>).
///
/// `first` are parts before those that write, `only_if` is a condition of each that inserts or changes anything. Where a claim or an
/// outcome stands already, `replaces` says whether the new one takes its place or the statement fails.
fn statement(first: &str, only_if: &str, replaces: bool, last: &str) -> String {
    let on_conflict = |rest: &'static str| if replaces { rest } else { "" };
    let outcomes = on_conflict(
        "on conflict (workspace, scope, key_hash) do update set fingerprint = excluded.fingerprint,
            outcome = excluded.outcome, position = excluded.position, changed = excluded.changed,
            kept_until = excluded.kept_until",
    );
    let claims = on_conflict(
        "on conflict (workspace, kind, hash) do update set owner = excluded.owner, position = excluded.position",
    );
    format!(
        "with {first}
    written as (
        insert into chatbotx_log.events (workspace, position, stream_type, stream_id, sequence, event_id, event_type,
            event_version, subject, payload, metadata, recorded_at, leaf_hash)
        select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[], $6::uuid[], $7::text[],
            $8::integer[], $9::uuid[], $10::bytea[], $11::bytea[], $12::bigint[], $13::bytea[]) where {only_if}
    ),
    nodes as (
        insert into chatbotx_log.merkle_nodes (workspace, level, node_index, hash)
        select * from unnest($14::uuid[], $15::smallint[], $16::bigint[], $17::bytea[]) where {only_if}
    ),
    keys as (
        insert into chatbotx_log.subject_keys (workspace, subject, wrapped)
        select * from unnest($18::uuid[], $19::uuid[], $20::bytea[]) where {only_if}
    ),
    outcomes as (
        insert into chatbotx_log.idempotency_keys (workspace, scope, key_hash, fingerprint, outcome, position, changed,
            kept_until)
        select * from unnest($21::uuid[], $22::text[], $23::bytea[], $24::bytea[], $25::bytea[], $26::bigint[],
            $27::boolean[], $28::bigint[]) where {only_if}
        {outcomes}
    ),
    released as (
        delete from chatbotx_log.claims c using unnest($29::uuid[], $30::text[], $31::bytea[]) as r (workspace, kind, hash)
        where c.workspace = r.workspace and c.kind = r.kind and c.hash = r.hash and {only_if}
    ),
    taken as (
        insert into chatbotx_log.claims (workspace, kind, hash, owner, position)
        select * from unnest($32::uuid[], $33::text[], $34::bytea[], $35::uuid[], $36::bigint[]) where {only_if}
        {claims}
    ),
    reactions as (
        insert into chatbotx_log.reaction_checkpoints (reaction, workspace, position)
        select reaction, workspace, 0 from unnest($37::uuid[]) as w (workspace)
            cross join unnest($38::text[]) as r (reaction) where {only_if}
        on conflict (reaction, workspace) do nothing
    ),
    heads as (
        update chatbotx_log.heads h set position = w.position, recorded_at = w.recorded_at, frontier = w.frontier
        from unnest($39::uuid[], $40::bigint[], $41::bigint[], $42::bytea[])
            as w (workspace, position, recorded_at, frontier)
        where h.workspace = w.workspace and {only_if}
    )
    {last}"
    )
}

/// For heads that are locked.
static WRITE: LazyLock<String> = LazyLock::new(|| statement("", "true", true, "select true"));

/// For heads that are where they are remembered, which it locks and looks at first; one that another process holds counts as moved. What
/// was acknowledged is on disk, whatever the server's setting of `synchronous_commit` is: it is set for this transaction before it
/// commits.
static WRITE_WHERE_UNMOVED: LazyLock<String> = LazyLock::new(|| {
    let first = "
    unmoved as (
        select h.workspace from chatbotx_log.heads h
        join unnest($43::uuid[], $44::bigint[], $45::bigint[]) as w (workspace, position, fence)
            on h.workspace = w.workspace and h.position = w.position and h.fence = w.fence
        order by h.workspace for update of h skip locked
    ),
    all_are as (select count(*) = cardinality($43) as unmoved from unmoved),";
    let last = "select unmoved, case when current_setting('synchronous_commit') in ('off', 'local')
        then set_config('synchronous_commit', 'on', true) end from all_are";
    statement(first, "(select unmoved from all_are)", false, last)
});

/// Writes the rows of a batch whose heads are locked.
pub(super) async fn write(connection: &mut PgConnection, keeps: bool, rows: &Rows<'_>) -> Result<(), LogError> {
    bound::<(bool,)>(&WRITE, rows).persistent(keeps).fetch_one(connection).await?;
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
    let (done, _): (bool, Option<String>) = bound(&WRITE_WHERE_UNMOVED, rows)
        .bind(heads.keys().map(|workspace| workspace.0).collect::<Vec<_>>())
        .bind(heads.values().map(|known| signed(known.head.frontier.size())).collect::<Vec<_>>())
        .bind(heads.values().map(|known| known.fence).collect::<Vec<_>>())
        .fetch_one(connection)
        .await?;
    Ok(done)
}

/// A statement with the values of a batch, from the first one on.
fn bound<'q, A>(text: &'static str, rows: &'q Rows<'_>) -> QueryAs<'q, Postgres, A, PgArguments>
where
    A: for<'r> FromRow<'r, PgRow>,
{
    let taken: Vec<(&ClaimKey, Uuid, u64)> =
        rows.claims.iter().filter_map(|(key, row)| row.map(|(owner, position)| (key, owner, position))).collect();
    let released: Vec<&ClaimKey> = rows.claims.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key).collect();
    let begun: Vec<Uuid> =
        rows.events.iter().filter(|row| row.placed.position == 1).map(|row| row.workspace.0).collect();
    let (events, nodes, outcomes) = (&rows.events, &rows.nodes, &rows.outcomes);
    sqlx::query_as(text)
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
        .bind(column(&rows.keys, |((workspace, _), _)| workspace.0))
        .bind(column(&rows.keys, |((_, subject), _)| *subject))
        .bind(column(&rows.keys, |(_, wrapped)| *wrapped))
        .bind(column(outcomes, |((workspace, ..), ..)| workspace.0))
        .bind(column(outcomes, |((_, scope, _), ..)| scope.as_str()))
        .bind(column(outcomes, |((.., hash), ..)| hash.as_slice()))
        .bind(column(outcomes, |(_, outcome, _)| outcome.fingerprint.as_slice()))
        .bind(column(outcomes, |(_, outcome, _)| outcome.outcome.as_slice()))
        .bind(column(outcomes, |(_, outcome, _)| signed(outcome.position)))
        .bind(column(outcomes, |(_, outcome, _)| outcome.changed))
        .bind(column(outcomes, |(.., kept_until)| *kept_until))
        .bind(column(&released, |(workspace, ..)| workspace.0))
        .bind(column(&released, |(_, kind, _)| kind.name()))
        .bind(column(&released, |(.., hash)| hash.as_slice()))
        .bind(column(&taken, |((workspace, ..), ..)| workspace.0))
        .bind(column(&taken, |((_, kind, _), ..)| kind.name()))
        .bind(column(&taken, |((.., hash), ..): &(&(_, _, Hash), _, _)| hash.as_slice()))
        .bind(column(&taken, |(_, owner, _)| *owner))
        .bind(column(&taken, |(.., position)| signed(*position)))
        .bind(begun)
        .bind(REACTIONS.as_slice())
        .bind(rows.heads.keys().map(|workspace| workspace.0).collect::<Vec<_>>())
        .bind(rows.heads.values().map(|head| signed(head.frontier.size())).collect::<Vec<_>>())
        .bind(rows.heads.values().map(|head| head.recorded_at).collect::<Vec<_>>())
        .bind(rows.heads.values().map(|head| head.frontier.to_bytes()).collect::<Vec<_>>())
}

fn column<'r, R, V>(rows: &'r [R], value: impl Fn(&'r R) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// A log of 2^63 events cannot be.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
