//! How runs are found: for lists, and for those who carry them out.

use std::collections::BTreeSet;

use aggregates::flow_run::Status;
use aggregates::ids::{ContactId, ConversationId, FlowId, RunId, WorkspaceId};

use crate::cell::decode;
use crate::cursor::{Cursor, Order};
use crate::database::{Connection, Error};
use crate::flow_runs::FlowRun;
use crate::listing::{self, Count, EXAMINED_MAX, Listing, Page, one_of};
use crate::sql::Sql;
use crate::table::Table;

/// Which runs to list. Empty members filter nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this flow.
    pub flow: Option<FlowId>,
    /// With this contact.
    pub contact: Option<ContactId>,
    /// In any of these states.
    pub statuses: Vec<Status>,
}

/// A run whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The run.
    pub run: RunId,
    /// With whom.
    pub contact: ContactId,
    /// Since when it is due, in microseconds since the epoch.
    pub due_at: i64,
}

fn select() -> Sql {
    Sql::new(format!("select {} from flow_runs v where v.workspace = ", FlowRun::columns("v")))
}

impl Filter {
    fn listing<'c>(&self, workspace: WorkspaceId, after: Option<&'c Cursor>, limit: u64) -> Listing<'c> {
        let (mut indexed, mut filters) = (Vec::new(), Vec::new());
        indexed.extend(self.contact.map(|contact| Sql::new("v.contact = ").bind(&contact)));
        indexed.extend(self.flow.map(|flow| Sql::new("v.flow = ").bind(&flow)));
        if !self.statuses.is_empty() {
            filters.push(one_of("v.status", &self.statuses));
        }
        Listing {
            workspace,
            order: Order::Begun,
            sort: ("created_at", true),
            indexed,
            filters,
            candidates: Vec::new(),
            after,
            limit,
            bound: EXAMINED_MAX,
        }
    }
}

/// A page, the newest first ([`Order::Begun`]).
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut Connection,
    workspace: WorkspaceId,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<FlowRun>, Error> {
    listing::page(connection, &filter.listing(workspace, after, limit)).await
}

/// How many runs a filter lets through, exact up to 10,000.
///
/// # Errors
/// When the database fails.
pub async fn count(connection: &mut Connection, workspace: WorkspaceId, filter: &Filter) -> Result<Count, Error> {
    listing::count::<FlowRun>(connection, &filter.listing(workspace, None, 0)).await
}

/// One run.
///
/// # Errors
/// When the database fails.
pub async fn get(connection: &mut Connection, workspace: WorkspaceId, id: RunId) -> Result<Option<FlowRun>, Error> {
    Ok(select().bind(&workspace).push(" and v.id = ").bind(&id).rows(connection).await?.pop())
}

/// The runs that are due at `now` (microseconds since the epoch), over all workspaces, the oldest first; at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn due(connection: &mut Connection, now: i64, limit: u64) -> Result<Vec<Due>, Error> {
    let sql = Sql::new("select workspace, id, contact, due_at from flow_runs where due_at is not null and due_at <= ");
    let sql = sql.bind(&now).push(" order by due_at, workspace, id limit ").bind(&limit);
    let rows = sql.raw(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                workspace: decode(row, 0)?,
                run: decode(row, 1)?,
                contact: decode(row, 2)?,
                due_at: decode(row, 3)?,
            })
        })
        .collect()
}

/// When the next run of any workspace is due, in microseconds since the epoch.
///
/// # Errors
/// When the database fails.
pub async fn next_due(connection: &mut Connection) -> Result<Option<i64>, Error> {
    let sql = "select due_at from flow_runs where due_at is not null order by due_at limit 1";
    Sql::new(sql).value(connection).await
}

/// The runs with a contact that are not over, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn active_of_contact(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> Result<Vec<FlowRun>, Error> {
    let sql = select().bind(&workspace).push(" and v.contact = ").bind(&contact);
    let sql = sql.push(" and v.status in ('queued', 'running', 'waiting') order by v.first_position");
    sql.rows(connection).await
}

/// The events that any run of a workspace waits for, by their public names.
///
/// # Errors
/// When the database fails.
pub async fn awaited(connection: &mut Connection, workspace: WorkspaceId) -> Result<BTreeSet<String>, Error> {
    let sql = Sql::new("select distinct waits_event from flow_runs where workspace = ").bind(&workspace);
    let rows = sql.push(" and waits_event is not null").raw(connection).await?;
    rows.iter().map(|row| decode(row, 0)).collect()
}

/// Whether any run of a workspace is under way.
///
/// # Errors
/// When the database fails.
pub async fn any_under_way(connection: &mut Connection, workspace: WorkspaceId) -> Result<bool, Error> {
    let sql = Sql::new("select 1 from flow_runs where workspace = ").bind(&workspace);
    let sql = sql.push(" and ended_at is null limit 1");
    Ok(sql.value::<i64>(connection).await?.is_some())
}

/// The runs of a workspace that wait for what a server elsewhere answers.
///
/// # Errors
/// When the database fails.
pub async fn asking(connection: &mut Connection, workspace: WorkspaceId) -> Result<Vec<FlowRun>, Error> {
    let sql = select().bind(&workspace).push(" and v.ended_at is null and v.waits_for = 'http'");
    sql.rows(connection).await
}

/// The runs that take in what is written in a conversation, the one that began to wait last first.
///
/// # Errors
/// When the database fails.
pub async fn waiting_in(
    connection: &mut Connection,
    workspace: WorkspaceId,
    conversation: ConversationId,
) -> Result<Vec<FlowRun>, Error> {
    let sql = select().bind(&workspace).push(" and v.conversation = ").bind(&conversation);
    let sql = sql
        .push(" and v.status = 'waiting' and v.waits_for in ('input', 'button', 'http') order by v.waits_since desc");
    sql.rows(connection).await
}

/// The position of the last message of a conversation that any run took in.
///
/// # Errors
/// When the database fails.
pub async fn handled_in(
    connection: &mut Connection,
    workspace: WorkspaceId,
    conversation: ConversationId,
) -> Result<Option<u64>, Error> {
    let sql = Sql::new("select input_position from flow_runs where workspace = ").bind(&workspace);
    let sql = sql.push(" and conversation = ").bind(&conversation).push(" and input_position is not null");
    sql.push(" order by input_position desc limit 1").value(connection).await
}

/// The last run of a flow with a contact.
///
/// # Errors
/// When the database fails.
pub async fn last_of(
    connection: &mut Connection,
    workspace: WorkspaceId,
    flow: FlowId,
    contact: ContactId,
) -> Result<Option<FlowRun>, Error> {
    let sql = select().bind(&workspace).push(" and v.contact = ").bind(&contact).push(" and v.flow = ").bind(&flow);
    Ok(sql.push(" order by v.first_position desc limit 1").rows(connection).await?.pop())
}

/// The oldest queued run of a flow with a contact.
///
/// # Errors
/// When the database fails.
pub async fn queued_of(
    connection: &mut Connection,
    workspace: WorkspaceId,
    flow: FlowId,
    contact: ContactId,
) -> Result<Option<FlowRun>, Error> {
    let sql = select().bind(&workspace).push(" and v.contact = ").bind(&contact).push(" and v.flow = ").bind(&flow);
    let sql = sql.push(" and v.status = 'queued' order by v.first_position limit 1");
    Ok(sql.rows(connection).await?.pop())
}

/// For each flow that a contact has been in: how its last run stands.
///
/// # Errors
/// When the database fails.
pub async fn last_by_flow(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> Result<Vec<(FlowId, Status)>, Error> {
    let sql = Sql::new("select r.flow, r.status from flow_runs r where r.workspace = ").bind(&workspace);
    let sql = sql.push(" and r.contact = ").bind(&contact).push(" and not exists (select 1 from flow_runs n where ");
    let sql = sql.push("n.workspace = r.workspace and n.contact = r.contact and n.flow = r.flow and ");
    let rows = sql.push("n.first_position > r.first_position) order by r.flow").raw(connection).await?;
    rows.iter().map(|row| Ok((decode(row, 0)?, decode(row, 1)?))).collect()
}
