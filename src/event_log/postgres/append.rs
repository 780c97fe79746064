//! One batch on PostgreSQL. Where this process wrote last it is one statement, which writes only if every head is as it is remembered.
//! Otherwise it takes four round trips: lock the heads, then read the facts with a fresh snapshot, decide, write, commit.
//!
//! The head row of a workspace is locked until the commit, so positions of a workspace become visible in their order, whichever process
//! writes. The facts are read by a statement of their own after the lock: in READ COMMITTED every statement sees what was committed
//! before it began, and a statement that waited for a lock still sees what was there before the wait.

use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres, Row, Transaction};
use uuid::Uuid;

use super::remembered::{Heads, Remembered, RememberedHead};
use super::rows;
use crate::event_log::append::{AppendUnit, LogError, Refusal, StoredOutcome, is_away};
use crate::event_log::batch::{self, Facts, Head, Touched};
use crate::event_log::merkle::Frontier;
use crate::event_log::store::{BatchAnswers, WhenHeld};

/// Begins, with time-outs that belong to the transaction: none of them may stay in a session that a pooler shares out. What was
/// acknowledged is on disk, whatever the server's setting of `synchronous_commit` is.
pub(super) const BEGIN: &str = "begin; set local lock_timeout = '3s'; set local statement_timeout = '5s'; \
    set local idle_in_transaction_session_timeout = '5s'; \
    select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') in ('off', 'local'); ";

/// How long the one statement is waited for. Time-outs of its transaction would take round trips of their own, and without any a table
/// that somebody has locked would keep every caller waiting, and telling nobody.
const ONE_STATEMENT: Duration = Duration::from_secs(5);

/// How the heads of a batch are locked where another process writes to them.
#[derive(Clone, Copy, Debug)]
enum Locking {
    /// They are waited for as long as a batch takes. Processes that write to the same workspaces take turns then, each with all that waits
    /// in it; were those that are held passed over, every workspace would come to a transaction of its own.
    Briefly,
    /// Those that are held are passed over.
    Skip,
    /// They are waited for as long as a transaction may wait.
    Wait,
}

/// The beginning of a batch, with the locks in the same round trip. Which heads it got to lock is kept in a setting of the transaction, for
/// the statement that reads the facts: it sees them as they are under the lock.
fn begin_and_lock(wanted: &[WorkspaceId], locking: Locking) -> String {
    let ids = wanted.iter().map(|workspace| workspace.0.to_string()).collect::<Vec<_>>().join(",");
    let (before, skip, after) = match locking {
        Locking::Briefly => ("set local lock_timeout = '50ms'; ", "", "; set local lock_timeout = '3s'"),
        Locking::Skip => ("", " skip locked", ""),
        Locking::Wait => ("", "", ""),
    };
    format!(
        "{BEGIN}{before}select set_config('chatbotx.locked', coalesce(string_agg(workspace::text, ','), ''), true) from (
            select workspace from chatbotx_log.heads where workspace = any('{{{ids}}}'::uuid[]) order by workspace
            for update{skip}
        ) locked{after}"
    )
}

/// Heads that are not there yet. Those that another process has made meanwhile are not given.
pub(super) const BEGIN_WORKSPACES: &str = "insert into chatbotx_log.heads (workspace, position, recorded_at, frontier)
    select workspace, 0, 0, ''::bytea from unnest($1::uuid[]) as w (workspace) order by workspace
    on conflict (workspace) do nothing returning workspace";

/// Everything that deciding has to know, in one statement: `kind` says of what a row tells, `place` of which one.
const FACTS: &str = "
    select 0::smallint as kind, h.position as place, h.workspace as owner, h.recorded_at as number, h.frontier as fingerprint,
        null::bytea as outcome, false as changed, h.fence
    from chatbotx_log.heads h
    where h.workspace = any(string_to_array(current_setting('chatbotx.locked'), ',')::uuid[])
    union all
    select 1::smallint as kind, w.place, null::uuid as owner, found.sequence as number, null::bytea as fingerprint,
        null::bytea as outcome, false as changed, null::bigint
    from unnest($1::uuid[], $2::uuid[]) with ordinality as w (workspace, stream, place)
    cross join lateral (
        select e.sequence from chatbotx_log.events e
        where e.workspace = w.workspace and e.stream_id = w.stream order by e.sequence desc limit 1
    ) found
    union all
    select 2::smallint, w.place, found.owner, null, null, null, false, null
    from unnest($3::uuid[], $4::text[], $5::bytea[]) with ordinality as w (workspace, kind, hash, place)
    cross join lateral (
        select c.owner from chatbotx_log.claims c
        where c.workspace = w.workspace and c.kind = w.kind and c.hash = w.hash limit 1
    ) found
    union all
    select 3::smallint, w.place, null, found.position, found.fingerprint, found.outcome, found.changed, null
    from unnest($6::uuid[], $7::text[], $8::bytea[]) with ordinality as w (workspace, scope, key_hash, place)
    cross join lateral (
        select k.position, k.fingerprint, k.outcome, k.changed from chatbotx_log.idempotency_keys k
        where k.workspace = w.workspace and k.scope = w.scope and k.key_hash = w.key_hash and k.kept_until > $9 limit 1
    ) found
    union all
    select 4::smallint, w.place, null, null, null, null, false, null
    from unnest($10::uuid[], $11::uuid[]) with ordinality as w (workspace, subject, place)
    cross join lateral (
        select 1 from chatbotx_log.subject_keys s where s.workspace = w.workspace and s.subject = w.subject limit 1
    ) found
    union all
    select 5::smallint, w.place, null, found.epoch, null, null, false, null
    from unnest($12::uuid[], $13::text[]) with ordinality as w (workspace, purpose, place)
    cross join lateral (
        select l.epoch from chatbotx_log.leases l where l.workspace = w.workspace and l.purpose = w.purpose limit 1
    ) found";

/// Appends a batch; `keeps` says whether statements are kept prepared. Units of workspaces that another process is writing to are answered
/// with [`Refusal::Held`], or wait, as `held` says.
pub(super) async fn append(
    connection: &mut PgConnection,
    keeps: bool,
    remembered: &Remembered,
    units: &[&AppendUnit],
    now: i64,
    held: WhenHeld,
) -> Result<BatchAnswers, LogError> {
    let touched = Touched::by(units);
    // A statement without a name is prepared in a round trip of its own, which a pooler may pass on to another connection.
    if keeps && let Some(answers) = append_where_unmoved(connection, remembered, units, &touched, now).await? {
        return Ok(answers);
    }
    let ways: &[Locking] = match held {
        WhenHeld::Skip => &[Locking::Briefly, Locking::Skip],
        WhenHeld::Wait => &[Locking::Wait],
    };
    let mut refused = LogError::Held;
    for locking in ways {
        // Put together from constants and ids only.
        let error = match connection.begin_with(AssertSqlSafe(begin_and_lock(&touched.workspaces, *locking))).await {
            Ok(transaction) => return append_locked(transaction, keeps, remembered, units, &touched, now).await,
            Err(error) => error,
        };
        if !is_away(&error) {
            // The driver does not know that the transaction had begun before the lock was refused.
            connection.execute("rollback").await?;
        }
        refused = held_too_long(error);
        if !matches!(refused, LogError::Held) {
            break;
        }
    }
    Err(refused)
}

/// Appends a batch that can be decided by what is remembered; nothing when that is not so, or not true any more, or the batch as a whole
/// is refused: a refusal counts only when the heads were found where they are remembered.
pub(super) async fn append_where_unmoved(
    connection: &mut PgConnection,
    remembered: &Remembered,
    units: &[&AppendUnit],
    touched: &Touched,
    now: i64,
) -> Result<Option<BatchAnswers>, LogError> {
    let Some((mut facts, before)) = remembered.facts(units, touched) else { return Ok(None) };
    let (answers, rows) = batch::decide(&mut facts, units, now);
    if rows.is_empty() {
        return Ok(None);
    }
    let writing = rows::write_where_unmoved(connection, &rows, &before);
    let written = tokio::time::timeout(ONE_STATEMENT, writing).await;
    match written.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))) {
        Ok(true) => {
            let written = rows.events.iter().map(|row| ((row.workspace, row.stream_id), row.placed.sequence));
            remembered.committed(&before, &facts.heads, written);
            Ok(Some(answers))
        }
        Ok(false) => Ok(None),
        Err(error) if is_taken_back(&error) => {
            tracing::debug!(%error, "a batch is decided by what is stored, not by what is remembered");
            Ok(None)
        }
        Err(error) => {
            remembered.forget(&touched.workspaces);
            Err(LogError::CommitUnknown(Arc::new(error)))
        }
    }
}

/// Whether the server has said that it took a statement back, which was a transaction of its own. What ends its connection may come
/// between the commit and the answer.
fn is_taken_back(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_)) && !is_away(error)
}

async fn append_locked(
    mut transaction: Transaction<'_, Postgres>,
    keeps: bool,
    remembered: &Remembered,
    units: &[&AppendUnit],
    touched: &Touched,
    now: i64,
) -> Result<BatchAnswers, LogError> {
    let (mut facts, mut before) = read_facts(&mut transaction, keeps, touched, now).await?;
    let missing: Vec<Uuid> = touched.workspaces.iter().filter(|id| !before.contains_key(*id)).map(|id| id.0).collect();
    if !missing.is_empty() {
        // Another process holds them, or nobody has written to them: then they begin here, and there are no facts of them.
        let begun: Vec<(Uuid,)> = sqlx::query_as(BEGIN_WORKSPACES)
            .persistent(keeps)
            .bind(&missing)
            .fetch_all(&mut *transaction)
            .await
            .map_err(held_too_long)?;
        before.extend(begun.into_iter().map(|(id,)| (WorkspaceId(id), RememberedHead::default())));
    }
    for (workspace, found) in &before {
        facts.heads.insert(*workspace, found.head.clone());
        remembered.found(*workspace, found);
    }
    let free: Vec<&AppendUnit> = units.iter().copied().filter(|unit| before.contains_key(&unit.workspace)).collect();
    let (answers, rows) = batch::decide(&mut facts, &free, now);
    if rows.is_empty() {
        transaction.rollback().await?;
    } else {
        rows::write(&mut transaction, keeps, &rows).await?;
        transaction.commit().await.map_err(|error| {
            remembered.forget(&touched.workspaces);
            LogError::CommitUnknown(Arc::new(error))
        })?;
    }
    remembered.committed(&before, &facts.heads, facts.sequences);
    let mut decided = answers.into_iter();
    let held = || Err(Refusal::Held);
    Ok(units
        .iter()
        .map(|unit| if before.contains_key(&unit.workspace) { decided.next().unwrap_or_else(held) } else { held() })
        .collect())
}

/// What a head's row says.
pub(super) fn head(workspace: WorkspaceId, position: i64, recorded_at: i64, frontier: &[u8]) -> Result<Head, LogError> {
    let frontier = u64::try_from(position).ok().and_then(|size| Frontier::from_bytes(size, frontier));
    let frontier = frontier.ok_or_else(|| LogError::Damaged(format!("the head of {workspace} is malformed")))?;
    Ok(Head { frontier, recorded_at })
}

/// SQLSTATE 55P03, "lock not available", and 57014, "query canceled": who waits in a row of waiters waits for more than one lock.
fn held_too_long(error: sqlx::Error) -> LogError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if matches!(code.as_deref(), Some("55P03" | "57014")) { LogError::Held } else { error.into() }
}

async fn read_facts(
    connection: &mut PgConnection,
    keeps: bool,
    touched: &Touched,
    now: i64,
) -> Result<(Facts, Heads), LogError> {
    let (stream_workspaces, streams) = pairs(&touched.streams);
    let (key_workspaces, keys) = pairs(&touched.keys);
    let rows = sqlx::query(FACTS)
        .persistent(keeps)
        .bind(stream_workspaces)
        .bind(streams)
        .bind(touched.claims.iter().map(|(workspace, ..)| workspace.0).collect::<Vec<_>>())
        .bind(touched.claims.iter().map(|(_, kind, _)| kind.name()).collect::<Vec<_>>())
        .bind(touched.claims.iter().map(|(.., hash)| hash.as_slice()).collect::<Vec<_>>())
        .bind(touched.calls.iter().map(|(workspace, ..)| workspace.0).collect::<Vec<_>>())
        .bind(touched.calls.iter().map(|(_, scope, _)| scope.as_str()).collect::<Vec<_>>())
        .bind(touched.calls.iter().map(|(.., hash)| hash.as_slice()).collect::<Vec<_>>())
        .bind(now)
        .bind(key_workspaces)
        .bind(keys)
        .bind(touched.leases.iter().map(|(workspace, _)| workspace.0).collect::<Vec<_>>())
        .bind(touched.leases.iter().map(|(_, purpose)| *purpose).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let (mut facts, mut heads) = (Facts::default(), Heads::new());
    for row in rows {
        let (kind, place): (i16, i64) = (row.try_get(0)?, row.try_get(1)?);
        if kind == 0 {
            let workspace = WorkspaceId(row.try_get(2)?);
            let head = head(workspace, place, row.try_get(3)?, row.try_get(4)?)?;
            heads.insert(workspace, RememberedHead { head, fence: row.try_get(7)? });
            continue;
        }
        // Places are counted from 1.
        let place = usize::try_from(place - 1).unwrap_or(usize::MAX);
        match kind {
            1 => {
                let Some(stream) = touched.streams.get(place) else { continue };
                facts.sequences.insert(*stream, unsigned(row.try_get(3)?));
            }
            2 => {
                let Some(claim) = touched.claims.get(place) else { continue };
                facts.claims.insert(*claim, row.try_get(2)?);
            }
            3 => {
                let Some(call) = touched.calls.get(place) else { continue };
                facts.outcomes.insert(call.clone(), outcome(&row, 3)?);
            }
            4 => {
                let Some(key) = touched.keys.get(place) else { continue };
                facts.keys.insert(*key);
            }
            _ => {
                let Some(lease) = touched.leases.get(place) else { continue };
                facts.epochs.insert(*lease, unsigned(row.try_get(3)?));
            }
        }
    }
    Ok((facts, heads))
}

/// An outcome whose columns begin at `first`: position, fingerprint, outcome, whether it changed anything.
pub(super) fn outcome(row: &PgRow, first: usize) -> Result<StoredOutcome, LogError> {
    let fingerprint: &[u8] = row.try_get(first + 1)?;
    let fingerprint = fingerprint
        .try_into()
        .map_err(|_| LogError::Damaged("a stored outcome has a malformed fingerprint".to_owned()))?;
    Ok(StoredOutcome {
        fingerprint,
        outcome: row.try_get(first + 2)?,
        position: unsigned(row.try_get(first)?),
        changed: row.try_get(first + 3)?,
    })
}

fn pairs(keys: &[(WorkspaceId, Uuid)]) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.iter().map(|(workspace, id)| (workspace.0, *id)).unzip()
}

/// Positions and sequences are never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
